//! What a request makes its answer depend on: entity tags, dates, ranges.

use std::time::UNIX_EPOCH;

use http::header::{
    ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{Method, StatusCode};

use super::{fields, first_block, first_line, now, numbers};
use crate::semantics::validator::{self, EntityTag};
use crate::semantics::{RangeAnswer, Validators, Verdict, conditional, date, range};

/// `data` as a line of numbers (status, length), the fields of a stored response, and after an empty
/// line those of a request.
pub fn conditions(data: &[u8]) {
    let (line, rest) = first_line(data);
    let mut number = numbers(line);
    let status = u16::try_from(number()).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let length = number();
    let (stored, request) = first_block(rest);
    let (stored, request) = (fields(stored), fields(request));
    let validators = Validators::of(status, &stored);

    let verdict = conditional::evaluate(&Method::GET, &request, validators, now());
    assert!(status.is_success() || verdict == Verdict::Proceed, "{status} has no conditions");
    let unsafe_verdict = conditional::evaluate(&Method::PUT, &request, validators, now());
    assert_ne!(unsafe_verdict, Verdict::NotModified, "nothing was read");
    let changes_nothing = HeaderMap::new();
    let free = conditional::evaluate(&Method::GET, &changes_nothing, validators, now());
    assert_eq!(free, Verdict::Proceed);

    check_range(&request, length);
    check_if_range(&request, validators);
    for value in stored.values().chain(request.values()) {
        check_date(value);
    }
    for name in [IF_MATCH, IF_NONE_MATCH] {
        check_tags(&request, &name);
    }
    if let Some(etag) = stored.get(ETAG) {
        let tag = EntityTag::of(etag);
        assert!(tag.weakly_equals(tag));
        assert!(!tag.strongly_equals(tag) || matches!(tag, EntityTag::Strong(_)));
    }
}

/// A range is within the length, and the one that was asked for by the plainest reading.
fn check_range(request: &HeaderMap, length: u64) {
    let answer = range::resolve(&Method::GET, request, length);
    assert_eq!(range::resolve(&Method::HEAD, request, length), RangeAnswer::Whole);
    if let RangeAnswer::Part { first, last } = answer {
        assert!(first <= last && last < length, "{first}-{last} of {length}");
    }
    let mut asked = request.get_all(RANGE).iter();
    let Some(text) = asked.next().and_then(|value| value.to_str().ok()) else { return };
    if asked.next().is_some() {
        return assert_eq!(answer, RangeAnswer::Whole, "two ranges are none");
    }
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|spec| spec.split_once('-'))
    else {
        return;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) || text.len() > 40 {
        return;
    }
    let (length, huge) = (u128::from(length), u128::MAX);
    let expected = match (first.parse::<u128>(), last.parse::<u128>()) {
        (Err(_), Err(_)) => None,
        (Err(_), Ok(0)) => Some((huge, huge)),
        (Err(_), Ok(_)) if length == 0 => None,
        (Err(_), Ok(count)) => Some((length.saturating_sub(count), length - 1)),
        (Ok(first), last) => {
            let last = last.unwrap_or(huge);
            (first <= last).then_some((first, last.min(length.saturating_sub(1))))
        }
    };
    let expected = match expected {
        None => RangeAnswer::Whole,
        Some((first, _)) if first >= length => RangeAnswer::Unsatisfiable,
        Some((first, last)) => match (u64::try_from(first), u64::try_from(last)) {
            (Ok(first), Ok(last)) => RangeAnswer::Part { first, last },
            _ => RangeAnswer::Unsatisfiable,
        },
    };
    assert_eq!(answer, expected, "{text} of {length}");
}

/// If-Range lets a range count only by what is strong (RFC 9110 §13.1.5).
fn check_if_range(request: &HeaderMap, stored: Validators<'_>) {
    let matches = conditional::if_range_matches(request, stored, now());
    if !matches || !request.contains_key(IF_RANGE) {
        return;
    }
    let strong =
        stored.etag.is_some_and(|etag| matches!(EntityTag::of(etag), EntityTag::Strong(_)));
    assert!(strong || stored.last_modified.is_some(), "matched by nothing");
    let unknown = Validators { etag: None, last_modified: None, ..stored };
    assert!(!conditional::if_range_matches(request, unknown, now()));
}

/// A date is written in one form and read again; what others read, we read alike.
fn check_date(value: &HeaderValue) {
    let read = date::parse(value, now());
    if let Some(time) = read.filter(|time| *time >= UNIX_EPOCH) {
        let written = date::format(time);
        assert_eq!(date::parse(&written, now()), Some(time), "{value:?} is written {written:?}");
    }
    // Two-digit years are where the two may differ (RFC 9110 §5.6.7).
    let text = value.to_str().unwrap_or_default();
    if !text.contains('-')
        && let Ok(time) = httpdate::parse_http_date(text)
    {
        assert_eq!(read, Some(time), "{text}");
    }
}

/// A list of tags says the same when it is written again from what was read.
fn check_tags(request: &HeaderMap, name: &http::HeaderName) {
    let tags: Vec<_> = validator::tags(request, name).collect();
    let mut text = Vec::new();
    for tag in &tags {
        let (before, opaque, after): (&[u8], _, &[u8]) = match tag {
            EntityTag::Strong(opaque) => (b"\"", opaque, b"\""),
            EntityTag::Weak(opaque) => (b"W/\"", opaque, b"\""),
            EntityTag::Unquoted(text) => (b"", text, b""),
        };
        text.extend([before, opaque, after, b", "].concat());
    }
    let Ok(text) = HeaderValue::from_bytes(&text) else { panic!("tags are no field") };
    let again: HeaderMap = [(name.clone(), text)].into_iter().collect();
    assert!(validator::tags(&again, name).eq(tags.iter().copied()), "{tags:?} are read otherwise");
    let dates = request.get(LAST_MODIFIED);
    assert!(dates.is_none_or(|value| !value.is_empty() || date::parse(value, now()).is_none()));
}
