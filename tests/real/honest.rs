//! An honest client at a fixed rate, beside an attack: what the attack does to the client's p99 and
//! to the edge's resident size, and what both are when it is over.
//!
//! A [`Trial`] measures the honest client alone, then beside the attack, then alone again, and
//! makes a [`Row`] of it. "Undisturbed" is the worse p99 of the two measured alone. An attack is a
//! function that runs until its [`Span`] is over and says what became of it; it is called again
//! when it returns early, because whoever is cut off comes back. Attackers run at the lowest
//! priority: they would sit on machines of their own, and what is measured is the edge.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use rustix::process::setpriority_process;
use tidegate::base::Clock;
use tokio::task::LocalSet;

use super::client::{Connection, Way};
use super::edge::Edge;
use super::wait::{SOON, runtime, setting, within};

/// How much slower the p99 may be beside an attack.
const SLOWER: f64 = 2.0;

/// Below this a p99 is the machine's scheduler's, not the edge's: attackers, honest clients, origin and
/// edge share its cores, and each waits while others have a turn.
const NOISE: Duration = Duration::from_millis(4);

/// What the allocator may keep of an attack's memory: 27 MiB were seen after the first of six waves of
/// 500 connections, and no more after the others.
const KEPT: u64 = 32 << 20;

/// How soon an attacker who was cut off is back.
const RETURNS: Duration = Duration::from_millis(50);

/// A timer's tick: an honest request that starts this late was not delayed by the edge.
const TICK: Duration = Duration::from_millis(2);

/// The time that an attack lasts.
pub struct Span {
    clock: Clock,
    end: Instant,
    over: AtomicBool,
}

impl Span {
    /// Whether the attack must end.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.clock.now() >= self.end
    }

    /// What is left of it.
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(self.clock.now())
    }
}

/// An honest client, and how an attack beside it is measured.
pub struct Trial<'a> {
    edge: &'a Edge,
    way: Way,
    path: String,
    /// Requests a second.
    pub rate: u32,
    /// Every so many requests go over a connection of their own; 0 for none.
    pub fresh_each: u32,
    /// How long an attack lasts, and each of the measurements beside it.
    pub lasts: Duration,
    /// What the edge's resident size may be at most, in bytes.
    pub budget: u64,
}

/// What one attack did.
pub struct Row {
    class: String,
    outcomes: BTreeMap<String, u64>,
    undisturbed: Duration,
    beside: Duration,
    answered: usize,
    failures: Vec<String>,
    /// The edge's resident size before, at most, and after, in bytes.
    resident: [u64; 3],
    budget: u64,
}

/// How often a row may fail by time.
const TRIES: u32 = 6;

impl<'a> Trial<'a> {
    /// Honest requests for `path`, which is stored, on `way`; an attack lasts
    /// `TIDEGATE_REAL_ATTACK_SECONDS` (2).
    pub fn new(edge: &'a Edge, way: Way, path: &str) -> Self {
        let lasts = Duration::from_secs(setting("TIDEGATE_REAL_ATTACK_SECONDS", 2));
        let path = path.to_owned();
        Self { edge, way, path, rate: 250, fresh_each: 0, lasts, budget: 512 << 20 }
    }

    /// Lets `attackers` threads run `attack`, prints the row and judges it. Other programs share
    /// the machine and only ever add to it, so a row that fails by time alone is measured again: an
    /// attack that is felt is felt each time.
    ///
    /// # Panics
    /// When the edge does not hold.
    pub fn run(
        &self,
        class: &str,
        attackers: usize,
        attack: impl Fn(&Span) -> String + Sync,
    ) -> Row {
        for again in (0..TRIES).rev() {
            let row = self.measure(class, attackers, &attack);
            println!("{row}");
            row.must_hold();
            if row.ratio() <= SLOWER {
                return row;
            }
            assert!(again > 0, "{class}: the honest p99 was {:.2} of undisturbed", row.ratio());
        }
        unreachable!("the last time it returns or fails")
    }

    /// Measures `attack` once.
    pub fn measure(
        &self,
        class: &str,
        attackers: usize,
        attack: impl Fn(&Span) -> String + Sync,
    ) -> Row {
        let mut alone = self.honest();
        let before = self.edge.resident();
        let span = self.span();
        let outcomes = Mutex::<BTreeMap<String, u64>>::default();
        let count = |outcome: String| {
            *outcomes.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() +=
                1;
        };
        let (beside, peak) = thread::scope(|scope| {
            for _ in 0..attackers {
                scope.spawn(|| {
                    // Of this thread alone; where it is refused, the attack is the stronger.
                    let _ = setpriority_process(None, 19);
                    while !span.is_over() {
                        count(attack(&span));
                        // How often it may come back is another limit's business.
                        thread::park_timeout(RETURNS.min(span.left()));
                    }
                });
            }
            let sampler = scope.spawn(|| self.peak(&span));
            let beside = self.honest();
            span.over.store(true, Ordering::Relaxed);
            (beside, sampler.join().expect("the edge runs"))
        });
        let after = self.settled(before);
        let again = self.honest();
        let undisturbed = alone.p99().max(again.p99());
        alone.failures.extend(beside.failures.iter().cloned().chain(again.failures));
        Row {
            class: class.to_owned(),
            outcomes: outcomes.into_inner().unwrap_or_else(PoisonError::into_inner),
            undisturbed,
            beside: beside.p99(),
            answered: beside.times.len(),
            failures: alone.failures,
            resident: [before, peak.max(before), after],
            budget: self.budget,
        }
    }

    fn span(&self) -> Span {
        let clock = Clock::system();
        // An attack outlasts the measurement that ends it; this bounds one that does not look.
        let end = clock.now() + self.lasts + SOON;
        Span { clock, end, over: AtomicBool::new(false) }
    }

    fn peak(&self, span: &Span) -> u64 {
        let mut peak = 0;
        while !span.is_over() {
            peak = peak.max(self.edge.resident());
            thread::park_timeout(Duration::from_millis(10));
        }
        peak
    }

    /// The resident size when it has come back to what it was, or does not.
    fn settled(&self, before: u64) -> u64 {
        let clock = Clock::system();
        let end = clock.now() + Duration::from_secs(5);
        loop {
            let now = self.edge.resident();
            if now <= before + KEPT / 4 || clock.now() >= end {
                return now;
            }
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Asks at the fixed rate for the time of one measurement.
    fn honest(&self) -> Times {
        runtime().block_on(LocalSet::new().run_until(self.ask_all()))
    }

    async fn ask_all(&self) -> Times {
        let clock = Clock::system();
        let every = Duration::from_secs(1) / self.rate;
        let count = u32::try_from(self.lasts.as_micros() / every.as_micros()).unwrap_or(u32::MAX);
        let start = clock.now() + every;
        let pool = Pool::default();
        let mut asked = Vec::new();
        for n in 0..count {
            let due = start + every * n;
            clock.sleep_until(due).await;
            let fired = clock.now();
            // The schedule is what counts, so that a stall is felt by all who came in it.
            let from = if fired - due < TICK { fired } else { due };
            let (way, path, clock) = (self.way.clone(), self.path.clone(), clock.clone());
            let fresh = self.fresh_each > 0 && n % self.fresh_each == 0;
            let pool = if fresh { Pool::default() } else { pool.clone() };
            asked.push(tokio::task::spawn_local(async move {
                let answer = ask(&way, &path, &pool);
                let answered = within("an honest request is answered", SOON, answer).await;
                answered.map(|()| clock.now() - from)
            }));
        }
        let mut times = Times::default();
        for one in asked {
            match one.await.expect("a request does not panic") {
                Ok(time) => times.times.push(time),
                Err(failure) => times.failures.push(failure),
            }
        }
        times.times.sort();
        times
    }
}

/// Connections that wait for their next request.
type Pool = Rc<RefCell<Vec<Connection>>>;

/// One honest request, over a connection from `pool` if it has one.
async fn ask(way: &Way, path: &str, pool: &Pool) -> Result<(), String> {
    let kept = pool.borrow_mut().pop();
    let mut connection = match kept {
        Some(connection) => connection,
        None => way.connect().await?,
    };
    let answer = connection.fetch(Method::GET, path, HeaderMap::new()).await?;
    if answer.status() != 200 || answer.body().is_empty() {
        return Err(format!("{path}: {}", answer.status()));
    }
    pool.borrow_mut().push(connection);
    Ok(())
}

/// How long the honest requests of one measurement took.
#[derive(Default)]
struct Times {
    /// In order of length.
    times: Vec<Duration>,
    failures: Vec<String>,
}

impl Times {
    fn p99(&self) -> Duration {
        let at = (self.times.len() * 99 / 100).min(self.times.len().saturating_sub(1));
        self.times.get(at).copied().unwrap_or(SOON)
    }
}

impl Row {
    /// What became of the attackers' connections, in words.
    pub fn outcomes(&self) -> impl Iterator<Item = &str> {
        self.outcomes.keys().map(String::as_str)
    }

    /// The honest p99 beside the attack, of undisturbed.
    pub fn ratio(&self) -> f64 {
        self.beside.as_secs_f64() / self.undisturbed.max(NOISE).as_secs_f64()
    }

    /// Judges all but time.
    ///
    /// # Panics
    /// When an honest request failed, or the memory was not bounded or not given back.
    pub fn must_hold(&self) {
        let (class, [before, peak, after]) = (&self.class, self.resident);
        assert!(self.failures.is_empty(), "{class}: honest requests failed: {:?}", self.failures);
        assert!(self.answered > 0, "{class}: nothing honest was asked");
        assert!(!self.outcomes.is_empty(), "{class}: the attack did not end");
        assert!(peak <= self.budget, "{class}: {peak} bytes resident");
        assert!(after <= before + KEPT, "{class}: {before} bytes resident before, {after} after");
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let outcomes: Vec<String> =
            self.outcomes.iter().map(|(outcome, times)| format!("{outcome} × {times}")).collect();
        let [before, peak, after] = self.resident.map(|bytes| bytes >> 20);
        let (alone, beside) = (self.undisturbed.as_secs_f64(), self.beside.as_secs_f64());
        write!(
            f,
            "{} | {} | honest p99 {:.2} of undisturbed ({:.2} → {:.2} ms) | \
             resident {before}/{peak}/{after} MiB",
            self.class,
            outcomes.join(", "),
            beside / alone,
            alone * 1e3,
            beside * 1e3,
        )
    }
}
