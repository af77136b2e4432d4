//! A question to the edge and the judgement of its answer.

use fastrand::Rng;
use http::header::{
    ACCEPT_RANGES, AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName,
    IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::Bytes;

use super::client::cache_status;
use super::page::Page;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The whole.
    Get,
    /// The head.
    Head,
    /// A part.
    Range,
    /// A part, if the page is still the one that was seen before.
    IfRange,
    /// The whole, unless the page is still the one that was seen before.
    Conditional,
    /// The whole, and then not to wait for it.
    Leave,
}

impl Kind {
    /// One at random, in the mix of the load.
    pub fn draw(random: &mut Rng) -> Self {
        match random.u32(..1000) {
            ..80 => Self::Head,
            80..180 => Self::Range,
            180..210 => Self::IfRange,
            210..330 => Self::Conditional,
            330..335 => Self::Leave,
            _ => Self::Get,
        }
    }

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Range => "Range",
            Self::IfRange => "If-Range",
            Self::Conditional => "If-None-Match",
            Self::Leave => "leaves",
        }
    }
}

/// A version with its ETag, as a client has once seen it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which one.
    pub page: Page,
    /// What the origin calls it.
    pub etag: HeaderValue,
}

/// A question about one page.
#[derive(Debug)]
pub struct Question {
    /// Which page.
    pub id: u32,
    /// What of it.
    pub kind: Kind,
    range: Part,
    seen: Option<Seen>,
}

/// A range as it can be asked for (RFC 9110 §14.1.2).
#[derive(Clone, Copy, Debug)]
enum Part {
    From(u64),
    FromTo(u64, u64),
    Last(u64),
}

impl Question {
    /// A question of `kind`, or a plain one where nothing was seen that it could be about.
    pub fn new(id: u32, kind: Kind, seen: Option<Seen>, random: &mut Rng) -> Self {
        let kind = match kind {
            Kind::IfRange | Kind::Conditional if seen.is_none() => Kind::Get,
            kind => kind,
        };
        let length = Page { id, version: 0 }.length();
        let start = random.u64(..length);
        let range = match random.u32(..4) {
            0 => Part::From(start),
            1 => Part::Last(random.u64(1..=length)),
            2 => Part::FromTo(start, start + random.u64(..2 * length)),
            _ => Part::FromTo(start, start + random.u64(..200)),
        };
        Self { id, kind, range, seen }
    }

    /// The method to ask with.
    pub fn method(&self) -> Method {
        if self.kind == Kind::Head { Method::HEAD } else { Method::GET }
    }

    /// The fields to ask with.
    pub fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        if matches!(self.kind, Kind::Range | Kind::IfRange) {
            let range = match self.range {
                Part::From(start) => format!("bytes={start}-"),
                Part::FromTo(start, end) => format!("bytes={start}-{end}"),
                Part::Last(length) => format!("bytes=-{length}"),
            };
            fields.insert(RANGE, range.parse().expect("digits"));
        }
        if let Some(seen) = &self.seen {
            match self.kind {
                Kind::IfRange => fields.insert(IF_RANGE, seen.etag.clone()),
                Kind::Conditional => fields.insert(IF_NONE_MATCH, seen.etag.clone()),
                _ => None,
            };
        }
        fields
    }

    /// Which version the answer shows, when all of it is right.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge(&self, answer: &Response<Bytes>, private: bool) -> Result<Seen, String> {
        let (headers, body) = (answer.headers(), answer.body());
        let seen = match answer.status() {
            StatusCode::OK => self.whole(headers, body, private)?,
            StatusCode::PARTIAL_CONTENT => self.part(headers, body)?,
            StatusCode::NOT_MODIFIED => self.unchanged(headers, body)?,
            status => return Err(format!("status {status}")),
        };
        let status = cache_status(headers);
        if !status.starts_with("cp1; ") {
            return Err(format!("Cache-Status: {status}"));
        }
        if private && status.contains("; hit") {
            return Err("a hit of what must not be stored".into());
        }
        let expected = if private { "no-store" } else { "max-age=86400" };
        if field(headers, &CACHE_CONTROL) != Some(expected) {
            return Err(format!("Cache-Control: {:?}", headers.get(CACHE_CONTROL)));
        }
        if status.contains("; hit") && number(headers, &AGE).is_none() {
            return Err("a hit without its age".into());
        }
        Ok(seen)
    }

    fn whole(&self, headers: &HeaderMap, body: &Bytes, private: bool) -> Result<Seen, String> {
        let length = number(headers, &CONTENT_LENGTH).ok_or("no Content-Length")?;
        let page = self.of_length(length)?;
        match self.kind {
            Kind::Head if !body.is_empty() => return Err("HEAD with a body".into()),
            Kind::Head => {}
            _ if body.len() as u64 != length => {
                return Err(format!("{} bytes of {length}", body.len()));
            }
            _ => page.check(0, body)?,
        }
        if field(headers, &ACCEPT_RANGES) == Some("none") {
            return Err("Accept-Ranges: none".into());
        }
        let seen = tagged(page, headers)?;
        let is_condition_false = self.seen.as_ref().is_some_and(|old| old.etag == seen.etag);
        // The only answer is 304 then (RFC 9110 §13.1.2). What turns out not to be storable comes
        // as it was asked for, and that was without the condition.
        if self.kind == Kind::Conditional && is_condition_false && !private {
            return Err(format!("200 for the very ETag that was sent, {:?}", seen.etag));
        }
        Ok(seen)
    }

    fn part(&self, headers: &HeaderMap, body: &Bytes) -> Result<Seen, String> {
        if !matches!(self.kind, Kind::Range | Kind::IfRange) {
            return Err("206 without a Range".into());
        }
        let told = field(headers, &CONTENT_RANGE).ok_or("206 without Content-Range")?;
        let page = told.rsplit('/').next().and_then(|length| length.parse().ok());
        let page = self.of_length(page.ok_or_else(|| format!("Content-Range: {told}"))?)?;
        let length = page.length();
        let (start, end) = match self.range {
            Part::From(start) => (start, length),
            Part::FromTo(start, end) => (start, length.min(end + 1)),
            Part::Last(last) => (length - last, length),
        };
        let expected = format!("bytes {start}-{}/{length}", end - 1);
        if told != expected || body.len() as u64 != end - start {
            return Err(format!("{told} with {} bytes for {expected}", body.len()));
        }
        if number(headers, &CONTENT_LENGTH).is_some_and(|length| length != end - start) {
            return Err(format!("Content-Length {:?} in a 206", headers.get(CONTENT_LENGTH)));
        }
        page.check(start, body)?;
        match &self.seen {
            Some(old) if self.kind == Kind::IfRange && old.page != page => {
                Err(format!("206 of {page:?} for If-Range of {:?}", old.page))
            }
            _ => tagged(page, headers),
        }
    }

    fn unchanged(&self, headers: &HeaderMap, body: &Bytes) -> Result<Seen, String> {
        match &self.seen {
            Some(seen) if self.kind == Kind::Conditional => {
                if headers.get(ETAG) != Some(&seen.etag) || !body.is_empty() {
                    return Err(format!("304 of {:?}, not {:?}", headers.get(ETAG), seen.etag));
                }
                Ok(seen.clone())
            }
            _ => Err("304 without a condition".into()),
        }
    }

    fn of_length(&self, length: u64) -> Result<Page, String> {
        let page = Page::of_length(self.id, length);
        page.ok_or_else(|| format!("no version of page {} has {length} bytes", self.id))
    }
}

/// `page` with its ETag, in which nginx tells the length.
fn tagged(page: Page, headers: &HeaderMap) -> Result<Seen, String> {
    let etag = headers.get(ETAG).ok_or("no ETag")?;
    let end = format!("-{:x}\"", page.length());
    if !etag.to_str().is_ok_and(|text| text.ends_with(&end)) {
        return Err(format!("ETag {etag:?} with {} bytes", page.length()));
    }
    Ok(Seen { page, etag: etag.clone() })
}

fn field<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    field(headers, name)?.parse().ok()
}
