//! Bodies grown piece by piece, read wherever a reader may stand.

use super::*;
use crate::base::Budget;
use crate::base::budget::Part;

fn growth(length: Option<u64>) -> (Budget, Growth) {
    let budget = Budget::new(1 << 30);
    let charge = budget.charge(Part::Fills, 0);
    (budget, Growth::new(length, charge))
}

/// The byte at `at` of the tests' body.
fn byte(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

fn piece(from: usize, to: usize) -> Bytes {
    (from..to).map(byte).collect::<Vec<_>>().into()
}

/// Reads from `at` to the end.
fn read(growth: &Growth, mut at: u64) -> Vec<u8> {
    let mut all = Vec::new();
    while at < growth.end() {
        let piece = growth.piece(at);
        assert!(!piece.is_empty(), "nothing at {at}");
        at += piece.len() as u64;
        all.extend_from_slice(&piece);
    }
    all
}

#[test]
fn a_reader_anywhere_reads_the_same_bytes_whatever_they_came_in() {
    for length in [None, Some(3_000_000)] {
        for step in [977, 70_000, 1_300_000] {
            let (_, mut growth) = growth(length);
            let mut end = 0;
            while end < 3_000_000 {
                let next = (end + step).min(3_000_000);
                growth.push(piece(end, next));
                end = next;
            }
            for at in [0, 1, 65_535, 65_536, 1 << 20, 2_900_000, 2_999_999] {
                let expected: Vec<u8> = (at..end).map(byte).collect();
                assert!(read(&growth, at as u64) == expected, "{length:?} by {step} from {at}");
            }
            let (segments, _) = growth.finish();
            assert!(segments.concat() == (0..end).map(byte).collect::<Vec<_>>());
            assert!(segments.iter().all(|segment| segment.len() <= SEGMENT));
        }
    }
}

#[test]
fn what_is_stored_is_charged_at_its_size_and_no_buffer_of_the_sockets_stays_alive() {
    for length in [None, Some(100_000)] {
        let (budget, mut growth) = growth(length);
        let buffer = piece(0, 100_000);
        for at in (0..100_000).step_by(1000) {
            growth.push(buffer.slice(at..at + 1000));
        }
        assert!(!buffer.is_unique(), "the last pieces are kept as they came");
        let (segments, charge) = growth.finish();
        assert_eq!(segments.concat(), buffer);
        let bytes: u64 = segments.iter().map(|segment| segment.len() as u64).sum();
        let stored = charge.hand_over(Part::Stored, bytes);
        assert_eq!(budget.held(), 100_000, "{length:?}");
        drop((segments, stored));
        assert!(buffer.is_unique());
    }
}

#[test]
fn a_body_that_comes_byte_by_byte_takes_little_more_than_its_size() {
    let (budget, mut growth) = growth(None);
    for at in 0..50_000 {
        growth.push(piece(at, at + 1));
    }
    assert_eq!(read(&growth, 0).len(), 50_000);
    assert!(budget.held() < 70_000, "{} bytes are held", budget.held());
}

#[test]
fn a_window_of_the_smallest_pieces_is_bounded_too() {
    let (budget, mut growth) = growth(None);
    growth.outgrow();
    let mut count = 0;
    while growth.has_room() {
        growth.push(piece(count, count + 1));
        count += 1;
    }
    assert_eq!(count, WINDOW_PIECES);
    growth.let_go(growth.end());
    assert_eq!((budget.held(), growth.base()), (0, count as u64));
}

#[test]
fn what_came_before_a_fill_outgrew_is_read_through_the_window() {
    let (_, mut growth) = growth(None);
    growth.push(piece(0, 100));
    growth.outgrow();
    growth.push(piece(100, 200));
    assert_eq!(read(&growth, 50), (50..200).map(byte).collect::<Vec<_>>());
    growth.let_go(150);
    assert_eq!(growth.base(), 100);
    assert_eq!(read(&growth, 150), (150..200).map(byte).collect::<Vec<_>>());
}
