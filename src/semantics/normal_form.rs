//! The normal form of a request field, by which requests are compared under Vary (RFC 9111 §4.1):
//! two field values that mean the same have one form. It is handed out in pieces, so that a
//! comparison needs no memory.
//!
//! - Accept-Encoding, Accept-Language and Accept-Charset: members in the order of their names, in
//!   lower case, with their weights in one spelling; the order in which they stood means nothing
//!   (RFC 9110 §12.4.2, §12.5.4). What is refused without anybody having offered it is left out.
//! - Other fields that are known to be lists: their members, without the whitespace around commas.
//! - Everything else: byte for byte, several lines joined.

use http::header::{
    ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, HeaderMap, HeaderName, IF_MATCH,
    IF_NONE_MATCH,
};

use super::list;

/// Members of a weighted list that are put into order; a longer list is compared as it stands.
const MAX_WEIGHTED: usize = 32;

/// Fields that are known to be lists, in which spaces and empty members mean nothing. Of any other
/// nothing is known, so that only what is the same byte for byte is the same (RFC 9111 §4.1).
const LISTS: [HeaderName; 6] =
    [ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, IF_MATCH, IF_NONE_MATCH];

/// Hands the pieces of field `name`'s normal form to `sink`. A field that is absent and one that is
/// empty give the same; the caller tells them apart.
pub fn write(headers: &HeaderMap, name: &HeaderName, mut sink: impl FnMut(&[u8])) {
    let weighted = [ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCEPT_CHARSET].contains(name);
    if weighted && write_weighted(headers, name, &mut sink) {
        return;
    }
    if LISTS.contains(name) {
        return join(list::members(headers, name), b",", &mut sink);
    }
    // Several lines are one, joined as any recipient may join them (RFC 9110 §5.3).
    let lines = headers.get_all(name).iter();
    join(lines.map(|line| line.as_bytes().trim_ascii()), b", ", &mut sink);
}

fn join<'a>(pieces: impl Iterator<Item = &'a [u8]>, between: &[u8], sink: &mut impl FnMut(&[u8])) {
    for (index, piece) in pieces.enumerate() {
        if index > 0 {
            sink(between);
        }
        sink(piece);
    }
}

/// A member of a weighted list (RFC 9110 §12.4.2).
#[derive(Clone, Copy, Default)]
struct Weighted<'a> {
    name: &'a [u8],
    /// In thousandths.
    weight: u16,
}

/// Says `false`, with nothing written, where the list is too long or not well formed.
fn write_weighted(headers: &HeaderMap, field: &HeaderName, sink: &mut impl FnMut(&[u8])) -> bool {
    let mut slots = [Weighted::default(); MAX_WEIGHTED];
    let mut filled = 0;
    for member in list::members(headers, field) {
        match (slots.get_mut(filled), weighted(member)) {
            (Some(slot), Some(member)) => *slot = member,
            _ => return false,
        }
        filled += 1;
    }
    let members = &mut slots[..filled];
    let codings = *field == ACCEPT_ENCODING;
    if codings {
        // RFC 9110 §8.4.1.3: the same coding.
        for member in members.iter_mut().filter(|m| m.name.eq_ignore_ascii_case(b"x-gzip")) {
            member.name = b"gzip";
        }
    }
    members.sort_unstable_by(|one, two| {
        lower(one.name).cmp(lower(two.name)).then(two.weight.cmp(&one.weight))
    });
    let any = members.iter().any(|member| member.name == b"*");
    let mut previous: Option<&Weighted<'_>> = None;
    for member in members.iter() {
        // Not to be listed means to be refused (RFC 9110 §12.5.3), but for identity and beside `*`.
        let idle =
            codings && member.weight == 0 && !any && !member.name.eq_ignore_ascii_case(b"identity");
        if idle || previous.is_some_and(|before| before.same_as(member)) {
            continue;
        }
        if previous.is_some() {
            sink(b",");
        }
        member.write(sink);
        previous = Some(member);
    }
    true
}

/// Reads `name [ ";q=" weight ]`; other parameters are not known here.
fn weighted(member: &[u8]) -> Option<Weighted<'_>> {
    let mut parts = member.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().filter(|name| list::is_token(name))?;
    let weight = match parts.next() {
        Some([b'q' | b'Q', b'=', value @ ..]) => thousandths(value)?,
        Some(_) => return None,
        None => 1000,
    };
    parts.next().is_none().then_some(Weighted { name, weight })
}

/// Reads `0[.ddd]` or `1[.000]` (RFC 9110 §12.4.2).
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match text {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut weight = u16::from(whole - b'0') * 1000;
    for (digit, unit) in fraction.iter().zip([100, 10, 1]) {
        weight += digit.is_ascii_digit().then(|| u16::from(digit - b'0') * unit)?;
    }
    (weight <= 1000).then_some(weight)
}

impl Weighted<'_> {
    fn same_as(&self, other: &Weighted<'_>) -> bool {
        self.weight == other.weight && self.name.eq_ignore_ascii_case(other.name)
    }

    /// Writes `name` or `name;q=0.ddd`. A list that is not well formed cannot look like this.
    fn write(&self, sink: &mut impl FnMut(&[u8])) {
        for byte in lower(self.name) {
            sink(&[byte]);
        }
        if self.weight < 1000 {
            sink(b";q=0.");
            for unit in [100, 10, 1] {
                sink(&[b"0123456789"[usize::from(self.weight / unit % 10)]]);
            }
        }
    }
}

fn lower(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().map(u8::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(name: &'static str, lines: &[&str]) -> String {
        let name = HeaderName::from_static(name);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let mut form = Vec::new();
        write(&headers, &name, |piece| form.extend_from_slice(piece));
        String::from_utf8_lossy(&form).into_owned()
    }

    #[test]
    fn weighted_lists_have_one_spelling_rfc9110_12_4_2() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("accept-encoding", &["gzip, deflate, br, zstd"], "br,deflate,gzip,zstd"),
            ("accept-encoding", &["zstd,br", "GZIP ; q=1.0,deflate"], "br,deflate,gzip,zstd"),
            ("accept-encoding", &["x-gzip;q=0.5"], "gzip;q=0.500"),
            ("accept-encoding", &["gzip;q=0.50, gzip;q=.5"], "gzip;q=0.50,gzip;q=.5"),
            ("accept-encoding", &["br;q=0, gzip, gzip"], "gzip"),
            ("accept-encoding", &["br;q=0.000, *"], "*,br;q=0.000"),
            ("accept-encoding", &["identity;q=0, gzip"], "gzip,identity;q=0.000"),
            ("accept-encoding", &[""], ""),
            ("accept-encoding", &["br;q=0"], ""),
            ("accept-encoding", &["gzip;q=2"], "gzip;q=2"),
            ("accept-encoding", &["gzip;q=1.001, br"], "gzip;q=1.001,br"),
            ("accept-encoding", &["gzip;level=9, br"], "gzip;level=9,br"),
            ("accept-encoding", &["gzip;q=0.5000, br"], "gzip;q=0.5000,br"),
            ("accept-encoding", &["gzip;q=0.12, br"], "br,gzip;q=0.120"),
            ("accept-language", &["en, de"], "de,en"),
            ("accept-language", &["de, EN;Q=1"], "de,en"),
            ("accept-language", &["de-CH, de;q=0.9, en;q=0.8"], "de;q=0.900,de-ch,en;q=0.800"),
            ("accept-language", &["en, en-GB;q=0"], "en,en-gb;q=0.000"),
        ];
        for (name, lines, expected) in cases {
            assert_eq!(form(name, lines), *expected, "{name}: {lines:?}");
        }
        let long = vec!["a"; MAX_WEIGHTED + 1].join(", ");
        assert_eq!(form("accept-encoding", &[&long]), long.replace(' ', ""));
    }

    #[test]
    fn lists_lose_whitespace_and_other_fields_nothing_rfc9111_4_1() {
        assert_eq!(form("accept", &[" 1, 2 ", "\"3, 4\" ,,5"]), "1,2,\"3, 4\",5");
        assert_eq!(form("accept", &["1", "2"]), form("accept", &["1,2"]));
        assert_ne!(form("accept", &["1,2"]), form("accept", &["2,1"]));
        assert_eq!(form("foo", &["1", "2"]), form("foo", &["1, 2"]));
        assert_ne!(form("foo", &["mobile"]), form("foo", &["mobile,"]));
        assert_ne!(form("foo", &["A"]), form("foo", &["a"]));
        assert_eq!(form("user-agent", &["Mozilla/5.0 (X11,  Linux)"]), "Mozilla/5.0 (X11,  Linux)");
        assert_eq!(form("cookie", &["a=1, b", "c=2"]), "a=1, b, c=2");
    }
}
