//! `kill`: signals, their names, and when there is nothing to be signalled.

use std::fs;

use crate::case::Level::{Cli, Must};
use crate::case::{Case, Verdict, case, check, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "kill::by_number",
        "runtime.md#kill",
        Must,
        "the given signal reaches the container's process: by number",
        by_number,
    ),
    case("kill::by_name", "runc.8#kill", Cli, "by name, with and without SIG", by_name),
    case("kill::default_is_term", "runc.8#kill", Cli, "without a signal it is SIGTERM", default_is_term),
    case(
        "kill::sigkill_ends_it",
        "runtime.md#kill",
        Must,
        "SIGKILL ends the process, also an init that has no handlers",
        sigkill_ends_it,
    ),
    case("kill::created", "runtime.md#kill", Must, "a created container can be killed", created),
    case(
        "kill::stopped",
        "runtime.md#kill",
        Must,
        "kill of a stopped container is an error and has no effect",
        stopped,
    ),
    case(
        "kill::unknown_container",
        "runtime.md#kill",
        Must,
        "kill of an unknown container is an error",
        unknown_container,
    ),
    case(
        "kill::unknown_signal",
        "runtime.md#kill",
        Must,
        "an unknown signal is an error and nothing is sent",
        unknown_signal,
    ),
    case(
        "kill::all",
        "runc.8#kill",
        Cli,
        "`kill --all` signals every process of a container without a pid namespace",
        all,
    ),
    case("kill::real_time", "runc.8#kill", Cli, "a real-time signal can be sent by number", real_time),
];

/// What the idling program said of signals.
fn said(lab: &Lab) -> String {
    fs::read_to_string(lab.path("out-0")).unwrap_or_default()
}

fn by_number(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    for number in ["10", "12", "1", "15"] {
        lab.ok(&["kill", &lab.id, number])?;
        lab.until(&format!("signal {number}"), || {
            said(lab).contains(&format!("signal {number}\n")).then_some(())
        })?;
    }
    same("status", lab.status()?.as_str(), "running")
}

fn by_name(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    for (name, number) in [("USR1", 10), ("SIGUSR2", 12), ("HUP", 1), ("SIGWINCH", 28), ("SIGINT", 2)] {
        lab.ok(&["kill", &lab.id, name])?;
        lab.until(name, || said(lab).contains(&format!("signal {number}\n")).then_some(()))?;
    }
    Ok(())
}

fn default_is_term(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    lab.ok(&["kill", &lab.id])?;
    lab.until("signal 15", || said(lab).contains("signal 15\n").then_some(()))
}

fn sigkill_ends_it(lab: &Lab) -> Verdict {
    lab.start(lab.bundle()?.probe(&["sleep=1000"]))?;
    lab.ok(&["kill", &lab.id, "KILL"])?;
    lab.until_status("stopped")
}

fn created(lab: &Lab) -> Verdict {
    lab.create(&lab.bundle()?)?;
    lab.ok(&["kill", &lab.id, "KILL"])?;
    lab.until_status("stopped")
}

fn stopped(lab: &Lab) -> Verdict {
    lab.start(lab.bundle()?.probe(&[]))?;
    lab.until_status("stopped")?;
    lab.refused("it is stopped", &["kill", &lab.id, "KILL"])?;
    same("status", lab.status()?.as_str(), "stopped")
}

fn unknown_container(lab: &Lab) -> Verdict {
    lab.refused("there is no such container", &["kill", "no-such-container", "KILL"]).map(drop)
}

fn unknown_signal(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    for signal in ["NOSUCH", "SIGNOSUCH", "12x"] {
        lab.refused("the signal does not exist", &["kill", &lab.id, signal])?;
    }
    same("status", lab.status()?.as_str(), "running")?;
    check(!said(lab).contains("signal"), || format!("the program got: {}", said(lab)))
}

fn all(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.without_namespace("pid");
    lab.idle(&mut bundle)?;
    let (pid, out) = lab.spawn(lab.command(&["exec", &lab.id, "/probe", "wait"]))?;
    lab.until("the second process", || fs::read_to_string(&out).ok()?.contains("ready").then_some(()))?;
    lab.ok(&["kill", "--all", &lab.id, "KILL"])?;
    lab.until_status("stopped")?;
    let code = lab.until("`exec` to return", || lab.ended(pid))?;
    same("exec's status", code, 128 + 9)
}

fn real_time(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.without_namespace("pid");
    lab.idle(&mut bundle)?;
    lab.ok(&["kill", &lab.id, "34"])?;
    lab.until_status("stopped")
}
