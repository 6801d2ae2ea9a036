//! One paragraph in plain words. What is not known is said so.

use barque_engine::oom::Whose;
use barque_engine::state::{Asked, End, Request};
use barque_engine::{Cause, Definition, Now, Status, Time};

use crate::format::{ago, human_size};
use crate::value::signal_name;

/// Why a container ended, or how it is.
pub(super) fn paragraph(definition: &Definition, now: &Now, at: Time) -> String {
    let state = &now.state;
    let mut sentences = Vec::new();
    match (now.status, state.end.as_ref()) {
        (Status::Created, None) => {
            return format!("{} was never started. Start it with: barque start {0}", definition.name);
        }
        (Status::Running | Status::Paused, _) => {
            let state_word = if now.status == Status::Paused { "is paused" } else { "is running" };
            let since =
                state.started.map_or_else(String::new, |started| format!(", started {}", when(started, at)));
            sentences.push(format!("{} {state_word}{since}: it has not ended.", definition.name));
            if !now.watched {
                sentences.push(
                    "Its monitor was killed, so what it prints is lost and its end will not be seen."
                        .to_owned(),
                );
            }
            sentences.extend(state.earlier.last().map(|end| {
                let ago = when(end.time, at);
                format!("The run before ended {ago} with {}.", outcome(end))
            }));
        }
        (_, Some(end)) => {
            sentences.push(ended(definition, now, end, at));
            sentences.extend(reason(now, end));
            sentences.extend(memory(end));
        }
        (_, None) => sentences
            .push(format!("{} has ended, and nobody has seen how: its monitor was killed.", definition.name)),
    }
    sentences.extend(health(now));
    sentences.extend(restarts(definition, now, at));
    sentences.join(" ")
}

fn seconds_between(from: Time, to: Time) -> i64 {
    i64::try_from(to.0).unwrap_or(i64::MAX).saturating_sub(i64::try_from(from.0).unwrap_or(i64::MAX))
}

/// How long ago, in the middle of a sentence.
fn when(from: Time, to: Time) -> String {
    ago(seconds_between(from, to)).to_lowercase()
}

/// `WEB ended 5 minutes ago with exit code 3, after 2 seconds.`
fn ended(definition: &Definition, now: &Now, end: &End, at: Time) -> String {
    let (name, ago) = (&definition.name, when(end.time, at));
    match now.state.cause() {
        Some(Cause::NotStarted) => format!("{name} could not be started {ago}: {}.", end.error),
        Some(Cause::Unknown) => {
            format!("{name} has ended; {}. Its exit code of {} stands for that.", end.error, end.code)
        }
        _ => {
            let ran = now.state.started.map_or_else(String::new, |started| {
                let ran = when(started, end.time);
                format!(", after it had run for {}", ran.trim_end_matches(" ago"))
            });
            format!("{name} ended {ago} with {}{ran}.", outcome(end))
        }
    }
}

/// `exit code 3`, `exit code 137 (SIGKILL)`.
fn outcome(end: &End) -> String {
    match end.signal {
        Some(signal) => format!("exit code {} ({})", end.code, name_of(signal)),
        None => format!("exit code {}", end.code),
    }
}

fn name_of(signal: i32) -> String {
    signal_name(signal).unwrap_or_else(|| format!("signal {signal}"))
}

fn reason(now: &Now, end: &End) -> Option<String> {
    Some(match now.state.cause()? {
        Cause::NotStarted | Cause::Unknown => return None,
        Cause::OutOfMemory => out_of_memory(end),
        Cause::Asked(_) => asked(now.state.asked.as_ref()?, end),
        Cause::Signal(signal) => by_signal(signal),
        Cause::Exit => exit(end),
    })
}

fn out_of_memory(end: &End) -> String {
    let Some(report) = &end.oom_report else {
        let whose = match end.memory.and_then(|memory| memory.limit) {
            Some(limit) => format!("memory ran out (its limit is {})", size(limit)),
            None => "memory ran out, though it has no limit of its own".to_owned(),
        };
        return format!(
            "The kernel killed a process of it because {whose}; which process that was is not known, \
             because the kernel's log did not say so or could not be read."
        );
    };
    let whose = match (report.whose, end.memory.and_then(|memory| memory.limit)) {
        (Whose::Container, Some(limit)) => format!("it had used up its memory limit of {}", size(limit)),
        (Whose::Container, None) => "it had used up its memory limit".to_owned(),
        (Whose::Parent, _) => "the group of containers it belongs to had used up its memory limit".to_owned(),
        (Whose::Machine, _) => "the whole machine had run out of memory".to_owned(),
    };
    let victim = &report.victim;
    let mut text = format!(
        "The kernel killed {} (process {}, {}) because {whose}.",
        victim.name,
        victim.pid,
        size(victim.memory)
    );
    let others = report.processes.iter().filter(|process| process.pid != victim.pid);
    let others: Vec<String> =
        others.map(|process| format!("{} with {}", process.name, size(process.memory))).collect();
    if !others.is_empty() {
        text.push_str(&format!(" Beside it there were {}.", others.join(", ")));
    }
    text
}

fn asked(asked: &Asked, end: &End) -> String {
    let signal = name_of(asked.signal);
    let after = milliseconds(asked.time, end.time);
    let how = |who: &str| match (asked.overdue, end.signal) {
        (true, _) => format!("{who}; it did not end in the time it had for that, and was killed (SIGKILL)."),
        (false, Some(number)) if number == asked.signal => format!("{who}, and {signal} ended it."),
        (false, _) => format!("{who}, and it ended {after} ms after {signal}."),
    };
    match asked.what {
        Request::Kill => {
            how(&format!("{signal} was sent to it through Barque (kill, or passed on by run or attach)"))
        }
        Request::KillForGood => how(&format!("{signal} was sent to it with barque kill")),
        Request::Stop => how("It was stopped with barque stop"),
        Request::Restart => how("It was stopped in order to be restarted"),
        Request::Remove => how("It was ended in order to be removed"),
        Request::Timeout => how("Its time limit (--timeout) was over"),
        Request::Unhealthy => how("Its health checks failed, and --health-on-failure says to end it then"),
    }
}

fn milliseconds(from: Time, to: Time) -> u64 {
    let all = |time: Time| u128::from(time.0) * 1000 + u128::from(time.1 / 1_000_000);
    u64::try_from(all(to).saturating_sub(all(from))).unwrap_or(u64::MAX)
}

fn by_signal(signal: i32) -> String {
    let name = name_of(signal);
    match signal {
        // ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS.
        4 | 5 | 6 | 7 | 8 | 11 | 31 => format!(
            "Barque did not send {name}: nearly always such a signal comes from a fault of the program itself."
        ),
        _ => format!(
            "Barque did not send {name}, and memory had not run out. Who did the kernel does not say: \
             a process of the container, or somebody on this machine."
        ),
    }
}

fn exit(end: &End) -> String {
    let more = match end.code {
        126 => " Shells return 126 for a command that cannot be executed.".to_owned(),
        127 => " Shells return 127 for a command that was not found.".to_owned(),
        code @ 129..=192 => {
            format!(" Shells and inits return {code} for a command that {} has ended.", name_of(code - 128))
        }
        _ => String::new(),
    };
    let oom = match (end.oom, &end.oom_report) {
        (true, Some(report)) => format!(
            " Before that the kernel had killed {} ({}) for lack of memory.",
            report.victim.name,
            size(report.victim.memory)
        ),
        (true, None) => " Before that the kernel had killed a process of it for lack of memory.".to_owned(),
        (false, _) => String::new(),
    };
    format!("Its program came to its end by itself.{more}{oom}")
}

fn memory(end: &End) -> Option<String> {
    let memory = end.memory.filter(|memory| memory.peak > 0)?;
    let limit = memory.limit.map_or_else(String::new, |limit| format!(" of {} it may use", size(limit)));
    Some(format!("The most memory it had was {}{limit}.", size(memory.peak)))
}

fn size(bytes: u64) -> String {
    human_size(bytes, 4)
}

fn health(now: &Now) -> Option<String> {
    let health = now.health.as_ref()?;
    let tense = if now.status.is_up() { "is" } else { "was" };
    let mut text = format!("Its health {tense} {}", health.status.name());
    if health.failing_streak > 0 {
        text.push_str(&format!(", with {} failures in a row", health.failing_streak));
    }
    if let Some(last) = health.log.last().filter(|last| last.exit_code != 0) {
        let output = last.output.lines().next().unwrap_or_default();
        text.push_str(&format!("; the last check returned {}", last.exit_code));
        if !output.is_empty() {
            text.push_str(&format!(" and said {output:?}"));
        }
    }
    Some(format!("{text}."))
}

fn restarts(definition: &Definition, now: &Now, at: Time) -> Option<String> {
    let (policy, count) = (definition.restart, now.state.restarts);
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    if now.status == Status::Restarting {
        let next = now.state.next_start.map_or(0, |next| seconds_between(at, next).max(0));
        return Some(format!("It has been started again {times}, and the next start is in {next} seconds."));
    }
    match (count, now.status.is_up()) {
        (0, _) if policy.name() == "no" => None,
        (0, true) => None,
        (0, false) => Some(format!("Its restart policy ({policy}) leaves it so.")),
        (_, true) => Some(format!("It has been started again {times}.")),
        (_, false) => Some(format!(
            "It had been started again {times}; its restart policy ({policy}) leaves it so now."
        )),
    }
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
