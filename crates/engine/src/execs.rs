//! Processes that `exec -d` has left running in a container: a small file each, in `execs/` of the container's directory.
//!
//! Whether one runs is asked of the kernel; files of those that have ended go when somebody looks.

use std::fs;

use barque_runtime::container::Identity;
use barque_sys::file;
use serde::{Deserialize, Serialize};

use crate::{Container, Result, Time};

/// A process that runs beside a container's first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exec {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The process.
    pub process: Identity,
    /// What it executes.
    pub command: Vec<String>,
    /// When it began.
    pub started: Time,
}

const DIRECTORY: &str = "execs";

/// Writes down a process that nobody waits for; its id.
pub fn record(container: &Container, pid: i32, command: &[String]) -> Result<String> {
    let mut bytes = [0_u8; 32];
    barque_sys::random(&mut bytes)?;
    let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let exec = Exec { id, process: Identity::of(pid)?, command: command.to_vec(), started: Time::now() };
    let directory = container.directory().join(DIRECTORY);
    file::make_directories(&directory, 0o700)?;
    let directory = file::open(&directory, file::READ_DIRECTORY)?;
    file::replace(&directory, &exec.id, &serde_json::to_vec(&exec).unwrap_or_default())?;
    Ok(exec.id)
}

/// Those that run, the oldest first.
pub fn running(container: &Container) -> Vec<Exec> {
    let Ok(entries) = fs::read_dir(container.directory().join(DIRECTORY)) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let exec = file::read(&path).ok().and_then(|text| serde_json::from_str::<Exec>(&text).ok());
        match exec {
            Some(exec) if exec.process.is_alive() => found.push(exec),
            // It has ended; one that is being written just now has another name.
            Some(_) => drop(fs::remove_file(&path)),
            None => {}
        }
    }
    found.sort_by_key(|exec| exec.started);
    found
}
