//! Processes that a test starts: what they say goes to a file that a failing test shows, and none
//! of them outlives its test.

use std::fs::{self, File};
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tidegate::base::Clock;

use super::wait::{SOON, until};

/// A running process.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    has_children: bool,
}

impl Process {
    /// Starts `command` with its output in `folder`.
    pub fn start(name: &str, folder: &Path, command: &mut Command) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file =
            File::options().create(true).append(true).open(&log).expect("the folder is ours");
        let errors = file.try_clone().expect("an open file has a second handle");
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { name: name.to_owned(), child, log, has_children: false }
    }

    /// Tells that this process ends children of its own, given the time: it is asked to end before it
    /// is killed.
    pub fn with_children(mut self) -> Self {
        self.has_children = true;
        self
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("our own child takes signals");
    }

    /// Sends `signal` and waits until the process has ended; how it did.
    pub fn end_by(&mut self, signal: Signal, limit: Duration) -> ExitStatus {
        self.signal(signal);
        let mut ended = None;
        until(&format!("{} ends by {signal:?}", self.name), limit, || {
            ended = self.child.try_wait().expect("our own child can be waited for");
            ended.is_some()
        });
        ended.expect("the wait is over")
    }

    /// Its resident size in bytes, as the kernel counts it (`VmRSS`).
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or_else(|| panic!("no resident size in\n{status}")) << 10
    }

    /// What it said last.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let running = self.runs();
        if running && self.has_children {
            self.signal(Signal::TERM);
            let clock = Clock::system();
            let end = clock.now() + SOON;
            while self.runs() && clock.now() < end {
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let state = if running { "ran" } else { "had ended" };
            println!("--- {} ({state}):\n{}\n---", self.name, self.last_words());
        }
    }
}

/// Runs `command` to its end; what it wrote to standard output, then to standard error. It is
/// killed and the test fails when it takes longer than `limit`.
pub fn output(name: &str, command: &mut Command, limit: Duration) -> (ExitStatus, String) {
    let folder = Scratch::new(name);
    let mut process = Process::start(name, folder.path(), command);
    let mut ended = None;
    until(&format!("{name} ends"), limit, || {
        ended = process.child.try_wait().expect("our own child can be waited for");
        ended.is_some()
    });
    let mut said = String::new();
    let mut log = File::open(&process.log).expect("it was just written");
    log.read_to_string(&mut said).expect("programs say text");
    (ended.expect("the wait is over"), said)
}

/// A folder that goes when its test does.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new, empty folder.
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-real-{}-{next}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("the folder for temporary files takes one more");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A browser's helpers write for a moment after it has ended.
        let clock = Clock::system();
        let end = clock.now() + Duration::from_secs(2);
        while fs::remove_dir_all(&self.0).is_err() && self.0.exists() && clock.now() < end {
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

/// A port of 127.0.0.1 on which nobody listens, below those that outgoing connections take.
pub fn free_port() -> u16 {
    for _ in 0..1000 {
        let port = fastrand::u16(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("none of a thousand ports is free");
}
