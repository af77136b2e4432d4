//! What the machine gives where the configuration says nothing: its name, its cores and its memory,
//! of which a cgroup (v1 or v2) may allow only a part. Read once for each configuration.

use std::fs;
use std::path::Path;

/// What was found; `None` where the system does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) hostname: Option<String>,
    /// 1 to 1024.
    pub(super) cores: u64,
    /// Bytes that the process can have.
    pub(super) memory: Option<u64>,
}

impl Machine {
    /// This one.
    pub(super) fn here() -> Self {
        Self::at(Path::new("/"))
    }

    /// The one whose `/proc` and `/sys` are under `root`.
    fn at(root: &Path) -> Self {
        let hostname = read(&root.join("proc/sys/kernel/hostname"));
        let hostname = hostname.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        // Knows of affinity and cgroup quotas itself.
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get().min(1024) as u64);
        let memory = total(root).into_iter().chain(allowed(root)).min();
        Self { hostname, cores, memory }
    }
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The machine's memory, from `MemTotal:  16384 kB`.
fn total(root: &Path) -> Option<u64> {
    let info = read(&root.join("proc/meminfo"))?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The least that the process's cgroup and those above it allow.
fn allowed(root: &Path) -> Option<u64> {
    let groups = read(&root.join("proc/self/cgroup"))?;
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let (folder, file) = if controllers.is_empty() {
            ("sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            return None;
        };
        // A container may see itself at a path that it cannot look at: then its root holds the
        // limit, which is the last of the ancestors.
        let path = Path::new(path.trim_start_matches('/'));
        path.ancestors().filter_map(|group| limit(&root.join(folder).join(group).join(file))).min()
    });
    limits.min()
}

/// Bytes; `max` is no limit, and v1 writes a number beyond any machine instead.
fn limit(file: &Path) -> Option<u64> {
    read(file)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(name: &str, files: &[(&str, &str)]) -> Option<u64> {
        let root = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let memory = Machine::at(&root).memory;
        fs::remove_dir_all(&root).unwrap();
        memory
    }

    #[test]
    fn memory_is_the_machines_where_no_cgroup_limits_it() {
        let files = [
            ("proc/meminfo", "MemTotal:       2048 kB\nMemFree: 7 kB\n"),
            ("proc/self/cgroup", "0::/user.slice\n"),
            ("sys/fs/cgroup/user.slice/memory.max", "max\n"),
        ];
        assert_eq!(memory("plain", &files), Some(2048 * 1024));
    }

    #[test]
    fn the_least_limit_of_a_cgroup_and_its_parents_counts() {
        let files = [
            ("proc/meminfo", "MemTotal: 2048 kB\n"),
            ("proc/self/cgroup", "0::/edge.slice/tidegate.service\n"),
            ("sys/fs/cgroup/edge.slice/memory.max", "4096\n"),
            ("sys/fs/cgroup/edge.slice/tidegate.service/memory.max", "8192\n"),
        ];
        assert_eq!(memory("v2", &files), Some(4096));
    }

    #[test]
    fn version_one_and_a_container_at_its_root_are_understood() {
        let files = [
            ("proc/meminfo", "MemTotal: 2048 kB\n"),
            ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "12288\n"),
        ];
        assert_eq!(memory("v1", &files), Some(12288));
        assert_eq!(memory("none", &[("proc/version", "1")]), None);
    }
}
