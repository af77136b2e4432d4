//! Leading a flight: ask the origin, decide what may be done with its answer, and let it grow.
//!
//! The task belongs to the cache. Its client may leave; a response that may be stored is brought
//! home all the same, and one that may not is dropped with the last who wanted it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;

use super::Fetch;
use super::coder;
use super::fill::{self, Fill};
use super::flight::{Flight, Own};
use super::terms::{Came, Terms};
use super::upstream::Upstream;
use crate::base::budget::{Part, STORE};
use crate::base::mutant::{self, Mutant};
use crate::base::{Credentials, Fault, Reason, StoredAxis};
use crate::origin::{Exchange, OriginBody};
use crate::semantics::{Vary, coding, freshness, storing, validation};
use crate::site::answers;
use crate::site::identity::X_REQUEST_ID;
use crate::store::entry::overhead;
use crate::store::object::{owned_fields, weigh};
use crate::store::{Head, Object, Tags};
use crate::telemetry::account::OriginPart;

/// How long it is remembered that a key's answer cannot be stored.
const MARK: Duration = Duration::from_secs(60);
/// The same where the cause may be gone at once: an error, no room here.
const MARK_PASSING: Duration = Duration::from_secs(1);
/// How long a response may take to come home when nobody reads it any more: an origin that sends it
/// byte by byte would hold a connection, and everybody who asks for the page, for ever.
const ALONE: Duration = Duration::from_secs(300);

/// The right and duty to fly. Dropped without [`launch`](Self::launch), it lets nobody wait.
#[derive(Debug)]
pub struct Lead(Landing);

/// Takes a flight off the table and ends it, however its task ends.
#[derive(Debug)]
struct Landing {
    fetch: Arc<Fetch>,
    flight: Arc<Flight>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.fetch.table.remove(&self.flight);
        self.fetch.flights.fetch_sub(1, Ordering::Relaxed);
        self.flight.fails(Fault::ours(Reason::Panic, "a fetch ended without an answer"));
    }
}

impl Lead {
    pub(super) fn new(fetch: Arc<Fetch>, flight: Arc<Flight>) -> Self {
        fetch.flights.fetch_add(1, Ordering::Relaxed);
        Self(Landing { fetch, flight })
    }

    /// The flight.
    pub fn flight(&self) -> &Arc<Flight> {
        &self.0.flight
    }

    /// Sends the question, as a task of this worker, and returns the flight to wait for.
    pub fn launch(self, upstream: Upstream, terms: Terms) -> Arc<Flight> {
        let flight = Arc::clone(&self.0.flight);
        // Boxed: the runtime moves a task several times before it runs.
        tokio::spawn(Box::pin(self.0.fly(upstream, terms)));
        flight
    }
}

impl Landing {
    async fn fly(self, upstream: Upstream, terms: Terms) {
        let clock = self.fetch.clock.clone();
        let mut answer = upstream.validate(terms.worker, &clock).await;
        if let Ok(exchange) = &answer
            && upstream.validates()
            && exchange.head.status == StatusCode::NOT_MODIFIED
        {
            if let Some(confirmed) = self.confirm(exchange, &terms) {
                return self.flight.confirms(confirmed);
            }
            // A 304 about something else than what is stored (RFC 9111 §4.3.3) helps nobody.
            answer = upstream.ask(terms.worker, &clock).await;
        }
        match answer {
            Ok(exchange) => self.take(exchange, &terms).await,
            Err(fault) => self.fail(fault),
        }
    }

    fn fail(&self, fault: Fault) {
        self.fetch.counts.failed.fetch_add(1, Ordering::Relaxed);
        self.fetch.backoff.failed(self.flight.key.hash(), self.fetch.clock.now());
        self.flight.fails(fault);
    }

    /// Makes fresh what was stale, by the fields of a 304 (RFC 9111 §4.3.4): its codings, the best
    /// first, and behind them itself. `None` where the 304 is not about what is stored.
    fn confirm(&self, exchange: &Exchange, terms: &Terms) -> Option<Vec<Arc<Object>>> {
        let heeded = exchange.behind && !mutant::is(Mutant::BehindConfirms);
        let old = self.flight.question().stale.as_ref().filter(|_| !heeded)?;
        let (news, wall) = (&exchange.head.headers, self.fetch.clock.wall());
        let stored = old.head.fields.own();
        if !validation::confirms(&stored, news, wall) {
            return None;
        }
        let fields = validation::freshen(&stored, news, wall);
        let came = self.read(old.head.status, &fields, exchange.delay, terms);
        // A 304 may say what a 200 could not: that its fields are one reader's, or not to be stored.
        came.storable(terms).ok()?;
        self.keep_own(news, &came, terms);
        let head = self.head(&came, Some(old.length()), Some(old.head.axis), terms)?;
        let head = head.said_in(exchange.head.version);
        let mut object = old.freshened(head, self.flight.asked);
        object.trailers = object.trailers.and_then(|all| came.stored_trailers(*all, terms));
        let object = Arc::new(object);
        self.fetch.backoff.succeeded(self.flight.key.hash());
        let encoding = terms.encoding.as_ref().filter(|encoding| coder::fits(&object, encoding));
        let codings = encoding.map_or(&[][..], |encoding| &encoding.codings);
        // Overtaken by a purge, it serves those who waited before that, and is not kept.
        let refreshed = self.fetch.store.refresh(&self.flight.key, old, &object, codings);
        if let (Ok(coded), Some(encoding)) = (&refreshed, encoding)
            && coded.len() < codings.len()
        {
            self.fetch.coder.offer(&self.flight.key, &object.body, encoding);
        }
        let mut confirmed = refreshed.unwrap_or_default();
        confirmed.push(object);
        Some(confirmed)
    }

    /// What came, or what a 304 made of it.
    fn read<'a>(
        &self,
        status: StatusCode,
        fields: &'a HeaderMap,
        delay: Duration,
        terms: &Terms,
    ) -> Came<'a> {
        Came::of(status, fields, (self.fetch.clock.wall(), delay), terms)
    }

    /// The head as it is stored, of a body of `length`; `None` where nothing could select it again.
    /// What is freshened stands where it stood, on `axis`.
    fn head(
        &self,
        came: &Came<'_>,
        length: Option<u64>,
        axis: Option<StoredAxis>,
        terms: &Terms,
    ) -> Option<Head> {
        let (question, clock) = (self.flight.question(), &self.fetch.clock);
        let mut fields = storing::stored_fields(came.fields, &came.said, clock.wall());
        // Told anew for each answer, from what it carries.
        fields.remove(CONTENT_LENGTH);
        if terms.named {
            fields.remove(X_REQUEST_ID);
        }
        let mut vary = Vary::of(&fields);
        if let Some(encoding) = &terms.encoding {
            // Our codings are an axis of their own. No request that is looked up has the field.
            vary = vary.without(&ACCEPT_ENCODING);
            if coder::suits(encoding, came.status, &fields, &came.said, length) {
                coding::vary_on_coding(&mut fields);
            }
        }
        let selecting = vary.select(&question.request)?;
        let of_one_scheme = storing::is_of_one_scheme(came.status, &vary);
        let mut axis = axis.unwrap_or(question.axis.stored(of_one_scheme));
        if of_one_scheme {
            // Said by a 304 of what both have shared until now.
            axis.scheme = axis.scheme.or(Some(question.axis.scheme));
        }
        let (shown, tags) = (answers::shown(&terms.site, &fields), self.tags(axis, &fields));
        let head = Head::new(came.status, shown, &came.life, clock.now(), (axis, selecting));
        Some(head.under(terms.site.answers.policy).tagged(tags))
    }

    fn tags(&self, axis: StoredAxis, fields: &HeaderMap) -> Tags {
        let groups = Tags::groups(self.flight.key.as_ref().host(), axis, fields);
        Tags::of(axis.site, fields).and(&groups)
    }

    /// Keeps for the leader what of an answer's `fields` is stored for nobody.
    fn keep_own(&self, fields: &HeaderMap, came: &Came<'_>, terms: &Terms) {
        if let Some(mut own) = storing::withheld_fields(fields, &came.said) {
            answers::withhold(&mut own, &terms.site);
            self.flight.keep_own(own);
        }
    }

    async fn take(self, exchange: Exchange, terms: &Terms) {
        let status = exchange.head.status;
        let stale = self.flight.question().stale.as_ref();
        let now = self.fetch.clock.now();
        if !terms.refuses_stale
            && freshness::is_origin_failure(status)
            && stale.is_some_and(|stale| stale.head.life().usable_on_error(stale.resident(now)))
        {
            let log = format!("{} answered {status}", exchange.server);
            return self.fail(Fault::origin(Reason::IfError, log).answered(status));
        }
        let came = self.read(status, &exchange.head.headers, exchange.delay, terms);
        let expected = exchange.body.size_hint();
        let heeded = exchange.behind && !mutant::is(Mutant::BehindHeeded);
        let known = if heeded { Err(Reason::Behind) } else { Ok(()) };
        let storable = known.and_then(|()| came.storable(terms));
        let storable = storable.and_then(|()| self.takes(expected.lower(), terms));
        if let Err(reason) = storable {
            return self.pass(exchange, reason);
        }
        let length = expected.exact();
        let Some(head) = self.head(&came, length, None, terms) else {
            return self.pass(exchange, Reason::VaryStar);
        };
        self.keep_own(came.fields, &came, terms);
        let origin = OriginPart {
            cluster: exchange.cluster,
            server: exchange.server,
            status,
            first_byte: exchange.first_byte,
        };
        let charge = self.fetch.budget.charge(Part::Fills, weigh(&head, 0, None));
        let relays = Arc::clone(self.flight.relays());
        let head = head.said_in(exchange.head.version);
        let fill = Fill::new(Arc::new(head), length, self.flight.asked, origin, relays, charge);
        self.flight.fills(Arc::clone(&fill));
        let guard = Unfinished(&fill);
        self.grow(&fill, exchange.body, &came, terms).await;
        drop(guard);
    }

    /// Whether a body of at least `least` bytes is taken.
    fn takes(&self, least: u64, terms: &Terms) -> Result<(), Reason> {
        if least > terms.max_object {
            return Err(Reason::TooLarge);
        }
        if !self.has_room(least, least) {
            return Err(Reason::NoRoom);
        }
        Ok(())
    }

    /// Whether a body of `size` bytes may be stored of which `left` must come yet. It must leave room
    /// for two more of its size: what is small is stored for longer than what is large, of which a
    /// few that are read slowly would take what is left.
    fn has_room(&self, size: u64, left: u64) -> bool {
        self.fetch.budget.room_for(size.saturating_mul(2).saturating_add(left), STORE)
    }

    /// Gives the answer to the leader, and sends the others on.
    fn pass(&self, exchange: Exchange, reason: Reason) {
        let now = self.fetch.clock.now();
        if freshness::is_origin_failure(exchange.head.status) {
            self.fetch.backoff.failed(self.flight.key.hash(), now);
        }
        // An error may be this one request's, which must not keep the page from being cached.
        let status = exchange.head.status;
        let passing =
            reason == Reason::NoRoom || status.is_client_error() || status.is_server_error();
        let time = if passing { MARK_PASSING } else { MARK };
        // The next one who asks may find the other node as far as this one.
        if reason != Reason::Behind {
            self.mark(reason, now + time);
        }
        self.fetch.table.remove(&self.flight);
        self.fetch.counts.passed.fetch_add(1, Ordering::Relaxed);
        self.flight.passes(Some(Box::new(Own { exchange, reason })));
    }

    fn mark(&self, reason: Reason, until: Instant) {
        let whom = Credentials::of(&self.flight.question().request);
        self.fetch.store.mark(&self.flight.key, whom, reason, self.flight.asked, until);
    }

    async fn grow(&self, fill: &Arc<Fill>, mut body: OriginBody, came: &Came<'_>, terms: &Terms) {
        let clock = &self.fetch.clock;
        let mut trailers = None;
        let mut outgrown = false;
        let mut read = clock.now();
        loop {
            if fill.is_read() {
                read = clock.now();
            }
            let left = || Fault::client(Reason::ClientLeft, "every reader left");
            let alone = clock.now() >= read + ALONE;
            if alone || outgrown && fill.room().await.is_err() {
                return fill.end(Err(left()));
            }
            let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx));
            let frame = tokio::select! {
                biased;
                frame = fill::waking(fill, clock, frame) => frame,
                () = fill.deserted(), if outgrown => return fill.end(Err(left())),
            };
            let frame = match frame {
                None => break,
                Some(Err(fault)) => {
                    self.fetch.counts.broken.fetch_add(1, Ordering::Relaxed);
                    self.fetch.backoff.failed(self.flight.key.hash(), clock.now());
                    return fill.end(Err(fault));
                }
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Ok(piece) => {
                    if fill.push(piece, clock.now()) {
                        fill.wake();
                    }
                }
                // An answer that announced some and has none needs no framing that could carry them.
                Err(frame) => {
                    let all = frame.into_trailers().ok();
                    trailers = all.and_then(|all| came.stored_trailers(all, terms));
                }
            }
            let too_large = fill.grown() > terms.max_object;
            if !outgrown && (too_large || !self.has_room(fill.keeps(), 0)) {
                outgrown = true;
                self.fetch.table.remove(&self.flight);
                fill.outgrow();
                if too_large {
                    self.mark(Reason::TooLarge, clock.now() + MARK);
                }
            }
        }
        if !outgrown {
            self.keep(fill, trailers.as_deref(), terms);
        }
        let shown = trailers.map(|mut trailers| {
            answers::withhold(&mut trailers, &terms.site);
            *trailers
        });
        fill.end(Ok(shown.filter(|trailers| !trailers.is_empty())));
    }

    fn keep(&self, fill: &Arc<Fill>, trailers: Option<&HeaderMap>, terms: &Terms) {
        let trailers = trailers.map(owned_fields);
        let key = &self.flight.key;
        let weight = weigh(&fill.head, fill.grown(), trailers.as_ref());
        let body = fill.store(weight + overhead(key));
        let head = fill.head.detached();
        let object = Arc::new(Object::new(head, body, trailers, self.flight.asked));
        // Overtaken by a purge, it serves those who wait and is not kept; the store counts it.
        let kept = self.fetch.store.commit(key, Arc::clone(&object)).is_ok();
        let encoding = terms.encoding.as_ref().filter(|encoding| coder::fits(&object, encoding));
        if let Some(encoding) = encoding.filter(|_| kept) {
            self.fetch.coder.offer(key, &object.body, encoding);
        }
        self.fetch.backoff.succeeded(key.hash());
    }
}

/// Ends a fill whose task ends without ending it.
struct Unfinished<'a>(&'a Arc<Fill>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.end(Err(Fault::ours(Reason::Panic, "a fill ended in its middle")));
    }
}
