//! The binary between real clients and a real origin: nginx, MediaWiki, wrk, h2load and curl as
//! Debian packages them, and Apache Kafka, on loopback.
//!
//! These tests need what `tests/real/install` installs, so they run only when asked for:
//!
//!     tests/real/install && cargo test --release --test real -- --ignored --nocapture
//!
//! They run one at a time, measure real time, and bound all of it. The environment makes them
//! longer: `TIDEGATE_REAL_SECONDS` (mixed load, 20), `TIDEGATE_REAL_PAGES` (its pages, 4000),
//! `TIDEGATE_REAL_CLIENTS` (of one cold page, 2000), `TIDEGATE_REAL_LOAD_SECONDS` (each run of wrk
//! and h2load, 3), `TIDEGATE_REAL_ATTACK_SECONDS` (each attack, 2), `TIDEGATE_REAL_CHURN_SECONDS` (30),
//! `TIDEGATE_REAL_IDLE` (connections beside the churn, 20000 or what the limit on open files allows),
//! `TIDEGATE_REAL_OVERLOAD_SECONDS` (15), `TIDEGATE_REAL_EVENTS` (of a purge stream, 100000),
//! `TIDEGATE_REAL_SOAK_SECONDS` (20), `TIDEGATE_REAL_FLEET_SECONDS` (each part of the fleet's life, 4),
//! `TIDEGATE_REAL_FLEET_DOWN_SECONDS` (without any origin, as long), `TIDEGATE_REAL_FLEET_RATE` (requests a
//! second, 2000), `TIDEGATE_REAL_FAR_LOADS` (a far reader's page loads of each kind, 100) and
//! `TIDEGATE_REAL_SEED` (what is random, as an earlier run printed it). `TIDEGATE_REAL_BINARY` is another
//! `tidegate` to be tested. `TIDEGATE_REAL_NETWORK=1` has those run, too, that take root and network
//! namespaces.
#![allow(unreachable_pub, reason = "a test binary has no outside; `pub` marks what topics may use")]
#![allow(clippy::print_stdout, reason = "the figures are what these runs are for")]

mod answer;
mod attacker;
mod attacker_http1;
mod blunt;
mod client;
mod corpus;
mod edge;
#[path = "../frames/mod.rs"]
mod frames;
mod honest;
mod network;
mod nginx;
mod page;
mod process;
mod question;
mod slow_origin;
mod tally;
mod tls;
mod vast_origin;
mod vitals;
mod wait;

mod attacks_http1;
mod attacks_http2;
mod cache_suite;
mod churn;
mod cold_page;
mod curl;
mod dead_origin;
mod etcd;
mod far_reader;
mod fleet;
mod h2spec;
mod kafka;
mod load_tools;
mod mediawiki;
mod mixed_load;
mod overload;
mod soak;
