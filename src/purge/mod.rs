//! Purge orders and what they do: PURGE.md.
//!
//! An [`Order`] says what is purged and how; [`apply`] puts it in force and only then returns, so
//! whoever answers for it may say that nothing asked of the origin before it will be served as
//! fresh. Where orders come from is each source's business; today that is the PURGE method.

use http::HeaderMap;

use crate::base::KeyRef;
use crate::store::{Mode, Store};

pub use crate::store::Receipt;

/// What is to be purged, and how.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The key, with all its variants.
    pub key: KeyRef<'a>,
    /// Whether it is removed or made stale.
    pub mode: Mode,
}

/// The mode that a PURGE request asks for: hard, unless `X-Purge-Mode: soft` says otherwise.
pub fn mode(headers: &HeaderMap) -> Mode {
    match headers.get("x-purge-mode") {
        Some(mode) if mode.as_bytes().eq_ignore_ascii_case(b"soft") => Mode::Soft,
        _ => Mode::Hard,
    }
}

/// Puts `order` in force.
pub fn apply(store: &Store, order: Order<'_>) -> Receipt {
    store.purge(&order.key, order.mode)
}
