//! Targeted Cache-Control (RFC 9213): fields such as `CDN-Cache-Control` that speak to some caches alone,
//! and to them in place of Cache-Control and Expires.
//!
//! Such a field is a structured dictionary (RFC 9651 §3.2): keys are in lower case, the last of several
//! equal ones counts, and what is not well formed is no field. Nor is one in which a directive that is known
//! here has a value of another type than its own (§2.1): of what an origin wrote that did not mean it,
//! nothing is believed.

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::{ResponseDirectives, list};

/// Directives whose value is an integer.
const SECONDS: [&str; 4] = ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"];
/// Directives that may name fields.
const QUALIFIED: [&str; 2] = ["no-cache", "private"];
/// Directives without a value.
const BARE: [&str; 7] = [
    "no-store",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "no-transform",
    "immutable",
];

/// What a response says to a cache that obeys `targets`: by the first of them that is there, valid and
/// not empty (§2.2), else by Cache-Control.
pub fn directives(headers: &HeaderMap, targets: &[HeaderName]) -> ResponseDirectives {
    let targeted = targets.iter().find_map(|target| read(headers, target));
    targeted.unwrap_or_else(|| ResponseDirectives::of(headers))
}

fn read(headers: &HeaderMap, target: &HeaderName) -> Option<ResponseDirectives> {
    if !headers.contains_key(target) {
        return None;
    }
    let dictionary: Dictionary = Parser::new(&list::combined(headers, target)).parse().ok()?;
    if dictionary.is_empty() {
        return None;
    }
    let mut said = ResponseDirectives { targeted: true, ..ResponseDirectives::default() };
    for (key, entry) in &dictionary {
        let key = key.as_str();
        let known =
            [&SECONDS[..], &QUALIFIED, &BARE].into_iter().flatten().any(|name| *name == key);
        if known {
            take(&mut said, key, entry)?;
        }
    }
    Some(said.settled())
}

/// Takes a directive that is known here; `None` where its value is of another type.
fn take(said: &mut ResponseDirectives, key: &str, entry: &ListEntry) -> Option<()> {
    let ListEntry::Item(item) = entry else { return None };
    match &item.bare_item {
        BareItem::Integer(seconds) if SECONDS.contains(&key) => {
            let seconds = u64::try_from(i64::from(*seconds)).ok()?;
            said.say(key.as_bytes(), Some(seconds.to_string().as_bytes()));
        }
        BareItem::Boolean(is) if !SECONDS.contains(&key) => {
            if *is {
                said.say(key.as_bytes(), None);
            }
        }
        BareItem::String(names) if QUALIFIED.contains(&key) => {
            said.say(key.as_bytes(), Some(names.as_str().as_bytes()));
        }
        BareItem::Token(name) if QUALIFIED.contains(&key) => {
            said.say(key.as_bytes(), Some(name.as_str().as_bytes()));
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    fn said(fields: &[(&'static str, &'static str)]) -> ResponseDirectives {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let targets = ["example-cache-control", "cdn-cache-control"];
        directives(&headers, &targets.map(HeaderName::from_static))
    }

    #[test]
    fn the_first_valid_field_of_the_list_counts_alone_rfc9213_2_2() {
        for (fields, seconds) in [
            (
                &[("cdn-cache-control", "max-age=60"), ("cache-control", "max-age=5, no-store")][..],
                60,
            ),
            (&[("cdn-cache-control", "max-age=60"), ("example-cache-control", "max-age=9")], 9),
            (&[("cdn-cache-control", "max-age=60"), ("example-cache-control", "")], 60),
            (&[("cdn-cache-control", "max-age=60"), ("example-cache-control", "a=")], 60),
            (&[("cdn-cache-control", "max-age=9"), ("cdn-cache-control", "a, max-age=60")], 60),
            (&[("cdn-cache-control", "max-age=60;x=\"y\", unknown=(a b)")], 60),
            (&[("cdn-cache-control", "max-age=999999999999999")], 1 << 31),
            (&[("surrogate-control", "max-age=60"), ("cache-control", "max-age=5")], 5),
        ] {
            let said = said(fields);
            assert_eq!(said.max_age, Some(Duration::from_secs(seconds)), "{fields:?}");
            assert!(!said.no_store, "{fields:?}");
        }
    }

    #[test]
    fn a_field_that_is_not_valid_says_nothing_rfc9213_2_1() {
        for value in [
            "max-age =60",
            "max-age= 60",
            "MaX-aGe=60",
            "max-age=60, &&&",
            "max-age=60,",
            "max-age=\"60\"",
            "max-age=60.0",
            "max-age=-1",
            "max-age",
            "max-age=(60)",
            "max-age=60, no-store=1",
            "max-age=60, no-cache=1",
            "max-age=60, public=x",
            "max-age=x",
            "max-age=60, no-store=\"x\"",
            "max-age=60, must-revalidate=\"x\"",
            "",
        ] {
            let said = said(&[("cdn-cache-control", value), ("cache-control", "max-age=5")]);
            assert_eq!(
                (said.max_age, said.targeted),
                (Some(Duration::from_secs(5)), false),
                "{value}"
            );
        }
    }

    #[test]
    fn every_directive_is_read_by_its_type() {
        let said = |value| said(&[("cdn-cache-control", value)]);
        let all = said("s-maxage=1, stale-while-revalidate=2, stale-if-error=3, public, immutable");
        assert_eq!(all.s_maxage, Some(Duration::from_secs(1)));
        assert_eq!(all.stale_while_revalidate, Some(Duration::from_secs(2)));
        assert_eq!(all.stale_if_error, Some(Duration::from_secs(3)));
        assert!(all.public && all.immutable && all.targeted);
        let bare =
            said("no-store, no-cache, private, must-revalidate, proxy-revalidate, no-transform");
        assert!(bare.no_store && bare.no_cache && bare.private && bare.no_transform);
        assert!(
            bare.must_revalidate
                && bare.proxy_revalidate
                && said("must-understand").must_understand
        );
        let none = said("no-store=?0, no-cache=?0, private=?0, public=?0");
        assert!(!none.no_store && !none.no_cache && !none.private && !none.public && none.targeted);
        let named = said("no-cache=\"X-A, X-B\", private=x-c");
        let withheld: Vec<_> = named.withheld_fields().map(HeaderName::as_str).collect();
        assert_eq!(
            (withheld, named.no_cache, named.private),
            (vec!["x-a", "x-b", "x-c"], false, false)
        );
    }
}
