//! The part of the table of keys that bounds what clients may do with HTTP/2. The defaults are far
//! above what browsers, crawlers and load tools do, and far below what it takes to be felt.

use super::super::kind::Default::Is;
use super::super::kind::Kind::{self, Boolean, Integer, Size};
use super::super::kind::{Key, Section};
use super::{key, section};

/// HTTP/2 begins with a window of 64 KiB less one; the most is 2 GiB less one (RFC 9113 §6.9).
const WINDOW: Kind = Size { least: 64 << 10, most: 1 << 30 };

pub(super) static HTTP2: Section = section(
    "HTTP/2 towards clients. Rates are for one connection, which may use ten seconds' worth at once; \
     one that goes beyond any of them is closed with GOAWAY, ENHANCE_YOUR_CALM.",
    &[
        key("enabled", Boolean, Is("true"), "Whether TLS listeners offer it."),
        key(
            "max_streams",
            Integer { least: 1, most: 10_000 },
            Is("100"),
            "Streams that a connection may have open.",
        ),
        key(
            "max_crumbs",
            Integer { least: 1, most: 4096 },
            Is("256"),
            "Fields into which a request may cut its Cookie. `headers` in [limits] counts them as one.",
        ),
        key(
            "max_pinned",
            Size { least: 64 << 10, most: 1 << 40 },
            Is("\"8MiB\""),
            "What a connection may make the node hold: requests in flight, answers that it does not \
             take and that are not stored. New streams are reset beyond it.",
        ),
        key(
            "stream_window",
            WINDOW,
            Is("\"64KiB\""),
            "What a client may upload on a stream before any of it is read.",
        ),
        key(
            "connection_window",
            WINDOW,
            Is("\"1MiB\""),
            "The same on all streams of a connection together.",
        ),
        key(
            "continuations",
            Integer { least: 0, most: 1000 },
            Is("4"),
            "CONTINUATION frames that a request's head may come in.",
        ),
        rate("resets", "50", "RST_STREAM frames a second."),
        rate("stream_errors", "20", "Streams a second that a client may make the node reset."),
        rate("pings", "100", "PING frames a second."),
        rate("settings", "10", "SETTINGS frames a second."),
        rate("ignored", "100", "Frames a second that mean nothing here: PRIORITY, unknown types."),
        rate(
            "window_updates",
            "500",
            "WINDOW_UPDATE frames a second beyond one for each KiB sent and two for each request.",
        ),
        rate("empty_frames", "5", "Frames a second that carry nothing and end nothing."),
    ],
);

/// A rate of frames of HTTP/2.
const fn rate(name: &'static str, default: &'static str, doc: &'static str) -> Key {
    key(name, Integer { least: 1, most: 1_000_000 }, Is(default), doc)
}
