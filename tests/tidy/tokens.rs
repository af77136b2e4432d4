//! Rust text as `tidy.rs` needs it: words and signs with their lines, which of them only tests see,
//! and the paths that they make. It reads no grammar beyond that.

/// A word, `::`, or a single sign; comments, strings and characters are left out.
pub(super) struct Token {
    /// Counted from 1.
    pub(super) line: usize,
    /// As written.
    pub(super) text: String,
}

/// Reads `text`; what is not Rust gives some tokens or other.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let text: Vec<char> = text.chars().collect();
    let at = |i: usize| text.get(i).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut tokens, mut i, mut line, mut counted) = (Vec::new(), 0, 1, 0);
    while i < text.len() {
        line += text[counted..i].iter().filter(|c| **c == '\n').count();
        counted = i;
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < text.len() && at(i) != '\n' {
                    i += 1;
                }
                continue;
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= text.len() {
                        break;
                    }
                }
                continue;
            }
            '"' => {
                i = quoted(&text, i, '"');
                continue;
            }
            '\'' => {
                // A lifetime has no second tick.
                let character = at(i + 1) == '\\' || at(i + 2) == '\'';
                i = if character { quoted(&text, i, '\'') } else { i + 1 };
                continue;
            }
            ':' if at(i + 1) == ':' => i += 2,
            c if is_word(c) => {
                while is_word(at(i)) {
                    i += 1;
                }
            }
            _ => i += 1,
        }
        let word: String = text[start..i].iter().collect();
        let hashes = text[i..].iter().take_while(|c| **c == '#').count();
        if matches!(&*word, "r" | "br" | "cr") && at(i + hashes) == '"' {
            let end: Vec<char> = std::iter::once('"').chain((0..hashes).map(|_| '#')).collect();
            i += hashes + 1;
            while i < text.len() && !text[i..].starts_with(&end) {
                i += 1;
            }
            i += end.len();
        } else if !word.trim().is_empty() {
            tokens.push(Token { line, text: word });
        }
    }
    tokens
}

/// Where the literal that begins at `i` has ended.
fn quoted(text: &[char], mut i: usize, quote: char) -> usize {
    i += 1;
    while i < text.len() && text[i] != quote {
        i += if text[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Which tokens stand in an item under `#[cfg(test)]`.
pub(super) fn test_only(tokens: &[Token]) -> Vec<bool> {
    let mut marks = vec![false; tokens.len()];
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    for start in 0..tokens.len() {
        let here = tokens[start..].iter().map(|token| &*token.text);
        if !here.take(attribute.len()).eq(attribute) {
            continue;
        }
        let mut depth = 0;
        for (mark, token) in marks.iter_mut().zip(tokens).skip(start) {
            *mark = true;
            match &*token.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                ";" => {}
                _ => continue,
            }
            if depth == 0 {
                break;
            }
        }
    }
    marks
}

/// A path as written, or one that a `use` makes of groups.
pub(super) struct Found {
    /// Counted from 1.
    pub(super) line: usize,
    /// Its words; `*` where it takes everything.
    pub(super) segments: Vec<String>,
    /// Modules of this file that it stands in.
    pub(super) modules: usize,
}

/// Every path in `tokens`.
pub(super) fn paths(tokens: &[Token]) -> Vec<Found> {
    let text = |i: usize| tokens.get(i).map_or("", |token| &*token.text);
    let (mut found, mut blocks, mut i) = (Vec::new(), Vec::new(), 0);
    while i < tokens.len() {
        let modules = blocks.iter().filter(|module| **module).count();
        match text(i) {
            "{" => blocks.push(i > 1 && text(i - 2) == "mod"),
            "}" => drop(blocks.pop()),
            "use" => {
                i = expand(tokens, i + 1, &[], modules, &mut found);
                continue;
            }
            word if is_name(word) => {
                let (line, mut segments) = (tokens[i].line, vec![word.to_owned()]);
                while text(i + 1) == "::" && is_name(text(i + 2)) {
                    i += 2;
                    segments.push(text(i).to_owned());
                }
                if segments.len() > 1 {
                    found.push(Found { line, segments, modules });
                }
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// Adds every path of the use tree at `i` under `before`, and returns where it has ended.
fn expand(
    tokens: &[Token],
    mut i: usize,
    before: &[String],
    modules: usize,
    found: &mut Vec<Found>,
) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |token| &*token.text);
    let mut segments = before.to_vec();
    loop {
        match text(i) {
            "::" => i += 1,
            "{" => {
                i += 1;
                while !matches!(text(i), "}" | "") {
                    i = expand(tokens, i, &segments, modules, found);
                }
                return i + 1;
            }
            word if is_name(word) || word == "*" => {
                segments.push(word.to_owned());
                i += 1;
                if text(i) != "::" {
                    found.push(Found { line: tokens[i - 1].line, segments, modules });
                    return i;
                }
            }
            _ => return i + 1,
        }
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
