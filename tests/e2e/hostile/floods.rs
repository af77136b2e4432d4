//! Origins that send and send: no head grows beyond its bound, whatever it is made of.

use super::play::play;
use super::{OK, garbage, row};
use crate::kit::Act::{Flood, Keep};
use crate::kit::{Origin, Proxy, Reply};

#[test]
fn a_head_has_a_bound_whatever_it_is_made_of() {
    let flood = |name, begins: &str, bytes: &str| {
        let bytes = bytes.repeat(1 + 4096 / bytes.len()).into_bytes();
        row(name, begins, Flood(bytes), garbage())
    };
    play(&[
        row(
            "10 000 fields",
            [OK, &"X-A: leak\r\n".repeat(10_000), "\r\n"].concat(),
            Keep,
            garbage(),
        ),
        row("257 fields", [OK, &"X-A: leak\r\n".repeat(256), "\r\n"].concat(), Keep, garbage()),
        row(
            "a field of 1 MB",
            format!("{OK}X-A: {}\r\n\r\n", "x".repeat(1 << 20)),
            Keep,
            garbage(),
        ),
        row(
            "a name of 1 MB",
            format!("{OK}{}: leak\r\n\r\n", "x".repeat(1 << 20)),
            Keep,
            garbage(),
        ),
        row(
            "a reason of 1 MB",
            format!("HTTP/1.1 200 {}\r\n\r\n", "x".repeat(1 << 20)),
            Keep,
            garbage(),
        ),
        row(
            "20 MB of fields",
            format!("{OK}{}\r\n", format!("X-A: {}\r\n", "x".repeat(2000)).repeat(10_000)),
            Keep,
            garbage(),
        ),
        flood("fields without end", OK, "X-A: leak\r\n"),
        flood("a field without end", "HTTP/1.1 200 OK\r\nX-A: ", "leak"),
        flood("a reason without end", "HTTP/1.1 200 ", "leak"),
        flood("empty lines without end", "", "\r\n"),
        flood("line feeds without end", "", "\n"),
        flood(
            "interim responses without end",
            "",
            "HTTP/1.1 103 Early Hints\r\nLink: <leak>\r\n\r\n",
        ),
        flood("100 without end", "", "HTTP/1.1 100 Continue\r\n\r\n"),
        flood("199 without end", "", "HTTP/1.1 199\r\n\r\n"),
    ]);
}

#[test]
fn an_origin_that_floods_is_left_and_what_it_sent_is_not_kept() {
    let origin = Origin::start();
    let flood = b"HTTP/1.1 103 Early Hints\r\nLink: <leak>\r\n\r\n".repeat(100);
    origin.on("/page", move |_| Reply::Acts(vec![Flood(flood.clone())]));
    let proxy = Proxy::new(&origin).start();
    let held = || proxy.status()["memory"]["held_bytes"].as_u64().expect("a number");
    let before = held();
    proxy.http1().get("/page").expect(502);
    // Its thread writes until the connection is closed.
    origin.wait_until_all_left();
    assert!(held() - before < 1 << 16, "{before} bytes before, {} after", held());
}
