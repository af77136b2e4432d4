//! Nothing can be served: lead a flight to the origin, or follow one.

use std::sync::Arc;
use std::time::Duration;

use super::Visit;
use super::lookup::Lookup;
use super::pass::Pass;
use crate::base::between;
use crate::base::mutant::{self, Mutant, unless};
use crate::base::{Body, Elapsed, Fault, Outcome, Reason, Seq};
use crate::config::{Site, StaleRule};
use crate::fetch::{FillReader, Flight, Joined, Landed, Sharing, Terms, Upstream, Way};
use crate::front::Answer;
use crate::origin::{Exchange, Pool};
use crate::reply::shared::{self, Shared};
use crate::reply::{Verdict, passed};
use crate::semantics::{Life, Policy, RequestDirectives, freshness, validator};
use crate::site::forward::{self, Purpose};
use crate::store::{Head, Judgement, LARGEST_SHARE, Object};
use crate::telemetry::account::OriginPart;

/// How often a request is sent back to the lookup before it goes its own way.
const MAX_DISPATCHES: u8 = 3;

pub(super) struct Miss {
    pub(super) visit: Visit,
    pub(super) reason: Reason,
    /// What is stored but must be confirmed first, as it came: no origin knows our codings.
    pub(super) stale: Option<Arc<Object>>,
}

pub(super) enum Missed {
    Done(Answer),
    Lookup(Lookup),
    Pass(Pass),
}

impl Miss {
    pub(super) async fn run(mut self) -> Missed {
        let visit = &mut self.visit;
        visit.dispatches += 1;
        if visit.dispatches > MAX_DISPATCHES {
            return Missed::Pass(Pass::of(self.visit, Reason::Undecided));
        }
        let (key, axis) = (visit.plan.key(), visit.plan.axis);
        let stale = self.stale.as_ref();
        let arrived = visit.node.store.floors().now();
        // What is under way may be older than the request takes.
        let demands = visit.view.asked.as_deref().is_some_and(RequestDirectives::demands);
        let alone = demands || stale.is_some_and(|stale| !stale.head.may_be_shared());
        let sharing = if alone { Sharing::Alone } else { Sharing::Answer };
        let joined = visit.node.fetch.join(key, axis, &visit.head.headers, stale, sharing);
        let mut own = None;
        let (landed, collapsed) = match joined {
            Joined::Stored => return Missed::Lookup(Lookup(self.visit)),
            Joined::Lead(lead) => {
                visit.identify();
                let Some((upstream, terms)) = visit.question(stale) else {
                    return Missed::Done(visit.stale_or_failed(
                        stale,
                        (self.reason, false),
                        &no_cluster(),
                    ));
                };
                let flight = lead.launch(upstream, terms);
                let headers = &visit.head.headers;
                let landed = flight.landed(true, visit.worker, axis, headers, |_| false).await;
                own = flight.own().cloned();
                (landed, false)
            }
            Joined::Follow(flight) => (self.follow(&flight, arrived).await, true),
        };
        let mut missed = self.land(landed, collapsed);
        if let (Missed::Done(answer), Some(own)) = (&mut missed, own)
            && answer.account.outcome != Outcome::Stale
        {
            own.iter()
                .for_each(|(name, value)| _ = answer.head.headers.append(name, value.clone()));
        }
        missed
    }

    async fn follow(&self, flight: &Flight, arrived: Seq) -> Landed {
        let visit = &self.visit;
        let cache = &visit.running.config.cache;
        let _place = match visit.node.fetch.wait_place(cache.max_waiters) {
            Ok(place) => place,
            Err(reason) => return Landed::Failed(Fault::ours(reason, "no place to wait")),
        };
        let outdated = |head: &Head| visit.node.fetch.is_outdated(flight, head, arrived);
        let (axis, headers) = (visit.plan.axis, &visit.head.headers);
        let landed = flight.landed(false, visit.worker, axis, headers, outdated);
        match visit.node.clock.within(cache.wait_timeout, landed).await {
            Ok(landed) => landed,
            Err(Elapsed) => {
                let log = format!("no answer within {:?}", cache.wait_timeout);
                Landed::Failed(Fault::ours(Reason::WaitTimeout, log))
            }
        }
    }

    fn land(mut self, landed: Landed, collapsed: bool) -> Missed {
        let to = self.visit.to();
        let mut verdict = Verdict::fetched(Outcome::Miss, self.reason, self.reason);
        verdict.collapsed = collapsed;
        Missed::Done(match landed {
            Landed::Filling(seat) => shared::answer(seat, &to, verdict),
            Landed::Confirmed(object) => {
                verdict.outcome = Outcome::Revalidated;
                verdict.reason = Reason::Confirmed;
                shared::answer(object, &to, verdict)
            }
            Landed::Own(own) => {
                verdict.reason = own.reason;
                let stale = self.stale.take();
                let forwarded = self.reason;
                self.visit.answer_or_stale(own.exchange, verdict, stale.as_ref(), forwarded)
            }
            Landed::Again => return Missed::Lookup(Lookup(self.visit)),
            Landed::Failed(fault) => {
                let stale = self.stale.take();
                let about = (self.reason, collapsed);
                self.visit.stale_or_failed(stale.as_ref(), about, &fault)
            }
        })
    }
}

impl Visit {
    /// No answer came to what was forwarded, for this reason and by another's request or its own: what is
    /// stored, where it may be served then (RFC 5861 §4), else a page.
    pub(super) fn stale_or_failed(
        &mut self,
        stale: Option<&Arc<Object>>,
        about: (Reason, bool),
        fault: &Fault,
    ) -> Answer {
        self.in_its_place(stale, about, fault).unwrap_or_else(|| self.failed(fault))
    }

    /// The origin's own answer; where that tells that the origin fails, what is stored in its place, if it
    /// may be served then.
    pub(super) fn answer_or_stale(
        &mut self,
        exchange: Exchange,
        verdict: Verdict,
        stale: Option<&Arc<Object>>,
        reason: Reason,
    ) -> Answer {
        let status = exchange.head.status;
        if freshness::is_origin_failure(status) {
            let log = format!("{} answered {status}", exchange.server);
            let fault = Fault::origin(Reason::IfError, log).answered(status);
            if let Some(answer) = self.in_its_place(stale, (reason, false), &fault) {
                return answer;
            }
        }
        passed::answer(exchange, &self.to(), verdict)
    }

    /// What is stored in the place of the answer that `fault` tells of, if it may be served then.
    fn in_its_place(
        &mut self,
        stale: Option<&Arc<Object>>,
        (reason, collapsed): (Reason, bool),
        fault: &Fault,
    ) -> Option<Answer> {
        let to = self.to();
        let (store, key) = (&self.node.store, self.plan.key());
        let stale = stale
            .filter(|stale| self.usable_on_error(&stale.head.life(), stale.resident(to.now)))
            // After a hard purge never (PURGE.md rule 9).
            .filter(|stale| {
                let (_, floor) = store.asking(&key);
                let judged = store.judge(&key, stale);
                let soft = judged == Judgement::Stale || floor.soft > stale.asked;
                // Another node could not tell that it is purged.
                let to_node = self.peer.fleet && !mutant::is(Mutant::StaleOnError);
                judged != Judgement::Gone && floor.hard <= stale.asked && !(soft && to_node)
            })?;
        let rule = super::stale::rule(&stale.head.life(), Reason::IfError);
        let mut verdict = match fault.reason {
            // Nobody was asked for this request.
            Reason::WaitersFull
            | Reason::WaitTimeout
            | Reason::NoServer
            | Reason::NoAddress
            | Reason::PoolFull
            | Reason::PoolTimeout => Verdict::served(Outcome::Stale, rule),
            _ => Verdict::fetched(Outcome::Stale, rule, reason),
        };
        (verdict.status, verdict.collapsed) = (fault.status, collapsed);
        let mut answer = shared::answer(Arc::clone(stale), &to, verdict);
        answer.account.detail = Some(fault.log.as_str().into());
        Some(answer)
    }
}

impl Visit {
    /// Whether what is stored may be served where the origin fails, by what it says of itself and by what the
    /// request takes.
    pub(super) fn usable_on_error(&self, life: &Life, resident: Duration) -> bool {
        match self.view.asked.as_deref() {
            None => life.usable_on_error(resident),
            Some(asked) => asked.usable_on_error(life, resident),
        }
    }
}

impl Shared for FillReader {
    fn head(&self) -> &Head {
        &self.fill().head
    }

    fn length(&self) -> Option<u64> {
        self.fill().length
    }

    fn origin(&self) -> Option<OriginPart> {
        Some(self.fill().origin.clone())
    }

    fn into_body(self, part: Option<(u64, u64)>) -> Body {
        let keeps = self.fill().keeps();
        let reader = match part {
            None => self,
            Some((first, last)) => self.part(first, last),
        };
        Body::stream_of(reader, keeps)
    }
}

impl Visit {
    /// What to ask the origin so that its answer may be stored, and on what terms. `None` where
    /// the site's cluster is gone, which a configuration that was checked cannot cause.
    pub(super) fn question(&self, stale: Option<&Arc<Object>>) -> Option<(Upstream, Terms)> {
        let pool = self.pool(None)?;
        let first = self.way(pool, stale);
        let second = self.pool(Some(pool)).map(|pool| Box::new(self.way(pool, stale)));
        let upstream = Upstream { first, second, terms: self.plan.terms() };
        let refuses = |stale: &&Arc<Object>| {
            let life = stale.head.life();
            let resident = stale.resident(self.node.clock.now());
            life.usable_on_error(resident) && !self.usable_on_error(&life, resident)
        };
        let refuses_stale = stale.filter(refuses).is_some();
        Some((upstream, Terms { refuses_stale, ..self.terms() }))
    }

    /// How a pool is asked.
    fn way(&self, pool: &Arc<Pool>, stale: Option<&Arc<Object>>) -> Way {
        let (plan, hop) = (&self.plan, self.hop_to(pool));
        // Read after the flight has taken its place in the sequence of purges (PURGE.md rule 14).
        let told = || unless(Mutant::PositionsTold, || self.node.positions());
        let positions = if hop.to_node { told() } else { None };
        let head = |purpose| {
            let mut head = forward::upstream(&self.head, plan, &self.view, &hop, purpose);
            if let Some(positions) = &positions {
                head.headers.insert(between::POSITIONS, positions.clone());
            }
            head
        };
        let now = self.node.clock.wall();
        let stored = stale.map(|stale| stale.head.fields.own()).filter(validator::present);
        let validate = stored.as_ref().map(|stored| head(Purpose::Validate { stored, now }));
        Way { pool: Arc::clone(pool), fill: head(Purpose::Fill), validate }
    }

    /// The site as clients see it: what another node brings in is stored for everybody.
    fn shown_site(&self) -> &Arc<Site> {
        let site = &self.plan.site;
        let same = |one: &&Arc<Site>| one.id == site.id;
        let shown = self.peer.fleet.then(|| self.running.config.sites.iter().find(same));
        shown.flatten().unwrap_or(site)
    }

    /// On what terms an answer may be stored.
    pub(super) fn terms(&self) -> Terms {
        let (cache, encoding) = (&self.running.config.cache, &self.plan.site.encoding);
        Terms {
            site: Arc::clone(self.shown_site()),
            max_object: cache.max_object.min(cache.memory / LARGEST_SHARE),
            policy: self.policy(),
            authorization: self.head.headers.contains_key(http::header::AUTHORIZATION),
            session: self.view.session,
            encoding: (!encoding.codings.is_empty()).then(|| Arc::clone(encoding)),
            refuses_stale: false,
            named: self.plan.site.identity.request_id,
            worker: self.worker,
        }
    }
}

impl Visit {
    /// What the site chooses for what is asked now.
    fn policy(&self) -> Policy {
        let site = &self.plan.site.freshness;
        let uncanonical = (!self.plan.canonical).then_some(site.uncanonical_ttl);
        // No purge tells that it is outdated, so that it is not served beyond its time.
        let grace = if self.plan.canonical { site.grace } else { Duration::ZERO };
        Policy {
            heuristic: site.heuristic,
            default_ttl: site.default_ttl,
            grace,
            operator_grace: site.stale == StaleRule::Operator,
            keep: site.keep,
            max_ttl: site.max_ttl.into_iter().chain(uncanonical).min(),
            not_found_ttl: site.not_found_ttl,
            error_ttl: site.error_ttl,
            negative_ttl: site.negative_ttl,
            passes_request_errors: !site.request_errors,
            jitter: fastrand::u32(..=u32::from(site.jitter) * 10_000),
        }
    }
}

/// The site's cluster is gone.
pub(super) fn no_cluster() -> Fault {
    Fault::ours(Reason::NoServer, "the site's cluster is not configured")
}
