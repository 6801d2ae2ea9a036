//! Each call, in each command.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::calls::{self, Call};
use crate::fault::{Ended, Fault, run};
use crate::lab::Lab;

const ENOSYS: Fault = Fault::Errno(38);
const EPERM: Fault = Fault::Errno(1);
const ENOSPC: Fault = Fault::Errno(28);

/// A command, and what comes before it without a fault.
struct Verb {
    before: &'static [&'static [&'static str]],
    args: &'static [&'static str],
    /// Whether it has done its work, when it says so.
    worked: fn(&Lab, &Ended) -> bool,
}

const SLEEPER: &[&str] = &["run", "--detach", "demo"];

const VERBS: &[Verb] = &[
    Verb { before: &[], args: &["run", "hello"], worked: |_, ended| ended.text.contains("worked") },
    Verb {
        before: &[],
        args: &["create", "demo"],
        worked: |lab, _| lab.ok(&["state", "demo"]).contains("created"),
    },
    Verb {
        before: &[&["create", "demo"]],
        args: &["start", "demo"],
        worked: |lab, _| lab.ok(&["state", "demo"]).contains("running"),
    },
    Verb {
        before: &[SLEEPER],
        args: &["exec", "demo", "sh", "-c", "echo worked"],
        worked: |_, ended| ended.text.contains("worked"),
    },
    Verb {
        before: &[SLEEPER],
        args: &["delete", "--force", "demo"],
        worked: |lab, _| !lab.run(&["state", "demo"]).status.success(),
    },
];

/// What became of one command with one fault.
struct Outcome {
    /// What was wrong about it.
    wrong: Vec<String>,
    /// Whether the fault has made a difference: somebody has made the call.
    hit: bool,
}

/// Runs one command with one fault.
fn try_one(lab: &Lab, verb: &Verb, call: Call, fault: Fault) -> Outcome {
    for args in verb.before {
        lab.ok(args);
    }
    let ended = run(lab, call, fault, verb.args);
    let mut wrong = Vec::new();
    let hit = ended.code != Some(0) || !(verb.worked)(lab, &ended);
    let what = format!("{} {fault:?} in {:?}", call.0, verb.args);
    match ended.code {
        Some(0) if !(verb.worked)(lab, &ended) => {
            wrong.push(format!("{what}: exit code 0, but: {}", ended.text));
        }
        Some(code) if code != 0 && fault != Fault::Kill && call.0 != "SYS_write" && !tells(&ended.text) => {
            wrong.push(format!("{what}: exit code {code}, and no word of what failed: {:?}", ended.text));
        }
        _ => {}
    }
    // What a failing command has made it takes back, but for what it takes away with the failing call itself.
    let cleans = fault != Fault::Kill && !calls::OF_CLEANING_UP.contains(&call.0);
    if cleans && verb.before.is_empty() && ended.code != Some(0) {
        let left = left(lab);
        if !left.is_empty() {
            wrong.push(format!("{what}: left over after {:?}: {left:?}", ended.text));
        }
    }
    for id in ["demo", "hello"] {
        let deleted = lab.run(&["delete", "--force", id]);
        if !deleted.status.success() {
            wrong.push(format!("{what}: delete: {}", String::from_utf8_lossy(&deleted.stdout)));
        }
    }
    let left = left(lab);
    if !left.is_empty() {
        wrong.push(format!("{what}: left over after delete --force: {left:?}"));
    }
    let next = lab.run(&["run", "hello"]);
    if !next.status.success() {
        wrong.push(format!("{what}: the next run: {}", String::from_utf8_lossy(&next.stdout)));
    }
    Outcome { wrong, hit }
}

/// Whether somebody who reads it knows what failed: a call with its arguments and error, or what to do.
fn tells(text: &str) -> bool {
    let words = [
        "EPERM",
        "ENOSYS",
        "ENOSPC",
        "EPIPE",
        "ECONNRESET",
        "not permitted",
        "not implemented",
        "No space",
        "SIGSYS",
        "hint: ",
    ];
    words.iter().any(|word| text.contains(word))
}

/// What is left once processes that were being made have found their creator gone.
fn left(lab: &Lab) -> Vec<String> {
    let start = Instant::now();
    loop {
        let left = lab.leftovers();
        if left.is_empty() || start.elapsed() > Duration::from_secs(5) {
            return left;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs all commands with all faults, a few at a time. Returns the calls whose faults have made a difference.
fn try_all(faults: &[Fault]) -> BTreeSet<&'static str> {
    const AT_ONCE: usize = 4;
    let cases: Vec<_> = calls::ALL
        .iter()
        .filter(|call| faults == [Fault::Kill] || !calls::NEVER_FAIL.contains(&call.0))
        .flat_map(|call| {
            faults.iter().flat_map(move |fault| VERBS.iter().map(move |verb| (verb, *call, *fault)))
        })
        .collect();
    let (next, wrong, hit) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let Some(lab) = Lab::new() else { return };
                lab.configure("hello", &["sh", "-c", "echo worked"]);
                while let Some((verb, call, fault)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = try_one(&lab, verb, *call, *fault);
                    found.wrong.iter().for_each(|line| eprintln!("{line}"));
                    wrong.lock().unwrap().extend(found.wrong);
                    if found.hit {
                        hit.lock().unwrap().insert(call.0);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    hit.into_inner().unwrap()
}

#[test]
fn calls_that_fail() {
    try_all(&[ENOSYS, EPERM, ENOSPC]);
}

#[test]
fn killed_at_every_step() {
    if Lab::new().is_none() {
        return;
    }
    let hit = try_all(&[Fault::Kill]);
    // A call that nobody makes any more would be tried for nothing.
    let missed: Vec<_> = calls::ALL.iter().map(|call| call.0).filter(|call| !hit.contains(call)).collect();
    assert!(missed.is_empty(), "no command makes these calls: {missed:?}");
}
