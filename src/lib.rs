//! Tidegate: an edge caching reverse proxy for wikis.

pub mod admin;
pub mod base;
pub mod cli;
pub mod config;
pub mod fetch;
pub mod flow;
pub mod front;
pub mod fuzzing;
pub mod geo;
pub mod listen;
pub mod net;
pub mod origin;
pub mod purge;
pub mod reply;
pub mod semantics;
pub mod server;
pub mod site;
pub mod store;
pub mod telemetry;
