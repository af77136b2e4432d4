//! One client an attack class of HTTP/2 against the binary, and beside it an honest one; prints a
//! row for each. The edge gives its clients a second where the defaults give half a minute, so that
//! what is bounded by time is seen to end.

use std::time::Duration;

use super::attacker::{Attacker, UNFINISHED, raid};
use super::client::{Protocol, Way};
use super::corpus::Corpus;
use super::edge::{Edge, HOST, Ports};
use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PING, PRIORITY,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, get, integer, literal, number, request,
};
use super::honest::Trial;
use super::nginx::Nginx;
use super::wait::{alone, runtime};

const TIMEOUTS: &str = "[timeouts]\nheader = \"1s\"\nwrite = \"1s\"\nprogress = \"1s\"\n";

/// Small, so that what attacks put into the cache is no growth worth the name.
const CACHE: &str = "16MiB";

/// Pages that may be asked for.
const PAGES: u32 = 100;

/// Streams that a connection may have open.
const STREAMS: u32 = 100;

/// Streams that are reset, at most, by one connection.
const RESETS: u32 = 100_000;

/// By the second, or by h2: of those that came with one read.
const RESET: &str = "GOAWAY ENHANCE_YOUR_CALM too-many-resets";
const FRAMES: &str = "GOAWAY ENHANCE_YOUR_CALM too-many-frames";

/// No initial window, and one of a byte.
const ZERO: &[(u16, u32)] = &[(INITIAL_WINDOW_SIZE, 0)];
const ONE: &[(u16, u32)] = &[(INITIAL_WINDOW_SIZE, 1)];

/// Makes one stream's frames.
type One<'a> = &'a (dyn Fn(u32) -> Vec<u8> + Sync);

struct Siege<'a> {
    edge: &'a Edge,
    trial: Trial<'a>,
    corpus: &'a Corpus,
}

#[test]
#[ignore = "needs nginx from Debian: tests/real/install"]
fn no_attack_over_http2_is_felt_by_an_honest_client() {
    let _alone = alone();
    let nginx = Nginx::start("");
    let corpus = Corpus::write(&nginx.pages(), PAGES);
    let edge = Edge::configured(&Ports::free(), nginx.address(), CACHE, TIMEOUTS);
    let trial = Trial::new(&edge, Way::to(&edge, Protocol::Http2), &corpus.path(1));
    let siege = Siege { edge: &edge, trial, corpus: &corpus };
    siege.warm_up();
    siege.resets();
    siege.floods();
    siege.windows();
    siege.stuck_streams();
    siege.heads();
    edge.stop();
}

impl Siege<'_> {
    /// Lets `attackers` connections with these settings do what `attack` does; each must end in one
    /// of `ends`.
    fn run(
        &self,
        class: &str,
        attackers: usize,
        settings: &[(u16, u32)],
        ends: &[&str],
        attack: impl AsyncFn(&mut Attacker<'_>) + Sync,
    ) {
        let row = self.trial.run(class, attackers, |span| {
            runtime().block_on(raid(self.edge, span, settings, &attack))
        });
        let mut finished = row.outcomes().filter(|outcome| *outcome != UNFINISHED).peekable();
        assert!(finished.peek().is_some(), "{class}: nothing ended it");
        for outcome in finished {
            assert!(ends.iter().any(|end| outcome.starts_with(end)), "{class}: {outcome}");
        }
    }

    fn block(&self, id: u32) -> Vec<u8> {
        get(HOST, &self.corpus.path(id % PAGES), &[])
    }

    /// Requests on all the streams that a connection may have.
    fn all(&self) -> Vec<u8> {
        (0..STREAMS).flat_map(|n| request(2 * n + 1, &self.block(n))).collect()
    }

    /// A process that has never been attacked grows to the size of one that was: what counts is
    /// whether it grows on.
    fn warm_up(&self) {
        let row = self.trial.measure("before all", 1, |span| {
            runtime().block_on(raid(self.edge, span, &[], async |attacker: &mut Attacker<'_>| {
                self.reset_all(attacker, |stream| self.miss_and_reset(stream)).await;
            }))
        });
        println!("{row}");
    }

    /// Opens streams and has them reset, as `one` does it.
    async fn reset_all(&self, attacker: &mut Attacker<'_>, one: impl Fn(u32) -> Vec<u8>) {
        for first in (0..RESETS).step_by(100) {
            let batch = (first..first + 100).flat_map(|n| one(2 * n + 1));
            if !attacker.send(&batch.collect::<Vec<u8>>()).await {
                return;
            }
        }
    }

    fn miss_and_reset(&self, stream: u32) -> Vec<u8> {
        let path = format!("{}?{}", self.corpus.path(3), fastrand::u64(..));
        [request(stream, &get(HOST, &path, &[])), number(RST_STREAM, stream, 8)].concat()
    }

    fn resets(&self) {
        let block = self.block(2);
        let mut lie = block.clone();
        literal(&mut lie, "content-length", "5");
        let ones: [(&str, One<'_>); 4] = [
            ("rapid reset of hits", &|stream| {
                [request(stream, &block), number(RST_STREAM, stream, 8)].concat()
            }),
            ("rapid reset of misses", &|stream| self.miss_and_reset(stream)),
            ("MadeYouReset by windows", &|stream| {
                [request(stream, &block), number(WINDOW_UPDATE, stream, 0x7fff_ffff)].concat()
            }),
            ("MadeYouReset by lengths", &|stream| request(stream, &lie)),
        ];
        for (class, one) in ones {
            self.run(class, 1, &[], &[RESET], async |attacker| self.reset_all(attacker, one).await);
        }
    }

    fn floods(&self) {
        let open = request(1, &self.block(4));
        let post = frame(HEADERS, END_HEADERS, 1, &self.block(4));
        let begin = frame(HEADERS, END_STREAM, 1, &self.block(4));
        let field = [&[0, 1, b'x', 0x7f, 0x80, 0x7d][..], &[b'y'; 16_127]].concat();
        for (class, before, one) in [
            ("PING flood", &open, frame(PING, 0, 0, &[7; 8])),
            ("SETTINGS flood", &open, frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255])),
            ("PRIORITY flood", &open, frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1])),
            ("unknown frames", &open, frame(0x42, 0, 0, &[])),
            ("empty DATA", &post, frame(DATA, 0, 1, &[])),
            ("WINDOW_UPDATE by one", &open, number(WINDOW_UPDATE, 0, 1)),
            ("CONTINUATION, empty", &begin, frame(CONTINUATION, 0, 1, &[])),
            ("CONTINUATION, full", &begin, frame(CONTINUATION, 0, 1, &field)),
        ] {
            let burst = one.repeat((32_000 / one.len()).max(1));
            self.run(class, 1, &[], &[FRAMES], async |attacker| {
                if attacker.send(before).await {
                    attacker.flood(&burst).await;
                }
            });
        }
    }

    fn windows(&self) {
        let all = self.all();
        self.run("zero windows, held", 4, ZERO, &["cut"], async |attacker| {
            if attacker.send(&all).await {
                attacker.hold().await;
            }
        });
        let updates: Vec<u8> =
            (0..STREAMS).flat_map(|n| number(WINDOW_UPDATE, 2 * n + 1, 1)).collect();
        self.run("one-byte windows, fast", 1, ONE, &[FRAMES], async |attacker| {
            if attacker.send(&all).await {
                attacker.flood(&updates).await;
            }
        });
        let pause = Duration::from_millis(20);
        self.run("one-byte windows, slow", 4, ONE, &["cut"], async |attacker| {
            if attacker.send(&all).await {
                attacker.trickle(pause, |n| number(WINDOW_UPDATE, 2 * (n % STREAMS) + 1, 1)).await;
            }
        });
    }

    fn stuck_streams(&self) {
        const STUCK: u32 = 50;
        let stuck: Vec<u8> = (0..STUCK).flat_map(|n| request(2 * n + 1, &self.block(n))).collect();
        let pause = Duration::from_millis(5);
        self.run("stuck beside flowing", 1, ZERO, &["50 resets"], async |attacker| {
            if !attacker.send(&stuck).await {
                return;
            }
            for n in STUCK.. {
                let stream = 2 * n + 1;
                let flowing = [
                    request(stream, &self.block(n)),
                    number(WINDOW_UPDATE, stream, 1 << 20),
                    number(WINDOW_UPDATE, 0, 1 << 20),
                ];
                if !attacker.send(&flowing.concat()).await || attacker.resets() == STUCK {
                    break;
                }
                attacker.wait(pause).await;
            }
            if attacker.resets() == STUCK {
                attacker.say(format!("{STUCK} resets"));
            }
        });
    }

    fn heads(&self) {
        // The first field enters the table, and every further byte names it again.
        let mut field = self.block(6);
        field.extend_from_slice(&[0x40, 1, b'x', 1, b'y']);
        let bomb = [&field[..], &[0xbe; 16_000]].concat();
        let many = "GOAWAY ENHANCE_YOUR_CALM header_list_way_too_large";
        self.run("HPACK bomb, 16 000 fields", 1, &[], &[many], async |attacker| {
            for n in 0.. {
                if !attacker.send(&request(2 * n + 1, &bomb)).await {
                    return;
                }
            }
        });
        let mut crumbs = self.block(7);
        for _ in 0..200 {
            // `cookie` has the index 32.
            integer(&mut crumbs, 0, 4, 32);
            crumbs.extend_from_slice(b"\x03a=1");
        }
        let kept = [&field[..], &[0xbe; 90]].concat();
        for (class, block) in [("HPACK bomb, held", &kept), ("crumbs, held", &crumbs)] {
            let all: Vec<u8> = (0..STREAMS).flat_map(|n| request(2 * n + 1, block)).collect();
            self.run(class, 4, ZERO, &["cut"], async |attacker| {
                if attacker.send(&all).await {
                    attacker.hold().await;
                }
            });
        }
        let begin = frame(HEADERS, END_STREAM, 1, &self.block(8));
        let ended = "GOAWAY ENHANCE_YOUR_CALM header";
        let pause = Duration::from_millis(200);
        self.run("heads that trickle", 8, &[], &[ended], async |attacker| {
            attacker
                .trickle(pause, |n| begin.iter().copied().skip(n as usize).take(1).collect())
                .await;
        });
    }
}
