//! Answers of our own: receipts, refusals and error pages.
//!
//! The one file that maps a reason to a status and a page. The page holds our own words only:
//! nothing of the request, of the origin, or of the system's errors. The request's name, where it has
//! one, is ours or a trusted proxy's; a site's template may ask for the client's address too.

use std::sync::Arc;

use http::header::{ALLOW, CACHE_CONTROL, CACHE_STATUS, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::template::Place;
use super::{ErrorPages, For, Verdict, account, add};
use crate::base::{Body, Clock, Fault, Fields, Outcome, Reason};
use crate::config::Site;
use crate::front::{Answer, Then};
use crate::semantics::{CacheStatus, Handling, date};
use crate::site::Client;
use crate::site::identity::X_REQUEST_ID;
use crate::site::plan::Refusal;
use crate::telemetry::Account;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What every page is.
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The status that `reason` is answered with. `unknown_host` is the configuration's choice.
pub fn status(reason: Reason, unknown_host: u16) -> StatusCode {
    match reason {
        Reason::UnknownHost => {
            StatusCode::from_u16(unknown_host).unwrap_or(StatusCode::MISDIRECTED_REQUEST)
        }
        Reason::BadRequest | Reason::BadHost | Reason::BadTarget | Reason::BodyBroken => {
            StatusCode::BAD_REQUEST
        }
        Reason::BadMethod | Reason::PurgeForbidden | Reason::PurgeOnly => {
            StatusCode::METHOD_NOT_ALLOWED
        }
        Reason::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Reason::HttpsRequired => StatusCode::FORBIDDEN,
        Reason::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Reason::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
        Reason::Loop => StatusCode::LOOP_DETECTED,
        Reason::WaitersFull
        | Reason::PoolFull
        | Reason::PoolTimeout
        | Reason::MemoryFull
        | Reason::NoServer
        | Reason::Draining => StatusCode::SERVICE_UNAVAILABLE,
        Reason::ClientRequests => StatusCode::TOO_MANY_REQUESTS,
        Reason::WaitTimeout
        | Reason::ConnectTimeout
        | Reason::FirstByteTimeout
        | Reason::BetweenBytesTimeout
        // RFC 9111 §5.2.1.7.
        | Reason::OnlyIfCached => StatusCode::GATEWAY_TIMEOUT,
        Reason::NoAddress
        | Reason::ConnectFailed
        | Reason::OriginTls
        | Reason::OriginClosed
        | Reason::OriginGarbage
        | Reason::Truncated
        | Reason::NotRelayed
        | Reason::IfError => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Who gets a page of ours, and what it may tell them.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The site, where the host had one.
    pub site: Option<&'a Site>,
    /// The sites' pages.
    pub error_pages: &'a ErrorPages,
    /// The client.
    pub client: Client,
    /// The node's name.
    pub node: &'a str,
    /// The calendar.
    pub clock: &'a Clock,
}

impl<'a> Asker<'a> {
    /// The one for whom an answer is made.
    pub fn of(to: &For<'a>) -> Self {
        Self {
            site: Some(&to.plan.site),
            error_pages: to.error_pages,
            client: to.plan.client,
            node: to.node,
            clock: to.clock,
        }
    }
}

/// The page for a request that was turned away before anything was done for it, or sent elsewhere.
/// `unknown_host` is the status for hosts of no site.
pub fn refused(
    asker: &Asker<'_>,
    refusal: &Refusal,
    request_id: Option<Arc<HeaderValue>>,
    unknown_host: u16,
) -> Answer {
    let (site, reason) = (asker.site, refusal.reason);
    let mut account = Account::new(site.map(|site| site.id), Outcome::Refused, reason);
    account.request_id = request_id;
    let Some(location) = &refusal.location else {
        let mut answer = page(asker, status(reason, unknown_host), reason, account);
        if answer.head.status == StatusCode::METHOD_NOT_ALLOWED {
            answer.head.headers.insert(ALLOW, allow(reason, site));
        }
        return answer;
    };
    let mut answer = page(asker, StatusCode::MOVED_PERMANENTLY, reason, account);
    answer.head.headers.insert(LOCATION, location.clone());
    answer
}

/// What a site serves, or a listener for purges alone.
fn allow(reason: Reason, site: Option<&Site>) -> HeaderValue {
    let methods = match site {
        _ if reason == Reason::PurgeOnly => "PURGE".to_owned(),
        _ => match site.and_then(|site| site.access.methods.as_deref()) {
            None => METHODS.to_owned(),
            Some(methods) => {
                let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
                methods.join(", ")
            }
        },
    };
    HeaderValue::try_from(methods).expect("methods are tokens")
}

/// The methods that are told of a site that serves all, and where no site is known yet.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

/// The page for a request that failed.
pub fn failed(to: &For<'_>, fault: &Fault) -> Answer {
    let mut account = account(to, Verdict::served(Outcome::Synth, fault.reason));
    account.detail = Some(fault.log.as_str().into());
    page(&Asker::of(to), status(fault.reason, 421), fault.reason, account)
}

/// The receipt of a purge.
pub fn purged(to: &For<'_>) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_STATUS, cache_status(to.node, Reason::Purged));
    let account = account(to, Verdict::served(Outcome::Synth, Reason::Purged));
    answer(StatusCode::NO_CONTENT, headers, Body::Empty, account)
}

/// The receipt of a purge for a client that asked for `json`.
pub fn purged_with(to: &For<'_>, json: String) -> Answer {
    let mut answer = purged(to);
    answer.head.status = StatusCode::OK;
    answer.head.headers.insert(CONTENT_TYPE, JSON);
    answer.head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.body = Body::from_bytes(json);
    answer
}

/// The answer to a purge that was not applied, for a reason that is ours to tell.
pub fn purge_refused(to: &For<'_>, why: &str, json: bool) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_STATUS, cache_status(to.node, Reason::BadRequest));
    headers.insert(CONTENT_TYPE, if json { JSON } else { TEXT });
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let account = account(to, Verdict::served(Outcome::Refused, Reason::BadRequest));
    let text = match json {
        true => format!("{}\n", serde_json::json!({ "error": why })),
        false => format!("{why}\n"),
    };
    answer(StatusCode::BAD_REQUEST, headers, Body::from_bytes(text), account)
}

/// The site's page for an error, where it has one; a redirect is none.
pub(super) fn from_template(
    asker: &Asker<'_>,
    status: StatusCode,
    account: &Account,
    sentence: &str,
) -> Option<String> {
    let error = status.is_client_error() || status.is_server_error();
    let template = asker.error_pages.of(asker.site.filter(|_| error)?.id)?;
    let (code, client) = (status.as_str(), asker.client.address.to_string());
    let time = date::format(asker.clock.wall());
    Some(template.render(|place| match place {
        Place::Status => code,
        Place::Name => name(status),
        Place::Reason => account.reason.as_str(),
        Place::Sentence => sentence,
        Place::Client => &client,
        Place::RequestId => request_id(account),
        Place::Node => asker.node,
        Place::Time => time.to_str().unwrap_or_default(),
    }))
}

/// The name of a request, where it has one.
fn request_id(account: &Account) -> &str {
    account.request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default()
}

fn name(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

fn page(asker: &Asker<'_>, status: StatusCode, reason: Reason, account: Account) -> Answer {
    let sentence = reason.sentence().trim();
    let text = from_template(asker, status, &account, sentence).unwrap_or_else(|| {
        let (code, name) = (status.as_u16(), name(status));
        // A name that was taken over has nothing in it that HTML reads.
        let id = request_id(&account);
        let space = if id.is_empty() { "" } else { " " };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <title>{code} {name}</title>\n<h1>{name}</h1>\n<p>{sentence}</p>\n\
             <p><small>{code} {reason}{space}{id}</small></p>\n</html>\n"
        )
    });
    let mut answer =
        answer(status, fields(asker, status, reason, &account), Body::from_bytes(text), account);
    // Who sends what cannot be understood may have meant its bytes otherwise than we read them; of a
    // body that was given up the rest may still come; and who asks for too much at once should not go
    // on with it here.
    let closes = [
        StatusCode::BAD_REQUEST,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if closes.contains(&status) {
        answer.then = Then::Close;
    }
    answer
}

/// The fields of a page; what it says of itself goes before what the site has every answer say.
fn fields(asker: &Asker<'_>, status: StatusCode, reason: Reason, account: &Account) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HTML);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CACHE_STATUS, cache_status(asker.node, reason));
    if let Some(id) = &account.request_id {
        headers.insert(X_REQUEST_ID, HeaderValue::clone(id));
    }
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    let Some(site) = asker.site else { return headers };
    let mut all = HeaderMap::new();
    add(&mut all, site, asker.client.scheme, asker.node, account);
    headers.keys().for_each(|name| _ = all.remove(name));
    all.extend(headers);
    all
}

fn cache_status(node: &str, detail: Reason) -> HeaderValue {
    CacheStatus { node, handling: Handling::Synthesized, ttl: None, key: None, detail }.to_value()
}

fn answer(status: StatusCode, headers: HeaderMap, body: Body, account: Account) -> Answer {
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = status;
    head.headers = headers;
    Answer { head, stored: Fields::default(), body, account, then: Then::KeepAlive }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Scheme;
    use http_body::Body as _;
    use std::net::Ipv4Addr;

    #[test]
    fn a_page_has_a_status_a_reason_and_no_store() {
        let pages = ErrorPages::default();
        let asker = Asker {
            site: None,
            error_pages: &pages,
            client: Client { address: Ipv4Addr::LOCALHOST.into(), scheme: Scheme::Http },
            node: "cp1",
            clock: &Clock::system(),
        };
        let answer = refused(&asker, &Refusal::early(Reason::UnknownHost), None, 421);
        assert_eq!(answer.head.status, 421);
        assert_eq!(answer.head.headers[CACHE_CONTROL], "no-store");
        assert_eq!(answer.head.headers[CACHE_STATUS], "cp1; detail=unknown-host");
        assert!(answer.body.size_hint().exact().is_some_and(|length| length > 0));
    }

    #[test]
    fn every_refusal_and_fault_has_a_status_of_its_class() {
        for (reason, code) in [
            (Reason::BadHost, 400),
            (Reason::PurgeForbidden, 405),
            (Reason::BodyTooLarge, 413),
            (Reason::Loop, 508),
            (Reason::WaitersFull, 503),
            (Reason::PoolTimeout, 503),
            (Reason::ClientRequests, 429),
            (Reason::ConnectFailed, 502),
            (Reason::FirstByteTimeout, 504),
            (Reason::Panic, 500),
        ] {
            assert_eq!(status(reason, 421), code, "{reason}");
        }
        assert_eq!(status(Reason::UnknownHost, 404), 404);
    }
}
