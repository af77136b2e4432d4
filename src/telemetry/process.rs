//! What the kernel says of this process, under the names that Prometheus' own clients use. Read
//! from `/proc` at each scrape; what cannot be read is left out.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::samples::Samples;

/// Adds memory, descriptors, threads and CPU time.
pub(super) fn samples(out: &mut Samples) {
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        if let Some(kibibytes) = field(&status, "VmRSS:") {
            let help = "Resident memory.";
            out.gauge("process_resident_memory_bytes", help, &[], kibibytes * 1024.0);
        }
        if let Some(kibibytes) = field(&status, "VmSize:") {
            let help = "Virtual memory.";
            out.gauge("process_virtual_memory_bytes", help, &[], kibibytes * 1024.0);
        }
        if let Some(threads) = field(&status, "Threads:") {
            out.gauge("process_threads", "Threads.", &[], threads);
        }
    }
    if let Ok(list) = fs::read_dir("/proc/self/fd") {
        // One of them is the listing's own.
        let open = list.count().saturating_sub(1);
        out.gauge("process_open_fds", "Open descriptors.", &[], open as f64);
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current {
        out.gauge("process_max_fds", "Descriptors that may be open.", &[], limit as f64);
    }
    if let Some(ticks) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_ticks) {
        let seconds = ticks / rustix::param::clock_ticks_per_second() as f64;
        let help = "CPU time, of the user and the system.";
        out.counter("process_cpu_seconds_total", help, &[], seconds);
    }
}

/// The first number after `name` in `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// utime and stime in `/proc/self/stat` (proc(5): fields 14 and 15, counted behind the command's
/// name, which may hold anything but ends with the last parenthesis).
fn cpu_ticks(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_command_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 99";
        assert_eq!(cpu_ticks(stat), Some(300.0));
        assert_eq!(cpu_ticks("garbage"), None);
    }

    #[test]
    fn this_process_has_memory_and_descriptors() {
        let mut out = Samples::default();
        samples(&mut out);
        for name in ["process_resident_memory_bytes ", "process_open_fds ", "process_max_fds "] {
            assert!(out.text().contains(name), "{name}");
        }
    }
}
