//! Datagrams to an HTCP listener: what is taken for a CLR is one, and nothing else is.

use crate::purge::htcp::{Clear, clear, parse};

/// `data` as a datagram, and as the text of a URL. What is taken adds up for a second reader, which finds
/// the URL where it was found, and is taken no longer with a byte less or more; and whatever URL there is
/// can be written again, and is understood as the same.
pub fn htcp(data: &[u8]) {
    if let Ok(found) = parse(data) {
        check(data, found);
        assert!(parse(&data[..data.len() - 1]).is_err(), "its last byte said nothing");
        assert!(parse(&[data, &[0]].concat()).is_err(), "a byte behind it said nothing");
        again(found.url, found.transaction);
    }
    if let Ok(url) = std::str::from_utf8(data) {
        again(url, u32::try_from(data.len()).unwrap_or_default());
    }
}

/// The second reader: places counted from both ends.
fn check(data: &[u8], found: Clear<'_>) {
    let number = |at: usize| usize::from(u16::from_be_bytes([data[at], data[at + 1]]));
    assert_eq!((number(0), data[2], data[3] <= 1), (data.len(), 0, true));
    let auth = 4 + number(4);
    assert_eq!(auth + number(auth), data.len(), "the authentication ends elsewhere");
    assert!(matches!(data[6], 0x04 | 0x40), "opcode {:#x}", data[6]);
    assert_eq!(data[8..12], found.transaction.to_be_bytes());
    let method = number(14);
    let url = 16 + method;
    assert!(matches!(&data[16..url], b"HEAD" | b"GET"));
    assert_eq!(
        (number(url), &data[url + 2..][..found.url.len()]),
        (found.url.len(), found.url.as_bytes())
    );
    let version = url + 2 + found.url.len();
    let fields = version + 2 + number(version);
    assert_eq!(fields + 2 + number(fields), auth, "something is between fields and authentication");
}

/// `url` as MediaWiki would have it purged.
fn again(url: &str, transaction: u32) {
    match clear(url, transaction) {
        Some(datagram) => {
            let expected = Clear { transaction, wants_answer: false, url };
            assert_eq!((parse(&datagram), datagram.len()), (Ok(expected), 36 + url.len()));
        }
        None => assert!(url.len() > 65_535 - 36),
    }
}
