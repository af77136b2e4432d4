//! What administrators say of datacenters: lines `PATTERN => UP` or `PATTERN => DOWN` as in gdnsd's
//! `admin_state`, where the pattern is of `RESOURCE/DATACENTER` or `MAP/DATACENTER` and `*` and `?` stand for
//! any bytes and one. The last line that matches holds; one that matches the resource goes before one that
//! matches its map. gdnsd's `geoip/` before the pattern means nothing.

use std::fmt;

/// The rules, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pattern: String,
    up: bool,
    /// The line's number, from 1.
    line: usize,
}

impl Rule {
    /// Whether what it matches is up.
    pub fn is_up(&self) -> bool {
        self.up
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.up { "UP" } else { "DOWN" };
        write!(f, "{} => {state} in line {}", self.pattern, self.line)
    }
}

impl Rules {
    /// Reads a file's text; `#` begins a comment.
    ///
    /// # Errors
    /// A sentence a line that is none.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        for (at, line) in text.lines().enumerate() {
            let said = line.split('#').next().unwrap_or_default().trim();
            if said.is_empty() {
                continue;
            }
            // What follows the state, such as gdnsd's time to live, is for others.
            let rule = said.split_once("=>").and_then(|(pattern, state)| {
                let up = match state.trim().split('/').next()? {
                    "UP" => true,
                    "DOWN" => false,
                    _ => return None,
                };
                let pattern = pattern.trim();
                let pattern = pattern.strip_prefix("geoip/").unwrap_or(pattern);
                let pattern = pattern.to_owned();
                (!pattern.is_empty()).then_some(Rule { pattern, up, line: at + 1 })
            });
            match rule {
                Some(rule) => rules.push(rule),
                None => errors.push(format!(
                    "line {}: `{said}` is no rule: write one such as text/ams => DOWN",
                    at + 1
                )),
            }
        }
        if errors.is_empty() { Ok(Self(rules)) } else { Err(errors) }
    }

    /// The rule that holds for a datacenter in a resource of a map.
    pub fn find(&self, resource: &str, map: &str, datacenter: &str) -> Option<&Rule> {
        let last = |of: &str| {
            let what = format!("{of}/{datacenter}");
            self.0.iter().rev().find(|rule| matches(rule.pattern.as_bytes(), what.as_bytes()))
        };
        last(resource).or_else(|| last(map))
    }
}

/// Whether a glob matches all of `text`.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    // Behind the last star, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g + 1, t));
                g += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => (g, t) = (g + 1, t + 1),
            _ => {
                let Some((behind, reach)) = star else { return false };
                star = Some((behind, reach + 1));
                (g, t) = (behind, reach + 1);
            }
        }
    }
    glob.get(g..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_matches_holds_and_resources_go_before_maps() {
        let text = "# all\n* => UP\nworld/ams => DOWN\ngeoip/text-*/ams => DOWN # now\n\
                    upload/?sh => DOWN/300\ntext-next/ams => UP\n";
        let rules = Rules::read(text).unwrap();
        let up = |resource, map, datacenter| rules.find(resource, map, datacenter).map(Rule::is_up);
        assert_eq!(up("text-addrs", "world", "ams"), Some(false));
        assert_eq!(up("text-next", "world", "ams"), Some(true));
        assert_eq!(up("upload", "world", "ash"), Some(false));
        assert_eq!(up("upload", "world", "sin"), Some(true));
        let by_map = Rules::read("world/ams => DOWN\nother/* => UP").unwrap();
        assert_eq!(by_map.find("text", "world", "ams").map(Rule::is_up), Some(false));
        assert_eq!(by_map.find("text", "world", "ash"), None);
        let shown = by_map.find("text", "world", "ams").unwrap().to_string();
        assert_eq!(shown, "world/ams => DOWN in line 1");
    }

    #[test]
    fn lines_that_are_no_rules_are_all_told() {
        let told = Rules::read("a/b => UP\na/b\n => DOWN\na/b => MAYBE\n").unwrap_err();
        assert_eq!(told.len(), 3);
        assert!(told[0].starts_with("line 2: `a/b` is no rule"));
    }

    #[test]
    fn globs_match_as_they_are_read() {
        for (glob, text, is) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbc", true),
            ("a*b*c", "axbxbxc", true),
            ("a*b", "abc", false),
            ("?", "", false),
            ("**a", "bba", true),
        ] {
            assert_eq!(matches(glob.as_bytes(), text.as_bytes()), is, "{glob} {text}");
        }
    }
}
