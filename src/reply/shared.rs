//! Answers made of what many clients share: a stored object, or a fill that grows.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, DATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use super::{For, Verdict, account, add, forward, mark, set_age, told_key};
use crate::base::{Body, Fields, Outcome, Segments};
use crate::front::{Answer, Then};
use crate::semantics::{
    CacheStatus, Handling, Present, RangeAnswer, ResponseDirectives, Validators, cache_control,
    coding, conditional, range,
};
use crate::site::answers;
use crate::store::{Head, Object};
use crate::telemetry::account::OriginPart;

/// What many clients may share: a stored object, or one client's seat at what grows into one.
pub trait Shared {
    /// Status and fields, as stored.
    fn head(&self) -> &Head;
    /// The body's length, where it is known.
    fn length(&self) -> Option<u64>;
    /// What the origin had to do with it, where it is being asked now.
    fn origin(&self) -> Option<OriginPart>;
    /// The body, or the bytes `first..=last` of it.
    fn into_body(self, part: Option<(u64, u64)>) -> Body;
}

impl Shared for Arc<Object> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn length(&self) -> Option<u64> {
        Some(Object::length(self))
    }

    fn origin(&self) -> Option<OriginPart> {
        None
    }

    fn into_body(self, part: Option<(u64, u64)>) -> Body {
        let segments = |first, length| Segments::new(Arc::clone(&self.body), first, length);
        let length = Object::length(&self);
        match (part, &self.trailers) {
            (Some((first, last)), _) => Body::Segments(segments(first, last - first + 1)),
            (None, None) if length == 0 => Body::Empty,
            (None, None) => Body::Segments(segments(0, length)),
            (None, Some(trailers)) => {
                Body::with_trailers(segments(0, length), HeaderMap::clone(trailers))
            }
        }
    }
}

/// Fields that an answer has beside the stored ones: Age, Via, Cache-Status, and one of a length.
const ADDED: usize = 4;

/// What of a response answers a request.
struct Selected {
    status: StatusCode,
    /// The fields that are answered as they are stored.
    stored: Fields,
    /// Others.
    headers: HeaderMap,
    carried: Carried,
}

/// What of a response's body an answer carries.
enum Carried {
    Nothing,
    Whole,
    Part(u64, u64),
}

/// The answer from `source` for the client of `to`.
pub fn answer<S: Shared>(source: S, to: &For<'_>, verdict: Verdict) -> Answer {
    let stored = source.head();
    let resident = stored.resident(to.now);
    let life = stored.life();
    let age = life.age(resident);
    let longer = age > 0 && counts_from_the_answer(stored, to);
    let Selected { status, stored: fields, mut headers, carried } =
        select(stored, source.length(), longer, to);
    if longer && headers.contains_key(CACHE_CONTROL) {
        cache_control::lengthen(&mut headers, age);
    }
    if verdict.outcome != Outcome::Miss || age > 0 {
        set_age(&mut headers, age);
    }
    let cache_status = CacheStatus {
        node: to.node,
        handling: match verdict.forwarded {
            None => Handling::Hit,
            Some(reason) => Handling::Forwarded {
                why: forward(reason),
                status: match verdict.outcome {
                    Outcome::Revalidated => Some(304),
                    Outcome::Stale => verdict.status.map(|status| status.as_u16()),
                    // The request's condition or range made another of it (RFC 9211 §2.3).
                    _ => (status != stored.status).then_some(stored.status.as_u16()),
                },
                stored: verdict.outcome != Outcome::Stale,
                collapsed: verdict.collapsed,
            },
        },
        ttl: Some(life.ttl_left(resident)),
        key: told_key(to),
        detail: verdict.reason,
    };
    mark(&mut headers, to, stored.version(), &cache_status);
    let mut account = account(to, verdict);
    account.origin = source.origin();
    let site = &*to.plan.site;
    add(&mut headers, site, to.plan.client.scheme, to.node, &account);

    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = status;
    head.headers = headers;
    let mut body = match carried {
        Carried::Nothing => Body::Empty,
        Carried::Whole => source.into_body(None),
        Carried::Part(first, last) => source.into_body(Some((first, last))),
    };
    if let Body::Trailed(trailed) = &mut body
        && let Some(trailers) = &mut trailed.1
    {
        answers::withhold(trailers, site);
    }
    Answer { head, stored: fields, body, account, then: Then::KeepAlive }
}

/// Whether the `max-age` that clients are shown is the site's own, for copies that they begin to keep
/// now. It stands beside the Age of what is stored, and must be longer by that.
fn counts_from_the_answer(head: &Head, to: &For<'_>) -> bool {
    let answers = &to.plan.site.answers;
    let as_said = || head.fields.are_own() && head.policy.is(answers.policy);
    answers.client_max_age > 0
        && !as_said()
        && ResponseDirectives::of(&head.fields.own()).s_maxage.is_some()
}

/// The stored fields as the site shows them to clients now, as a rule with room for ours.
fn shown(head: &Head, to: &For<'_>) -> HeaderMap {
    let site = &*to.plan.site;
    if head.policy.is(site.answers.policy) {
        return head.fields.map(ADDED + site.answers.more);
    }
    let mut fields = head.fields.own();
    answers::rewrite(&mut fields, site);
    fields
}

/// Status, fields and body after the request's conditions and range, in the order of RFC 9110
/// §13.2.2. `longer` says that the stored fields cannot stand as they are.
fn select(head: &Head, length: Option<u64>, longer: bool, to: &For<'_>) -> Selected {
    if (to.present.has(Present::CONDITION) || to.present.has(Present::RANGE))
        && let Some((status, headers, carried)) = select_by_condition(head, length, to)
    {
        return Selected { status, stored: Fields::default(), headers, carried };
    }
    let answers = &to.plan.site.answers;
    let written = to.request.version <= Version::HTTP_11
        && head.fields.stand()
        && head.policy.is(answers.policy)
        && !longer
        && !(answers.x_cache && head.fields.tell_of_caches());
    let (stored, mut headers) = if written {
        (head.fields.clone(), HeaderMap::with_capacity(ADDED + answers.more))
    } else {
        (Fields::default(), shown(head, to))
    };
    let mut carried = Carried::Whole;
    if to.request.method == Method::HEAD {
        carried = Carried::Nothing;
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
    Selected { status: head.status, stored, headers, carried }
}

/// What the request's preconditions and its range make of the answer, if anything.
fn select_by_condition(
    head: &Head,
    length: Option<u64>,
    to: &For<'_>,
) -> Option<(StatusCode, HeaderMap, Carried)> {
    let request = &to.request.headers;
    let (fields, wall) = (shown(head, to), to.clock.wall());
    let validators = Validators::of(head.status, &fields);
    match conditional::evaluate(&to.request.method, request, validators, wall) {
        conditional::Verdict::Proceed => {}
        conditional::Verdict::NotModified => {
            let fields = conditional::not_modified_fields(&fields);
            return Some((StatusCode::NOT_MODIFIED, fields, Carried::Nothing));
        }
        conditional::Verdict::PreconditionFailed => {
            let fields = head.fields.only(&[DATE]);
            return Some((StatusCode::PRECONDITION_FAILED, fields, Carried::Nothing));
        }
    }
    let length = length.filter(|_| head.status == StatusCode::OK)?;
    let coded_here = !to.plan.site.encoding.codings.is_empty();
    let ranged = match coded_here && coding::varies_on_coding(&fields) {
        true => validators.of_one_coding(),
        false => validators,
    };
    if !conditional::if_range_matches(request, ranged, wall) {
        return None;
    }
    match range::resolve(&to.request.method, request, length) {
        RangeAnswer::Whole => None,
        RangeAnswer::Part { first, last } => {
            let mut headers = fields;
            headers.insert(CONTENT_RANGE, range::content_range(first, last, length));
            Some((StatusCode::PARTIAL_CONTENT, headers, Carried::Part(first, last)))
        }
        RangeAnswer::Unsatisfiable => {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, range::unsatisfied_range(length));
            Some((StatusCode::RANGE_NOT_SATISFIABLE, headers, Carried::Nothing))
        }
    }
}
