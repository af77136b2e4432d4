//! The plainest reading of HTTP/1 that there is: a head's lines are what stands between CRLFs, a
//! field is what stands on both sides of the first colon, a chunk is as long as its digits say. It is
//! no parser, for it is asked about what was taken and nothing else; but whoever stands before or
//! behind us may read no better, and must see the same.

use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http::{Method, Version};

use crate::wire::{Framing, RequestHead, ResponseHead};

/// What was taken for a request's head is one.
pub(super) fn check_request(text: &[u8], head: &RequestHead) {
    let (first, fields) = lines(text);
    let words: Vec<&[u8]> = first.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else { panic!("not three words: {first:?}") };
    assert_eq!(head.parts.method.as_str().as_bytes(), method);
    assert!(method.iter().all(|byte| is_token(*byte)) && !method.is_empty());
    assert!(target.iter().all(|byte| *byte > b' ' && *byte != 0x7f) && !target.is_empty());
    assert!(!target.contains(&b'#'), "a fragment is for the client alone");
    let kept = head.parts.uri.to_string();
    let (spelled, kept) = (target.to_ascii_lowercase(), kept.to_ascii_lowercase().into_bytes());
    // An empty path before a query, or at the end, is written as one (RFC 9110 §4.2.3).
    let slash = kept.iter().filter(|byte| **byte == b'/').count()
        - spelled.iter().filter(|byte| **byte == b'/').count();
    assert!(slash <= 1 && kept.len() == spelled.len() + slash, "{target:?} became {kept:?}");
    check_fields(&fields, &head.parts.headers);
    let version = check_version(version, head.parts.version);
    let told = told(&fields, version);
    assert_eq!(told.unwrap_or(Framing::NONE), head.framing);
    let options = list(&fields, b"connection");
    let (close, keep) = (says(&options, b"close"), says(&options, b"keep-alive"));
    assert_eq!(head.keep_alive, !close && (keep || version == Version::HTTP_11));
}

/// What was taken for a response's head is one, and its body ends as `framing` says (RFC 9112 §6.3).
pub(super) fn check_response(text: &[u8], head: &ResponseHead, asked: &Method, framing: Framing) {
    let (first, fields) = lines(text);
    let (version, rest) = first.split_at(8);
    let version = check_version(version, head.parts.version);
    assert!(rest[0] == b' ' && rest.get(4).is_none_or(|byte| *byte == b' '), "{first:?}");
    let status = head.parts.status;
    assert_eq!(&rest[1..4], status.as_str().as_bytes());
    check_fields(&fields, &head.parts.headers);
    let told = told(&fields, version);
    let bodiless = asked == Method::HEAD || matches!(status.as_u16(), 100..=199 | 204 | 304);
    let expected = if bodiless { Framing::NONE } else { told.unwrap_or(Framing::Connection) };
    assert_eq!(framing, expected);
}

/// What was taken for a whole body is one, and nothing else.
pub(super) fn check_body(framing: Framing, raw: &[u8], data: &[u8], trailers: Option<&HeaderMap>) {
    let length = match framing {
        Framing::Length(length) => Some(length),
        Framing::Connection => None,
        Framing::Chunked => return check_chunks(raw, data, trailers),
    };
    assert_eq!(raw, data);
    assert!(length.is_none_or(|length| length == data.len() as u64) && trailers.is_none());
}

fn check_chunks(raw: &[u8], data: &[u8], trailers: Option<&HeaderMap>) {
    let (mut rest, mut left) = (raw, data);
    loop {
        let (line, behind) = line(rest);
        let digits = line.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next();
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default();
        assert!(!digits.starts_with('+'), "a sign is no digit");
        let size =
            usize::from_str_radix(digits, 16).unwrap_or_else(|why| panic!("{line:?}: {why}"));
        if size == 0 {
            rest = behind;
            break;
        }
        assert_eq!(behind[..size], left[..size], "another chunk");
        assert_eq!(behind[size..size + 2], *b"\r\n", "a chunk goes on");
        (rest, left) = (&behind[size + 2..], &left[size..]);
    }
    assert!(left.is_empty(), "data without a chunk");
    let Some(trailers) = trailers else { return assert_eq!(rest, b"\r\n") };
    check_fields(&fields(rest), trailers);
}

/// A field's name in lower case, and its value.
type Field<'a> = (Vec<u8>, &'a [u8]);

/// The first line of a head, and its fields.
fn lines(text: &[u8]) -> (&[u8], Vec<Field<'_>>) {
    let (first, rest) = line(text);
    (first, fields(rest))
}

/// The first line of `text`, which has nothing in it that could end it, and the rest.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.windows(2).position(|pair| pair == b"\r\n");
    let (line, rest) = text.split_at(end.unwrap_or_else(|| panic!("no line: {text:?}")));
    assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{line:?} is two lines");
    (line, &rest[2..])
}

/// The fields of `text`, which ends in an empty line and has no other.
fn fields(mut text: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    loop {
        let (field, rest) = line(text);
        if field.is_empty() {
            assert!(rest.is_empty(), "a head that goes on behind its end");
            return fields;
        }
        let colon = field.iter().position(|byte| *byte == b':');
        let (name, value) = field.split_at(colon.unwrap_or_else(|| panic!("no field: {field:?}")));
        assert!(!name.is_empty() && name.iter().all(|byte| is_token(*byte)), "no name: {name:?}");
        fields.push((name.to_ascii_lowercase(), value[1..].trim_ascii()));
        text = rest;
    }
}

/// The fields that were taken are those that stand there, in their order.
fn check_fields(fields: &[Field<'_>], taken: &HeaderMap) {
    assert_eq!(fields.len(), taken.len(), "another number of fields");
    for name in taken.keys() {
        let those = fields.iter().filter(|field| field.0 == name.as_str().as_bytes());
        let values = taken.get_all(name).iter().map(http::HeaderValue::as_bytes);
        assert!(those.map(|field| field.1).eq(values), "{name} has other lines");
    }
    for value in taken.values() {
        let control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        assert!(!value.as_bytes().iter().any(control), "{value:?}");
    }
}

fn check_version(text: &[u8], taken: Version) -> Version {
    let version = if text == b"HTTP/1.0" { Version::HTTP_10 } else { Version::HTTP_11 };
    assert!(version == taken && (text == b"HTTP/1.0" || text == b"HTTP/1.1"), "{text:?}");
    version
}

/// The framing that the fields tell in one way and no other.
fn told(fields: &[Field<'_>], version: Version) -> Option<Framing> {
    let lengths = list(fields, CONTENT_LENGTH.as_str().as_bytes());
    let codings = list(fields, TRANSFER_ENCODING.as_str().as_bytes());
    if !codings.is_empty() {
        assert!(lengths.is_empty() && version == Version::HTTP_11, "two framings");
        assert!(codings.len() == 1 && codings[0].eq_ignore_ascii_case(b"chunked"), "{codings:?}");
        return Some(Framing::Chunked);
    }
    let numbers = lengths.iter().map(|length| {
        assert!(length.iter().all(u8::is_ascii_digit), "no length: {length:?}");
        let number = std::str::from_utf8(length).ok().and_then(|text| text.parse::<u64>().ok());
        number.unwrap_or_else(|| panic!("no length: {length:?}"))
    });
    let numbers: Vec<u64> = numbers.collect();
    assert!(numbers.windows(2).all(|pair| pair[0] == pair[1]), "{numbers:?}");
    numbers.first().copied().map(Framing::Length)
}

/// The members of all lines of a list.
fn list<'a>(fields: &[Field<'a>], name: &[u8]) -> Vec<&'a [u8]> {
    let lines = fields.iter().filter(|field| field.0 == name);
    lines.flat_map(|field| field.1.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii).collect()
}

fn says(list: &[&[u8]], word: &[u8]) -> bool {
    list.iter().any(|member| member.eq_ignore_ascii_case(word))
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
