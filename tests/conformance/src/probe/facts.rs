//! Facts about the process and its namespaces.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use rustix::time::ClockId;
use serde_json::{Value, json};
use signal_hook::consts::signal;
use signal_hook::iterator::Signals;

use super::Answer;
use crate::host;

/// Answers a question about the process; `None` when it is not such a question.
pub(super) fn answer(name: &str, operand: &str) -> io::Result<Option<Value>> {
    let value = match name {
        "label" => json!(operand),
        "args" => json!(env::args().collect::<Vec<_>>()),
        "env" => environment(),
        "cwd" => json!(env::current_dir()?),
        "pid" => json!({"pid": std::process::id(), "ppid": std::os::unix::process::parent_id()}),
        "ns" => namespaces()?,
        "mounts" => json!(host::mountinfo(&fs::read_to_string("/proc/self/mountinfo")?)),
        "status" => status()?,
        "limits" => limits()?,
        "uname" => uname(),
        "tty" => tty()?,
        "fds" => descriptors()?,
        "cpus" => cpus()?,
        "clocks" => clocks(),
        "stat" if operand.is_empty() => stat()?,
        "net" => interfaces()?,
        "sleep" => pause(operand),
        "wait" => wait()?,
        "term" => until_term()?,
        "hook" => hook(operand)?,
        "spawn" => spawn(operand)?,
        "hostname" => rustix::system::sethostname(operand.as_bytes()).map(|()| json!(true))?,
        "kill" => kill(operand)?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn environment() -> Value {
    let text = |bytes: std::ffi::OsString| String::from_utf8_lossy(&bytes.into_vec()).into_owned();
    json!(env::vars_os().map(|(key, value)| (text(key), text(value))).collect::<BTreeMap<_, _>>())
}

/// `{"pid": "pid:[4026531836]", …}`.
pub(crate) fn namespaces() -> Answer {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/ns")? {
        let entry = entry?;
        found.insert(entry.file_name().to_string_lossy().into_owned(), fs::read_link(entry.path())?);
    }
    Ok(json!(found))
}

fn status() -> Answer {
    let text = fs::read_to_string("/proc/self/status")?;
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    Ok(json!(
        fields
            .map(|(key, value)| (key, value.split_whitespace().collect::<Vec<_>>().join(" ")))
            .collect::<BTreeMap<_, _>>()
    ))
}

/// `{"Max open files": ["1024", "4096"], …}`.
fn limits() -> Answer {
    let text = fs::read_to_string("/proc/self/limits")?;
    let mut found = BTreeMap::new();
    for line in text.lines().skip(1).filter(|line| line.len() > 26) {
        let (name, rest) = line.split_at(26);
        found.insert(name.trim(), rest.split_whitespace().take(2).collect::<Vec<_>>());
    }
    Ok(json!(found))
}

fn uname() -> Value {
    let uts = rustix::system::uname();
    json!({
        "hostname": uts.nodename().to_string_lossy(),
        "domainname": uts.domainname().to_string_lossy(),
        "machine": uts.machine().to_string_lossy(),
    })
}

fn tty() -> Answer {
    let stdin = io::stdin();
    let size = rustix::termios::tcgetwinsize(&stdin)
        .map(|size| json!({"rows": size.ws_row, "columns": size.ws_col}));
    Ok(json!({
        "is": [rustix::termios::isatty(&stdin), rustix::termios::isatty(io::stdout()), rustix::termios::isatty(io::stderr())],
        "name": fs::read_link("/proc/self/fd/0")?,
        "size": size.unwrap_or(Value::Null),
    }))
}

fn descriptors() -> Answer {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        // The directory being read is itself a descriptor; it is no finding.
        if let Ok(target) = fs::read_link(entry.path())
            && !target.to_string_lossy().ends_with("/fd")
        {
            found.insert(entry.file_name().to_string_lossy().into_owned(), target);
        }
    }
    Ok(json!(found))
}

fn cpus() -> Answer {
    let set = rustix::thread::sched_getaffinity(None)?;
    Ok(json!((0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect::<Vec<_>>()))
}

fn clocks() -> Value {
    let seconds = |id| rustix::time::clock_gettime(id).tv_sec;
    json!({"monotonic": seconds(ClockId::Monotonic), "boottime": seconds(ClockId::Boottime)})
}

/// Scheduling fields of `/proc/self/stat`.
fn stat() -> Answer {
    let text = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit_once(") ").map_or("", |parts| parts.1).split(' ').collect();
    // The numbers of proc(5) count from 1, and two fields are before the split.
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
    Ok(
        json!({"pgrp": field(5), "session": field(6), "nice": field(19), "rt_priority": field(40), "policy": field(41)}),
    )
}

fn interfaces() -> Answer {
    let text = fs::read_to_string("/proc/net/dev")?;
    Ok(json!(
        text.lines()
            .skip(2)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.trim())
            .collect::<Vec<_>>()
    ))
}

fn pause(seconds: &str) -> Value {
    sleep(Duration::from_secs_f32(seconds.parse().unwrap_or(1.0)));
    json!(true)
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}

const WATCHED: &[i32] = &[
    signal::SIGTERM,
    signal::SIGINT,
    signal::SIGHUP,
    signal::SIGUSR1,
    signal::SIGUSR2,
    signal::SIGWINCH,
    signal::SIGCONT,
];

/// Says `ready`, then the number of every signal that comes, for ever.
fn wait() -> Answer {
    let mut signals = Signals::new(WATCHED)?;
    say("ready")?;
    for signal in signals.forever() {
        say(&format!("signal {signal}"))?;
    }
    Ok(Value::Null)
}

/// Says `ready` and returns at the first SIGTERM.
fn until_term() -> Answer {
    let mut signals = Signals::new([signal::SIGTERM])?;
    say("ready")?;
    Ok(json!(signals.forever().next()))
}

/// As a hook: appends what it was given to a file, one line.
fn hook(path: &str) -> Answer {
    let mut stdin = String::new();
    io::stdin().read_to_string(&mut stdin)?;
    let state: Value = serde_json::from_str(&stdin).unwrap_or(json!(stdin));
    let pid = state["pid"].as_u64().unwrap_or_default();
    let line = json!({
        "args": env::args().collect::<Vec<_>>(), "env": environment(), "state": state, "ns": namespaces()?,
        "cwd": env::current_dir().ok(), "root": fs::read_link("/proc/self/root").ok(),
        "init_args": fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default(),
    });
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    Ok(json!(true))
}

/// Runs a program (words at blanks) and returns its status and output.
fn spawn(line: &str) -> Answer {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap_or_default()).args(words).output()?;
    Ok(json!({"code": output.status.code(), "out": String::from_utf8_lossy(&output.stdout)}))
}

/// `PID:SIGNAL` with the signal's number, `0` to only ask.
fn kill(operand: &str) -> Answer {
    let (pid, signal) = operand.split_once(':').unwrap_or((operand, "0"));
    let pid = pid.parse().ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    match signal.parse().ok().and_then(Signal::from_named_raw) {
        Some(signal) => rustix::process::kill_process(pid, signal)?,
        None => rustix::process::test_kill_process(pid)?,
    }
    Ok(json!(true))
}
