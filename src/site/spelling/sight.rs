//! What can be seen of a target without understanding it: whether any of its bytes has to be looked at
//! more closely. Most targets are paths of pages as MediaWiki writes them, and this look, of a few
//! instructions a byte, is all that they cost.

use super::PathEncoding;
use super::tables::{GENERIC, TITLE, Table, UPLOAD, Written};

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight(u8);

/// A byte that is not written so, or that begins a query.
const TROUBLE: u8 = 1;
/// A percent sign.
const ESCAPE: u8 = 2;
/// A dot or another slash behind a slash.
const ODD: u8 = 4;

/// What to see in a byte.
type Glance = [u8; 256];

static AS_SENT: Glance = glance(&[Written::AsCame; 256]);
static AT_GENERIC: Glance = glance(&GENERIC);
/// The strictest of the tables that a wiki's paths may be spelled by.
static AT_MEDIAWIKI: Glance = glance(&TITLE);
static AT_UPLOAD: Glance = glance(&UPLOAD);

/// What of it counts, by the byte before.
static BEHIND: Glance = {
    let mut behind = [TROUBLE | ESCAPE; 256];
    behind[b'/' as usize] |= ODD;
    behind
};

impl Sight {
    /// Looks at `target`, for certain up to its query.
    #[inline]
    pub(super) fn of(target: &str, encoding: PathEncoding) -> Self {
        let glance = match encoding {
            PathEncoding::AsSent => &AS_SENT,
            PathEncoding::Generic => &AT_GENERIC,
            PathEncoding::MediaWiki => &AT_MEDIAWIKI,
            PathEncoding::Upload => &AT_UPLOAD,
        };
        let (mut seen, mut before) = (0, 0);
        let mut see = |byte: &u8| {
            seen |= glance[usize::from(*byte)] & BEHIND[before];
            before = usize::from(*byte);
            seen
        };
        // By eights, so that counting costs little beside looking.
        let (eights, rest) = target.as_bytes().as_chunks::<8>();
        for eight in eights {
            if eight.iter().fold(0, |_, byte| see(byte)) & TROUBLE != 0 {
                return Self(seen);
            }
        }
        rest.iter().for_each(|byte| _ = see(byte));
        Self(seen)
    }

    /// Every byte may stay where it stands, and there is no query.
    pub(super) fn is_clear(self) -> bool {
        self.0 == 0
    }

    /// The same, escapes aside.
    pub(super) fn is_clear_but_for_escapes(self) -> bool {
        self.0 & !ESCAPE == 0
    }

    /// Whether segments may be empty or made of dots.
    pub(super) fn is_odd(self) -> bool {
        self.0 & ODD != 0
    }
}

const fn glance(table: &Table) -> Glance {
    let mut glance = [TROUBLE; 256];
    let mut byte = 0;
    while byte < 256 {
        if !matches!(table[byte], Written::Encoded) {
            glance[byte] = 0;
        }
        byte += 1;
    }
    glance[b'?' as usize] = TROUBLE;
    glance[b'#' as usize] = TROUBLE;
    glance[b'%' as usize] = ESCAPE;
    // In no table is either encoded.
    glance[b'/' as usize] = ODD;
    glance[b'.' as usize] = ODD;
    glance
}

#[cfg(test)]
mod tests {
    use super::super::tables::{MEDIAWIKI, REST};
    use super::*;

    #[test]
    fn what_may_not_stay_is_seen_wherever_it_stands() {
        for (encoding, tables) in [
            (PathEncoding::Generic, &[&GENERIC][..]),
            (PathEncoding::MediaWiki, &[&MEDIAWIKI, &REST, &TITLE]),
            (PathEncoding::Upload, &[&UPLOAD]),
        ] {
            for (byte, at) in (0..=127).flat_map(|byte| (0..20).map(move |at| (byte, at))) {
                let mut path = "x".repeat(20);
                path.replace_range(at..=at, char::from(byte).encode_utf8(&mut [0; 1]));
                let stays = tables.iter().all(|table| table[usize::from(byte)] != Written::Encoded);
                let seen = Sight::of(&path, encoding);
                assert!(!seen.is_clear() || (stays && !b"?#%".contains(&byte)), "{path:?}");
                assert!(!seen.is_clear_but_for_escapes() || stays || byte == b'%', "{path:?}");
            }
            assert!(!Sight::of("/\u{e9}", encoding).is_clear());
        }
    }

    #[test]
    fn odd_segments_are_seen_and_names_with_dots_are_none() {
        for at in 0..20 {
            let before = "x".repeat(at);
            for odd in ["//", "/.", "/..", "/./"] {
                let seen = Sight::of(&format!("{before}{odd}x"), PathEncoding::MediaWiki);
                assert!(seen.is_odd() && !seen.is_clear() && !seen.is_clear_but_for_escapes());
            }
            let seen = Sight::of(&format!("{before}a.b/c./d...e/"), PathEncoding::MediaWiki);
            assert!(!seen.is_odd() && seen.is_clear());
        }
    }
}
