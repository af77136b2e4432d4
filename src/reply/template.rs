//! Error pages of a site's own: HTML with places for what is told of one answer. A template is read and
//! taken apart when a configuration is loaded or checked; what is put into it is written so that it
//! can be nothing but text, wherever the operator put the place.

use std::fmt;
use std::path::Path;

/// The largest template, in bytes: every refusal answers with one.
const MOST_BYTES: u64 = 64 * 1024;

/// A template, ready to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Texts, each with the place that follows it.
    pieces: Box<[(Box<str>, Place)]>,
    /// What follows the last place.
    rest: Box<str>,
}

/// What stands in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The status, in digits.
    Status,
    /// The name of the status.
    Name,
    /// The word that says why.
    Reason,
    /// The sentence that says why.
    Sentence,
    /// The client's address.
    Client,
    /// The request's id, where it has a usual one.
    RequestId,
    /// The node's name.
    Node,
    /// The time.
    Time,
}

impl Place {
    /// Every place, under the name that a template has for it.
    const ALL: [(&str, Self); 8] = [
        ("status", Self::Status),
        ("name", Self::Name),
        ("reason", Self::Reason),
        ("sentence", Self::Sentence),
        ("client", Self::Client),
        ("request_id", Self::RequestId),
        ("node", Self::Node),
        ("time", Self::Time),
    ];
}

/// Why a file is no template, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// A file that cannot be read, is too large or not UTF-8, and a place that there is not.
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        let file = path.display();
        let unreadable = |why: std::io::Error| TemplateError {
            what: format!("{file} cannot be read: {why}"),
            remedy: "name a file with HTML".into(),
        };
        // A pipe would be waited for.
        let found = std::fs::metadata(path).map_err(unreadable)?;
        if !found.is_file() || found.len() > MOST_BYTES {
            let what = format!("{file} is no file of at most {MOST_BYTES} bytes");
            let remedy = "keep pictures and styles elsewhere: the page is sent with every error";
            return Err(TemplateError { what, remedy: remedy.into() });
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|why| {
            let before = &why.as_bytes()[..why.utf8_error().valid_up_to()];
            let what = format!("line {} of {file} is not UTF-8", line(before));
            TemplateError { what, remedy: "save the file as UTF-8".into() }
        })?;
        Self::parse(&text).map_err(|(at, what)| TemplateError {
            what: format!("line {} of {file} has {what}", line(&text.as_bytes()[..at])),
            remedy: remedy(),
        })
    }

    /// Takes `text` apart; else says what is wrong with it at which byte.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let at = text.len() - after.len();
            // A name is never longer than the line on which it begins.
            let line = after.lines().next().unwrap_or_default();
            let Some((name, _)) = line.split_once("}}") else {
                return Err((at, "a `{{` that is not closed by `}}`".into()));
            };
            let known = Place::ALL.iter().find(|(known, _)| *known == name.trim());
            let Some((_, place)) = known else {
                let name: String = name.trim().chars().take(40).collect();
                return Err((
                    at,
                    format!("`{{{{{}}}}}`, which stands for nothing", name.escape_debug()),
                ));
            };
            pieces.push((before.into(), *place));
            rest = &after[name.len() + "}}".len()..];
        }
        Ok(Self { pieces: pieces.into(), rest: rest.into() })
    }

    /// The page, with what `told` has for each place.
    pub fn render<'a>(&self, told: impl Fn(Place) -> &'a str) -> String {
        let texts = self.pieces.iter().map(|(text, _)| text.len()).sum::<usize>();
        let mut page = String::with_capacity(texts + self.rest.len() + 64 * self.pieces.len());
        for (text, place) in &self.pieces {
            page.push_str(text);
            escape(&mut page, told(*place));
        }
        page.push_str(&self.rest);
        page
    }
}

/// The number of the line that follows `before`.
fn line(before: &[u8]) -> usize {
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn remedy() -> String {
    let names = Place::ALL.map(|(name, _)| format!("{{{{{name}}}}}"));
    format!("what may stand there is {}", names.join(", "))
}

/// Writes `text` as HTML that means just that in a text and in an attribute, with quotation marks or
/// without, and that ends no string of a script.
fn escape(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            'a'..='z'
            | 'A'..='Z'
            | '0'..='9'
            | ' '
            | '-'
            | '_'
            | '.'
            | ','
            | ':'
            | ';'
            | '('
            | ')' => {
                page.push(character);
            }
            _ => {
                page.push_str("&#");
                page.push_str(itoa::Buffer::new().format(u32::from(character)));
                page.push(';');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, told: &str) -> String {
        Template::parse(text).unwrap().render(|_| told)
    }

    #[test]
    fn places_are_filled_and_the_rest_stays() {
        let template = Template::parse("<p>{{status}} {{ name }}</p>{{time}}").unwrap();
        let page = template.render(|place| match place {
            Place::Status => "503",
            Place::Name => "Service Unavailable",
            _ => "now",
        });
        assert_eq!(page, "<p>503 Service Unavailable</p>now");
        for plain in ["", "no place", "a { b } c", "}} {"] {
            assert_eq!(rendered(plain, "x"), plain);
        }
        for (name, place) in Place::ALL {
            let template = Template::parse(&format!("{{{{{name}}}}}")).unwrap();
            assert_eq!(*template.pieces, [("".into(), place)]);
        }
    }

    #[test]
    fn a_value_is_never_more_than_text() {
        for (hostile, harmless) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;&#47;script&gt;"),
            ("\" onload='x'", "&quot; onload&#61;&#39;x&#39;"),
            ("a&b", "a&amp;b"),
            ("x`y\\z", "x&#96;y&#92;z"),
            ("{{status}}", "&#123;&#123;status&#125;&#125;"),
            ("\u{e9}\u{202e}\n", "&#233;&#8238;&#10;"),
        ] {
            assert_eq!(rendered("{{request_id}}", hostile), harmless);
        }
    }

    #[test]
    fn what_stands_for_nothing_is_told_with_its_line_and_what_there_is() {
        let file = std::env::temp_dir().join(format!("tidegate-template-{}", std::process::id()));
        let told = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            Template::read(&file).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(told(b"<p>\n{{status}}"), Ok(()));
        for (bytes, words) in [
            (&b"<p>\n\n{{url}}</p>"[..], &["line 3 of ", "`{{url}}`", "{{request_id}}"][..]),
            (b"{{status}}\n{{ node", &["line 2 of ", "not closed"]),
            (b"{{\nstatus}}", &["line 1 of ", "not closed"]),
            (b"\n\xff", &["line 2 of ", "not UTF-8"]),
            (&vec![b'x'; 65_537], &["at most 65536 bytes"]),
        ] {
            let error = told(bytes).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
        assert_eq!(told(&vec![b'x'; 65_536]), Ok(()));
        std::fs::remove_file(&file).unwrap();
        assert!(Template::read(&file).unwrap_err().what.contains("cannot be read"));
        assert!(Template::read(&std::env::temp_dir()).unwrap_err().what.contains("is no file"));
    }
}
