//! The fields of a stored response, packed: one piece of memory for all of them, from which an
//! HTTP/1 answer is written as it stands, and of which the values of any other are views.
//!
//! First stand how many fields there are, and marks ([`Fields::stand`], [`Fields::is_dated`]). A
//! field is the number of its name, the length of its value, and the value; number 0 is followed by a
//! name that has no number, with its length. Lengths are seven bits a byte, the lowest first, the
//! highest bit set where more follow.
//!
//! Where clients are not shown what the origin said, the origin's own fields of those that differ stand
//! behind the shown ones, and in the last four bytes where they begin: whoever asks the origin again,
//! or shows clients something else, goes by them ([`Fields::own`]).
//!
//! A [`HeaderMap`], which HTTP/2 and conditions need, is eight times as large, and four times as
//! quick to copy as to make: what is made over and over is kept (`unpacked`).

mod unpacked;

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use unpacked::UNPACKED_BYTES;

/// The names that responses have. A field's number is its place here plus one; it is kept in memory
/// only, so the list may change.
static NAMES: [HeaderName; 48] = [
    header::CONTENT_TYPE,
    header::DATE,
    header::SERVER,
    header::CACHE_CONTROL,
    header::ETAG,
    header::LAST_MODIFIED,
    header::VARY,
    header::CONTENT_LANGUAGE,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::ACCEPT_RANGES,
    header::EXPIRES,
    header::LINK,
    header::LOCATION,
    header::X_CONTENT_TYPE_OPTIONS,
    header::X_FRAME_OPTIONS,
    header::STRICT_TRANSPORT_SECURITY,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
    header::REFERRER_POLICY,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LOCATION,
    header::SET_COOKIE,
    header::ALT_SVC,
    header::VIA,
    header::X_XSS_PROTECTION,
    header::PRAGMA,
    header::RETRY_AFTER,
    header::REFRESH,
    header::CACHE_STATUS,
    header::CDN_CACHE_CONTROL,
    HeaderName::from_static("x-powered-by"),
    HeaderName::from_static("x-request-id"),
    X_CACHE,
    HeaderName::from_static("server-timing"),
    HeaderName::from_static("timing-allow-origin"),
    HeaderName::from_static("permissions-policy"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("nel"),
    HeaderName::from_static("surrogate-key"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("xkey"),
];

/// Those to which an answer adds something of its own, or that it has in place of what is stored.
const ANSWERED: [HeaderName; 4] =
    [header::AGE, header::VIA, header::CACHE_STATUS, header::CONTENT_LENGTH];

/// The name under which caches without Cache-Status tell what they did.
pub const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// The marks behind the number of fields: none is one of [`ANSWERED`], one is Date, one is X-Cache,
/// and the origin's own stand behind the shown ones.
const STAND: u8 = 1;
const DATED: u8 = 2;
const TOLD: u8 = 4;
const OWN: u8 = 8;

/// Packed fields, in the order in which a [`HeaderMap`] tells them: those of one name together.
#[derive(Clone, Debug, Default)]
pub struct Fields(Bytes);

impl Fields {
    /// The fields of `headers`, in memory of their own.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(Bytes::copy_from_slice(&packed(headers)))
    }

    /// The fields that clients are `shown` of an origin's `own`, in memory of their own. What is shown
    /// has no name that the origin's have not.
    pub fn shown(shown: &HeaderMap, own: &HeaderMap) -> Self {
        let mut packed = packed(shown);
        let begin = packed.len();
        let differs = |name: &HeaderName| !shown.get_all(name).iter().eq(own.get_all(name));
        for (name, value) in own.iter().filter(|(name, _)| differs(name)) {
            put_field(&mut packed, name, value);
        }
        if packed.len() > begin {
            // A head is never as long as this can tell.
            packed.put_u32(u32::try_from(begin).unwrap_or(u32::MAX));
            packed[1] |= OWN;
        }
        Self(Bytes::copy_from_slice(&packed))
    }

    /// The origin's own fields, of which those that are shown were made. Nothing is kept of them: they
    /// are asked for seldom, and by threads that no table is charged for.
    pub fn own(&self) -> HeaderMap {
        let mut own = self.unpack(0);
        if self.are_own() {
            return own;
        }
        let end = self.0.len() - size_of::<u32>();
        let behind = || self.within(self.end(), end);
        for (name, _) in behind() {
            own.remove(name);
        }
        for (name, value) in behind() {
            own.append(name, value);
        }
        own
    }

    /// Whether what is shown is what the origin said.
    pub fn are_own(&self) -> bool {
        self.marks() & OWN == 0
    }

    /// The same in memory of their own.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// All fields, as a rule with room for `more`. Their values are views of what is stored.
    pub fn map(&self, more: usize) -> HeaderMap {
        unpacked::map(self, more)
    }

    /// The same, for a thread that makes them seldom: nothing is kept.
    pub fn unpack(&self, more: usize) -> HeaderMap {
        let count = self.0.first().copied().unwrap_or_default();
        let mut map = HeaderMap::with_capacity(usize::from(count) + more);
        for (name, value) in self.iter() {
            map.append(name.clone(), value);
        }
        map
    }

    /// The fields with these names.
    pub fn only(&self, names: &[HeaderName]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in self.iter().filter(|(name, _)| names.contains(name)) {
            map.append(name.clone(), value);
        }
        map
    }

    /// Whether an answer may have them as they are, with Age, Via, Cache-Status and Content-Length of
    /// its own beside them: none of these is here.
    pub fn stand(&self) -> bool {
        self.0.get(1).is_none_or(|marks| marks & STAND != 0)
    }

    /// Whether Date is one of them.
    pub fn is_dated(&self) -> bool {
        self.marks() & DATED != 0
    }

    /// Whether X-Cache is one of them.
    pub fn tell_of_caches(&self) -> bool {
        self.marks() & TOLD != 0
    }

    /// Names and values as they are written.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut pieces = Pieces { fields: &self.0[..self.end()], at: START };
        std::iter::from_fn(move || pieces.text())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.end() <= START
    }

    /// Bytes that they take.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    fn iter(&self) -> Iter<'_> {
        self.within(START, self.end())
    }

    fn within(&self, begin: usize, end: usize) -> Iter<'_> {
        Iter { pieces: Pieces { fields: &self.0[..end], at: begin }, packed: &self.0 }
    }

    fn marks(&self) -> u8 {
        self.0.get(1).copied().unwrap_or_default()
    }

    /// Where those that are shown end.
    fn end(&self) -> usize {
        let length = self.0.len();
        if self.are_own() {
            return length;
        }
        let begin = self.0.last_chunk().map_or(0, |begin| u32::from_be_bytes(*begin));
        usize::try_from(begin).map_or(length, |begin| begin.min(length))
    }
}

/// Where the fields begin.
const START: usize = 2;

/// What is packed, from somewhere on.
struct Pieces<'a> {
    fields: &'a [u8],
    at: usize,
}

impl<'a> Pieces<'a> {
    /// Where the next piece lies, with its length before it.
    fn piece(&mut self) -> Option<Range<usize>> {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = *self.fields.get(self.at)?;
            self.at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
        let begin = self.at;
        self.at += length;
        (self.at <= self.fields.len()).then_some(begin..self.at)
    }

    /// The number of the next field's name; 0 where the name itself follows.
    fn number(&mut self) -> Option<usize> {
        let number = *self.fields.get(self.at)?;
        self.at += 1;
        Some(number.into())
    }

    fn text(&mut self) -> Option<(&'a str, &'a [u8])> {
        let fields = self.fields;
        let name = match self.number()?.checked_sub(1) {
            Some(at) => NAMES.get(at)?.as_str(),
            None => std::str::from_utf8(&fields[self.piece()?]).ok()?,
        };
        Some((name, &fields[self.piece()?]))
    }
}

struct Iter<'a> {
    pieces: Pieces<'a>,
    packed: &'a Bytes,
}

impl Iterator for Iter<'_> {
    type Item = (HeaderName, HeaderValue);

    fn next(&mut self) -> Option<Self::Item> {
        let Self { pieces, packed } = self;
        // They were a name and a value before they were packed.
        let name = match pieces.number()?.checked_sub(1) {
            Some(at) => NAMES.get(at)?.clone(),
            None => HeaderName::from_bytes(&pieces.fields[pieces.piece()?]).ok()?,
        };
        let value = packed.slice(pieces.piece()?);
        Some((name, HeaderValue::from_maybe_shared(value).ok()?))
    }
}

impl From<&HeaderMap> for Fields {
    fn from(headers: &HeaderMap) -> Self {
        Self::of(headers)
    }
}

/// The packed form of `headers`.
fn packed(headers: &HeaderMap) -> BytesMut {
    let texts = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 7);
    let mut packed = BytesMut::with_capacity(START + texts.sum::<usize>());
    // It is a hint: of more than 255 nothing is lost.
    packed.put_u8(u8::try_from(headers.len()).unwrap_or(u8::MAX));
    let mark = |mark: u8, holds: bool| if holds { mark } else { 0 };
    let stand = ANSWERED.iter().all(|name| !headers.contains_key(name));
    let (dated, told) = (headers.contains_key(header::DATE), headers.contains_key(X_CACHE));
    packed.put_u8(mark(STAND, stand) | mark(DATED, dated) | mark(TOLD, told));
    for (name, value) in headers {
        put_field(&mut packed, name, value);
    }
    packed
}

fn put_field(packed: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    match NAMES.iter().position(|known| known == name) {
        Some(at) => packed.put_u8(u8::try_from(at + 1).unwrap_or_default()),
        None => {
            packed.put_u8(0);
            put(packed, name.as_str().as_bytes());
        }
    }
    put(packed, value.as_bytes());
}

fn put(packed: &mut BytesMut, text: &[u8]) {
    let mut length = text.len();
    while length >= 0x80 {
        packed.put_u8(0x80 | u8::try_from(length & 0x7f).unwrap_or_default());
        length >>= 7;
    }
    packed.put_u8(u8::try_from(length).unwrap_or_default());
    packed.put_slice(text);
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
