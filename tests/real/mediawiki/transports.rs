//! How soon an edit shows at the edge, by the way in which MediaWiki tells it: PURGE, HTCP, or an event of
//! the purge stream. A reader asks all the time; what counts is when the last request began that was
//! answered with the old page, after MediaWiki had answered the editor.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method};
use tidegate::base::Clock;

use super::super::client::{Protocol, Way};
use super::super::edge::Edge;
use super::super::kafka::broker::Broker;
use super::super::wait::{SOON, alone, runtime, setting, until};
use super::wiki::Wiki;

const TOPIC: &str = "resource-purge";

/// A page of alpha's.
const PAGE: &str = "/wiki/Transported";

/// How MediaWiki tells the edge.
#[derive(Clone, Copy, Debug)]
enum Transport {
    Purge,
    Htcp,
    Stream,
}

#[test]
#[ignore = "needs MediaWiki from Debian and Kafka from Maven Central: tests/real/install"]
fn an_edit_shows_soon_by_whichever_transport_its_purge_comes() {
    let _alone = alone();
    let edits = setting("TIDEGATE_REAL_EDITS", 10);
    let wiki = Wiki::start();
    let mut broker = Broker::new();
    broker.start();
    broker.create(TOPIC, 1);
    let at = broker.address();
    let stream = format!("[[purge.stream]]\nbrokers = [\"{at}\"]\ntopics = [\"{TOPIC}\"]\n");
    let edge = super::tidegate::start_with(wiki.address(), &stream);
    until("the stream is read", SOON, || edge.sum("tidegate_stream_gaps_total") > 0.5);
    println!(
        "| purges by | edits | of which the old page was read after the editor's answer | median | 99th percentile | longest |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for transport in [Transport::Purge, Transport::Htcp, Transport::Stream] {
        let purge = edge.purge;
        wiki.purges_go_to(matches!(transport, Transport::Purge).then_some(purge));
        wiki.clears_go_to(matches!(transport, Transport::Htcp).then_some(purge));
        wiki.events_go_to(matches!(transport, Transport::Stream).then_some(at));
        edit(wiki.address(), &format!("Before {transport:?}."));
        let shown = |n| shown(&edge, &wiki, &format!("{transport:?} tells of {n}."));
        let mut all: Vec<Duration> = (0..edits).map(shown).collect();
        all.sort_unstable();
        // A PURGE is answered before the editor is.
        let promised = !matches!(transport, Transport::Purge) || all.iter().all(Duration::is_zero);
        assert!(promised, "an old page was read after its PURGE: {all:?}");
        let late = all.iter().filter(|after| !after.is_zero()).count();
        let at = |share: usize| all[(all.len() * share / 100).min(all.len() - 1)];
        let cells = [at(50), at(99), at(100)].map(|time| format!("{time:.1?}")).join(" | ");
        println!("| {transport:?} | {edits} | {late} | {cells} |");
    }
}

/// Has a reader ask for the page until it says `text`, and edits it meanwhile; how long after the editor was
/// answered a request began that still got the old page.
fn shown(edge: &Edge, wiki: &Wiki, text: &str) -> Duration {
    let way = Way::to(edge, Protocol::Http1);
    let wanted = text.to_owned();
    let reader = thread::spawn(move || runtime().block_on(reads(&way, &wanted)));
    edit(wiki.address(), text);
    let answered = Clock::system().now();
    let old = reader.join().expect("the reader reads");
    old.saturating_duration_since(answered)
}

/// When the last request began that was answered without `text`.
async fn reads(way: &Way, text: &str) -> Instant {
    let clock = Clock::system();
    let mut old = clock.now();
    let limit = old + SOON;
    let mut connection = way.connect().await.expect("the edge takes connections");
    let fields = HeaderMap::from_iter([(HOST, HeaderValue::from_static("alpha.wiki.test"))]);
    loop {
        let begun = clock.now();
        assert!(begun < limit, "{text:?} is not shown");
        let answer = connection.fetch(Method::GET, PAGE, fields.clone()).await;
        let body = answer.expect("the edge answers").into_body();
        if body.windows(text.len()).any(|part| part == text.as_bytes()) {
            return old;
        }
        old = begun;
    }
}

/// Writes the page at the wiki itself, and waits for its whole answer.
fn edit(wiki: SocketAddr, text: &str) {
    let form = format!("title=Transported&text={}&token=%2B%5C", text.replace(' ', "+"));
    let request = format!(
        "POST /w/api.php?action=edit&format=json HTTP/1.1\r\nHost: alpha.wiki.test\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect(wiki).expect("nginx listens");
    stream.write_all(request.as_bytes()).expect("nginx reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("nginx answers");
    assert!(answer.contains("\"Success\""), "{text}: {answer}");
}
