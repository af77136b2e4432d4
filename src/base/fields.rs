//! The fields of a stored response, packed: one piece of memory for all of them, of which the values
//! of an answer are views.
//!
//! First stands how many fields there are. A field is the number of its name, the length of its value, and the value; number 0 is followed by
//! a name that has no number, with its length. Lengths are seven bits a byte, the lowest first, the
//! highest bit set where more follow.
//!
//! A [`HeaderMap`] is eight times as large, and four times as quick to copy as to make. So a worker
//! keeps those that it makes over and over, as many as fit a small table.

use std::cell::RefCell;

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

/// Packed fields, in the order in which a [`HeaderMap`] tells them: those of one name together.
#[derive(Clone, Debug, Default)]
pub struct Fields(Bytes);

impl Fields {
    /// The fields of `headers`, in memory of their own.
    pub fn of(headers: &HeaderMap) -> Self {
        let texts = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 7);
        let mut packed = BytesMut::with_capacity(1 + texts.sum::<usize>());
        // It is a hint: of more than 255 nothing is lost.
        packed.put_u8(u8::try_from(headers.len()).unwrap_or(u8::MAX));
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

    /// Bytes that they take.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    fn iter(&self) -> Iter<'_> {
        Iter { fields: &self.0, at: 1 }
    }
}

thread_local! {
    static UNPACKED: RefCell<Unpacked> = RefCell::new(Unpacked::default());
}

/// Places of [`Unpacked`]; all of them full are some 2 MB a worker.
const PLACES: usize = 1024;

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
        if place.next == address {
            place.held = Some((fields.clone(), map.clone()));
        }
        place.next = address;
        map
    }
}

struct Iter<'a> {
    fields: &'a Bytes,
    at: usize,
}

impl Iter<'_> {
    /// The next piece with its length before it.
    fn piece(&mut self) -> Option<Bytes> {
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
        (self.at <= self.fields.len()).then(|| self.fields.slice(begin..self.at))
    }
}

impl Iterator for Iter<'_> {
    type Item = (HeaderName, HeaderValue);

    fn next(&mut self) -> Option<Self::Item> {
        let number = usize::from(*self.fields.get(self.at)?);
        self.at += 1;
        // They were a name and a value before they were packed.
        let name = match number.checked_sub(1) {
            Some(at) => NAMES.get(at)?.clone(),
            None => HeaderName::from_bytes(&self.piece()?).ok()?,
        };
        Some((name, HeaderValue::from_maybe_shared(self.piece()?).ok()?))
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
