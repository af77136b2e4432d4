//! One line of the access log: a JSON object, written by hand into the meter's buffer, because it
//! is written once a request and must neither allocate nor cost a microsecond.
//!
//! What a stranger sent is bounded ([`TEXT_LIMIT`]) and can neither end a line nor forge a field:
//! quotes, backslashes and control characters are escaped, and bytes that are not UTF-8 become
//! `\u00XX`. Durations are in seconds. A field without a value is left out.

use std::io::Write;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Version};

use super::account::{Asked, Finished};

/// Bytes of one field of a request that the log keeps; the rest is cut, with an ellipsis.
pub(super) const TEXT_LIMIT: usize = 4096;

/// The configured names that a line tells; empty for what has none.
#[derive(Clone, Debug)]
pub(super) struct Told<'a> {
    pub(super) node: &'a str,
    pub(super) site: &'a str,
    pub(super) cluster: &'a str,
}

/// Writes `finished` as one line, its end included.
pub(super) fn write(
    out: &mut Vec<u8>,
    stamp: &mut Stamp,
    wall: SystemTime,
    told: &Told<'_>,
    finished: &Finished<'_>,
) {
    out.extend_from_slice(b"{\"time\":\"");
    stamp.write(out, wall);
    out.push(b'"');
    text(out, "node", told.node.as_bytes());
    if !told.site.is_empty() {
        text(out, "site", told.site.as_bytes());
    }
    who(out, finished);
    if let Some(asked) = finished.asked {
        head(out, asked);
    }
    answer(out, finished);
    let account = finished.account;
    if let Some(part) = &account.origin {
        text(out, "origin_cluster", told.cluster.as_bytes());
        text(out, "origin_server", part.server.as_bytes());
        number(out, "origin_status", part.status.as_u16().into());
        seconds(out, "origin_first_byte", part.first_byte);
    }
    if account.collapsed {
        name(out, "collapsed");
        out.extend_from_slice(b"true");
    }
    if let Some(reason) = finished.broke_off {
        word(out, "broke_off", reason.as_str());
    }
    if let Some(detail) = &account.detail {
        text(out, "detail", detail.as_bytes());
    }
    out.extend_from_slice(b"}\n");
}

fn who(out: &mut Vec<u8>, finished: &Finished<'_>) {
    let peer = finished.peer;
    name(out, "client");
    // Addresses hold nothing to escape, and writing to a Vec cannot fail.
    let _ = match finished.account.client {
        Some(client) => write!(out, "\"{client}\""),
        None => write!(out, "\"{}\"", peer.remote.ip()),
    };
    name(out, "peer");
    let _ = write!(out, "\"{}\"", peer.remote);
    name(out, "tls");
    out.extend_from_slice(if peer.tls { b"true" } else { b"false" });
}

fn head(out: &mut Vec<u8>, asked: &Asked) {
    text(out, "method", asked.method.as_str().as_bytes());
    if let Some(authority) = asked.authority() {
        text(out, "host", authority);
    }
    let target = asked.uri.path_and_query().map_or(asked.uri.path(), |target| target.as_str());
    text(out, "target", target.as_bytes());
    let version = match asked.version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2",
        _ => "other",
    };
    word(out, "version", version);
    for (name, value) in [
        ("user_agent", &asked.user_agent),
        ("referer", &asked.referer),
        ("request_id", &asked.request_id),
    ] {
        if let Some(value) = value {
            text(out, name, HeaderValue::as_bytes(value));
        }
    }
}

fn answer(out: &mut Vec<u8>, finished: &Finished<'_>) {
    number(out, "status", finished.status.as_u16().into());
    word(out, "outcome", finished.account.outcome.as_str());
    word(out, "reason", finished.account.reason.as_str());
    number(out, "bytes", finished.bytes);
    seconds(out, "first_byte", finished.first_byte);
    seconds(out, "duration", finished.duration);
}

fn name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A field whose value is one of our own words.
fn word(out: &mut Vec<u8>, field: &str, value: &str) {
    name(out, field);
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

fn number(out: &mut Vec<u8>, field: &str, value: u64) {
    name(out, field);
    digits(out, value);
}

/// A duration in seconds with six decimals.
fn seconds(out: &mut Vec<u8>, field: &str, value: Duration) {
    name(out, field);
    digits(out, value.as_secs());
    out.push(b'.');
    padded::<6>(out, value.subsec_micros());
}

/// A field that holds whatever somebody sent.
fn text(out: &mut Vec<u8>, field: &str, value: &[u8]) {
    name(out, field);
    out.push(b'"');
    let kept = &value[..value.len().min(TEXT_LIMIT)];
    match std::str::from_utf8(kept) {
        Ok(whole) => escape(out, whole.as_bytes()),
        Err(_) => {
            for chunk in kept.utf8_chunks() {
                escape(out, chunk.valid().as_bytes());
                chunk.invalid().iter().for_each(|byte| escape_byte(out, *byte));
            }
        }
    }
    if kept.len() < value.len() {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

/// Copies UTF-8 in runs, escaping what JSON and terminals must not see raw.
fn escape(out: &mut Vec<u8>, valid: &[u8]) {
    let mut rest = valid;
    while let Some(at) = rest.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => escape_byte(out, byte),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[0x7f] = true;
    table
};

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\u00");
    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// Decimal digits without the formatting machinery, which costs several times as much.
fn digits(out: &mut Vec<u8>, mut value: u64) {
    let mut text = [0; 20];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

/// The last `N` decimal digits, with leading zeros.
fn padded<const N: usize>(out: &mut Vec<u8>, mut value: u32) {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&text);
}

/// Times as RFC 3339 prints them, with the last second's text kept.
#[derive(Debug, Default)]
pub(super) struct Stamp {
    second: u64,
    text: Vec<u8>,
}

impl Stamp {
    /// Adds `wall` with milliseconds; what is before 1970 counts as 1970.
    fn write(&mut self, out: &mut Vec<u8>, wall: SystemTime) {
        let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if self.text.is_empty() || self.second != since.as_secs() {
            self.second = since.as_secs();
            self.text.clear();
            calendar(&mut self.text, self.second);
        }
        out.extend_from_slice(&self.text);
        out.push(b'.');
        padded::<3>(out, since.subsec_millis());
        out.push(b'Z');
    }
}

/// `seconds` after 1970 as `YYYY-MM-DDThh:mm:ss`. The year begins in March, so that the leap day is
/// its last (Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
fn calendar(out: &mut Vec<u8>, seconds: u64) {
    let (days, time) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
