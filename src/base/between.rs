//! Fields that nodes of the fleet say to each other, over connections on which both have shown their
//! certificates. From anybody else they mean nothing, and no origin sees them.

use http::HeaderName;

/// In a request for what is not stored: how far the asking node has read each purge stream.
pub const POSITIONS: HeaderName = HeaderName::from_static("tidegate-positions");
/// In the answer: that the answering node did not know of all these purges, so that it must not be stored.
pub const BEHIND: HeaderName = HeaderName::from_static("tidegate-behind");
/// In a PURGE: the order, in JSON, as the control API takes it.
pub const ORDER: HeaderName = HeaderName::from_static("tidegate-order");

/// In a request: the address of the client for whom it is made.
pub const CLIENT: HeaderName = HeaderName::from_static("tidegate-client");

/// All of them.
pub const ALL: [HeaderName; 4] = [POSITIONS, BEHIND, ORDER, CLIENT];
