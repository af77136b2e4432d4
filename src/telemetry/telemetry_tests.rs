//! The telemetry as a whole: what the scrape says and what becomes of log lines.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};

use http::{Request, StatusCode};

use super::*;
use crate::base::budget::Part;
use crate::base::{Budget, ClusterId, Outcome, Peer, Reason, SiteId};

/// What ends a request before its answer, here.
const UNANSWERED: Option<Reason> = Some(Reason::Draining);

const SOON: Duration = Duration::from_secs(20);

fn telemetry(access: AccessLog) -> Telemetry {
    let labels = Labels { sites: Names::default(), clusters: Names::default(), node: "n".into() };
    labels.sites.number("wiki").unwrap();
    labels.sites.number("we\"ird\\\n").unwrap();
    labels.clusters.number("apps").unwrap();
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    Telemetry::new(clock, 2, labels, access).unwrap()
}

fn finish(meter: &Meter, account: &Account, millis: u64, broke_off: Option<Reason>) {
    let request = Request::get("http://wiki.test/wiki/A").body(()).unwrap();
    let peer = Peer::plain("127.0.0.1:80".parse().unwrap(), "127.0.0.1:5000".parse().unwrap());
    meter.finish(&Finished {
        account,
        asked: Some(&Asked::of(&request.into_parts().0)),
        peer: &peer,
        connection: &line::connection(&peer),
        status: (broke_off != UNANSWERED).then_some(StatusCode::OK),
        received: 0,
        bytes: 100,
        first_byte: Duration::from_millis(millis),
        duration: Duration::from_millis(millis),
        broke_off,
    });
}

fn hit() -> Account {
    Account::new(Some(SiteId(0)), Outcome::Hit, Reason::Fresh)
}

/// Reads an exposition strictly and returns its samples by name and labels as printed.
fn read(text: &str) -> HashMap<String, f64> {
    let mut samples = HashMap::new();
    let (mut family, mut kind, mut seen) = ("", "", HashSet::new());
    let word = |text: &str| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && text.bytes().next().is_some_and(|b| !b.is_ascii_digit())
    };
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, sentence) = help.split_once(' ').unwrap();
            assert!(word(name) && sentence.ends_with('.') && seen.insert(name), "{line}");
            assert!(name.starts_with("tidegate_") || name.starts_with("process_"), "{line}");
            family = name;
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            kind = of.strip_prefix(family).unwrap().trim();
            assert_eq!(kind == "counter", family.ends_with("_total"), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
            let suffix = name.strip_prefix(family).unwrap();
            let suffixes: &[&str] =
                if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&suffix), "{line}");
            read_labels(labels);
            assert!(samples.insert(sample.to_owned(), value.parse().unwrap()).is_none(), "{line}");
        }
    }
    samples
}

/// Checks `a="b",c="d"}`.
fn read_labels(mut rest: &str) {
    while rest != "}" {
        let (_, value) = rest.split_once("=\"").unwrap();
        let mut letters = value.char_indices();
        let end = loop {
            match letters.next().unwrap() {
                (_, '\\') => assert!(matches!(letters.next(), Some((_, '\\' | '"' | 'n')))),
                (at, '"') => break at,
                _ => {}
            }
        };
        rest = &value[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

#[test]
fn the_exposition_can_be_read_and_adds_the_meters_up() {
    let telemetry = telemetry(AccessLog::off());
    let (one, two) = (telemetry.worker(WorkerId(0)), telemetry.worker(WorkerId(1)));
    let mut shared = Account::new(Some(SiteId(1)), Outcome::Miss, Reason::Absent);
    shared.origin = Some(OriginPart {
        cluster: ClusterId(0),
        server: "s".into(),
        status: StatusCode::BAD_GATEWAY,
        first_byte: Duration::from_millis(200),
    });
    finish(&one, &hit(), 0, None);
    finish(&two, &hit(), 400, None);
    finish(&two, &hit(), 100_000, Some(Reason::ClientLeft));
    finish(&one, &shared, 1, None);
    finish(&one, &hit(), 0, UNANSWERED);
    shared.collapsed = true;
    finish(&two, &shared, 1, None);
    one.add(Count::AcceptedPlain, 2);
    two.add(Count::AcceptedPlain, 3);
    telemetry.control().add(Count::Panics, 1);

    let budget = Budget::new(1000);
    let _held = budget.charge(Part::Stored, 10);
    let samples = read(&telemetry.render(&[&budget]));
    let hits = "{wiki_site=\"wiki\",outcome=\"hit\",reason=\"fresh\",status=\"2xx\"}";
    let first = "tidegate_first_byte_seconds";
    for (sample, value) in [
        (format!("tidegate_requests_total{hits}"), 3.0),
        (format!("tidegate_response_body_bytes_total{hits}"), 300.0),
        (format!("{first}_bucket{{wiki_site=\"wiki\",outcome=\"hit\",le=\"0.001\"}}"), 1.0),
        (format!("{first}_bucket{{wiki_site=\"wiki\",outcome=\"hit\",le=\"0.35\"}}"), 1.0),
        (format!("{first}_bucket{{wiki_site=\"wiki\",outcome=\"hit\",le=\"0.5\"}}"), 2.0),
        (format!("{first}_bucket{{wiki_site=\"wiki\",outcome=\"hit\",le=\"60\"}}"), 2.0),
        (format!("{first}_bucket{{wiki_site=\"wiki\",outcome=\"hit\",le=\"+Inf\"}}"), 3.0),
        (format!("{first}_count{{wiki_site=\"wiki\",outcome=\"hit\"}}"), 3.0),
        (format!("{first}_sum{{wiki_site=\"wiki\",outcome=\"hit\"}}"), 100.4),
        (format!("{first}_count{{wiki_site=\"we\\\"ird\\\\\\n\",outcome=\"miss\"}}"), 2.0),
        (format!("tidegate_requests_total{}", hits.replace("2xx", "none")), 1.0),
        ("tidegate_broken_off_total{wiki_site=\"wiki\",reason=\"client-left\"}".into(), 1.0),
        // The follower did not ask the origin.
        (
            "tidegate_origin_first_byte_seconds_count{origin_cluster=\"apps\",status=\"5xx\"}"
                .into(),
            1.0,
        ),
        ("tidegate_connections_accepted_total{listener=\"plain\"}".into(), 5.0),
        ("tidegate_requests_by_protocol_total{protocol=\"http/1\"}".into(), 6.0),
        ("tidegate_panics_total".into(), 1.0),
        ("tidegate_memory_limit_bytes".into(), 1000.0),
        ("tidegate_memory_held_bytes{for=\"stored\"}".into(), 10.0),
    ] {
        assert_eq!(samples.get(&sample), Some(&value), "{sample}");
    }
}

#[test]
fn two_scrapes_name_the_same_samples() {
    let telemetry = telemetry(AccessLog::off());
    finish(&telemetry.worker(WorkerId(0)), &hit(), 1, None);
    let names = || {
        let text = telemetry.render(&[]);
        read(&text);
        text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    let before = names();
    finish(&telemetry.worker(WorkerId(1)), &hit(), 1, None);
    // HELP and TYPE lines lose their last word here, which does not change either.
    assert_eq!(before, names());
}

#[test]
fn a_gauge_counts_what_lasts_wherever_it_ends() {
    let telemetry = telemetry(AccessLog::off());
    let meter = telemetry.worker(WorkerId(0));
    let guards =
        [meter.gauge(Gauge::ConnectionsPlain), telemetry.control().gauge(Gauge::ConnectionsPlain)];
    assert_eq!(telemetry.reading(Gauge::ConnectionsPlain), 2);
    thread::spawn(move || drop(guards)).join().unwrap();
    assert_eq!(telemetry.reading(Gauge::ConnectionsPlain), 0);
}

/// A sink that tells of each write and takes it only when it is let.
struct Gate {
    came: Sender<Vec<u8>>,
    go: Receiver<io::Result<usize>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.came.send(bytes.to_vec());
        // Once the test has let go of its end, everything is taken.
        self.go.recv().unwrap_or(Ok(bytes.len())).map(|most| most.min(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gate() -> (Gate, Receiver<Vec<u8>>, Sender<io::Result<usize>>) {
    let (came, seen) = channel();
    let (let_go, go) = channel();
    (Gate { came, go }, seen, let_go)
}

fn until(condition: impl Fn() -> bool) {
    let clock = Clock::system();
    let deadline = clock.now() + SOON;
    while !condition() {
        assert!(clock.now() < deadline, "it did not come to pass");
        thread::yield_now();
    }
}

#[test]
fn a_sink_that_takes_nothing_costs_lines_and_never_a_wait() {
    let (sink, seen, let_go) = gate();
    let telemetry = telemetry(AccessLog::to(sink));
    let meter = telemetry.worker(WorkerId(0));
    let mut finished = 0;
    while telemetry.count(Count::LogLinesUnread) == 0 {
        finish(&meter, &hit(), 1, None);
        finished += 1;
        assert!(finished < 1_000_000, "the queue has no bound");
    }
    drop(let_go);
    assert!(telemetry.close(SOON));
    let written: usize = seen.iter().map(|b| b.iter().filter(|b| **b == b'\n').count()).sum();
    assert_eq!(written as u64 + telemetry.count(Count::LogLinesUnread), finished);
}

#[test]
fn closing_does_not_wait_for_ever() {
    let (sink, _seen, let_go) = gate();
    let telemetry = telemetry(AccessLog::to(sink));
    finish(&telemetry.worker(WorkerId(1)), &hit(), 1, None);
    assert!(!telemetry.close(Duration::from_millis(1)));
    drop(let_go);
    assert!(telemetry.close(SOON));
}

#[test]
fn a_full_disk_costs_lines_and_later_lines_stay_whole() {
    let (sink, seen, let_go) = gate();
    let telemetry = telemetry(AccessLog::to(sink));
    let meter = telemetry.worker(WorkerId(0));
    // One line and a piece of the second get through, then the disk is full.
    finish(&meter, &hit(), 1, None);
    telemetry.flush();
    let line = seen.recv_timeout(SOON).unwrap();
    let_go.send(Ok(usize::MAX)).unwrap();
    finish(&meter, &hit(), 1, None);
    finish(&meter, &hit(), 1, None);
    telemetry.flush();
    let_go.send(Ok(line.len() + 5)).unwrap();
    let_go.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    until(|| telemetry.count(Count::LogLinesUnwritten) == 1);
    // There is room again.
    drop(let_go);
    finish(&meter, &hit(), 1, None);
    assert!(telemetry.close(SOON));
    let rest: Vec<Vec<u8>> = seen.iter().collect();
    assert_eq!(rest[2], b"\n", "the broken line is ended");
    assert_eq!(rest[3], line);
    assert_eq!(telemetry.count(Count::LogLinesUnwritten), 1);
}

#[test]
fn a_rotated_file_is_left_for_the_new_one() {
    let folder = std::env::temp_dir().join(format!("tidegate-access-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (path, rotated) = (folder.join("access.log"), folder.join("access.log.1"));
    let sink = Sink::File(path.clone());
    let telemetry = telemetry(AccessLog::open(&sink).unwrap());
    let meter = telemetry.worker(WorkerId(0));
    finish(&meter, &hit(), 1, None);
    telemetry.flush();
    until(|| std::fs::metadata(&path).is_ok_and(|data| data.len() > 0));
    std::fs::rename(&path, &rotated).unwrap();
    telemetry.switch_access(AccessLog::open(&sink).unwrap());
    finish(&meter, &hit(), 1, None);
    finish(&meter, &hit(), 1, None);
    assert!(telemetry.close(SOON));
    let lines = |path| std::fs::read_to_string(path).unwrap().lines().count();
    assert_eq!((lines(&rotated), lines(&path)), (1, 2));
    assert!(AccessLog::open(&Sink::File(folder.join("no/such"))).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_log_that_is_off_costs_nothing_and_can_be_switched_on() {
    let (sink, seen, let_go) = gate();
    drop(let_go);
    let telemetry = telemetry(AccessLog::open(&Sink::Off).unwrap());
    let meter = telemetry.worker(WorkerId(0));
    finish(&meter, &hit(), 1, None);
    telemetry.switch_access(AccessLog::to(sink));
    finish(&meter, &hit(), 1, None);
    assert!(telemetry.close(SOON));
    let written: Vec<u8> = seen.iter().flatten().collect();
    assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 1);
}
