//! Which of the fields that decide something a request has, seen in one look at each of its
//! fields. Most requests have none of them, and a set of bits is asked more cheaply than a header
//! map, which hashes the name for every question.

use http::HeaderMap;

/// A set of kinds of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present(u8);

impl Present {
    /// What concerns one connection ([`super::hop`]), Connection itself among it.
    pub const HOP_BY_HOP: Self = Self(1);
    /// Preconditions, If-Range included.
    pub const CONDITION: Self = Self(1 << 1);
    /// Range.
    pub const RANGE: Self = Self(1 << 2);
    /// Via.
    pub const VIA: Self = Self(1 << 3);
    /// Cookie.
    pub const COOKIE: Self = Self(1 << 4);
    /// X-Forwarded-Proto.
    pub const FORWARDED_PROTO: Self = Self(1 << 5);
    /// Purge-Wait, which is ours alone.
    pub const PURGE_WAIT: Self = Self(1 << 6);

    /// The kinds that `headers` has.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.keys().fold(0, |kinds, name| kinds | kind(name.as_str().as_bytes())))
    }

    /// The same without the fields of `kind`.
    #[must_use]
    pub const fn without(self, kind: Self) -> Self {
        Self(self.0 & !kind.0)
    }

    /// Whether there is a field of `kind`.
    pub const fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}

/// The bit of the field called `name`, in lower case.
fn kind(name: &[u8]) -> u8 {
    // By the first byte, so that most names are done with after one comparison.
    let kind = match name {
        [b'c', ..] => match name {
            b"connection" => Present::HOP_BY_HOP,
            b"cookie" => Present::COOKIE,
            _ => return 0,
        },
        [b'i', b'f', b'-', ..] => Present::CONDITION,
        [b'k' | b't' | b'u' | b'p', ..] => match name {
            b"keep-alive" | b"te" | b"transfer-encoding" | b"upgrade" => Present::HOP_BY_HOP,
            b"purge-wait" => Present::PURGE_WAIT,
            [b'p', b'r', b'o', b'x', b'y', b'-', ..] => Present::HOP_BY_HOP,
            _ => return 0,
        },
        b"range" => Present::RANGE,
        b"x-forwarded-proto" => Present::FORWARDED_PROTO,
        b"via" => Present::VIA,
        _ => return 0,
    };
    kind.0
}

#[cfg(test)]
mod tests {
    use super::super::hop;
    use super::*;

    #[test]
    fn every_field_that_a_hop_removes_is_seen() {
        for name in &hop::HOP_BY_HOP {
            assert_eq!(kind(name.as_str().as_bytes()), Present::HOP_BY_HOP.0, "{name}");
        }
    }

    #[test]
    fn each_kind_is_seen_among_others() {
        for (name, kind) in [
            ("connection", Present::HOP_BY_HOP),
            ("if-none-match", Present::CONDITION),
            ("if-range", Present::CONDITION),
            ("range", Present::RANGE),
            ("via", Present::VIA),
            ("cookie", Present::COOKIE),
            ("x-forwarded-proto", Present::FORWARDED_PROTO),
            ("purge-wait", Present::PURGE_WAIT),
        ] {
            let mut headers = HeaderMap::new();
            for other in ["content-type", "cache-control", "priority", "user-agent", "x-kind"] {
                headers.insert(other, http::HeaderValue::from_static("x"));
            }
            assert_eq!(Present::of(&headers), Present::default());
            headers.insert(name, http::HeaderValue::from_static("x"));
            assert_eq!(Present::of(&headers), kind, "{name}");
            assert!(Present::of(&headers).has(kind));
            assert!(
                !Present::default().has(kind) && !Present::of(&headers).without(kind).has(kind)
            );
            let (both, other) = (Present(kind.0 | 1 << 7), Present(1 << 7));
            assert_eq!((both.without(kind), both.without(other)), (other, kind));
            assert!(both.has(other) && !kind.has(other));
        }
    }
}
