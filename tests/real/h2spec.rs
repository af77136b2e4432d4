//! h2spec, the public conformance suite of HTTP/2 and HPACK, in its strict form over TLS: no case
//! fails. It asks for a page under whatever host it likes, so this edge has a site for any.
//!
//! Six cases are stricter than RFC 9113 where an answer does not wait for the whole request: they
//! send HEADERS that leave it open, then what is wrong, and want an error. An edge that has answered
//! before that came has ended the stream itself (NO_ERROR, §8.1), and then the rest is to be ignored
//! (§5.1). These cases are asked of a page which comes slowly, so that nothing overtakes them.

use std::process::Command;

use super::client::{Connection, Protocol, Way};
use super::corpus::Corpus;
use super::edge::{Edge, Ports};
use super::nginx::Nginx;
use super::process::output;
use super::slow_origin::SlowOrigin;
use super::wait::{SOON, alone, runtime};

const ANY_HOST: &str = "[site.any]\nhosts = [\"*\"]\ncluster = \"wiki\"\n";

/// What a case that fails is marked with.
const FAILED: char = '×';

/// The cases of the head of this file, by number and words.
const OVERTAKEN: [(&str, &str); 6] = [
    ("http2/5.1/8", "closed: Sends a DATA frame after sending RST_STREAM frame"),
    ("http2/5.1/9", "closed: Sends a HEADERS frame after sending RST_STREAM frame"),
    ("http2/8.1/1", "Sends a second HEADERS frame without the END_STREAM flag"),
    ("http2/8.1.2.1/3", "contains a pseudo-header field as trailers"),
    ("http2/8.1.2.6/1", "which does not equal the DATA frame payload length"),
    ("http2/8.1.2.6/2", "which does not equal the sum of the multiple DATA frames payload length"),
];

#[test]
#[ignore = "needs nginx and h2spec: tests/real/install"]
fn h2spec_finds_nothing() {
    let _alone = alone();
    let nginx = Nginx::start("");
    let corpus = Corpus::write(&nginx.pages(), 2);
    let stored = corpus.path(1);
    let edge = Edge::configured(&Ports::free(), nginx.address(), "64MiB", ANY_HOST);
    runtime().block_on(async {
        let way = Way::to(&edge, Protocol::Http2);
        let mut connection = way.connect().await.expect("the edge is up");
        assert!(matches!(connection, Connection::Http2(_)));
        let answer = connection.fetch(http::Method::GET, &stored, http::HeaderMap::new()).await;
        assert_eq!(answer.expect("an answer").status(), 200);
    });
    let (summary, failed) = h2spec(&edge, &stored, &[]);
    println!("h2spec: {summary}");
    let overtaken = |it: &String| OVERTAKEN.iter().any(|(_, words)| it.contains(words));
    let failed: Vec<String> = failed.into_iter().filter(|it| !overtaken(it)).collect();
    assert!(summary.contains(" 0 skipped") && failed.is_empty(), "{summary} {failed:#?}");
    edge.stop();

    let slow = SlowOrigin::start();
    let edge = Edge::configured(&Ports::free(), slow.address(), "64MiB", ANY_HOST);
    for (page, (case, _)) in (1..).zip(OVERTAKEN) {
        let (summary, failed) = h2spec(&edge, &format!("/slow/{page}"), &[case]);
        assert!(summary.contains("1 tests, 1 passed"), "{case}: {summary} {failed:#?}");
    }
    edge.stop();
}

/// Runs the cases, or all of them; its summary, and those that failed.
fn h2spec(edge: &Edge, path: &str, cases: &[&str]) -> (String, Vec<String>) {
    let mut command = Command::new("h2spec");
    command.args(["--strict", "--tls", "--insecure", "--timeout", "5", "--host", "127.0.0.1"]);
    command.args(["--port", &edge.tls.port().to_string(), "--path", path]).args(cases);
    let (_, said) = output("h2spec", &mut command, 6 * SOON);
    let summary = said.lines().find(|line| line.contains(" tests, "));
    let summary = summary.unwrap_or_else(|| panic!("no summary: {command:?}\n{said}"));
    let failed: Vec<String> =
        said.lines().filter(|line| line.contains(FAILED)).map(str::to_owned).collect();
    if !failed.is_empty() {
        println!("{said}");
    }
    (summary.to_owned(), failed)
}
