//! Heads and chunks written.

use http::{HeaderMap, StatusCode, request};

/// Writes a response's status line.
pub fn status(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes a request's line and fields, without the empty line. The target is in origin-form (RFC
/// 9112 §3.2.1): an authority stands in Host alone.
pub fn request(out: &mut Vec<u8>, head: &request::Parts) {
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    if !target.starts_with('/') && target != "*" {
        out.push(b'/');
    }
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    fields(out, &head.headers);
}

/// Writes fields.
pub fn fields(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        field(out, name.as_str(), value.as_bytes());
    }
}

/// Writes one field. Neither may hold a line's end; those of a [`HeaderMap`] cannot.
pub fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes Content-Length.
pub fn length(out: &mut Vec<u8>, bytes: u64) {
    field(out, "content-length", itoa::Buffer::new().format(bytes).as_bytes());
}

/// Writes the line before a chunk of `bytes`.
pub fn chunk(out: &mut Vec<u8>, bytes: usize) {
    let digits = (usize::BITS - bytes.leading_zeros()).div_ceil(4).max(1);
    for at in (0..digits).rev() {
        let digit = (bytes >> (4 * at)) & 0xf;
        out.push(b"0123456789abcdef"[digit]);
    }
    out.extend_from_slice(b"\r\n");
}
