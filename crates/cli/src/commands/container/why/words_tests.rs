use super::*;
use barque_engine::State;
use barque_engine::health::{Health, HealthStatus, Probed};
use barque_engine::oom::{Process, Report};
use barque_engine::state::{Known, MemoryAtEnd};

fn definition(restart: &str) -> Definition {
    serde_json::from_value(serde_json::json!({
        "version": 1, "id": "0", "name": "web", "created": [0, 0], "image": "i", "root": "host", "command": [],
        "stopSignal": 15, "stopTimeout": 10, "network": { "mode": "none" }, "restart": restart,
    }))
    .unwrap()
}

fn now(end: End, asked: Option<Asked>) -> Now {
    let state = State { started: Some(Time(100, 0)), end: Some(end), asked, ..State::default() };
    Now { status: Status::Exited, pid: None, state, health: None, watched: false, remains: false }
}

fn end(code: i32, signal: Option<i32>) -> End {
    End { time: Time(105, 20_000_000), code, signal, ..End::default() }
}

fn asked_for(what: Request, signal: i32, overdue: bool) -> Option<Asked> {
    Some(Asked { what, signal, time: Time(105, 0), overdue })
}

fn said(now: &Now) -> String {
    paragraph(&definition("no"), now, Time(165, 0))
}

#[test]
fn ends_in_plain_words() {
    let oom = |report| End {
        oom: true,
        memory: Some(MemoryAtEnd { peak: 64_000_000, limit: Some(64_000_000), kills: 1, hits: 9 }),
        oom_report: report,
        ..end(137, Some(9))
    };
    let process = |pid, name: &str, memory| Process { pid, name: name.into(), memory };
    let report = Report {
        victim: process(7, "java", 60_000_000),
        processes: vec![process(7, "java", 60_000_000), process(8, "sh", 1_500_000)],
        ..Report::default()
    };
    let begin = "web ended about a minute ago with exit code 137 (SIGKILL), after it had run for 5 seconds.";
    for (now, expected) in [
        (
            now(end(3, None), None),
            "web ended about a minute ago with exit code 3, after it had run for 5 seconds. \
             Its program came to its end by itself."
                .to_owned(),
        ),
        (
            now(oom(Some(report)), None),
            format!(
                "{begin} The kernel killed java (process 7, 60MB) because it had used up its memory limit of 64MB. \
                 Beside it there were sh with 1.5MB. The most memory it had was 64MB of 64MB it may use."
            ),
        ),
        (
            now(end(5, None), asked_for(Request::Stop, 15, false)),
            "web ended about a minute ago with exit code 5, after it had run for 5 seconds. \
             It was stopped with barque stop, and it ended 20 ms after SIGTERM."
                .to_owned(),
        ),
        (
            now(end(137, Some(9)), asked_for(Request::Stop, 9, true)),
            format!(
                "{begin} It was stopped with barque stop; it did not end in the time it had for that, \
                 and was killed (SIGKILL)."
            ),
        ),
        (
            now(end(137, Some(9)), asked_for(Request::KillForGood, 9, false)),
            format!("{begin} SIGKILL was sent to it with barque kill, and SIGKILL ended it."),
        ),
    ] {
        assert_eq!(said(&now), expected);
    }
}

#[test]
fn what_is_not_known_is_said_so() {
    let oom = End { oom: true, ..end(137, Some(9)) };
    assert!(said(&now(oom, None)).contains("which process that was is not known"));
    assert!(said(&now(end(137, Some(9)), None)).contains("Who did the kernel does not say"));
    assert!(said(&now(end(139, Some(11)), None)).contains("a fault of the program itself"));
    assert!(said(&now(end(127, None), None)).contains("a command that was not found"));
    assert!(said(&now(end(137, None), None)).contains("a command that SIGKILL has ended"));
    let lost = End { known: Known::Lost, error: "its monitor was killed".into(), ..end(255, None) };
    assert_eq!(
        said(&now(lost, None)),
        "web has ended; its monitor was killed. Its exit code of 255 stands for that."
    );
    let failed = End { known: Known::NotStarted, error: "no such program".into(), ..end(127, None) };
    assert_eq!(said(&now(failed, None)), "web could not be started about a minute ago: no such program.");
}

#[test]
fn health_and_restarts() {
    let mut ill = now(end(1, None), asked_for(Request::Unhealthy, 15, false));
    let probed = Probed { exit_code: 7, output: "no answer\nmore".into(), ..Probed::default() };
    ill.health = Some(Health { status: HealthStatus::Unhealthy, failing_streak: 3, log: vec![probed] });
    let text = said(&ill);
    assert!(text.contains("--health-on-failure"), "{text}");
    assert!(
        text.contains("Its health was unhealthy, with 3 failures in a row; the last check returned 7 and said \"no answer\"."),
        "{text}"
    );
    let mut again = now(end(1, None), None);
    again.state.restarts = 2;
    assert!(
        said(&again)
            .ends_with("It had been started again 2 times; its restart policy (no) leaves it so now.")
    );
    (again.status, again.state.next_start) = (Status::Restarting, Some(Time(175, 0)));
    assert!(
        said(&again).ends_with("It has been started again 2 times, and the next start is in 10 seconds.")
    );
    (again.status, again.watched) = (Status::Running, true);
    again.state.end = None;
    again.state.earlier = vec![end(4, None)];
    assert_eq!(
        said(&again),
        "web is running, started about a minute ago: it has not ended. \
         The run before ended about a minute ago with exit code 4. It has been started again 2 times."
    );
}
