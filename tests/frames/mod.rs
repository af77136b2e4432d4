//! HTTP/2 frames (RFC 9113) as bytes, written by hand so that they may be as wrong as a test wants,
//! and what is read of those that come: the heads, and the codes of RST_STREAM and GOAWAY.
//!
//! Header blocks are HPACK (RFC 7541) without a table and without Huffman's code, but for the
//! fields of a request that have an index; what an attack needs besides, it writes itself.
#![allow(dead_code, reason = "several test binaries share this, and none needs all of it")]
#![allow(unreachable_pub, missing_docs, reason = "a test binary has no outside")]

/// What a client says first, before its SETTINGS.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Settings.
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a test's frame is small");
    let mut frame = Vec::with_capacity(9 + payload.len());
    frame.extend_from_slice(&length.to_be_bytes()[1..]);
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A frame whose payload is one number.
pub fn number(kind: u8, stream: u32, number: u32) -> Vec<u8> {
    frame(kind, 0, stream, &number.to_be_bytes())
}

/// A SETTINGS frame.
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in values {
        payload.extend_from_slice(&name.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

/// What a client begins with: preface, SETTINGS with `values`, and the acknowledgement of ours.
pub fn hello(values: &[(u16, u32)]) -> Vec<u8> {
    [PREFACE, &settings(values), &frame(SETTINGS, ACK, 0, &[])].concat()
}

/// The block of a GET for `path` of `host`, with `fields` besides.
pub fn get(host: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    // `:method: GET` and `:scheme: https` have indices, `:authority` and `:path` names.
    let mut block = vec![0x82, 0x87];
    block.push(0x01);
    string(&mut block, host);
    block.push(0x04);
    string(&mut block, path);
    fields.iter().for_each(|(name, value)| literal(&mut block, name, value));
    block
}

/// A whole request: HEADERS that end the stream.
pub fn request(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, block)
}

/// Adds a field without indexing (RFC 7541 §6.2.2).
pub fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    string(block, name);
    string(block, value);
}

/// Adds a string (RFC 7541 §5.2).
pub fn string(block: &mut Vec<u8>, text: &str) {
    integer(block, 0, 7, text.len());
    block.extend_from_slice(text.as_bytes());
}

/// Adds an integer after the bits of `first`, with a prefix of `bits` (RFC 7541 §5.1).
pub fn integer(block: &mut Vec<u8>, first: u8, bits: u32, value: usize) {
    let most = (1 << bits) - 1;
    let byte = |value: usize| u8::try_from(value).expect("it was cut to a byte");
    if value < most {
        return block.push(first | byte(value));
    }
    block.push(first | byte(most));
    let mut rest = value - most;
    while rest >= 128 {
        block.push(byte(rest % 128) | 128);
        rest /= 128;
    }
    block.push(byte(rest));
}

/// The head of a frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Came {
    /// Takes the first frame off `bytes`, if it is complete.
    pub fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let head: [u8; 9] = bytes.get(..9)?.try_into().expect("nine are nine");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = bytes.get(9..9 + length)?.to_vec();
        bytes.drain(..9 + length);
        let stream = u32::from_be_bytes([head[5] & 127, head[6], head[7], head[8]]);
        Some(Self { kind: head[3], flags: head[4], stream, payload })
    }

    /// The error code of a RST_STREAM or a GOAWAY, by its name (RFC 9113 §7).
    pub fn code(&self) -> &'static str {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        let at = if self.kind == GOAWAY { 4..8 } else { 0..4 };
        let code = self.payload.get(at).and_then(|bytes| bytes.try_into().ok());
        let code = code.map_or(usize::MAX, |bytes| u32::from_be_bytes(bytes) as usize);
        NAMES.get(code).copied().unwrap_or("no code")
    }

    /// What a GOAWAY says besides.
    pub fn debug_data(&self) -> String {
        String::from_utf8_lossy(self.payload.get(8..).unwrap_or_default()).into_owned()
    }
}
