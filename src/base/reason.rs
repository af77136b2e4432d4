//! Outcomes and reasons: the words that say what became of a request and why.
//!
//! A reason is one lower-case token, the same in `Cache-Status`, the log, the metrics and the
//! tests. The list is append-only and holds at most 80; `tidegate help reasons` prints it.

use std::fmt;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Answered from the store, fresh.
    Hit,
    /// Answered from the store, stale by permission.
    Stale,
    /// Answered from the store after the origin confirmed it.
    Revalidated,
    /// Answered by a fetch that could have been stored.
    Miss,
    /// Answered by the origin past the store.
    Pass,
    /// Answered by us: a purge's receipt, an error page.
    Synth,
    /// Turned away before anything was done for it.
    Refused,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Hit,
        Self::Stale,
        Self::Revalidated,
        Self::Miss,
        Self::Pass,
        Self::Synth,
        Self::Refused,
    ];

    /// The word for it in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Miss => "miss",
            Self::Pass => "pass",
            Self::Synth => "synth",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $token:literal,)+) => {
        /// Why a request got the outcome it got.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, in the order in which they were added.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The token.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $token,)+ }
            }

            /// The sentence that `tidegate help reasons` prints.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }
        }
    };
}

reasons! {
    /// The stored response is within its freshness lifetime.
    Fresh = "fresh",
    /// Stale, served at once while one fetch refreshes it.
    WhileRevalidate = "while-revalidate",
    /// Stale, served because the origin failed.
    IfError = "if-error",
    /// Stale, and the origin answered 304: what is stored is what the origin has.
    Confirmed = "confirmed",
    /// Nothing is stored under this key.
    Absent = "absent",
    /// What is stored under this key is too old to serve.
    Expired = "expired",
    /// Responses are stored under this key, but none for what this request selects.
    Variant = "variant",
    /// The stored response must be confirmed before every use (no-cache).
    NoCache = "no-cache",
    /// A soft purge made the stored response stale.
    SoftPurged = "soft-purged",
    /// The method is neither GET nor HEAD.
    Method = "method",
    /// A marker remembers that the last response for this key could not be stored.
    Marked = "marked",
    /// The request carries a body, so its response may depend on it.
    RequestBody = "request-body",
    /// The request asks for a change of protocol.
    Upgrade = "upgrade",
    /// The response forbids storing (no-store).
    NoStore = "no-store",
    /// The response is for one user (private).
    Private = "private",
    /// The response sets a cookie.
    SetCookie = "set-cookie",
    /// The request carried Authorization and the response does not allow sharing it.
    Authorization = "authorization",
    /// The response varies on everything (Vary: *).
    VaryStar = "vary-star",
    /// The response names no lifetime and the site has no default.
    NoLifetime = "no-lifetime",
    /// The status is not one that may be stored.
    Status = "status",
    /// The response is partial content.
    Partial = "partial",
    /// The body is larger than the cache takes.
    TooLarge = "too-large",
    /// A purge came after the response had been asked for.
    PurgedInFlight = "purged-in-flight",
    /// The key has as many variants as it may have.
    VariantsFull = "variants-full",
    /// The node is near its memory limit, so nothing new is stored.
    NoRoom = "no-room",
    /// The purge was applied.
    Purged = "purged",
    /// No site has this host.
    UnknownHost = "unknown-host",
    /// The Host field or the authority is not a hostname.
    BadHost = "bad-host",
    /// The request target is not one that this node serves.
    BadTarget = "bad-target",
    /// The method is not one that this node serves.
    BadMethod = "bad-method",
    /// Purging is not allowed from there.
    PurgeForbidden = "purge-forbidden",
    /// The listener takes PURGE and nothing else.
    PurgeOnly = "purge-only",
    /// The request's body is larger than the site allows.
    BodyTooLarge = "body-too-large",
    /// The request's body did not come in time.
    BodyTimeout = "body-timeout",
    /// The request's body broke off.
    BodyBroken = "body-broken",
    /// The request came through this node before (Via).
    Loop = "loop",
    /// As many clients wait for fetches as may wait.
    WaitersFull = "waiters-full",
    /// The fetch that the client waited for took too long.
    WaitTimeout = "wait-timeout",
    /// The origin's name has no address.
    NoAddress = "no-address",
    /// No server of the cluster takes requests.
    NoServer = "no-server",
    /// The origin refused the connection.
    ConnectFailed = "connect-failed",
    /// The origin did not take the connection in time.
    ConnectTimeout = "connect-timeout",
    /// The TLS handshake with the origin failed.
    OriginTls = "origin-tls",
    /// The origin did not answer in time.
    FirstByteTimeout = "first-byte-timeout",
    /// The origin stopped in the middle of its answer.
    BetweenBytesTimeout = "between-bytes-timeout",
    /// The origin closed the connection before it answered.
    OriginClosed = "origin-closed",
    /// The origin's body broke off.
    Truncated = "truncated",
    /// The origin's answer is not HTTP.
    OriginGarbage = "origin-garbage",
    /// Every connection that the cluster may have is in use.
    PoolFull = "pool-full",
    /// The client left before its answer was complete.
    ClientLeft = "client-left",
    /// The client did not take its answer in time.
    ClientSlow = "client-slow",
    /// The request is not HTTP, or larger than the limits.
    BadRequest = "bad-request",
    /// A bug of ours ended the request; the log has the place.
    Panic = "panic",
    /// The node is shutting down.
    Draining = "draining",
    /// The fetch that this request waited for stored nothing that fits it, too many times over.
    Undecided = "undecided",
    /// The admin listener answered.
    Admin = "admin",
    /// The request has a condition that only the origin can judge (If-Match, If-Unmodified-Since).
    Condition = "condition",
    /// No connection to the origin came free in time.
    PoolTimeout = "pool-timeout",
    /// The client has as many requests under way as one address may have.
    ClientRequests = "client-requests",
    /// The node is at its memory limit, so only what is stored is served.
    MemoryFull = "memory-full",
    /// The client reset, or made us reset, more HTTP/2 streams than it may.
    TooManyResets = "too-many-resets",
    /// The client sent more HTTP/2 frames that serve no request than it may.
    TooManyFrames = "too-many-frames",
    /// The request's head has more fields, or more bytes, than it may.
    HeadTooLarge = "head-too-large",
    /// The HTTP/2 connection makes the node hold more than it may.
    Pinned = "pinned",
    /// Stale, served because the site's grace wins over what the response says (stale = "operator").
    OperatorGrace = "operator-grace",
    /// The request has a session, and what is stored varies on Cookie.
    Session = "session",
    /// The request asks for a range, and nothing is stored that it could be cut from.
    Range = "range",
    /// The site is served over https alone.
    HttpsRequired = "https-required",
    /// The connection was opened for a host of another site.
    Misdirected = "misdirected",
    /// The connection begins with no PROXY header, which its peer owes, or with one that is none.
    ProxyHeader = "proxy-header",
    /// The request's Cache-Control takes nothing of what is stored, or wants nothing stored.
    RequestDirective = "request-directive",
    /// Stale, served because the request takes it (max-stale).
    MaxStale = "max-stale",
    /// The request takes what is stored alone (only-if-cached), and there is nothing that it takes.
    OnlyIfCached = "only-if-cached",
    /// A route of the site sends the request past the store.
    Route = "route",
    /// The node has not applied the purges that the node which asks has, or was asked by such a one.
    Behind = "behind",
    /// The purge did not reach every node that this one fetches through; here it is in force.
    NotRelayed = "not-relayed",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn tokens_are_lower_case_unique_and_at_most_eighty() {
        assert!(Reason::ALL.len() <= 80);
        let tokens: HashSet<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(tokens.len(), Reason::ALL.len());
        for token in tokens {
            assert!(token.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{token}");
        }
    }

    #[test]
    fn every_reason_has_a_sentence() {
        for reason in Reason::ALL {
            assert!(reason.sentence().trim().ends_with('.'), "{reason}");
        }
    }
}
