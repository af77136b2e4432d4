//! The tags that a response carries: surrogate keys, by which many responses are purged at once.
//!
//! Four fields name them, and what one of them names is the same tag in another: `Surrogate-Key` and
//! `xkey` separate tags by whitespace, `Cache-Tag` by commas, and `Cache-Groups` is a list of strings
//! (RFC 9875 §2). A tag is opaque bytes, compared as they stand; an empty one is none. To what a tag is
//! scoped, and how it is kept, is the store's business.

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{BareItem, List, ListEntry, Parser};

use super::list;

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
pub fn each(headers: &HeaderMap, mut sink: impl FnMut(&[u8])) {
    for name in [SURROGATE_KEY, XKEY] {
        let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let tags = lines.flat_map(|line| line.split(u8::is_ascii_whitespace));
        tags.filter(|tag| !tag.is_empty()).for_each(&mut sink);
    }
    let lines = headers.get_all(CACHE_TAG).iter().map(HeaderValue::as_bytes);
    let tags = lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    tags.filter(|tag| !tag.is_empty()).for_each(&mut sink);
    groups(headers, &CACHE_GROUPS, sink);
}

/// Hands every group that the field `name` lists to `sink`. A list that is not well formed is none
/// (RFC 9651 §4.2), and members that are no strings count for nothing.
pub fn groups(headers: &HeaderMap, name: &HeaderName, mut sink: impl FnMut(&[u8])) {
    if !headers.contains_key(name) {
        return;
    }
    let Ok(members) = Parser::new(&list::combined(headers, name)).parse::<List>() else { return };
    for member in &members {
        if let ListEntry::Item(item) = member
            && let BareItem::String(group) = &item.bare_item
            && !group.as_str().is_empty()
        {
            sink(group.as_str().as_bytes());
        }
    }
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
        each(&headers, |tag| tags.push(String::from_utf8_lossy(tag).into_owned()));
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
        for list in [
            "\"a\",",
            "\"a",
            "\"a\" \"b\"",
            "\"a\\b\"",
            "(\"a\")",
            "\"a\", \"b\u{e9}\"",
            "\"a\";X",
            "\"a\";",
            "\"a\", 1a",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_GROUPS, HeaderValue::from_str(list).unwrap());
            each(&headers, |tag| panic!("{list}: {tag:?}"));
        }
    }
}
