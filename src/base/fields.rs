//! The fields of a stored response, packed: one piece of memory for all of them, from which an
//! HTTP/1 answer is written as it stands, and of which the values of any other are views.
//!
//! First stand how many fields there are, and marks ([`Fields::stand`], [`Fields::is_dated`]). A
//! field is the number of its name, the length of its value, and the value; number 0 is followed by a
//! name that has no number, with its length. Lengths are seven bits a byte, the lowest first, the
//! highest bit set where more follow.
//!
//! A [`HeaderMap`], which HTTP/2 and conditions need, is eight times as large, and four times as
//! quick to copy as to make. So a worker keeps those that it makes over and over, as many as fit a
//! small table, and only such as are of a usual size: what the table takes is bounded in bytes
//! ([`UNPACKED_BYTES`]).

use std::cell::RefCell;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

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
    HeaderName::from_static("x-cache"),
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

/// The marks behind the number of fields: none is one of [`ANSWERED`], and one is Date.
const STAND: u8 = 1;
const DATED: u8 = 2;

/// Packed fields, in the order in which a [`HeaderMap`] tells them: those of one name together.
#[derive(Clone, Debug, Default)]
pub struct Fields(Bytes);

impl Fields {
    /// The fields of `headers`, in memory of their own.
    pub fn of(headers: &HeaderMap) -> Self {
        let texts = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 7);
        let mut packed = BytesMut::with_capacity(2 + texts.sum::<usize>());
        // It is a hint: of more than 255 nothing is lost.
        packed.put_u8(u8::try_from(headers.len()).unwrap_or(u8::MAX));
        let stand = ANSWERED.iter().all(|name| !headers.contains_key(name));
        let dated = headers.contains_key(header::DATE);
        packed.put_u8(if stand { STAND } else { 0 } | if dated { DATED } else { 0 });
        for (name, value) in headers {
            match NAMES.iter().position(|known| known == name) {
                Some(at) => packed.put_u8(u8::try_from(at + 1).unwrap_or_default()),
                None => {
                    packed.put_u8(0);
                    put(&mut packed, name.as_str().as_bytes());
                }
            }
            put(&mut packed, value.as_bytes());
        }
        Self(Bytes::copy_from_slice(&packed))
    }

    /// The same in memory of their own.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// All fields, as a rule with room for `more`. Their values are views of what is stored.
    pub fn map(&self, more: usize) -> HeaderMap {
        UNPACKED.with_borrow_mut(|unpacked| unpacked.map(self, more))
    }

    fn unpack(&self, more: usize) -> HeaderMap {
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
        self.0.get(1).is_some_and(|marks| marks & DATED != 0)
    }

    /// Names and values as they are written.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut at = Pieces { fields: &self.0, at: START };
        std::iter::from_fn(move || at.text())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.len() <= START
    }

    /// Bytes that they take.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Whether they are few and short, as nearly all are.
    fn is_usual(&self) -> bool {
        self.0.len() <= MOST_PACKED && self.0.first().is_some_and(|&count| count <= MOST_FIELDS)
    }

    fn iter(&self) -> Iter<'_> {
        Iter(Pieces { fields: &self.0, at: START })
    }
}

thread_local! {
    static UNPACKED: RefCell<Unpacked> = RefCell::new(Unpacked::default());
}

/// Places of [`Unpacked`].
const PLACES: usize = 256;
/// The largest packed form of fields that get a place, in bytes.
const MOST_PACKED: usize = 2048;
/// The most fields of those that get a place.
const MOST_FIELDS: u8 = 24;

/// What a worker's table of unpacked fields takes at most: for each place the packed form, which may
/// outlive its object, and a map that has room for twice the fields (104 bytes each, and 4 of its
/// index).
pub const UNPACKED_BYTES: u64 = (PLACES * (MOST_PACKED + 2 * MOST_FIELDS as usize * 108)) as u64;

/// Fields that were unpacked lately, each at the place that follows from where it is packed.
struct Unpacked(Box<[Place]>);

#[derive(Clone, Default)]
struct Place {
    /// Holds its packed form too, so that nothing else can come to be where that is.
    held: Option<(Fields, HeaderMap)>,
    /// Where that is packed which was asked for here last and is not held: it will be if it is asked
    /// for again before another, so that what is asked for once drives nothing out.
    next: usize,
}

impl Default for Unpacked {
    fn default() -> Self {
        Self(vec![Place::default(); PLACES].into())
    }
}

impl Unpacked {
    fn map(&mut self, fields: &Fields, more: usize) -> HeaderMap {
        let address = fields.0.as_ptr().addr();
        // Pieces of memory begin at multiples of sixteen, and of their sizes.
        let mixed = (address >> 4) ^ (address >> 14);
        let place = &mut self.0[mixed % PLACES];
        match &place.held {
            Some((held, map)) if held.0.as_ptr().addr() == address => return map.clone(),
            _ => {}
        }
        let map = fields.unpack(more);
        if place.next == address && fields.is_usual() {
            place.held = Some((fields.clone(), map.clone()));
        }
        place.next = address;
        map
    }
}

/// Where the fields begin.
const START: usize = 2;

/// What is packed, from somewhere on.
struct Pieces<'a> {
    fields: &'a Bytes,
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

struct Iter<'a>(Pieces<'a>);

impl Iterator for Iter<'_> {
    type Item = (HeaderName, HeaderValue);

    fn next(&mut self) -> Option<Self::Item> {
        let Self(pieces) = self;
        // They were a name and a value before they were packed.
        let name = match pieces.number()?.checked_sub(1) {
            Some(at) => NAMES.get(at)?.clone(),
            None => HeaderName::from_bytes(&pieces.fields[pieces.piece()?]).ok()?,
        };
        let value = pieces.fields.slice(pieces.piece()?);
        Some((name, HeaderValue::from_maybe_shared(value).ok()?))
    }
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
