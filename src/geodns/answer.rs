//! From a message that came to the one that goes back: a function of bytes, of who sent them and how, and of
//! the moment. It is the only place that decides what is answered.
//!
//! Over UDP, without a cookie that shows the address, an answer has at most 512 bytes and at most four times
//! those of its question; what is longer is left out, with TC.

use std::net::IpAddr;
use std::time::Instant;

use super::Kind;
use super::choose::Choice;
use super::cookie::Secrets;
use super::limit::{Limits, Verdict};
use super::message::{Full, Section, Writer};
use super::query::{Code, Edns, Query, Question};
use super::tail::{Options, Tail};
use super::view::{Resource, View};
use super::zone::{End, Folded, Found, Geo, Node, Zone};

/// The largest answer over UDP (DNS flag day 2020), and so the payload that is told.
pub const LARGEST_UDP: u16 = 1232;
/// The largest answer over UDP to who uses no EDNS (RFC 1035 §4.2.1), or shows no address.
const SMALL: usize = 512;
/// How many times as long an answer may be as its question, where no address is shown.
const FACTOR: usize = 4;
/// Seconds that the answer to ANY lives (RFC 8482 §4.2).
const ANY_TTL: u32 = 3600;

const AA: u8 = 0x04;
const TC: u8 = 0x02;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram, from whom its address says.
    Udp,
    /// Over a connection.
    Tcp,
}

/// A message, and how it came.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub peer: IpAddr,
    /// How.
    pub transport: Transport,
    /// When.
    pub now: Instant,
    /// The same in seconds since 1970.
    pub wall: u32,
}

/// What does not change with zones and states.
#[derive(Debug)]
pub struct Responder {
    /// What the server calls itself (RFC 5001); at most [`LONGEST_NSID`](super::tail::LONGEST_NSID) bytes.
    pub nsid: Vec<u8>,
    /// What cookies are made with.
    pub secrets: Secrets,
    /// Whether a wrong cookie is told as that, and not merely replaced.
    pub require_cookie: bool,
    /// How many answers go out.
    pub limits: Limits,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The bytes of the answer; 0 where there is none.
    pub length: usize,
    /// Its code.
    pub code: Code,
    /// The zone's number.
    pub zone: Option<usize>,
    /// What was asked for.
    pub kind: Option<Kind>,
    /// The resource's number and the datacenter's in it.
    pub sent_to: Option<(usize, u8)>,
    /// Whether a subnet decided.
    pub by_subnet: bool,
    /// Whether it was cut short.
    pub truncated: bool,
    /// Whether the limits kept it, or let it out empty.
    pub limited: bool,
}

impl Outcome {
    fn new(code: Code) -> Self {
        Self {
            length: 0,
            code,
            zone: None,
            kind: None,
            sent_to: None,
            by_subnet: false,
            truncated: false,
            limited: false,
        }
    }
}

impl Responder {
    /// Answers `asked` by `view`, into `out`; `None` where it is nothing that is answered.
    pub fn answer(&self, view: &View, asked: &Asked<'_>, out: &mut [u8]) -> Option<Outcome> {
        let query = Query::read(asked.bytes)?;
        let shown = self.is_shown(&query, asked);
        let verdict = if shown { Verdict::Send } else { self.limits.ask(asked.peer, asked.now) };
        if verdict == Verdict::Drop {
            return Some(Outcome { limited: true, ..Outcome::new(Code::NoError) });
        }
        let limit = limit(&query, asked, shown).min(out.len());
        let mut tail = Tail::new(&query);
        let question = query.question.as_ref().map_or(&[][..], |question| question.wire);
        let out = out.get_mut(..limit)?;
        let mut writer = Writer::new(out, head(&query), question, tail.reserve())?;
        let mut outcome = Outcome::new(query.wrong.unwrap_or(Code::NoError));
        outcome.kind = query.question.as_ref().map(|question| question.kind);
        outcome.limited = verdict == Verdict::Slip;
        let written = if outcome.limited {
            Err(Full)
        } else if query.wrong.is_none() && self.wants_cookie(&query, asked, shown) {
            outcome.code = Code::BadCookie;
            Ok(())
        } else {
            let (writer, outcome) = (&mut writer, &mut outcome);
            Page { view, asked, writer, outcome, tail: &mut tail }.write(&query)
        };
        if written == Err(Full) {
            writer.clear(question.len());
            writer.flag(TC);
            outcome.truncated = true;
        }
        writer.code(outcome.code.number());
        let mut options = Options::default();
        if let Some(edns) = &query.edns {
            tail.write(&mut options, self, edns, (asked, outcome.code, writer.room()));
        }
        outcome.length = writer.finish(options.bytes()).ok()?;
        Some(outcome)
    }

    /// Whether the peer has shown that it gets what is sent to its address.
    fn is_shown(&self, query: &Query<'_>, asked: &Asked<'_>) -> bool {
        let cookie = query.edns.as_ref().and_then(|edns| edns.cookie);
        asked.transport == Transport::Tcp
            || cookie.is_some_and(|(client, server)| {
                self.secrets.check(server, *client, asked.peer, asked.wall)
            })
    }

    fn wants_cookie(&self, query: &Query<'_>, asked: &Asked<'_>, shown: bool) -> bool {
        let has_one = query.edns.as_ref().is_some_and(|edns| edns.cookie.is_some());
        self.require_cookie && has_one && !shown && asked.transport == Transport::Udp
    }
}

/// How many bytes the answer may have.
fn limit(query: &Query<'_>, asked: &Asked<'_>, shown: bool) -> usize {
    if asked.transport == Transport::Tcp {
        return usize::from(u16::MAX);
    }
    let payload = query.edns.as_ref().map_or(0, |edns| edns.payload);
    let taken = usize::from(payload.min(LARGEST_UDP)).max(SMALL);
    if shown { taken } else { SMALL.min(asked.bytes.len() * FACTOR) }
}

/// The first twelve bytes: the question's number, what it wanted, and that this is an answer.
fn head(query: &Query<'_>) -> [u8; 12] {
    let mut head = [0; 12];
    if let Some([a, b, flags, ..]) = query.bytes.first_chunk::<12>() {
        (head[0], head[1], head[2]) = (*a, *b, 0x80 | flags & 0x79);
    }
    head[5] = u8::from(query.question.is_some());
    head
}

/// The page that is written.
struct Page<'p, 'b> {
    view: &'p View,
    asked: &'p Asked<'p>,
    writer: &'p mut Writer<'b>,
    outcome: &'p mut Outcome,
    tail: &'p mut Tail,
}

impl Page<'_, '_> {
    fn write(&mut self, query: &Query<'_>) -> Result<(), Full> {
        let Some(question) = query.question.as_ref().filter(|_| query.wrong.is_none()) else {
            return Ok(());
        };
        let found = self.view.zones.find(question.name.wire(), question.kind);
        let Some((at, zone)) = found.and_then(|at| Some((at, self.view.zones.all().get(at)?)))
        else {
            self.outcome.code = Code::Refused;
            self.tail.error = Some((20, "no zone here has this name"));
            return Ok(());
        };
        self.outcome.zone = Some(at);
        let found = zone.look_up(question.name.wire(), question.kind);
        if !found.chain.is_empty() || !matches!(found.end, End::Referral(_)) {
            self.writer.flag(AA);
        }
        for (owner, set) in &found.chain {
            self.writer.set(Section::Answer, *owner, set)?;
        }
        self.end(query, question, zone, &found)
    }

    fn end(
        &mut self,
        query: &Query<'_>,
        question: &Question<'_>,
        zone: &Zone,
        found: &Found<'_>,
    ) -> Result<(), Full> {
        match &found.end {
            End::Records(set) => self.writer.set(Section::Answer, found.owner, set),
            End::Geo(geo) => self.geo(query, question.kind, zone, found.owner, geo),
            End::Some => {
                let data = [&b"\x07RFC8482\0"[..]].into_iter();
                self.writer.records(Section::Answer, found.owner, Kind::HINFO, ANY_TTL, data)
            }
            End::Referral(node) => self.refer(zone, node),
            End::NoData => self.negative(zone),
            End::NoName => {
                self.outcome.code = Code::NxDomain;
                self.negative(zone)
            }
            End::Elsewhere => Ok(()),
        }
    }

    fn negative(&mut self, zone: &Zone) -> Result<(), Full> {
        let Some(soa) = zone.negative() else { return Ok(()) };
        self.writer.set(Section::Authority, Some(zone.name().wire()), soa)
    }

    /// Who has the zone below, with the addresses that are in it (RFC 9471).
    fn refer(&mut self, zone: &Zone, node: &Node) -> Result<(), Full> {
        let Some(servers) = node.set(Kind::NS) else { return Ok(()) };
        self.writer.set(Section::Authority, Some(node.name.wire()), servers)?;
        for server in &servers.data {
            let Some(glue) = zone.node(Folded::of(server).wire()) else { continue };
            for set in [Kind::A, Kind::AAAA].iter().filter_map(|kind| glue.set(*kind)) {
                self.writer.set(Section::Additional, Some(server), set)?;
            }
        }
        Ok(())
    }

    /// Answers with what a resource chooses.
    fn geo(
        &mut self,
        query: &Query<'_>,
        kind: Kind,
        zone: &Zone,
        owner: Option<&[u8]>,
        geo: &Geo,
    ) -> Result<(), Full> {
        let Some(resource) = self.view.resources.get(geo.resource) else {
            self.outcome.code = Code::ServFail;
            return Ok(());
        };
        let choice = self.choose(query.edns.as_ref(), resource);
        let Some((at, target)) =
            choice.datacenter.and_then(|at| Some((at, resource.targets.get(usize::from(at))?)))
        else {
            self.outcome.code = Code::ServFail;
            self.tail.error = Some((14, "all datacenters are down"));
            return Ok(());
        };
        self.outcome.sent_to = Some((geo.resource, at));
        if let Some(alias) = target.alias.as_ref().filter(|_| geo.alias) {
            let data = [alias.wire()].into_iter();
            return self.writer.records(Section::Answer, owner, Kind::CNAME, geo.ttl, data);
        }
        let (four, six) = (&target.four, &target.six);
        match kind {
            Kind::A if !four.is_empty() => {
                let data = four.iter().map(|address| &address[..]);
                self.writer.records(Section::Answer, owner, kind, geo.ttl, data)
            }
            Kind::AAAA if !six.is_empty() => {
                let data = six.iter().map(|address| &address[..]);
                self.writer.records(Section::Answer, owner, kind, geo.ttl, data)
            }
            _ => self.negative(zone),
        }
    }

    fn choose(&mut self, edns: Option<&Edns<'_>>, resource: &Resource) -> Choice {
        let subnet = edns.and_then(|edns| edns.subnet);
        let (reader, by_subnet) = resource.reader(subnet.as_ref(), self.asked.peer);
        let (choice, scope) = resource.choose(reader, &mut |_| {});
        self.outcome.by_subnet = by_subnet;
        if by_subnet {
            self.tail.scope = scope;
        }
        choice
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "hostile_tests.rs"]
mod hostile_tests;
