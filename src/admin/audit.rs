//! What is kept of the control API's use: a line for each request, in the log's target `audit`, and
//! counts for the metrics. Secrets and URLs are in neither.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::purge::Kind;
use crate::purge::wanted::{Done, Refused};
use crate::telemetry::Samples;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Result {
    /// All of it was looked at.
    Done,
    /// It held more orders than a request may.
    TooMany,
    /// It was no document.
    Bad,
    /// Its client left before the end.
    Left,
    /// It was not let in.
    Refused,
}

impl Result {
    const ALL: [Self; 5] = [Self::Done, Self::TooMany, Self::Bad, Self::Left, Self::Refused];

    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::TooMany => "too-many-orders",
            Self::Bad => "bad-document",
            Self::Left => "client-left",
            Self::Refused => "refused",
        }
    }
}

/// Words for orders that were not carried out.
const REFUSALS: [&str; 5] = ["bad-order", "unknown-site", "unknown-host", "forbidden", "too-many"];

/// What the control API was asked for.
#[derive(Debug, Default)]
pub(super) struct Counts {
    requests: [AtomicU64; Result::ALL.len()],
    done: [AtomicU64; Kind::ALL.len()],
    refused: [AtomicU64; REFUSALS.len()],
}

impl Counts {
    pub(super) fn request(&self, result: Result) {
        self.requests[result as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn order(&self, done: &std::result::Result<Done, Refused>) {
        let count = match done {
            Ok(done) => Some(&self.done[done.kind as usize]),
            Err(why) => {
                let at = REFUSALS.iter().position(|word| *word == why.as_str());
                at.map(|at| &self.refused[at])
            }
        };
        if let Some(count) = count {
            count.fetch_add(1, Relaxed);
        }
    }
}

impl Counts {
    pub(super) fn samples(&self, out: &mut Samples) {
        for (result, count) in Result::ALL.iter().zip(&self.requests) {
            let (help, labels) = ("Requests for /purge.", [("result", result.as_str())]);
            let count = count.load(Relaxed) as f64;
            out.counter("tidegate_purge_api_requests_total", help, &labels, count);
        }
        let help = "Orders by /purge that were carried out, or only counted.";
        for (kind, count) in Kind::ALL.iter().zip(&self.done) {
            let count = count.load(Relaxed) as f64;
            out.counter("tidegate_purge_api_orders_total", help, &[("kind", kind.as_str())], count);
        }
        let help = "Orders by /purge that were not carried out.";
        for (error, count) in REFUSALS.iter().zip(&self.refused) {
            let count = count.load(Relaxed) as f64;
            out.counter("tidegate_purge_api_refused_total", help, &[("error", error)], count);
        }
    }
}

/// What one request did.
#[derive(Debug)]
pub(super) struct Record {
    client: SocketAddr,
    token: Option<String>,
    kinds: [u64; Kind::ALL.len()],
    refused: u64,
    first: Option<u64>,
    last: Option<u64>,
}

impl Record {
    pub(super) fn new(client: SocketAddr, token: Option<&str>) -> Self {
        let token = token.map(str::to_owned);
        Self { client, token, kinds: Default::default(), refused: 0, first: None, last: None }
    }

    pub(super) fn order(&mut self, done: &std::result::Result<Done, Refused>) {
        match done {
            Ok(done) => {
                self.kinds[done.kind as usize] += 1;
                self.first = self.first.or(done.seq);
                self.last = done.seq.or(self.last);
            }
            Err(_) => self.refused += 1,
        }
    }

    /// Writes the line.
    pub(super) fn tell(&self, result: Result, dry: bool) {
        let kinds = Kind::ALL.iter().zip(&self.kinds).filter(|(_, count)| **count > 0);
        let kinds: Vec<String> =
            kinds.map(|(kind, count)| format!("{} {count}", kind.as_str())).collect();
        let (result, orders) = (result.as_str(), kinds.join(", "));
        let Self { client, token, refused, first, last, .. } = self;
        tracing::info!(target: "audit", %client, token, result, dry, orders, refused, first, last, "purge");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_count() {
        let all = [
            Refused::Bad(String::new()),
            Refused::UnknownSite(String::new()),
            Refused::UnknownHost,
            Refused::Forbidden,
            Refused::TooMany,
        ];
        assert_eq!(all.each_ref().map(Refused::as_str), REFUSALS);
    }
}
