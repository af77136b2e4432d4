//! Heads: a request's or a response's first line and fields, out of the bytes that have come.
//!
//! The fields' values are shared slices of the head's own bytes, so a head costs one allocation for
//! its text and one for its map, however many fields it has.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use http::{request, response};
use httparse::{Header, ParserConfig, Status};

use super::framing::{self, Framing};
use super::names;

/// Fields that are split without an allocation; more take one.
const ON_STACK: usize = 128;

/// Why there is no head in the bytes, nor will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It is not HTTP/1, or can be read in two ways; the text says what.
    Syntax(&'static str),
    /// It has more bytes or fields than are allowed.
    TooLarge,
    /// Its target is longer than a URI may be.
    TargetTooLong,
}

impl Bad {
    /// The status that tells a client.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Syntax(_) => StatusCode::BAD_REQUEST,
            // RFC 6585 §5.
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
        }
    }
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Syntax(what) => what,
            Self::TooLarge => "a head of more bytes or fields than are allowed",
            Self::TargetTooLong => "a target longer than a URI may be",
        })
    }
}

impl std::error::Error for Bad {}

/// Looks for the end of a head in bytes that grow, and for what no head may hold: a line that ends
/// in a line feed alone (RFC 9112 §2.2 lets a recipient take it for a line's end; whoever stands
/// before or behind us may not). It remembers how far it has looked, so that a head that trickles in
/// costs no more than one that comes at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadEnd {
    /// Where the line begins that is not complete.
    line: usize,
    /// Where the bytes end in which no line feed was found.
    looked: usize,
}

impl HeadEnd {
    /// The length of the head that `bytes` begin with, its empty line included; `None` while it is
    /// not complete. The bytes begin as they did when it was last asked.
    ///
    /// # Errors
    /// Why no head will be in them.
    pub fn find(&mut self, bytes: &[u8], most: usize) -> Result<Option<usize>, Bad> {
        if bytes.first().is_some_and(|first| !first.is_ascii_graphic()) {
            return Err(Bad::Syntax("neither a method nor a version"));
        }
        while let Some(at) = memchr::memchr(b'\n', &bytes[self.looked..]) {
            let feed = self.looked + at;
            if feed == 0 || bytes[feed - 1] != b'\r' {
                return Err(Bad::Syntax("a line that ends in a line feed alone"));
            }
            let empty = feed == self.line + 1;
            (self.line, self.looked) = (feed + 1, feed + 1);
            if empty {
                return if self.line <= most { Ok(Some(self.line)) } else { Err(Bad::TooLarge) };
            }
        }
        self.looked = bytes.len();
        if self.looked < most { Ok(None) } else { Err(Bad::TooLarge) }
    }
}

/// A request's head.
#[derive(Debug)]
pub struct RequestHead {
    /// Method, target, version and fields.
    pub parts: request::Parts,
    /// How its body ends.
    pub framing: Framing,
    /// Whether the connection may be kept after it (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// Whether the client waits to be told to go on (RFC 9110 §10.1.1).
    pub expects_continue: bool,
}

impl RequestHead {
    /// Reads `text`, a whole head, of at most `fields` fields.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(text: &Bytes, fields: usize) -> Result<Self, Bad> {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let version = split(fields, |lines| {
            let mut request = httparse::Request::new(&mut []);
            let status = ParserConfig::default().parse_request_with_uninit_headers(
                &mut request,
                text,
                lines,
            );
            complete(status)?;
            parts.method = request
                .method
                .and_then(|method| Method::from_bytes(method.as_bytes()).ok())
                .ok_or(Bad::Syntax("no method"))?;
            parts.uri = target(text, request.path.unwrap_or_default())?;
            parts.headers = map(text, request.headers)?;
            Ok(request.version)
        })?;
        parts.version = if version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        let framing = framing::of_request(parts.version, &parts.headers).map_err(Bad::Syntax)?;
        Ok(Self {
            framing,
            keep_alive: keeps_alive(parts.version, &parts.headers),
            expects_continue: parts.version == Version::HTTP_11
                && parts.headers.get(EXPECT).is_some_and(|expectation| {
                    expectation.as_bytes().eq_ignore_ascii_case(b"100-continue")
                }),
            parts,
        })
    }
}

/// A response's head.
#[derive(Debug)]
pub struct ResponseHead {
    /// Status, version and fields.
    pub parts: response::Parts,
    /// Whether the connection may be kept after it, its framing permitting.
    pub keep_alive: bool,
}

impl ResponseHead {
    /// Reads `text`, a whole head, of at most `fields` fields. The reason phrase is dropped: it
    /// says nothing (RFC 9112 §4).
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(text: &Bytes, fields: usize) -> Result<Self, Bad> {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        let version = split(fields, |lines| {
            let mut response = httparse::Response::new(&mut []);
            let status = ParserConfig::default().parse_response_with_uninit_headers(
                &mut response,
                text,
                lines,
            );
            complete(status)?;
            parts.status = response
                .code
                .and_then(|code| StatusCode::from_u16(code).ok())
                .ok_or(Bad::Syntax("no status"))?;
            parts.headers = map(text, response.headers)?;
            Ok(response.version)
        })?;
        parts.version = if version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        Ok(Self { keep_alive: keeps_alive(parts.version, &parts.headers), parts })
    }
}

/// Reads a trailer section with its empty line (RFC 9112 §7.1.2).
///
/// # Errors
/// Why it is none.
pub(super) fn trailers(text: &Bytes, fields: usize) -> Result<HeaderMap, Bad> {
    let mut lines = vec![httparse::EMPTY_HEADER; fields];
    match httparse::parse_headers(text, &mut lines).map_err(refused)? {
        Status::Complete((length, lines)) if length == text.len() => map(text, lines),
        _ => Err(Bad::Syntax("no trailer section")),
    }
}

/// Calls `read` with room for `fields` fields.
fn split<'t, T>(
    fields: usize,
    read: impl FnOnce(&mut [MaybeUninit<Header<'t>>]) -> Result<T, Bad>,
) -> Result<T, Bad> {
    if fields <= ON_STACK {
        read(&mut [const { MaybeUninit::uninit() }; ON_STACK][..fields])
    } else {
        read(&mut vec![MaybeUninit::uninit(); fields])
    }
}

fn complete(status: httparse::Result<usize>) -> Result<(), Bad> {
    match status.map_err(refused)? {
        Status::Complete(_) => Ok(()),
        Status::Partial => Err(Bad::Syntax("a head that breaks off")),
    }
}

fn refused(error: httparse::Error) -> Bad {
    Bad::Syntax(match error {
        httparse::Error::HeaderName => "a field name that is none",
        httparse::Error::HeaderValue => "a field value that is none",
        httparse::Error::NewLine => "a line that does not end where it must",
        httparse::Error::Status => "a status that is none",
        httparse::Error::Token => "a request line that is none",
        httparse::Error::Version => "neither HTTP/1.0 nor HTTP/1.1",
        httparse::Error::TooManyHeaders => return Bad::TooLarge,
    })
}

fn target(text: &Bytes, path: &str) -> Result<Uri, Bad> {
    let longest = usize::from(u16::MAX) - 1;
    if path.len() > longest {
        return Err(Bad::TargetTooLong);
    }
    // A fragment is the client's own (RFC 9110 §7.1); who drops it and who keeps it differ.
    if path.as_bytes().contains(&b'#') {
        return Err(Bad::Syntax("a target with a fragment"));
    }
    Uri::from_maybe_shared(text.slice_ref(path.as_bytes()))
        .map_err(|_| Bad::Syntax("a target that is no URI"))
}

fn map(text: &Bytes, fields: &[Header<'_>]) -> Result<HeaderMap, Bad> {
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = match names::usual(field.name.as_bytes()) {
            Some(name) => name,
            None => HeaderName::from_bytes(field.name.as_bytes())
                .map_err(|_| Bad::Syntax("a field name that is none"))?,
        };
        let value = HeaderValue::from_maybe_shared(text.slice_ref(field.value.trim_ascii_end()))
            .map_err(|_| Bad::Syntax("a field value that is none"))?;
        map.try_append(name, value).map_err(|_| Bad::TooLarge)?;
    }
    Ok(map)
}

/// RFC 9112 §9.3.
fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    let (mut close, mut keep) = (false, version == Version::HTTP_11);
    for line in headers.get_all(CONNECTION) {
        for option in line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            close |= option.eq_ignore_ascii_case(b"close");
            keep |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    keep && !close
}
