//! How much memory a server has: its processes' and, where it keeps files in memory, theirs.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::process::family;

/// Bytes of memory that `id` and all its descendants have, what they share with others in parts
/// (`Pss`).
pub fn resident(id: u32) -> u64 {
    family(id).into_iter().filter_map(proportional).sum()
}

fn proportional(id: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Bytes that the files in `folder` take.
pub fn files(folder: &Path) -> u64 {
    bytes_under(folder).unwrap_or_default()
}

fn bytes_under(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A file may be evicted while we look.
        let Ok(about) = entry.metadata() else { continue };
        sum += about.blocks() * 512;
        if about.is_dir() {
            sum += bytes_under(&entry.path()).unwrap_or_default();
        }
    }
    Ok(sum)
}
