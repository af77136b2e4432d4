//! Titles of pages and their URLs, in MediaWiki's spelling: spaces are underscores, the first
//! letter is a capital, and what a URL may not hold is percent-encoded in upper-case hex.

/// The longest title, in bytes.
const MAX_TITLE: usize = 120;

/// The title of a page, as it stands in URLs before they are encoded (`Spring_tide`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Title(String);

impl Title {
    /// The title that `text`, as a person writes it, means; `None` where no page can have it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split([' ', '_']).filter(|word| !word.is_empty()).collect();
        let joined = words.join("_");
        let forbidden = |c: char| c.is_control() || "<>[]{}|#".contains(c);
        if joined.len() > MAX_TITLE || joined.contains(forbidden) {
            return None;
        }
        let first = joined.chars().next()?;
        // A path of dots alone is not a page: clients resolve it before they ask.
        if joined.chars().all(|c| c == '.') {
            return None;
        }
        let rest = &joined[first.len_utf8()..];
        Some(Self(first.to_uppercase().chain(rest.chars()).collect()))
    }

    /// The title as a reader sees it.
    pub(super) fn text(&self) -> String {
        self.0.replace('_', " ")
    }

    /// As it stands in a URL before it is encoded.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The page's path: what its purge names.
    pub(super) fn path(&self) -> String {
        format!("/wiki/{}", encode(&self.0))
    }

    /// The path and query of an action on the page; `history` is purged with the page.
    pub(super) fn action(&self, action: &str) -> String {
        format!("/w/index.php?title={}&action={action}", encode(&self.0))
    }
}

/// Percent-encodes as MediaWiki's wfUrlencode does.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.;@$!*(),/~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

/// Undoes percent-encoding; `None` where the bytes are not UTF-8. A `%` that begins no escape
/// stands for itself.
pub(super) fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|b| char::from(*b).to_digit(16));
        match (byte, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).ok()?);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// The value of the first field called `name` in a form or a query.
pub(super) fn field(form: &str, name: &str) -> Option<String> {
    let (_, value) =
        form.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
    decode(&value.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_has_one_spelling() {
        for text in ["spring tide", "Spring_tide", " Spring  tide_"] {
            assert_eq!(Title::parse(text).unwrap().as_str(), "Spring_tide", "{text}");
        }
        assert_eq!(Title::parse("ébbe").unwrap().path(), "/wiki/%C3%89bbe");
        assert_eq!(Title::parse("What? A (b)").unwrap().path(), "/wiki/What%3F_A_(b)");
    }

    #[test]
    fn what_cannot_be_a_title_is_none() {
        let long = "x".repeat(MAX_TITLE + 1);
        for text in ["", " _ ", "a[b", "<script>", "a\nb", "..", &long] {
            assert!(Title::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        for text in ["plain", "50 % & more?", "Ærø", "a+b=c", "%41"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
        }
        assert_eq!(decode("100%"), Some("100%".into()));
        assert_eq!(decode("%ff"), None);
    }

    #[test]
    fn a_form_gives_its_fields() {
        let form = "text=a+b%26c%0D%0A&summary=&empty";
        assert_eq!(field(form, "text").as_deref(), Some("a b&c\r\n"));
        assert_eq!(field(form, "summary").as_deref(), Some(""));
        assert_eq!(field(form, "empty"), None);
    }
}
