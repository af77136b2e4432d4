//! What one answered request leaves behind for the metrics and the access log. The plot fills in
//! the [`Account`]; `front` adds what only the connection knows and hands it all on, as
//! [`Finished`], when the last byte has left or can no longer leave.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, Uri, Version, header, request};

use crate::base::{ClusterId, Outcome, Peer, Reason, SiteId};

/// The part of a request's record that the plot knows.
#[derive(Clone, Debug)]
pub struct Account {
    /// The site, where the host had one.
    pub site: Option<SiteId>,
    /// What became of the request.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The client's own address, where a trusted proxy stands between it and us.
    pub client: Option<IpAddr>,
    /// What the origin had to do with it.
    pub origin: Option<OriginPart>,
    /// Whether the answer shares another client's fetch.
    pub collapsed: bool,
    /// The request's name, where it has one other than the client sent.
    pub request_id: Option<Arc<HeaderValue>>,
    /// What only the log may read, where something went wrong.
    pub detail: Option<Box<str>>,
}

/// The origin's part in an answer.
#[derive(Clone, Debug)]
pub struct OriginPart {
    /// The cluster that was asked.
    pub cluster: ClusterId,
    /// The server that answered, as configured.
    pub server: Arc<str>,
    /// The status that it answered with, which need not be the client's.
    pub status: StatusCode,
    /// From the request's first byte to the answer's.
    pub first_byte: Duration,
}

impl Account {
    /// An account with nothing of an origin in it.
    pub fn new(site: Option<SiteId>, outcome: Outcome, reason: Reason) -> Self {
        Self {
            site,
            outcome,
            reason,
            client: None,
            origin: None,
            collapsed: false,
            request_id: None,
            detail: None,
        }
    }
}

/// What the access log tells of a request's head. The fields share the request's bytes, so that
/// keeping them while the plot consumes the request copies nothing.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The target, with the authority where the client sent one.
    pub uri: Uri,
    /// The protocol's version.
    pub version: Version,
    /// `Host`, as sent.
    pub host: Option<HeaderValue>,
    /// `User-Agent`.
    pub user_agent: Option<HeaderValue>,
    /// `Referer`.
    pub referer: Option<HeaderValue>,
    /// `X-Request-Id`.
    pub request_id: Option<HeaderValue>,
}

impl Asked {
    /// What is worth keeping of `head`.
    pub fn of(head: &request::Parts) -> Self {
        let field = |name| head.headers.get(name).cloned();
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            host: field(header::HOST),
            user_agent: field(header::USER_AGENT),
            referer: field(header::REFERER),
            request_id: field(header::HeaderName::from_static("x-request-id")),
        }
    }

    /// The host that was asked for, as sent: the target's authority before `Host` (RFC 9112 §3.2.2,
    /// RFC 9113 §8.3.1).
    pub fn authority(&self) -> Option<&[u8]> {
        let authority = self.uri.authority().map(|authority| authority.as_str().as_bytes());
        authority.or_else(|| self.host.as_ref().map(HeaderValue::as_bytes))
    }
}

/// A request that has been answered, or whose answer broke off.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// What the plot knows.
    pub account: &'a Account,
    /// The request's head; none where it could not be read.
    pub asked: Option<&'a Asked>,
    /// The two ends of the connection.
    pub peer: &'a Peer,
    /// The same as the access log writes it ([`super::line::connection`]).
    pub connection: &'a [u8],
    /// The answer's status; none where the request ended before there was an answer.
    pub status: Option<StatusCode>,
    /// Bytes of the request's body that were read.
    pub received: u64,
    /// Bytes of the answer's body that the connection took.
    pub bytes: u64,
    /// From the request's head to the answer's; of no meaning without an answer.
    pub first_byte: Duration,
    /// From the request's head to the end of the answer.
    pub duration: Duration,
    /// Why the answer broke off; none where it is complete.
    pub broke_off: Option<Reason>,
}
