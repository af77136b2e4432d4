//! PROXY headers: what a peer that owes one may send first.

use std::net::{IpAddr, SocketAddr};

use crate::listen::proxy_protocol::{Bad, Header, LONGEST, Whose, parse};

/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// `data` as the first bytes of a connection. Whatever the pieces that they come in, they are the same
/// header or the same fault, which is told at the first byte that makes it one; nothing behind a header
/// is looked at; what is taken reads as the specification wants, by a second reader; and whoever it
/// names can be written again, in both versions, as the same.
pub fn proxy_protocol(data: &[u8]) {
    let taken = parse(data);
    let decided = (0..=data.len()).find(|end| parse(&data[..*end]) != Ok(None));
    match taken {
        Ok(None) => {
            assert_eq!(decided, None, "a beginning of a beginning is more than that");
            assert!(data.len() < LONGEST, "{} bytes are awaited more of", data.len());
        }
        Ok(Some(header)) => {
            assert_eq!(decided, Some(header.length), "bytes behind the header decide about it");
            assert_eq!(parse(&data[..header.length]), taken);
            check(&data[..header.length], header);
        }
        Err(bad) => {
            let end = decided.expect("the whole decides, if nothing less does");
            assert_eq!(parse(&data[..end]), Err(bad), "another fault");
            assert!(bad != Bad::Missing || end <= SIGNATURE.len(), "a signature of {end} bytes");
        }
    }
}

/// What was taken for `header` is one.
fn check(bytes: &[u8], header: Header) {
    match bytes.strip_prefix(SIGNATURE) {
        Some(rest) => check_binary(rest, header.whose),
        None => check_line(bytes, header.whose),
    }
    if let Whose::Client { source, destination } = header.whose {
        for spelled in [line(source, destination), binary(source, destination)] {
            let length = spelled.len();
            assert_eq!(parse(&spelled), Ok(Some(Header { whose: header.whose, length })));
        }
    }
}

fn check_line(bytes: &[u8], whose: Whose) {
    assert!(bytes.len() <= 107 && bytes.ends_with(b"\r\n") && bytes.starts_with(b"PROXY "));
    let ends = bytes.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
    assert_eq!(ends, 2, "a line in a line");
    let words: Vec<&[u8]> = bytes[..bytes.len() - 2].split(|byte| *byte == b' ').collect();
    let Whose::Client { source, destination } = whose else {
        assert!(whose == Whose::Unknown && words[1] == b"UNKNOWN");
        return;
    };
    let family: &[u8] = if source.is_ipv4() { b"TCP4" } else { b"TCP6" };
    assert!(words.len() == 6 && words[1] == family && source.is_ipv4() == destination.is_ipv4());
    for (address, port, end) in [(words[2], words[4], source), (words[3], words[5], destination)] {
        assert_eq!(port, end.port().to_string().as_bytes(), "another spelling of a port");
        if end.is_ipv4() {
            assert_eq!(address, end.ip().to_string().as_bytes(), "another spelling of an address");
        } else {
            assert!(address.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte)));
        }
    }
}

fn check_binary(rest: &[u8], whose: Whose) {
    let [command, family, high, low, block @ ..] = rest else { panic!("too short") };
    assert_eq!(block.len(), usize::from(*high) << 8 | usize::from(*low), "another length");
    assert!(block.len() + 16 <= LONGEST);
    let (source, destination) = match whose {
        Whose::Own => return assert_eq!(*command, 0x20),
        Whose::Unknown => {
            assert_eq!(*command, 0x21);
            return assert!(
                matches!(family, 0x00..=0x02 | 0x10 | 0x20 | 0x30..=0x32),
                "{family:#x}"
            );
        }
        Whose::Client { source, destination } => (source, destination),
    };
    assert_eq!(*command, 0x21);
    let addresses = ends(source, destination);
    assert!(matches!((addresses.len(), family), (12, 0x11 | 0x12) | (36, 0x21 | 0x22)));
    assert!(block.starts_with(&addresses), "other addresses");
}

/// The two ends as version 2 writes them.
fn ends(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::new();
    for end in [source, destination] {
        match end.ip() {
            IpAddr::V4(address) => bytes.extend(address.octets()),
            IpAddr::V6(address) => bytes.extend(address.octets()),
        }
    }
    bytes.extend(source.port().to_be_bytes());
    bytes.extend(destination.port().to_be_bytes());
    bytes
}

fn line(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    let (source, destination) = (source.port(), destination.port());
    format!("PROXY {family} {from} {to} {source} {destination}\r\n").into_bytes()
}

fn binary(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let addresses = ends(source, destination);
    let (family, length) = if source.is_ipv4() { (0x11, 12) } else { (0x21, 36) };
    [SIGNATURE, &[0x21, family, 0, length], &addresses].concat()
}
