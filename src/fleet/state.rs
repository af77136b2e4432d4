//! What is pooled, as somebody has decided: entries under keys in the manner of conftool, whose values are
//! JSON.
//!
//! ```text
//! datacenters/eqiad                      {"pooled": "no"}
//! discovery/wiki/codfw                   {"pooled": "yes"}             the primary of an active/passive cluster
//! pools/eqiad/wiki/10.64.0.1:80          {"pooled": "yes", "weight": 10}
//! nodes/eqiad/https://cp1.eqiad:8443     {"pooled": "no"}              as others' `edges` name it
//! ```
//!
//! A cluster whose servers are in no datacenter has them in `-`. `pooled` is `yes`, `no` or `inactive`, or true or false. What has no entry is as configured.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::Pooled;

/// What somebody has decided of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whether it takes requests.
    pub pooled: Pooled,
    /// Its share, where that is decided too.
    pub weight: Option<u32>,
}

/// Entries by their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State(BTreeMap<String, Entry>);

/// The datacenter of a cluster's servers, where the node knows of none.
pub const NOWHERE: &str = "-";

/// Entries beyond which there are no more.
pub const MOST: usize = 100_000;
/// The largest share.
const HEAVIEST: u32 = 65_535;

impl Entry {
    /// What `value` says.
    ///
    /// # Errors
    /// A sentence about what it has not.
    pub fn read(value: &Value) -> Result<Self, String> {
        let pooled = match &value["pooled"] {
            Value::Bool(true) => Pooled::Yes,
            Value::Bool(false) => Pooled::No,
            Value::String(word) => Pooled::of(word)
                .ok_or_else(|| format!("`pooled` is yes, no or inactive, not {word:?}"))?,
            _ => return Err("there is no `pooled`: it is yes, no or inactive".to_owned()),
        };
        let weight = match &value["weight"] {
            Value::Null => None,
            weight => {
                let number = weight.as_u64().and_then(|weight| u32::try_from(weight).ok());
                let number = number.filter(|weight| *weight <= HEAVIEST);
                Some(
                    number
                        .ok_or_else(|| format!("`weight` is from 0 to {HEAVIEST}, not {weight}"))?,
                )
            }
        };
        Ok(Self { pooled, weight })
    }

    /// It as [`read`](Self::read) reads it.
    pub fn value(&self) -> Value {
        let mut value = json!({ "pooled": self.pooled.as_str() });
        if let Some(weight) = self.weight {
            value["weight"] = weight.into();
        }
        value
    }
}

impl State {
    /// The key of a datacenter.
    pub fn datacenter(name: &str) -> String {
        format!("datacenters/{name}")
    }

    /// The key of a datacenter as the primary of a cluster.
    pub fn primary(cluster: &str, datacenter: &str) -> String {
        format!("discovery/{cluster}/{datacenter}")
    }

    /// The key of a server.
    pub fn server(datacenter: &str, cluster: &str, server: &str) -> String {
        format!("pools/{datacenter}/{cluster}/{server}")
    }

    /// The key of a node, which others find at `address`.
    pub fn node(datacenter: &str, address: &str) -> String {
        format!("nodes/{datacenter}/{address}")
    }

    /// The entry under `key`.
    pub fn get(&self, key: &str) -> Option<Entry> {
        self.0.get(key).copied()
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Entry)> {
        self.0.iter().map(|(key, entry)| (key.as_str(), *entry))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts `entry` under `key`, or takes away what is there; whether there was room.
    pub fn set(&mut self, key: &str, entry: Option<Entry>) -> bool {
        match entry {
            Some(_) if self.0.len() >= MOST && !self.0.contains_key(key) => return false,
            Some(entry) => self.0.insert(key.to_owned(), entry),
            None => self.0.remove(key),
        };
        true
    }

    /// The same, with what `over` says instead where it says something.
    #[must_use]
    pub fn under(&self, over: &Self) -> Self {
        let mut merged = self.0.clone();
        merged.extend(over.0.iter().map(|(key, entry)| (key.clone(), *entry)));
        Self(merged)
    }

    /// The same without what is decided of one cluster's primary.
    #[must_use]
    pub fn without(&self, cluster: &str) -> Self {
        let primary = format!("discovery/{cluster}/");
        let others = self.0.iter().filter(|(key, _)| !key.starts_with(&primary));
        Self(others.map(|(key, entry)| (key.clone(), *entry)).collect())
    }

    /// What an object of entries by keys says.
    ///
    /// # Errors
    /// A sentence about what is wrong with it; the first thing.
    pub fn read(value: &Value) -> Result<Self, String> {
        let entries = value.as_object().ok_or("it is no JSON object of entries by keys")?;
        let mut state = Self::default();
        for (key, value) in entries {
            let entry = Entry::read(value).map_err(|why| format!("{key:?}: {why}"))?;
            if !is_key(key) {
                return Err(format!(
                    "{key:?} is no key: datacenters/NAME, discovery/CLUSTER/DATACENTER, \
                     pools/DATACENTER/CLUSTER/SERVER or nodes/DATACENTER/ADDRESS"
                ));
            }
            if !state.set(key, Some(entry)) {
                return Err(format!("it has more than {MOST} entries"));
            }
        }
        Ok(state)
    }

    /// It as [`read`](Self::read) reads it.
    pub fn value(&self) -> Value {
        Value::Object(self.iter().map(|(key, entry)| (key.to_owned(), entry.value())).collect())
    }
}

/// Whether something can be decided under `key`.
pub fn is_key(key: &str) -> bool {
    let mut parts = key.split('/');
    let rest = match parts.next() {
        Some("datacenters") => 1,
        Some("discovery" | "nodes") => 2,
        Some("pools") => 3,
        _ => return false,
    };
    // A server may be written with a scheme, so the last has what is left.
    let parts: Vec<&str> = key.splitn(rest + 1, '/').skip(1).collect();
    parts.len() == rest && parts.iter().all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_conftool_writes_them() {
        let entry = |pooled, weight| Ok(Entry { pooled, weight });
        for (text, read) in [
            (r#"{"pooled":"yes","weight":10}"#, entry(Pooled::Yes, Some(10))),
            (r#"{"pooled":"no"}"#, entry(Pooled::No, None)),
            (r#"{"pooled":"inactive","weight":0}"#, entry(Pooled::Inactive, Some(0))),
            (r#"{"pooled":true,"ttl":300,"references":[]}"#, entry(Pooled::Yes, None)),
            (r#"{"pooled":false}"#, entry(Pooled::No, None)),
        ] {
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(Entry::read(&value), read, "{text}");
            if let Ok(read) = read {
                assert_eq!(Entry::read(&read.value()), Ok(read));
            }
        }
        for text in ["{}", "[]", "1", r#"{"pooled":"maybe"}"#, r#"{"pooled":"yes","weight":-1}"#] {
            assert!(Entry::read(&serde_json::from_str(text).unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_read_is_what_was_written_and_bad_keys_are_named() {
        let text = r#"{"datacenters/eqiad":{"pooled":"no"},"nodes/eqiad/https://[::1]:81":{"pooled":"yes"},"pools/eqiad/wiki/https://[::1]:80":{"pooled":"yes","weight":3}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let state = State::read(&value).unwrap();
        assert_eq!(state.value(), value);
        for key in ["", "datacenters", "datacenters/", "pools/eqiad/wiki", "roads/x", "nodes/eqiad"]
        {
            assert!(!is_key(key), "{key}");
            let value = json!({ key: { "pooled": "no" } });
            assert!(State::read(&value).unwrap_err().contains("is no key"), "{key}");
        }
    }

    #[test]
    fn what_lies_over_another_wins() {
        let of = |value| State::read(&value).unwrap();
        let below =
            of(json!({"datacenters/a": {"pooled": "yes"}, "datacenters/b": {"pooled": "no"}}));
        let over = of(json!({"datacenters/a": {"pooled": "no"}}));
        let merged = below.under(&over);
        assert_eq!(merged.get("datacenters/a").map(|entry| entry.pooled), Some(Pooled::No));
        assert_eq!(merged.get("datacenters/b").map(|entry| entry.pooled), Some(Pooled::No));
    }
}
