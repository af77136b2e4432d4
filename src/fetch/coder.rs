//! Content codings of what is stored, made once, on a thread of their own.
//!
//! What was stored is offered; its turn comes in a queue that is bounded, and what finds it full is not
//! coded until it is confirmed or fetched again. The thread begins with the first offer, runs when
//! nobody else wants the processor, and ends with the coder. It holds what it codes no longer than it
//! takes: a job in the queue knows its body weakly, and is void when nobody has that any more.
//!
//! What is coded is published under the key's lock, and only if its body is still what is stored
//! ([`Store::code`]): a purge meanwhile leaves nothing to code, and a 304 meanwhile gives its fields.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::compress::{TABLES, compress};
use crate::base::budget::{Part, STORE};
use crate::base::{Budget, Charge, Coding, Key, Stored};
use crate::config::Encoding;
use crate::semantics::{ResponseDirectives, coding, targeted};
use crate::store::object::{SEGMENT, weigh};
use crate::store::{Coded, Object, Store};

/// Jobs in the queue.
const MOST: usize = 256;
/// The largest body that is coded, in bytes: it is held a second time meanwhile, and keeps all others
/// waiting.
const LARGEST: u64 = 16 << 20;
/// Bodies of which it is remembered that they do not become smaller.
const HOPELESS: usize = 64;
/// What a job in the queue takes beside its key, in bytes, the counts of its body included.
const JOB: u64 = (size_of::<Job>() + 2 * size_of::<usize>() + size_of::<Stored>()) as u64;
/// Of how many hundredths of a body it must become to be worth a variant.
const WORTH: usize = 95;

/// The coder; one a node.
#[derive(Debug)]
pub struct Coder(Arc<Shared>);

/// What the coder and its thread share.
#[derive(Debug)]
struct Shared {
    store: Arc<Store>,
    budget: Budget,
    desk: Mutex<Desk>,
    /// Something changed on the desk.
    changed: Condvar,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Desk {
    queue: VecDeque<Job>,
    /// The body that is being coded.
    at: Weak<Stored>,
    /// Bodies that did not become smaller, the oldest first.
    hopeless: VecDeque<Weak<Stored>>,
    /// Whether the thread runs.
    runs: bool,
    /// Whether it is to end.
    over: bool,
}

/// Something to be coded.
#[derive(Debug)]
struct Job {
    key: Key,
    body: Weak<Stored>,
    encoding: Arc<Encoding>,
    _charge: Charge,
}

/// What became of jobs, for the metrics.
#[derive(Debug, Default)]
pub struct Counts {
    jobs: [AtomicU64; Done::ALL.len()],
    read: [AtomicU64; Coding::ALL.len()],
    written: [AtomicU64; Coding::ALL.len()],
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// At least one coding is stored.
    Stored,
    /// No coding is so much smaller that it would be worth its place.
    NoSmaller,
    /// The queue was full.
    Full,
    /// There was no memory for it.
    NoRoom,
    /// The body is stored no longer, or may not be coded any more.
    Outdated,
    /// A bug of ours, or of an encoder's.
    Failed,
}

impl Done {
    /// Everything that may become of a job.
    pub const ALL: [Self; 6] =
        [Self::Stored, Self::NoSmaller, Self::Full, Self::NoRoom, Self::Outdated, Self::Failed];

    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::NoSmaller => "no-smaller",
            Self::Full => "full",
            Self::NoRoom => "no-room",
            Self::Outdated => "outdated",
            Self::Failed => "failed",
        }
    }
}

impl Counts {
    /// Jobs of which that became.
    pub fn jobs(&self, done: Done) -> u64 {
        self.jobs[done as usize].load(Ordering::Relaxed)
    }

    /// Bytes read and bytes written for `coding`, what was not worth storing included.
    pub fn bytes(&self, coding: Coding) -> (u64, u64) {
        let [read, written] = [&self.read, &self.written];
        let of = |counts: &[AtomicU64]| counts[coding as usize].load(Ordering::Relaxed);
        (of(read), of(written))
    }
}

/// Whether a response is to be coded as `encoding` wants, as far as its head tells and the length of its
/// body, where that is known already.
pub(super) fn suits(
    encoding: &Encoding,
    status: StatusCode,
    headers: &HeaderMap,
    said: &ResponseDirectives,
    length: Option<u64>,
) -> bool {
    length.is_none_or(|length| (encoding.least..=LARGEST).contains(&length))
        && coding::may_be_coded(status, headers, said, &encoding.types)
}

/// Whether `object` is to be coded as `encoding` wants.
pub(super) fn fits(object: &Object, encoding: &Encoding) -> bool {
    let headers = object.head.fields.own();
    let said = targeted::directives(&headers, &encoding.targets);
    object.trailers.is_none()
        && suits(encoding, object.head.status, &headers, &said, Some(object.length()))
}

impl Coder {
    /// A coder for what is in `store`.
    pub(super) fn new(store: Arc<Store>, budget: Budget) -> Self {
        let (desk, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { store, budget, desk, changed, counts: Counts::default() }))
    }

    /// What became of jobs.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Jobs in the queue.
    pub fn queue(&self) -> usize {
        self.0.desk().queue.len()
    }

    /// Has `body`, which was stored under `key`, coded as `encoding` wants, once its turn comes.
    pub(super) fn offer(&self, key: &Key, body: &Arc<Stored>, encoding: &Arc<Encoding>) {
        let mut desk = self.0.desk();
        if desk.knows(&Arc::downgrade(body)) {
            return;
        }
        if desk.queue.len() >= MOST || !self.begin(&mut desk) {
            return self.0.counts.note(Done::Full);
        }
        let charge = self.0.budget.charge(Part::Coding, JOB + key.text().len() as u64);
        desk.queue.push_back(Job {
            key: key.clone(),
            body: Arc::downgrade(body),
            encoding: Arc::clone(encoding),
            _charge: charge,
        });
        drop(desk);
        self.0.changed.notify_one();
    }

    /// Sees to it that the thread runs.
    fn begin(&self, desk: &mut Desk) -> bool {
        if !desk.runs {
            let shared = Arc::clone(&self.0);
            let started = std::thread::Builder::new().name("coder".into()).spawn(move || {
                give_way();
                shared.run();
            });
            desk.runs = started
                .inspect_err(|error| tracing::warn!(%error, "no thread for content codings"))
                .is_ok();
        }
        desk.runs
    }
}

impl Drop for Coder {
    fn drop(&mut self) {
        self.0.desk().over = true;
        self.0.changed.notify_one();
    }
}

/// Lets every other thread go first: nobody waits for a coding. Of a process of several threads the
/// kernel gives each its own priority.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "content codings are made at the usual priority");
    }
}

impl Desk {
    /// Whether a body waits for its turn, has it, or had it in vain.
    fn knows(&self, body: &Weak<Stored>) -> bool {
        let is = |other: &Weak<Stored>| other.ptr_eq(body);
        is(&self.at) || self.queue.iter().any(|job| is(&job.body)) || self.hopeless.iter().any(is)
    }
}

impl Shared {
    fn run(&self) {
        while let Some(job) = self.next() {
            // A bug in an encoder must not end all codings.
            let done = catch_unwind(AssertUnwindSafe(|| self.work(&job)));
            self.done(&job, done.unwrap_or(Done::Failed));
        }
    }

    /// Waits for the next job; `None` at the end.
    fn next(&self) -> Option<Job> {
        let mut desk = self.desk();
        loop {
            if desk.over {
                return None;
            }
            if let Some(job) = desk.queue.pop_front() {
                desk.at = Weak::clone(&job.body);
                return Some(job);
            }
            desk = self.changed.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, job: &Job, done: Done) {
        let mut desk = self.desk();
        desk.at = Weak::new();
        if matches!(done, Done::NoSmaller | Done::Failed) {
            desk.hopeless.push_back(Weak::clone(&job.body));
            if desk.hopeless.len() > HOPELESS {
                desk.hopeless.pop_front();
            }
        }
        drop(desk);
        self.counts.note(done);
    }

    fn work(&self, job: &Job) -> Done {
        let Some(body) = job.body.upgrade() else { return Done::Outdated };
        let Some((identity, had)) = self.stored(&job.key, &body, &job.encoding) else {
            return Done::Outdated;
        };
        let length = body.length();
        // Beside the body itself: a copy in one piece, and what it becomes, twice at the end.
        let takes = TABLES + 3 * length;
        if !self.budget.room_for(takes, STORE) {
            return Done::NoRoom;
        }
        let charge = self.budget.charge(Part::Coding, takes);
        let input = in_one_piece(&body);
        let make = |coding: &Coding| {
            let before = had.iter().find(|(had, _)| had == coding);
            let made = || self.make(*coding, &input, &identity);
            before.map(|(_, body)| Arc::clone(body)).or_else(made).map(|body| (*coding, body))
        };
        let codings: Vec<_> = job.encoding.codings.iter().filter_map(make).collect();
        drop(charge);
        if codings.len() == had.len() {
            return Done::NoSmaller;
        }
        let allows = |object: &Object| fits(object, &job.encoding);
        match self.store.code(&job.key, &body, &codings, allows) {
            true => Done::Stored,
            false => Done::Outdated,
        }
    }

    /// The object that is stored under `key` with `body`, if it is to be coded, and the codings that it
    /// has.
    fn stored(
        &self,
        key: &Key,
        body: &Arc<Stored>,
        encoding: &Encoding,
    ) -> Option<(Arc<Object>, Vec<Coded>)> {
        let entry = self.store.peek(&key.as_ref())?;
        let (identity, coded) = entry.groups().find(|(one, _)| Arc::ptr_eq(&one.body, body))?;
        let coding = |coded: &Arc<Object>| Some((coded.head.axis.coding?, Arc::clone(&coded.body)));
        let had = coded.iter().filter_map(coding);
        let had = had.filter(|(coding, _)| encoding.codings.contains(coding)).collect();
        fits(identity, encoding).then(|| (Arc::clone(identity), had))
    }

    /// What `input`, the body of `identity`, becomes in `coding`, if that is worth it.
    fn make(&self, coding: Coding, input: &[u8], identity: &Object) -> Option<Arc<Stored>> {
        let coded = compress(coding, input, input.len() / 100 * WORTH);
        let written = coded.as_ref().map_or(0, Vec::len) as u64;
        self.counts.read[coding as usize].fetch_add(input.len() as u64, Ordering::Relaxed);
        self.counts.written[coding as usize].fetch_add(written, Ordering::Relaxed);
        let segments = coded?.chunks(SEGMENT).map(Bytes::copy_from_slice).collect();
        let weight = weigh(&identity.head.coded(coding), written, None);
        Some(Stored::new(segments, self.budget.charge(Part::Stored, weight)))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Jobs are whole between statements, and nothing under the lock panics.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn note(&self, done: Done) {
        self.jobs[done as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// The bytes of `body`; most bodies are in one piece already.
fn in_one_piece(body: &Stored) -> Cow<'_, [u8]> {
    match body.segments() {
        [segment] => Cow::Borrowed(segment),
        segments => Cow::Owned(segments.concat()),
    }
}

#[cfg(test)]
#[path = "coder_tests.rs"]
mod tests;
