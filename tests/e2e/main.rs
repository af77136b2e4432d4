//! The end-to-end tests: one binary, one kit, a file a topic.
//!
//! A test here is a short script: an origin that answers exactly what the test says, the proxy
//! over real sockets, a client, and what must be seen. Nothing sleeps: a test waits for a
//! condition with a deadline, or moves the proxy's clock by hand. [`kit`] explains its parts.
#![allow(unreachable_pub, reason = "a test binary has no outside; `pub` marks what topics may use")]

#[path = "../frames/mod.rs"]
mod frames;
mod kit;

mod access_log;
mod admin;
mod answers;
mod balance;
mod caps;
mod coalesce;
mod coding;
mod conditional;
mod datacenters;
mod downloads;
mod drain;
mod forwarding;
mod framing;
mod freshness;
mod health;
mod hit;
mod hostile;
mod hosts;
mod http2_limits;
mod identity;
mod kit_itself;
mod letter;
mod listen;
mod origin_failures;
mod origin_http2;
mod poisoning;
mod proxy_protocol;
mod purge;
mod purge_api;
mod purge_cli;
mod purge_history;
mod purge_htcp;
mod purge_order;
mod purge_rebound;
mod purge_receipts;
mod purge_stream;
mod purge_tags;
mod purge_verify;
mod range;
mod reload;
mod routes;
mod scheme;
mod smuggling;
mod tier;
mod timeouts;
mod tls;
mod vary;
mod wiki;
