//! Master files as they are written, what they say of names, and what is told of bad ones.

use std::io;
use std::path::Path;

use super::*;

/// Reads files of which the first is the zone's, `wiki.test`.
fn read_files(files: &[(&str, &str)]) -> Result<(Zone, Vec<String>), Vec<String>> {
    let open = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or(io::Error::other("not there"))
    };
    let name = Name::read(b"wiki.test.", &Name::root()).unwrap();
    let resources = |name: &str| ["text", "upload"].iter().position(|one| *one == name);
    let print = |list: Vec<Problem>| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    match read(Path::new(files[0].0), &name, &open, &resources) {
        Ok((zone, warnings)) => Ok((zone, print(warnings))),
        Err(errors) => Err(print(errors)),
    }
}

const HEAD: &str = "$TTL 1h\n@ SOA ns1 admin 1 2h 30m 2w 5m\n NS ns1\nns1 A 192.0.2.53\n";

fn zone(text: &str) -> Zone {
    read_files(&[("z", &format!("{HEAD}{text}"))]).unwrap().0
}

/// What a zone says, as text.
fn say(zone: &Zone, name: &str, kind: Kind) -> String {
    let origin = Name::read(b"wiki.test.", &Name::root()).unwrap();
    let name = Name::read(name.as_bytes(), &origin).unwrap().folded();
    let found = zone.look_up(name.wire(), kind);
    let mut out: Vec<String> = found.chain.iter().map(|(_, set)| show(set)).collect();
    out.push(match found.end {
        End::Records(set) => show(set),
        End::Geo(geo) => format!("geo {} {}/{}", geo.resource, geo.ttl, geo.least),
        End::Some => "some".into(),
        End::Referral(node) => format!("referral {}", node.name),
        End::NoData => "no data".into(),
        End::NoName => "no name".into(),
        End::Elsewhere => "elsewhere".into(),
    });
    out.join(", ")
}

fn show(set: &Rrset) -> String {
    let data: Vec<String> = set.data.iter().map(|data| data.escape_ascii().to_string()).collect();
    format!("{} {} {}", set.ttl, set.kind, data.join(" + "))
}

#[test]
fn a_zone_says_what_its_file_says() {
    let zone = zone(
        "a 60 IN A 192.0.2.1\n  IN 60 A 192.0.2.2\nb CNAME A\nc CNAME b\nout CNAME www.example.\n\
         gone CNAME nothing\n*.w TXT hi \"a b\\\"\" \\104i\nx.y.w A 192.0.2.3\ndyn 300/200 DYNA geoip!text\n\
         dync 600 DYNC geoip!upload\ngeo GEO text\nsub NS ns.sub\nns.sub A 192.0.2.9\n\
         sub DS 1 8 2 0a0b\n$ORIGIN sub2\nz A 192.0.2.4\n@Z 5 MX 10 mail.@Z\n",
    );
    for (name, kind, says) in [
        ("a", Kind::A, "60 A \\xc0\\x00\\x02\\x01 + \\xc0\\x00\\x02\\x02"),
        ("A", Kind::AAAA, "no data"),
        ("a", Kind::ANY, "some"),
        ("a.a", Kind::A, "no name"),
        ("dyn", Kind::A, "geo 0 300/200"),
        ("dyn", Kind::TXT, "no data"),
        ("dync", Kind::TXT, "geo 1 600/300"),
        ("geo", Kind::AAAA, "geo 0 3600/1800"),
        ("out", Kind::A, "3600 CNAME \\x03www\\x07example\\x00, elsewhere"),
        ("b", Kind::CNAME, "3600 CNAME \\x01A\\x04wiki\\x04test\\x00"),
        ("gone", Kind::A, "3600 CNAME \\x07nothing\\x04wiki\\x04test\\x00, no name"),
        ("q.w", Kind::TXT, "3600 TXT \\x02hi\\x04a b\\\"\\x02hi"),
        ("q.q.w", Kind::A, "no data"),
        ("y.w", Kind::TXT, "no data"),
        ("z.y.w", Kind::TXT, "no name"),
        ("w", Kind::TXT, "no data"),
        ("sub", Kind::A, "referral sub.wiki.test."),
        ("x.ns.sub", Kind::A, "referral sub.wiki.test."),
        ("sub", Kind::DS, "3600 DS \\x00\\x01\\x08\\x02\\n\\x0b"),
        ("z.sub2", Kind::A, "3600 A \\xc0\\x00\\x02\\x04"),
        ("@", Kind::MX, "5 MX \\x00\\n\\x04mail\\x04wiki\\x04test\\x00"),
    ] {
        assert_eq!(say(&zone, name, kind), says, "{name} {kind}");
    }
    let chain = say(&zone, "c", Kind::A);
    assert_eq!(chain.matches("CNAME").count(), 2, "{chain}");
    assert_eq!(zone.negative().unwrap().ttl, 300);
}

#[test]
fn the_data_of_each_type_is_read_as_it_is_written() {
    for (text, bytes) in [
        ("AAAA 2001:db8::1", &b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"[..]),
        ("SRV 1 2 443 a.", b"\0\x01\0\x02\x01\xbb\x01a\0"),
        ("CAA 0 issue \"ca.test; x\"", b"\0\x05issueca.test; x"),
        ("NAPTR 1 2 u E2U+sip \"!^.*$!x!\" .", b"\0\x01\0\x02\x01u\x07E2U+sip\x08!^.*$!x!\0"),
        ("TLSA 3 1 1 ( 0a 0B0c )", b"\x03\x01\x01\x0a\x0b\x0c"),
        ("SSHFP 4 2 ff", b"\x04\x02\xff"),
        ("TYPE999 \\# 2 0102", b"\x01\x02"),
        ("A \\# 4 C0000201", b"\xc0\0\x02\x01"),
        ("PTR a.", b"\x01a\0"),
        (
            "HTTPS 1 . port=8443 alpn=\"h2,h3\" ipv4hint=192.0.2.1",
            b"\0\x01\0\0\x01\0\x06\x02h2\x02h3\0\x03\0\x02\x20\xfb\0\x04\0\x04\xc0\0\x02\x01",
        ),
    ] {
        let zone = zone(&format!("x {text}\n"));
        let node = zone.node(b"\x01x\x04wiki\x04test\0").unwrap();
        assert_eq!(&*node.sets[0].data[0], bytes, "{text}");
    }
    let long = zone(&format!("x TXT {}\n", "a".repeat(300)));
    let node = long.node(b"\x01x\x04wiki\x04test\0").unwrap();
    assert_eq!((node.sets[0].data[0][0], node.sets[0].data[0][256]), (255, 45));
}

#[test]
fn times_have_units() {
    for (text, seconds) in [
        ("0", Some(0)),
        ("1h30m", Some(5400)),
        ("1D", Some(86_400)),
        ("2w1", Some(1_209_601)),
        ("2147483647", Some(2_147_483_647)),
        ("2147483648", None),
        ("99999999999999999999", None),
        ("h", None),
        ("", None),
        ("-1", None),
    ] {
        assert_eq!(data::seconds(text.as_bytes()), seconds, "{text}");
    }
}

#[test]
fn files_are_included_relative_to_their_own_and_not_without_end() {
    let head = format!("{HEAD}$INCLUDE inc/a sub\nafter A 192.0.2.8\n");
    let files = [
        ("zones/wiki.test", head.as_str()),
        ("zones/inc/a", "$ORIGIN x\nn 7 A 192.0.2.7\n@F A 192.0.2.6\n$INCLUDE b\n"),
        ("zones/inc/b", "m A 192.0.2.5\n"),
    ];
    let (zone, _) = read_files(&files).unwrap();
    for name in ["n.x.sub", "sub", "m.x.sub", "after"] {
        assert!(say(&zone, name, Kind::A).contains(" A "), "{name}");
    }
    let endless = format!("{HEAD}$INCLUDE z\n");
    let errors = read_files(&[("z", &endless)]).unwrap_err();
    assert!(errors[0].contains("z:5: files include each other more than 8 deep"), "{errors:?}");
}

#[test]
fn all_that_is_wrong_is_told_with_its_line_and_a_remedy() {
    let text = "\
@ SOA ns1 admin 1 2h 30m 2w
a A 192.0.2.256
a A
a B 1
b CH TXT x
www.example. A 192.0.2.1
$WHAT 1
c DYNA geoip!nothing
d DYNA weighted!text
e A 192.0.2.1 2
f TXT \"a
g MX 70000 a
h..i A 192.0.2.1
j A \\# 3 010203
k HTTPS 1 . alpn=h2 alpn=h3
";
    let errors = read_files(&[("z", text)]).unwrap_err();
    let told: Vec<&str> = errors.iter().map(String::as_str).collect();
    assert_eq!(
        told,
        [
            "z: wiki.test. has no SOA record (write one for @)",
            "z: wiki.test. has no NS record (write one for @)",
            "z:1: the TTL of what is not there is missing (write it at the end)",
            "z:2: this is no IPv4 address: 192.0.2.256 (write one such as 192.0.2.1)",
            "z:3: an address is missing (write it at the end)",
            "z:4: this is no type of records: B (write one such as A or CNAME, or TYPE and its number)",
            "z:5: only the class IN is served: CH (leave it out)",
            "z:6: this name lies outside the zone wiki.test.: www.example. (move it into a zone of its own)",
            "z:7: this is no directive: $WHAT ($ORIGIN NAME, $TTL TIME, or $INCLUDE FILE [ORIGIN])",
            "z:8: there is no resource nothing: c.wiki.test. (write it under [geodns.resource])",
            "z:9: of gdnsd's plugins only geoip is known: weighted!text (write geoip!RESOURCE, or GEO RESOURCE)",
            "z:10: nothing more may follow: 2 (remove it)",
            "z:11: a quote is not closed (write the second \")",
            "z:12: the preference is a number from 0 to 65535: 70000 (write one in digits)",
            "z:13: this name has an empty label: h..i (labels of 1 to 63 bytes, parted by dots, 255 bytes in all)",
            "z:14: this is not what A data is made of: 3 (correct the data (RFC 3597 §5))",
            "z:15: this parameter stands twice: alpn=h3 (remove one)",
        ]
    );
}

#[test]
fn what_may_not_stand_together_is_refused() {
    for (text, told) in [
        ("@ SOA ns1 admin 2 1 1 1 1", "a zone has one SOA record"),
        ("a SOA ns1 admin 2 1 1 1 1", "this SOA is not of the zone"),
        ("a CNAME b\na A 192.0.2.1", "a name with a CNAME has no other records"),
        ("a CNAME b\na CNAME c", "a name has one CNAME record"),
        ("a CNAME b\na GEO text", "a name with a CNAME has no other records"),
        ("a GEO text\na A 192.0.2.1", "a name with a geo record has no A or AAAA records"),
        ("a GEO text\na GEO upload", "a name has one geo record"),
        ("a DYNC geoip!text\na TXT x", "a name with DYNC has no other records"),
        ("a CNAME b\nb CNAME a", "a.wiki.test. leads through more than 8 CNAME records"),
        ("*.x CNAME a.x", "*.x.wiki.test. leads through more than 8 CNAME records"),
        ("*.x NS ns1", "a wildcard may not have NS records"),
        ("sub NS ns.sub", "sub.wiki.test. is delegated to ns.sub.wiki.test., whose address"),
    ] {
        let errors = read_files(&[("z", &format!("{HEAD}{text}\n"))]).unwrap_err();
        assert!(errors.iter().any(|error| error.contains(told)), "{text}: {errors:?}");
    }
}

#[test]
fn what_is_odd_is_told_and_served() {
    let text =
        format!("{HEAD}a 5 A 192.0.2.1\nA 9 A 192.0.2.2\na 5 A 192.0.2.1\n$ADDR_LIMIT_4 3\n");
    let (zone, warnings) = read_files(&[("z", &text)]).unwrap();
    assert!(warnings[0].starts_with("z:6: the A records of a name live equally long"));
    assert!(warnings[1].starts_with("z:7: this A record stands there already"));
    assert_eq!(warnings.len(), 3);
    assert_eq!(say(&zone, "a", Kind::A), "5 A \\xc0\\x00\\x02\\x01 + \\xc0\\x00\\x02\\x02");
}

#[test]
fn the_longest_zone_is_found_and_a_parent_signs_delegations() {
    let mut zones = Zones::default();
    for name in ["wiki.test.", "a.wiki.test."] {
        let name = Name::read(name.as_bytes(), &Name::root()).unwrap();
        let text = format!("{HEAD}a A 192.0.2.1\n");
        let open = |_: &Path| Ok(text.clone().into_bytes());
        assert!(zones.add(read(Path::new("z"), &name, &open, &|_| None).unwrap().0));
    }
    let find = |name: &str, kind| {
        zones.find(Name::read(name.as_bytes(), &Name::root()).unwrap().wire(), kind)
    };
    assert_eq!(find("x.wiki.test.", Kind::A), Some(0));
    assert_eq!(find("a.wiki.test.", Kind::A), Some(1));
    assert_eq!(find("x.a.wiki.test.", Kind::A), Some(1));
    assert_eq!(find("a.wiki.test.", Kind::DS), Some(0));
    assert_eq!(find("wiki.test.", Kind::DS), Some(0));
    assert_eq!((find("test.", Kind::A), find(".", Kind::A)), (None, None));
}

#[test]
fn a_folder_has_a_file_for_each_zone() {
    let folder = std::env::temp_dir().join(format!("tidegate-zones-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    std::fs::write(folder.join("wiki.test"), HEAD).unwrap();
    std::fs::write(folder.join(".hidden"), "nonsense").unwrap();
    let loaded = load(&folder, &|_| None).unwrap();
    assert_eq!(loaded.zones.all().len(), 1);
    std::fs::write(folder.join("WIKI.test."), HEAD).unwrap();
    let told = load(&folder, &|_| None).unwrap_err();
    assert!(told[0].to_string().contains("two files have one zone"), "{told:?}");
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(load(&folder, &|_| None).unwrap_err()[0].to_string().contains("cannot be read"));
}
