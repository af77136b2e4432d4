//! The table of what is counted: one line a family with its help, then a variant for each value of
//! its label (or, after a bare `=`, its only variant). Every meter holds one cell a variant; a new count is one word here and one call of
//! `meter.add` where the thing happens.
//!
//! What is counted by site, outcome or status is not here but in `table`, and what a room knows
//! better than a counter (sizes, pools, floors) comes from its own `Source`.

/// A family with one sample a variant: the sample's label and its value, where there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) label: Option<(&'static str, &'static str)>,
}

macro_rules! table {
    (
        $(#[$meta:meta])* $Table:ident:
        $($family:ident $help:literal {
            $(= $Bare:ident)? $($label:ident: $($Variant:ident = $value:literal),+ $(,)?)?
        })+
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Table {
            $(
                $(#[doc = concat!("`", stringify!($family), "`")] $Bare,)?
                $($(
                    #[doc = concat!(
                        "`", stringify!($family), "{", stringify!($label), "=\"", $value, "\"}`"
                    )]
                    $Variant,
                )+)?
            )+
        }

        impl $Table {
            /// Every variant with its metric's name, help and label, in the order of declaration.
            pub(super) const ROWS: &'static [Row] = &[$(
                $({
                    // Names the variant, so that the rows stand in the variants' order.
                    let _ = Self::$Bare;
                    Row { name: stringify!($family), help: $help, label: None }
                },)?
                $($({
                    let _ = Self::$Variant;
                    let label = Some((stringify!($label), $value));
                    Row { name: stringify!($family), help: $help, label }
                },)+)?
            )+];

            /// How many there are.
            pub(super) const LEN: usize = Self::ROWS.len();
        }
    };
}

table! {
    /// Something that is counted, and never becomes less.
    Count:
    tidegate_connections_accepted_total "Client connections accepted." {
        listener: AcceptedPlain = "plain", AcceptedTls = "tls"
    }
    tidegate_connections_refused_total "Client connections closed unserved, by cause." {
        cause: RefusedLimit = "limit", RefusedMemory = "memory", RefusedClient = "client",
        RefusedProxyHeader = "proxy-header"
    }
    tidegate_proxy_headers_total
        "PROXY headers that listed peers owed, by whose connection they said it is, or by fault." {
        result: ProxyClient = "client", ProxyUnknown = "unknown", ProxyOwn = "own",
        ProxyMissing = "missing", ProxyMalformed = "malformed", ProxyTooLong = "too-long",
        ProxyChecksum = "checksum", ProxyBrokenOff = "broken-off", ProxyTimedOut = "timeout"
    }
    tidegate_connections_timed_out_total "Client connections closed because a time limit passed." {
        limit: TimedOutHandshake = "handshake", TimedOutFirstByte = "first-byte",
        TimedOutHeader = "header", TimedOutIdle = "idle",
        TimedOutWrite = "write", TimedOutProgress = "progress", TimedOutUnread = "unread"
    }
    tidegate_connections_broken_total "Client connections that ended in an error, by cause." {
        cause: BrokenReset = "reset", BrokenProtocol = "protocol"
    }
    tidegate_streams_timed_out_total "HTTP/2 streams reset because a time limit passed." {
        limit: StreamTimedOutWrite = "write", StreamTimedOutProgress = "progress"
    }
    tidegate_http2_limited_total
        "Requests refused and connections closed for a limit of HTTP/2, by its key." {
        limit: LimitedResets = "resets", LimitedStreamErrors = "stream_errors",
        LimitedPings = "pings", LimitedSettings = "settings", LimitedIgnored = "ignored",
        LimitedWindowUpdates = "window_updates", LimitedEmptyFrames = "empty_frames",
        LimitedContinuations = "continuations", LimitedHead = "headers",
        LimitedCrumbs = "max_crumbs", LimitedPinned = "max_pinned"
    }
    tidegate_accept_exhausted_total
        "Failures of accept(2) for want of descriptors or memory; each paused a listener." {
        = AcceptExhausted
    }
    tidegate_tls_handshakes_total "TLS handshakes with clients, by result." {
        result: TlsFull = "full", TlsResumed = "resumed", TlsFailed = "failed"
    }
    tidegate_requests_by_protocol_total "Requests that came to an end, by the client's protocol." {
        protocol: RequestsHttp1 = "http/1", RequestsHttp2 = "http/2"
    }
    tidegate_config_reloads_total "Reloads of the configuration, by result." {
        result: ReloadsDone = "done", ReloadsRefused = "refused"
    }
    tidegate_access_log_lines_dropped_total "Access log lines lost, by cause." {
        cause: LogLinesUnread = "full", LogLinesUnwritten = "write-error"
    }
    tidegate_panics_total "Requests that ended in a bug of ours." { = Panics }
}

table! {
    /// Something that is counted while it lasts.
    Gauge:
    tidegate_requests_in_flight "Requests whose answer is not complete." { = RequestsInFlight }
    tidegate_connections "Client connections open." {
        listener: ConnectionsPlain = "plain", ConnectionsTls = "tls"
    }
}
