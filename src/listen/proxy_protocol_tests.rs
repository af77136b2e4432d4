//! Headers of both versions, whole, in pieces, and those that are none.

use super::*;

fn client(source: &str, destination: &str) -> Whose {
    Whose::Client { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

/// Parses `header` with a request behind it, whole and as every beginning of it, which must agree.
fn parsed(header: &[u8]) -> Result<Whose, Bad> {
    let whole = [header, b"GET / HTTP/1.1\r\n"].concat();
    let result = parse(&whole);
    let length = result.map_or(0, |header| header.expect("a request is behind it").length);
    for end in 0..header.len() {
        match (parse(&header[..end]), result) {
            (Ok(None), Ok(_)) => assert!(end < length, "{end} bytes are a header of {length}"),
            (Ok(None), Err(_)) => {}
            (begun, _) => assert_eq!(begun, result, "of the first {end} bytes"),
        }
    }
    if result.is_ok() {
        assert_eq!(length, header.len(), "what is behind the header is taken for it");
    }
    result.map(|header| header.expect("it is whole").whose)
}

/// A header of version 2, with the length of `block`.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap();
    [&v2::SIGNATURE[..], &[command, family], &length.to_be_bytes(), block].concat()
}

const INET: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];

/// The addresses of a client by IPv4, and `vectors`.
fn with_vectors(vectors: &[u8]) -> Vec<u8> {
    binary(0x21, 0x11, &[&INET, vectors].concat())
}

fn vector(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&[kind], &length.to_be_bytes()[..], value].concat()
}

#[test]
fn a_line_names_the_client_and_where_it_connected_to() {
    for (line, whose) in [
        (
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
            client("192.168.0.1:56324", "192.168.0.11:443"),
        ),
        (
            "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n",
            client("0.0.0.0:0", "255.255.255.255:65535"),
        ),
        ("PROXY TCP6 2001:db8::7 ::1 1 2\r\n", client("[2001:db8::7]:1", "[::1]:2")),
        ("PROXY TCP6 2001:DB8:0:0:0:0:0:7 :: 1 2\r\n", client("[2001:db8::7]:1", "[::]:2")),
        ("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", client("[::ffff:192.0.2.7]:1", "[::1]:2")),
        (
            "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
             ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
            client(
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
        ),
    ] {
        assert_eq!(parsed(line.as_bytes()), Ok(whose), "{line}");
    }
}

#[test]
fn a_line_may_name_nobody_whatever_else_it_says() {
    let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                   ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert_eq!(longest.len(), 107);
    for line in
        ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN \r\n", "PROXY UNKNOWN TCP4 x \0 \u{e9}\r\n", longest]
    {
        assert_eq!(parsed(line.as_bytes()), Ok(Whose::Unknown), "{line}");
    }
}

#[test]
fn a_line_that_is_not_exactly_one_is_refused() {
    for line in [
        // Spaces, words and their number.
        "PROXY  TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n",
        "PROXY TCP4 192.0.2.7\t192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n",
        "PROXY TCP4\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY unknown\r\n",
        "PROXY tcp4 192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY TCP5 192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
        // Addresses of the other family, and what no address is.
        "PROXY TCP4 2001:db8::7 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 ::1 1 2\r\n",
        "PROXY TCP6 ::1 192.0.2.7 1 2\r\n",
        "PROXY TCP4 192.0.2 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7.1 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.07 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.0x7 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.+7 192.0.2.1 1 2\r\n",
        "PROXY TCP4 3221225991 192.0.2.1 1 2\r\n",
        "PROXY TCP4 wiki.test 192.0.2.1 1 2\r\n",
        "PROXY TCP4 192.0.2.\u{0667} 192.0.2.1 1 2\r\n",
        "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n",
        "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n",
        "PROXY TCP6 1::2::3 ::1 1 2\r\n",
        "PROXY TCP6 12345:: ::1 1 2\r\n",
        "PROXY TCP6 [::1] ::1 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        "PROXY TCP6 ::ffff:192.0.2.07 ::1 1 2\r\n",
        // Ports.
        "PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 65536\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 00 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 +1 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 -1 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 0x1 2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1  2\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 http 2\r\n",
        // A line ends in both, and in nothing else.
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n\r\n",
        "PROXY UNKNOWN\n",
        "PROXY UNKNOWN \rx\r\n",
        "PROXY UNKNOWN \nx\r\n",
    ] {
        assert_eq!(parsed(line.as_bytes()), Err(Bad::Malformed), "{line:?}");
    }
    assert_eq!(parsed(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\xff\r\n"), Err(Bad::Malformed));
}

#[test]
fn a_line_is_refused_once_it_can_no_longer_end_in_time() {
    for filler in [92, 93, 94, 1000] {
        let line = format!("PROXY UNKNOWN {}\r\n", "x".repeat(filler));
        assert_eq!(parsed(line.as_bytes()), Err(Bad::TooLong), "{} bytes", line.len());
    }
    assert_eq!(parse(format!("PROXY UNKNOWN {}", "x".repeat(92)).as_bytes()), Ok(None));
    assert_eq!(parse(format!("PROXY UNKNOWN {}", "x".repeat(93)).as_bytes()), Err(Bad::TooLong));
    assert_eq!(parse(format!("PROXY UNKNOWN {}\r", "x".repeat(92)).as_bytes()), Err(Bad::TooLong));
}

#[test]
fn what_begins_like_no_header_is_refused_at_once() {
    for first in
        ["GET / HTTP/1.1\r\n", "POST", "PROPFIND", "PROXY\r\n", "proxy ", "\r\nGET", "\u{16}"]
    {
        assert_eq!(parsed(first.as_bytes()), Err(Bad::Missing), "{first:?}");
    }
    assert_eq!(parse(b"G"), Err(Bad::Missing));
    for at in 0..v2::SIGNATURE.len() {
        let mut other = with_vectors(&[]);
        other[at] ^= 0x20;
        assert_eq!(parse(&other[..=at]), Err(Bad::Missing), "byte {at}");
    }
    assert_eq!(parse(b""), Ok(None));
}

#[test]
fn a_binary_header_names_the_client_and_where_it_connected_to() {
    let v4 = client("192.0.2.7:56324", "198.51.100.1:443");
    assert_eq!(parsed(&binary(0x21, 0x11, &INET)), Ok(v4));
    assert_eq!(parsed(&binary(0x21, 0x12, &INET)), Ok(v4), "by UDP");
    let block: Vec<u8> = (0..36).collect();
    let v6 = client(
        "[1:203:405:607:809:a0b:c0d:e0f]:8225",
        "[1011:1213:1415:1617:1819:1a1b:1c1d:1e1f]:8739",
    );
    assert_eq!(parsed(&binary(0x21, 0x21, &block)), Ok(v6));
    assert_eq!(parsed(&binary(0x21, 0x22, &block)), Ok(v6));
}

#[test]
fn a_binary_header_may_name_nobody() {
    for (family, length) in [
        (0x00, 0),
        (0x00, 7),
        (0x01, 1),
        (0x02, 300),
        (0x10, 2),
        (0x20, 0),
        (0x30, 5),
        (0x31, 216),
        (0x32, 216),
    ] {
        let header = binary(0x21, family, &vec![0xff; length]);
        assert_eq!(parsed(&header), Ok(Whose::Unknown), "{family:#x} {length}");
    }
}

#[test]
fn of_a_local_header_nothing_is_looked_at() {
    for (family, block) in
        [(0x00, &[][..]), (0x11, &INET[..]), (0x11, &INET[..5]), (0xff, &[0xff; 4096][..])]
    {
        assert_eq!(parsed(&binary(0x20, family, block)), Ok(Whose::Own), "{family:#x}");
    }
}

#[test]
fn unknown_versions_commands_families_and_transports_are_refused_as_soon_as_they_are_there() {
    for command in (0..=255).filter(|command| !matches!(command, 0x20 | 0x21)) {
        let header = binary(command, 0x11, &INET);
        assert_eq!(parse(&header[..13]), Err(Bad::Malformed), "{command:#x}");
        assert_eq!(parsed(&header), Err(Bad::Malformed), "{command:#x}");
    }
    for family in (0..=255).filter(|family| family >> 4 > 3 || family & 15 > 2) {
        let header = binary(0x21, family, &[0; 300]);
        assert_eq!(parse(&header[..14]), Err(Bad::Malformed), "{family:#x}");
        assert_eq!(parsed(&header), Err(Bad::Malformed), "{family:#x}");
    }
}

#[test]
fn addresses_that_do_not_fit_the_length_are_refused() {
    for (family, least) in
        [(0x11, 12), (0x12, 12), (0x21, 36), (0x22, 36), (0x31, 216), (0x32, 216)]
    {
        for length in 0..least {
            let header = binary(0x21, family, &vec![0; length]);
            assert_eq!(parsed(&header), Err(Bad::Malformed), "{family:#x} {length}");
        }
        assert!(parsed(&binary(0x21, family, &vec![0; least])).is_ok());
    }
}

#[test]
fn a_length_beyond_the_bound_is_refused_before_it_is_waited_for() {
    for (command, family) in [(0x20, 0x00), (0x21, 0x00), (0x21, 0x11)] {
        let mut header = binary(command, family, &[]);
        header[14..16].copy_from_slice(&4097_u16.to_be_bytes());
        assert_eq!(parse(&header), Err(Bad::TooLong));
        header[14..16].copy_from_slice(&[0xff; 2]);
        assert_eq!(parse(&header), Err(Bad::TooLong));
        header[14..16].copy_from_slice(&4096_u16.to_be_bytes());
        assert_eq!(parse(&header), Ok(None));
    }
    assert_eq!(LONGEST, 4112);
}

#[test]
fn vectors_are_skipped_where_they_add_up() {
    let known =
        [vector(0x01, b"h2"), vector(0x02, b"wiki.test"), vector(0x04, &[]), vector(0x04, &[0; 9])];
    let known = known.concat();
    let unknown = [vector(0xea, b"\x01vpce"), vector(0xff, &[0; 300]), vector(0, &[])].concat();
    let ssl = vector(0x20, &[&[7, 0, 0, 0, 0], &vector(0x21, b"TLSv1.3")[..]].concat());
    let id = vector(0x05, &[b'i'; 128]);
    for vectors in
        [&known, &unknown, &ssl, &id, &[known.clone(), ssl.clone(), unknown.clone()].concat()]
    {
        assert!(matches!(parsed(&with_vectors(vectors)), Ok(Whose::Client { .. })), "{vectors:?}");
    }
    let unix = [&[0; 216][..], &known].concat();
    assert_eq!(parsed(&binary(0x21, 0x31, &unix)), Ok(Whose::Unknown));
}

#[test]
fn vectors_that_do_not_add_up_are_refused() {
    for vectors in [
        &[0x04][..],
        &[0x04, 0],
        &[0x04, 0, 1],
        &[0x04, 0xff, 0xff, 0],
        &[0x04, 0, 0, 0],
        &[0x04, 0, 1, 0, 0, 0],
        // A checksum of another size, an identifier that is too long, TLS without its first bytes.
        &vector(0x03, &[0; 3]),
        &vector(0x03, &[0; 5]),
        &vector(0x03, &[]),
        &vector(0x05, &[0; 129]),
        &vector(0x20, &[0; 4]),
    ] {
        assert_eq!(parsed(&with_vectors(vectors)), Err(Bad::Malformed), "{vectors:?}");
    }
    let unix = [&[0; 216][..], &[0x04, 0]].concat();
    assert_eq!(parsed(&binary(0x21, 0x31, &unix)), Err(Bad::Malformed));
}

#[test]
fn a_checksum_is_of_the_whole_header() {
    // RFC 3720, appendix B.4, and the usual check value.
    assert_eq!(v2::crc32c(&[&[0; 32]]), 0x8a91_36aa);
    assert_eq!(v2::crc32c(&[&[0xff; 32]]), 0x62a8_ab43);
    assert_eq!(v2::crc32c(&[b"1234", b"", b"56789"]), 0xe306_9283);

    let vectors = [vector(0x02, b"wiki.test"), vector(0x03, &[0; 4]), vector(0x04, &[0; 3])];
    let mut header = with_vectors(&vectors.concat());
    let at = 16 + 12 + vectors[0].len() + 3;
    let sum = v2::crc32c(&[&header]);
    header[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    assert!(matches!(parsed(&header), Ok(Whose::Client { .. })));

    // Where its type is another one, there is no checksum.
    for byte in (16..header.len()).filter(|byte| *byte != at - 3) {
        for bit in 0..8 {
            let mut other = header.clone();
            other[byte] ^= 1 << bit;
            let Err(bad) = parse(&other) else { panic!("bit {bit} of byte {byte} is not noticed") };
            assert!(matches!(bad, Bad::Checksum | Bad::Malformed), "{bad:?}");
        }
    }
    let twice = [vector(0x03, &[0; 4]), vector(0x03, &[0; 4])].concat();
    assert_eq!(parsed(&with_vectors(&twice)), Err(Bad::Malformed));
}
