//! Our member of Cache-Status (RFC 9211).

use http::header::{CACHE_STATUS, HeaderMap, HeaderValue};

use super::list;
use crate::base::Reason;

/// How this cache handled a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStatus<'a> {
    /// This node's name.
    pub node: &'a str,
    /// What was done.
    pub handling: Handling,
    /// Whole seconds for which the response is still fresh, negative where it is stale (§2.4).
    pub ttl: Option<i64>,
    /// Under which key it is stored, or would be (§2.7).
    pub key: Option<&'a str>,
    /// Why (§2.8).
    pub detail: Reason,
}

/// What was done for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It was answered from the store (§2.1).
    Hit,
    /// It was forwarded.
    Forwarded {
        /// Why (§2.2).
        why: Forward,
        /// The status that came back, if one came (§2.3).
        status: Option<u16>,
        /// Whether the response was stored (§2.5).
        stored: bool,
        /// Whether another request's forwarding served it (§2.6).
        collapsed: bool,
    },
    /// Neither: the answer is of our own making.
    Synthesized,
}

/// Why a request was forwarded (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// The cache was configured not to handle it.
    Bypass,
    /// Its method requires it.
    Method,
    /// Nothing is stored for its URL.
    UriMiss,
    /// Something is stored for its URL, but nothing that it selects.
    VaryMiss,
    /// Nothing stored can be used, for a reason not told apart.
    Miss,
    /// What is stored is fresh, but the request does not take it.
    Request,
    /// What is stored is stale.
    Stale,
    /// What is stored is only a part of what is asked.
    Partial,
}

impl Forward {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

impl CacheStatus<'_> {
    /// The member's text.
    pub fn to_value(&self) -> HeaderValue {
        let mut text = String::with_capacity(self.node.len() + 64);
        write_name(&mut text, self.node);
        match self.handling {
            Handling::Hit => text.push_str("; hit"),
            Handling::Forwarded { why, status, stored, collapsed } => {
                text.push_str("; fwd=");
                text.push_str(why.as_str());
                if let Some(status) = status {
                    push_number(&mut text, "; fwd-status=", status.into());
                }
                if stored {
                    text.push_str("; stored");
                }
                if collapsed {
                    text.push_str("; collapsed");
                }
            }
            Handling::Synthesized => {}
        }
        if let Some(ttl) = self.ttl {
            // Structured integers have at most 15 digits (RFC 9651 §3.3.1).
            push_number(&mut text, "; ttl=", ttl.clamp(-MAX_INTEGER, MAX_INTEGER));
        }
        if let Some(key) = self.key {
            text.push_str("; key=");
            write_string(&mut text, key);
        }
        text.push_str("; detail=");
        text.push_str(self.detail.as_str());
        HeaderValue::try_from(text).expect("names are escaped and the rest is visible ASCII")
    }

    /// Appends the member to what caches nearer to the origin have said (§2).
    pub fn append_to(&self, headers: &mut HeaderMap) {
        headers.append(CACHE_STATUS, self.to_value());
    }
}

const MAX_INTEGER: i64 = 999_999_999_999_999;

fn push_number(text: &mut String, parameter: &str, number: i64) {
    text.push_str(parameter);
    text.push_str(itoa::Buffer::new().format(number));
}

/// Writes a cache's name as a token where it is one, else as a string (RFC 9651 §4.1.6, §4.1.7).
fn write_name(text: &mut String, name: &str) {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*');
    if starts && name.bytes().all(|byte| list::is_tchar(byte) || byte == b':' || byte == b'/') {
        text.push_str(name);
        return;
    }
    write_string(text, name);
}

/// Writes a string (RFC 9651 §4.1.6).
fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            ' '..='~' => text.push(character),
            // Strings have no other characters.
            _ => text.push('?'),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_rfc9211_2() {
        let hit = CacheStatus {
            node: "cp1",
            handling: Handling::Hit,
            ttl: Some(376),
            key: None,
            detail: Reason::Fresh,
        };
        assert_eq!(hit.to_value(), "cp1; hit; ttl=376; detail=fresh");
        let keyed = CacheStatus { key: Some("wiki.test/?q=\"\\"), ..hit };
        let expected = r#"cp1; hit; ttl=376; key="wiki.test/?q=\"\\"; detail=fresh"#;
        assert_eq!(keyed.to_value(), expected);
        let miss = Handling::Forwarded {
            why: Forward::UriMiss,
            status: Some(200),
            stored: true,
            collapsed: true,
        };
        let miss = CacheStatus { handling: miss, ttl: None, detail: Reason::Absent, ..hit };
        assert_eq!(
            miss.to_value(),
            "cp1; fwd=uri-miss; fwd-status=200; stored; collapsed; detail=absent"
        );
        let failed = Handling::Forwarded {
            why: Forward::Stale,
            status: None,
            stored: false,
            collapsed: false,
        };
        let failed =
            CacheStatus { handling: failed, ttl: Some(i64::MIN), detail: Reason::IfError, ..hit };
        assert_eq!(failed.to_value(), "cp1; fwd=stale; ttl=-999999999999999; detail=if-error");
        let own =
            CacheStatus { handling: Handling::Synthesized, detail: Reason::UnknownHost, ..miss };
        assert_eq!(own.to_value(), "cp1; detail=unknown-host");
    }

    #[test]
    fn names_are_tokens_or_strings_rfc9651_4_1_6() {
        for (node, expected) in [
            ("cp1.example.org:80", "cp1.example.org:80; hit; detail=fresh"),
            ("1cp", "\"1cp\"; hit; detail=fresh"),
            ("", "\"\"; hit; detail=fresh"),
            ("a \"b\\", "\"a \\\"b\\\\\"; hit; detail=fresh"),
            ("m\u{fc}nchen\n", "\"m?nchen?\"; hit; detail=fresh"),
        ] {
            let status = CacheStatus {
                node,
                handling: Handling::Hit,
                ttl: None,
                key: None,
                detail: Reason::Fresh,
            };
            assert_eq!(status.to_value(), expected);
        }
    }

    #[test]
    fn our_member_follows_the_origin_s_rfc9211_2() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_STATUS, HeaderValue::from_static("Origin; hit"));
        let ours = CacheStatus {
            node: "cp1",
            handling: Handling::Hit,
            ttl: None,
            key: None,
            detail: Reason::Fresh,
        };
        ours.append_to(&mut headers);
        let lines: Vec<_> = headers.get_all(CACHE_STATUS).iter().collect();
        assert_eq!(lines, ["Origin; hit", "cp1; hit; detail=fresh"]);
    }
}
