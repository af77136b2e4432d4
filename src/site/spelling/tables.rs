//! What becomes of each byte of a path: a table of 256 entries for each kind of path, which says
//! whether the byte stands for itself, is written in percent-encoding, or stays as it came.
//!
//! RFC 3986 parts all bytes into unreserved ones, whose two spellings are equal (§6.2.2.2), reserved
//! ones, of which only the application knows whether they are, and those that no URI may hold as
//! they are. The tables follow what Wikimedia's edge knows of MediaWiki; [`TITLE`] goes further where
//! a path is known to be a page's: there MediaWiki decodes every byte, so none can stay as it came.

/// What becomes of a byte, whichever way it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It stands for itself.
    Plain,
    /// It is percent-encoded.
    Encoded,
    /// It stays as it came: the two spellings may mean two things.
    AsCame,
}

/// By byte.
pub(super) type Table = [Written; 256];

/// RFC 3986 §2.2.
const RESERVED: &[u8] = b":/?#[]@!$&'()*+,;=";
/// RFC 3986 §2.3.
const UNRESERVED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

/// Nothing of the application is known.
pub(super) static GENERIC: Table = table(b"", RESERVED);
/// MediaWiki's scripts and whatever else a wiki serves.
pub(super) static MEDIAWIKI: Table = table(b":/@!$()*,", b"[]&'+=?#");
/// REST paths, in which a slash of a title is `%2F` and parts nothing.
pub(super) static REST: Table = table(b":@!$()*,", b"/[]&'+=?#");
/// Media: a file's name, which means nothing but itself.
pub(super) static UPLOAD: Table = table(b"/", b"?#");
/// A page of MediaWiki: `MEDIAWIKI` without what stays as it came.
pub(super) static TITLE: Table = table(b":/@!$()*,", b"");
/// What MediaWiki's `wfUrlencode` makes of a title, which it writes into queries.
pub(super) static WRITTEN_TITLE: Table = table(b":/@!$()*,;", b"");

/// The value of a hexadecimal digit; 16 for what is none.
pub(super) static DIGIT: [u8; 256] = digits(true);
/// The same, where lower case is none: canonical escapes have none (RFC 3986 §6.2.2.1).
pub(super) static UPPER_DIGIT: [u8; 256] = digits(false);

const fn table(plain: &[u8], as_came: &[u8]) -> Table {
    let mut table = [Written::Encoded; 256];
    fill(&mut table, UNRESERVED, Written::Plain);
    fill(&mut table, plain, Written::Plain);
    fill(&mut table, as_came, Written::AsCame);
    table
}

const fn fill(table: &mut Table, bytes: &[u8], written: Written) {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = written;
        at += 1;
    }
}

const fn digits(lower: bool) -> [u8; 256] {
    let mut values = [16; 256];
    let mut value = 0;
    while value < 16 {
        let upper = if value < 10 { b'0' + value } else { b'A' + value - 10 };
        values[upper as usize] = value;
        if lower {
            values[upper.to_ascii_lowercase() as usize] = value;
        }
        value += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `table` makes of each byte that can be printed: plain ones, and those that stay as they
    /// came. All others are encoded.
    #[track_caller]
    fn expect(table: &Table, plain: &str, as_came: &str) {
        for byte in 0..=255 {
            let expected = match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                    Written::Plain
                }
                byte if plain.as_bytes().contains(&byte) => Written::Plain,
                byte if as_came.as_bytes().contains(&byte) => Written::AsCame,
                _ => Written::Encoded,
            };
            assert_eq!(table[usize::from(byte)], expected, "{}", byte.escape_ascii());
        }
    }

    #[test]
    fn each_table_is_what_the_edge_of_wikimedia_has() {
        expect(&GENERIC, "", ":/?#[]@!$&'()*+,;=");
        expect(&MEDIAWIKI, ":/@!$()*,", "[]&'+=?#");
        expect(&REST, ":@!$()*,", "/[]&'+=?#");
        expect(&UPLOAD, "/", "?#");
    }

    #[test]
    fn a_title_is_what_mediawiki_makes_of_it_but_for_the_semicolon() {
        expect(&WRITTEN_TITLE, ";@$!*(),/~:", "");
        expect(&TITLE, "@$!*(),/~:", "");
    }

    #[test]
    fn a_digit_has_its_value() {
        for byte in 0..=255 {
            let value = char::from(byte).to_digit(16).unwrap_or(16);
            assert_eq!(u32::from(DIGIT[usize::from(byte)]), value);
            let value = if byte.is_ascii_lowercase() { 16 } else { value };
            assert_eq!(u32::from(UPPER_DIGIT[usize::from(byte)]), value);
        }
    }
}
