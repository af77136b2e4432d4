//! Maps: from the network of a reader to the ordered list of datacenters for it.
//!
//! Overrides of networks, by longest prefix, come before geography ([`geography`]), and that before
//! distance. A database is read once and left; what stays is two finished tables ([`table`]).
//!
//! An IPv6 address that has an IPv4 address in it counts as that one, as with gdnsd: mapped (RFC 4291
//! §2.5.5.2), translated (RFC 2765 §2.1, RFC 6052 §2.1), Teredo (RFC 4380 §4) and 6to4 (RFC 3056 §2).

pub mod cover;
pub mod geography;
pub mod table;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::geo::database::RecordId;
use crate::geo::{Coordinates, Database, Place, Prefix};
use geography::Level;
use table::{Answer, BARRIER, Builder, Stretch, Table};

/// Datacenters by their numbers in a map, the best first.
pub type List = Box<[u8]>;

/// IPv6 networks whose addresses have IPv4 addresses in them, and where these begin, in bits.
const EMBEDDING: [(&str, u8); 5] = [
    ("::ffff:0:0/96", 96),
    ("::ffff:0:0:0/96", 96),
    ("64:ff9b::/96", 96),
    ("2001::/32", 96),
    ("2002::/16", 16),
];

/// What a map is made of, beside a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// Where its datacenters are, as far as that is known.
    pub datacenters: Vec<Option<Coordinates>>,
    /// The list for those of whom nothing else is said. Without one they are sent by distance, and where
    /// that is not known to the datacenters as they are listed.
    pub default: Option<Vec<u8>>,
    /// Lists by places, such as `NA/US/CA`.
    pub places: Vec<(String, Vec<u8>)>,
    /// Lists by networks, which hold whatever geography says.
    pub networks: Vec<(Prefix, Vec<u8>)>,
}

/// A finished map.
#[derive(Debug)]
pub struct Map {
    lists: Vec<List>,
    four: Table<u32>,
    six: Table<u128>,
}

/// The list for a network, and how long the prefix is all of which has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped<'m> {
    /// Datacenters, the best first.
    pub list: &'m [u8],
    /// Bits, of the family that was asked about.
    pub scope: u8,
}

impl Map {
    /// Builds a map of `terms` and, where there is one, what `database` says.
    ///
    /// # Errors
    /// Sentences about what is wrong with either.
    pub fn build(terms: &Terms, database: Option<&Database>) -> Result<Self, Vec<String>> {
        let mut maker = Maker::new(terms)?;
        let overrides = maker.overrides()?;
        let default = maker.default().map_err(|why| vec![why])?;
        let [mut four, mut six] = [(32, false), (128, true)].map(|(width, v6)| {
            let of_family = |(prefix, _): &&(Prefix, Answer)| prefix.is_v6() == v6;
            let family: Vec<_> = overrides.iter().filter(of_family).copied().collect();
            Builder::new(width, default, cover::flatten(&family))
        });
        if let Some(database) = database {
            let fed = database.each(&mut |prefix, record, place| {
                let answer = maker.of_record(record, place)?;
                let stretch = Stretch { first: prefix.first(), last: prefix.last(), answer };
                let builder = if prefix.is_v6() { &mut six } else { &mut four };
                if builder.append(stretch) {
                    return Ok(());
                }
                Err(format!("its networks are not in order: {prefix}"))
            });
            fed.map_err(|why| vec![why])?;
        }
        let upper = |first: u128| u32::try_from(first >> 96).unwrap_or(u32::MAX);
        let (four, six) = (four.finish(upper), six.finish(|first| first));
        Ok(Self { lists: maker.lists, four, six })
    }

    /// The list for `address`.
    pub fn find(&self, address: IpAddr) -> Mapped<'_> {
        let ((answer, length), before) = match address {
            IpAddr::V4(four) => (self.find_four(four), 0),
            IpAddr::V6(six) => match embedded(six) {
                Some((four, before)) => (self.find_four(four), before),
                None => {
                    let [top, ..] = six.segments();
                    (self.six.find(six.to_bits(), top), 0)
                }
            },
        };
        let list = self.lists.get(usize::from(answer)).map_or(&[][..], |list| list);
        Mapped { list, scope: before + length }
    }

    fn find_four(&self, address: Ipv4Addr) -> (Answer, u8) {
        let [a, b, ..] = address.octets();
        self.four.find(address.to_bits(), u16::from_be_bytes([a, b]))
    }

    /// How many lists it has, how many networks, and the bytes that they take.
    pub fn size(&self) -> (usize, usize, usize) {
        let networks = self.four.len() + self.six.len();
        (self.lists.len(), networks, self.four.bytes() + self.six.bytes())
    }
}

/// The IPv4 address that `six` has in it, and the bits before that.
pub fn embedded(six: Ipv6Addr) -> Option<(Ipv4Addr, u8)> {
    let [a, b, c, d, e, f, g, h] = six.segments();
    let four =
        |upper: u16, lower: u16| Ipv4Addr::from_bits(u32::from(upper) << 16 | u32::from(lower));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            Some((four(g, h), 96))
        }
        // Turned over, so that translators leave it alone.
        [0x2001, 0, ..] => Some((four(!g, !h), 96)),
        [0x2002, ..] => Some((four(b, c), 16)),
        _ => None,
    }
}

/// A map in the making.
struct Maker<'a> {
    terms: &'a Terms,
    places: Level,
    lists: Vec<List>,
    numbers: HashMap<List, Answer>,
    records: HashMap<RecordId, Answer>,
}

impl<'a> Maker<'a> {
    fn new(terms: &'a Terms) -> Result<Self, Vec<String>> {
        let mut places = Level::default();
        let mut errors = Vec::new();
        for (path, list) in &terms.places {
            let parts: Vec<&str> = path.split('/').collect();
            if parts.iter().any(|part| part.is_empty()) {
                errors.push(format!("{path:?} is no place: write one such as \"NA/US/CA\""));
            } else if !places.add(&parts, list) {
                errors.push(format!("{path:?} stands twice"));
            }
        }
        let (lists, numbers, records) = (Vec::new(), HashMap::new(), HashMap::new());
        let maker = Self { terms, places, lists, numbers, records };
        if errors.is_empty() { Ok(maker) } else { Err(errors) }
    }

    /// The number of a list.
    fn number(&mut self, list: &[u8]) -> Result<Answer, String> {
        if let Some(number) = self.numbers.get(list) {
            return Ok(*number);
        }
        let number = Answer::try_from(self.lists.len()).ok().filter(|number| *number < BARRIER);
        let number = number.ok_or("there are more than 65535 different lists")?;
        self.lists.push(list.into());
        self.numbers.insert(list.into(), number);
        Ok(number)
    }

    /// The networks with lists of their own, and those that are never looked up.
    fn overrides(&mut self) -> Result<Vec<(Prefix, Answer)>, Vec<String>> {
        let embedding: Vec<Prefix> =
            EMBEDDING.iter().filter_map(|(text, _)| embedding(text)).collect();
        let mut errors = Vec::new();
        let mut out: Vec<(Prefix, Answer)> = Vec::new();
        for (at, (prefix, list)) in self.terms.networks.iter().enumerate() {
            if let Some(outer) = embedding.iter().find(|outer| outer.covers(prefix)) {
                errors.push(format!("{prefix} lies in {outer}: write the IPv4 network instead"));
            }
            if self.terms.networks[..at].iter().any(|(other, _)| other == prefix) {
                errors.push(format!("{prefix} stands twice"));
            }
            match self.number(list) {
                Ok(number) => out.push((*prefix, number)),
                Err(why) => errors.push(why),
            }
        }
        out.extend(embedding.iter().map(|prefix| (*prefix, BARRIER)));
        if errors.is_empty() { Ok(out) } else { Err(errors) }
    }

    fn default(&mut self) -> Result<Answer, String> {
        let list = match &self.terms.default {
            Some(list) => list.clone(),
            None => (0..=u8::MAX).take(self.terms.datacenters.len()).collect(),
        };
        self.number(&list)
    }

    fn of_record(
        &mut self,
        record: RecordId,
        place: &dyn Fn() -> Result<Place, String>,
    ) -> Result<Answer, String> {
        if let Some(answer) = self.records.get(&record) {
            return Ok(*answer);
        }
        let place = place()?;
        let listed = self.places.find(&place).0.cloned();
        let answer = match (listed, &self.terms.default, place.coordinates) {
            (Some(list), ..) => self.number(&list)?,
            (None, None, Some(at)) => self.number(&nearest(&self.terms.datacenters, at))?,
            _ => self.default()?,
        };
        self.records.insert(record, answer);
        Ok(answer)
    }
}

fn embedding(text: &str) -> Option<Prefix> {
    let (address, length) = text.split_once('/')?;
    let address: Ipv6Addr = address.parse().ok()?;
    // The mapped one would count as IPv4.
    Prefix::of_six(address, length.parse().ok()?)
}

/// Datacenters, the nearest to `place` first, and behind them those of which it is not known where they are.
fn nearest(datacenters: &[Option<Coordinates>], place: Coordinates) -> Vec<u8> {
    let far = |at: &u8| {
        let coordinates = datacenters.get(usize::from(*at)).copied().flatten();
        coordinates.map_or(f64::INFINITY, |coordinates| coordinates.distance(&place))
    };
    let mut list: Vec<u8> = (0..=u8::MAX).take(datacenters.len()).collect();
    list.sort_by(|a, b| far(a).total_cmp(&far(b)));
    list
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;
