//! The record of EDNS at an answer's end (RFC 6891 §6.1): the client's subnet with the scope, a cookie, the
//! server's name and an extended error. The first two are promised room, the others take what is left.

use super::answer::{Asked, LARGEST_UDP, Responder};
use super::cookie;
use super::query::{self, Code, Edns, Query, Subnet};

/// The longest name of a server that is told (RFC 5001).
pub const LONGEST_NSID: usize = 64;

/// The record of EDNS at the answer's end.
#[derive(Debug)]
pub(super) struct Tail {
    edns: bool,
    subnet: Option<Subnet>,
    cookie: bool,
    /// Bits of the subnet that the answer depends on.
    pub(super) scope: u8,
    /// An extended error (RFC 8914 §4) and its text.
    pub(super) error: Option<(u16, &'static str)>,
}

/// Bytes of the record without options, and of an option without data.
const RECORD: usize = 11;
const OPTION: usize = 4;

impl Tail {
    pub(super) fn new(query: &Query<'_>) -> Self {
        let edns = query.edns.as_ref();
        Self {
            edns: edns.is_some(),
            subnet: edns.filter(|_| query.wrong.is_none()).and_then(|edns| edns.subnet),
            cookie: edns.is_some_and(|edns| edns.cookie.is_some()),
            scope: 0,
            error: None,
        }
    }

    /// Bytes that it takes in any case.
    pub(super) fn reserve(&self) -> usize {
        let subnet = self.subnet.map_or(0, |subnet| OPTION + 4 + subnet.bytes().1);
        let cookie = if self.cookie { OPTION + 8 + cookie::LENGTH } else { 0 };
        if self.edns { RECORD + subnet + cookie } else { 0 }
    }

    /// Writes it, with what fits in the room beside what is reserved.
    pub(super) fn write(
        &self,
        out: &mut Options,
        responder: &Responder,
        edns: &Edns<'_>,
        (asked, code, room): (&Asked<'_>, Code, usize),
    ) {
        let [high, low] = LARGEST_UDP.to_be_bytes();
        let extended = (code.number() >> 4).to_be_bytes()[1];
        let dnssec = if edns.dnssec { 0x80 } else { 0 };
        out.push(&[0, 0, 41, high, low, extended, 0, dnssec, 0, 0, 0]);
        if let Some(subnet) = self.subnet {
            let (bytes, length) = subnet.bytes();
            let [high, low] = subnet.family.to_be_bytes();
            let scope = if subnet.source > 0 { self.scope } else { 0 };
            let address = bytes.get(..length).unwrap_or_default();
            out.option(query::SUBNET, &[&[high, low, subnet.source, scope], address]);
        }
        if let Some((client, _)) = edns.cookie {
            let server = responder.secrets.make(*client, asked.peer, asked.wall);
            out.option(query::COOKIE, &[client, &server]);
        }
        let fits = |out: &Options, length: usize| out.length + OPTION + length <= room;
        if edns.nsid && !responder.nsid.is_empty() && fits(out, responder.nsid.len()) {
            out.option(query::NSID, &[&responder.nsid]);
        }
        if let Some((number, text)) = self.error {
            let number = number.to_be_bytes();
            if fits(out, 2 + text.len()) {
                out.option(query::EXTENDED, &[&number, text.as_bytes()]);
            } else if fits(out, 2) {
                out.option(query::EXTENDED, &[&number]);
            }
        }
    }
}

/// The record's bytes: at most the fixed ones, a subnet, a cookie, a name and an error.
#[derive(Debug)]
pub(super) struct Options {
    bytes: [u8; 256],
    length: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { bytes: [0; 256], length: 0 }
    }
}

impl Options {
    fn push(&mut self, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.length..self.length + bytes.len()) {
            place.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }

    fn option(&mut self, code: u16, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.push(&code.to_be_bytes());
        self.push(&u16::try_from(length).unwrap_or_default().to_be_bytes());
        parts.iter().for_each(|part| self.push(part));
        let whole = u16::try_from(self.length - RECORD).unwrap_or_default();
        self.bytes[RECORD - 2..RECORD].copy_from_slice(&whole.to_be_bytes());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
