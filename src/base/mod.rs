//! What every room shares and what depends on no room: time as a value, the process's budget,
//! reasons and faults, ids, bodies, and who is at the other end. There is no "util" here: a thing
//! that has no name of the field's own does not belong.

pub mod axis;
pub mod between;
pub mod body;
pub mod bucket;
pub mod budget;
pub mod clients;
pub mod clock;
pub mod coding;
pub mod drain;
pub mod error;
pub mod fields;
pub mod ids;
pub mod key;
pub mod mutant;
pub mod pages;
pub mod peer;
pub mod pem;
pub mod reason;
pub mod sync;
pub mod tunnel;
pub mod whole;

pub use axis::{Axis, StoredAxis};
pub use body::{Body, Segments, Stored};
pub use bucket::Bucket;
pub use budget::{Budget, Charge};
pub use clients::Clients;
pub use clock::{Clock, Elapsed, Sleep};
pub use coding::{Accepted, Coding};
pub use drain::Drain;
pub use error::{Fault, Whose};
pub use fields::Fields;
pub use ids::{ClusterId, ListenerId, Names, PolicyId, Seq, SiteId, WorkerId};
pub use key::{Credentials, Key, KeyRef, KeyText, Scheme};
pub use peer::{Peer, Proxied};
pub use pem::Pem;
pub use reason::{Outcome, Reason};
