//! Which pages there are: a hot set that everybody asks for, and cold ones that come and go.

/// Hot pages: their numbers are below this.
pub const HOT: u32 = 1000;
/// The length of a hot page in bytes.
pub const HOT_LENGTH: u32 = 4 << 10;
/// The length of a cold page in bytes; of many, a small one.
pub const COLD_LENGTHS: [u32; 2] = [16 << 10, 1 << 10];

/// The length of a page, where cold ones have `cold` bytes.
pub fn length(number: u32, cold: u32) -> u32 {
    if number < HOT { HOT_LENGTH } else { cold }
}
