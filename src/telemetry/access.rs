//! The access log's way to its sink: meters hand over blocks of lines, one thread writes them.
//!
//! The queue's lock is held for a push or a pop, never over a write, so a request core does not
//! wait for a disk. What waits is bounded (`QUEUED` bytes); beyond it blocks are dropped and
//! their lines counted. A sink that fails costs the lines that it failed on, a count, and a warning
//! a minute. Nothing is retried: the log follows the traffic, it does not hold it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::Clock;

/// A meter hands its block over when it is this large, in bytes.
pub(super) const BLOCK: usize = 64 * 1024;

/// Bytes that may wait for the sink.
pub(super) const QUEUED: usize = 64 * BLOCK;

/// Emptied buffers that are kept, each of at most two blocks.
const SPARE: usize = 16;

const WARN_EVERY: Duration = Duration::from_secs(60);

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To a file, for appending.
    File(PathBuf),
}

/// An opened [`Sink`].
pub struct AccessLog(Option<Box<dyn Write + Send>>);

impl std::fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "AccessLog(on)" } else { "AccessLog(off)" })
    }
}

impl AccessLog {
    /// Opens `sink`; a file is created where there is none.
    ///
    /// # Errors
    /// The system's, when the file or standard output cannot be opened.
    pub fn open(sink: &Sink) -> io::Result<Self> {
        Ok(Self(match sink {
            Sink::Off => None,
            // A descriptor of its own goes round the standard library's line buffer.
            Sink::Stdout => Some(Box::new(File::from(io::stdout().as_fd().try_clone_to_owned()?))),
            Sink::File(path) => {
                Some(Box::new(OpenOptions::new().append(true).create(true).mode(0o640).open(path)?))
            }
        }))
    }

    /// A log that goes nowhere.
    pub fn off() -> Self {
        Self(None)
    }

    #[cfg(test)]
    pub(super) fn to(writer: impl Write + Send + 'static) -> Self {
        Self(Some(Box::new(writer)))
    }
}

/// Lines that belong together.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) text: Vec<u8>,
    pub(super) lines: u64,
}

/// What stands between the meters and the writer.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Tells the writer of a block, a new sink or the end, and whoever closes of the writer's end.
    changed: Condvar,
    on: AtomicBool,
    /// Lines that the sink did not take.
    pub(super) unwritten: AtomicU64,
}

#[derive(Debug)]
struct State {
    blocks: VecDeque<Block>,
    /// Bytes in `blocks` and in the writer's hands.
    bytes: usize,
    /// Emptied buffers for the meters' next blocks.
    spare: Vec<Vec<u8>>,
    /// A sink to go on with.
    next: Option<AccessLog>,
    closing: bool,
    ended: bool,
}

impl Queue {
    pub(super) fn new(log: AccessLog) -> Self {
        let on = AtomicBool::new(log.0.is_some());
        let state = State {
            blocks: VecDeque::new(),
            bytes: 0,
            spare: Vec::new(),
            next: Some(log),
            closing: false,
            ended: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), on, unwritten: AtomicU64::new(0) }
    }

    /// Whether lines are worth writing.
    pub(super) fn on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Takes `block` and leaves an empty one. Returns the lines that were dropped because too much
    /// waits already.
    pub(super) fn push(&self, block: &mut Block) -> u64 {
        if block.text.is_empty() {
            return 0;
        }
        let mut state = self.state();
        if state.ended || state.bytes + block.text.len() > QUEUED {
            drop(state);
            block.text.clear();
            return std::mem::take(&mut block.lines);
        }
        let empty = Block { text: state.spare.pop().unwrap_or_default(), lines: 0 };
        let full = std::mem::replace(block, empty);
        state.bytes += full.text.len();
        state.blocks.push_back(full);
        drop(state);
        self.changed.notify_all();
        0
    }

    /// Writes to `log` from the next block on.
    pub(super) fn switch(&self, log: AccessLog) {
        self.on.store(log.0.is_some(), Ordering::Relaxed);
        self.state().next = Some(log);
        self.changed.notify_all();
    }

    /// Lets the writer end once everything queued is written.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    /// Waits until the writer has ended, at most `limit`; says whether it has.
    pub(super) fn wait_ended(&self, limit: Duration) -> bool {
        let state = self.state();
        let waited = self.changed.wait_timeout_while(state, limit, |state| !state.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// The writer thread's life.
    pub(super) fn write_all(&self, clock: &Clock) {
        let mut sink = Output::default();
        let mut state = self.state();
        loop {
            if let Some(log) = state.next.take() {
                // Closing a file may block; nobody must wait for it.
                drop(state);
                sink.log = log.0;
                sink.mid_line = false;
                state = self.state();
            } else if let Some(mut block) = state.blocks.pop_front() {
                drop(state);
                let lost = sink.write(&block, clock);
                self.unwritten.fetch_add(lost, Ordering::Relaxed);
                state = self.state();
                state.bytes -= block.text.len();
                if state.spare.len() < SPARE && block.text.capacity() <= 2 * BLOCK {
                    block.text.clear();
                    state.spare.push(block.text);
                }
            } else if state.closing {
                state.ended = true;
                self.changed.notify_all();
                return;
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No statement leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the writer thread writes to.
#[derive(Default)]
struct Output {
    log: Option<Box<dyn Write + Send>>,
    /// Whether a failure left part of a line behind, which the next block must end.
    mid_line: bool,
    warned: Option<Instant>,
}

impl Output {
    /// Writes `block` and returns how many of its lines were lost.
    fn write(&mut self, block: &Block, clock: &Clock) -> u64 {
        let Some(log) = &mut self.log else { return 0 };
        let mut written = 0;
        let failed: io::Error = loop {
            let piece = if self.mid_line { &b"\n"[..] } else { &block.text[written..] };
            if piece.is_empty() {
                return 0;
            }
            match log.write(piece) {
                Ok(0) => break ErrorKind::WriteZero.into(),
                Ok(_) if self.mid_line => self.mid_line = false,
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        let whole = block.text[..written].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.mid_line |= written > 0 && block.text[written - 1] != b'\n';
        let now = clock.now();
        if self.warned.is_none_or(|last| now.duration_since(last) >= WARN_EVERY) {
            self.warned = Some(now);
            tracing::warn!(error = %failed, "access log lines are being lost");
        }
        block.lines - whole
    }
}
