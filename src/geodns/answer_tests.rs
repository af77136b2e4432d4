//! Messages in, messages out: each rule of the protocol, and what strangers may send. What comes out is read
//! by another implementation.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hickory_proto::op::Message;

use super::*;
use crate::base::Clock;
use crate::geodns::Name;
use crate::geodns::choose::{Down, Policy, Standing, WHOLE};
use crate::geodns::map::{Map, Terms};
use crate::geodns::query::{COOKIE, EXTENDED, NSID, SUBNET};
use crate::geodns::view::Target;
use crate::geodns::zone::{self, Zones};

const ZONE: &str = "$TTL 300
@ SOA ns1 admin 1 7200 1800 86400 60
 NS ns1
ns1 A 192.0.2.53
a A 192.0.2.1
alias CNAME a
gone CNAME nothing
text 180 GEO text
next 180 GEO next
closed 180 GEO closed
*.w A 192.0.2.7
sub NS ns.sub
ns.sub A 192.0.2.9
big TXT \"0123456789012345678901234567890123456789012345678901234567890123456789\"
";

fn resource(name: &str, policy: Policy) -> Resource {
    let networks = [("198.51.100.0/24", 1), ("2001:db8:1::/48", 2)];
    let networks = networks.map(|(network, at)| (network.parse().unwrap(), vec![at, 0]));
    let terms = Terms {
        datacenters: vec![None; 3],
        default: Some(vec![0, 1, 2]),
        places: Vec::new(),
        networks: networks.into(),
    };
    let standing = |name: &str| Standing {
        name: name.into(),
        down: None,
        share: WHOLE,
        room: WHOLE,
        capacity: None,
    };
    let target = |at: u8| {
        Target::of([
            IpAddr::from([203, 0, 113, at]),
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(at)].into(),
        ])
    };
    Resource {
        name: name.into(),
        map: Arc::new(Map::build(&terms, None).unwrap()),
        map_name: "world".into(),
        ignore_subnet: false,
        policy,
        targets: (1..=3).map(target).collect(),
        standings: ArcSwap::from_pointee(["ams", "ash", "sin"].map(standing).into()),
    }
}

pub(super) struct World {
    view: View,
    responder: Responder,
    clock: Clock,
}

pub(super) fn world() -> World {
    let names = ["text", "next", "closed"];
    let number = |name: &str| names.iter().position(|one| *one == name);
    let many: String = (0..60).map(|at| format!("many A 10.0.0.{at}\n")).collect();
    let text = format!("{ZONE}{many}");
    let open = |_: &Path| Ok(text.clone().into_bytes());
    let name = Name::read(b"wiki.test.", &Name::root()).unwrap();
    let mut zones = Zones::default();
    zones.add(zone::read(Path::new("z"), &name, &open, &number).unwrap().0);
    let policies = [
        Policy::default(),
        Policy { skip_first: true, fail_closed: false },
        Policy { skip_first: false, fail_closed: true },
    ];
    let resources = names.iter().zip(policies).map(|(name, policy)| resource(name, policy));
    let clock = Clock::by_hand(std::time::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let limits = Limits::new(0, 2, clock.now());
    let secrets = Secrets::new([7; 16], None);
    World {
        view: View { zones, resources: resources.collect() },
        responder: Responder { nsid: b"cp1".to_vec(), secrets, require_cookie: false, limits },
        clock,
    }
}

const PEER: [u8; 4] = [198, 51, 100, 9];

impl World {
    pub(super) fn ask_as(&self, bytes: &[u8], transport: Transport) -> Option<(Outcome, Vec<u8>)> {
        let (now, wall) = (self.clock.now(), 1_800_000_000);
        let asked = Asked { bytes, peer: PEER.into(), transport, now, wall };
        let mut out = vec![0; 65_535];
        let outcome = self.responder.answer(&self.view, &asked, &mut out)?;
        out.truncate(outcome.length);
        Some((outcome, out))
    }

    fn tcp(&self, bytes: &[u8]) -> Message {
        let (_, out) = self.ask_as(bytes, Transport::Tcp).unwrap();
        Message::from_vec(&out).unwrap()
    }

    fn udp(&self, bytes: &[u8]) -> (Outcome, Vec<u8>) {
        self.ask_as(bytes, Transport::Udp).unwrap()
    }
}

/// A question, without EDNS.
fn question(name: &str, kind: Kind) -> Vec<u8> {
    let origin = Name::read(b"wiki.test.", &Name::root()).unwrap();
    let name = Name::read(name.as_bytes(), &origin).unwrap();
    let mut out = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend_from_slice(name.wire());
    out.extend(kind.0.to_be_bytes());
    out.extend([0, 1]);
    out
}

/// The same with a record of EDNS that has `options`.
pub(super) fn with(name: &str, kind: Kind, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = question(name, kind);
    out[11] = 1;
    let mut data = Vec::new();
    for (code, value) in options {
        data.extend(code.to_be_bytes());
        data.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        data.extend_from_slice(value);
    }
    out.extend([0, 0, 41, 0x10, 0, 0, 0, 0, 0]);
    out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    out.extend(data);
    out
}

/// The data of an option in an answer's last record.
fn option(answer: &[u8], code: u16) -> Option<Vec<u8>> {
    const RECORD: usize = 11;
    let start = answer.windows(5).rposition(|bytes| bytes == [0, 0, 41, 4, 208])?;
    let mut rest = &answer[start + RECORD..];
    while let [a, b, c, d, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        if u16::from_be_bytes([*a, *b]) == code {
            return Some(after[..length].to_vec());
        }
        rest = &after[length..];
    }
    None
}

fn told(message: &Message) -> Vec<String> {
    let sections = [&message.answers, &message.authorities, &message.additionals];
    sections.iter().flat_map(|list| list.iter()).map(ToString::to_string).collect()
}

#[test]
fn each_question_gets_what_its_zone_says() {
    let world = world();
    for (name, kind, code, records) in [
        ("a", Kind::A, 0, &["a.wiki.test. 300 IN A 192.0.2.1"][..]),
        ("x.w", Kind::A, 0, &["x.w.wiki.test. 300 IN A 192.0.2.7"]),
        (
            "alias",
            Kind::A,
            0,
            &["alias.wiki.test. 300 IN CNAME a.wiki.test.", "a.wiki.test. 300 IN A 192.0.2.1"],
        ),
        ("text", Kind::A, 0, &["text.wiki.test. 180 IN A 203.0.113.2"]),
        ("text", Kind::AAAA, 0, &["text.wiki.test. 180 IN AAAA 2001:db8::2"]),
        ("next", Kind::A, 0, &["next.wiki.test. 180 IN A 203.0.113.1"]),
        (
            "nothing",
            Kind::A,
            3,
            &["wiki.test. 60 IN SOA ns1.wiki.test. admin.wiki.test. 1 7200 1800 86400 60"],
        ),
        (
            "x.sub",
            Kind::A,
            0,
            &["sub.wiki.test. 300 IN NS ns.sub.wiki.test.", "ns.sub.wiki.test. 300 IN A 192.0.2.9"],
        ),
        ("www.example.", Kind::A, 5, &[]),
        ("a", Kind(251), 5, &[]),
        ("a", Kind(250), 4, &[]),
    ] {
        let message = world.tcp(&question(name, kind));
        assert_eq!(u16::from(message.metadata.response_code), code, "{name} {kind}");
        assert_eq!(told(&message), records, "{name} {kind}");
        assert_eq!(message.metadata.authoritative, code != 5 && code != 4 && name != "x.sub");
    }
    let gone = world.tcp(&question("gone", Kind::A));
    assert_eq!((told(&gone).len(), u16::from(gone.metadata.response_code)), (2, 3));
    let any = told(&world.tcp(&question("a", Kind::ANY)));
    assert!(any.len() == 1 && any[0].contains("HINFO") && any[0].contains("RFC8482"), "{any:?}");
}

#[test]
fn the_head_is_the_questions_and_its_spelling_stays() {
    let world = world();
    let mut bytes = question("A.wIKI.test.", Kind::A);
    bytes[2] |= 0x76;
    bytes[3] = 0xff;
    let (_, out) = world.ask_as(&bytes, Transport::Tcp).unwrap();
    assert_eq!(&out[..2], b"\xab\xcd");
    assert_eq!(out[2] & 0x80, 0x80);
    bytes[2] = 1;
    let (outcome, out) = world.udp(&bytes);
    assert_eq!(out[2..12], [0x85, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
    assert_eq!(out[12..bytes.len()], bytes[12..]);
    assert_eq!((outcome.code, outcome.zone, outcome.kind), (Code::NoError, Some(0), Some(Kind::A)));
}

#[test]
fn what_is_no_question_gets_nothing_and_what_is_a_wrong_one_its_code() {
    let world = world();
    let good = question("a", Kind::A);
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for bytes in [&good[..11], &changed(2, 0x81), &[]] {
        assert_eq!(world.ask_as(bytes, Transport::Udp), None);
    }
    let mut chaos = good.clone();
    *chaos.last_mut().unwrap() = 3;
    let mut version = with("a", Kind::A, &[]);
    let at = version.len() - 5;
    version[at] = 1;
    let mut twice = with("a", Kind::A, &[]);
    twice[11] = 2;
    twice.extend([0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0]);
    for (bytes, code) in [
        (changed(2, 0x08), Code::NotImp),
        (changed(5, 2), Code::FormErr),
        (changed(5, 0), Code::FormErr),
        (changed(7, 1), Code::FormErr),
        (changed(11, 1), Code::FormErr),
        (good[..20].to_vec(), Code::FormErr),
        (changed(12, 0xc0), Code::FormErr),
        (chaos, Code::Refused),
        (version, Code::BadVers),
        (twice, Code::FormErr),
        (with("a", Kind::A, &[(SUBNET, b"\0\x01\x18\0\xc0\0")]), Code::FormErr),
        (with("a", Kind::OPT, &[]), Code::FormErr),
    ] {
        let (outcome, out) = world.udp(&bytes);
        assert_eq!(outcome.code, code, "{bytes:?}");
        let message = Message::from_vec(&out).unwrap();
        assert!(message.answers.is_empty());
    }
}

#[test]
fn a_subnet_decides_and_the_answer_says_for_how_wide_a_network() {
    let world = world();
    for (subnet, sent_to, scope) in [
        (&b"\0\x01\x18\0\xc0\0\x02"[..], 0, 6),
        (b"\0\x01\x18\0\xc6\x33\x64", 1, 24),
        (b"\0\x02\x30\0\x20\x01\x0d\xb8\0\x01", 2, 48),
        (b"\0\x02\x38\0\x20\x02\xc6\x33\x64\0\0", 1, 40),
        (b"\0\x01\0\0", 1, 0),
        (b"\0\0\0\0", 1, 0),
    ] {
        let (outcome, out) = world.udp(&with("text", Kind::A, &[(SUBNET, subnet)]));
        assert_eq!(outcome.sent_to, Some((0, sent_to)), "{subnet:?}");
        let mut expected = subnet.to_vec();
        expected[3] = scope;
        assert_eq!(option(&out, SUBNET), Some(expected));
        assert_eq!(outcome.by_subnet, subnet.len() > 4);
    }
    let (_, out) = world.udp(&with("a", Kind::A, &[(SUBNET, b"\0\x01\x18\0\xc0\0\x02")]));
    assert_eq!(option(&out, SUBNET).unwrap()[3], 0, "nothing depends on it");
    for bad in [
        &b"\0\x01\x21\0\xc0\0\x02\0\0"[..],
        b"\0\x01\x18\x01\xc0\0\x02",
        b"\0\x01\x18\0\xc0\0",
        b"\0\x01\x17\0\xc0\0\x01",
        b"\0\x03\x18\0\xc0\0\x02",
        b"\0\x01\x18",
        b"\0\x02\x81\0",
    ] {
        let (outcome, _) = world.udp(&with("text", Kind::A, &[(SUBNET, bad)]));
        assert_eq!(outcome.code, Code::FormErr, "{bad:?}");
    }
    let mut world = world;
    world.view.resources[0].ignore_subnet = true;
    let (outcome, out) = world.udp(&with("text", Kind::A, &[(SUBNET, b"\0\x01\x18\0\xc0\0\x02")]));
    assert_eq!((outcome.sent_to, option(&out, SUBNET).unwrap()[3]), (Some((0, 1)), 0));
}

#[test]
fn slices_narrow_the_scope() {
    let world = world();
    let mut standings = Vec::clone(&world.view.resources[0].standings.load());
    standings[0].share = 512;
    world.view.resources[0].standings.store(Arc::new(standings));
    let (_, out) = world.udp(&with("text", Kind::A, &[(SUBNET, b"\0\x01\x18\0\xc0\0\x02")]));
    assert_eq!(option(&out, SUBNET).unwrap()[3], 24);
}

#[test]
fn where_all_are_down_the_first_answers_or_an_error_tells() {
    let world = world();
    for resource in &world.view.resources {
        let mut standings = Vec::clone(&resource.standings.load());
        standings.iter_mut().for_each(|one| one.down = Some(Down::Failing));
        resource.standings.store(Arc::new(standings));
    }
    let (outcome, _) = world.udp(&with("text", Kind::A, &[]));
    assert_eq!(outcome.sent_to, Some((0, 1)));
    let (outcome, out) = world.udp(&with("closed", Kind::A, &[]));
    assert_eq!((outcome.code, outcome.sent_to), (Code::ServFail, None));
    assert_eq!(option(&out, EXTENDED).unwrap()[..2], [0, 14]);
    let (_, out) = world.udp(&with("www.example.", Kind::A, &[(NSID, b"")]));
    assert_eq!(option(&out, EXTENDED).unwrap()[..2], [0, 20]);
    assert_eq!(option(&out, NSID), Some(b"cp1".to_vec()));
}

#[test]
fn a_cookie_opens_larger_answers_and_a_wrong_one_may_be_told() {
    let mut world = world();
    let client = [1, 2, 3, 4, 5, 6, 7, 8];
    let ask = |server: &[u8]| with("many", Kind::A, &[(COOKIE, &[&client, server].concat())]);
    let (outcome, out) = world.udp(&ask(b""));
    assert!(outcome.truncated && out.len() <= 4 * ask(b"").len());
    let cookie = option(&out, COOKIE).unwrap();
    assert_eq!((cookie.len(), &cookie[..8]), (24, &client[..]));
    let (outcome, out) = world.udp(&ask(&cookie[8..]));
    assert!(!outcome.truncated && out.len() > 900, "{}", out.len());
    world.responder.require_cookie = true;
    let (outcome, out) = world.udp(&ask(&[9; 16]));
    assert_eq!(outcome.code, Code::BadCookie);
    let message = Message::from_vec(&out).unwrap();
    assert_eq!(u16::from(message.metadata.response_code), 23);
    let (outcome, _) = world.udp(&with("a", Kind::A, &[]));
    assert_eq!(outcome.code, Code::NoError, "who knows no cookies is served");
    for bad in [&[1; 7][..], &[1; 15], &[1; 41]] {
        let (outcome, _) = world.udp(&with("a", Kind::A, &[(COOKIE, bad)]));
        assert_eq!(outcome.code, Code::FormErr);
    }
}

#[test]
fn long_answers_are_cut_over_udp_and_whole_over_tcp() {
    let world = world();
    for bytes in [question("many", Kind::A), with("many", Kind::A, &[]), question("big", Kind::TXT)]
    {
        let (outcome, out) = world.udp(&bytes);
        assert_eq!(outcome.truncated, bytes != question("big", Kind::TXT) || out.len() < 60);
        assert!(out.len() <= 512 && out.len() <= 4 * bytes.len());
        Message::from_vec(&out).unwrap();
    }
    assert_eq!(world.tcp(&question("many", Kind::A)).answers.len(), 60);
}

#[test]
fn beyond_its_rate_a_network_is_told_to_come_over_tcp_or_nothing() {
    let mut world = world();
    world.responder.limits = Limits::new(5, 2, world.clock.now());
    let bytes = with("a", Kind::A, &[]);
    let outcomes: Vec<Outcome> = (0..30).map(|_| world.udp(&bytes).0).collect();
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|one| is(one)).count();
    assert_eq!(count(|one| !one.limited), 10);
    assert_eq!(count(|one| one.limited && one.truncated && one.length > 0), 10);
    assert_eq!(count(|one| one.limited && one.length == 0), 10);
    assert_eq!(world.tcp(&bytes).answers.len(), 1, "a connection shows who asks");
}
