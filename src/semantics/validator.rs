//! Validators: entity tags and modification dates, and how they are compared (RFC 9110 §8.8).

use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{DATE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED};

use super::date;

/// What a stored response is compared by.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// Its status: preconditions count for successes only.
    pub status: StatusCode,
    /// Its entity tag.
    pub etag: Option<&'a HeaderValue>,
    /// When it was last changed.
    pub last_modified: Option<&'a HeaderValue>,
    /// When it was made; stored responses always have one.
    pub date: Option<&'a HeaderValue>,
}

impl<'a> Validators<'a> {
    /// The validators among the fields of a stored response.
    pub fn of(status: StatusCode, headers: &'a HeaderMap) -> Self {
        let get = |name: HeaderName| headers.get(name);
        Self { status, etag: get(ETAG), last_modified: get(LAST_MODIFIED), date: get(DATE) }
    }

    /// Those by which bytes are told apart that are coded and those that are not: not by a date
    /// (RFC 9110 §8.8.2.2).
    #[must_use]
    pub fn of_one_coding(self) -> Self {
        Self { last_modified: None, ..self }
    }

    /// Whether both are of one representation, byte for byte: their strong entity tags are equal, or, where
    /// neither has a tag, their dates of change that are as good as strong (RFC 9110 §8.8.2.2, §8.8.3.2).
    pub fn strongly_equal(self, other: Self, now: SystemTime) -> bool {
        match (self.etag, other.etag) {
            (Some(one), Some(two)) => EntityTag::of(one).strongly_equals(EntityTag::of(two)),
            (None, None) => {
                let modified = self.strongly_modified(now);
                modified.is_some() && modified == other.strongly_modified(now)
            }
            _ => false,
        }
    }

    /// When it was last changed, if that can be read.
    pub(super) fn modified(&self, now: SystemTime) -> Option<SystemTime> {
        self.last_modified.and_then(|value| date::parse(value, now))
    }

    /// The same where no second change can hide in that second: Date is at least a second later
    /// (RFC 9110 §8.8.2.2).
    pub(super) fn strongly_modified(&self, now: SystemTime) -> Option<SystemTime> {
        let modified = self.modified(now)?;
        let made = self.date.and_then(|value| date::parse(value, now))?;
        (made.duration_since(modified).ok()? >= Duration::from_secs(1)).then_some(modified)
    }
}

/// Whether there is something by which the origin could confirm the response.
pub fn present(headers: &HeaderMap) -> bool {
    // The century of a two-digit year does not matter here.
    let readable = || date::field(headers, &LAST_MODIFIED, SystemTime::UNIX_EPOCH).is_some();
    headers.contains_key(ETAG) || readable()
}

/// An entity tag (RFC 9110 §8.8.3), or what an origin sent in its place: many forget the quotation
/// marks, and their clients send back what they got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityTag<'a> {
    /// `"…"`
    Strong(&'a [u8]),
    /// `W/"…"`
    Weak(&'a [u8]),
    /// Anything else; equals nothing but the same bytes, weakly.
    Unquoted(&'a [u8]),
}

impl<'a> EntityTag<'a> {
    /// Reads the whole of a field as one tag.
    pub fn of(value: &'a HeaderValue) -> Self {
        let text = value.as_bytes().trim_ascii();
        match quoted(text) {
            Some((tag, [])) => tag,
            _ => Self::Unquoted(text),
        }
    }

    /// Weak comparison (RFC 9110 §8.8.3.2).
    pub fn weakly_equals(self, other: Self) -> bool {
        match (self, other) {
            (Self::Unquoted(one), Self::Unquoted(two)) => one == two,
            (Self::Unquoted(_), _) | (_, Self::Unquoted(_)) => false,
            (Self::Strong(one) | Self::Weak(one), Self::Strong(two) | Self::Weak(two)) => {
                one == two
            }
        }
    }

    /// Strong comparison (RFC 9110 §8.8.3.2).
    pub fn strongly_equals(self, other: Self) -> bool {
        matches!((self, other), (Self::Strong(one), Self::Strong(two)) if one == two)
    }
}

/// The tags in the lines of If-Match or If-None-Match. Unlike in other lists a backslash escapes
/// nothing inside a tag.
pub fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = EntityTag<'a>> {
    headers.get_all(name).iter().flat_map(|line| Tags { rest: line.as_bytes() })
}

struct Tags<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Tags<'a> {
    type Item = EntityTag<'a>;

    fn next(&mut self) -> Option<EntityTag<'a>> {
        let skip = self.rest.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
        let text = &self.rest[skip..];
        if let Some((tag, rest)) = quoted(text) {
            let rest = rest.trim_ascii_start();
            if rest.is_empty() || rest.starts_with(b",") {
                self.rest = rest;
                return Some(tag);
            }
        }
        let end = text.iter().position(|&byte| byte == b',').unwrap_or(text.len());
        let (tag, rest) = text.split_at(end);
        self.rest = rest;
        Some(EntityTag::Unquoted(tag.trim_ascii_end()))
    }
}

/// The tag with which `text` begins, and what follows it.
fn quoted(text: &[u8]) -> Option<(EntityTag<'_>, &[u8])> {
    let (weak, opaque) = match text.strip_prefix(b"W/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let opaque = opaque.strip_prefix(b"\"")?;
    // No whitespace inside a tag (RFC 9110 §8.8.3); other controls cannot stand in a field.
    let end = opaque.iter().position(|byte| matches!(byte, b'"' | b' ' | b'\t'))?;
    let (opaque, rest) = opaque.split_at(end);
    let rest = rest.strip_prefix(b"\"")?;
    Some((if weak { EntityTag::Weak(opaque) } else { EntityTag::Strong(opaque) }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use EntityTag::{Strong, Unquoted, Weak};
    use http::header::IF_NONE_MATCH;

    #[test]
    fn tags_compare_as_rfc9110_8_8_3_2_tables_it() {
        let cases = [
            (Weak(b"1"), Weak(b"1"), false, true),
            (Weak(b"1"), Weak(b"2"), false, false),
            (Weak(b"1"), Strong(b"1"), false, true),
            (Strong(b"1"), Strong(b"1"), true, true),
            (Strong(b"1"), Strong(b"2"), false, false),
            (Unquoted(b"1"), Strong(b"1"), false, false),
            (Unquoted(b"1"), Unquoted(b"1"), false, true),
        ];
        for (one, two, strong, weak) in cases {
            assert_eq!(one.strongly_equals(two), strong, "{one:?} {two:?}");
            assert_eq!(two.weakly_equals(one), weak, "{one:?} {two:?}");
        }
    }

    #[test]
    fn lists_of_tags_are_read_rfc9110_13_1_2() {
        let cases: &[(&str, &[EntityTag<'_>])] = &[
            ("", &[]),
            (r#""a""#, &[Strong(b"a")]),
            (r#""a", W/"b" ,"c""#, &[Strong(b"a"), Weak(b"b"), Strong(b"c")]),
            (r#", "a,b",,"""#, &[Strong(b"a,b"), Strong(b"")]),
            (r#""a\", "b""#, &[Strong(b"a\\"), Strong(b"b")]),
            ("*", &[Unquoted(b"*")]),
            ("abc, \"d\"", &[Unquoted(b"abc"), Strong(b"d")]),
            (r#"w/"a""#, &[Unquoted(br#"w/"a""#)]),
            (r#""a"x, "b""#, &[Unquoted(br#""a"x"#), Strong(b"b")]),
            (r#""a, b"#, &[Unquoted(b"\"a"), Unquoted(b"b")]),
        ];
        for (text, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, text.parse().unwrap());
            let read: Vec<_> = tags(&headers, &IF_NONE_MATCH).collect();
            assert_eq!(read, *expected, "{text}");
        }
        let obs_text = HeaderValue::from_bytes(b"\"\xfc\"").unwrap();
        assert_eq!(EntityTag::of(&obs_text), Strong(b"\xfc"));
        assert_eq!(
            EntityTag::of(&HeaderValue::from_static("\"a\", \"b\"")),
            Unquoted(b"\"a\", \"b\"")
        );
    }

    fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let of = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        fields.iter().map(of).collect()
    }

    #[test]
    fn what_is_the_same_byte_for_byte_rfc9110_8_8_2_2() {
        const CHANGED: (&str, &str) = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
        const MADE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:38 GMT");
        let one = ("etag", "\"1\"");
        type Fields<'a> = &'a [(&'static str, &'static str)];
        let cases: &[(Fields<'_>, Fields<'_>, bool)] = &[
            (&[one], &[one], true),
            (&[one], &[("etag", "\"2\"")], false),
            (&[("etag", "W/\"1\"")], &[("etag", "W/\"1\"")], false),
            (&[one, CHANGED, MADE], &[CHANGED, MADE], false),
            (&[CHANGED, MADE], &[CHANGED, MADE], true),
            (&[CHANGED, MADE], &[("last-modified", MADE.1), MADE], false),
            // No second change can hide in a second that is over.
            (&[CHANGED, ("date", CHANGED.1)], &[CHANGED, ("date", CHANGED.1)], false),
            (&[], &[], false),
        ];
        let now = SystemTime::UNIX_EPOCH;
        for (held, sent, equal) in cases {
            let (held, sent) = (fields(held), fields(sent));
            let of = |fields| Validators::of(StatusCode::OK, fields);
            assert_eq!(of(&held).strongly_equal(of(&sent), now), *equal, "{held:?} {sent:?}");
        }
        let all = fields(&[one, CHANGED, MADE]);
        let coded = Validators::of(StatusCode::OK, &all).of_one_coding();
        assert!(coded.last_modified.is_none() && coded.etag.is_some() && coded.date.is_some());
    }
}
