//! Pages whose every byte can be checked: a page of any length is a piece of one long text, and
//! its number says where that piece begins.

use bytes::Bytes;

/// Pages begin at so many places.
const PLACES: u32 = 4096;

/// The long text.
#[derive(Clone)]
pub struct Text(Bytes);

impl Text {
    /// A text for pages of up to `longest` bytes.
    pub fn new(longest: u32) -> Self {
        let mut state = 1_u32;
        let letters = (0..longest + PLACES).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 24) as u8 % 26
        });
        Self(letters.collect())
    }

    /// Page `number` of `length` bytes.
    pub fn page(&self, number: u32, length: u32) -> Bytes {
        let first = (number % PLACES) as usize;
        self.0.slice(first..first + length as usize)
    }
}
