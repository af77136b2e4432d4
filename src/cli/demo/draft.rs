//! An answer of the wiki in the making: status, fields and body, and how it shrinks to a 304 when
//! the reader has it already (RFC 9110 §13.1).

use std::time::SystemTime;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use httpdate::{fmt_http_date, parse_http_date};

use super::pages::Page;
use crate::base::{Body, Fields, Outcome, Reason};
use crate::front::{Answer, Then};
use crate::telemetry::Account;

/// An answer that can still be changed.
#[derive(Debug)]
pub(super) struct Draft(Response<Bytes>);

impl Draft {
    /// A 200 of media type `kind`.
    pub(super) fn new(
        kind: &'static str,
        cache_control: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let mut response = Response::new(body.into());
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
        Self(response)
    }

    /// The same with another status.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        *self.0.status_mut() = status;
        self
    }

    /// The same with a field more. Values are paths and words of our own; one that could not stand
    /// in a field is left out.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    /// The same with the validators of `page`. The tag is weak: the foot of a page tells the time,
    /// which changes nothing that matters.
    pub(super) fn dated(self, page: &Page) -> Self {
        let newest = page.newest();
        self.validated(newest.saved, newest.number)
    }

    /// The same with validators: when it changed, and what number it bears.
    pub(super) fn validated(self, changed: SystemTime, number: u64) -> Self {
        let since = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        // The time keeps apart what two runs of the demo number alike.
        self.with(header::LAST_MODIFIED, &fmt_http_date(changed))
            .with(header::ETAG, &format!("W/\"{since:x}-{number}\""))
    }

    /// A 304 in its place where `request` has it already.
    pub(super) fn unless_known(mut self, request: &Parts) -> Self {
        if self.0.status() == StatusCode::OK && self.is_known(request) {
            *self.0.status_mut() = StatusCode::NOT_MODIFIED;
            self.0.headers_mut().remove(header::CONTENT_TYPE);
            *self.0.body_mut() = Bytes::new();
        }
        if request.method == Method::HEAD {
            *self.0.body_mut() = Bytes::new();
        }
        self
    }

    /// The finished answer. Nobody counts the wiki's answers: outcome and reason are formal.
    pub(super) fn answer(self) -> Answer {
        let (head, body) = self.0.into_parts();
        let account = Account::new(None, Outcome::Synth, Reason::Fresh);
        Answer {
            head,
            stored: Fields::default(),
            body: Body::from_bytes(body),
            account,
            then: Then::KeepAlive,
        }
    }

    /// The finished answer to a request whose body was not read to its end.
    pub(super) fn closing(self) -> Answer {
        Answer { then: Then::Close, ..self.answer() }
    }

    fn is_known(&self, request: &Parts) -> bool {
        let ours = |name| self.0.headers().get(name).and_then(|value| value.to_str().ok());
        let theirs = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(tags) = theirs(header::IF_NONE_MATCH) {
            let ours = ours(header::ETAG);
            return tags.split(',').any(|tag| Some(tag.trim()) == ours || tag.trim() == "*");
        }
        let date = |text: Option<&str>| text.and_then(|text| parse_http_date(text).ok());
        match (date(ours(header::LAST_MODIFIED)), date(theirs(header::IF_MODIFIED_SINCE))) {
            (Some(changed), Some(since)) => changed <= since,
            _ => false,
        }
    }
}
