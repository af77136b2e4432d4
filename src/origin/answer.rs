//! What hyper reads and nobody may get: an answer whose framing two readers would read differently,
//! and one to a question that was not asked.
//!
//! hyper's client is lenient where an HTTP client may be. A cache may not: it hands out what it reads
//! under a framing of its own, keeps it, and reuses the connection. So a transfer coding other than
//! chunked (whose bytes would be passed off as the content's), a length beside a transfer coding
//! (RFC 9112 §6.3) and lengths that differ, which hyper overlooks where no body follows, are no HTTP
//! here; nor is a 101, 206, 304 or 416 that the request gave no cause for.

use http::header::{
    CONTENT_LENGTH, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{StatusCode, response};

use crate::semantics::list;

/// Makes the head of an answer one that may be passed on: one length at most, and nothing of hyper's
/// own beside status and fields (the reason phrase, which says nothing, RFC 9112 §4). `asked` are the
/// fields of the request.
///
/// # Errors
/// What is wrong with it, in our own words.
pub fn check(asked: &HeaderMap, head: &mut response::Parts) -> Result<(), &'static str> {
    head.extensions.clear();
    framing(&mut head.headers)?;
    let conditional = || asked.contains_key(IF_NONE_MATCH) || asked.contains_key(IF_MODIFIED_SINCE);
    match head.status {
        StatusCode::SWITCHING_PROTOCOLS if !asked.contains_key(UPGRADE) => {
            Err("a change of protocol that nobody asked for")
        }
        StatusCode::NOT_MODIFIED if !conditional() => Err("a 304 that nobody asked for"),
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE
            if !asked.contains_key(RANGE) =>
        {
            Err("an answer to a range that nobody asked for")
        }
        _ => Ok(()),
    }
}

fn framing(headers: &mut HeaderMap) -> Result<(), &'static str> {
    if headers.contains_key(TRANSFER_ENCODING) {
        let mut codings = list::members(headers, &TRANSFER_ENCODING);
        let chunked = codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
        if !chunked || codings.next().is_some() {
            return Err("a transfer coding that is not chunked alone");
        }
        if headers.contains_key(CONTENT_LENGTH) {
            return Err("a length beside a transfer coding");
        }
    }
    if headers.contains_key(CONTENT_LENGTH) {
        let length = one_length(headers).ok_or("no length, or several")?;
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(())
}

/// The length that all of Content-Length says (RFC 9110 §8.6).
fn one_length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().flat_map(|line| {
        line.as_bytes().split(|byte| *byte == b',').map(|member| digits(member.trim_ascii()))
    });
    let first = lengths.next()??;
    lengths.all(|length| length == Some(first)).then_some(first)
}

/// Unlike a number of seconds, a length that does not fit is none.
fn digits(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn answer(status: u16, with: &[(&'static str, &str)]) -> response::Parts {
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.status = StatusCode::from_u16(status).unwrap();
        head.headers = fields(with);
        head
    }

    #[test]
    fn a_framing_that_can_be_read_in_two_ways_is_none_rfc9112_6_3() {
        for with in [
            &[("transfer-encoding", "gzip")][..],
            &[("transfer-encoding", "gzip, chunked")],
            &[("transfer-encoding", "chunked, chunked")],
            &[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")],
            &[("transfer-encoding", "identity")],
            &[("transfer-encoding", "")],
            &[("transfer-encoding", "chunked"), ("content-length", "5")],
            &[("content-length", "5"), ("content-length", "6")],
            &[("content-length", "5, 6")],
            &[("content-length", "5,")],
            &[("content-length", "-5")],
            &[("content-length", "+5")],
            &[("content-length", "0x5")],
            &[("content-length", "5 5")],
            &[("content-length", "")],
            &[("content-length", "18446744073709551616")],
        ] {
            assert!(check(&HeaderMap::new(), &mut answer(200, with)).is_err(), "{with:?}");
        }
    }

    #[test]
    fn a_length_that_is_said_twice_is_passed_on_once() {
        for with in [
            &[("content-length", "5")][..],
            &[("content-length", "5"), ("content-length", "5")],
            &[("content-length", "05 , 5")],
        ] {
            let mut head = answer(200, with);
            assert_eq!(check(&HeaderMap::new(), &mut head), Ok(()));
            assert_eq!(head.headers, fields(&[("content-length", "5")]), "{with:?}");
        }
        let mut head = answer(200, &[("transfer-encoding", "Chunked")]);
        assert_eq!(check(&HeaderMap::new(), &mut head), Ok(()));
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        for (status, cause) in [
            (101, ("upgrade", "websocket")),
            (206, ("range", "bytes=0-1")),
            (304, ("if-none-match", "*")),
            (304, ("if-modified-since", "x")),
            (416, ("range", "bytes=0-1")),
        ] {
            assert!(check(&fields(&[("host", "w")]), &mut answer(status, &[])).is_err());
            assert_eq!(check(&fields(&[cause]), &mut answer(status, &[])), Ok(()), "{status}");
        }
    }
}
