//! MediaWiki's bytes, and what is left of them when somebody changes them.

use super::*;

/// What MediaWiki 1.39 sends for a URL of 45 bytes: 81, by `pack('nxxnCxNxxa*n', …)` around
/// `pack('na4na*na8n', …)` in CdnCacheUpdate::HTCPPurge.
const MEDIAWIKI: &[u8] = b"\x00\x51\x00\x00\x00\x4b\x04\x00\x00\x00\x00\x07\x00\x00\
    \x00\x04HEAD\x00\x2dhttp://alpha.wiki.test/wiki/Rig_page_%C3%84_2\
    \x00\x08HTTP/1.0\x00\x00\x00\x02";
const URL: &str = "http://alpha.wiki.test/wiki/Rig_page_%C3%84_2";

/// MediaWiki's bytes with `bytes` in the place of those at `at`.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = MEDIAWIKI.to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    changed
}

#[test]
fn mediawiki_s_own_bytes_are_understood_and_written_alike() {
    let clear = Clear { transaction: 7, wants_answer: false, url: URL };
    assert_eq!(parse(MEDIAWIKI), Ok(clear));
    assert_eq!(super::clear(URL, 7).as_deref(), Some(MEDIAWIKI));
}

#[test]
fn an_opcode_is_taken_from_either_half_with_its_own_order_of_flags() {
    for (opcode_and_flags, expected) in [
        ([0x04, 0x00], Ok(false)),
        ([0x04, 0x40], Ok(true)),
        ([0x04, 0x80], Err(Bad::Answer)),
        ([0x04, 0x03], Ok(false)),
        ([0x40, 0x00], Ok(false)),
        ([0x40, 0x02], Ok(true)),
        ([0x40, 0x01], Err(Bad::Answer)),
        ([0x40, 0xc0], Ok(false)),
        // A NOP, a TST, a SET, one of no name, and a CLR with a response code.
        ([0x00, 0x00], Err(Bad::Opcode)),
        ([0x01, 0x00], Err(Bad::Opcode)),
        ([0x30, 0x00], Err(Bad::Opcode)),
        ([0x0f, 0x00], Err(Bad::Opcode)),
        ([0x44, 0x00], Err(Bad::Opcode)),
        ([0x14, 0x00], Err(Bad::Opcode)),
    ] {
        let found = parse(&with(6, &opcode_and_flags)).map(|clear| clear.wants_answer);
        assert_eq!(found, expected, "{opcode_and_flags:02x?}");
    }
}

#[test]
fn versions_are_the_two_that_there_are() {
    for (version, expected) in
        [([0, 0], None), ([0, 1], None), ([0, 2], Some(Bad::Version)), ([1, 0], Some(Bad::Version))]
    {
        assert_eq!(parse(&with(2, &version)).err(), expected, "{version:?}");
    }
}

#[test]
fn get_names_the_same_and_other_methods_nothing() {
    for (method, expected) in
        [("GET", None), ("HEAD", None), ("POST", Some(Bad::Method)), ("get", Some(Bad::Method))]
    {
        let tail = &MEDIAWIKI[20..MEDIAWIKI.len() - 2];
        let length = u8::try_from(method.len()).unwrap();
        let head = [&MEDIAWIKI[6..14], &[0, length], method.as_bytes(), tail].concat();
        let data = u8::try_from(head.len() + 2).unwrap();
        let datagram = [&[0, data + 6, 0, 0, 0, data], &head[..], &[0, 2]].concat();
        assert_eq!(parse(&datagram).err(), expected, "{method}");
    }
}

#[test]
fn authentication_is_skipped_where_it_is_in_its_place() {
    let mut signed = MEDIAWIKI[..MEDIAWIKI.len() - 2].to_vec();
    signed.extend(b"\x00\x08secret");
    assert_eq!(parse(&signed), Err(Bad::Length), "the whole says less");
    signed[1] += 6;
    assert_eq!(parse(&signed).unwrap().url, URL);
    let end = signed.len() - 8;
    for length in [0, 1, 2, 7, 9, 255] {
        signed[end + 1] = length;
        assert_eq!(parse(&signed), Err(Bad::Length), "{length}");
    }
}

#[test]
fn a_url_that_is_no_text_is_none() {
    let at = MEDIAWIKI.iter().position(|byte| *byte == b'%').unwrap();
    assert_eq!(parse(&with(at, b"\xff")), Err(Bad::Text));
    assert_eq!(parse(&with(at, "Ä".as_bytes())).unwrap().url.len(), URL.len());
}

#[test]
fn no_beginning_of_it_is_a_clr_and_neither_is_more_of_it() {
    for end in 0..MEDIAWIKI.len() {
        let cut = &MEDIAWIKI[..end];
        assert!(matches!(parse(cut), Err(Bad::Short | Bad::Length)), "{end} bytes");
        // And neither is one that knows how long it is.
        if end >= 2 {
            let mut cut = cut.to_vec();
            cut[..2].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
            assert!(matches!(parse(&cut), Err(Bad::Short | Bad::Length)), "{end} bytes");
        }
    }
    for more in 1..5 {
        let longer = [MEDIAWIKI, &vec![0; more]].concat();
        assert_eq!(parse(&longer), Err(Bad::Length));
    }
}

#[test]
fn a_length_that_lies_is_found_out() {
    let lengths = [0, 4, 14, 20, 20 + 2 + URL.len(), 30 + 2 + URL.len(), MEDIAWIKI.len() - 2];
    for at in lengths {
        let true_length = u16::from_be_bytes([MEDIAWIKI[at], MEDIAWIKI[at + 1]]);
        for lie in (0..=300).chain([0x7fff, 0x8000, 0xffff]) {
            let changed = with(at, &u16::to_be_bytes(lie));
            let found = parse(&changed);
            assert_eq!(found.is_ok(), lie == true_length, "{lie} at {at}: {found:?}");
        }
    }
}

#[test]
fn any_byte_may_be_any_other_and_any_bytes_may_come() {
    for at in 0..MEDIAWIKI.len() {
        for byte in 0..=255 {
            let changed = with(at, &[byte]);
            if let Ok(clear) = parse(&changed) {
                assert_eq!(clear.url.len(), URL.len());
            }
        }
    }
    let mut random = fastrand::Rng::with_seed(4827);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..random.usize(..100)).map(|_| random.u8(..)).collect();
        if bytes.len() > 7 {
            let length = u16::try_from(bytes.len()).unwrap();
            bytes[..2].copy_from_slice(&length.to_be_bytes());
            bytes[2..4].fill(0);
            bytes[6] = CLR;
        }
        let _ = parse(&bytes);
    }
}

#[test]
fn what_is_too_long_for_a_datagram_is_not_written() {
    assert!(clear(&"x".repeat(65_535 - 36), 1).is_some_and(|bytes| bytes.len() == 65_535));
    assert_eq!(clear(&"x".repeat(65_536 - 36), 1), None);
}
