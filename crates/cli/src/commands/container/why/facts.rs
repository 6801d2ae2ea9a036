//! What is known of an end, for machines: part of `inspect` too.

use barque_engine::Now;
use barque_engine::oom::{Process, Whose};
use barque_engine::state::{End, Request};
use serde_json::{Value, json};

use crate::commands::container::inspect::time;
use crate::value::signal_name;

/// The facts about a container's last end.
pub(crate) fn facts(now: &Now) -> Value {
    let state = &now.state;
    let end = state.end.as_ref();
    let signal = |number: i32| signal_name(number).unwrap_or_else(|| number.to_string());
    let cause = state.cause();
    let asked = state.asked.as_ref().filter(|_| matches!(cause, Some(barque_engine::Cause::Asked(_))));
    json!({
        "Cause": cause.map(barque_engine::Cause::name),
        "ExitCode": end.map(|end| end.code),
        "Signal": end.and_then(|end| end.signal).map(signal),
        "Error": end.map(|end| end.error.clone()),
        "StartedAt": time(state.started),
        "FinishedAt": time(end.map(|end| end.time)),
        "Asked": asked.map(|asked| json!({
            "For": request(asked.what),
            "At": time(Some(asked.time)),
            "Signal": signal(asked.signal),
            "Overdue": asked.overdue,
        })),
        "OOMKilled": end.is_some_and(|end| end.oom),
        "Memory": end.and_then(|end| end.memory).map(|memory| json!({
            "Peak": memory.peak,
            "Limit": memory.limit,
            "OOMKills": memory.kills,
            "LimitHits": memory.hits,
        })),
        "OOM": end.and_then(oom),
        "Restarts": {
            "Count": state.restarts,
            "Failures": state.failures,
            "NextStartAt": state.next_start.map(|next| time(Some(next))),
            "Earlier": state.earlier.iter().map(|end| json!({
                "FinishedAt": time(Some(end.time)),
                "ExitCode": end.code,
                "Signal": end.signal.map(signal),
                "OOMKilled": end.oom,
                "Error": end.error,
            })).collect::<Vec<_>>(),
        },
    })
}

fn oom(end: &End) -> Option<Value> {
    let report = end.oom_report.as_ref()?;
    let whose = match report.whose {
        Whose::Container => "container",
        Whose::Parent => "parent",
        Whose::Machine => "machine",
    };
    let process =
        |process: &Process| json!({ "Pid": process.pid, "Name": process.name, "Memory": process.memory });
    Some(json!({
        "Whose": whose,
        "Killed": process(&report.victim),
        "Biggest": report.processes.iter().map(process).collect::<Vec<_>>(),
    }))
}

fn request(what: Request) -> &'static str {
    barque_engine::Cause::Asked(what).name()
}
