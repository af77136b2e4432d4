//! The rules of the house that no lint can say: head paragraphs, file sizes, layers, who may name
//! which crate, where clocks are asked, and where nothing may be unwrapped. Each complaint names
//! the place, the rule and its reason. The checks read tokens, not text, so that comments and
//! strings do not count and grouped imports do; `tidy/bad.rs` shows that each
//! can fail.

#[path = "tidy/bad.rs"]
mod bad;
#[path = "tidy/tokens.rs"]
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use tokens::{Token, paths, test_only, tokens};

const MAX_LINES: usize = 400;

/// A room imports only from rooms above its own line.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["telemetry", "semantics", "config", "net", "geo", "wire"],
    &["store", "origin", "site", "front", "listen", "fleet", "stream"],
    &["fetch", "purge", "reply", "geodns"],
    &["flow"],
    &["admin"],
    &["server"],
    &["cli", "fuzzing", "main"],
];

/// Imports within a layer, each with its reason.
const NEIGHBOURS: &[(&str, &str, &str)] = &[
    ("config", "geo", "a configuration holds sets of prefixes"),
    ("main", "cli", "the binary is nothing but its command line"),
];

/// Paths that only some places may name: the path, the places, the reason.
const NAMES: &[(&[&str], &[&str], &str)] = &[
    (&["hyper", "server"], &["src/front/"], "one room turns bytes into requests"),
    (&["httparse"], &["src/wire/"], "one room splits the heads of HTTP/1"),
    (
        &["hyper", "client"],
        &["src/net/"],
        "origins are asked by `origin`, which reads HTTP/1 itself",
    ),
    (&["rustls"], OUTWARD, "what speaks TLS stands in three rooms"),
    (&["tokio_rustls"], OUTWARD, "what speaks TLS stands in three rooms"),
    (&["hickory_resolver"], OUTWARD, "what resolves names stands in three rooms"),
    (&["maxminddb"], &["src/geo/"], "one room knows where networks are"),
    (&["tokio", "time"], CLOCK, "time is a value: ask base::Clock"),
    (&["Instant", "now"], CLOCK, "time is a value: ask base::Clock"),
    (&["SystemTime", "now"], CLOCK, "time is a value: ask base::Clock"),
];

const OUTWARD: &[&str] = &["src/net/", "src/front/", "src/origin/"];
const CLOCK: &[&str] = &["src/base/clock.rs"];

#[test]
fn every_file_of_the_source_opens_with_a_head_paragraph() {
    check(&["src"], head_paragraph);
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    check(&["src", "tests", "benches"], size);
}

#[test]
fn rooms_import_only_from_lower_layers() {
    check(&["src"], layers);
}

#[test]
fn crates_and_clocks_are_named_only_where_they_belong() {
    check(&["src"], names);
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    check(&["src"], unwraps);
}

/// Runs `rule` over every Rust file in `folders` and fails with all complaints.
fn check(folders: &[&str], rule: fn(&str, &str) -> Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    assert!(files.len() > 10, "only {} files found: this checks nothing", files.len());
    let mut complaints = Vec::new();
    for file in &files {
        let path = file.strip_prefix(root).expect("it was found there").to_string_lossy();
        complaints.extend(rule(&path, &fs::read_to_string(file).expect("it was listed")));
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("the folder can be read").path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn head_paragraph(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let head = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let sentence = head.find(". ").map_or(&*head, |end| &head[..=end]);
    if sentence.ends_with('.') && sentence.split_whitespace().count() >= 4 {
        return Vec::new();
    }
    vec![format!(
        "{path}:1: the file opens with no `//!` sentence: a reader must learn first what it owns \
         and what it leaves to others"
    )]
}

fn size(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if lines <= MAX_LINES {
        return Vec::new();
    }
    vec![format!("{path}:{lines}: more than {MAX_LINES} lines: a file is read in one go")]
}

fn layers(path: &str, text: &str) -> Vec<String> {
    if path == "src/lib.rs" {
        return Vec::new(); // It names every room and holds nothing else.
    }
    let inside: Vec<&str> = path.trim_start_matches("src/").split('/').collect();
    let room = inside[0].trim_end_matches(".rs");
    let Some(layer) = layer(room) else {
        return vec![format!(
            "{path}:1: `{room}` stands in no layer: give it one in tests/tidy.rs"
        )];
    };
    let depth = inside.len() - usize::from(inside.last() == Some(&"mod.rs"));
    let mut complaints = Vec::new();
    for found in paths(&tokens(text)) {
        let at = format!("{path}:{}", found.line);
        let climbs = found.segments.iter().take_while(|segment| *segment == "super").count();
        if climbs >= depth + found.modules {
            complaints.push(format!(
                "{at}: `{}` climbs out of its room: say `crate::`, so that a reader sees the layer",
                found.segments.join("::")
            ));
        }
        let [root, other, ..] = &found.segments[..] else { continue };
        if (root != "crate" && root != "tidegate") || other == room || root == other {
            continue;
        }
        let allowed = match self::layer(other) {
            Some(theirs) => theirs < layer || neighbours(room, other),
            None => false,
        };
        if !allowed {
            complaints.push(format!(
                "{at}: `{room}` (layer {layer}) uses `crate::{other}`, which is not below it: a \
                 room imports only from lower layers, the seams go the other way"
            ));
        }
    }
    complaints.dedup();
    complaints
}

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

fn neighbours(room: &str, other: &str) -> bool {
    NEIGHBOURS.iter().any(|(from, to, _)| *from == room && *to == other)
}

fn names(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for found in paths(&tokens(text)) {
        for (name, places, reason) in NAMES {
            // A crate begins a path; a type's function may end one.
            let matches = if name[0].starts_with(char::is_uppercase) {
                found.segments.ends_with(&owned(name))
            } else {
                found.segments.starts_with(&owned(name))
            };
            if matches && !places.iter().any(|place| path.starts_with(place)) {
                complaints.push(format!(
                    "{path}:{}: names `{}`, which belongs in {}: {reason}",
                    found.line,
                    name.join("::"),
                    places.join(", ")
                ));
            }
        }
    }
    complaints.dedup();
    complaints
}

fn owned(name: &[&str]) -> Vec<String> {
    name.iter().map(ToString::to_string).collect()
}

fn unwraps(path: &str, text: &str) -> Vec<String> {
    if path.ends_with("_tests.rs") {
        return Vec::new();
    }
    let tokens = tokens(text);
    let tests = test_only(&tokens);
    let unwraps = tokens.iter().zip(tests).filter(|(token, test)| token.text == "unwrap" && !test);
    let complaint = |(token, _): (&Token, _)| {
        format!(
            "{path}:{}: unwraps: nothing that a peer can influence may panic; an `expect` states \
             why it cannot",
            token.line
        )
    };
    unwraps.map(complaint).collect()
}
