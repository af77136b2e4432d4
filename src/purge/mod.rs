//! Purge orders and what they do: PURGE.md.
//!
//! An [`Order`] says what is purged and how; [`apply`] puts it in force and only then returns, so
//! whoever answers for it may say that nothing asked of the origin before it will be served as
//! fresh. Its [`Receipt`] tells what was found. Where orders come from is each source's business: the
//! PURGE method's is [`request`], and sources that are no requests hand in theirs at the [`Desk`].

mod desk;
pub mod hearing;
pub mod htcp;
pub mod rebound;
pub mod relay;
pub mod request;
pub mod senders;
pub mod source;
pub mod wanted;

pub use desk::{Desk, NoPage, Page};
pub use rebound::Rebounds;
pub use source::{Dropped, Name, Source, Sources};

use crate::base::{KeyRef, Seq};
use crate::store::{Mode, Scope, Store};

/// What is to be purged, and how.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What.
    pub what: What<'a>,
    /// Whether it is removed or made stale.
    pub mode: Mode,
}

/// What is to be purged.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A key, with all its variants.
    Key(KeyRef<'a>),
    /// All that lies within a scope.
    All(Scope<'a>),
}

/// The kinds of purges, by what they cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key.
    Url,
    /// What carries a tag.
    Tag,
    /// What lies below a path.
    Prefix,
    /// What an expression matches.
    Regex,
    /// A site.
    Site,
    /// Everything.
    Everything,
}

/// What became of an order that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the node's sequence.
    pub seq: Seq,
    /// Its kind.
    pub kind: Kind,
    /// Whether what it covers is gone or stale.
    pub mode: Mode,
    /// Entries that it touched, where that is known: what covers many is in force without looking.
    pub entries: Option<u64>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Url, Self::Tag, Self::Prefix, Self::Regex, Self::Site, Self::Everything];

    /// Its word, in receipts, orders and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Tag => "tag",
            Self::Prefix => "prefix",
            Self::Regex => "regex",
            Self::Site => "site",
            Self::Everything => "everything",
        }
    }
}

impl What<'_> {
    /// What kind of purge it makes.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Key(_) => Kind::Url,
            Self::All(Scope::Tag(..)) => Kind::Tag,
            Self::All(Scope::Prefix(..)) => Kind::Prefix,
            Self::All(Scope::Matching(..)) => Kind::Regex,
            Self::All(Scope::Site(_)) => Kind::Site,
            Self::All(Scope::Everything) => Kind::Everything,
        }
    }
}

impl<'a> Order<'a> {
    /// The purge of `what`: in `mode`, or else a key's hard, and soft what covers many, which would be
    /// asked of the origin all at once.
    pub fn new(what: What<'a>, mode: Option<Mode>) -> Self {
        let usual = match what {
            What::Key(_) => Mode::Hard,
            What::All(_) => Mode::Soft,
        };
        Self { what, mode: mode.unwrap_or(usual) }
    }
}

/// The mode that `word` names.
pub fn mode_of(word: &[u8]) -> Option<Mode> {
    match word {
        _ if word.eq_ignore_ascii_case(b"soft") => Some(Mode::Soft),
        _ if word.eq_ignore_ascii_case(b"hard") => Some(Mode::Hard),
        _ => None,
    }
}

/// The word for `mode`.
pub const fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Hard => "hard",
        Mode::Soft => "soft",
    }
}

/// What a receipt says of `mode` beside its word, where that is not plain.
pub const fn note(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Hard => None,
        Mode::Soft => {
            Some("stale, not removed: to be revalidated, and in its grace served meanwhile")
        }
    }
}

/// Puts `order` in force; what it found.
pub fn apply(store: &Store, order: Order<'_>) -> Receipt {
    let Order { what, mode } = order;
    let kind = what.kind();
    match what {
        What::Key(key) => {
            let receipt = store.purge(&key, mode);
            let entries = Some(u64::from(receipt.found));
            Receipt { seq: receipt.seq, kind, mode, entries }
        }
        What::All(scope) => {
            Receipt { seq: store.purge_all(scope, mode), kind, mode, entries: None }
        }
    }
}
