//! Maps against literal models: which list answers an address, and how wide the network is that has the
//! same. `TIDEGATE_SEED` repeats a run.

use super::*;
use crate::geo::written::{self, Value};

fn seeded() -> fastrand::Rng {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("TIDEGATE_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

fn country(code: &str) -> Value {
    Value::map([("country_code", Value::Text(code.into()))])
}

fn place(path: &[&str], city: &str) -> Value {
    let text = |text: &str| Value::Text(text.into());
    let code = |key, code: &str| Value::map([(key, text(code))]);
    let rest = path[2..].iter().map(|one| code("iso_code", one)).collect();
    Value::map([
        ("continent", code("code", path[0])),
        ("country", code("iso_code", path[1])),
        ("subdivisions", Value::List(rest)),
        ("city", Value::map([("names", Value::map([("en", text(city))]))])),
    ])
}

fn build(terms: &Terms, networks: &[(&str, Value)]) -> Map {
    let database = Database::new(written::database(networks)).unwrap();
    Map::build(terms, Some(&database)).unwrap()
}

fn find<'m>(map: &'m Map, address: &str) -> (&'m [u8], u8) {
    let Mapped { list, scope } = map.find(address.parse().unwrap());
    (list, scope)
}

fn three() -> Terms {
    let networks =
        [("198.51.100.0/24", vec![2]), ("198.51.0.0/16", vec![1]), ("2001:db8:1::/48", vec![1])];
    Terms {
        datacenters: vec![None; 3],
        default: Some(vec![0, 1, 2]),
        places: vec![
            ("NA".into(), vec![1, 0]),
            ("na/us/CA".into(), vec![2, 1]),
            ("NA/US/Springfield".into(), vec![2]),
            ("EU/NL".into(), vec![0]),
        ],
        networks: networks.map(|(network, list)| (network.parse().unwrap(), list)).into(),
    }
}

#[test]
fn networks_come_before_geography_and_that_level_by_level() {
    let map = build(
        &three(),
        &[
            ("192.0.2.0/26", place(&["NA", "US", "CA"], "Oakland")),
            ("192.0.2.64/26", place(&["NA", "US", "NY"], "New York")),
            ("192.0.2.128/26", place(&["NA", "US", "IL"], "Springfield")),
            ("192.0.2.192/26", place(&["EU", "DE"], "Berlin")),
            ("198.51.100.0/25", place(&["EU", "NL"], "Delft")),
            ("2001:db8::/32", country("NL")),
        ],
    );
    for (address, list, scope) in [
        ("192.0.2.1", &[2, 1][..], 26),
        ("192.0.2.65", &[1, 0], 26),
        ("192.0.2.129", &[2], 26),
        ("192.0.2.193", &[0, 1, 2], 26),
        ("198.51.100.1", &[2], 24),
        ("198.51.101.1", &[1], 24),
        ("198.51.200.1", &[1], 17),
        ("2001:db8::1", &[0], 48),
        ("2001:db8:2::1", &[0], 47),
        ("2001:db8:1::1", &[1], 48),
        ("10.0.0.1", &[0, 1, 2], 1),
    ] {
        assert_eq!(find(&map, address), (list, scope), "{address}");
    }
}

#[test]
fn an_ipv4_address_within_an_ipv6_one_counts() {
    let map = build(&three(), &[]);
    for (address, list, scope) in [
        ("::ffff:198.51.100.1", &[2][..], 120),
        ("::ffff:0:198.51.100.1", &[2], 120),
        ("64:ff9b::198.51.100.1", &[2], 120),
        ("2002:c633:6401::1", &[2], 40),
        ("2001:0:1:2:3:4:39cc:9bfe", &[2], 120),
        ("2001:1::1", &[0, 1, 2], 32),
    ] {
        assert_eq!(find(&map, address), (list, scope), "{address}");
    }
}

#[test]
fn without_a_list_the_nearest_comes_first() {
    let at = |text: &str| text.parse::<Coordinates>().ok();
    let datacenters = vec![at("39.04,-77.49"), at("52.37,4.90"), None, at("1.35,103.82")];
    let terms = Terms { datacenters, ..Terms::default() };
    let point = |latitude, longitude| {
        let location =
            [("latitude", Value::Double(latitude)), ("longitude", Value::Double(longitude))];
        Value::map([("location", Value::map(location))])
    };
    let map = build(
        &terms,
        &[("192.0.2.0/24", point(48.8, 2.3)), ("198.51.100.0/24", point(-33.8, 151.0))],
    );
    assert_eq!(find(&map, "192.0.2.1").0, [1, 0, 3, 2]);
    assert_eq!(find(&map, "198.51.100.1").0, [3, 0, 1, 2]);
    assert_eq!(find(&map, "203.0.113.1").0, [0, 1, 2, 3]);
}

#[test]
fn bad_terms_are_told_all_at_once() {
    let mut terms = three();
    terms.places.extend([("EU/NL".into(), vec![1]), ("EU//x".into(), vec![1])]);
    assert_eq!(Map::build(&terms, None).unwrap_err().len(), 2);
    let mut terms = three();
    for network in ["2002:c633::/32", "198.51.0.0/16"] {
        terms.networks.push((network.parse().unwrap(), vec![0]));
    }
    let told = Map::build(&terms, None).unwrap_err();
    assert_eq!(
        told,
        [
            "2002:c633::/32 lies in 2002::/16: write the IPv4 network instead",
            "198.51.0.0/16 stands twice"
        ]
    );
}

/// A prefix within the first twelve bits of a family.
fn short(random: &mut fastrand::Rng, v6: bool) -> Prefix {
    let length = random.u8(0..=12);
    let bits = random.u16(..0x1000) >> (12 - length) << (12 - length);
    let address: IpAddr = if v6 {
        Ipv6Addr::from(u128::from(bits) << 116).into()
    } else {
        Ipv4Addr::from(u32::from(bits) << 20).into()
    };
    Prefix::new(address, length).unwrap()
}

#[test]
fn random_networks_are_answered_as_a_list_of_them_would_and_as_widely() {
    let mut random = seeded();
    for round in 0..40 {
        let v6 = round % 2 == 1;
        let mut networks: Vec<(Prefix, Vec<u8>)> = Vec::new();
        for _ in 0..random.usize(..40) {
            let prefix = short(&mut random, v6);
            if !networks.iter().any(|(other, _)| *other == prefix) {
                networks.push((prefix, vec![random.u8(..3)]));
            }
        }
        let mut regions: Vec<Prefix> = Vec::new();
        for _ in 0..random.usize(..20) {
            let prefix = short(&mut random, v6);
            let apart = |other: &Prefix| !other.covers(&prefix) && !prefix.covers(other);
            if prefix.length() > 0 && regions.iter().all(apart) {
                regions.push(prefix);
            }
        }
        // What IPv4 takes in the tree, and what has IPv4 addresses in it, is another test's.
        let used = |prefix: &Prefix| v6 && prefix.first() >> 112 == 0;
        regions.retain(|prefix| !used(prefix));
        let codes = ["NL", "US", "JP"];
        let code: Vec<&str> = regions.iter().map(|_| codes[random.usize(..3)]).collect();
        let texts: Vec<String> = regions.iter().map(ToString::to_string).collect();
        let written: Vec<(&str, Value)> =
            texts.iter().zip(&code).map(|(text, code)| (text.as_str(), country(code))).collect();
        let terms = Terms {
            datacenters: vec![None; 3],
            default: Some(vec![0]),
            places: vec![("AS".into(), vec![1]), ("NA/US".into(), vec![2])],
            networks: networks.clone(),
        };
        let map = build(&terms, &written);
        let address = |block: u16| -> IpAddr {
            if v6 {
                Ipv6Addr::from(u128::from(block) << 116 | 1).into()
            } else {
                Ipv4Addr::from(u32::from(block) << 20 | 1).into()
            }
        };
        let model: Vec<u8> = (0..0x1000)
            .map(|block| {
                let at = address(block);
                let holding = networks.iter().filter(|(prefix, _)| prefix.contains(at));
                let over = holding.max_by_key(|(prefix, _)| prefix.length());
                let region = regions.iter().position(|prefix| prefix.contains(at));
                match (over, region.map(|region| code[region])) {
                    (Some((_, list)), _) => list[0],
                    (None, Some("JP")) => 1,
                    (None, Some("US")) => 2,
                    _ => 0,
                }
            })
            .collect();
        // Blocks in which IPv4 addresses lie are never as wide as they look.
        let barred = |block: u16| v6 && matches!(block, 0x000 | 0x006 | 0x200);
        let blocks: Vec<u16> = (0..200).map(|_| random.u16(..0x1000)).collect();
        for block in blocks.into_iter().filter(|block| !barred(*block)) {
            let found = map.find(address(block));
            assert_eq!(found.list, [model[usize::from(block)]], "{block:03x} of {terms:?}");
            let wide = |length: u32| {
                let size = 1_u16 << (12 - length);
                let first = block / size * size;
                (first..=first + (size - 1)).all(|other| {
                    model[usize::from(other)] == model[usize::from(block)] && !barred(other)
                })
            };
            let widest = (0..=12).find(|length| wide(*length)).unwrap();
            assert_eq!(u32::from(found.scope), widest, "{block:03x} of {terms:?}");
        }
    }
}

#[test]
fn prefixes_within_prefixes_lie_apart() {
    let flat = |texts: &[&str]| {
        let prefixes = texts.iter().zip(0..).map(|(text, at)| (text.parse().unwrap(), at));
        let prefixes: Vec<(Prefix, Answer)> = prefixes.collect();
        let shown = |stretch: &Stretch| {
            format!("{:x}-{:x}:{}", stretch.first >> 120, stretch.last >> 120, stretch.answer)
        };
        cover::flatten(&prefixes).iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(
        flat(&["0.0.0.0/0", "16.0.0.0/4", "24.0.0.0/5", "255.0.0.0/8"]),
        ["0-f:0", "10-17:1", "18-1f:2", "20-fe:0", "ff-ff:3"]
    );
    assert_eq!(flat(&["128.0.0.0/1", "192.0.0.0/2", "::/0"])[..2], ["0-7f:2", "80-bf:0"]);
    assert!(flat(&[]).is_empty());
}
