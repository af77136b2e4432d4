//! One check of a server: a connection opens, and where a path is configured, what is fetched over it
//! is what it must be.

use std::future::poll_fn;
use std::pin::Pin;

use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri, request};
use http_body::Body as _;

use super::super::body::OriginBody;
use super::super::carrier::{Answered, Carrier, Limits};
use super::super::server::Server;
use crate::base::{Body, Clock, Fault};
use crate::config::Check;

/// How much of a body a text is sought in, in bytes.
const MOST: usize = 64 * 1024;

/// Checks `server`.
///
/// # Errors
/// What is not as it must be.
pub async fn check(server: &Server, terms: &Check, clock: &Clock) -> Result<(), String> {
    let checked = async {
        let carrier = server.dial(terms.timeout, clock).await.map_err(|fault| fault.log)?;
        match &terms.path {
            Some(path) => fetch(carrier, &request(server, terms, path)?, terms, clock).await,
            None => Ok(()),
        }
    };
    let late = |_| Err(format!("nothing within {:?}", terms.timeout));
    clock.within(terms.timeout, checked).await.unwrap_or_else(late)
}

fn request(server: &Server, terms: &Check, path: &str) -> Result<request::Parts, String> {
    let host = terms.host.as_deref().unwrap_or_else(|| server.authority());
    let host = HeaderValue::try_from(host).map_err(|error| error.to_string())?;
    let target: Uri = path.parse().map_err(|error| format!("{path:?}: {error}"))?;
    let request = Request::builder()
        .method(Method::GET)
        .uri(target)
        .header(HOST, host)
        .header(USER_AGENT, "tidegate-check")
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close");
    Ok(request.body(()).map_err(|error| error.to_string())?.into_parts().0)
}

async fn fetch(
    carrier: Carrier,
    asked: &request::Parts,
    terms: &Check,
    clock: &Clock,
) -> Result<(), String> {
    // The check has a limit of its own, which is over before these.
    let later = terms.timeout * 2;
    let limits = Limits { first_byte: later, between: later, silence: later };
    let answered = carrier.exchange(asked, &mut Body::Empty, limits, clock).await;
    let Answered { head, body, .. } = answered.map_err(|fault| fault.log)?;
    if head.status.as_u16() != terms.status {
        return Err(format!("answered {}, not {}", head.status.as_u16(), terms.status));
    }
    let Some(text) = &terms.body else { return Ok(()) };
    let body = read(body).await.map_err(|fault| fault.log)?;
    match body.windows(text.len()).any(|part| part == text.as_bytes()) {
        true => Ok(()),
        false => Err(format!("the first {} bytes of its answer have no {text:?}", body.len())),
    }
}

async fn read(mut body: OriginBody) -> Result<Vec<u8>, Fault> {
    let mut read = Vec::new();
    while read.len() < MOST {
        let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await else { break };
        if let Ok(bytes) = frame?.into_data() {
            read.extend_from_slice(&bytes);
        }
    }
    read.truncate(MOST);
    Ok(read)
}
