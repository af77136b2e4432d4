//! Orders by the purge stream: they are written into the first topic of the configuration's first
//! `[[purge.stream]]`, and every node that reads it carries them out.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::by_api::{self, Named};
use super::list::Source;
use super::progress::Progress;
use super::{ADMIN, Options, Whom};
use crate::base::{Body, Clock};
use crate::cli::Exit;
use crate::cli::terminal::{complain, say};
use crate::config::{self, Ids};
use crate::fleet::etcd::reach;
use crate::net::Client;
use crate::net::resolver::Resolver;
use crate::stream::{Publisher, Written, event};

/// Orders that are written together.
const TOGETHER: usize = 500;

/// How long it is waited for this node.
const WAIT: Duration = Duration::from_secs(60);

/// Between two looks at how far the node is.
const LOOK: Duration = Duration::from_millis(20);

/// Publishes what `options` and `source` name; a line for each.
///
/// # Errors
/// The configuration has no stream, or the cluster takes nothing. What was told before is published.
pub(super) async fn send(mut source: Source, options: &Options) -> Result<Exit, String> {
    let clock = Clock::system();
    let file = options.config.as_deref().ok_or("--stream needs --config")?;
    let loaded = config::load(file, &Ids::default());
    let config = loaded.map_err(|errors| errors.to_string())?.config;
    let none = || format!("{}: there is no [[purge.stream]] in it", file.display());
    let stream = config.purge.streams.into_iter().next().ok_or_else(none)?;
    let resolver = Resolver::from_system(clock.clone(), Handle::current());
    let mut publisher = Publisher::new(stream, &clock, resolver)?;
    let mut progress = Progress::new(source.is_file());
    let mut written = Vec::new();
    let mut orders = by_api::scoped(options);
    while let Some(next) = source.next() {
        match next {
            Ok(url) => orders.push((url.clone(), by_api::finished(json!({ "url": url }), options))),
            Err(why) => {
                complain(why);
                progress.add(false);
            }
        }
        if orders.len() >= TOGETHER {
            let told = publish(&mut publisher, std::mem::take(&mut orders), &mut progress).await;
            written.extend(told?);
        }
    }
    written.extend(publish(&mut publisher, orders, &mut progress).await?);
    progress.end();
    if options.wait == Some(Whom::Fleet) {
        wait_for_all(&config.fleet, publisher.topic(), &written, &clock).await?;
        say("applied by every living node");
    } else if options.wait == Some(Whom::Node) {
        let admin = config.admin.map(|address| address.to_string());
        let admin = options.admin.clone().or(admin).unwrap_or_else(|| ADMIN.to_owned());
        wait(&admin, publisher.topic(), &written, &clock).await?;
        say("applied by this node");
    }
    Ok(if progress.failed == 0 { Exit::Ok } else { Exit::Failed })
}

async fn publish(
    publisher: &mut Publisher,
    orders: Vec<Named>,
    progress: &mut Progress,
) -> Result<Vec<Written>, String> {
    let messages: Vec<String> = orders.iter().map(|(_, order)| message(order)).collect();
    let written = publisher.publish(&messages).await.map_err(|trouble| trouble.to_string())?;
    for (name, _) in &orders {
        say(format_args!("published in {}: {name}", publisher.topic()));
        progress.add(true);
    }
    Ok(written)
}

/// The event of an order. A page whose mode is not named is one that has changed, which whoever else reads
/// the topic understands too.
fn message(order: &Value) -> String {
    match order.as_object() {
        Some(fields) if fields.len() == 1 && fields.contains_key("url") => {
            event::changed(order["url"].as_str().unwrap_or_default())
        }
        _ => event::ordered(order),
    }
}

/// Waits until the node at `admin` has applied what was `written`.
async fn wait(admin: &str, topic: &str, written: &[Written], clock: &Clock) -> Result<(), String> {
    let mut client = Client::new(admin, clock.clone(), WAIT);
    let end = clock.now() + WAIT;
    loop {
        let request = Request::get("/status").header("host", "tidegate").body(Body::Empty);
        let request = request.map_err(|error| error.to_string())?;
        let answer = client.send(request).await.map_err(|error| error.to_string())?;
        let status: Value = serde_json::from_slice(answer.body())
            .map_err(|error| format!("{admin}: /status is no JSON: {error}"))?;
        let streams = &status["purging"]["streams"];
        let left = written.iter().find(|written| !is_applied(streams, topic, **written));
        let Some(left) = left else { return Ok(()) };
        if clock.now() >= end {
            let Written { partition, next } = left;
            return Err(format!(
                "published, but the node at {admin} has not applied partition {partition} of {topic} up to \
                 {next} within {WAIT:?}; does it read that topic?"
            ));
        }
        clock.sleep(LOOK).await;
    }
}

/// Waits until every node on the roll has applied what was `written`.
async fn wait_for_all(
    fleet: &config::Fleet,
    topic: &str,
    written: &[Written],
    clock: &Clock,
) -> Result<(), String> {
    if fleet.etcd.is_empty() {
        return Err("--wait=fleet needs etcd in the [fleet] of --config".to_owned());
    }
    let (mut etcd, _) = reach(fleet, clock).await?;
    let end = clock.now() + WAIT;
    loop {
        let living = etcd.living().await?;
        let has_all = |says: &Value| written.iter().all(|one| is_applied(says, topic, *one));
        let left: Vec<&str> = living
            .iter()
            .filter(|(_, says)| !has_all(says))
            .map(|(node, _)| node.as_str())
            .collect();
        if left.is_empty() && !living.is_empty() {
            return Ok(());
        }
        if clock.now() >= end {
            return Err(match living.len() {
                0 => "published, but no node is on the roll in etcd".to_owned(),
                all => format!(
                    "published, but {} of {all} living nodes have not applied it within {WAIT:?}: {}",
                    left.len(),
                    left.join(", ")
                ),
            });
        }
        clock.sleep(LOOK).await;
    }
}

/// Whether a node that tells these `streams` has applied what was `written`.
fn is_applied(streams: &Value, topic: &str, written: Written) -> bool {
    let streams = streams.as_array().into_iter().flatten();
    let mut partitions = streams.flat_map(|one| one["partitions"].as_array()).flatten();
    partitions.any(|one| {
        one["topic"] == topic
            && one["partition"] == written.partition
            && one["position"].as_i64().is_some_and(|position| position >= written.next)
    })
}
