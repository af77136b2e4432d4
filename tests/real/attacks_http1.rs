//! One client an attack class of HTTP/1, and beside it an honest one: whoever sends slowly, takes
//! slowly, says nothing, or says too much, costs the others nothing and nobody for long.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::attacker_http1::{Swarm, again, bursts, reset, timed, variants};
use super::client::{Protocol, Way};
use super::corpus::Corpus;
use super::edge::{Edge, HOST, Ports};
use super::honest::{Span, Trial};
use super::nginx::Nginx;
use super::wait::alone;

/// What a large page holds, in bytes.
const LARGE: usize = 2 << 20;

/// What the edge may hold at most beside any attack, in bytes: the cache, and as much again.
const BUDGET: u64 = 128 << 20;

/// The edge's patience: short, so that an attack is cut within the time of its measurement.
const SHORT: &str = "[timeouts]\nfirst_byte = \"500ms\"\nheader = \"500ms\"\nbody = \"500ms\"\n\
                     write = \"500ms\"\nprogress = \"500ms\"\nidle = \"2s\"\n";

/// A form, whose body is read before the answer, and a page that varies by a field.
const FORMS: &str = "
    location = /form { proxy_method GET; proxy_pass http://127.0.0.1:$server_port/p/1; }
    location = /varied { add_header Cache-Control 'max-age=86400'; add_header Vary X-Kind; }";

/// Has `play` attack an edge in front of nginx with a few pages, `tables` in its configuration.
fn attack(tables: &str, play: impl FnOnce(&Edge, &Trial<'_>, &str)) {
    let _alone = alone();
    let nginx = Nginx::start(FORMS);
    let corpus = Corpus::write(&nginx.pages(), 20);
    fs::write(nginx.pages().join("p/large"), vec![b'x'; LARGE]).expect("the folder is ours");
    fs::write(nginx.pages().join("varied"), "varied").expect("the folder is ours");
    let edge = Edge::configured(&Ports::free(), nginx.address(), "64MiB", tables);
    let page = corpus.path(1);
    let mut trial = Trial::new(&edge, Way::to(&edge, Protocol::Http1), &page);
    trial.budget = BUDGET;
    play(&edge, &trial, &page);
    edge.stop();
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n")
}

fn post(framing: &str) -> String {
    format!("POST /form HTTP/1.1\r\nHost: {HOST}\r\n{framing}\r\n\r\n")
}

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn no_slow_sender_over_http1_is_felt_by_an_honest_client() {
    attack(SHORT, |edge, trial, _| {
        let swarm = |opening: &str, drip: &'static str, span: &Span| {
            // Each that has a body asks the origin, which shares the cores too.
            let connect =
                if opening.starts_with("POST") { Swarm::connect_in_turn } else { Swarm::connect };
            connect(edge.plain, opening.as_bytes()).hold(drip.as_bytes(), span)
        };
        let (length, chunked) =
            (post("Content-Length: 1000000"), post("Transfer-Encoding: chunked"));
        let expect = post("Expect: 100-continue\r\nContent-Length: 1000000");
        let trailers = format!("{chunked}0\r\n");
        for (class, opening, drip) in [
            ("connections that say nothing", "", ""),
            ("empty lines for ever", "\r\n", "\r\n"),
            ("slow heads", "GET / HTTP/1.1\r\nHost: w", "x"),
            ("slow heads, field by field", "GET / HTTP/1.1\r\n", "A: b\r\n"),
            ("bodies that stop", &length, ""),
            ("slow bodies", &length, "x"),
            ("slow bodies in chunks", &chunked, "1\r\nx\r\n"),
            ("slow chunk sizes", &chunked, "0"),
            ("slow extensions", &format!("{chunked}1;"), "x"),
            ("slow trailers", &trailers, "A: b\r\n"),
            ("Expect and then silence", &expect, ""),
        ] {
            trial.run(class, 1, |span| swarm(opening, drip, span));
        }
        // Not judged by time: 500 uploads that begin in one moment, and are cut in one, are felt for some
        // 10 ms each time.
        let row = trial.measure("slow bodies, all at once", 1, |span| {
            Swarm::connect(edge.plain, length.as_bytes()).hold(b"x", span)
        });
        println!("{row}");
        row.must_hold();
    });
}

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn no_slow_reader_over_http1_is_felt_by_an_honest_client() {
    attack(SHORT, |edge, trial, page| {
        let large = get("/p/large", "");
        for (class, bytes) in [("readers that take nothing", 0), ("slow readers", 16)] {
            trial.run(class, 1, |span| {
                Swarm::connect(edge.plain, large.as_bytes()).take(bytes, span)
            });
        }
        let stuff = |request: &str, span: &Span| {
            let burst = request.repeat(60_000 / request.len());
            Swarm::connect(edge.plain, b"").stuff(burst.as_bytes(), span)
        };
        // What the first wave takes the allocator keeps; the next must not add to it.
        println!("{}", trial.measure("a first wave", 1, |span| stuff(&get(page, ""), span)));
        for (class, request) in [
            ("pipelines of hits that nobody reads", get(page, "")),
            ("pipelines of large hits that nobody reads", large),
        ] {
            // Not judged by time: 500 connections that come back at once with 60 000 bytes of requests
            // each are felt for some 15 to 40 ms.
            let row = trial.measure(class, 1, |span| stuff(&request, span));
            println!("{row}");
            row.must_hold();
        }
    });
}

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn no_greedy_client_over_http1_is_felt_by_an_honest_one() {
    attack(SHORT, |edge, trial, page| {
        let again = |request: &str| again(edge.plain, request.as_bytes());
        let burst = get(page, "").repeat(100);
        trial.run("bursts after idle gaps", 1, |span| bursts(edge.plain, &burst, 100, span));
        let packet = get(page, "If-None-Match: *\r\n").repeat(900);
        trial.run("900 requests at once", 1, |span| bursts(edge.plain, &packet, 900, span));
        let giant = get(page, &format!("X-Giant: {}\r\n", "x".repeat(1 << 20)));
        let many = (0..10_000).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
        let allowed =
            (0..90).map(|n| format!("X-{n}: {}\r\n", "y".repeat(250))).collect::<String>();
        let ranges = (0..1000).map(|n| format!("{n}-")).collect::<Vec<_>>().join(",");
        for (class, request) in [
            ("giant fields", giant),
            ("many fields", get(page, &many)),
            ("as many and as long fields as are allowed", get(page, &allowed)),
            ("giant targets", get(&format!("/{}", "x".repeat(100_000)), "")),
            ("a thousand overlapping ranges", get(page, &format!("Range: bytes={ranges}\r\n"))),
        ] {
            trial.run(class, 1, |_| again(&request));
        }
        trial.run("connections that are reset", 1, |_| reset(edge.plain, get(page, "").as_bytes()));
        let kinds = AtomicU64::new(0);
        trial.run("as many variants as requests", 1, |span| variants(edge.plain, &kinds, span));
        println!("{} values of a field that /varied varies by", kinds.load(Ordering::Relaxed));
    });
}

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn no_flood_of_chunks_is_felt_by_an_honest_client() {
    attack(SHORT, |edge, trial, _| {
        let flood = |chunk: &str, count| {
            post("Transfer-Encoding: chunked") + &chunk.repeat(count) + "0\r\n\r\n"
        };
        let extended = format!("1;{}\r\nx\r\n", "x".repeat(100));
        for (class, request) in [
            ("absurd chunk sizes", flood("ffffffffffffffff1\r\nx", 1)),
            ("chunks of one byte", flood("1\r\nx\r\n", 20_000)),
            ("chunks of one byte with zeros before it", flood("00000001\r\nx\r\n", 20_000)),
            ("chunks with extensions", flood(&extended, 1000)),
            ("an extension without end", flood(&format!("1;{}", "x".repeat(1 << 20)), 1)),
        ] {
            trial.run(class, 1, |_| again(edge.plain, request.as_bytes()));
        }
    });
}

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn lists_of_any_length_take_time_in_proportion() {
    let roomy = "[limits]\nheader_bytes = \"1MiB\"\n";
    attack(roomy, |edge, trial, page| {
        for (name, member) in LISTS {
            let list = |bytes: usize| {
                get(page, &format!("{name}: {}\r\n", member.repeat(bytes / member.len())))
            };
            let [short, long] = [125_000, 1_000_000].map(|bytes| {
                let request = list(bytes);
                (0..5).map(|_| timed(edge.plain, &request)).min().expect("five of them")
            });
            println!(
                "{name}: {} members in {short:?}, eight times as many in {long:?}",
                125_000 / member.len()
            );
            // Quadratic would be 64; below a millisecond the machine's moods count for more.
            let floor = Duration::from_millis(1);
            assert!(long < 24 * short.max(floor), "{name}: {short:?}, then {long:?}");
            let long = list(1_000_000);
            let class = format!("a million bytes of {name}");
            trial.run(&class, 1, |_| again(edge.plain, long.as_bytes()));
        }
    });
}

/// Fields that hold lists, and the shortest members that are worth reading.
const LISTS: [(&str, &str); 12] = [
    ("X-Forwarded-For", "1.1.1.1,"),
    ("X-Forwarded-For", ","),
    ("Accept-Encoding", "a,"),
    ("Cache-Control", "a,"),
    ("Cache-Control", "a=\"b\","),
    ("If-None-Match", "\"a\","),
    ("If-None-Match", "W/\"\" ,"),
    ("Range", "0-,"),
    ("Via", "1 a,"),
    ("Connection", "a,"),
    ("Cookie", "a=b;"),
    ("TE", "a;q=1,"),
];
