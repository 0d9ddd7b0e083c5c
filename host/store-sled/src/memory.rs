//! How much memory sled's page cache gets where nobody says it.
//!
//! What is not in the cache is read from the file again, a page of eight records or more at a time: with a million users that made
//! a read four to five times as dear as with a thousand (decision record 16). So the cache follows the machine. It fills only as far as there
//! is data that is read.

use std::fs;
use std::path::Path;

/// The cache's part of the memory: the rest is for requests, plugins, and the system's own cache of the file.
const PART: u64 = 4;

/// What a container may use (cgroup version 2, then version 1).
const CONTAINER_LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

impl crate::Options {
    /// The cache's size on this machine, in bytes: a quarter of its memory, or of what its container may use, and not less than
    /// [`crate::Options::CACHE_BYTES`].
    pub fn cache_bytes_here() -> u64 {
        let read = |path: &str| fs::read_to_string(Path::new(path)).ok();
        let machine = read("/proc/meminfo").as_deref().and_then(total_bytes);
        let limits = CONTAINER_LIMITS.iter().filter_map(|path| limit_bytes(&read(path)?));
        machine.into_iter().chain(limits).min().map_or(Self::CACHE_BYTES, of_memory)
    }
}

fn of_memory(bytes: u64) -> u64 {
    (bytes / PART).max(crate::Options::CACHE_BYTES)
}

/// `MemTotal` of `/proc/meminfo`.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A limit; `None` where the file says that there is none. Version 1 says so by a number that no machine has, which the total
/// is below.
fn limit_bytes(limit: &str) -> Option<u64> {
    limit.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    const GIB: u64 = 1024 * 1024 * 1024;

    #[test]
    fn the_cache_is_a_quarter_of_the_memory_but_never_too_small() {
        assert_eq!(of_memory(16 * GIB), 4 * GIB);
        assert_eq!(of_memory(GIB / 4), Options::CACHE_BYTES);
        assert!(Options::cache_bytes_here() >= Options::CACHE_BYTES);
    }

    #[test]
    fn memory_and_limits_are_read_as_the_kernel_tells_them() {
        assert_eq!(total_bytes("MemTotal:       16384 kB\nMemFree:           12 kB\n"), Some(16_777_216));
        assert_eq!(total_bytes("MemFree: 12 kB\n"), None);
        assert_eq!(limit_bytes("536870912\n"), Some(GIB / 2));
        assert_eq!(limit_bytes("max\n"), None);
    }
}
