//! Content codings that this node makes itself (RFC 9110 §8.4.1, RFC 8878), and sets of them. How a
//! request says which it takes is `semantics`' business.

/// A content coding that bodies may be stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// `zstd` (RFC 8878).
    Zstd,
    /// `gzip` (RFC 1952).
    Gzip,
}

impl Coding {
    /// Every coding.
    pub const ALL: [Self; 2] = [Self::Zstd, Self::Gzip];

    /// Its name in Content-Encoding and Accept-Encoding.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// A set of codings that a request takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Accepted(u8);

impl Accepted {
    /// Nothing but what is not coded.
    pub const IDENTITY: Self = Self(1);
    /// Everything.
    pub const ALL: Self = Self::IDENTITY.with(Coding::Zstd).with(Coding::Gzip);

    /// The set with `coding`.
    #[must_use]
    pub const fn with(self, coding: Coding) -> Self {
        self.and(Self::only(coding))
    }

    /// The set with what `other` has.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set without what `other` has.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether `coding` is taken.
    pub const fn takes(self, coding: Coding) -> bool {
        self.0 & Self::only(coding).0 != 0
    }

    /// Whether what is not coded is taken.
    pub const fn takes_identity(self) -> bool {
        self.0 & Self::IDENTITY.0 != 0
    }

    /// Nothing but `coding`.
    pub const fn only(coding: Coding) -> Self {
        Self(2 << coding as u8)
    }
}
