//! What a PURGE request orders, and its receipt in JSON: values from fields to fields. Whether the
//! client may purge is the plan's business (`site::plan`), and how it is answered `reply`'s.

use std::fmt;

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::{Order, Receipt, What, mode_of, note, word};
use crate::base::{KeyRef, SiteId};
use crate::semantics::tags;
use crate::store::{Mode, Scope};

/// Says whether what is purged is removed or made stale.
const MODE: &str = "x-purge-mode";

/// Why a PURGE was not applied. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPurge {
    /// `X-Purge-Mode` names no mode, or two.
    Mode,
    /// It has a field for tags, and no tag in it. Whoever lost the tags on the way does not mean the
    /// URL that the request happened to be sent to.
    NoTags,
}

impl fmt::Display for BadPurge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mode => "X-Purge-Mode is \"hard\" or \"soft\"; nothing was purged.",
            Self::NoTags => {
                "The fields for tags name none; nothing was purged. Leave them out to purge the URL."
            }
        })
    }
}

/// Hands over, one after the other, what a PURGE request orders: of the tags of `site` that it names, or
/// else of `key`.
///
/// # Errors
/// It is not clear what is meant, and nothing was handed over.
pub fn each_order(
    key: KeyRef<'_>,
    site: SiteId,
    headers: &HeaderMap,
    mut take: impl FnMut(Order<'_>),
) -> Result<(), BadPurge> {
    let mode = mode(headers)?;
    let mut any = false;
    tags::each(headers, |tag| {
        any = true;
        take(Order::new(What::All(Scope::Tag(site, tag)), mode));
    });
    let fields = [tags::SURROGATE_KEY, tags::XKEY, tags::CACHE_TAG, tags::CACHE_GROUPS];
    match any {
        true => {}
        false if fields.iter().any(|name| headers.contains_key(name)) => {
            return Err(BadPurge::NoTags);
        }
        false => take(Order::new(What::Key(key), mode)),
    }
    Ok(())
}

/// The mode that a PURGE request asks for, if it does.
fn mode(headers: &HeaderMap) -> Result<Option<Mode>, BadPurge> {
    let mut found = None;
    for value in headers.get_all(MODE) {
        let mode = mode_of(value.as_bytes()).ok_or(BadPurge::Mode)?;
        if found.is_some_and(|found| found != mode) {
            return Err(BadPurge::Mode);
        }
        found = Some(mode);
    }
    Ok(found)
}

/// Whether a request asks for its receipt in JSON. A client that takes anything has not asked.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line: &HeaderValue| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
        named && !parts.any(is_zero_weight)
    })
}

/// Whether a parameter is the weight of what is not acceptable (RFC 9110 §12.4.2).
fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else { return false };
    name.eq_ignore_ascii_case("q") && weight.bytes().all(|byte| b"0.".contains(&byte))
}

/// What `node` tells of the orders of one request: the order, or a list of them. An id names an order
/// among those of all nodes for as long as the node runs.
pub fn receipt(node: &str, receipts: &[Receipt]) -> Value {
    let one = |receipt: &Receipt| {
        let mut value = json!({
            "id": format!("{node}:{}", receipt.seq.0),
            "seq": receipt.seq.0,
            "kind": receipt.kind.as_str(),
            "mode": word(receipt.mode),
        });
        let entries = receipt.entries.map(|entries| ("entries", entries.into()));
        let note = note(receipt.mode).map(|note| ("note", note.into()));
        for (name, more) in entries.into_iter().chain(note) {
            value[name] = more;
        }
        value
    };
    match receipts {
        [receipt] => one(receipt),
        list => json!({ "orders": list.iter().map(one).collect::<Vec<_>>() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{KeyText, Seq};
    use crate::purge::Kind;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn orders(fields: &[(&'static str, &'static str)]) -> Result<Vec<(Kind, Mode)>, BadPurge> {
        let key = KeyText::new("w.test", "/");
        let mut kinds = Vec::new();
        let take = |order: Order<'_>| kinds.push((order.what.kind(), order.mode));
        let done = each_order(key.key(), SiteId(0), &headers(fields), take);
        assert!(done.is_ok() || kinds.is_empty(), "{fields:?}");
        done.map(|()| kinds)
    }

    #[test]
    fn a_request_purges_its_tags_or_its_url() {
        let (url, tag) = ((Kind::Url, Mode::Hard), (Kind::Tag, Mode::Soft));
        assert_eq!(orders(&[]), Ok(vec![url]));
        assert_eq!(orders(&[("x-purge-mode", "SOFT")]), Ok(vec![(Kind::Url, Mode::Soft)]));
        assert_eq!(orders(&[("xkey", " a  b ")]), Ok(vec![tag; 2]));
        let same = [("x-purge-mode", "hard"), ("x-purge-mode", "Hard"), ("xkey", "a")];
        assert_eq!(orders(&same), Ok(vec![(Kind::Tag, Mode::Hard)]));
    }

    #[test]
    fn what_is_not_clear_purges_nothing() {
        for bad in ["", "softly", "hard, soft", "hard soft"] {
            assert_eq!(orders(&[("x-purge-mode", bad)]), Err(BadPurge::Mode), "{bad}");
        }
        let two = [("x-purge-mode", "hard"), ("x-purge-mode", "soft"), ("xkey", "a")];
        assert_eq!(orders(&two), Err(BadPurge::Mode));
        for (name, value) in
            [("xkey", ""), ("surrogate-key", "  "), ("cache-tag", ", ,"), ("cache-groups", "\"\"")]
        {
            assert_eq!(orders(&[(name, value)]), Err(BadPurge::NoTags), "{name}");
        }
    }

    #[test]
    fn json_is_for_those_who_name_it() {
        for (accept, wants) in [
            ("application/json", true),
            ("text/plain, Application/JSON; q=0.5", true),
            ("*/*", false),
            ("application/*", false),
            ("application/json;q=0", false),
            ("application/json ; q=0.000", false),
            ("application/jsonx", false),
        ] {
            assert_eq!(wants_json(&headers(&[("accept", accept)])), wants, "{accept}");
        }
        assert!(!wants_json(&HeaderMap::new()));
    }

    #[test]
    fn a_receipt_tells_what_is_known() {
        let url = Receipt { seq: Seq(7), kind: Kind::Url, mode: Mode::Hard, entries: Some(1) };
        let tag = Receipt { seq: Seq(8), kind: Kind::Tag, mode: Mode::Soft, entries: None };
        let one = json!({ "id": "cp1:7", "seq": 7, "kind": "url", "mode": "hard", "entries": 1 });
        assert_eq!(receipt("cp1", &[url]), one);
        let both = receipt("cp1", &[url, tag]);
        assert_eq!(both["orders"][0], one);
        assert!(
            both["orders"][1]["note"].as_str().is_some_and(|note| note.contains("revalidated"))
        );
        assert_eq!(both["orders"][1].get("entries"), None);
    }
}
