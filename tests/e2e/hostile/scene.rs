//! The stage for a row: an origin that is hostile once and well afterwards, a proxy, and what must be
//! true behind the client's back.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use super::{Gets, Row};
use crate::kit::{Act, Client, Cue, Origin, Page, Proxy, Reply, eventually};

/// A protocol that clients ask by.
#[derive(Clone, Copy, Debug)]
pub enum Http {
    /// HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
}

/// How a row is played.
pub struct Way {
    /// By which protocol its clients ask.
    pub http: Http,
    /// For which path.
    pub path: String,
}

/// An origin, a proxy, and the proxy's log.
pub struct Scene {
    /// What is hostile.
    pub origin: Origin,
    /// What stands before it.
    pub proxy: Proxy,
    log: PathBuf,
}

impl Scene {
    /// An origin and a proxy whose clock stands still.
    pub fn set() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let origin = Origin::start();
        let canary = Page::new("canary").header("cache-control", "no-store").until_close();
        origin.page("/canary", canary);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("hostile-{}-{number}.log", std::process::id()));
        let setup = Proxy::new(&origin).tls().clock_by_hand();
        let setup = setup.with("log", &format!("access = '{}'", log.display()));
        Self { origin, proxy: setup.start(), log }
    }

    /// Has the origin do what the row says, on cues, when it is asked first, and answer well later.
    pub fn prepare(&self, row: &Row, by: &Way) -> Cue {
        let cue = Cue::default();
        let mut acts = vec![Act::Wait(cue.clone()), Act::Send(row.sends.clone())];
        if matches!(row.gets, Gets::Cut(..)) {
            acts.push(Act::Wait(cue.clone()));
        }
        acts.push(row.then.clone());
        let done = AtomicBool::new(false);
        self.origin.on(&by.path, move |_| match done.swap(true, Ordering::SeqCst) {
            false => Reply::Acts(acts.clone()),
            // On a kept connection the next row's origin would be asked once more.
            true => Page::cacheable("healed").until_close().into(),
        });
        cue
    }

    /// A new client.
    pub fn client(&self, by: &Way) -> Client {
        match by.http {
            Http::One => self.proxy.http1(),
            Http::Two => self.proxy.http2(),
        }
    }

    /// The page is asked for again: what was stored is served, and nothing else.
    pub fn expect_after(&self, row: &Row, by: &Way, asked: usize) {
        let again = self.client(by).get(&by.path);
        assert!(again.complete, "{again:?}");
        match &row.gets {
            Gets::Whole(answer) if answer.unstored.is_none() => {
                assert_eq!(again.status.to_string(), answer.status[..3]);
                assert_eq!(again.expect_hit().text(), answer.content);
                assert_eq!(self.origin.count(&by.path), asked, "what is stored is asked for");
            }
            _ => {
                assert_eq!(again.expect(200).text(), "healed", "something is stored");
                assert_eq!(self.origin.count(&by.path), asked + 1);
            }
        }
    }

    /// Nothing that the origin sent too much is taken for the answer to another question.
    pub fn expect_clean(&self, row: &Row, by: &Way, canary: &str) {
        assert_eq!(canary, "canary", "an answer has become another's");
        let dirty = row.dirty || matches!(row.gets, Gets::Page(..));
        let seen = self.origin.requests();
        let of = |path: &str| {
            let last = seen.iter().rfind(|seen| seen.target == path);
            last.map(|seen| seen.connection)
        };
        assert!(!dirty || of(&by.path) != of("/canary"), "the connection is used again");
    }

    /// The log and the metrics tell what the client cannot know.
    pub fn expect_logged(&self, row: &Row, by: &Way) {
        let lines = || {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let lines = whole.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            lines.filter(|line: &Value| line["target"] == by.path).collect::<Vec<_>>()
        };
        let mut looks = 0;
        eventually("the request is logged", || {
            // The log is written once a second, by a clock that stands still. It moves seldom: on a
            // busy machine what is stored would be stale before its line is written.
            if looks % 20 == 0 {
                self.proxy.advance(1);
            }
            looks += 1;
            !lines().is_empty()
        });
        let line = &lines()[0];
        {
            match &row.gets {
                Gets::Page(status, reason) => {
                    assert_eq!(
                        (&line["reason"], &line["status"]),
                        (&(*reason).into(), &(*status).into())
                    );
                    assert_eq!(
                        (&line["outcome"], &line["broke_off"]),
                        (&"synth".into(), &Value::Null)
                    );
                }
                Gets::Cut(_, why) => assert_eq!(line["broke_off"], *why, "{line}"),
                Gets::Whole(_) => assert_eq!(line["broke_off"], Value::Null, "{line}"),
            }
        }
        let of = |name: &str, reason: &str| {
            self.proxy.metric(&format!("{name}{{reason=\"{reason}\"}}")) >= 1.0
        };
        match &row.gets {
            Gets::Page(_, reason) => assert!(of("tidegate_requests_total", reason)),
            Gets::Cut(_, why) => assert!(of("tidegate_broken_off_total", why)),
            Gets::Whole(_) => {}
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // A file that is not there does no harm.
        let _ = std::fs::remove_file(&self.log);
    }
}
