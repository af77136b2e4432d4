//! Version 2 (section 2.2): sixteen fixed bytes, then as many as they say of addresses and of vectors
//! with a type and a length each. Vectors are skipped, but they must add up, and where one is a
//! checksum it must be right.

use std::net::{IpAddr, SocketAddr};

use super::{Bad, Header, Whose};

/// What it begins with.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes that are always there: the signature, version and command, family and transport, length.
pub(super) const FIXED: usize = 16;
/// Bytes that may follow them. The field could say 64 KiB, which no proxy needs: addresses take 216
/// at most, and whoever adds vectors stays below the size of a packet, as the specification wants.
pub(super) const LONGEST: usize = 4096;

/// Types of vectors whose length is bounded (sections 2.2.3, 2.2.5 and 2.2.6).
const CHECKSUM: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;

/// What stands behind the fixed bytes.
#[derive(Clone, Copy)]
enum Block {
    /// Nothing that is to be looked at: the command is LOCAL, or what the addresses are is not said.
    Ignored(Whose),
    /// Two addresses of IPv4 and two ports.
    Inet,
    /// The same of IPv6.
    Inet6,
    /// Two paths.
    Unix,
}

/// Reads the header that `bytes` begin with; `None` where it is not whole yet. Each of its first bytes
/// is judged as soon as it is there.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, Bad> {
    let block = match bytes.get(12..14) {
        // The family of a LOCAL header is to be ignored too.
        Some([0x20, _]) => Block::Ignored(Whose::Own),
        Some([0x21, family]) => Block::of(*family).ok_or(Bad::Malformed)?,
        Some(_) => return Err(Bad::Malformed),
        None => {
            let versions = bytes.get(12).is_none_or(|byte| matches!(byte, 0x20 | 0x21));
            return if versions { Ok(None) } else { Err(Bad::Malformed) };
        }
    };
    let Some([high, low]) = bytes.get(14..FIXED) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > LONGEST {
        return Err(Bad::TooLong);
    }
    if length < block.addresses() {
        return Err(Bad::Malformed);
    }
    let length = FIXED + length;
    let Some(header) = bytes.get(..length) else { return Ok(None) };
    let whose = match block {
        Block::Ignored(whose) => return Ok(Some(Header { whose, length })),
        Block::Inet => client::<4>(&header[FIXED..]),
        Block::Inet6 => client::<16>(&header[FIXED..]),
        Block::Unix => Some(Whose::Unknown),
    };
    check_vectors(header, FIXED + block.addresses())?;
    Ok(Some(Header { whose: whose.ok_or(Bad::Malformed)?, length }))
}

impl Block {
    /// What follows `family`, which is the transport too. `None` where there is no such family or no
    /// such transport.
    fn of(family: u8) -> Option<Self> {
        match (family >> 4, family & 15) {
            (0, 0..=2) | (1..=3, 0) => Some(Self::Ignored(Whose::Unknown)),
            (1, 1 | 2) => Some(Self::Inet),
            (2, 1 | 2) => Some(Self::Inet6),
            (3, 1 | 2) => Some(Self::Unix),
            _ => None,
        }
    }

    /// Bytes that its addresses take.
    fn addresses(self) -> usize {
        match self {
            Self::Ignored(_) => 0,
            Self::Inet => 2 * 4 + 2 * 2,
            Self::Inet6 => 2 * 16 + 2 * 2,
            Self::Unix => 2 * 108,
        }
    }
}

/// The two ends in `block`, whose addresses have `N` bytes.
fn client<const N: usize>(block: &[u8]) -> Option<Whose>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (from, rest) = rest.split_first_chunk()?;
    let (to, _) = rest.split_first_chunk()?;
    let end =
        |address: &[u8; N], port| SocketAddr::new(IpAddr::from(*address), u16::from_be_bytes(port));
    Some(Whose::Client { source: end(source, *from), destination: end(destination, *to) })
}

/// Whether the vectors of `header` from `first` on add up to its end, and its checksum, if it has
/// one, is right.
fn check_vectors(header: &[u8], first: usize) -> Result<(), Bad> {
    let mut checksum = None;
    let mut rest = &header[first..];
    while let [kind, high, low, values @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, behind) = values.split_at_checked(length).ok_or(Bad::Malformed)?;
        let fits = match *kind {
            // Which of two would be the one without which the sum was taken?
            CHECKSUM => checksum.replace((header.len() - values.len(), value)).is_none(),
            UNIQUE_ID => length <= 128,
            SSL => length >= 5,
            _ => true,
        };
        if !fits {
            return Err(Bad::Malformed);
        }
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(Bad::Malformed);
    }
    let Some((at, told)) = checksum else { return Ok(()) };
    let told: [u8; 4] = told.try_into().map_err(|_| Bad::Malformed)?;
    let own = crc32c(&[&header[..at], &[0; 4], &header[at + 4..]]);
    if own == u32::from_be_bytes(told) { Ok(()) } else { Err(Bad::Checksum) }
}

/// The CRC-32C of `parts`, one after another (RFC 3720 §12.1, appendix B.4). By the bit: that takes some
/// microseconds a header, which comes once a connection and seldom has a checksum.
pub(super) fn crc32c(parts: &[&[u8]]) -> u32 {
    const REFLECTED: u32 = 0x82f6_3b78;
    let by_bit = |sum: u32| if sum & 1 == 1 { sum >> 1 ^ REFLECTED } else { sum >> 1 };
    let by_byte = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |sum, _| by_bit(sum));
    !parts.iter().copied().flatten().fold(!0, by_byte)
}
