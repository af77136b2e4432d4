//! One line of the access log: a JSON object, written by hand into the meter's buffer, because it
//! is written once a request and must neither allocate nor cost a microsecond.
//!
//! What a stranger sent is bounded (`TEXT_LIMIT`) and can neither end a line nor forge a field:
//! quotes, backslashes and control characters are escaped, and bytes that are not UTF-8 become
//! `\u00XX`. Durations are in seconds. A field without a value is left out.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, Version};

use super::account::{Asked, Finished};
use crate::base::Peer;

/// Bytes of one field of a request that the log keeps; the rest is cut, with an ellipsis.
pub(super) const TEXT_LIMIT: usize = 4096;

/// A field's name with what stands around it, as one literal.
macro_rules! name {
    ($name:literal) => {
        concat!(",\"", $name, "\":").as_bytes()
    };
}

/// What a line tells by configured names.
#[derive(Clone, Debug)]
pub(super) struct Told<'a> {
    /// The node and the site, as [`place`] writes them.
    pub(super) place: &'a [u8],
    /// The cluster; empty where none was asked.
    pub(super) cluster: &'a str,
}

/// The part of a line that is the same for all requests of a site; an empty `site` is none.
pub(super) fn place(node: &str, site: &str) -> Box<[u8]> {
    let mut out = Vec::new();
    text(&mut out, name!("node"), node.as_bytes());
    if !site.is_empty() {
        text(&mut out, name!("site"), site.as_bytes());
    }
    out.into()
}

/// The part of a line that is the same for all requests of a connection whose peer is the client.
pub fn connection(peer: &Peer) -> Box<[u8]> {
    let mut out = Vec::new();
    who(&mut out, peer.remote.ip(), peer);
    out.into()
}

/// Writes `finished` as one line, its end included.
pub(super) fn write(
    out: &mut Vec<u8>,
    stamp: &mut Stamp,
    wall: SystemTime,
    told: &Told<'_>,
    finished: &Finished<'_>,
) {
    stamp.write(out, wall);
    out.extend_from_slice(told.place);
    match finished.account.client {
        Some(client) if client != finished.peer.remote.ip() => who(out, client, finished.peer),
        _ => out.extend_from_slice(finished.connection),
    }
    if let Some(asked) = finished.asked {
        let named = finished.account.request_id.as_deref();
        head(out, asked, named.or(asked.request_id.as_ref()));
    }
    answer(out, finished);
    let account = finished.account;
    if let Some(part) = &account.origin {
        text(out, name!("origin_cluster"), told.cluster.as_bytes());
        text(out, name!("origin_server"), part.server.as_bytes());
        number(out, name!("origin_status"), part.status.as_u16().into());
        seconds(out, name!("origin_first_byte"), part.first_byte);
    }
    if account.collapsed {
        out.extend_from_slice(name!("collapsed"));
        out.extend_from_slice(b"true");
    }
    if let Some(reason) = finished.broke_off {
        word(out, name!("broke_off"), reason.as_str());
    }
    if let Some(detail) = &account.detail {
        text(out, name!("detail"), detail.as_bytes());
    }
    out.extend_from_slice(b"}\n");
}

fn who(out: &mut Vec<u8>, client: IpAddr, peer: &Peer) {
    out.extend_from_slice(name!("client"));
    out.push(b'"');
    address(out, client);
    out.push(b'"');
    end(out, name!("peer"), peer.remote);
    if let Some(proxied) = &peer.proxied {
        end(out, name!("proxy"), proxied.by);
        if let Some(destination) = proxied.destination {
            end(out, name!("destination"), destination);
        }
    }
    out.extend_from_slice(name!("tls"));
    out.extend_from_slice(if peer.tls { b"true" } else { b"false" });
}

/// A field whose value is an address and a port.
fn end(out: &mut Vec<u8>, name: &[u8], end: SocketAddr) {
    out.extend_from_slice(name);
    out.push(b'"');
    let v6 = end.is_ipv6();
    out.extend_from_slice(if v6 { b"[" } else { b"" });
    address(out, end.ip());
    out.extend_from_slice(if v6 { b"]:" } else { b":" });
    digits(out, end.port().into());
    out.push(b'"');
}

fn head(out: &mut Vec<u8>, asked: &Asked, request_id: Option<&HeaderValue>) {
    match asked.method {
        Method::GET => out.extend_from_slice(br#","method":"GET""#),
        _ => text(out, name!("method"), asked.method.as_str().as_bytes()),
    }
    if let Some(authority) = asked.authority() {
        text(out, name!("host"), authority);
    }
    let target = asked.uri.path_and_query().map_or(asked.uri.path(), |target| target.as_str());
    text(out, name!("target"), target.as_bytes());
    out.extend_from_slice(match asked.version {
        Version::HTTP_10 => br#","version":"HTTP/1.0""#,
        Version::HTTP_11 => br#","version":"HTTP/1.1""#,
        Version::HTTP_2 => br#","version":"HTTP/2""#,
        _ => br#","version":"other""#,
    });
    for (name, value) in [
        (name!("user_agent"), asked.user_agent.as_ref()),
        (name!("referer"), asked.referer.as_ref()),
        (name!("request_id"), request_id),
    ] {
        if let Some(value) = value {
            text(out, name, HeaderValue::as_bytes(value));
        }
    }
}

fn answer(out: &mut Vec<u8>, finished: &Finished<'_>) {
    if let Some(status) = finished.status {
        number(out, name!("status"), status.as_u16().into());
        seconds(out, name!("first_byte"), finished.first_byte);
    }
    word(out, name!("outcome"), finished.account.outcome.as_str());
    word(out, name!("reason"), finished.account.reason.as_str());
    number(out, name!("bytes"), finished.bytes);
    seconds(out, name!("duration"), finished.duration);
}

/// A field whose value is one of our own words.
fn word(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

fn number(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    digits(out, value);
}

/// A duration in seconds with six decimals.
fn seconds(out: &mut Vec<u8>, name: &[u8], value: Duration) {
    out.extend_from_slice(name);
    digits(out, value.as_secs());
    out.push(b'.');
    padded::<6>(out, value.subsec_micros());
}

/// An address, in which nothing needs escaping.
fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => {
            for (place, octet) in v4.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                digits(out, octet.into());
            }
        }
        // Writing to a Vec cannot fail.
        IpAddr::V6(v6) => drop(write!(out, "{v6}")),
    }
}

/// A field that holds whatever somebody sent.
fn text(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.push(b'"');
    let kept = &value[..value.len().min(TEXT_LIMIT)];
    if is_plain(kept) {
        out.extend_from_slice(kept);
    } else {
        for chunk in kept.utf8_chunks() {
            escape(out, chunk.valid().as_bytes());
            chunk.invalid().iter().for_each(|byte| escape_byte(out, *byte));
        }
    }
    if kept.len() < value.len() {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

/// Whether `bytes` can stand in a JSON string as they are and are ASCII, as nearly all are. Looks
/// at every byte without a branch, so that the compiler takes many at once.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |plain, byte| plain & !is_special(*byte) & byte.is_ascii())
}

/// Copies UTF-8 but for what JSON and terminals must not see raw.
fn escape(out: &mut Vec<u8>, valid: &[u8]) {
    for byte in valid {
        match *byte {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte if is_special(byte) => escape_byte(out, byte),
            byte => out.push(byte),
        }
    }
}

const fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == 0x7f) | (byte == b'"') | (byte == b'\\')
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\u00");
    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

fn digits(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
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
    /// Begins a line with `wall` in milliseconds; what is before 1970 counts as 1970.
    fn write(&mut self, out: &mut Vec<u8>, wall: SystemTime) {
        let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if self.text.is_empty() || self.second != since.as_secs() {
            self.second = since.as_secs();
            self.text.clear();
            self.text.extend_from_slice(b"{\"time\":\"");
            calendar(&mut self.text, self.second);
        }
        out.extend_from_slice(&self.text);
        out.push(b'.');
        padded::<3>(out, since.subsec_millis());
        out.extend_from_slice(b"Z\"");
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
