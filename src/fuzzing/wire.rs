//! HTTP/1 as bytes of a connection: in however many pieces they come, the same messages come of
//! them; the plainest reading of what was taken says the same; and what was taken, written by us, is
//! read again as what it was.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::{first_line, numbers, plain};
use crate::wire::framing;
use crate::wire::{
    Bad, Buffer, Content, Framing, HeadEnd, Piece, RequestHead, ResponseHead, write,
};

/// Bytes and fields that a head may have: few, so that inputs reach beyond them.
const HEAD: usize = 2048;
const FIELDS: usize = 24;
/// What a trailer section may have that is written again, in bytes: we write a space that nobody
/// need have written, and the section has a bound.
const TRAILERS: usize = 15 * 1024;

/// `data` as a line of numbers, which are the sizes of pieces, and the bytes of a client's
/// connection.
pub fn wire_request(data: &[u8]) {
    let (line, bytes) = first_line(data);
    let read = |text: &Bytes, fields| {
        let head = RequestHead::read(text, fields)?;
        let framing = head.framing;
        Ok((head, framing))
    };
    let messages = in_pieces(bytes, &sizes(line), Kind::Requests, &read);
    for message in messages {
        let head = &message.head;
        plain::check_request(&message.text, head);
        if !message.whole {
            continue;
        }
        let raw = &bytes[message.raw.clone()];
        plain::check_body(message.framing, raw, &message.data, message.trailers.as_ref());
        let mut text = Vec::new();
        write::request(&mut text, &head.parts);
        let again = written(text, &message, Kind::Requests, &read);
        assert_eq!(again.head.parts.method, head.parts.method);
        assert_eq!(again.head.parts.headers, head.parts.headers);
        let target = head.parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let slash = if target.starts_with('/') || target == "*" { "" } else { "/" };
        assert_eq!(again.head.parts.uri.to_string(), format!("{slash}{target}"));
    }
}

/// `data` as a line of the method that was asked with and sizes of pieces, and the bytes of an
/// origin's connection.
pub fn wire_response(data: &[u8]) {
    let (line, bytes) = first_line(data);
    let method = match line.first() {
        Some(b'H') => Method::HEAD,
        Some(b'P') => Method::POST,
        _ => Method::GET,
    };
    let read = |text: &Bytes, fields| {
        let head = ResponseHead::read(text, fields)?;
        let (status, version) = (head.parts.status, head.parts.version);
        let framing = framing::of_response(&method, status, version, &head.parts.headers);
        Ok((head, framing.map_err(Bad::Syntax)?))
    };
    for message in in_pieces(bytes, &sizes(line), Kind::Responses, &read) {
        let head = &message.head;
        plain::check_response(&message.text, head, &method, message.framing);
        if !message.whole {
            continue;
        }
        let raw = &bytes[message.raw.clone()];
        plain::check_body(message.framing, raw, &message.data, message.trailers.as_ref());
        let mut text = Vec::new();
        write::status(&mut text, head.parts.status);
        write::fields(&mut text, &head.parts.headers);
        let again = written(text, &message, Kind::Responses, &read);
        assert_eq!(again.head.parts.status, head.parts.status);
        assert_eq!(again.head.parts.headers, head.parts.headers);
    }
}

fn sizes(line: &[u8]) -> Vec<usize> {
    let mut number = numbers(line);
    let sizes = (0..16).map(|_| usize::try_from(number()).unwrap_or(usize::MAX));
    sizes.filter(|size| *size > 0).collect()
}

/// Whose bytes they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Requests,
    Responses,
}

/// A message that was taken, its body as far as it came.
struct Message<H> {
    text: Bytes,
    head: H,
    framing: Framing,
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    /// Where the bytes are that the body came in.
    raw: Range<usize>,
    /// Whether the body has ended, or would with the connection.
    whole: bool,
}

/// A connection's reader.
struct Reader<H> {
    buffer: Buffer,
    end: HeadEnd,
    content: Content,
    messages: Vec<Message<H>>,
    /// Bytes that came.
    came: usize,
}

/// Reads `bytes` at once and in pieces, and compares what comes of them.
fn in_pieces<H>(
    bytes: &[u8],
    sizes: &[usize],
    kind: Kind,
    read: &impl Fn(&Bytes, usize) -> Result<(H, Framing), Bad>,
) -> Vec<Message<H>> {
    let mut whole = Reader::new();
    let refused = whole.go_on(bytes, kind, (HEAD, FIELDS), read).err();
    let mut cut = Reader::new();
    let (mut rest, mut at, mut refused_cut) = (bytes, 0, None);
    while !rest.is_empty() && refused_cut.is_none() {
        let size = sizes.get(at % sizes.len().max(1)).map_or(rest.len(), |size| *size);
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        refused_cut = cut.go_on(piece, kind, (HEAD, FIELDS), read).err();
        (rest, at) = (behind, at + 1);
    }
    // Which of two faults is seen first may depend on how much is seen at once.
    assert_eq!(refused.is_some(), refused_cut.is_some(), "{refused:?}, in pieces {refused_cut:?}");
    for bad in refused.iter().chain(&refused_cut) {
        assert!(bad.status().is_client_error() && !bad.to_string().is_empty());
    }
    assert_eq!(whole.messages.len(), cut.messages.len(), "another number of messages in pieces");
    for (one, two) in whole.messages.iter().zip(&cut.messages) {
        assert_eq!((&one.text, one.framing, one.whole), (&two.text, two.framing, two.whole));
        assert_eq!((&one.data, &one.trailers), (&two.data, &two.trailers));
    }
    whole.messages
}

/// Reads again what is written of `message`, whose head is `text` without its empty line.
fn written<H>(
    mut text: Vec<u8>,
    message: &Message<H>,
    kind: Kind,
    read: &impl Fn(&Bytes, usize) -> Result<(H, Framing), Bad>,
) -> Message<H> {
    text.extend_from_slice(b"\r\n");
    let mut trailers = Vec::new();
    message.trailers.iter().for_each(|fields| write::fields(&mut trailers, fields));
    let keeps_trailers = trailers.len() <= TRAILERS;
    match message.framing {
        Framing::Length(_) | Framing::Connection => text.extend_from_slice(&message.data),
        Framing::Chunked => {
            for piece in message.data.chunks(300) {
                write::chunk(&mut text, piece.len());
                text.extend_from_slice(piece);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\n");
            text.extend_from_slice(if keeps_trailers { &trailers } else { b"" });
            text.extend_from_slice(b"\r\n");
        }
    }
    let mut reader = Reader::new();
    let refused = reader.go_on(&text, kind, (text.len(), FIELDS), read).err();
    assert_eq!(refused, None, "what we write is refused");
    assert!(reader.buffer.is_empty(), "what we write has something behind it");
    let Some(again) = reader.messages.pop() else { panic!("what we write is no message") };
    assert!(again.whole && reader.messages.is_empty(), "what we write is not one message");
    assert_eq!((again.framing, &again.data), (message.framing, &message.data));
    assert!(!keeps_trailers || again.trailers == message.trailers);
    again
}

impl<H> Reader<H> {
    fn new() -> Self {
        let (buffer, end, content) = (Buffer::default(), HeadEnd::default(), Content::default());
        Self { buffer, end, content, messages: Vec::new(), came: 0 }
    }

    /// Reads on, as the connections of clients and origins do.
    fn go_on(
        &mut self,
        came: &[u8],
        kind: Kind,
        (most, fields): (usize, usize),
        read: &impl Fn(&Bytes, usize) -> Result<(H, Framing), Bad>,
    ) -> Result<(), Bad> {
        self.buffer.push(came);
        self.came += came.len();
        loop {
            if !self.finish_body()? {
                return Ok(());
            }
            while kind == Kind::Requests && self.buffer.rest().starts_with(b"\r\n") {
                self.buffer.skip(2);
            }
            let rest = self.buffer.rest();
            if rest.is_empty() || kind == Kind::Requests && rest == b"\r" {
                return Ok(());
            }
            let Some(length) = self.end.find(rest, most)? else { return Ok(()) };
            self.end = HeadEnd::default();
            let text = self.buffer.take(length);
            let (head, framing) = read(&text, fields)?;
            let at = self.came - self.buffer.rest().len();
            self.content = Content::new(framing);
            let whole = framing == Framing::NONE || framing == Framing::Connection;
            let (data, trailers, raw) = (Vec::new(), None, at..at);
            self.messages.push(Message { text, head, framing, data, trailers, raw, whole });
        }
    }

    /// Reads on in the last message's body; whether its end was read.
    fn finish_body(&mut self) -> Result<bool, Bad> {
        let Some(message) = self.messages.last_mut() else { return Ok(true) };
        while !message.whole || message.framing == Framing::Connection {
            match self.content.next(&mut self.buffer)? {
                Piece::More => return Ok(false),
                Piece::Data(bytes) => {
                    assert!(!bytes.is_empty(), "a piece of nothing");
                    message.data.extend_from_slice(&bytes);
                }
                Piece::End(trailers) => (message.trailers, message.whole) = (trailers, true),
            }
            message.raw.end = self.came - self.buffer.rest().len();
        }
        Ok(true)
    }
}
