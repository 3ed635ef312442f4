//! How much an embedded surrealkv keeps in memory.

use std::path::Path;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The size of the memtable, in bytes, that surrealkv makes on this machine.
///
/// The engine may lose a batch that it acknowledged, see the module
/// documentation, and that batch can be as old as one memtable of writes. A
/// write takes more room there than in the command log, so healing finds it if
/// it looks back over at least this many bytes of the log.
///
/// The engine does not tell, and this follows what it computes: surrealkv in
/// SurrealDB 3.3.5 (`surrealdb-kvs-surrealkv`, `cnf.rs`) from the memory that
/// `surrealdb-common`, `sys.rs`, finds. For an embedded engine no setting
/// changes it.
#[must_use]
pub fn memtable_bytes() -> u64 {
    memtable_of(total_memory(Path::new("/")))
}

/// The memtable for that much memory.
fn memtable_of(memory: u64) -> u64 {
    if memory < GIB {
        64 * MIB
    } else if memory < 4 * GIB {
        128 * MIB
    } else if memory < 16 * GIB {
        256 * MIB
    } else if memory < 64 * GIB {
        GIB
    } else {
        4 * GIB
    }
}

/// The memory of the machine, or the limit of the container where that is
/// less. Where nothing can be known the engine assumes 1 GiB.
fn total_memory(root: &Path) -> u64 {
    let kibibytes = entry(&root.join("proc/meminfo"), "MemTotal", ':');
    match kibibytes.map(|kibibytes| kibibytes.saturating_mul(1024)) {
        None | Some(0) => GIB,
        Some(total) => match cgroup_limit(root) {
            Some(limit) if limit > 0 => limit.min(total),
            _ => total,
        },
    }
}

/// The limit of the control group at the root of its tree, as a container sees
/// its own. A tree counts only if all three files can be read.
fn cgroup_limit(root: &Path) -> Option<u64> {
    let tree = |dir: &str, usage: &str, limit: &str, resident: &str, unlimited| {
        let dir = root.join(dir);
        number(&dir.join(usage))?;
        let limit = number(&dir.join(limit)).or(unlimited)?;
        entry(&dir.join("memory.stat"), resident, ' ')?;
        Some(limit)
    };
    let second = tree("sys/fs/cgroup", "memory.current", "memory.max", "anon", Some(u64::MAX));
    second.or_else(|| {
        let (usage, limit) = ("memory.usage_in_bytes", "memory.limit_in_bytes");
        tree("sys/fs/cgroup/memory", usage, limit, "total_rss", None)
    })
}

fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number that a line of the file has after that name.
fn entry(path: &Path, name: &str, separator: char) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let lines = text.lines().filter_map(|line| line.split_once(separator));
    let value = lines.into_iter().find(|(found, _)| *found == name)?.1;
    value.trim_start().split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;

    #[rstest]
    #[case(0, 64 * MIB)]
    #[case(GIB - 1, 64 * MIB)]
    #[case(GIB, 128 * MIB)]
    #[case(4 * GIB - 1, 128 * MIB)]
    #[case(4 * GIB, 256 * MIB)]
    #[case(16 * GIB - 1, 256 * MIB)]
    #[case(16 * GIB, GIB)]
    #[case(64 * GIB - 1, GIB)]
    #[case(64 * GIB, 4 * GIB)]
    #[case(u64::MAX, 4 * GIB)]
    fn the_memtable_grows_with_the_memory(#[case] memory: u64, #[case] memtable: u64) {
        assert_eq!(memtable_of(memory), memtable);
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:       24684084 kB\nMemFree:        21563004 kB\n");
    const MACHINE: u64 = 24_684_084 * 1024;

    /// The files of control groups, second version.
    fn second(limit: &'static str) -> [(&'static str, &'static str); 4] {
        [
            MEMINFO,
            ("sys/fs/cgroup/memory.current", "123\n"),
            ("sys/fs/cgroup/memory.max", limit),
            ("sys/fs/cgroup/memory.stat", "anon 5\nfile 6\n"),
        ]
    }

    /// The files of control groups, first version.
    fn first(limit: &'static str) -> [(&'static str, &'static str); 4] {
        [
            MEMINFO,
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "123\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", limit),
            ("sys/fs/cgroup/memory/memory.stat", "cache 6\ntotal_rss 5\n"),
        ]
    }

    #[rstest]
    #[case::nothing_known(&[], GIB)]
    #[case::machine(&[MEMINFO], MACHINE)]
    #[case::limited(&second("2147483648\n"), 2 * GIB)]
    #[case::unlimited(&second("max\n"), MACHINE)]
    #[case::limit_above_the_machine(&second("99999999999999\n"), MACHINE)]
    #[case::no_limit_at_all(&second("0\n"), MACHINE)]
    #[case::incomplete(&second("2147483648\n")[..3], MACHINE)]
    #[case::first_version(&first("2147483648\n"), 2 * GIB)]
    #[case::first_version_unlimited(&first("9223372036854771712\n"), MACHINE)]
    fn the_memory_is_what_the_engine_finds(#[case] files: &[(&str, &str)], #[case] memory: u64) {
        let root = TempDir::new().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        assert_eq!(total_memory(root.path()), memory);
    }

    #[test]
    fn this_machine_has_one_of_the_sizes() {
        let sizes = [64 * MIB, 128 * MIB, 256 * MIB, GIB, 4 * GIB];
        assert!(sizes.contains(&memtable_bytes()), "{}", memtable_bytes());
    }
}
