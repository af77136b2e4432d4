//! A copy of a stored body in the kernel's page cache: a plain socket can be given its pages, where it
//! would otherwise copy every byte. TLS has no use for it, since it must read what it encrypts.
//!
//! A body gets one when it has been sent over plain sockets often enough to be worth twice its
//! memory, and where there is room for that: for all of them together an eighth of the budget and
//! 1024 descriptors. It goes with its body.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bytes::Bytes;
use rustix::fs::{MemfdFlags, memfd_create};

use super::budget::{Charge, Part, YIELD};

/// The smallest body that is worth it, in bytes: a shorter one is copied in less time than the two
/// calls take.
const LEAST: u64 = 16 * 1024;
/// The largest body that gets them, in bytes: a few larger ones would leave the others without. Of what is
/// below, whatever its length, two thirds of the time are the copy's.
const LARGEST: u64 = 8 * 1024 * 1024;
/// How often a body is sent before it is copied.
const WARM: u32 = 4;
/// Descriptors that they may take.
const MOST: usize = 1024;
/// Their share of the budget, as a divisor.
const SHARE: u64 = 8;

/// Descriptors taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// A body's pages, once it has some.
#[derive(Debug, Default)]
pub(super) struct Warm {
    sent: AtomicU32,
    pages: OnceLock<Option<Box<Pages>>>,
}

/// A body in the page cache.
#[derive(Debug)]
pub struct Pages {
    file: File,
    _place: Place,
    _charge: Charge,
}

#[derive(Debug)]
struct Place;

impl Drop for Place {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Warm {
    /// For a body of `length` bytes, where that may be worth it: small bodies are many.
    pub(super) fn of(length: u64) -> Option<Box<Self>> {
        (LEAST..=LARGEST).contains(&length).then(Box::default)
    }

    /// The pages of a body of `segments`, `length` bytes long, that is about to be sent; `charge`
    /// knows the budget that pays.
    pub(super) fn pages(&self, segments: &[Bytes], length: u64, charge: &Charge) -> Option<&Pages> {
        if let Some(pages) = self.pages.get() {
            return pages.as_deref();
        }
        let fits = (LEAST..=LARGEST).contains(&length);
        if !fits || self.sent.fetch_add(1, Ordering::Relaxed) < WARM {
            return None;
        }
        // Where there is no room now, it is not tried again: the body will be replaced in time.
        let copied = || Pages::copy(segments, length, charge).map(Box::new);
        self.pages.get_or_init(copied).as_deref()
    }
}

impl Pages {
    fn copy(segments: &[Bytes], length: u64, charge: &Charge) -> Option<Self> {
        let charge = charge.beside(Part::Pages, length, SHARE, YIELD)?;
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
        let place = Place;
        if taken >= MOST {
            return None;
        }
        let file = write(segments);
        let file =
            file.inspect_err(|error| tracing::debug!("no pages for a body: {error}")).ok()?;
        Some(Self { file, _place: place, _charge: charge })
    }
}

fn write(segments: &[Bytes]) -> io::Result<File> {
    let mut file = File::from(memfd_create("body", MemfdFlags::CLOEXEC)?);
    segments.iter().try_for_each(|segment| file.write_all(segment))?;
    Ok(file)
}

impl AsFd for Pages {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Budget;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_body_is_copied_once_it_is_warm_and_there_is_room() {
        let segments = [vec![b'a'; 10_000].into(), vec![b'b'; 10_000].into()];
        let budget = Budget::new(10_000_000);
        let charge = budget.charge(Part::Stored, 20_000);
        let warm = Warm::default();
        for _ in 0..WARM {
            assert!(warm.pages(&segments, 20_000, &charge).is_none());
        }
        let pages = warm.pages(&segments, 20_000, &charge).expect("it is warm");
        let mut middle = [0; 2];
        pages.file.read_exact_at(&mut middle, 9_999).unwrap();
        assert_eq!(&middle, b"ab");
        assert_eq!(budget.held_for(Part::Pages), 20_000);
        drop(warm);
        assert_eq!(budget.held_for(Part::Pages), 0);
    }

    #[test]
    fn what_is_small_or_has_no_room_is_not_copied() {
        let segments = [Bytes::from(vec![b'a'; 20_000])];
        let small = Budget::new(100_000);
        let charge = small.charge(Part::Stored, 20_000);
        let (short, poor) = (Warm::default(), Warm::default());
        for _ in 0..2 * WARM {
            assert!(short.pages(&segments, LEAST - 1, &charge).is_none());
            assert!(poor.pages(&segments, 20_000, &charge).is_none());
        }
        assert_eq!(small.held(), 20_000);
    }
}
