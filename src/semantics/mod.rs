//! The rules of HTTP caching as pure functions: headers and times come in as values, decisions go
//! out as values. RFC 9110 (semantics), 9111 (caching), 5861 (stale), 8246 (immutable) and 9211
//! (Cache-Status); every rule names its paragraph.
//!
//! Nothing here reads a clock, waits, logs, or knows of sites, stores and origins. What a site may
//! choose of the RFCs' freedom comes in as a `Policy`. No bytes that a header may hold make
//! anything here panic; what cannot be read counts as its RFC says, and where that says nothing, as
//! the more careful reading.

pub mod age;
pub mod cache_control;
pub mod date;
pub mod list;

pub use cache_control::{RequestDirectives, ResponseDirectives};
