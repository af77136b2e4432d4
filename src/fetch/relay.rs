//! Waking many waiters on several cores.
//!
//! Whoever leads a flight wakes one relay task a core, and each relay wakes the waiters of its own
//! core: ten thousand followers cost the leader as many remote wake-ups as there are cores.
//!
//! Why no wake-up is lost: a waiter registers while it holds the lock of the state that it found
//! wanting; the state changes under that lock, and [`Relays::wake`] comes after the change. So
//! either the waiter saw the change, or the wake sees the waiter.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;

use crate::base::WorkerId;

/// The waiters of one flight, by worker.
#[derive(Debug)]
pub struct Relays {
    workers: Box<[Relay]>,
    ids: AtomicU64,
    closed: AtomicBool,
    /// Clients that wait for the head, or have it and have not begun to read.
    wanting: AtomicUsize,
    /// Told when a reader has moved on or left, or when one of those has begun to read.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Relay {
    waiters: Mutex<HashMap<u64, Waker, foldhash::fast::RandomState>>,
    due: Notify,
    running: AtomicBool,
}

impl Relays {
    /// Relays for `workers` workers; none runs before somebody waits.
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            workers: (0..workers).map(|_| Relay::default()).collect(),
            ids: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            wanting: AtomicUsize::new(0),
            moved: Notify::new(),
        })
    }

    /// A number for a waiter, by which it replaces its waker instead of adding another.
    pub fn id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Says that somebody waits for the head, until [`wants_no_more`](Self::wants_no_more).
    pub fn wants(&self) {
        self.wanting.fetch_add(1, Ordering::SeqCst);
    }

    /// Says that somebody who waited for the head reads now, or has left.
    pub fn wants_no_more(&self) {
        self.wanting.fetch_sub(1, Ordering::SeqCst);
        self.moved.notify_one();
    }

    /// Whether somebody may still begin to read.
    pub fn wanted(&self) -> bool {
        self.wanting.load(Ordering::SeqCst) > 0
    }

    /// Where readers say that they have moved on or left.
    pub fn moved(&self) -> &Notify {
        &self.moved
    }

    /// Has `waker` woken at the next change. Called by the worker's own tasks, under the lock of
    /// the state that is waited for.
    pub fn register(self: &Arc<Self>, worker: WorkerId, id: u64, waker: &Waker) {
        let worker = usize::from(worker.0) % self.workers.len();
        let relay = &self.workers[worker];
        lock(&relay.waiters).insert(id, waker.clone());
        if !relay.running.swap(true, Ordering::AcqRel) {
            tokio::spawn(Arc::clone(self).run(worker));
        }
    }

    /// Takes a waiter's waker back.
    pub fn forget(&self, worker: WorkerId, id: u64) {
        let worker = usize::from(worker.0) % self.workers.len();
        lock(&self.workers[worker].waiters).remove(&id);
    }

    /// Wakes every waiter, after a change.
    pub fn wake(&self) {
        for relay in self.workers.iter().filter(|relay| relay.running.load(Ordering::Acquire)) {
            relay.due.notify_one();
        }
    }

    /// Wakes every waiter for the last time: nothing will change any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }

    async fn run(self: Arc<Self>, worker: usize) {
        let relay = &self.workers[worker];
        loop {
            relay.due.notified().await;
            // Read before the waiters are taken: whoever registers later saw the last state.
            let closed = self.closed.load(Ordering::Acquire);
            let waiters = std::mem::take(&mut *lock(&relay.waiters));
            waiters.into_values().for_each(Waker::wake);
            if closed {
                return;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Wakers are added and taken in single statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
