//! Purges that go to other nodes first: those through which this one fetches (PURGE.md rule 14). What they
//! do not know of yet, they would hand out again as fresh.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::base::WorkerId;

/// Takes orders to the nodes through which this one fetches.
pub trait Relay: fmt::Debug + Send + Sync {
    /// Whether there are such nodes.
    fn is_needed(&self) -> bool;

    /// Has each of them put `order` in force, which is JSON as the control API takes it, over connections of
    /// the `worker` that this is called on, if it is one.
    ///
    /// # Errors
    /// In the future: which of them have not, and why, in a sentence.
    fn tell(
        &self,
        order: String,
        worker: Option<WorkerId>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
}
