//! Lists and quoted strings as fields write them (RFC 9110 §5.3, §5.6): all lines of a field are
//! one list, and a comma or a name inside a quoted string is neither. Everything borrows from the
//! header map. A quotation mark that is never closed on its line quotes nothing, so that a broken
//! member cannot hide the `no-store` that follows it.

use std::borrow::Cow;

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The members of a list field over all its lines, without the whitespace around them; empty
/// members are skipped (RFC 9110 §5.6.1.2).
pub fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).iter().flat_map(|line| Members::of(line.as_bytes()))
}

/// The lines of field `name` as the one value that they are (RFC 9110 §5.3, RFC 9651 §4.2).
pub fn combined(headers: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let lines: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    lines.join(&b", "[..])
}

/// The members of one line, or of the inside of a quoted string.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    rest: &'a [u8],
    /// Off once a quotation mark turned out to be unclosed; each byte is looked at twice at most.
    quoting: bool,
}

impl<'a> Members<'a> {
    /// The members of `text`.
    pub fn of(text: &'a [u8]) -> Self {
        Self { rest: text, quoting: true }
    }

    /// Where the first member ends: at its comma, or with the text.
    fn end(&mut self) -> usize {
        let mut at = 0;
        while let Some(&byte) = self.rest.get(at) {
            if byte == b',' {
                break;
            }
            at += 1;
            if byte == b'"' && self.quoting {
                match closing_quote(&self.rest[at..]) {
                    Some(close) => at += close + 1,
                    None => self.quoting = false,
                }
            }
        }
        at
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let (member, rest) = self.rest.split_at(self.end());
            self.rest = rest.get(1..).unwrap_or_default();
            let member = member.trim_ascii();
            if !member.is_empty() {
                return Some(member);
            }
        }
        None
    }
}

/// Where the quotation mark stands that closes the one before `text`.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Whether `text` is a token (RFC 9110 §5.6.2).
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_tchar(byte))
}

/// Whether `byte` may stand in a token.
pub fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a token or a quoted string says (RFC 9110 §5.6.4); `None` for anything else.
pub fn token_or_quoted(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(inside) = text.strip_prefix(b"\"") else {
        return is_token(text).then_some(Cow::Borrowed(text));
    };
    let close = closing_quote(inside)?;
    if close + 1 != inside.len() {
        return None;
    }
    let inside = &inside[..close];
    if !inside.contains(&b'\\') {
        return Some(Cow::Borrowed(inside));
    }
    let mut said = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        said.push(if byte == b'\\' { *bytes.next()? } else { byte });
    }
    Some(Cow::Owned(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        Members::of(text.as_bytes()).map(|m| String::from_utf8_lossy(m).into_owned()).collect()
    }

    #[test]
    fn lists_are_split_outside_quoted_strings_rfc9110_5_6_1() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" , ,\t,", &[]),
            ("a", &["a"]),
            ("a , b,,c", &["a", "b", "c"]),
            (r#"a="1, 2", b"#, &[r#"a="1, 2""#, "b"]),
            (r#"a="1\", 2", b"#, &[r#"a="1\", 2""#, "b"]),
            (r#"a="1\\", b"#, &[r#"a="1\\""#, "b"]),
            (r#"a="1, b"#, &[r#"a="1"#, "b"]),
            (r#"a="x"y, b="z, c"#, &[r#"a="x"y"#, r#"b="z"#, "c"]),
        ];
        for (text, expected) in cases {
            assert_eq!(split(text), *expected, "{text}");
        }
    }

    #[test]
    fn a_field_on_several_lines_is_one_list_rfc9110_5_3() {
        let mut headers = HeaderMap::new();
        headers.append("vary", "a, b".parse().unwrap());
        headers.append("vary", "c".parse().unwrap());
        let all: Vec<_> = members(&headers, &http::header::VARY).collect();
        assert_eq!(all, [b"a", b"b", b"c"]);
    }

    #[test]
    fn unclosed_quotes_cost_linear_time() {
        let hostile = "\"\\".repeat(32 * 1024);
        assert_eq!(split(&hostile).len(), 1);
    }

    #[test]
    fn arguments_are_tokens_or_quoted_strings_rfc9110_5_6_4() {
        let cases: &[(&str, Option<&str>)] = &[
            ("abc", Some("abc")),
            (r#""a b""#, Some("a b")),
            (r#""a\"b\\""#, Some(r#"a"b\"#)),
            (r#""""#, Some("")),
            ("", None),
            ("a b", None),
            (r#""a"#, None),
            (r#""a"b"#, None),
            (r#""a\""#, None),
        ];
        for (text, expected) in cases {
            let said = token_or_quoted(text.as_bytes());
            assert_eq!(said.as_deref(), expected.map(str::as_bytes), "{text}");
        }
    }
}
