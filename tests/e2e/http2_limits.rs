//! The limits of HTTP/2 as a client over TLS and an operator see them: what comes on the wire, and
//! the counter of each. Every rate's own arithmetic is tested in the room that keeps it.

use crate::frames::{
    self, CONTINUATION, Came, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE,
    PING, RST_STREAM, WINDOW_UPDATE, frame, number,
};
use crate::kit::{Origin, Page, Proxy, Raw, pki};

const LIMITS: &str = "resets = 2\n stream_errors = 2\n pings = 3\n settings = 2\n ignored = 2\n \
                      window_updates = 4\n empty_frames = 1\n max_crumbs = 3";

/// Frames by hand over TLS.
struct Framer {
    raw: Raw,
    read: Vec<u8>,
    /// What came while something else was waited for.
    passed: Vec<Came>,
}

impl Framer {
    fn connect(proxy: &Proxy, settings: &[(u16, u32)]) -> Self {
        let raw = Raw::tls_with(proxy.https(), "wiki.test", pki::client_config(&["h2"]));
        let mut framer = Self { raw, read: Vec::new(), passed: Vec::new() };
        framer.raw.send(frames::hello(settings));
        framer
    }

    fn get(&mut self, stream: u32, path: &str, fields: &[(&str, &str)]) {
        self.raw.send(frames::request(stream, &frames::get("wiki.test", path, fields)));
    }

    /// The next frame of this type, of `stream`.
    #[track_caller]
    fn next_of(&mut self, kind: u8, stream: u32) -> Came {
        self.next_of_any(&[kind], stream)
    }

    /// The next frame of one of these types, of `stream`; others are kept for who asks for them.
    #[track_caller]
    fn next_of_any(&mut self, kinds: &[u8], stream: u32) -> Came {
        let wanted = |came: &Came| kinds.contains(&came.kind) && came.stream == stream;
        if let Some(at) = self.passed.iter().position(wanted) {
            return self.passed.remove(at);
        }
        loop {
            if let Some(came) = Came::take(&mut self.read) {
                if wanted(&came) {
                    return came;
                }
                self.passed.push(came);
                continue;
            }
            let some = self.raw.some();
            assert!(!some.is_empty(), "closed before a frame of types {kinds:?} on {stream}");
            self.read.extend(some);
        }
    }
}

fn limited(proxy: &Proxy, limit: &str) -> f64 {
    proxy.metric(&format!("tidegate_http2_limited_total{{limit=\"{limit}\"}}"))
}

fn start(origin: &Origin) -> Proxy {
    origin.page("/page", Page::cacheable("content"));
    let proxy = Proxy::new(origin).tls().with("http2", LIMITS).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy
}

#[test]
fn a_flood_is_told_to_calm_down_and_counted_under_the_key_of_its_limit() {
    let origin = Origin::start();
    let proxy = start(&origin);
    let block = frames::get("wiki.test", "/page", &[]);
    let opened = |n: u32, then: &dyn Fn(u32) -> Vec<u8>| -> Vec<u8> {
        let one = |n: u32| [frames::request(2 * n + 1, &block), then(2 * n + 1)].concat();
        (0..n).flat_map(one).collect()
    };
    let post = frame(HEADERS, END_HEADERS, 1, &block);
    let begin = frame(HEADERS, END_STREAM, 1, &block);
    let more = frame(CONTINUATION, 0, 1, &[0x90]).repeat(5);
    // One byte names `accept-encoding: gzip, deflate` and takes 60 (RFC 7541, appendix A).
    let bomb = [&block[..], &[0x90; 4000]].concat();
    for (limit, reason, bytes) in [
        ("pings", "too-many-frames", frame(PING, 0, 0, &[0; 8]).repeat(31)),
        ("settings", "too-many-frames", frames::settings(&[]).repeat(21)),
        ("ignored", "too-many-frames", frame(2, 0, 1, &[0, 0, 0, 3, 1]).repeat(21)),
        ("window_updates", "too-many-frames", number(WINDOW_UPDATE, 0, 1).repeat(41)),
        ("continuations", "too-many-frames", [begin, more].concat()),
        ("headers", "header_list_way_too_large", frames::request(1, &bomb)),
        ("empty_frames", "too-many-frames", [post, frame(DATA, 0, 1, &[]).repeat(11)].concat()),
        ("resets", "too-many-resets", opened(21, &|stream| number(RST_STREAM, stream, 8))),
        (
            "stream_errors",
            "too-many-resets",
            opened(21, &|stream| number(WINDOW_UPDATE, stream, 0x7fff_ffff)),
        ),
    ] {
        let mut framer = Framer::connect(&proxy, &[]);
        framer.raw.send_or_not(bytes);
        let goaway = framer.next_of(GOAWAY, 0);
        assert_eq!(goaway.code(), "ENHANCE_YOUR_CALM", "{limit}");
        assert_eq!(goaway.debug_data(), reason, "{limit}");
        // Until the client has left, what it still sends is read.
        drop(framer);
        proxy.wait_for_metric(&format!("tidegate_http2_limited_total{{limit=\"{limit}\"}}"), 1.0);
    }
    proxy.http2().get("/page").expect(200);
}

#[test]
fn a_cookie_in_too_many_crumbs_is_refused_and_the_connection_goes_on() {
    let origin = Origin::start();
    let proxy =
        Proxy::new(&origin).tls().with("http2", LIMITS).with("limits", "headers = 2").start();
    origin.page("/page", Page::cacheable("content"));
    let mut framer = Framer::connect(&proxy, &[]);
    framer.get(1, "/page", &[("cookie", "a=1"); 3]);
    assert_eq!(framer.next_of(HEADERS, 1).payload[0], 0x88, "`:status: 200` is one byte");
    framer.get(3, "/page", &[("cookie", "a=1"); 4]);
    let refused = framer.next_of(HEADERS, 3);
    assert!(refused.payload[0] != 0x88 && refused.flags & END_STREAM != 0, "{refused:?}");
    assert!((limited(&proxy, "max_crumbs") - 1.0).abs() < f64::EPSILON);
    let refusals = "tidegate_requests_total{reason=\"head-too-large\"}";
    proxy.wait_for_metric(refusals, 1.0);
    framer.get(5, "/page", &[]);
    assert_eq!(framer.next_of(HEADERS, 5).payload[0], 0x88);
}

#[test]
fn who_makes_the_node_hold_too_much_gets_no_more_streams() {
    let origin = Origin::start();
    let limits = "max_pinned = '64KiB'";
    let proxy = Proxy::new(&origin).tls().with("http2", limits).clock_by_hand().start();
    let large = Page::new(vec![b'x'; 100_000]).header("cache-control", "no-store");
    origin.page("/large", large);
    origin.page("/page", Page::cacheable("content"));
    let mut framer = Framer::connect(&proxy, &[(INITIAL_WINDOW_SIZE, 0)]);
    let mut streams = (1..).step_by(2);
    let refused = streams.by_ref().find_map(|stream| {
        assert!(stream < 100, "fifty streams were let in");
        framer.get(stream, "/large", &[]);
        let came = framer.next_of_any(&[HEADERS, RST_STREAM], stream);
        (came.kind == RST_STREAM).then_some(came)
    });
    assert_eq!(refused.map(|came| came.code()), Some("ENHANCE_YOUR_CALM"));
    assert!(limited(&proxy, "max_pinned") > 0.5);
    proxy.wait_for_metric("tidegate_requests_total{reason=\"pinned\"}", 1.0);
    // Whoever gives some of it up is served again.
    framer.raw.send(number(RST_STREAM, 1, 8));
    proxy.wait_for_metric("tidegate_broken_off_total{reason=\"client-left\"}", 1.0);
    let served = streams.take(50).find_map(|stream| {
        // It is counted a moment before it is given up.
        framer.get(stream, "/page", &[]);
        let came = framer.next_of_any(&[HEADERS, RST_STREAM], stream);
        (came.kind == HEADERS).then_some(came)
    });
    assert_eq!(served.map(|came| came.payload[0]), Some(0x88), "`:status: 200` is one byte");
}

#[test]
fn a_stream_that_is_not_taken_is_reset_and_its_neighbours_are_not() {
    let origin = Origin::start();
    let limits = "write = '10s'\n progress = '100s'";
    origin.page("/page", Page::cacheable("content"));
    let proxy = Proxy::new(&origin).tls().timeouts(limits).clock_by_hand().start();
    let mut framer = Framer::connect(&proxy, &[(INITIAL_WINDOW_SIZE, 0)]);
    framer.get(1, "/page", &[]);
    framer.next_of(HEADERS, 1);
    let timed_out = || proxy.metric("tidegate_streams_timed_out_total{limit=\"write\"}") > 0.5;
    let mut stream = 1;
    proxy.advance_until("the stream is given up", 60, || {
        if !timed_out() {
            stream += 2;
            framer.get(stream, "/page", &[]);
            framer.raw.send(number(WINDOW_UPDATE, stream, 100));
            let data = framer.next_of(DATA, stream);
            assert_eq!(data.payload, b"content");
        }
        timed_out()
    });
    assert_eq!(framer.next_of(RST_STREAM, 1).code(), "CANCEL");
    framer.get(stream + 2, "/page", &[]);
    framer.raw.send(number(WINDOW_UPDATE, stream + 2, 100));
    assert_eq!(framer.next_of(DATA, stream + 2).payload, b"content");
}
