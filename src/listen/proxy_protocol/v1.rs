//! Version 1 (section 2.1): a line of text, such as
//! `PROXY TCP4 192.0.2.7 198.51.100.1 56324 443`, which CR and LF end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Bad, Header, Whose};

/// What it begins with.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";
/// Bytes that a line may have, its end included.
const LONGEST: usize = 107;

/// Reads the line that `bytes` begin with; `None` where it is not whole yet.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, Bad> {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return if bytes.len() < LONGEST { Ok(None) } else { Err(Bad::TooLong) };
    };
    match &bytes[end..] {
        [b'\r', b'\n', ..] => {
            let whose = whose(&bytes[..end]).ok_or(Bad::Malformed)?;
            Ok(Some(Header { whose, length: end + 2 }))
        }
        [b'\r'] if bytes.len() < LONGEST => Ok(None),
        [b'\r'] => Err(Bad::TooLong),
        // One of the two alone ends no line.
        _ => Err(Bad::Malformed),
    }
}

fn whose(line: &[u8]) -> Option<Whose> {
    let rest = line.strip_prefix(SIGNATURE)?;
    // What stands behind this word is to be ignored, whatever it is.
    if rest == b"UNKNOWN" || rest.starts_with(b"UNKNOWN ") {
        return Some(Whose::Unknown);
    }
    let mut words = std::str::from_utf8(rest).ok()?.split(' ');
    // Of one family both, as these two print them: no leading zeros, and of IPv6 every form that
    // inet_ntop(3) gives, with an IPv4 address at its end too.
    let address: fn(&str) -> Option<IpAddr> = match words.next()? {
        "TCP4" => |word| word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => |word| word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => return None,
    };
    let (source, destination) = (address(words.next()?)?, address(words.next()?)?);
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then_some(Whose::Client {
        source: SocketAddr::new(source, from),
        destination: SocketAddr::new(destination, to),
    })
}

/// A port in decimal digits, the first of which is a zero only where it is the only one.
fn port(word: &str) -> Option<u16> {
    let plain = word == "0" || word.starts_with(|first: char| matches!(first, '1'..='9'));
    plain.then(|| word.parse().ok())?
}
