//! The server's own store under the trace, without sockets: what its index makes of the bytes that
//! it is given, bookkeeping included.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use tidegate::base::budget::Part;
use tidegate::base::{Axis, Budget, Clock, KeyText, Scheme, Seq, SiteId, Stored};
use tidegate::semantics::{Life, Policy as Terms, Received, ResponseDirectives, Vary};
use tidegate::store::{Head, Object, Store};

use crate::policy::Policy;
use crate::workload::LARGEST;

/// The fields of a usual page.
const FIELDS: &[(&str, &str)] = &[
    ("cache-control", "public, max-age=86400"),
    ("content-type", "text/html; charset=utf-8"),
    ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("etag", "\"5f3c-1a2b3c4d5e6f\""),
    ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("server", "origin"),
];

pub struct Shelf {
    store: Store,
    clock: Clock,
    budget: Budget,
    fields: HeaderMap,
    /// What every body is a piece of: the store weighs lengths, not memory.
    bytes: Bytes,
}

impl Shelf {
    pub fn new(capacity: u64) -> Self {
        let fields = FIELDS.iter().map(|(name, value)| {
            let name = name.parse::<http::HeaderName>().expect("it is a constant");
            (name, HeaderValue::from_static(value))
        });
        Self {
            store: Store::new(capacity, 8),
            clock: Clock::by_hand(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30)),
            budget: Budget::new(u64::MAX),
            fields: fields.collect(),
            bytes: Bytes::from(vec![0; LARGEST as usize]),
        }
    }

    fn object(&self, size: u64) -> Arc<Object> {
        let headers = &self.fields;
        let received = Received { wall: self.clock.wall(), delay: Duration::ZERO };
        let said = ResponseDirectives::of(headers);
        let life = Life::of(StatusCode::OK, headers, &said, received, &Terms::RFC);
        let vary = Vary::of(headers).select(&HeaderMap::new());
        let selected =
            (Axis::new(SiteId(0), Scheme::Http, None).stored(false), vary.expect("nothing varies"));
        let head = Head::new(StatusCode::OK, headers, &life, self.clock.now(), selected);
        let body = Stored::new(
            vec![self.bytes.slice(..size as usize)],
            self.budget.charge(Part::Stored, size),
        );
        Arc::new(Object::new(head, body, None, Seq(0)))
    }
}

impl Policy for Shelf {
    fn request(&mut self, key: u32, size: u64) -> bool {
        let text = KeyText::new("wiki.test", &format!("/wiki/{key}"));
        if self.store.get(&text.key()).is_some() {
            return true;
        }
        let stored = self.store.commit(&text.key().to_key(), self.object(size));
        stored.expect("nobody purges");
        false
    }
}
