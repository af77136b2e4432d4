//! A finished zone, and what it says of a name: the algorithm of RFC 1034 §4.3.2 with the closest
//! enclosing name of RFC 4592 §3.3.1 and the empty ones between names counted as names (RFC 8020).

use foldhash::fast::RandomState;
use std::collections::HashMap;

use super::data::compressible;
use crate::geodns::name::{self, LONGEST};
use crate::geodns::{Kind, Name};

/// CNAME records that are followed one after another.
pub const LONGEST_CHAIN: usize = 8;

/// The records of one type at one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rrset {
    /// Their type.
    pub kind: Kind,
    /// Seconds.
    pub ttl: u32,
    /// The data of each, names not compressed; at least one.
    pub data: Vec<Box<[u8]>>,
}

/// A record whose data is a resource's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geo {
    /// The number of the resource.
    pub resource: usize,
    /// Whether it may answer with a CNAME.
    pub alias: bool,
    /// The longest time to live, in seconds.
    pub ttl: u32,
    /// The shortest, for when states are about to change.
    pub least: u32,
}

/// A name of a zone. It may have no records, where others lie below it.
#[derive(Debug)]
pub struct Node {
    /// As it is written.
    pub name: Name,
    /// By their types.
    pub sets: Vec<Rrset>,
    /// Its geo record.
    pub geo: Option<Geo>,
    /// The delegation at it or above it, the nearest to the apex.
    pub(super) cut: Option<u32>,
    /// The name `*` below it.
    pub(super) wildcard: Option<u32>,
}

impl Node {
    /// Its records of a type.
    pub fn set(&self, kind: Kind) -> Option<&Rrset> {
        self.sets.iter().find(|set| set.kind == kind)
    }
}

/// A finished zone.
#[derive(Debug)]
pub struct Zone {
    name: Name,
    nodes: Vec<Node>,
    /// By their folded names.
    index: HashMap<Box<[u8]>, u32, RandomState>,
    /// The SOA record, as it stands in answers that say no (RFC 2308 §3).
    negative: Option<Rrset>,
}

/// What is said of a question.
#[derive(Debug)]
pub struct Found<'z> {
    /// The CNAME records on the way: the name of each, `None` for the question's own, and its record.
    pub chain: Vec<(Option<&'z [u8]>, &'z Rrset)>,
    /// The name that `end` is about; `None` for the question's own.
    pub owner: Option<&'z [u8]>,
    /// What is said of it.
    pub end: End<'z>,
}

/// What is said of the name at the end of the chain.
#[derive(Debug)]
pub enum End<'z> {
    /// These records.
    Records(&'z Rrset),
    /// What a resource chooses.
    Geo(&'z Geo),
    /// There are records of some type, and all were asked for (RFC 8482).
    Some,
    /// The name is another zone's, by this delegation.
    Referral(&'z Node),
    /// There are records of other types, or of none.
    NoData,
    /// There is no such name.
    NoName,
    /// The name lies outside the zone.
    Elsewhere,
}

enum Spot<'z> {
    Node(&'z Node),
    Cut(&'z Node),
    Nothing,
}

impl Zone {
    pub(super) fn new(name: Name, mut nodes: Vec<Node>) -> Self {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let key = |(at, node): (usize, &Node)| (node.name.folded().wire().into(), number(at));
        let index: HashMap<Box<[u8]>, u32, RandomState> =
            nodes.iter().enumerate().map(key).collect();
        for at in 0..nodes.len() {
            let node = nodes[at].name.folded();
            let is_cut = |at: &u32| nodes[index_of(*at)].set(Kind::NS).is_some();
            let above = name::suffixes(node.wire()).filter_map(|suffix| index.get(suffix).copied());
            // The apex is the last that is found, and no delegation.
            let above: Vec<u32> = above.collect();
            let cuts = above.split_last().map_or(&[][..], |(_, cuts)| cuts);
            let cut = cuts.iter().rev().copied().find(is_cut);
            let star = [b"\x01*", node.wire()].concat();
            let wildcard = index.get(&*star).copied();
            (nodes[at].cut, nodes[at].wildcard) = (cut, wildcard);
        }
        let mut zone = Self { name, nodes, index, negative: None };
        zone.negative = zone.apex().and_then(|apex| apex.set(Kind::SOA)).map(negative);
        zone
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its names.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Its SOA record with the time for which a no holds, the lesser of its own and its last number
    /// (RFC 2308 §5).
    pub fn negative(&self) -> Option<&Rrset> {
        self.negative.as_ref()
    }

    fn apex(&self) -> Option<&Node> {
        self.node(self.name.folded().wire())
    }

    /// The name that is `folded`.
    pub fn node(&self, folded: &[u8]) -> Option<&Node> {
        self.at(self.index.get(folded).copied())
    }

    fn at(&self, number: Option<u32>) -> Option<&Node> {
        self.nodes.get(index_of(number?))
    }

    /// What is said of `folded`, a name in it in lower case, as to `kind`.
    pub fn look_up(&self, folded: &[u8], kind: Kind) -> Found<'_> {
        let (mut chain, mut owner) = (Vec::new(), None);
        let mut spot = self.spot(folded, kind);
        loop {
            let node = match spot {
                Spot::Cut(node) => return Found { chain, owner, end: End::Referral(node) },
                Spot::Nothing => return Found { chain, owner, end: End::NoName },
                Spot::Node(node) => node,
            };
            let cname = node.set(Kind::CNAME).filter(|_| kind != Kind::CNAME && kind != Kind::ANY);
            let target = cname.and_then(|set| Some((set, &**set.data.first()?)));
            let Some((set, target)) = target.filter(|_| chain.len() < LONGEST_CHAIN) else {
                return Found { chain, owner, end: end(node, kind) };
            };
            chain.push((owner, set));
            owner = Some(target);
            let target = Folded::of(target);
            if !name::suffixes(target.wire()).any(|suffix| self.is_named(suffix)) {
                return Found { chain, owner, end: End::Elsewhere };
            }
            spot = self.spot(target.wire(), kind);
        }
    }

    fn is_named(&self, folded: &[u8]) -> bool {
        self.name.wire().eq_ignore_ascii_case(folded)
    }

    fn spot(&self, folded: &[u8], kind: Kind) -> Spot<'_> {
        let mut suffixes = name::suffixes(folded);
        if let Some(node) = self.node(folded) {
            let Some(cut) = self.at(node.cut) else { return Spot::Node(node) };
            // What signs a delegation is the parent's to say (RFC 4035 §3.1.4.1).
            let is_parents = kind == Kind::DS && std::ptr::eq(cut, node);
            return if is_parents { Spot::Node(node) } else { Spot::Cut(cut) };
        }
        let Some(closest) = suffixes.find_map(|suffix| self.node(suffix)) else {
            return Spot::Nothing;
        };
        if let Some(cut) = self.at(closest.cut) {
            return Spot::Cut(cut);
        }
        self.at(closest.wildcard).map_or(Spot::Nothing, Spot::Node)
    }

    /// What no single record shows: chains that do not end, and delegations without addresses.
    pub(super) fn faults(&self) -> Vec<(&Name, String)> {
        let mut faults = Vec::new();
        for node in &self.nodes {
            if node.set(Kind::CNAME).is_some() {
                let found = self.look_up(node.name.folded().wire(), Kind::A);
                let loops = found.chain.len() >= LONGEST_CHAIN
                    && found.owner.is_some_and(|last| {
                        let last = Folded::of(last);
                        matches!(self.spot(last.wire(), Kind::A), Spot::Node(node)
                            if node.set(Kind::CNAME).is_some())
                    });
                if loops {
                    let what = format!("leads through more than {LONGEST_CHAIN} CNAME records");
                    faults.push((&node.name, what));
                }
            }
            let is_cut = self.at(node.cut).is_some_and(|cut| std::ptr::eq(cut, node));
            let servers = node.set(Kind::NS).filter(|_| is_cut);
            for server in
                servers.iter().flat_map(|set| &set.data).filter_map(|data| Name::from_wire(data))
            {
                let glue = self.node(server.folded().wire());
                let has = |node: &Node| {
                    node.sets.iter().any(|set| matches!(set.kind, Kind::A | Kind::AAAA))
                };
                if server.is_within(&node.name) && !glue.is_some_and(has) {
                    let what = format!("is delegated to {server}, whose address it needs");
                    faults.push((&node.name, what));
                }
            }
        }
        faults
    }
}

fn index_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn end(node: &Node, kind: Kind) -> End<'_> {
    if let Some(geo) = &node.geo
        && (geo.alias || matches!(kind, Kind::A | Kind::AAAA | Kind::ANY))
    {
        return if kind == Kind::ANY { End::Some } else { End::Geo(geo) };
    }
    match node.set(kind) {
        Some(set) => End::Records(set),
        None if kind == Kind::ANY && !node.sets.is_empty() => End::Some,
        None => End::NoData,
    }
}

fn negative(soa: &Rrset) -> Rrset {
    let (_, names) = compressible(Kind::SOA);
    debug_assert_eq!(names, 2);
    let minimum = soa.data.first().and_then(|data| data.last_chunk::<4>());
    let minimum = minimum.map_or(0, |bytes| u32::from_be_bytes(*bytes));
    Rrset { ttl: soa.ttl.min(minimum), ..soa.clone() }
}

/// A name in lower case, on the stack.
#[derive(Debug)]
pub struct Folded {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Folded {
    /// `wire`, a whole name.
    pub fn of(wire: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        let length = wire.len().min(LONGEST);
        bytes[..length].copy_from_slice(&wire[..length]);
        bytes[..length].make_ascii_lowercase();
        Self { bytes, length }
    }

    /// It.
    pub fn wire(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
