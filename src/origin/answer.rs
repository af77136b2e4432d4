//! What a reader of HTTP may let pass and a cache may not: lengths that are told oddly, and an answer
//! to a question that was not asked. A cache hands out what it reads under a framing of its own, keeps
//! it, and reuses the connection.

use http::header::{CONTENT_LENGTH, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE, UPGRADE};
use http::{StatusCode, request, response};

use crate::wire::framing::{self, Framing};

/// Makes the head of an answer one that may be passed on: with one length at most. `asked` is the
/// request. Returns how the body ends.
///
/// # Errors
/// What is wrong with it, in our own words.
pub fn check(asked: &request::Parts, head: &mut response::Parts) -> Result<Framing, &'static str> {
    let framing = framing::of_response(&asked.method, head.status, head.version, &head.headers)?;
    if let Some(told) = framing::length(&head.headers)? {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(told));
    }
    let asked = &asked.headers;
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
        _ => Ok(framing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn fields(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn get(with: &[(&'static str, &str)]) -> request::Parts {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.headers = fields(with);
        head
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
            assert!(check(&get(&[]), &mut answer(200, with)).is_err(), "{with:?}");
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
            assert_eq!(check(&get(&[]), &mut head), Ok(Framing::Length(5)));
            assert_eq!(head.headers, fields(&[("content-length", "5")]), "{with:?}");
        }
        let mut head = answer(200, &[("transfer-encoding", "Chunked")]);
        assert_eq!(check(&get(&[]), &mut head), Ok(Framing::Chunked));
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
            assert!(check(&get(&[("host", "w")]), &mut answer(status, &[])).is_err());
            assert!(check(&get(&[cause]), &mut answer(status, &[])).is_ok(), "{status}");
        }
    }
}
