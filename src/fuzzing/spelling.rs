//! The spelling of targets: what is spelled means the same to whoever reads it, MediaWiki and PHP
//! above all, and nothing is spelled twice.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::uri::PathAndQuery;

use super::first_line;
use crate::config::{PathEncoding, QueryPolicy, Spelling};
use crate::site::{Spelled, respell};

/// By name.
static POLICIES: LazyLock<[(&str, Spelling); 5]> = LazyLock::new(|| {
    let wiki = |pages: &str, index: &str| Spelling {
        path: PathEncoding::MediaWiki,
        rest_paths: vec!["/api/rest_v1/".into(), "/w/rest.php/".into()],
        query: QueryPolicy::Sorted,
        drop_parameters: vec!["utm_*".into(), "fbclid".into()],
        article_path: Some(pages.into()),
        index_path: index.into(),
    };
    let other = |path, query| Spelling {
        path,
        query,
        rest_paths: Vec::new(),
        article_path: None,
        ..wiki("", "/w/index.php")
    };
    [
        ("wiki", wiki("/wiki/", "/w/index.php")),
        ("root", wiki("/", "/index.php")),
        ("upload", other(PathEncoding::Upload, QueryPolicy::Dropped)),
        ("generic", other(PathEncoding::Generic, QueryPolicy::Sorted)),
        ("sent", other(PathEncoding::AsSent, QueryPolicy::AsSent)),
    ]
});

/// `data` as a line with a policy's name, and a target. What is spelled is a target, stays what it is
/// when it is spelled again, and says the same as before: the same segments, and of each variable of
/// PHP's the same parameters in the same order, but for those that are dropped.
pub fn spelling(data: &[u8]) {
    let (name, target) = first_line(data);
    let Some((_, policy)) = POLICIES.iter().find(|policy| policy.0.as_bytes() == name) else {
        return;
    };
    let Ok(target) = std::str::from_utf8(target) else { return };
    // As the plan hands them over: an origin-form target without a fragment.
    if target.parse::<PathAndQuery>().is_err() || target.contains('#') || !target.starts_with('/') {
        return;
    }
    let Spelled { target: spelled, canonical } = respell(target, policy);
    let spelled = &*spelled;
    assert!(spelled.parse::<PathAndQuery>().is_ok(), "{spelled} is no target");
    assert!(spelled.len() <= usize::from(u16::MAX - 1).max(target.len()), "it grew too long");
    let again = respell(spelled, policy);
    assert_eq!((&*again.target, again.canonical), (spelled, canonical), "it is spelled twice");
    let (path, query) = parts(target);
    let (new_path, new_query) = parts(spelled);
    if policy.path != PathEncoding::AsSent && spelled != target {
        assert!(new_path.is_ascii(), "{new_path}");
    }
    if policy.query != QueryPolicy::AsSent {
        assert_ne!(new_query, Some(""), "{spelled} has an empty query");
    }
    if canonical && new_path.starts_with("/wiki/") && name == b"wiki" {
        assert!(new_query.is_none(), "{spelled} is never purged");
        assert!(!new_path.split('/').any(|part| part == ".." || part == "."), "{spelled}");
    }
    if is_folded(path, new_path, policy) {
        return check_fold(query.unwrap_or_default(), spelled, policy);
    }
    check_path(path, new_path, policy);
    check_query(query, new_query, policy);
    if name == b"wiki" && path.starts_with("/wiki/") && spelled != target {
        check_title(path, spelled, policy);
    }
}

fn parts(target: &str) -> (&str, Option<&str>) {
    target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)))
}

fn is_folded(path: &str, new_path: &str, policy: &Spelling) -> bool {
    policy.article_path.is_some()
        && decoded(path, false) == b"/w/index.php"
        && new_path != "/w/index.php"
}

/// The segments are the same, as far as the policy tells them apart.
fn check_path(path: &str, new_path: &str, policy: &Spelling) {
    let whole = |path: &str| decoded(path, false);
    let segments = |path: &str| path.split('/').map(whole).collect::<Vec<_>>();
    match policy.path {
        PathEncoding::AsSent => assert_eq!(path, new_path),
        PathEncoding::Generic => assert_eq!(segments(path), segments(new_path)),
        PathEncoding::MediaWiki => {
            assert_eq!(whole(path), whole(new_path));
            if policy.rest_paths.iter().any(|rest| path.starts_with(&**rest)) {
                assert_eq!(segments(path), segments(new_path), "a slash is another one");
            }
        }
        PathEncoding::Upload => {
            let mut merged = whole(path);
            merged.dedup_by(|a, b| *a == b'/' && *b == b'/');
            assert!(merged == whole(new_path) || path == new_path, "{path} became {new_path}");
        }
    }
}

/// The parameters of each variable are the same, but for those that are dropped.
fn check_query(query: Option<&str>, new_query: Option<&str>, policy: &Spelling) {
    if query == new_query || policy.query == QueryPolicy::Dropped {
        return;
    }
    let (query, new_query) = (query.unwrap_or_default(), new_query.unwrap_or_default());
    let mut kept = variables(query);
    kept.values_mut().for_each(|those| those.retain(|one| !is_dropped(one, policy)));
    kept.retain(|_, those| !those.is_empty());
    assert_eq!(kept, variables(new_query), "{query} became {new_query}");
}

/// A page's path asks for the title that the query asked for, and that asked for nothing else.
fn check_fold(query: &str, spelled: &str, policy: &Spelling) {
    let asked: Vec<_> = query.split('&').filter(|one| !one.is_empty()).collect();
    let asked: Vec<_> = asked.into_iter().filter(|one| !is_dropped(one, policy)).collect();
    let [one] = asked[..] else { panic!("{query} asks for more than a page") };
    let (name, title) = one.split_once('=').unwrap_or((one, ""));
    assert_eq!(decoded(name, true), b"title");
    let mut title = decoded(title, true);
    title.iter_mut().filter(|byte| **byte == b' ').for_each(|byte| *byte = b'_');
    let path = spelled.strip_prefix("/wiki/").unwrap_or_else(|| panic!("{spelled} is no page"));
    assert_eq!(decoded(path, false), title, "{query} asks for another page than {spelled}");
}

/// However a title is written, it is spelled in one way.
fn check_title(path: &str, spelled: &str, policy: &Spelling) {
    let mut escaped = String::from("/wiki/");
    for byte in decoded(&path["/wiki/".len()..], false) {
        escaped += &format!("%{byte:02x}");
    }
    escaped += &spelled[parts(spelled).0.len()..];
    if escaped.len() < usize::from(u16::MAX) {
        assert_eq!(respell(&escaped, policy).target, spelled, "{path} has two spellings");
    }
}

/// The parameters by the variable that PHP puts them into.
fn variables(query: &str) -> BTreeMap<Vec<u8>, Vec<&str>> {
    let mut variables = BTreeMap::<_, Vec<&str>>::new();
    for one in query.split('&').filter(|one| !one.is_empty()) {
        let mut name = decoded(one.split('=').next().unwrap_or_default(), true);
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        name.truncate(end);
        let blanks = name.iter().take_while(|byte| **byte == b' ').count();
        name.drain(..blanks);
        if let Some(open) = name.iter().position(|byte| *byte == b'[') {
            match name[open..].contains(&b']') {
                true => name.truncate(open),
                false => name[open] = b'_',
            }
        }
        let forbidden = name.iter_mut().filter(|byte| matches!(**byte, b' ' | b'.'));
        forbidden.for_each(|byte| *byte = b'_');
        variables.entry(name).or_default().push(one);
    }
    variables
}

/// Whether the policy's list names the parameter.
fn is_dropped(parameter: &str, policy: &Spelling) -> bool {
    let name = decoded(parameter.split('=').next().unwrap_or_default(), true);
    policy.drop_parameters.iter().any(|listed| match listed.strip_suffix('*') {
        Some(begin) => name.starts_with(begin.as_bytes()),
        None => name == listed.as_bytes(),
    })
}

/// The bytes that a path, or what stands in a query, means.
fn decoded(text: &str, query: bool) -> Vec<u8> {
    let (text, mut bytes, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < text.len() {
        let digits = text.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        let digits = digits.filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let escaped = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (text[at], escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                at += 2;
            }
            (b'+', _) if query => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
        at += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: [&str; 56] = [
        "/wiki/",
        "/w/",
        "/w/index.php",
        "index.php",
        "load.php",
        "/api/rest_v1/",
        "/",
        "//",
        ".",
        "..",
        "%2e",
        "%2F",
        "%2f",
        "?",
        "?",
        "&",
        "&",
        "&&",
        "=",
        "title",
        "titl%65",
        "action=history",
        "utm_",
        "utm%5Fx",
        "fbclid",
        "A",
        "b",
        "Z_",
        "_",
        "+",
        "%20",
        "%00",
        "%",
        "%%",
        "%4",
        "%41",
        "%c3%a9",
        "%C3%89",
        "%ff",
        "\u{e9}",
        ";",
        "%3B",
        "'",
        "(",
        "%29",
        ":",
        "@",
        "[",
        "]",
        "[]",
        "%5b",
        "%5D",
        "%23",
        "%3f",
        "%26",
        "{",
    ];

    #[test]
    fn whatever_is_asked_for_means_the_same_in_its_one_spelling() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let mut input = format!("{}\n/", POLICIES[random.usize(..POLICIES.len())].0);
            for _ in 0..random.usize(..14) {
                input += PIECES[random.usize(..PIECES.len())];
            }
            let spelled = std::panic::catch_unwind(|| spelling(input.as_bytes()));
            assert!(spelled.is_ok(), "{input:?}");
        }
    }
}
