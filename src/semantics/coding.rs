//! Putting what is stored into a content coding: which responses may be, what becomes of their
//! fields, and of the entity tags that clients send back (RFC 9110 §8.4, §8.8.3.3, §12.5.5).
//!
//! A response and its coded forms have one body and several representations: each has a tag of its
//! own, `"abc"` and `"abc-gzip"`, and all name Accept-Encoding in Vary.

use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, VARY,
};

use super::{ResponseDirectives, list};
use crate::base::Coding;

/// What tells of the bytes of one representation, and not of its coded form's.
const OF_THE_BYTES: [HeaderName; 5] = [
    CONTENT_LENGTH,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// Whether a response may be coded by a cache, being of one of `types` (`type/subtype` or `type/*`, in
/// lower case). A coding is a transformation, which no-transform forbids (RFC 9111 §5.2.2.6).
pub fn may_be_coded(
    status: StatusCode,
    headers: &HeaderMap,
    said: &ResponseDirectives,
    types: &[Box<str>],
) -> bool {
    status == StatusCode::OK
        && !said.no_transform
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
        && headers.get(CONTENT_TYPE).is_some_and(|value| is_of(value, types))
}

/// Whether a media type, whatever its parameters, is one of `types`.
fn is_of(value: &HeaderValue, types: &[Box<str>]) -> bool {
    let essence = value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii();
    types.iter().any(|name| match name.strip_suffix('*') {
        Some(family) => {
            essence.get(..family.len()).is_some_and(|e| e.eq_ignore_ascii_case(family.as_bytes()))
        }
        None => essence.eq_ignore_ascii_case(name.as_bytes()),
    })
}

/// The fields of the response with these `fields` in `coding`.
pub fn coded_fields(fields: &HeaderMap, coding: Coding) -> HeaderMap {
    let mut coded = fields.clone();
    for name in &OF_THE_BYTES {
        coded.remove(name);
    }
    coded.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    add_suffix(&mut coded, coding);
    vary_on_coding(&mut coded);
    coded
}

/// Has Vary name Accept-Encoding, as caches behind us need it.
pub fn vary_on_coding(fields: &mut HeaderMap) {
    if varies_on_coding(fields) {
        return;
    }
    const NAME: &str = "Accept-Encoding";
    match fields.get_mut(VARY) {
        // The first line of several grows. What is there was a field value, and stays one.
        Some(line) => {
            let joined = [line.as_bytes(), b", ", NAME.as_bytes()].concat();
            if let Ok(joined) = HeaderValue::from_bytes(&joined) {
                *line = joined;
            }
        }
        None => drop(fields.insert(VARY, HeaderValue::from_static(NAME))),
    }
}

/// Whether Vary names Accept-Encoding: what has the same modification date may then be another
/// representation.
pub fn varies_on_coding(fields: &HeaderMap) -> bool {
    list::members(fields, &VARY)
        .any(|member| member.eq_ignore_ascii_case(ACCEPT_ENCODING.as_str().as_bytes()))
}

/// Makes of the entity tag among `fields` that of the same response in `coding`. A weak one stays
/// weak, and what is no tag is changed at its end.
pub fn add_suffix(fields: &mut HeaderMap, coding: Coding) {
    let Some(tag) = fields.get(ETAG) else { return };
    let (inside, quote) = match tag.as_bytes().strip_suffix(b"\"") {
        Some(inside) => (inside, &b"\""[..]),
        None => (tag.as_bytes(), &b""[..]),
    };
    let tag = [inside, b"-", coding.as_str().as_bytes(), quote].concat();
    if let Ok(tag) = HeaderValue::from_bytes(&tag) {
        fields.insert(ETAG, tag);
    }
}

/// Takes our suffixes off the tags in a request's If-Match and If-None-Match, since an origin knows
/// its own tags only; the coding that one of them was in. If-Range keeps it: the origin's bytes are
/// no continuation of ours.
pub fn strip_suffixes(request: &mut HeaderMap) -> Option<Coding> {
    let mut found = None;
    for name in [IF_MATCH, IF_NONE_MATCH] {
        if !request.contains_key(&name) {
            continue;
        }
        let lines = request.get_all(&name).iter();
        let lines: Vec<_> = lines.map(|line| stripped(line, &mut found)).collect();
        request.remove(&name);
        for line in lines {
            request.append(&name, line);
        }
    }
    found
}

/// The line without the suffix before each of its quotation marks, and before its end.
fn stripped(line: &HeaderValue, found: &mut Option<Coding>) -> HeaderValue {
    let mut text = Vec::with_capacity(line.len());
    let mut strip = |text: &mut Vec<u8>| {
        let of = |coding: &Coding| text.ends_with(coding.as_str().as_bytes());
        let Some(coding) = Coding::ALL.into_iter().find(of) else { return };
        let rest = text.len() - coding.as_str().len();
        if text[..rest].ends_with(b"-") {
            text.truncate(rest - 1);
            *found = Some(coding);
        }
    };
    for &byte in line.as_bytes() {
        if byte == b'"' {
            strip(&mut text);
        }
        text.push(byte);
    }
    strip(&mut text);
    // Fewer bytes of a field value are one.
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| line.clone())
}

#[cfg(test)]
#[path = "coding_tests.rs"]
mod tests;
