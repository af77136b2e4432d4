//! The tags that a response carries: surrogate keys, by which many responses are purged at once.
//!
//! Four fields name them, and what one of them names is the same tag in another: `Surrogate-Key` and
//! `xkey` separate tags by whitespace, `Cache-Tag` by commas, and `Cache-Groups` is a list of strings
//! (RFC 9875 §2). A tag is opaque bytes, compared as they stand; an empty one is none. To what a tag is
//! scoped, and how it is kept, is the store's business.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Tags separated by whitespace (Fastly, Varnish).
pub const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
/// The same (vmod_xkey).
pub const XKEY: HeaderName = HeaderName::from_static("xkey");
/// Tags separated by commas (Akamai, Cloudflare).
pub const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
/// A structured list of strings (RFC 9875 §2).
pub const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
/// The same on an answer to an unsafe request: what is to be invalidated (RFC 9875 §3).
pub const CACHE_GROUP_INVALIDATION: HeaderName =
    HeaderName::from_static("cache-group-invalidation");

/// Hands every tag of `headers` to `sink`; one that stands there twice, twice.
pub fn each<'a>(headers: &'a HeaderMap, mut sink: impl FnMut(Cow<'a, [u8]>)) {
    for name in [SURROGATE_KEY, XKEY] {
        let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let tags = lines.flat_map(|line| line.split(u8::is_ascii_whitespace));
        tags.filter(|tag| !tag.is_empty()).for_each(|tag| sink(Cow::Borrowed(tag)));
    }
    let lines = headers.get_all(CACHE_TAG).iter().map(HeaderValue::as_bytes);
    let tags = lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    tags.filter(|tag| !tag.is_empty()).for_each(|tag| sink(Cow::Borrowed(tag)));
    groups(headers, &CACHE_GROUPS, sink);
}

/// Hands every group that the field `name` lists to `sink`. A list that is not well formed is none
/// (RFC 9651 §4.2), and members that are no strings count for nothing.
pub fn groups<'a>(headers: &'a HeaderMap, name: &HeaderName, mut sink: impl FnMut(Cow<'a, [u8]>)) {
    let mut found = Vec::new();
    for line in headers.get_all(name) {
        let mut rest = line.as_bytes().trim_ascii();
        while !rest.is_empty() {
            let Some((group, after)) = member(rest) else { return };
            found.extend(group.filter(|group| !group.is_empty()));
            rest = match after.trim_ascii_start() {
                [] => &[],
                // A comma at the end makes no list.
                [b',', more @ ..] if !more.trim_ascii().is_empty() => more.trim_ascii_start(),
                _ => return,
            };
        }
    }
    found.into_iter().for_each(&mut sink);
}

/// Something read, and what follows it.
type Read<'a, T> = Option<(T, &'a [u8])>;

/// The string that the first member is, if it is one.
fn member(text: &[u8]) -> Read<'_, Option<Cow<'_, [u8]>>> {
    let (value, rest) = match text {
        [b'"', rest @ ..] => {
            let (value, rest) = string(rest)?;
            (Some(value), rest)
        }
        _ => {
            let end = text.iter().position(|byte| b",;".contains(byte)).unwrap_or(text.len());
            // Whatever it is: no string, and nothing in which a comma could hide.
            let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"()".contains(byte);
            let bare = text[..end].trim_ascii_end();
            if bare.is_empty() || !bare.iter().all(plain) {
                return None;
            }
            (None, &text[end..])
        }
    };
    Some((value, parameters(rest)?))
}

/// The string whose opening quotation mark was read.
fn string(text: &[u8]) -> Read<'_, Cow<'_, [u8]>> {
    let end = text.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    if text[end] == b'"' {
        let whole = &text[..end];
        let printable = whole.iter().all(|byte| (b' '..=b'~').contains(byte));
        return printable.then_some((Cow::Borrowed(whole), &text[end + 1..]));
    }
    let (mut value, mut at) = (Vec::new(), 0);
    loop {
        match *text.get(at)? {
            b'"' => return Some((Cow::Owned(value), &text[at + 1..])),
            b'\\' => {
                let escaped = *text.get(at + 1).filter(|byte| matches!(byte, b'"' | b'\\'))?;
                value.push(escaped);
                at += 2;
            }
            byte @ b' '..=b'~' => {
                value.push(byte);
                at += 1;
            }
            _ => return None,
        }
    }
}

/// What follows the parameters of a member, which mean nothing here.
fn parameters(mut text: &[u8]) -> Option<&[u8]> {
    while let [b';', rest @ ..] = text {
        let rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| b"=,;".contains(byte)).unwrap_or(rest.len());
        text = match &rest[end..] {
            [b'=', b'"', value @ ..] => string(value)?.1,
            [b'=', value @ ..] => {
                let end = value.iter().position(|byte| b",;".contains(byte));
                &value[end.unwrap_or(value.len())..]
            }
            other => other,
        };
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let mut tags = Vec::new();
        each(&headers, |tag| tags.push(String::from_utf8_lossy(&tag).into_owned()));
        tags
    }

    #[test]
    fn every_field_names_tags_in_its_own_way() {
        for (name, value, tags) in [
            ("surrogate-key", "a b  c\td", &["a", "b", "c", "d"][..]),
            ("surrogate-key", "a,b", &["a,b"]),
            ("xkey", " page-1 talk ", &["page-1", "talk"]),
            ("cache-tag", "a b, c ,,d", &["a b", "c", "d"]),
            ("cache-groups", "\"a b\", \"c\"", &["a b", "c"]),
            ("cache-groups", "\"q\\\"\\\\\";x=1;y=\"z,\", \"r\"", &["q\"\\", "r"]),
            ("cache-groups", "token, \"s\"", &["s"]),
            ("cache-groups", "\"\"", &[]),
            ("surrogate-key", "", &[]),
            ("cache-tag", " , ", &[]),
        ] {
            assert_eq!(of(&[(name, value)]), tags, "{name}: {value}");
        }
    }

    #[test]
    fn lines_and_fields_add_up() {
        let fields = [("surrogate-key", "a"), ("surrogate-key", "b"), ("cache-tag", "c")];
        assert_eq!(of(&fields), ["a", "b", "c"]);
        assert_eq!(of(&[("cache-groups", "\"a\""), ("cache-groups", "\"b\"")]), ["a", "b"]);
    }

    #[test]
    fn a_list_of_groups_that_is_not_well_formed_is_none_rfc9651_4_2() {
        for list in ["\"a\",", "\"a", "\"a\" \"b\"", "\"a\\b\"", "(\"a\")", "\"a\", \"b\u{e9}\""] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_GROUPS, HeaderValue::from_str(list).unwrap());
            each(&headers, |tag| panic!("{list}: {tag:?}"));
        }
    }
}
