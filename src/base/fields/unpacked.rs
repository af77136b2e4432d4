//! Maps of fields that a worker unpacked lately. It keeps those that it makes over and over, as many
//! as fit a small table, and only such as are of a usual size: what the table takes is bounded in bytes
//! ([`UNPACKED_BYTES`]).

use std::cell::RefCell;

use http::HeaderMap;

use super::Fields;

/// All of `fields`, as a rule with room for `more`.
pub(super) fn map(fields: &Fields, more: usize) -> HeaderMap {
    UNPACKED.with_borrow_mut(|unpacked| unpacked.map(fields, more))
}

thread_local! {
    static UNPACKED: RefCell<Unpacked> = RefCell::new(Unpacked::default());
}

/// Places of [`Unpacked`].
pub(super) const PLACES: usize = 256;
/// The largest packed form of fields that get a place, in bytes.
const MOST_PACKED: usize = 2048;
/// The most fields of those that get a place.
const MOST_FIELDS: u8 = 24;

/// What a worker's table of unpacked fields takes at most: for each place the packed form, which may
/// outlive its object, and a map that has room for twice the fields (104 bytes each, and 4 of its
/// index).
pub const UNPACKED_BYTES: u64 = (PLACES * (MOST_PACKED + 2 * MOST_FIELDS as usize * 108)) as u64;

/// Whether `fields` are few and short, as nearly all are.
fn is_usual(fields: &Fields) -> bool {
    let count = fields.0.first();
    fields.0.len() <= MOST_PACKED && count.is_some_and(|&count| count <= MOST_FIELDS)
}

/// Fields that were unpacked lately, each at the place that follows from where it is packed.
struct Unpacked(Box<[Place]>);

#[derive(Clone, Default)]
struct Place {
    /// Holds its packed form too, so that nothing else can come to be where that is.
    held: Option<(Fields, HeaderMap)>,
    /// Where that is packed which was asked for here last and is not held: it will be if it is asked
    /// for again before another, so that what is asked for once drives nothing out.
    next: usize,
}

impl Default for Unpacked {
    fn default() -> Self {
        Self(vec![Place::default(); PLACES].into())
    }
}

impl Unpacked {
    fn map(&mut self, fields: &Fields, more: usize) -> HeaderMap {
        let address = fields.0.as_ptr().addr();
        // Pieces of memory begin at multiples of sixteen, and of their sizes.
        let mixed = (address >> 4) ^ (address >> 14);
        let place = &mut self.0[mixed % PLACES];
        match &place.held {
            Some((held, map)) if held.0.as_ptr().addr() == address => return map.clone(),
            _ => {}
        }
        let map = fields.unpack(more);
        if place.next == address && is_usual(fields) {
            place.held = Some((fields.clone(), map.clone()));
        }
        place.next = address;
        map
    }
}
