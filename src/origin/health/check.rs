//! One check of a server: a connection opens, and where a path is configured, what is fetched over it
//! is what it must be.

use std::future::poll_fn;

use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri, request};

use super::super::answer;
use super::super::connection::{Awaited, Connection, Failed};
use super::super::fault;
use super::super::sending::Sending;
use super::super::server::Server;
use crate::base::{Body, Clock, Fault};
use crate::config::Check;
use crate::wire::{Content, Piece, ResponseHead};

/// How much of a body a text is sought in, in bytes.
const MOST: usize = 64 * 1024;

/// Checks `server`.
///
/// # Errors
/// What is not as it must be.
pub async fn check(server: &Server, terms: &Check, clock: &Clock) -> Result<(), String> {
    let checked = async {
        let connection = server.dial(terms.timeout, clock).await.map_err(|fault| fault.log)?;
        match &terms.path {
            Some(path) => fetch(connection, &request(server, terms, path)?, terms, clock).await,
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
    mut connection: Connection,
    asked: &request::Parts,
    terms: &Check,
    clock: &Clock,
) -> Result<(), String> {
    let mut sending = Sending::new(asked, Body::Empty, clock);
    let mut awaited = Awaited::default();
    let said = |failed: Failed| fault::of_head(failed).log;
    let ResponseHead { parts: mut head, .. } = poll_fn(|cx| {
        let _ = connection.poll_send(&mut sending, cx);
        connection.poll_head(&mut awaited, cx)
    })
    .await
    .map_err(said)?;
    if head.status.as_u16() != terms.status {
        return Err(format!("answered {}, not {}", head.status.as_u16(), terms.status));
    }
    let Some(text) = &terms.body else { return Ok(()) };
    let mut content = Content::new(answer::check(asked, &mut head)?);
    let body = read(&mut connection, &mut content).await.map_err(|fault| fault.log)?;
    match body.windows(text.len()).any(|part| part == text.as_bytes()) {
        true => Ok(()),
        false => Err(format!("the first {} bytes of its answer have no {text:?}", body.len())),
    }
}

async fn read(connection: &mut Connection, content: &mut Content) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while body.len() < MOST {
        match poll_fn(|cx| connection.poll_body(content, cx)).await? {
            Piece::Data(bytes) => body.extend_from_slice(&bytes),
            Piece::End(_) => break,
            // `poll_body` has read on before it says so.
            Piece::More => {}
        }
    }
    body.truncate(MOST);
    Ok(body)
}
