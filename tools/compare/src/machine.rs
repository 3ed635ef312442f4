//! The machine that was measured, and what ran on it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The first value of that key in lines of `key: value`.
fn value<'a>(lines: &'a str, key: &str) -> Option<&'a str> {
    lines.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })
}

/// The type of the file system that a folder is in, by lines of `/proc/self/mounts`.
fn file_system<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((Path::new(words.next()?), words.next()?))
    });
    // The last of those at the same place is above the others.
    let around = mounts.filter(|(place, _)| folder.starts_with(place));
    around.max_by_key(|(place, _)| place.components().count()).map(|(_, kind)| kind)
}

/// The first line of words that a program says about itself, whatever its exit code.
fn told(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    // A server may frame a warning first, and wrk goes on with its copyright.
    let first = told.lines().find(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()))?;
    first.split(" Copyright").next().map(|first| first.trim().to_owned())
}

/// A list of what matters, in Markdown.
#[must_use]
pub fn describe(daybook: &Path, database: &Path, wrk: &Path, data: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (cpu, memory, mounts) =
        (read("/proc/cpuinfo"), read("/proc/meminfo"), read("/proc/self/mounts"));
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let gibibytes = value(&memory, "MemTotal").and_then(|total| {
        let kibibytes: f64 = total.strip_suffix("kB")?.trim().parse().ok()?;
        Some(format!("{:.1} GiB", kibibytes / (1024.0 * 1024.0)))
    });
    let unknown = || "unknown".to_owned();
    let lines = [
        ("processor", format!("{}, {cores} cores", value(&cpu, "model name").unwrap_or("unknown"))),
        ("memory", gibibytes.unwrap_or_else(unknown)),
        ("kernel", format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        ("file system of the data", file_system(&mounts, &data).unwrap_or("unknown").to_owned()),
        ("compiler", told(Path::new("rustc"), "--version").unwrap_or_else(unknown)),
        ("Daybook", told(daybook, "--version").unwrap_or_else(unknown)),
        ("SurrealDB", told(database, "version").unwrap_or_else(unknown)),
        ("load generator", told(wrk, "--version").unwrap_or_else(unknown)),
    ];
    let lines = lines.map(|(name, value)| format!("- {name}: {value}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_key() {
        let lines = "processor\t: 0\nmodel name\t: A: B\nmodel name\t: C\n";
        assert_eq!(value(lines, "model name"), Some("A: B"));
        assert_eq!(value(lines, "model"), None);
    }

    #[test]
    fn a_folder_is_in_the_file_system_nearest_to_it() {
        let mounts = "a / ext4 rw 0 0\nb /data xfs rw 0 0\nc /data/more tmpfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/data/x")), Some("xfs"));
        assert_eq!(file_system(mounts, Path::new("/data/more/x")), Some("tmpfs"));
        assert_eq!(file_system(mounts, Path::new("/database")), Some("ext4"));
        assert_eq!(file_system("", Path::new("/")), None);
    }

    #[test]
    fn a_program_tells_its_first_line() {
        assert_eq!(told(Path::new("echo"), "a 1 Copyright b").as_deref(), Some("a 1"));
        assert_eq!(told(Path::new("echo"), "\u{2502} framed\n1.2").as_deref(), Some("1.2"));
        assert_eq!(told(Path::new("true"), "x"), None);
        assert_eq!(told(Path::new("/nothing/here"), "x"), None);
    }
}
