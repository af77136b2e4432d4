//! etcd's JSON gateway (etcd 3.4 and later: `/v3/kv/range`, `/v3/kv/txn`, `/v3/watch`): keys and values in
//! Base64, numbers as strings, and what is zero or empty left out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, StatusCode, Uri};
use serde_json::{Value, json};

use super::known::{Changes, Snapshot};
use super::state::{Entry, is_key};
use crate::base::{Body, Clock};
use crate::config::{self, Broker};
use crate::net::client_tls;
use crate::net::dial::Tls;
use crate::net::http_client::{Client, ClientError, Lines, Reach};

/// How long an answer may take, connecting included.
const LIMIT: Duration = Duration::from_secs(3);
/// Entries that are asked for at once: an answer of so many is below a mebibyte.
const PAGE: usize = 1000;

/// One member of an etcd cluster.
#[derive(Debug)]
pub struct Etcd {
    member: String,
    /// What the keys begin with, its last `/` included.
    prefix: String,
    clock: Clock,
    reach: Reach,
    client: Client,
    /// As whom it is asked, and the file with the password.
    user: Option<(Arc<str>, PathBuf)>,
    /// What it gave for them.
    token: Option<HeaderValue>,
}

/// What changes from a revision on.
pub struct Watching {
    lines: Lines,
    prefix: String,
}

/// What a watch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Entries are others now.
    Changed(Changes),
    /// Nothing that concerns entries.
    Nothing,
    /// It ends: what was to come next is forgotten by now, or the member does not say why.
    Ended(String),
}

/// The first of the members that `fleet` names which answers, and all entries.
///
/// # Errors
/// None does: why, a line for each.
pub async fn reach(fleet: &config::Fleet, clock: &Clock) -> Result<(Etcd, Snapshot), String> {
    let mut errors = Vec::new();
    for member in &fleet.etcd {
        let mut etcd = Etcd::new(fleet, member, clock)?;
        match etcd.all().await {
            Ok(snapshot) => return Ok((etcd, snapshot)),
            Err(why) => errors.push(why),
        }
    }
    Err(errors.join("\n"))
}

impl Etcd {
    /// A `member` of those that `fleet` names.
    ///
    /// # Errors
    /// A sentence about its TLS settings.
    pub fn new(fleet: &config::Fleet, member: &Broker, clock: &Clock) -> Result<Self, String> {
        let tls = fleet.etcd_tls.as_ref().map(|tls| {
            let config = client_tls::client_config(tls.roots.as_ref(), tls.identity.as_ref())?;
            Ok::<_, String>(Tls { config, name: client_tls::server_name(&member.host)? })
        });
        let reach = Reach { address: member.to_string(), tls: tls.transpose()? };
        Ok(Self {
            member: member.to_string(),
            prefix: format!("{}/", fleet.prefix),
            clock: clock.clone(),
            client: Client::new(reach.clone(), clock.clone(), LIMIT),
            reach,
            user: fleet.etcd_user.clone(),
            token: None,
        })
    }

    /// All entries.
    ///
    /// # Errors
    /// What keeps it from being known.
    pub async fn all(&mut self) -> Result<Snapshot, String> {
        let mut snapshot = Snapshot::default();
        let end = end_of(&self.prefix);
        let mut from = self.prefix.clone();
        loop {
            let asked = json!({
                "key": STANDARD.encode(&from),
                "range_end": STANDARD.encode(&end),
                "limit": PAGE.to_string(),
                // All pages are of the first one's revision.
                "revision": snapshot.revision.to_string(),
            });
            let answer = self.ask("/v3/kv/range", &asked).await?;
            let kvs = answer["kvs"].as_array().map_or(&[][..], Vec::as_slice);
            if snapshot.revision == 0 {
                snapshot.revision =
                    number(&answer["header"]["revision"]).ok_or("it told no revision")?;
                snapshot.cluster = text(&answer["header"]["cluster_id"]);
            }
            for kv in kvs {
                match entry(kv, &self.prefix) {
                    Some((key, Some(entry))) => {
                        snapshot.state.set(&key, Some(entry));
                        let revision = number(&kv["mod_revision"]).unwrap_or_default();
                        snapshot.written.insert(key, revision);
                    }
                    Some((key, None)) => snapshot.unreadable.push(key),
                    None => {}
                }
            }
            match kvs.last().and_then(|kv| decoded(&kv["key"])) {
                // The next key there can be.
                Some(last) if answer["more"] == true => from = last + "\0",
                _ => return Ok(snapshot),
            }
        }
    }

    /// Whether the member still answers: the revision that it is at.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&mut self) -> Result<i64, String> {
        let asked = json!({ "key": STANDARD.encode(&self.prefix), "count_only": true });
        let answer = self.ask("/v3/kv/range", &asked).await?;
        Ok(number(&answer["header"]["revision"]).unwrap_or_default())
    }

    /// What changes after `revision`.
    ///
    /// # Errors
    /// The member does not tell.
    pub async fn watch(&mut self, revision: i64) -> Result<Watching, String> {
        self.sign_in(false).await?;
        let asked = json!({ "create_request": {
            "key": STANDARD.encode(&self.prefix),
            "range_end": STANDARD.encode(end_of(&self.prefix)),
            "start_revision": (revision + 1).to_string(),
        }});
        let request = self.request("/v3/watch", &asked)?;
        let opened = Lines::open(&self.reach, request, &self.clock, LIMIT).await;
        let lines = opened.map_err(|error| error.to_string())?;
        Ok(Watching { lines, prefix: self.prefix.clone() })
    }

    /// Writes all of `entries` where nothing of all that is there was written after `revision`, by which the
    /// change was judged; whether that is so.
    ///
    /// # Errors
    /// What keeps that from being known: they may be written or not.
    pub async fn write(
        &mut self,
        entries: &[(String, Option<Entry>)],
        revision: i64,
    ) -> Result<bool, String> {
        let coded = |key: &str| STANDARD.encode(format!("{}{key}", self.prefix));
        let put = |(key, entry): &(String, Option<Entry>)| match entry {
            Some(entry) => {
                let value = STANDARD.encode(entry.value().to_string());
                json!({ "request_put": { "key": coded(key), "value": value } })
            }
            None => json!({ "request_delete_range": { "key": coded(key) } }),
        };
        let untouched = json!({
            "key": STANDARD.encode(&self.prefix),
            "range_end": STANDARD.encode(end_of(&self.prefix)),
            "target": "MOD",
            "result": "LESS",
            "mod_revision": (revision + 1).to_string(),
        });
        let asked = json!({
            "compare": [untouched],
            "success": entries.iter().map(put).collect::<Vec<_>>(),
        });
        Ok(self.ask("/v3/kv/txn", &asked).await?["succeeded"] == true)
    }

    /// A lease that ends after `time`, unless it is renewed.
    ///
    /// # Errors
    /// The member gives none.
    pub async fn lease(&mut self, time: Duration) -> Result<String, String> {
        let answer =
            self.ask("/v3/lease/grant", &json!({ "TTL": time.as_secs().to_string() })).await?;
        answer["ID"].as_str().map(str::to_owned).ok_or_else(|| "it gave no lease".to_owned())
    }

    /// Renews `lease`; whether there is still such a one.
    ///
    /// # Errors
    /// The member does not say.
    pub async fn renew(&mut self, lease: &str) -> Result<bool, String> {
        let answer = self.ask("/v3/lease/keepalive", &json!({ "ID": lease })).await?;
        Ok(number(&answer["result"]["TTL"]).unwrap_or_default() > 0)
    }

    /// Writes what `node` says of itself, for as long as `lease` lasts.
    ///
    /// # Errors
    /// The member does not take it.
    pub async fn sign(&mut self, node: &str, says: &Value, lease: &str) -> Result<(), String> {
        let asked = json!({
            "key": STANDARD.encode(format!("{}{node}", self.roll())),
            "value": STANDARD.encode(says.to_string()),
            "lease": lease,
        });
        self.ask("/v3/kv/put", &asked).await.map(drop)
    }

    /// What each living node says of itself.
    ///
    /// # Errors
    /// The member does not tell.
    pub async fn living(&mut self) -> Result<Vec<(String, Value)>, String> {
        let roll = self.roll();
        let asked = json!({
            "key": STANDARD.encode(&roll),
            "range_end": STANDARD.encode(end_of(&roll)),
        });
        let answer = self.ask("/v3/kv/range", &asked).await?;
        let kvs = answer["kvs"].as_array().map_or(&[][..], Vec::as_slice);
        let node = |kv: &Value| {
            let node = decoded(&kv["key"])?.strip_prefix(&roll)?.to_owned();
            Some((node, serde_json::from_str(&decoded(&kv["value"])?).ok()?))
        };
        Ok(kvs.iter().filter_map(node).collect())
    }

    /// What the keys of the roll begin with: none of the entries that are watched.
    fn roll(&self) -> String {
        format!("{}-roll/", self.prefix.trim_end_matches('/'))
    }

    fn request(&self, path: &'static str, body: &Value) -> Result<Request<Body>, String> {
        let host = HeaderValue::try_from(&self.member).map_err(|error| error.to_string())?;
        let mut request = Request::post(Uri::from_static(path))
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        request.body(Body::from_bytes(body.to_string())).map_err(|error| error.to_string())
    }

    async fn ask(&mut self, path: &'static str, body: &Value) -> Result<Value, String> {
        self.sign_in(false).await?;
        match self.ask_once(path, body).await {
            // A token has its time, ends with its member, and is not good after a change of roles.
            Err((status, why))
                if self.user.is_some()
                    && (status == StatusCode::UNAUTHORIZED || why.contains("auth")) =>
            {
                self.sign_in(true).await?;
                self.ask_once(path, body).await.map_err(|(_, why)| why)
            }
            answer => answer.map_err(|(_, why)| why),
        }
    }

    /// Gets a token where one is needed and there is none, or it must be another.
    async fn sign_in(&mut self, again: bool) -> Result<(), String> {
        let Some((name, file)) = self.user.clone().filter(|_| again || self.token.is_none()) else {
            return Ok(());
        };
        self.token = None;
        let password = std::fs::read_to_string(&file);
        let password = password.map_err(|error| format!("{}: {error}", file.display()))?;
        let asked = json!({ "name": *name, "password": password.trim_end_matches(['\r', '\n']) });
        let answer = self.ask_once("/v3/auth/authenticate", &asked).await;
        let answer = answer.map_err(|(_, why)| why)?;
        let token = HeaderValue::try_from(text(&answer["token"])).ok();
        self.token = token.filter(|token| !token.is_empty());
        self.token.iter_mut().for_each(|token| token.set_sensitive(true));
        self.token.as_ref().map(drop).ok_or_else(|| format!("{}: it gave no token", self.member))
    }

    /// Asks; how it is answered, if not well, and why.
    async fn ask_once(
        &mut self,
        path: &'static str,
        body: &Value,
    ) -> Result<Value, (StatusCode, String)> {
        let ours = |why| (StatusCode::BAD_GATEWAY, why);
        let request = self.request(path, body).map_err(ours)?;
        let sent = self.client.send(request).await;
        let answer = sent.map_err(|error: ClientError| ours(error.to_string()))?;
        let value: Value = serde_json::from_slice(answer.body())
            .map_err(|error| ours(format!("{}: no JSON: {error}", self.member)))?;
        if answer.status().is_success() {
            return Ok(value);
        }
        let why = value["message"].as_str().or(value["error"].as_str()).unwrap_or_default();
        Err((answer.status(), format!("{}: answered {}: {why}", self.member, answer.status())))
    }
}

impl Watching {
    /// What comes next.
    ///
    /// # Errors
    /// The connection breaks, or what comes is not what a watch tells.
    pub async fn next(&mut self) -> Result<Told, String> {
        let line = self.lines.next().await.map_err(|error| error.to_string())?;
        match line {
            Some(line) => told(&line, &self.prefix),
            None => Ok(Told::Ended("it ended".to_owned())),
        }
    }
}

fn told(line: &Bytes, prefix: &str) -> Result<Told, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("no JSON: {error}"))?;
    let result = &value["result"];
    if result["canceled"] == true || !value["error"].is_null() {
        let compacted = number(&result["compact_revision"]).unwrap_or(0) > 0;
        let why = if compacted { "what came next is compacted" } else { "it was cancelled" };
        return Ok(Told::Ended(why.to_owned()));
    }
    let events = result["events"].as_array().map_or(&[][..], Vec::as_slice);
    let change = |event: &Value| match event["type"].as_str() {
        Some("DELETE") => {
            let key = decoded(&event["kv"]["key"])?;
            Some((key.strip_prefix(prefix)?.to_owned(), None)).filter(|(key, _)| is_key(key))
        }
        // An entry that cannot be read is left as it was.
        _ => entry(&event["kv"], prefix).filter(|(_, entry)| entry.is_some()),
    };
    let entries: Vec<_> = events.iter().filter_map(change).collect();
    match number(&result["header"]["revision"]) {
        Some(revision) if !entries.is_empty() => Ok(Told::Changed(Changes { revision, entries })),
        _ => Ok(Told::Nothing),
    }
}

/// The key of an entry, without `prefix`, and what its value says. `None` where it is none of ours.
fn entry(kv: &Value, prefix: &str) -> Option<(String, Option<Entry>)> {
    let whole = decoded(&kv["key"])?;
    let key = whole.strip_prefix(prefix).filter(|key| is_key(key))?.to_owned();
    let value = STANDARD.decode(kv["value"].as_str().unwrap_or_default()).unwrap_or_default();
    let read = serde_json::from_slice(&value)
        .map_err(|error| error.to_string())
        .and_then(|value| Entry::read(&value));
    if let Err(why) = &read {
        tracing::warn!(key, why, "an entry in etcd cannot be read: it is left as it was");
    }
    Some((key, read.ok()))
}

/// The end of the range of all that begins with `prefix`.
fn end_of(prefix: &str) -> String {
    // `0` comes after `/`.
    format!("{}0", prefix.strip_suffix('/').unwrap_or(prefix))
}

fn decoded(value: &Value) -> Option<String> {
    String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok()
}

fn number(value: &Value) -> Option<i64> {
    value.as_str()?.parse().ok()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "etcd_tests.rs"]
mod tests;
