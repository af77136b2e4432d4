//! The rules of HTTP caching as pure functions: headers and times come in as values, decisions go
//! out as values. RFC 9110 (semantics), 9111 (caching), 5861 (stale), 8246 (immutable), 9211
//! (Cache-Status) and 9213 (targeted fields); every rule names its paragraph.
//!
//! Nothing here reads a clock, waits, logs, or knows of sites, stores and origins. What a site may
//! choose of the RFCs' freedom comes in as a [`Policy`]. No bytes that a header may hold make
//! anything here panic; what cannot be read counts as its RFC says, and where that says nothing, as
//! the more careful reading.

pub mod accepted;
pub mod age;
pub mod cache_control;
pub mod cache_status;
pub mod coding;
pub mod conditional;
pub mod date;
mod demands;
pub mod freshness;
pub mod hop;
pub mod invalidation;
pub mod list;
pub mod normal_form;
pub mod present;
pub mod range;
pub mod storing;
pub mod tags;
pub mod targeted;
pub mod validation;
pub mod validator;
pub mod vary;

pub use cache_control::{RequestDirectives, ResponseDirectives};
pub use cache_status::{CacheStatus, Forward, Handling};
pub use conditional::Verdict;
pub use freshness::{Life, Phase, Policy, Received};
pub use present::Present;
pub use range::RangeAnswer;
pub use storing::RequestFacts;
pub use validator::Validators;
pub use vary::{Selecting, Vary};

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod model_tests;
