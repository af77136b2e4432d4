//! On which terms a flight may store what it brings home: what RFC 9111 and the site say of an answer,
//! before anything is asked of the store.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;

use crate::base::{Reason, WorkerId};
use crate::config::{Encoding, Site};
use crate::origin::Exchange;
use crate::semantics::{Life, Policy, Received, ResponseDirectives, storing, targeted};
use crate::site::identity::X_REQUEST_ID;

/// What the configuration says about storing.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The site, which says what clients are shown of what is stored.
    pub site: Arc<Site>,
    /// The largest body that is stored, in bytes.
    pub max_object: u64,
    /// The site's choices within RFC 9111.
    pub policy: Policy,
    /// Whether the request carried Authorization.
    pub authorization: bool,
    /// Whether the request has a session.
    pub session: bool,
    /// What the site has coded, if it has anything.
    pub encoding: Option<Arc<Encoding>>,
    /// Whether the leader does not take what is stored where the origin fails.
    pub refuses_stale: bool,
    /// Whether requests have names, which no other request may be answered with.
    pub named: bool,
    /// The worker that the flight runs on.
    pub worker: WorkerId,
}

impl Terms {
    /// Whether what came for one request alone could have been stored for others.
    pub fn allow(&self, exchange: &Exchange, wall: SystemTime) -> bool {
        let came =
            Came::of(exchange.head.status, &exchange.head.headers, (wall, exchange.delay), self);
        !exchange.behind
            && came.storable(self).is_ok()
            && exchange.body.size_hint().lower() <= self.max_object
    }

    fn request(&self) -> storing::RequestFacts<'static> {
        let Self { authorization, session, .. } = *self;
        storing::RequestFacts { method: &Method::GET, authorization, session }
    }
}

/// An origin's answer, or what a 304 made of a stored one, and what follows from its fields.
pub(super) struct Came<'a> {
    /// The status.
    pub status: StatusCode,
    /// The fields that came.
    pub fields: &'a HeaderMap,
    /// What they say to this cache.
    pub said: ResponseDirectives,
    /// The life that they give.
    pub life: Life,
}

impl<'a> Came<'a> {
    /// What came, or what a 304 made of it, at a moment and after a time.
    pub(super) fn of(
        status: StatusCode,
        fields: &'a HeaderMap,
        (wall, delay): (SystemTime, Duration),
        terms: &Terms,
    ) -> Self {
        let said = targeted::directives(fields, &terms.site.targets);
        let life = Life::of(status, fields, &said, Received { wall, delay }, &terms.policy);
        Self { status, fields, said, life }
    }

    /// What is stored of its trailer fields: as of its fields, not what is withheld by name, nor a request's
    /// name.
    pub(super) fn stored_trailers(
        &self,
        mut all: HeaderMap,
        terms: &Terms,
    ) -> Option<Box<HeaderMap>> {
        for name in self.said.withheld_fields() {
            all.remove(name);
        }
        if terms.named {
            all.remove(X_REQUEST_ID);
        }
        (!all.is_empty()).then(|| Box::new(all))
    }

    /// Whether it may be stored.
    ///
    /// # Errors
    /// The reason that forbids it.
    pub(super) fn storable(&self, terms: &Terms) -> Result<(), Reason> {
        let Self { status, fields, said, life } = self;
        storing::storable(terms.request(), *status, fields, said, life)?;
        if terms.policy.passes_request_errors && storing::blames_request(*status) {
            return Err(Reason::Status);
        }
        Ok(())
    }
}
