//! Heads, framings and chunks: what is one, what is none, and that it does not matter in how many
//! pieces the bytes come.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};

use super::*;

fn find(bytes: &[u8]) -> Result<Option<usize>, Bad> {
    HeadEnd::default().find(bytes, 1000)
}

fn request(text: &str) -> Result<RequestHead, Bad> {
    RequestHead::read(&Bytes::copy_from_slice(text.as_bytes()), 10)
}

#[test]
fn a_head_ends_at_its_first_empty_line_in_however_many_pieces_it_comes() {
    let text = b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /next";
    assert_eq!(find(text), Ok(Some(27)));
    let mut end = HeadEnd::default();
    for length in 0..27 {
        assert_eq!(end.find(&text[..length], 1000), Ok(None), "{length}");
    }
    assert_eq!(end.find(&text[..28], 1000), Ok(Some(27)));
}

#[test]
fn a_line_feed_alone_ends_no_line_rfc9112_2_2() {
    for text in ["GET / HTTP/1.1\nhost: a\r\n\r\n", "GET / HTTP/1.1\r\n\n", "\n", "G\n\r\n"] {
        assert!(matches!(find(text.as_bytes()), Err(Bad::Syntax(_))), "{text:?}");
    }
}

#[test]
fn what_begins_like_no_head_is_refused_before_it_is_long() {
    assert!(matches!(find(b"\x16\x03\x01"), Err(Bad::Syntax(_))));
    assert!(matches!(find(b" GET"), Err(Bad::Syntax(_))));
}

#[test]
fn a_head_may_be_so_long_and_no_longer() {
    let head = |fill: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(fill));
    let longest = head(1000 - head(0).len());
    assert_eq!(find(longest.as_bytes()), Ok(Some(1000)));
    assert_eq!(find(head(1001).as_bytes()), Err(Bad::TooLarge));
    assert_eq!(find(&[b'x'; 999]), Ok(None));
    assert_eq!(find(&[b'x'; 1000]), Err(Bad::TooLarge));
    let fields = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
    assert_eq!(request(&fields(10)).unwrap().parts.headers.len(), 10);
    assert_eq!(request(&fields(11)).unwrap_err(), Bad::TooLarge);
    let target = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000));
    assert_eq!(request(&target).unwrap_err().status(), StatusCode::URI_TOO_LONG);
}

#[test]
fn a_request_is_its_line_and_its_fields() {
    let head = request("PURGE /a?b HTTP/1.0\r\nHost: w\r\nX:  1 \t\r\nx:\r\n\r\n").unwrap();
    assert_eq!((head.parts.method.as_str(), head.parts.uri.path()), ("PURGE", "/a"));
    assert_eq!(head.parts.version, Version::HTTP_10);
    let values: Vec<_> = head.parts.headers.get_all("x").iter().collect();
    assert_eq!(values, ["1", ""]);
    assert_eq!((head.framing, head.keep_alive), (Framing::NONE, false));
}

#[test]
fn a_target_with_a_fragment_is_refused_rfc9110_7_1() {
    for target in ["/a#b", "/#", "/a?b#c", "http://w/a#b"] {
        let refused = request(&format!("GET {target} HTTP/1.1\r\nhost: w\r\n\r\n"));
        assert!(matches!(refused, Err(Bad::Syntax(_))), "{target}");
    }
}

#[test]
fn a_connection_is_kept_as_version_and_fields_say_rfc9112_9_3() {
    for (version, connection, kept) in [
        ("1.1", "", true),
        ("1.1", "connection: close\r\n", false),
        ("1.1", "connection: a, Close\r\n", false),
        ("1.1", "connection: keep-alive\r\nconnection: close\r\n", false),
        ("1.0", "", false),
        ("1.0", "connection: Keep-Alive\r\n", true),
        ("1.0", "connection: keep-alive, close\r\n", false),
    ] {
        let head = request(&format!("GET / HTTP/{version}\r\n{connection}\r\n")).unwrap();
        assert_eq!(head.keep_alive, kept, "{version} {connection}");
    }
}

#[test]
fn a_request_has_one_framing_or_is_refused() {
    let framing = |version: &str, fields: &str| {
        request(&format!("POST / HTTP/{version}\r\n{fields}\r\n")).map(|head| head.framing)
    };
    assert_eq!(framing("1.1", ""), Ok(Framing::NONE));
    assert_eq!(framing("1.1", "content-length: 007\r\n"), Ok(Framing::Length(7)));
    assert_eq!(framing("1.1", "transfer-encoding: Chunked\r\n"), Ok(Framing::Chunked));
    let twice = "content-length: 7\r\ncontent-length: 07\r\n";
    assert_eq!(framing("1.1", twice), Ok(Framing::Length(7)));
    for fields in [
        "content-length: 7\r\ncontent-length: 8\r\n",
        "content-length: 7, 7\r\n",
        "content-length: +7\r\n",
        "content-length:\r\n",
        "content-length: 18446744073709551616\r\n",
        "content-length: 7\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding:\r\n",
    ] {
        assert!(matches!(framing("1.1", fields), Err(Bad::Syntax(_))), "{fields:?}");
    }
    assert!(framing("1.0", "transfer-encoding: chunked\r\n").is_err());
}

#[test]
fn a_response_without_a_length_ends_with_its_connection_rfc9112_6_3() {
    let framing = |method: &str, status: u16, fields: &str| {
        let text = format!("HTTP/1.1 {status} \r\n{fields}\r\n");
        let head = ResponseHead::read(&Bytes::from(text), 10).unwrap().parts;
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        framing::of_response(&method, head.status, head.version, &head.headers)
    };
    assert_eq!(framing("GET", 200, ""), Ok(Framing::Connection));
    assert_eq!(framing("GET", 200, "content-length: 5 , 05\r\n"), Ok(Framing::Length(5)));
    assert_eq!(framing("GET", 200, "transfer-encoding: chunked\r\n"), Ok(Framing::Chunked));
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 103)] {
        assert_eq!(framing(method, status, "content-length: 5\r\n"), Ok(Framing::NONE));
        assert!(framing(method, status, "content-length: x\r\n").is_err());
    }
}

/// The data of chunks that come in pieces of `step` bytes, and the trailers; or what is wrong.
fn dechunk(bytes: &[u8], step: usize) -> Result<(Vec<u8>, Option<HeaderMap>), Bad> {
    let mut content = Content::new(Framing::Chunked);
    let (mut buffer, mut data) = (Buffer::default(), Vec::new());
    for come in bytes.chunks(step) {
        buffer.push(come);
        loop {
            match content.next(&mut buffer)? {
                Piece::More => break,
                Piece::Data(bytes) => data.extend_from_slice(&bytes),
                Piece::End(trailers) => return Ok((data, trailers)),
            }
        }
    }
    Err(Bad::Syntax("no end"))
}

#[test]
fn chunks_are_the_same_in_however_many_pieces_they_come() {
    let bytes =
        b"3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n1 \r\nz\r\n000\r\nx-a: 1\r\nX-A: 2\r\n\r\n";
    for step in 1..bytes.len() {
        let (data, trailers) = dechunk(bytes, step).unwrap();
        assert_eq!(data, b"abc0123456789z", "{step}");
        assert_eq!(trailers.unwrap().get_all("x-a").iter().count(), 2);
    }
    assert_eq!(dechunk(b"0\r\n\r\n", 1), Ok((Vec::new(), None)));
}

#[test]
fn small_chunks_that_come_together_are_one_piece() {
    let mut buffer = Buffer::default();
    let large = "x".repeat(5000);
    buffer.push(format!("1\r\na\r\n2\r\nbc\r\n1388\r\n{large}\r\n1\r\nd\r\n!").as_bytes());
    let mut content = Content::new(Framing::Chunked);
    let mut pieces = Vec::new();
    let end = loop {
        match content.next(&mut buffer) {
            Ok(Piece::Data(bytes)) => pieces.push(bytes),
            end => break end,
        }
    };
    assert!(matches!(end, Err(Bad::Syntax(_))), "{end:?}");
    assert_eq!(pieces, [b"abc", large.as_bytes(), b"d"]);
}

#[test]
fn what_is_no_chunk_is_refused() {
    for bytes in [
        "g\r\n",
        "\r\n",
        " 3\r\nabc\r\n",
        "-3\r\n",
        "+3\r\n",
        "0x3\r\n",
        "3x\r\nabc\r\n",
        "3\nabc\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabcd\r\n",
        "11111111111111111\r\n",
        "3;a\rb\r\n",
        "3;\0\r\n",
        "0\r\n\n",
        "0\r\na: b\n\r\n",
        "0\r\na b: c\r\n\r\n",
    ] {
        for step in [1, 2, 100] {
            let refused = dechunk(bytes.as_bytes(), step);
            assert!(matches!(&refused, Err(Bad::Syntax(why)) if *why != "no end"), "{bytes:?}");
        }
    }
    let long = format!("3;{}\r\nabc\r\n", "x".repeat(5000));
    assert!(dechunk(long.as_bytes(), 100).is_err());
    let many = format!("1;{}\r\nx\r\n", "x".repeat(1000)).repeat(20);
    assert!(dechunk(many.as_bytes(), 100).is_err());
}

#[test]
fn what_is_written_is_what_is_read() {
    for size in [1, 9, 10, 15, 16, 255, 4096, 65_535, 1 << 30] {
        let mut text = Vec::new();
        write::chunk(&mut text, size);
        assert_eq!(text, format!("{size:x}\r\n").into_bytes());
    }
    let mut text = Vec::new();
    write::status(&mut text, StatusCode::from_u16(299).unwrap());
    assert_eq!(text, b"HTTP/1.1 299 \r\n");
}
