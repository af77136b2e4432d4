//! Makes a zone of records, or says why they are none: what RFC 1034 §4.2 and §3.6.2, RFC 2181 §5 and
//! RFC 4592 §4 ask of one.

use std::collections::BTreeMap;

use super::lookup::{Geo, Node, Rrset, Zone};
use super::master::{At, Data, Record};
use super::problem::{Problem, Wrong};
use crate::geodns::{Kind, Name};

/// Gives the number of a resource.
pub(super) type Resources<'a> = &'a dyn Fn(&str) -> Option<usize>;

/// Nodes have numbers of 32 bits.
pub(super) const MOST_NODES: usize = 50_000_000;

#[derive(Debug)]
struct Draft {
    name: Name,
    sets: BTreeMap<Kind, (At, Rrset)>,
    geo: Option<(At, Geo)>,
}

/// A zone in the making.
pub(super) struct Builder<'a> {
    zone: Name,
    resources: Resources<'a>,
    /// By their folded names, with those that are there only since others lie below them.
    drafts: BTreeMap<Name, Draft>,
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(zone: &Name, resources: Resources<'a>) -> Self {
        let (errors, warnings) = (Vec::new(), Vec::new());
        Self { zone: zone.clone(), resources, drafts: BTreeMap::new(), errors, warnings }
    }

    fn error(&mut self, at: &At, message: impl Into<String>, text: &Name, remedy: &str) {
        self.errors.push(at.problem(wrong(message, text, remedy)));
    }

    fn warn(&mut self, at: &At, message: impl Into<String>, text: &Name, remedy: &str) {
        self.warnings.push(at.problem(wrong(message, text, remedy)));
    }

    /// Adds a record.
    pub(super) fn add(&mut self, record: Record) {
        let Record { at, owner, ttl, data } = record;
        if !owner.is_within(&self.zone) {
            let message = format!("this name lies outside the zone {}", self.zone);
            return self.error(&at, message, &owner, "move it into a zone of its own");
        }
        let mut above = owner.clone();
        while !self.drafts.contains_key(&above.folded()) {
            let draft = Draft { name: above.clone(), sets: BTreeMap::new(), geo: None };
            self.drafts.insert(above.folded(), draft);
            match above.parent().filter(|_| !above.is(&self.zone)) {
                Some(parent) => above = parent,
                None => break,
            }
        }
        match data {
            Data::Plain(kind, data) => self.add_plain(&at, &owner, kind, ttl, &data),
            Data::Geo { resource, alias, least } => {
                let Some(resource) = (self.resources)(&resource) else {
                    let message = format!("there is no resource {resource}");
                    return self.error(&at, message, &owner, "write it under [geodns.resource]");
                };
                let geo = Geo { resource, alias, ttl, least };
                let Some(draft) = self.drafts.get_mut(&owner.folded()) else { return };
                if draft.geo.is_some() {
                    return self.error(&at, "a name has one geo record", &owner, "remove one");
                }
                draft.geo = Some((at, geo));
            }
        }
    }

    fn add_plain(&mut self, at: &At, owner: &Name, kind: Kind, ttl: u32, data: &[u8]) {
        if owner.is_wildcard() && (kind == Kind::NS || kind == Kind::SOA) {
            let message = format!("a wildcard may not have {kind} records (RFC 4592 §4)");
            return self.error(at, message, owner, "write the names out");
        }
        let Some(draft) = self.drafts.get_mut(&owner.folded()) else { return };
        let fresh = || (at.clone(), Rrset { kind, ttl, data: Vec::new() });
        let (_, set) = draft.sets.entry(kind).or_insert_with(fresh);
        let unequal = set.ttl != ttl;
        set.ttl = set.ttl.min(ttl);
        let duplicate = set.data.iter().any(|one| **one == *data);
        if !duplicate {
            set.data.push(data.into());
        }
        if unequal {
            let message = format!("the {kind} records of a name live equally long (RFC 2181 §5.2)");
            self.warn(at, message, owner, "the shortest time holds; write the same for all");
        }
        if duplicate {
            let message = format!("this {kind} record stands there already");
            self.warn(at, message, owner, "it counts once; remove it");
        }
    }

    /// The zone, unless there are errors.
    pub(super) fn finish(mut self, file: &std::path::Path) -> (Option<Zone>, Self) {
        let lacking: Vec<Kind> = [Kind::SOA, Kind::NS]
            .into_iter()
            .filter(|kind| {
                let apex = self.drafts.get(&self.zone.folded());
                !apex.is_some_and(|apex| apex.sets.contains_key(kind))
            })
            .collect();
        for kind in lacking {
            let message = format!("{} has no {kind} record", self.zone);
            self.errors.push(Problem::of_file(file.into(), message, "write one for @"));
        }
        let names: Vec<Name> = self.drafts.keys().cloned().collect();
        for name in &names {
            self.check(name);
        }
        if self.drafts.len() > MOST_NODES {
            let problem = Problem::of_file(file.into(), "there are too many names", "split it");
            self.errors.push(problem);
        }
        if !self.errors.is_empty() {
            return (None, self);
        }
        let nodes = std::mem::take(&mut self.drafts).into_values().map(|draft| Node {
            name: draft.name,
            sets: draft.sets.into_values().map(|(_, set)| set).collect(),
            geo: draft.geo.map(|(_, geo)| geo),
            cut: None,
            wildcard: None,
        });
        let zone = Zone::new(self.zone.clone(), nodes.collect());
        let check = |zone: &Zone, out: &mut Vec<Problem>| {
            for (name, what) in zone.faults() {
                let message = format!("{name} {what}");
                out.push(Problem::of_file(file.into(), message, "correct it, or take it out"));
            }
        };
        check(&zone, &mut self.errors);
        let whole = self.errors.is_empty().then_some(zone);
        (whole, self)
    }

    /// What may not stand beside what at one name.
    fn check(&mut self, folded: &Name) {
        let Some(draft) = self.drafts.get(folded) else { return };
        let name = draft.name.clone();
        let mut errors: Vec<(At, String, &str)> = Vec::new();
        if let Some((at, soa)) = draft.sets.get(&Kind::SOA) {
            if !name.is(&self.zone) {
                let remedy = "a zone's file has the SOA of its own name";
                errors.push((at.clone(), "this SOA is not of the zone".into(), remedy));
            } else if soa.data.len() > 1 {
                errors.push((at.clone(), "a zone has one SOA record".into(), "remove the others"));
            }
        }
        if let Some((at, cname)) = draft.sets.get(&Kind::CNAME) {
            if draft.sets.len() > 1 || draft.geo.is_some() {
                let message = "a name with a CNAME has no other records (RFC 2181 §10.1)";
                errors.push((at.clone(), message.into(), "remove it, or them"));
            }
            if cname.data.len() > 1 {
                errors.push((at.clone(), "a name has one CNAME record".into(), "remove one"));
            }
        }
        if let Some((at, geo)) = &draft.geo {
            let addresses = [Kind::A, Kind::AAAA].iter().any(|kind| draft.sets.contains_key(kind));
            if geo.alias && !draft.sets.is_empty() {
                let message = "a name with DYNC has no other records";
                errors.push((at.clone(), message.into(), "write DYNA, or remove them"));
            } else if addresses {
                let message = "a name with a geo record has no A or AAAA records";
                errors.push((at.clone(), message.into(), "remove them"));
            }
        }
        for (at, message, remedy) in errors {
            self.error(&at, message, &name, remedy);
        }
    }
}

fn wrong(message: impl Into<String>, text: &Name, remedy: &str) -> Wrong {
    let text = text.to_string();
    Wrong { message: message.into(), text, remedy: remedy.to_owned() }
}
