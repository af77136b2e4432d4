//! The public test suite of HTTP caches (cache-tests.fyi) through the edge, by HTTP/1.1 and by HTTP/2: of
//! what it requires nothing fails but what this file names, with the reason.
//!
//! One test, with what was said on the wire, of an edge that is already there:
//!
//!     node tests/real/cache_suite/drive.mjs target/cache-tests/package ask http://127.0.0.1:8080 TEST

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::edge::{Edge, Ports};
use super::process::{Process, Scratch, free_port, output};
use super::wait::{SOON, alone, until};

/// The suite's sites: what nothing is configured for, and the one that has what is off by default.
const SITES: &str = "[site.plain]\nhosts = [\"127.0.0.1\"]\ncluster = \"wiki\"\n\
    [site.heuristic]\nhosts = [\"localhost\"]\ncluster = \"wiki\"\nheuristic_freshness = true\n";

/// Required by the suite, and otherwise here.
const OTHERWISE: [(&[&str], &str); 5] = [
    (
        &[
            "age-parse-nonnumeric",
            "age-parse-negative",
            "age-parse-float",
            "age-parse-prefix-twoline",
            "age-parse-dup-0",
            "age-parse-dup-0-twoline",
            "age-parse-dup-old",
            "age-parse-parameter",
            "age-parse-numeric-parameter",
        ],
        "of Age the first member counts, and what is no number is ignored (RFC 9111 §5.1, which is younger)",
    ),
    (
        &[
            "stale-close-must-revalidate",
            "stale-close-proxy-revalidate",
            "stale-close-no-cache",
            "stale-close-s-maxage=2",
        ],
        "502, since stale is forbidden; the suite takes an answer for cached that lacks its origin's fields",
    ),
    (
        &["headers-store-Set-Cookie", "304-etag-update-response-Set-Cookie"],
        "one user's cookie is not shared (RFC 9111 §7.3)",
    ),
    (
        &["headers-store-Transfer-Encoding"],
        "502: a coding that nobody knows frames nothing (RFC 9112 §6.1)",
    ),
    (
        &["304-etag-update-response-ETag"],
        "the 304 is of another entity tag than was asked for, so that the whole is asked for (RFC 9111 §4.3.4)",
    ),
];

/// Called optimal by the suite, and left out here.
const LEFT_OUT: [(&[&str], &str); 5] = [
    (&["method-POST"], "what POST brings is not stored"),
    (
        &["vary-normalise-lang-select"],
        "which language an origin would choose is the origin's to say",
    ),
    (
        &["vary-normalise-space"],
        "of a field that nobody knows only the same bytes are the same (RFC 9111 §4.1)",
    ),
    (
        &["conditional-lm-fresh-no-lm"],
        "the date that it asks with is before the answer's Date, which stands for Last-Modified (RFC 9111 §4.3.2)",
    ),
    (
        &[
            "partial-store-partial-reuse-partial",
            "partial-store-partial-reuse-partial-byterange",
            "partial-store-partial-reuse-partial-absent",
            "partial-store-partial-reuse-partial-suffix",
            "partial-store-partial-complete",
        ],
        "502: a miss asks for the whole, and its origin answers with a part that nobody asked for",
    ),
];

/// The same of a response with Set-Cookie.
const COOKIE: &str = "other-set-cookie";

/// What the suite says of a test.
struct Judged {
    kind: String,
    result: String,
    line: String,
}

#[test]
#[ignore = "needs node and the suite: tests/real/install"]
fn the_public_suite_of_caches_finds_nothing() {
    let _alone = alone();
    let port = free_port();
    let folder = Scratch::new("cache-suite");
    let mut command = driver("serve", &port.to_string());
    let _origin = Process::start("origin", folder.path(), &mut command);
    let origin = ([127, 0, 0, 1], port).into();
    until("the suite's origin listens", SOON, || TcpStream::connect(origin).is_ok());
    let edge = Edge::configured(&Ports::free(), origin, "64MiB", SITES);
    let [plain, tls] = [edge.plain.port(), edge.tls.port()];
    // All at once: the suite waits most of the time.
    let runs = [
        ("plain over HTTP/1.1", format!("http://127.0.0.1:{plain}")),
        ("plain over HTTP/2", format!("https://127.0.0.1:{tls}")),
        ("heuristic freshness over HTTP/1.1", format!("http://localhost:{plain}")),
    ];
    let judged = std::thread::scope(|scope| {
        let run = |(_, base): &(_, String)| {
            let base = base.clone();
            scope.spawn(move || ask(&base))
        };
        let all: Vec<_> = runs.iter().map(run).collect();
        all.into_iter().map(|run| run.join().expect("the suite ran")).collect::<Vec<_>>()
    });
    for ((name, _), tests) in runs.iter().zip(&judged) {
        println!("cache-tests, {name}: {}", counted(tests));
    }
    let heuristic = |id: &str| id.starts_with("heuristic-");
    for ((name, _), tests) in runs.iter().zip(&judged) {
        let may_fail = |id: &str, kind: &str| match kind {
            "required" => is_among(&OTHERWISE, id),
            "optimal" => {
                is_among(&LEFT_OUT, id)
                    || id == COOKIE
                    || heuristic(id) && name.starts_with("plain")
            }
            _ => true,
        };
        for (id, test) in tests {
            let as_expected = test.result == "passed" || may_fail(id, &test.kind);
            assert!(as_expected, "{name}: {}", test.line);
        }
        let stands = |ids: &&str| tests.get(*ids).is_some_and(|test| test.result != "passed");
        let named = OTHERWISE.iter().chain(&LEFT_OUT).flat_map(|(ids, _)| *ids);
        let gone: Vec<_> = named.filter(|id| !stands(id)).collect();
        assert!(gone.is_empty(), "{name}: named in this file, and passed: {gone:?}");
    }
    edge.stop();
}

fn is_among(lists: &[(&[&str], &str)], id: &str) -> bool {
    lists.iter().any(|(ids, _)| ids.contains(&id))
}

/// How many tests of each kind passed.
fn counted(tests: &BTreeMap<String, Judged>) -> String {
    let of = |kind: &str| {
        let all = tests.values().filter(|test| test.kind == kind);
        let (passed, count) = all.fold((0, 0), |(passed, count), test| {
            (passed + u32::from(test.result == "passed"), count + 1)
        });
        format!("{passed} of {count} {kind}")
    };
    ["required", "optimal", "check"].map(of).join(", ")
}

/// Runs the suite through the cache at `base`.
fn ask(base: &str) -> BTreeMap<String, Judged> {
    let (status, said) = output("cache-suite", &mut driver("ask", base), 12 * SOON);
    assert!(status.success(), "{base}:\n{said}");
    let mut tests = BTreeMap::new();
    for line in said.lines() {
        let mut parts = line.splitn(4, '\t');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let (kind, result, id) = (part(), part(), part());
        tests.insert(id, Judged { kind, result, line: line.to_owned() });
    }
    assert!(tests.len() > 300, "the suite has more tests than:\n{said}");
    tests
}

fn driver(task: &str, value: &str) -> Command {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let suite: PathBuf = here.join("target/cache-tests/package");
    let mut command = Command::new("node");
    command.arg(here.join("tests/real/cache_suite/drive.mjs")).arg(suite).args([task, value]);
    command
}
