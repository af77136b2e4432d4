//! Orders by `POST /purge` on the admin listener: some hundred in a request, so that a list of any
//! length is neither held here nor more than an answer of one request may hold.

use std::fs;
use std::time::Duration;

use http::{HeaderValue, Request};
use serde_json::{Value, json};

use super::list::Source;
use super::progress::Progress;
use super::{ADMIN, Options};
use crate::base::{Body, Clock};
use crate::cli::Exit;
use crate::cli::terminal::{complain, say};
use crate::net::Client;
use crate::purge::word;

/// Orders of one request; their results are far below the most that an answer may have.
const TOGETHER: usize = 500;
/// How long a request may take. A dry run may look at all that is stored.
const LIMIT: Duration = Duration::from_secs(60);

/// How long is waited before what was over a token's rate is sent again, and how often in vain.
const AGAIN: Duration = Duration::from_secs(1);
const PATIENCE: u32 = 60;

/// An order with what it is called in the output.
pub(super) type Named = (String, Value);

/// Has the admin listener carry out what `options` and `source` name; a line for each.
///
/// # Errors
/// The listener cannot be asked, or takes no orders from here. What was told before is done.
pub(super) async fn send(source: Source, options: &Options) -> Result<Exit, String> {
    let (token, clock) = (token(options)?, Clock::system());
    let mut api = Api {
        client: Client::new(options.admin.as_deref().unwrap_or(ADMIN), clock.clone(), LIMIT),
        clock,
        token,
        progress: Progress::new(source.is_file()),
    };
    let sent = send_all(&mut api, source, options).await;
    api.progress.end();
    sent.map(|()| if api.progress.failed == 0 { Exit::Ok } else { Exit::Failed })
}

async fn send_all(api: &mut Api, mut source: Source, options: &Options) -> Result<(), String> {
    let mut orders = scoped(options);
    while let Some(next) = source.next() {
        match next {
            Ok(url) => orders.push((url.clone(), finished(json!({ "url": url }), options))),
            Err(why) => {
                complain(why);
                api.progress.add(false);
            }
        }
        if orders.len() >= TOGETHER {
            api.send(std::mem::take(&mut orders)).await?;
        }
    }
    while !orders.is_empty() {
        let rest = orders.split_off(orders.len().min(TOGETHER));
        api.send(std::mem::replace(&mut orders, rest)).await?;
    }
    Ok(())
}

/// The orders that are no pages.
pub(super) fn scoped(options: &Options) -> Vec<Named> {
    let site = options.site.as_deref();
    let mut orders = Vec::new();
    let mut add = |name: String, what: Value| orders.push((name, finished(what, options)));
    for tag in &options.tag {
        add(format!("tag {tag}"), json!({ "tag": tag, "site": site }));
    }
    for prefix in &options.prefix {
        add(format!("prefix {prefix}"), json!({ "prefix": prefix }));
    }
    for regex in &options.regex {
        let mut what = json!({ "regex": regex });
        if let Some(site) = site {
            what["site"] = site.into();
        }
        add(format!("regex {regex}"), what);
    }
    if let Some(site) = site.filter(|_| options.tag.is_empty() && options.regex.is_empty()) {
        add(format!("site {site}"), json!({ "site": site }));
    }
    if options.everything {
        add("everything".into(), json!({ "everything": true }));
    }
    orders
}

/// `order` with what is said of all of them.
pub(super) fn finished(mut order: Value, options: &Options) -> Value {
    if let Some(mode) = options.mode() {
        order["mode"] = word(mode).into();
    }
    if options.dry_run {
        order["dry"] = true.into();
    }
    order
}

/// The field that shows the token, if there is one.
fn token(options: &Options) -> Result<Option<HeaderValue>, String> {
    let secret = match &options.token_file {
        Some(path) => {
            let read = fs::read_to_string(path);
            Some(read.map_err(|error| format!("{}: {error}", path.display()))?)
        }
        None => std::env::var("TIDEGATE_TOKEN").ok(),
    };
    let Some(secret) = secret else { return Ok(None) };
    let field = HeaderValue::from_str(&format!("Bearer {}", secret.trim()));
    let mut field = field.map_err(|_| "the token holds what no header field may")?;
    field.set_sensitive(true);
    Ok(Some(field))
}

/// The admin listener.
struct Api {
    client: Client,
    clock: Clock,
    token: Option<HeaderValue>,
    progress: Progress,
}

impl Api {
    /// Sends `orders` and tells what became of each. Those that are over the token's rate are sent again, as
    /// many at a time as were not.
    async fn send(&mut self, mut orders: Vec<Named>) -> Result<(), String> {
        let (mut most, mut patience) = (orders.len(), PATIENCE);
        while !orders.is_empty() {
            let rest = orders.split_off(orders.len().min(most));
            let sent = orders.len();
            orders = self.send_once(orders, patience > 0).await?;
            if !orders.is_empty() {
                most = (sent - orders.len()).max(1);
                patience = if orders.len() < sent { PATIENCE } else { patience - 1 };
                self.clock.sleep(AGAIN).await;
            }
            orders.extend(rest);
        }
        Ok(())
    }

    /// Sends `orders` and tells what became of each but those that are over the token's rate, where `again`
    /// says that they may be sent again: these.
    async fn send_once(&mut self, orders: Vec<Named>, again: bool) -> Result<Vec<Named>, String> {
        let lines: String = orders.iter().map(|(_, order)| format!("{order}\n")).collect();
        let request = Request::post("/purge")
            .header("host", "tidegate")
            .header("content-type", "application/x-ndjson")
            .header("content-length", lines.len())
            .body(Body::from_bytes(lines));
        let mut request = request.map_err(|error| error.to_string())?;
        if let Some(token) = &self.token {
            request.headers_mut().insert("authorization", token.clone());
        }
        let answer = self.client.send(request).await.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(answer.body());
        if !answer.status().is_success() {
            let why: Option<Value> = serde_json::from_str(&text).ok();
            let why = why.and_then(|why| Some(why["message"].as_str()?.to_owned()));
            let status = answer.status().as_u16();
            return Err(format!("{status}: {}", why.unwrap_or_else(|| "no purge API".into())));
        }
        let (mut results, mut left) = (text.lines(), Vec::new());
        for (name, order) in orders {
            let result = results.next().and_then(|line| serde_json::from_str(line).ok());
            let result: Value = result.unwrap_or_default();
            if again && result["error"] == "too-many" {
                left.push((name, order));
                continue;
            }
            let (ok, told) = told(&result);
            say(format_args!("{told} {name}"));
            self.progress.add(ok);
        }
        Ok(left)
    }
}

/// Whether an order was carried out, and what is said before its name.
fn told(result: &Value) -> (bool, String) {
    if result["ok"] != json!(true) {
        let why = result["message"].as_str().unwrap_or("not answered");
        return (false, format!("failed ({why})"));
    }
    let mode = result["mode"].as_str().unwrap_or_default();
    let entries = result["entries"].as_u64().map(|entries| match entries {
        1 => ", 1 entry".to_owned(),
        _ => format!(", {entries} entries"),
    });
    let entries = entries.unwrap_or_default();
    match result["seq"].as_u64() {
        Some(seq) => (true, format!("{mode} at {seq}{entries}:")),
        None => (true, format!("{mode}, dry{entries}:")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn orders(line: &str) -> Vec<Value> {
        let line = Line::try_parse_from(line.split(' ')).unwrap();
        scoped(&line.options).into_iter().map(|(_, order)| order).collect()
    }

    #[test]
    fn options_become_orders() {
        for (line, expected) in [
            ("purge --site w", json!([{ "site": "w" }])),
            (
                "purge --tag a --tag b --site w",
                json!([{ "tag": "a", "site": "w" }, { "tag": "b", "site": "w" }]),
            ),
            ("purge --regex a", json!([{ "regex": "a" }])),
            (
                "purge --regex a --site w --soft",
                json!([{ "regex": "a", "site": "w", "mode": "soft" }]),
            ),
            ("purge --prefix http://w/ --hard", json!([{ "prefix": "http://w/", "mode": "hard" }])),
            ("purge --everything --dry-run", json!([{ "everything": true, "dry": true }])),
            ("purge http://w/", json!([])),
        ] {
            assert_eq!(json!(orders(line)), expected, "{line}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in ["purge", "purge --soft", "purge --tag a", "purge http://w/ --soft --hard"] {
            assert!(Line::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn results_are_told_in_words() {
        let told = |result| told(&result).1;
        let done = json!({ "ok": true, "seq": 7, "mode": "hard", "entries": 1 });
        assert_eq!(told(done), "hard at 7, 1 entry:");
        assert_eq!(
            told(json!({ "ok": true, "mode": "soft", "entries": 3 })),
            "soft, dry, 3 entries:"
        );
        assert_eq!(
            told(json!({ "ok": false, "error": "bad-order", "message": "no" })),
            "failed (no)"
        );
        assert_eq!(told(Value::Null), "failed (not answered)");
    }
}
