//! What a message of the stream says. It is an event of the schema `/resource_change/1.0.0`, of which
//! `meta.uri` alone is needed (its `tags` are for who else reads the topic, and no cache tags); or an order
//! in an event of our own, for what that schema cannot say:
//!
//! ```json
//! {"$schema": "/tidegate/purge/1.0.0", "order": {"tag": "page-42", "site": "wiki"}}
//! ```

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

/// The longest message that is read: a URI has at most 8 192 bytes by the schema, and there is little else.
const LONGEST: usize = 256 << 10;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    meta: Meta<'a>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    uri: Cow<'a, str>,
}

/// Our own schema.
const ORDER: &str = "/tidegate/purge/1.0.0";

/// The event that says that `url` has changed.
pub fn changed(url: &str) -> String {
    let meta = json!({ "uri": url, "stream": "resource-purge" });
    json!({ "$schema": "/resource_change/1.0.0", "meta": meta, "tags": ["tidegate"] }).to_string()
}

/// The event with an order in it.
pub fn ordered(order: &Value) -> String {
    json!({ "$schema": ORDER, "order": order }).to_string()
}

/// The order in `message`, if that is an event of our own.
pub fn order(message: &[u8]) -> Option<Value> {
    let Value::Object(mut event) = serde_json::from_slice(message).ok()? else { return None };
    event.remove("order").filter(|_| event.get("$schema").is_some_and(|schema| schema == ORDER))
}

/// The URL that `message` says has changed.
///
/// # Errors
/// What keeps it from being an event, in words.
pub fn uri(message: &[u8]) -> Result<Cow<'_, str>, Cow<'static, str>> {
    if message.len() > LONGEST {
        return Err(Cow::Owned(format!(
            "it has {} bytes; an event has at most {LONGEST}",
            message.len()
        )));
    }
    let event: Event<'_> =
        serde_json::from_slice(message).map_err(|error| Cow::Owned(error.to_string()))?;
    Ok(event.meta.uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_is_found_among_whatever_else_there_is() {
        let event = br#"{"$schema":"/resource_change/1.0.0","tags":["mediawiki"],"meta":{
            "stream":"resource-purge","uri":"https://w.test/wiki/A","domain":"w.test","dt":"never"},
            "root_event":{"signature":"x","dt":7}}"#;
        assert_eq!(uri(event).unwrap(), "https://w.test/wiki/A");
        let escaped = br#"{"meta":{"uri":"https:\/\/w.test\/wiki\/\u00c4"}}"#;
        assert_eq!(uri(escaped).unwrap(), "https://w.test/wiki/Ä");
    }

    #[test]
    fn what_is_written_is_read() {
        let url = "https://w.test/wiki/\"A\"";
        assert_eq!(uri(changed(url).as_bytes()).unwrap(), url);
        let wanted = json!({ "tag": "a", "site": "w" });
        assert_eq!(order(ordered(&wanted).as_bytes()), Some(wanted));
        assert_eq!(order(changed(url).as_bytes()), None);
        assert_eq!(order(br#"{"order":{"everything":true}}"#), None);
        assert_eq!(order(br#"{"$schema":"/other/1.0.0","order":{}}"#), None);
        assert_eq!(order(b"[1]"), None);
    }

    #[test]
    fn what_is_no_event_says_why() {
        for (message, why) in [
            (&b""[..], "EOF"),
            (b"{", "EOF"),
            (b"[]", "length 0"),
            (b"{}", "meta"),
            (br#"{"meta":{}}"#, "uri"),
            (br#"{"meta":{"uri":7}}"#, "string"),
            (br#"{"meta":{"uri":null}}"#, "string"),
            (br#"{"meta":{"uri":"a"}} x"#, "trailing"),
            (b"{\"meta\":{\"uri\":\"\xff\"}}", "code point"),
        ] {
            let said = uri(message).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        // Depth is bounded by the parser.
        assert!(uri(&b"[".repeat(100_000)).is_err());
        assert!(uri(&vec![b' '; LONGEST + 1]).unwrap_err().contains("bytes"));
    }
}
