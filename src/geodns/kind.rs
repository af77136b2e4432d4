//! Types of records (IANA, "Domain Name System (DNS) Parameters"): their numbers and their names.

use std::fmt;

/// A type of records, or of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u16);

macro_rules! kinds {
    ($($name:ident $number:literal $doc:literal)*) => {
        impl Kind {
            $(#[doc = $doc] pub const $name: Self = Self($number);)*
        }
        const NAMES: &[(Kind, &str)] = &[$((Kind::$name, stringify!($name)),)*];
    };
}

kinds! {
    A 1 "An IPv4 address (RFC 1035 §3.4.1)."
    NS 2 "A name server (RFC 1035 §3.3.11)."
    CNAME 5 "Another name (RFC 1035 §3.3.1)."
    SOA 6 "The start of a zone (RFC 1035 §3.3.13)."
    PTR 12 "A pointer (RFC 1035 §3.3.12)."
    HINFO 13 "A host's machine and system (RFC 1035 §3.3.2)."
    MX 15 "A mail exchange (RFC 1035 §3.3.9)."
    TXT 16 "Text (RFC 1035 §3.3.14)."
    AAAA 28 "An IPv6 address (RFC 3596)."
    SRV 33 "A service (RFC 2782)."
    NAPTR 35 "A rewriting rule (RFC 3403)."
    DNAME 39 "Another name for a tree (RFC 6672)."
    OPT 41 "EDNS (RFC 6891)."
    DS 43 "A delegation's signer (RFC 4034 §5)."
    SSHFP 44 "A host key's fingerprint (RFC 4255)."
    TLSA 52 "A certificate's association (RFC 6698)."
    SVCB 64 "A service binding (RFC 9460)."
    HTTPS 65 "The same for HTTP (RFC 9460)."
    IXFR 251 "An incremental transfer (RFC 1995)."
    AXFR 252 "A transfer (RFC 5936)."
    ANY 255 "All types (RFC 8482)."
    CAA 257 "Who may issue certificates (RFC 8659)."
}

impl Kind {
    /// The type that `text` names, `TYPE65535` included (RFC 3597 §5).
    pub fn read(text: &str) -> Option<Self> {
        let known = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        if let Some((kind, _)) = known {
            return Some(*kind);
        }
        let (word, digits) = text.split_at_checked(4)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && word.eq_ignore_ascii_case("TYPE")).then(|| digits.parse().ok().map(Self))?
    }

    /// Its name, where it has one here.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(kind, _)| *kind == self).map(|(_, name)| *name)
    }

    /// Whether it is of questions or of messages, so that no zone has records of it (RFC 6895 §3.1).
    pub fn is_meta(self) -> bool {
        matches!(self.0, 0 | 41 | 128..=255)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_they_print() {
        for (text, kind) in [("a", Kind::A), ("HTTPS", Kind(65)), ("type999", Kind(999))] {
            assert_eq!(Kind::read(text), Some(kind));
            assert_eq!(Kind::read(&kind.to_string()), Some(kind));
        }
        for text in ["", "TYPE", "TYPE65536", "TYPE-1", "TYP1", "é999é", "IN"] {
            assert_eq!(Kind::read(text), None, "{text}");
        }
        assert!(Kind::ANY.is_meta() && Kind::OPT.is_meta() && !Kind::CAA.is_meta());
    }
}
