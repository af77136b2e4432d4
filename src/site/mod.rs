//! Which site a request belongs to, how its URL is spelled, who sent it, and what is to be done
//! with it: pure policy, no waiting and no sockets. Everything here is decided from values.

pub mod answers;
pub mod client;
pub mod forward;
pub mod host;
pub mod identity;
pub mod plan;
pub mod routes;
pub mod sites;
pub mod spelling;
pub mod view;

pub use client::Client;
pub use host::Authority;
pub use plan::{Plan, plan};
pub use sites::Sites;
pub use spelling::{Spelled, respell};
pub use view::View;
