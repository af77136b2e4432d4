//! What an access log line says, and that nothing a client sends can break it.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Request, StatusCode};
use serde_json::Value;

use super::*;
use crate::base::{ClusterId, Outcome, Peer, Reason, SiteId};
use crate::telemetry::{Account, OriginPart};

fn peer() -> Peer {
    Peer {
        tls: true,
        ..Peer::plain("[::1]:443".parse().unwrap(), "[2001:db8::7]:5000".parse().unwrap())
    }
}

fn written(asked: Option<&Asked>, account: &Account, broke_off: Option<Reason>) -> Vec<u8> {
    let finished = Finished {
        account,
        asked,
        peer: &peer(),
        connection: &connection(&peer()),
        status: asked.map(|_| StatusCode::OK),
        received: 0,
        bytes: 5120,
        first_byte: Duration::from_micros(1_000_042),
        duration: Duration::from_millis(2500),
        broke_off,
    };
    let told = Told { place: &place("cp1", "wiki"), cluster: "apps" };
    let mut out = Vec::new();
    write(&mut out, &mut Stamp::default(), SystemTime::UNIX_EPOCH, &told, &finished);
    out
}

fn parsed(line: &[u8]) -> Value {
    assert_eq!(line.iter().filter(|byte| byte.is_ascii_control()).count(), 1, "one line end");
    assert_eq!(line.last(), Some(&b'\n'));
    serde_json::from_slice(line).unwrap()
}

#[test]
fn a_line_tells_the_whole_request() {
    let request = Request::get("https://de.wiki.test/wiki/A?b=%C3%A4")
        .header("user-agent", "curl/8")
        .header("referer", "https://x.test/")
        .header("x-request-id", "r-1")
        .body(())
        .unwrap();
    let mut account = Account::new(Some(SiteId(0)), Outcome::Miss, Reason::Absent);
    account.client = Some(IpAddr::from([192, 0, 2, 1]));
    account.collapsed = true;
    account.detail = Some("why".into());
    account.origin = Some(OriginPart {
        cluster: ClusterId(0),
        server: "10.0.0.1:80".into(),
        status: StatusCode::OK,
        first_byte: Duration::from_micros(999),
    });
    let line =
        written(Some(&Asked::of(&request.into_parts().0)), &account, Some(Reason::ClientLeft));
    let expected = serde_json::json!({
        "time": "1970-01-01T00:00:00.000Z", "node": "cp1", "site": "wiki",
        "client": "192.0.2.1", "peer": "[2001:db8::7]:5000", "tls": true,
        "method": "GET", "host": "de.wiki.test", "target": "/wiki/A?b=%C3%A4",
        "version": "HTTP/1.1", "user_agent": "curl/8", "referer": "https://x.test/",
        "request_id": "r-1", "status": 200, "outcome": "miss", "reason": "absent", "bytes": 5120,
        "first_byte": 1.000042, "duration": 2.5, "origin_cluster": "apps",
        "origin_server": "10.0.0.1:80", "origin_status": 200, "origin_first_byte": 0.000999,
        "collapsed": true, "broke_off": "client-left", "detail": "why",
    });
    assert_eq!(parsed(&line), expected);
}

#[test]
fn what_was_not_said_is_left_out() {
    let account = Account::new(None, Outcome::Refused, Reason::BadRequest);
    let line = parsed(&written(None, &account, None));
    assert_eq!(line["client"], "2001:db8::7");
    for field in [
        "method",
        "host",
        "target",
        "status",
        "first_byte",
        "origin_server",
        "collapsed",
        "broke_off",
    ] {
        assert!(line.get(field).is_none(), "{field}");
    }
}

#[test]
fn no_bytes_of_a_field_can_break_a_line() {
    let mut random = fastrand::Rng::with_seed(7);
    let account = Account::new(None, Outcome::Hit, Reason::Fresh);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
        let mut out = b"{\"a\":1".to_vec();
        text(&mut out, name!("b"), &bytes);
        out.extend_from_slice(b"}\n");
        let value = parsed(&out)["b"].as_str().unwrap().to_owned();
        // Valid UTF-8 comes back as it was; a byte that is not comes back as the character of its
        // number.
        let expected: String = bytes
            .utf8_chunks()
            .flat_map(|c| c.valid().chars().chain(c.invalid().iter().map(|b| char::from(*b))))
            .collect();
        assert_eq!(value, expected, "{bytes:?}");
        // And through a whole line, as far as the protocol lets such bytes in.
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let mut request = Request::new(());
            request.headers_mut().insert("user-agent", value);
            parsed(&written(Some(&Asked::of(&request.into_parts().0)), &account, None));
        }
    }
}

#[test]
fn a_long_field_is_cut_and_says_so() {
    for cut_in_a_letter in [false, true] {
        let mut value = if cut_in_a_letter { "x".repeat(TEXT_LIMIT - 1) } else { String::new() };
        value.push_str(&"ä".repeat(TEXT_LIMIT));
        let mut out = b"{\"a\":1".to_vec();
        text(&mut out, name!("b"), value.as_bytes());
        out.extend_from_slice(b"}\n");
        let kept = parsed(&out)["b"].as_str().unwrap().to_owned();
        assert!(kept.ends_with('…') && kept.len() <= TEXT_LIMIT + 4, "{}", kept.len());
    }
}

#[test]
fn times_are_those_of_the_calendar() {
    let mut stamp = Stamp::default();
    let mut random = fastrand::Rng::with_seed(11);
    let known = [0, 951_782_399, 951_782_400, 1_709_164_800, 4_107_542_400, 4_102_444_799];
    for second in known.into_iter().chain((0..5_000).map(|_| random.u64(..7_258_118_400))) {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(second * 1000 + 7);
        let mut out = Vec::new();
        stamp.write(&mut out, wall);
        // httpdate prints "Sun, 06 Nov 1994 08:49:37 GMT".
        let peer = httpdate::fmt_http_date(wall);
        let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(&peer[8..11]).unwrap() / 3 + 1;
        let expected = format!(
            "{{\"time\":\"{}-{month:02}-{}T{}.007Z\"",
            &peer[12..16],
            &peer[5..7],
            &peer[17..25]
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn numbers_are_printed_whole() {
    for value in [0, 9, 10, 12_345, u64::MAX] {
        let mut out = Vec::new();
        digits(&mut out, value);
        assert_eq!(out, value.to_string().as_bytes());
    }
}
