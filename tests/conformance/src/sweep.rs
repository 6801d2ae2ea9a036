//! Leaves no trace: what a test may have left in the kernel and on the disk, found by name and removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};

use crate::host;

/// The ids of the containers in a state directory.
pub(crate) fn containers(state: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(state) else { return Vec::new() };
    let mut ids: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir() && !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    ids.sort();
    ids
}

/// Every cgroup directory with the test's id in its name, children first.
fn cgroups(id: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (_, point) in host::hierarchies() {
        walk(&point, id, 0, &mut found);
    }
    found
}

fn walk(dir: &Path, id: &str, depth: u32, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let ours = entry.path().components().any(|part| part.as_os_str().to_string_lossy().contains(id));
        // Ours are near the top; a whole-tree walk would visit every service of the host.
        if ours || depth < 2 {
            walk(&entry.path(), id, depth + 1, found);
        }
        if ours {
            found.push(entry.path());
        }
    }
}

fn mounts(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points =
        host::mountinfo(&text).into_iter().filter_map(|mount| mount["point"].as_str().map(str::to_owned));
    points.filter(|point| Path::new(point).starts_with(dir)).collect()
}

/// Processes that have the test's directory in their command line or as their root: a runtime that hangs, an init
/// that never became the user's program.
fn processes(dir: &Path) -> Vec<Pid> {
    let needle = dir.to_string_lossy().into_owned();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
        else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let rooted = fs::read_link(entry.path().join("root")).is_ok_and(|root| root.starts_with(dir));
        if rooted || String::from_utf8_lossy(&line).contains(&needle) {
            found.push(pid);
        }
    }
    found
}

/// What is still there after everything was deleted: cgroups, mounts, state.
pub(crate) fn leftovers(dir: &Path, id: &str) -> Vec<String> {
    let mut left: Vec<String> = cgroups(id)
        .iter()
        .filter(|path| path.ends_with(id))
        .map(|path| format!("cgroup {}", path.display()))
        .collect();
    left.extend(mounts(&dir.join("bundle")).into_iter().map(|point| format!("mount {point}")));
    left.extend(containers(&dir.join("state")).into_iter().map(|id| format!("state of {id}")));
    left
}

/// Kills, unmounts and removes whatever is left of a test.
pub(crate) fn sweep(dir: &Path, id: &str) {
    for round in 0..50 {
        let groups = cgroups(id);
        let mut pids = processes(dir);
        for group in &groups {
            for freezer in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
                if group.join(freezer.0).exists() {
                    fs::write(group.join(freezer.0), freezer.1).ok();
                }
            }
            let procs = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            pids.extend(procs.lines().filter_map(|line| line.parse().ok()).filter_map(Pid::from_raw));
        }
        let own = rustix::process::getpid();
        for pid in pids.into_iter().filter(|pid| *pid != own) {
            kill_process(pid, Signal::KILL).ok();
        }
        for point in mounts(dir).into_iter().rev() {
            unmount(&point, UnmountFlags::DETACH).ok();
        }
        if groups.iter().all(|group| fs::remove_dir(group).is_ok()) && mounts(dir).is_empty() {
            break;
        }
        sleep(Duration::from_millis(2 * round));
    }
    // Only when nothing of the host can be reached through it any more.
    if mounts(dir).is_empty() {
        fs::remove_dir_all(dir).ok();
    }
}

/// Removes the run's directory and its (by now empty) parent cgroups.
pub(crate) fn sweep_run(seed: &Path, parent: &str) {
    for (_, point) in host::hierarchies() {
        fs::remove_dir(point.join(parent.trim_start_matches('/'))).ok();
    }
    if mounts(seed).is_empty() {
        fs::remove_dir_all(seed).ok();
    }
}
