//! Orders on their way to the nodes through which this one fetches: a PURGE with the order in a field, to
//! each of them at once, over the connections by which they are asked for pages.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::header::HOST;
use http::{HeaderValue, Method, Request, StatusCode, request};
use tokio::task::JoinSet;

use crate::base::{Clock, between};
use crate::flow::Node;
use crate::origin::Pool;
use crate::purge::relay::Relay;

/// How long all of them may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The nodes through which this one fetches. Whoever purges belongs to the node, which must not hold
/// itself.
#[derive(Debug)]
pub(super) struct Edges(pub(super) Weak<Node>);

impl Relay for Edges {
    fn is_needed(&self) -> bool {
        self.0.upgrade().is_some_and(|node| !node.running.load().origins.edges().is_empty())
    }

    fn tell(&self, order: String) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
        let node = self.0.upgrade();
        Box::pin(async move {
            let node = node.ok_or("the node is going")?;
            let (running, clock) = (node.running.load_full(), node.clock.clone());
            let head = question(&order)?;
            let mut asked = JoinSet::new();
            for pool in running.origins.edges() {
                for at in 0..pool.servers().len() {
                    let (pool, head, clock) = (Arc::clone(pool), head.clone(), clock.clone());
                    asked.spawn(async move { ask(&pool, at, head, &clock).await });
                }
            }
            let mut failed = Vec::new();
            while let Some(answered) = asked.join_next().await {
                let answered = answered.map_err(|error| error.to_string());
                failed.extend(answered.and_then(|answered| answered).err());
            }
            if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
        })
    }
}

fn question(order: &str) -> Result<request::Parts, String> {
    let order = HeaderValue::try_from(order).map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(Method::from_bytes(b"PURGE").map_err(|error| error.to_string())?)
        .uri("/")
        .header(HOST, "fleet")
        .header(between::ORDER, order);
    Ok(request.body(()).map_err(|error| error.to_string())?.into_parts().0)
}

async fn ask(
    pool: &Arc<Pool>,
    at: usize,
    head: request::Parts,
    clock: &Clock,
) -> Result<(), String> {
    let name = Arc::clone(pool.servers()[at].name());
    let asked = clock.within(LIMIT, pool.ask_one(at, &head, clock)).await;
    match asked {
        Ok(Ok(answer)) if answer.head.status == StatusCode::OK => Ok(()),
        Ok(Ok(answer)) => Err(format!("{name} answered {}", answer.head.status.as_u16())),
        Ok(Err(fault)) => Err(format!("{name}: {}", fault.log)),
        Err(_) => Err(format!("{name}: no answer within {LIMIT:?}")),
    }
}
