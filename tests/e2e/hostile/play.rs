//! Plays rows: each with an origin and a proxy of its own, and a path for every way. What fails is
//! gathered, so that one run shows every row that is not as it says.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tidegate::base::Reason;

use super::scene::{Http, Scene, Way};
use super::{Answer, Gets, Row};
use crate::kit::{Cue, Page, Raw, Request, Response, cache_status, get};

/// Plays a row in one way.
type Act = fn(&Scene, &Row, &Way);

/// Plays every row in every way, by HTTP/1.1 and HTTP/2.
pub fn play(rows: &[Row]) {
    let ways: [(&str, Act); 4] =
        [("fill", fill), ("pass", pass), ("shared", shared), ("grace", grace)];
    let mut failures = Vec::new();
    for row in rows {
        let scene = Scene::set();
        for (way, act) in ways {
            for http in [Http::One, Http::Two] {
                let by = Way { http, path: format!("/{way}-{http:?}") };
                let played = catch_unwind(AssertUnwindSafe(|| act(&scene, row, &by)));
                if let Err(panic) = played {
                    let text = panic.downcast_ref::<String>().map(String::as_str);
                    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
                    failures.push(format!("{} ({way}, {http:?}): {text}", row.name));
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n\n"));
}

fn fill(scene: &Scene, row: &Row, by: &Way) {
    let cue = scene.prepare(row, by);
    let why = |answer: &Answer| match answer.unstored {
        None => "cp1; fwd=uri-miss; stored; ttl=60; detail=absent".to_owned(),
        Some(why) => format!("cp1; fwd=uri-miss; fwd-status={}; detail={why}", &answer.status[..3]),
    };
    ask(scene, "GET", row, by, &cue, why);
    scene.expect_logged(row, by);
    scene.expect_after(row, by, 1);
}

fn pass(scene: &Scene, row: &Row, by: &Way) {
    let cue = scene.prepare(row, by);
    let why = |answer: &Answer| {
        format!("cp1; fwd=method; fwd-status={}; detail=method", &answer.status[..3])
    };
    ask(scene, "OPTIONS", row, by, &cue, why);
    scene.expect_logged(row, by);
    assert_eq!(
        scene.proxy.http1().get(&by.path).expect(200).text(),
        "healed",
        "something is stored"
    );
}

/// One client asks; it is told in Cache-Status what became of an answer.
fn ask(
    scene: &Scene,
    method: &str,
    row: &Row,
    by: &Way,
    cue: &Cue,
    why: impl Fn(&Answer) -> String,
) {
    let expected = expected(&row.gets, why);
    let canary = match by.http {
        Http::One => http1(scene, &format!("{method} {}", by.path), &row.gets, cue, expected),
        Http::Two => http2(scene, Request::new(method, &by.path), &row.gets, cue, expected),
    };
    scene.expect_clean(row, by, &canary);
}

/// Status line, sorted fields and body as HTTP/1.1 has them.
type Expected = (String, Vec<String>, String);

/// Asks and reads bytes; then asks for the canary, on the same connection if that stays.
fn http1(scene: &Scene, asks: &str, gets: &Gets, cue: &Cue, expected: Expected) -> String {
    let mut raw = scene.proxy.raw();
    raw.send(format!("{asks} HTTP/1.1\r\nHost: wiki.test\r\n\r\n"));
    cue.give();
    let (start, fields, body) = expected;
    let head = raw.head();
    let mut lines: Vec<_> = head.fields.iter().map(|(n, v)| format!("{n}: {v}")).collect();
    let text = format!("{}\r\n{}\r\n\r\n", head.start, lines.join("\r\n"));
    assert_eq!(String::from_utf8_lossy(&head.bytes), text);
    lines.iter_mut().for_each(undated);
    lines.sort();
    assert_eq!(head.start, format!("HTTP/1.1 {start}"));
    assert_eq!(lines, fields);
    assert_eq!(read(&mut raw, body.len()), body);
    if matches!(gets, Gets::Cut(..)) {
        cue.give();
        assert_eq!(String::from_utf8_lossy(&raw.read_to_end()), "", "more after the break");
        return scene.proxy.http1().get("/canary").text();
    }
    raw.get("/canary");
    raw.response().text()
}

fn read(raw: &mut Raw, length: usize) -> String {
    let mut all = Vec::new();
    while all.len() < length {
        let some = raw.some();
        assert!(!some.is_empty(), "closed after {:?}", String::from_utf8_lossy(&all));
        all.extend(some);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// A date is a date; and what is stored has forgotten in which version it came.
fn undated(line: &mut String) {
    if line == "via: 1.0 cp1" {
        *line = "via: 1.1 cp1".to_owned();
    }
    if line.starts_with("date: ") && line.len() == 35 && line.ends_with(" GMT") {
        *line = "date: *".to_owned();
    }
}

fn expected(gets: &Gets, why: impl Fn(&Answer) -> String) -> Expected {
    let (start, mut fields, body) = match gets {
        Gets::Page(status, reason) => {
            let body = page(*status, reason);
            let fields = format!(
                "cache-control: no-store\ncache-status: cp1; detail={reason}\n\
                 content-length: {}\ncontent-type: text/html; charset=utf-8",
                body.len()
            );
            (format!("{status} {}", phrase(*status)), fields, body)
        }
        Gets::Whole(answer) | Gets::Cut(answer, _) => {
            let fields = format!("{}\nvia: 1.1 cp1\ncache-status: {}", answer.fields, why(answer));
            (answer.status.to_owned(), fields, answer.body.clone())
        }
    };
    fields += "\ndate: *";
    let mut fields: Vec<_> =
        fields.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    fields.sort();
    (start, fields, body)
}

/// The page of ours for a reason, which is all that it shows.
pub fn page(status: u16, reason: &str) -> String {
    let known = Reason::ALL.iter().find(|known| known.as_str() == reason);
    let sentence = known.expect("the row names a reason").sentence().trim();
    let name = phrase(status);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{status} {name}</title>\n\
         <h1>{name}</h1>\n<p>{sentence}</p>\n<p><small>{status} {reason}</small></p>\n</html>\n"
    )
}

fn phrase(status: u16) -> &'static str {
    let status = http::StatusCode::from_u16(status).expect("the row has a status");
    status.canonical_reason().expect("our pages have usual statuses")
}

/// Asks and sees frames; then asks for the canary, on the same connection: a stream has ended, not
/// the connection.
fn http2(scene: &Scene, asks: Request, gets: &Gets, cue: &Cue, expected: Expected) -> String {
    let client = scene.proxy.http2();
    let mut pending = client.begin(asks);
    cue.give();
    let (start, mut fields, body) = expected;
    // The frames say it.
    fields.retain(|line| !line.starts_with("transfer-encoding: ") && line != "content-length: 0");
    let content = match gets {
        Gets::Page(..) => body,
        Gets::Whole(answer) | Gets::Cut(answer, _) => answer.content.clone(),
    };
    if matches!(gets, Gets::Cut(..)) {
        let bytes = pending.bytes(content.len());
        assert_eq!(String::from_utf8_lossy(&bytes), content);
        cue.give();
    }
    let answer = pending.response();
    assert_eq!(answer.status.to_string(), start[..3]);
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut lines: Vec<_> =
        answer.headers.iter().map(|(n, v)| format!("{n}: {}", text(v))).collect();
    lines.iter_mut().for_each(undated);
    lines.sort();
    assert_eq!(lines, fields);
    if matches!(gets, Gets::Cut(..)) {
        expect_reset(&answer);
    } else {
        assert_eq!((answer.complete, answer.text()), (true, content), "{answer:?}");
    }
    assert!(client.is_connected());
    client.get("/canary").text()
}

/// The stream ended in RST_STREAM with INTERNAL_ERROR.
fn expect_reset(answer: &Response) {
    assert!(!answer.complete && answer.body.is_empty(), "{answer:?}");
    let reset = answer.broke.contains("Reset(") && answer.broke.contains("INTERNAL_ERROR, Remote");
    assert!(reset, "{}", answer.broke);
}

/// A leader and two followers: what cannot be stored is the leader's, everything else everybody's.
fn shared(scene: &Scene, row: &Row, by: &Way) {
    let cue = scene.prepare(row, by);
    let clients: Vec<_> = match by.http {
        Http::One => (0..3).map(|_| scene.client(by)).collect(),
        Http::Two => vec![scene.client(by)],
    };
    let begin = |n: usize| clients[n % clients.len()].begin(get(&by.path));
    let mut readers = vec![begin(0)];
    scene.origin.wait_for(&by.path, 1);
    readers.extend([begin(1), begin(2)]);
    scene.proxy.wait_for_waiters(2);
    cue.give();
    let is_shared = match &row.gets {
        Gets::Page(..) => true,
        Gets::Whole(answer) | Gets::Cut(answer, _) => answer.unstored.is_none(),
    };
    if let Gets::Cut(answer, _) = &row.gets {
        let those = if is_shared { 3 } else { 1 };
        for reader in &mut readers[..those] {
            assert_eq!(
                String::from_utf8_lossy(&reader.bytes(answer.content.len())),
                answer.content
            );
        }
        cue.give();
    }
    for (n, reader) in readers.into_iter().enumerate() {
        let answer = reader.response();
        match &row.gets {
            _ if !is_shared && n > 0 => assert_eq!(answer.expect(200).text(), "healed"),
            Gets::Page(status, reason) => {
                assert_eq!(
                    answer.expect(*status).expect_because(reason).text(),
                    page(*status, reason)
                );
            }
            Gets::Cut(..) => assert!(!answer.complete, "{answer:?}"),
            Gets::Whole(expected) => {
                assert_eq!(cache_status(&answer).collapsed, n > 0);
                assert_eq!((answer.text(), answer.complete), (expected.content.clone(), true));
            }
        }
    }
    if is_shared {
        scene.expect_after(row, by, 1);
    }
}

/// In front of what is stale and may be served where the origin fails.
fn grace(scene: &Scene, row: &Row, by: &Way) {
    if matches!(row.gets, Gets::Whole(_)) {
        return;
    }
    let good = Page::new("good").header("cache-control", "max-age=1, stale-if-error=3600");
    // On a kept connection the origin would be asked once more.
    let good = good.until_close();
    scene.origin.page(&by.path, good);
    let client = scene.client(by);
    client.get(&by.path).expect(200);
    scene.proxy.advance(2);
    let cue = scene.prepare(row, by);
    let mut pending = client.begin(get(&by.path));
    cue.give();
    if let Gets::Cut(answer, _) = &row.gets {
        pending.bytes(answer.content.len());
        cue.give();
        assert!(!pending.response().complete);
    } else {
        let answer = pending.response().expect(200).expect_because("if-error");
        assert_eq!((answer.text().as_str(), answer.age()), ("good", 2));
    }
    // It stays, and the origin is not asked by every reader.
    let asked = scene.origin.count(&by.path);
    let stale = scene.client(by).get(&by.path);
    match &row.gets {
        Gets::Cut(answer, _) if answer.unstored.is_some() => {}
        _ => {
            assert_eq!(stale.expect(200).expect_because("if-error").text(), "good");
            assert_eq!(scene.origin.count(&by.path), asked);
        }
    }
}
