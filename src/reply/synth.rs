//! Answers of our own: receipts, refusals and error pages.
//!
//! The one file that maps a reason to a status and a page. The page holds our own words only:
//! nothing of the request, of the origin, or of the system's errors.

use http::header::{ALLOW, CACHE_CONTROL, CACHE_STATUS, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{For, Verdict, account};
use crate::base::{Body, Fault, Fields, Outcome, Reason, SiteId};
use crate::front::{Answer, Then};
use crate::semantics::{CacheStatus, Handling};
use crate::telemetry::Account;

/// The methods that a site serves.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

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
        | Reason::BetweenBytesTimeout => StatusCode::GATEWAY_TIMEOUT,
        Reason::NoAddress
        | Reason::ConnectFailed
        | Reason::OriginTls
        | Reason::OriginClosed
        | Reason::OriginGarbage
        | Reason::Truncated
        | Reason::IfError => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The page for a request that was turned away before anything was done for it.
pub fn refused(site: Option<SiteId>, reason: Reason, node: &str, unknown_host: u16) -> Answer {
    let account = Account::new(site, Outcome::Refused, reason);
    page(status(reason, unknown_host), reason, node, account)
}

/// The page for a request that failed.
pub fn failed(to: &For<'_>, fault: &Fault) -> Answer {
    let mut account = account(to, Verdict::served(Outcome::Synth, fault.reason));
    account.detail = Some(fault.log.as_str().into());
    page(status(fault.reason, 421), fault.reason, to.node, account)
}

/// The receipt of a purge.
pub fn purged(to: &For<'_>) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_STATUS, cache_status(to.node, Reason::Purged));
    let account = account(to, Verdict::served(Outcome::Synth, Reason::Purged));
    answer(StatusCode::NO_CONTENT, headers, Body::Empty, account)
}

fn page(status: StatusCode, reason: Reason, node: &str, account: Account) -> Answer {
    let name = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{code} {name}</title>\n\
         <h1>{name}</h1>\n<p>{}</p>\n<p><small>{code} {reason}</small></p>\n</html>\n",
        reason.sentence().trim(),
    );
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CACHE_STATUS, cache_status(node, reason));
    match (status, reason) {
        (_, Reason::PurgeOnly) => {
            headers.insert(ALLOW, HeaderValue::from_static("PURGE"));
        }
        (StatusCode::METHOD_NOT_ALLOWED, _) => {
            headers.insert(ALLOW, HeaderValue::from_static(METHODS));
        }
        (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS, _) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    let mut answer = answer(status, headers, Body::from_bytes(text), account);
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

fn cache_status(node: &str, detail: Reason) -> HeaderValue {
    CacheStatus { node, handling: Handling::Synthesized, ttl: None, detail }.to_value()
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
    use http_body::Body as _;

    #[test]
    fn a_page_has_a_status_a_reason_and_no_store() {
        let answer = refused(None, Reason::UnknownHost, "cp1", 421);
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
