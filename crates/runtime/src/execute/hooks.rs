//! Hooks: programs run at points of the container's life.

use std::io::{Read as _, Seek as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};

use crate::plan::HookPoint;
use crate::spec::{Hook, State};
use crate::{Error, ErrorKind, Result};

/// The signal that a system call filter ends a process with.
const SIGSYS: i32 = 31;

/// Runs the hooks of a point in order, each with the state on its standard input. The first that fails ends it.
pub fn run(point: HookPoint, hooks: &[Hook<'_>], state: &State<'_>) -> Result<()> {
    let text = text(point, state);
    hooks.iter().enumerate().try_for_each(|(index, hook)| attempt(point, index, hook, &text))
}

/// Runs the hooks of a point in order, all of them: those that fail are returned.
pub fn run_all(point: HookPoint, hooks: &[Hook<'_>], state: &State<'_>) -> Vec<Error> {
    let each = hooks.iter().enumerate();
    let text = text(point, state);
    let failed = |(index, hook)| attempt(point, index, hook, &text).err();
    each.filter_map(failed).collect()
}

fn text(point: HookPoint, state: &State<'_>) -> Vec<u8> {
    let state = State { status: super::status_at(point), ..state.clone() };
    serde_json::to_vec(&state).unwrap_or_default()
}

fn attempt(point: HookPoint, index: usize, hook: &Hook<'_>, state: &[u8]) -> Result<()> {
    one(point, hook, state).map_err(|error| error.context(format_args!("hooks.{}[{index}]", point.name())))
}

fn one(point: HookPoint, hook: &Hook<'_>, state: &[u8]) -> Result<()> {
    let failed =
        |message: String| Error::new(ErrorKind::Internal, format!("{:?} {message}", hook.path.as_str()));
    // Files in memory: a hook may write more than a pipe holds, or leave its input unread, and never block.
    let input = barque_sys::file::in_memory("state", state)?;
    let mut output = barque_sys::file::in_memory("output", b"")?;
    let both = output.try_clone().and_then(|out| Ok((out, output.try_clone()?)));
    let (stdout, stderr) = both.map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(hook.path.as_str());
    if let Some(name) = hook.args.first() {
        command.arg0(name.as_str());
    }
    command.args(hook.args.iter().skip(1).map(|argument| argument.as_str()));
    // What runs in the container must not see the caller's environment; elsewhere a hook without one has always had it.
    if point == HookPoint::StartContainer || !hook.env.is_empty() {
        command.env_clear();
    }
    command.envs(hook.env.iter().filter_map(|variable| variable.split_once('=')));
    command.stdin(Stdio::from(input)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
    let mut child = command.spawn().map_err(|error| failed(format!("cannot be run: {error}")))?;
    let in_time = wait(child.id(), hook.timeout)?;
    if !in_time {
        drop(child.kill());
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if !in_time {
        return Err(failed(format!("did not end within its timeout of {} s", hook.timeout.unwrap_or(0))));
    }
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    drop(output.rewind().and_then(|()| output.read_to_string(&mut said)));
    // The shell's words for a system call that the container's filter ends a process for.
    let end = if status.signal() == Some(SIGSYS) { "bad system call".to_owned() } else { status.to_string() };
    Err(failed(format!("failed ({end}): {}", tail(&said))).context("error running hook"))
}

/// The end of what a hook has printed: the reason is usually in its last lines.
fn tail(text: &str) -> &str {
    let text = text.trim();
    let start = text.len().saturating_sub(2000);
    let start = (start..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[start..]
}

/// Whether a child ends within so many seconds.
fn wait(pid: u32, seconds: Option<i64>) -> Result<bool> {
    let Some(seconds) = seconds else { return Ok(true) };
    let pidfd = barque_sys::process::open_raw(i32::try_from(pid).unwrap_or_default())?;
    Ok(barque_sys::process::ends_within(&pidfd, std::time::Duration::from_secs(seconds.unsigned_abs()))?)
}
