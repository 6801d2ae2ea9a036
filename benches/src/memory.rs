//! What a runtime leaves in memory once its commands have returned.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::bundle::Bundle;
use crate::contender::Contender;

/// In the environment of every command of a measurement. The container's own process has the environment of its
/// spec, so whoever still carries the mark is the runtime. (Some clear the environment of the process that waits for
/// `start`: that one is known by its id.)
const MARK: &str = "BARQUE_BENCH_MARK";

/// What was found after `create` and after `start`.
#[derive(Debug)]
pub(crate) struct Resident {
    /// The contender.
    pub name: String,
    /// After `create`: the process that waits for `start` is among them.
    pub created: Leftover,
    /// After `start`.
    pub started: Leftover,
}

/// Processes of a runtime.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leftover {
    /// How many.
    pub processes: usize,
    /// Their private memory in KiB.
    pub private_kib: u64,
}

/// Creates and starts one container with each contender and looks.
pub(crate) fn resident(contenders: &[Contender], bundle: &Bundle) -> io::Result<Vec<Resident>> {
    contenders.iter().map(|contender| look(contender, bundle)).collect()
}

fn look(contender: &Contender, bundle: &Bundle) -> io::Result<Resident> {
    let id = contender.container("resident");
    let mark = format!("{MARK}={id}");
    let result = (|| {
        run(contender, &["create", "--pid-file", "pid", &id], &bundle.waiting(), &mark)?;
        let init = fs::read_to_string(bundle.waiting().join("pid"))?;
        let created = leftover(&mark, Some(init.trim()))?;
        run(contender, &["start", &id], &bundle.waiting(), &mark)?;
        // The waiting process may still be on its way through execve.
        thread::sleep(Duration::from_millis(50));
        Ok(Resident { name: contender.name.clone(), created, started: leftover(&mark, None)? })
    })();
    contender.delete(&id);
    result
}

fn run(contender: &Contender, arguments: &[&str], bundle: &Path, mark: &str) -> io::Result<()> {
    let line = contender.oci();
    let (name, value) = mark.split_once('=').unwrap_or((mark, ""));
    let status = Command::new(&line[0])
        .args(&line[1..])
        .args(arguments)
        .current_dir(bundle)
        .env(name, value)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{} {}: {status}", contender.name, arguments.join(" "))))
    }
}

fn leftover(mark: &str, init: Option<&str>) -> io::Result<Leftover> {
    let mut found = Leftover::default();
    for entry in fs::read_dir("/proc")? {
        let dir = entry?.path();
        // Processes come and go during the scan, and not every directory is one.
        let Ok(environment) = fs::read(dir.join("environ")) else { continue };
        let marked = environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes());
        if marked || init.is_some_and(|pid| dir.ends_with(pid)) {
            found.processes += 1;
            found.private_kib +=
                fs::read_to_string(dir.join("smaps_rollup")).map_or(0, |text| private_kib(&text));
        }
    }
    Ok(found)
}

/// The private pages of `/proc/PID/smaps_rollup`, which go away with the process.
fn private_kib(rollup: &str) -> u64 {
    rollup
        .lines()
        .filter(|line| line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"))
        .filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_private_pages() {
        let text = "Rss: 100 kB\nPrivate_Clean:  12 kB\nPrivate_Dirty:    30 kB\nPrivate_Hugetlb: 0 kB\n";
        assert_eq!(private_kib(text), 42);
    }

    #[test]
    fn finds_marked_processes() {
        let mark = format!("{MARK}=unit-{}", std::process::id());
        let (name, value) = mark.split_once('=').unwrap();
        let mut child = Command::new("sleep").arg("30").env(name, value).spawn().unwrap();
        thread::sleep(Duration::from_millis(50));
        let found = leftover(&mark, None).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.processes, 1);
        assert!(found.private_kib > 0);
        assert_eq!(leftover(&mark, None).unwrap(), Leftover::default());
    }
}
