//! One exchange over a connection of HTTP/1.1.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{StatusCode, request};

use super::answer;
use super::body::{ConnectionBody, Lease, OriginBody};
use super::carrier::{Answered, Limits};
use super::connection::{Awaited, Connection};
use super::fault;
use super::sending::Sending;
use crate::base::{Body, Clock, Fault, Reason};
use crate::wire::{Content, ResponseHead};

/// Sends a request over `lease` and reads the head of its answer.
///
/// # Errors
/// What kept the head from coming.
pub async fn exchange(
    mut lease: Lease,
    asked: &request::Parts,
    body: Body,
    limits: Limits,
    clock: &Clock,
) -> Result<Answered, Fault> {
    // A server may take its time to read a body, as long as it likes.
    let is_bodiless = matches!(body, Body::Empty);
    lease.connection.bound_silence(is_bodiless.then_some(limits.silence));
    let mut sending = Sending::new(asked, body, clock);
    let head = head(&mut lease.connection, &mut sending, limits.first_byte, clock);
    let ResponseHead { parts: mut head, keep_alive } = poll_fn(head).await?;
    let framing = answer::check(asked, &mut head)
        .map_err(|what| Fault::origin(Reason::OriginGarbage, what))?;
    let (lease, upgrade) = match head.status {
        StatusCode::SWITCHING_PROTOCOLS => (None, Some(lease)),
        _ => (Some(lease), None),
    };
    let sending = Some(sending).filter(|sending| !sending.is_over());
    let content = Content::new(framing);
    let clock = clock.clone();
    let body = ConnectionBody::new(content, lease, sending, keep_alive, limits.between, clock);
    Ok(Answered { head, body: OriginBody::Connection(body), upgrade })
}

fn head(
    connection: &mut Connection,
    sending: &mut Sending,
    limit: Duration,
    clock: &Clock,
) -> impl FnMut(&mut Context<'_>) -> Poll<Result<ResponseHead, Fault>> {
    let mut deadline = clock.now() + limit;
    let mut awaited = Awaited::default();
    move |cx| {
        let gone = sending.gone();
        if let Poll::Ready(sent) = connection.poll_send(sending, cx) {
            sent?;
        }
        if sending.is_streamed() && sending.gone() != gone {
            deadline = clock.now() + limit;
        }
        if let Poll::Ready(head) = connection.poll_head(&mut awaited, cx) {
            return Poll::Ready(head.map_err(fault::of_head));
        }
        connection.poll_late(deadline, clock, cx).map(|()| Err(fault::late(limit)))
    }
}
