//! Where a message's body ends (RFC 9112 §6.3). A message whose framing two readers would read
//! differently has none: a length beside a transfer coding, lengths that differ, any coding but
//! chunked alone, and a coding in HTTP/1.0 are refused, though the RFC lets some of them pass.

use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http::{Method, StatusCode, Version};

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes; with none there is no body.
    Length(u64),
    /// With the chunk of size zero and the trailer section after it.
    Chunked,
    /// With the connection: responses alone.
    Connection,
}

impl Framing {
    /// No body.
    pub const NONE: Self = Self::Length(0);
}

/// The framing of a request's body.
///
/// # Errors
/// What is wrong with it.
pub fn of_request(version: Version, headers: &HeaderMap) -> Result<Framing, &'static str> {
    // A list of lengths on one line is no length (RFC 9112 §6.3 leaves it to the recipient).
    let told = read(version, headers, |line| digits(line.trim_ascii()))?;
    Ok(told.unwrap_or(Framing::NONE))
}

/// The framing of a response's body to a request with `method`.
///
/// # Errors
/// What is wrong with it, also where no body follows.
pub fn of_response(
    method: &Method,
    status: StatusCode,
    version: Version,
    headers: &HeaderMap,
) -> Result<Framing, &'static str> {
    let told = read(version, headers, agreed)?;
    let bodiless = *method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Ok(if bodiless { Framing::NONE } else { told.unwrap_or(Framing::Connection) })
}

/// What the fields say; `one` reads one line of Content-Length.
fn read(
    version: Version,
    headers: &HeaderMap,
    one: fn(&[u8]) -> Option<u64>,
) -> Result<Option<Framing>, &'static str> {
    let told = lengths(headers, one)?;
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(told.map(Framing::Length)) };
    if told.is_some() {
        Err("a length beside a transfer coding")
    } else if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        Err("a transfer coding that is not chunked alone")
    } else if version == Version::HTTP_10 {
        Err("a transfer coding in HTTP/1.0")
    } else {
        Ok(Some(Framing::Chunked))
    }
}

/// The length that Content-Length tells, whether or not a body follows.
///
/// # Errors
/// What is wrong with it.
pub fn length(headers: &HeaderMap) -> Result<Option<u64>, &'static str> {
    lengths(headers, agreed)
}

/// The length that every line says; `one` reads one.
fn lengths(
    headers: &HeaderMap,
    one: fn(&[u8]) -> Option<u64>,
) -> Result<Option<u64>, &'static str> {
    let mut told = None;
    for line in headers.get_all(CONTENT_LENGTH) {
        let length = one(line.as_bytes()).ok_or("a length that is none")?;
        if told.replace(length).is_some_and(|told| told != length) {
            return Err("lengths that differ");
        }
    }
    Ok(told)
}

/// The length that every member of a list says (RFC 9110 §8.6).
fn agreed(line: &[u8]) -> Option<u64> {
    let mut lengths = line.split(|byte| *byte == b',').map(|member| digits(member.trim_ascii()));
    let first = lengths.next()??;
    lengths.all(|length| length == Some(first)).then_some(first)
}

/// Unlike a number of seconds, a length that does not fit is none.
fn digits(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}
