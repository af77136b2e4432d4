//! HTCP's CLR (RFC 2756 §6.4), as MediaWiki sends it: a datagram's bytes → the URL that it orders to be
//! purged, or why it is none. Pure; who sent it, and whether it is heeded, is asked elsewhere.
//!
//! ```text
//!  length 2 │ version 0.0 │ data length 2 │ opcode 1 │ flags 1 │ transaction 4 │ reason 2 │
//!  method 2+n │ URL 2+n │ HTTP version 2+n │ fields 2+n │ auth length 2 │ auth
//! ```
//!
//! - MediaWiki writes the opcode into the low half of its byte, since Squid read it there first; the RFC
//!   has it in the high one. CLR is taken from both: the other half is a request's response code, 0.
//! - Nobody is answered, though the RFC lets a sender ask for it: MediaWiki does not, and an answer to an
//!   address that anybody can claim would make this node throw stones for strangers. Who asks for one is
//!   obeyed in silence.
//! - Method and version of the entity, its fields and the reason say nothing to us, since a purge takes
//!   all variants of a URL; only HEAD and GET name what a cache has.
//! - The authentication is skipped, as every peer does: it would need keys shared with a sender that has
//!   none, and who may purge goes by address. It must be in its place, though: lengths have to add up
//!   exactly, and what does not is no CLR.

/// Bytes before the data: the length of the whole and the version.
const HEADER: usize = 4;
/// The opcode of CLR.
const CLR: u8 = 4;

/// A CLR request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clear<'a> {
    /// The sender's number for it. MediaWiki counts up on each of its hosts; 0 where it ran out.
    pub transaction: u32,
    /// Whether the sender would like an answer.
    pub wants_answer: bool,
    /// What is to be purged.
    pub url: &'a str,
}

/// Why a datagram is no CLR that could be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It ends before it says what it is.
    Short,
    /// Its lengths do not add up.
    Length,
    /// It is of another version than 0.0 and 0.1.
    Version,
    /// It is another message of HTCP's.
    Opcode,
    /// It is an answer to a request.
    Answer,
    /// What it names was asked for by another method than GET or HEAD.
    Method,
    /// What stands in the place of a URL is no text.
    Text,
}

impl Bad {
    /// Every cause.
    pub const ALL: [Self; 7] = [
        Self::Short,
        Self::Length,
        Self::Version,
        Self::Opcode,
        Self::Answer,
        Self::Method,
        Self::Text,
    ];

    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Length => "length",
            Self::Version => "version",
            Self::Opcode => "opcode",
            Self::Answer => "answer",
            Self::Method => "method",
            Self::Text => "text",
        }
    }
}

/// The CLR request that `datagram` is.
///
/// # Errors
/// What keeps it from being one.
pub fn parse(datagram: &[u8]) -> Result<Clear<'_>, Bad> {
    let mut whole = Reader(datagram);
    let length = whole.number()?;
    let [major, minor] = whole.array()?;
    // A sender of something else altogether has its own idea of the first two bytes.
    if major != 0 || minor > 1 {
        return Err(Bad::Version);
    }
    if length != datagram.len() {
        return Err(Bad::Length);
    }
    let data_length = whole.number()?;
    let mut data = Reader(whole.within(data_length)?);
    let [opcode, flags] = data.array()?;
    let transaction = u32::from_be_bytes(data.array()?);
    // Which half of its byte the opcode is in tells how the bits of the next one are counted.
    let (is_answer, wants_answer) = match (opcode >> 4, opcode & 0xf) {
        (0, CLR) => (flags & 0x80 != 0, flags & 0x40 != 0),
        (CLR, 0) => (flags & 0x01 != 0, flags & 0x02 != 0),
        _ => return Err(Bad::Opcode),
    };
    if is_answer {
        return Err(Bad::Answer);
    }
    let _reason = data.number()?;
    let method = data.text()?;
    let url = data.text()?;
    let _version = data.text()?;
    let _fields = data.text()?;
    let mut auth = Reader(whole.0);
    let auth_length = auth.number()?;
    if !data.0.is_empty() || auth_length != whole.0.len() {
        return Err(Bad::Length);
    }
    if !matches!(method, b"HEAD" | b"GET") {
        return Err(Bad::Method);
    }
    let url = std::str::from_utf8(url).map_err(|_| Bad::Text)?;
    Ok(Clear { transaction, wants_answer, url })
}

/// The bytes of the CLR by which MediaWiki purges `url`; `None` where they are too many for a datagram.
pub fn clear(url: &str, transaction: u32) -> Option<Vec<u8>> {
    let mut data = vec![CLR, 0];
    data.extend(transaction.to_be_bytes());
    data.extend([0, 0]);
    for text in ["HEAD", url, "HTTP/1.0", ""] {
        data.extend(u16::try_from(text.len()).ok()?.to_be_bytes());
        data.extend(text.as_bytes());
    }
    let data_length = u16::try_from(data.len() + 2).ok()?;
    let length = u16::try_from(data.len() + 2 + HEADER + 2).ok()?;
    let mut datagram = Vec::with_capacity(usize::from(length));
    datagram.extend(length.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(data_length.to_be_bytes());
    datagram.extend(data);
    datagram.extend([0, 2]);
    Some(datagram)
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Bad::Short)?;
        self.0 = rest;
        Ok(*array)
    }

    /// A number of 16 bits.
    fn number(&mut self) -> Result<usize, Bad> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    /// What a length that counts its own two bytes, and has been read, says of what follows it.
    fn within(&mut self, length: usize) -> Result<&'a [u8], Bad> {
        let inner = length.checked_sub(2).ok_or(Bad::Length)?;
        self.bytes(inner)
    }

    /// A text behind its length, which does not count itself (RFC 2756 §2.6, COUNTSTR).
    fn text(&mut self) -> Result<&'a [u8], Bad> {
        let length = self.number()?;
        self.bytes(length)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Bad> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Bad::Length)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "htcp_tests.rs"]
mod tests;
