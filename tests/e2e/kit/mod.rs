//! What the topics are written with.
//!
//! - [`Origin`] is a scripted server: a script a path, every byte under the test's control, every
//!   request recorded. A [`Page`] is what it answers, a [`Gate`] holds an answer open until the
//!   test says more, [`Act`]s are what no good server does, [`Versioned`] is a page that changes.
//! - [`kafka::Kafka`] is the cluster that a purge stream comes from, [`Sender`] a host that sends HTCP.
//! - [`Raw`] speaks bytes and shows bytes; [`Client`] speaks HTTP/1.1 and HTTP/2 properly, through
//!   hyper, and can hold many requests open.
//! - [`Proxy`] is the proxy under test, and [`setup::Setup`] what it is started with.
//! - [`wait`] is the only place that waits. Everything that waits has a deadline and says what it
//!   waited for.
//!
//! An origin whose script panics, or that is asked for something no script answers, fails the test
//! when it is dropped: nothing that goes wrong in the background stays there.

pub mod acts;
pub mod client;
pub mod htcp;
pub mod kafka;
pub mod origin;
pub mod page;
pub mod pki;
pub mod proxy;
pub mod raw;
pub mod request;
pub mod response;
pub mod setup;
pub mod socket;
pub mod versioned;
pub mod wait;
pub mod wire;

pub use acts::{Act, Cue};
pub use client::Client;
pub use htcp::Sender;
pub use origin::Origin;
pub use page::{Gate, Page, Reply};
pub use proxy::Proxy;
pub use raw::Raw;
pub use request::{Request, get};
pub use response::{Response, cache_status};
pub use setup::Setup;
pub use versioned::Versioned;
pub use wait::eventually;
