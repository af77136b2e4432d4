//! What a watch tells, and what is no entry.

use super::*;
use crate::config::Pooled;

fn line(value: &Value) -> Result<Told, String> {
    told(&Bytes::from(value.to_string()), "/p/")
}

fn kv(key: &str, value: &str) -> Value {
    json!({ "key": STANDARD.encode(key), "value": STANDARD.encode(value), "mod_revision": "9" })
}

#[test]
fn a_watch_tells_of_puts_and_deletes() {
    let events = json!([
        { "kv": kv("/p/datacenters/eqiad", r#"{"pooled":"no"}"#) },
        { "type": "DELETE", "kv": kv("/p/discovery/wiki/eqiad", "") },
        { "kv": kv("/p/datacenters/codfw", "{") },
        { "kv": kv("/p/acks/eqiad/cp1", "{}") },
        { "kv": kv("/elsewhere", "{}") },
    ]);
    let told = line(&json!({ "result": { "header": { "revision": "9" }, "events": events } }));
    let no = Entry { pooled: Pooled::No, weight: None };
    let entries =
        vec![("datacenters/eqiad".to_owned(), Some(no)), ("discovery/wiki/eqiad".to_owned(), None)];
    assert_eq!(told, Ok(Told::Changed(Changes { revision: 9, entries })));
}

#[test]
fn a_watch_that_ends_says_so() {
    for value in [
        json!({ "result": { "canceled": true, "compact_revision": "7" } }),
        json!({ "error": { "http_code": 503 } }),
    ] {
        assert!(matches!(line(&value), Ok(Told::Ended(_))), "{value}");
    }
    let created = json!({ "result": { "created": true, "header": { "revision": "3" } } });
    assert_eq!(line(&created), Ok(Told::Nothing));
    assert!(told(&Bytes::from("nonsense"), "/p/").is_err());
}

#[test]
fn the_range_of_a_prefix_ends_behind_it() {
    assert_eq!(end_of("/tidegate/v1/"), "/tidegate/v10");
    assert!("/tidegate/v1/zzz" < "/tidegate/v10" && "/tidegate/v1/" < "/tidegate/v10");
}
