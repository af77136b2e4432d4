//! The wiki asked directly, without a cache before it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use super::*;

fn clock() -> Clock {
    Clock::by_hand(SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000))
}

fn wiki() -> Wiki {
    Wiki::new(clock())
}

fn peer() -> Arc<Peer> {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    Arc::new(Peer::plain(address, address))
}

fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

fn request(method: &str, target: &str) -> http::request::Builder {
    http::Request::builder().method(method).uri(target).header("host", "wiki.test")
}

async fn ask(wiki: &Wiki, request: Request) -> (http::response::Parts, String) {
    let answer = match wiki.handle(request, &peer()) {
        Reply::Ready(answer) => answer,
        Reply::Later(later) => later.await,
    };
    let mut body = answer.body;
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    (answer.head, String::from_utf8_lossy(&bytes).into_owned())
}

fn get(wiki: &Wiki, target: &str) -> (http::response::Parts, String) {
    run(ask(wiki, request("GET", target).body(Body::Empty).unwrap()))
}

fn post(target: &str, form: &str) -> Request {
    request("POST", target).body(Body::from_bytes(form.to_owned())).unwrap()
}

fn targets(html: &str) -> Vec<String> {
    let attribute = |name: &'static str| html.split(name).skip(1);
    let values = attribute("href=\"").chain(attribute("src=\""));
    values.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&")).collect()
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let wiki = wiki();
    let mut seen = BTreeSet::new();
    let mut open: Vec<String> = vec!["/wiki/Main_Page".into()];
    while let Some(target) = open.pop() {
        // The slow page is as linked as the others but would wait for the clock.
        if target == "/wiki/Slow_tide" || !seen.insert(target.clone()) {
            continue;
        }
        let (head, body) = get(&wiki, &target);
        assert_eq!(head.status, 200, "{target}");
        if head.headers["content-type"] == "text/html; charset=utf-8" {
            open.extend(targets(&body));
        }
    }
    for title in wiki.0.pages.titles() {
        let reached = title.path() == "/wiki/Slow_tide" || seen.contains(&title.path());
        assert!(reached, "nothing links to {}", title.text());
    }
}

#[test]
fn fields_are_what_mediawiki_sends() {
    let wiki = wiki();
    let (page, _) = get(&wiki, "/wiki/Tide");
    assert_eq!(page.headers["cache-control"], "s-maxage=18000, must-revalidate, max-age=0");
    assert_eq!(page.headers["vary"], "Accept-Encoding");
    assert!(page.headers.contains_key("last-modified") && page.headers.contains_key("etag"));
    let (form, _) = get(&wiki, "/w/index.php?title=Tide&action=edit");
    assert_eq!(form.headers["cache-control"], "private, no-store");
    let (picture, _) = get(&wiki, "/images/lens.png");
    assert_eq!(picture.headers["cache-control"], "public, max-age=86400");
}

#[test]
fn other_spellings_and_the_root_are_redirected() {
    let wiki = wiki();
    let cases = [
        ("/", "/wiki/Main_Page"),
        ("/wiki/spring%20tide", "/wiki/Spring_tide"),
        ("/w/index.php?title=Tide", "/wiki/Tide"),
    ];
    for (target, place) in cases {
        let (head, _) = get(&wiki, target);
        assert_eq!(
            (head.status.as_u16(), &head.headers["location"]),
            (301, &place.parse().unwrap())
        );
    }
}

#[test]
fn what_is_not_there_is_404() {
    let wiki = wiki();
    for target in ["/wiki/Kraken", "/wiki/%5Bx%5D", "/wiki/", "/images/x.svg", "/x", "/w/index.php"]
    {
        assert_eq!(get(&wiki, target).0.status, 404, "{target}");
    }
}

#[test]
fn a_reader_who_has_the_page_gets_304() {
    let wiki = wiki();
    let (page, _) = get(&wiki, "/wiki/Tide");
    for (asked, told) in [("if-none-match", "etag"), ("if-modified-since", "last-modified")] {
        let again = request("GET", "/wiki/Tide").header(asked, &page.headers[told]);
        let (head, body) = run(ask(&wiki, again.body(Body::Empty).unwrap()));
        assert_eq!((head.status.as_u16(), body.as_str()), (304, ""), "{asked}");
    }
    run(ask(&wiki, post("/w/index.php?title=Tide&action=submit", "text=new")));
    let again = request("GET", "/wiki/Tide").header("if-none-match", &page.headers["etag"]);
    assert_eq!(run(ask(&wiki, again.body(Body::Empty).unwrap())).0.status, 200);
}

#[test]
fn the_slow_page_comes_after_two_seconds() {
    let clock = clock();
    let wiki = Wiki::new(clock.clone());
    let due = clock.now() + SLOW;
    run(async {
        let asked = request("GET", "/wiki/Slow_tide").body(Body::Empty).unwrap();
        let answer = tokio::spawn(async move { ask(&wiki, asked).await });
        while !clock.has_sleeper_until(due) {
            tokio::task::yield_now().await;
        }
        assert!(!answer.is_finished());
        clock.advance(SLOW);
        assert_eq!(answer.await.unwrap().0.status, 200);
    });
}

/// Takes `count` purges on one connection and gives back the request lines, asking `at_each` what
/// stood in the wiki when the purge came.
fn purge_taker(
    count: usize,
    at_each: impl Fn() -> String + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<Vec<(String, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let taker = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut taken = Vec::new();
        for _ in 0..count {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            assert!(head.contains("host: wiki.test\r\n"), "{head}");
            assert!(head.contains("content-length: 0\r\n"), "{head}");
            taken.push((head.lines().next().unwrap().to_owned(), at_each()));
            (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
        taken
    });
    (address, taker)
}

#[test]
fn an_edit_is_saved_then_purged_then_answered() {
    let wiki = Wiki::new(Clock::system());
    let inside = wiki.clone();
    let text = move || {
        let title = Title::parse("Tide").unwrap();
        inside.0.pages.get(&title).unwrap().text.clone()
    };
    let (cache, taker) = purge_taker(2, text);
    wiki.purge_through(cache);
    let edit = post("/w/index.php?title=Tide&action=submit", "text=High%0D%0Awater&summary=s");
    let (head, _) = run(ask(&wiki, edit));
    assert_eq!(
        (head.status.as_u16(), &head.headers["location"]),
        (303, &"/wiki/Tide".parse().unwrap())
    );
    let saved = "High\nwater".to_owned();
    let expected = [
        "PURGE http://wiki.test/wiki/Tide HTTP/1.1",
        "PURGE http://wiki.test/w/index.php?title=Tide&action=history HTTP/1.1",
    ];
    assert_eq!(taker.join().unwrap(), expected.map(|line| (line.to_owned(), saved.clone())));
    assert!(get(&wiki, "/w/index.php?title=Tide&action=history").1.contains("<td>s</td>"));
}

#[test]
fn the_machines_own_names_are_purged_together() {
    let hosts_for = |host: &str| {
        let asked = http::Request::builder().header("host", host);
        let (head, ()) = asked.body(()).unwrap().into_parts();
        hosts(&head).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(hosts_for("localhost:8080"), OWN_NAMES);
    assert_eq!(hosts_for("127.0.0.1:8443"), OWN_NAMES);
    assert_eq!(hosts_for("wiki.test:8080"), ["wiki.test:8080"]);
}

#[test]
fn edits_from_elsewhere_and_without_end_are_refused() {
    let wiki = wiki();
    let target = "/w/index.php?title=Tide&action=submit";
    let foreign = request("POST", target).header("sec-fetch-site", "cross-site");
    let foreign = foreign.body(Body::from_bytes("text=mine")).unwrap();
    assert_eq!(run(ask(&wiki, foreign)).0.status, 403);
    let huge = format!("text={}", "x".repeat(MAX_FORM));
    assert_eq!(run(ask(&wiki, post(target, &huge))).0.status, 413);
    let long = format!("text={}", "x".repeat(super::super::pages::MAX_TEXT + 1));
    assert_eq!(run(ask(&wiki, post(target, &long))).0.status, 413);
    assert_eq!(run(ask(&wiki, post(target, "summary=none"))).0.status, 400);
    assert_eq!(run(ask(&wiki, post("/wiki/Tide", "text=x"))).0.status, 404);
    assert!(get(&wiki, "/wiki/Tide").1.contains("slow rise and fall"));
}

#[test]
fn only_what_a_wiki_needs_is_taken() {
    let wiki = wiki();
    for method in ["PUT", "DELETE", "PURGE", "OPTIONS"] {
        let asked = request(method, "/wiki/Tide").body(Body::Empty).unwrap();
        assert_eq!(run(ask(&wiki, asked)).0.status, 405, "{method}");
    }
}
