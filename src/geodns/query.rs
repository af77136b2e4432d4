//! Reads a question (RFC 1035 §4.1, RFC 6891): a total function of bytes that a stranger sent. What cannot be
//! a question gets nothing; what is one that is wrong, or asks what is not served, gets a code.

use std::net::IpAddr;

use super::zone::Folded;
use super::{Kind, name};
use crate::geo::Prefix;

/// Bytes of a message's head.
pub const HEAD: usize = 12;

/// Codes of answers (RFC 1035 §4.1.1, RFC 6891 §9, RFC 7873 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// All is well.
    NoError,
    /// The question is wrong.
    FormErr,
    /// There is no answer now.
    ServFail,
    /// There is no such name.
    NxDomain,
    /// What is asked for is not served.
    NotImp,
    /// It is not served here.
    Refused,
    /// The version of EDNS is not known.
    BadVers,
    /// The cookie is not one of this server's.
    BadCookie,
}

impl Code {
    /// Its number, of 12 bits.
    pub fn number(self) -> u16 {
        match self {
            Self::NoError => 0,
            Self::FormErr => 1,
            Self::ServFail => 2,
            Self::NxDomain => 3,
            Self::NotImp => 4,
            Self::Refused => 5,
            Self::BadVers => 16,
            Self::BadCookie => 23,
        }
    }

    /// Its name, as metrics have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoError => "NOERROR",
            Self::FormErr => "FORMERR",
            Self::ServFail => "SERVFAIL",
            Self::NxDomain => "NXDOMAIN",
            Self::NotImp => "NOTIMP",
            Self::Refused => "REFUSED",
            Self::BadVers => "BADVERS",
            Self::BadCookie => "BADCOOKIE",
        }
    }
}

/// A question.
#[derive(Debug)]
pub struct Query<'a> {
    /// The whole message.
    pub bytes: &'a [u8],
    /// The name, as it was spelt, the type and the class; none where they could not be read.
    pub question: Option<Question<'a>>,
    /// What EDNS says, where it is used.
    pub edns: Option<Edns<'a>>,
    /// What is wrong, if anything.
    pub wrong: Option<Code>,
}

/// What is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// The name, its type and its class as bytes of the message.
    pub wire: &'a [u8],
    /// The name in lower case.
    pub name: Folded,
    /// The type.
    pub kind: Kind,
    /// The class.
    pub class: u16,
}

/// What EDNS says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edns<'a> {
    /// The largest answer that is taken.
    pub payload: u16,
    /// Whether records of DNSSEC are wanted.
    pub dnssec: bool,
    /// The client's subnet.
    pub subnet: Option<Subnet>,
    /// The client's cookie, and the server's, if it has one.
    pub cookie: Option<(&'a [u8; 8], &'a [u8])>,
    /// Whether it is asked which server this is (RFC 5001).
    pub nsid: bool,
}

/// The client's subnet (RFC 7871 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// As it was written: 1 is IPv4, 2 is IPv6, and 0 is neither, without an address.
    pub family: u16,
    /// How many bits are given.
    pub source: u8,
    /// The first address.
    pub address: IpAddr,
}

/// Options of EDNS (IANA).
pub const NSID: u16 = 3;
/// The client's subnet (RFC 7871).
pub const SUBNET: u16 = 8;
/// Cookies (RFC 7873).
pub const COOKIE: u16 = 10;
/// Extended errors (RFC 8914).
pub const EXTENDED: u16 = 15;

impl<'a> Query<'a> {
    /// Reads `bytes`; `None` where they are no question and nothing is answered: they are too short, or an
    /// answer themselves.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let [_, _, flags, _, rest @ ..] = bytes.get(..HEAD)? else { return None };
        if flags & 0x80 != 0 {
            return None;
        }
        let mut query = Query { bytes, question: None, edns: None, wrong: None };
        let [questions, answers, authorities, more] = [0, 2, 4, 6].map(|at| short(rest, at));
        if flags >> 3 & 0xf != 0 {
            query.wrong = Some(Code::NotImp);
        } else if questions != Some(1) || answers != Some(0) || authorities != Some(0) {
            query.wrong = Some(Code::FormErr);
        } else {
            query.wrong = query.body(more.unwrap_or_default()).err();
        }
        Some(query)
    }

    fn body(&mut self, more: u16) -> Result<(), Code> {
        let body = self.bytes.get(HEAD..).unwrap_or_default();
        let length = name::length(body).ok_or(Code::FormErr)?;
        let (wire, mut rest) = body.split_at_checked(length + 4).ok_or(Code::FormErr)?;
        let kind = Kind(short(wire, length).unwrap_or_default());
        let class = short(wire, length + 2).unwrap_or_default();
        let name = Folded::of(wire.get(..length).unwrap_or_default());
        self.question = Some(Question { wire, name, kind, class });
        let mut result = Ok(());
        for _ in 0..more {
            let (record, after) = Record::read(rest).ok_or(Code::FormErr)?;
            rest = after;
            if record.kind != Kind::OPT {
                continue;
            }
            if self.edns.is_some() || !record.is_root {
                return Err(Code::FormErr);
            }
            let mut edns =
                Edns { payload: record.class, dnssec: record.ttl & 0x8000 != 0, ..Edns::default() };
            result = if record.ttl >> 16 & 0xff == 0 {
                edns.options(record.data)
            } else {
                Err(Code::BadVers)
            };
            self.edns = Some(edns);
        }
        result?;
        match kind {
            Kind::OPT => Err(Code::FormErr),
            Kind::AXFR | Kind::IXFR => Err(Code::Refused),
            kind if kind.is_meta() && kind != Kind::ANY => Err(Code::NotImp),
            _ if class != 1 && class != 255 => Err(Code::Refused),
            _ => Ok(()),
        }
    }
}

/// The number at `at`.
fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// A record after the question.
struct Record<'a> {
    is_root: bool,
    kind: Kind,
    class: u16,
    ttl: u32,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        // A name may end in a pointer, which need not be followed to pass it.
        let mut at = 0;
        loop {
            match *bytes.get(at)? {
                0 => break at += 1,
                label @ 1..=63 => at += 1 + usize::from(label),
                0xc0.. => break at += 2,
                _ => return None,
            }
        }
        let fixed = bytes.get(at..at + 10)?;
        let (kind, class) = (Kind(short(fixed, 0)?), short(fixed, 2)?);
        let ttl = u32::from_be_bytes(*fixed.get(4..)?.first_chunk()?);
        let length = usize::from(short(fixed, 8)?);
        let data = bytes.get(at + 10..at + 10 + length)?;
        let is_root = at == 1;
        Some((Self { is_root, kind, class, ttl, data }, bytes.get(at + 10 + length..)?))
    }
}

impl<'a> Edns<'a> {
    fn options(&mut self, mut data: &'a [u8]) -> Result<(), Code> {
        while !data.is_empty() {
            let code = short(data, 0).ok_or(Code::FormErr)?;
            let length = usize::from(short(data, 2).ok_or(Code::FormErr)?);
            let value = data.get(4..4 + length).ok_or(Code::FormErr)?;
            data = data.get(4 + length..).unwrap_or_default();
            match code {
                NSID => self.nsid = true,
                SUBNET if self.subnet.is_none() => {
                    self.subnet = Some(Subnet::read(value).ok_or(Code::FormErr)?);
                }
                COOKIE if self.cookie.is_none() => {
                    let (client, server) = value.split_first_chunk().ok_or(Code::FormErr)?;
                    if !matches!(server.len(), 0 | 8..=32) {
                        return Err(Code::FormErr);
                    }
                    self.cookie = Some((client, server));
                }
                SUBNET | COOKIE => return Err(Code::FormErr),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Subnet {
    /// Reads the option's data; `None` where a length or a bit is not as RFC 7871 §6 and §7.1.2 have it.
    fn read(data: &[u8]) -> Option<Self> {
        let [a, b, source, scope, address @ ..] = data else { return None };
        let family = u16::from_be_bytes([*a, *b]);
        let most = match family {
            0 => 0,
            1 => 32,
            2 => 128,
            _ => return None,
        };
        let bytes = usize::from(source.div_ceil(8));
        if *source > most || *scope != 0 || address.len() != bytes {
            return None;
        }
        let mut full = [0_u8; 16];
        full[..bytes].copy_from_slice(address);
        let bits = u128::from_be_bytes(full);
        let beyond = if *source == 0 { bits } else { bits << (*source - 1) << 1 };
        if beyond != 0 {
            return None;
        }
        let [first, second, third, fourth, ..] = full;
        let address = match family {
            2 => IpAddr::from(full),
            _ => IpAddr::from([first, second, third, fourth]),
        };
        Some(Self { family, source: *source, address })
    }

    /// The network.
    pub fn prefix(&self) -> Option<Prefix> {
        match self.address {
            IpAddr::V6(six) => Prefix::of_six(six, self.source),
            four => Prefix::new(four, self.source),
        }
    }

    /// The address's bytes, as many as are given.
    pub fn bytes(&self) -> ([u8; 16], usize) {
        let mut full = [0; 16];
        match self.address {
            IpAddr::V4(four) => full[..4].copy_from_slice(&four.octets()),
            IpAddr::V6(six) => full = six.octets(),
        }
        (full, usize::from(self.source.div_ceil(8)))
    }
}
