//! The origin: each page that it makes is told from all others, and by when it was asked for; what has been
//! made it confirms or makes anew, as it likes. Now and then it fails, or wants nothing stored.

use fastrand::Rng;
use tidegate::base::Body;

use super::wire::{Rest, Sent, State};

/// Answers what was `sent`, at the moment of that `number`.
pub fn answer(sent: &Sent, number: u64, random: &mut Rng) -> State {
    let asked = sent.number;
    if sent.method == "POST" {
        let head = format!("HTTP/1.1 200 x\r\nx-wrote: {number}\r\ncontent-length: 0\r\n\r\n");
        return State::Answered(head.into_bytes(), Rest::Bytes(Vec::new()));
    }
    let (status, caching, etag) = match random.u8(..100) {
        0..6 => (503, "no-store".to_owned(), None),
        6..12 => (200, format!("private, stamp={asked}"), None),
        chosen => {
            let about = sent.headers.get("if-none-match").filter(|_| chosen < 50);
            let about = about.map(|etag| etag.to_str().unwrap().to_owned());
            let status = if about.is_some() { 304 } else { 200 };
            let lasts = "max-age=100, stale-while-revalidate=100, stale-if-error=100";
            let etag = about.unwrap_or_else(|| format!("\"e{asked}\""));
            (status, format!("{lasts}, stamp={asked}"), Some(etag))
        }
    };
    let mut head = format!("HTTP/1.1 {status} x\r\ncache-control: {caching}\r\n");
    if random.u8(..30) == 0 {
        // Which only a node can be.
        head += "tidegate-behind: ?1\r\n";
    }
    if let Some(etag) = etag {
        head += &format!("etag: {etag}\r\n");
    }
    if status != 304 {
        let [first, second] = super::book::tags(asked);
        head += &format!("xkey: t{first} t{second}\r\ncontent-length: 1\r\n");
    }
    head += "\r\n";
    let body = if status == 304 { Vec::new() } else { b"x".to_vec() };
    State::Answered(head.into_bytes(), Rest::Bytes(body))
}

/// An answer of a node's, as far as it has come.
pub fn passed_on(answer: tidegate::front::Answer) -> State {
    let length = http_body::Body::size_hint(&answer.body).exact();
    let head = super::wire::written(&answer.head, length);
    let rest = match answer.body {
        Body::Empty => Rest::Bytes(Vec::new()),
        body => Rest::Comes(body, Vec::new()),
    };
    State::Answered(head, rest)
}
