//! Wikitext → HTML, as much of it as the demo needs: paragraphs, `== headings ==`, `* lists`,
//! `'''bold'''`, `''italic''`, `[[links]]` and figures. Whatever is not one of these is text and is
//! escaped: nothing that a visitor writes reaches a page as markup of its own.

use super::title::{Title, encode};

/// How far ahead the end of a link is looked for, in bytes: a text of nothing but `[[` must not
/// take time in the square of its length.
const MAX_LINK: usize = 500;

/// The HTML of `text`.
pub(super) fn render(text: &str) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    let mut lines = text.lines().map(str::trim_end).peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        if let Some(heading) = line.strip_prefix("==").and_then(|l| l.strip_suffix("==")) {
            html += &format!("<h2>{}</h2>\n", inline(heading.trim()));
        } else if let Some(figure) = figure(line) {
            html += &figure;
        } else if let Some(first) = line.strip_prefix('*') {
            html += &format!("<ul>\n<li>{}</li>\n", inline(first.trim()));
            while let Some(item) = lines.next_if(|next| next.starts_with('*')) {
                html += &format!("<li>{}</li>\n", inline(item[1..].trim()));
            }
            html += "</ul>\n";
        } else {
            html += &format!("<p>{}", inline(line));
            while let Some(more) = lines.next_if(|next| continues(next)) {
                html += &format!("\n{}", inline(more));
            }
            html += "</p>\n";
        }
    }
    html
}

/// `text` with everything that HTML gives a meaning replaced, for text and quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            _ => out.push(c),
        }
    }
    out
}

fn continues(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("==") && !line.starts_with('*') && figure(line).is_none()
}

/// A line that is nothing but `[[File:name|caption]]`.
fn figure(line: &str) -> Option<String> {
    let inner = line.strip_prefix("[[File:")?.strip_suffix("]]")?;
    let (name, caption) = inner.split_once('|')?;
    let (source, alt) = (encode(name), escape(name));
    let caption = inline(caption);
    Some(format!(
        "<figure><img src=\"/images/{source}\" alt=\"{alt}\"><figcaption>{caption}</figcaption></figure>\n"
    ))
}

/// A line's text with its links and emphasis. Emphasis ends with the line at the latest.
fn inline(text: &str) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    let mut open: Option<&str> = None;
    let mut plain = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let (piece, length) = if let Some((link, length)) = link(rest) {
            (link, length)
        } else if rest.starts_with("'''") {
            (toggle(&mut open, "b"), 3)
        } else if rest.starts_with("''") {
            (toggle(&mut open, "i"), 2)
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        html += &escape(&text[plain..at]);
        html += &piece;
        at += length;
        plain = at;
    }
    html += &escape(&text[plain..]);
    if let Some(tag) = open {
        html += &format!("</{tag}>");
    }
    html
}

/// Opens or closes `tag`; at most one is open, so that tags always nest.
fn toggle(open: &mut Option<&'static str>, tag: &'static str) -> String {
    match open.take() {
        Some(same) if same == tag => format!("</{tag}>"),
        other => {
            *open = Some(tag);
            other.map_or(String::new(), |other| format!("</{other}>")) + &format!("<{tag}>")
        }
    }
}

/// The link that `text` begins with, and how many bytes it takes.
fn link(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix("[[")?;
    let end =
        inner.bytes().take(MAX_LINK).zip(inner.bytes().skip(1)).position(|b| b == (b']', b']'))?;
    let (target, label) = inner[..end].split_once('|').unwrap_or((&inner[..end], &inner[..end]));
    let title = Title::parse(target)?;
    Some((format!("<a href=\"{}\">{}</a>", escape(&title.path()), escape(label)), end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_html() {
        let cases = [
            ("a\nb\n\nc", "<p>a\nb</p>\n<p>c</p>\n"),
            ("== The sea ==\nx", "<h2>The sea</h2>\n<p>x</p>\n"),
            ("* a\n* b\nc", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<p>c</p>\n"),
            ("'''a''' ''b'' it's", "<p><b>a</b> <i>b</i> it&#39;s</p>\n"),
            ("'''a ''b", "<p><b>a </b><i>b</i></p>\n"),
            ("[[spring tide|springs]]s", "<p><a href=\"/wiki/Spring_tide\">springs</a>s</p>\n"),
            ("[[", "<p>[[</p>\n"),
            ("", ""),
        ];
        for (text, html) in cases {
            assert_eq!(render(text), html, "{text}");
        }
    }

    #[test]
    fn nothing_written_becomes_markup_of_its_own() {
        let attacks = [
            "<script>alert(1)</script>",
            "== <b onclick=x> ==",
            "* <img src=x onerror=y>",
            "[[Tide|<script>]]",
            "[[\" onmouseover=\"x]]",
            "[[<script>]]",
            "[[File:\" onerror=\"x|<i>]]",
            "[[File:x.svg|a\"b'c<d>]]",
        ];
        for attack in attacks {
            let html = render(attack);
            for bad in ["<script", "<b on", "<img src=x", "<i>", "\" on", "<d>"] {
                assert!(!html.contains(bad), "{attack} became {html}");
            }
        }
    }

    #[test]
    fn a_text_of_nothing_but_brackets_is_text() {
        let html = render(&"[[".repeat(16_384));
        assert!(!html.contains("<a"));
    }
}
