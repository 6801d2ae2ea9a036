//! `barque logs` and the log drivers.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::lab::wait_until;
use crate::scene::Scene;

impl Scene {
    /// The log directories of all containers: there is one.
    fn log_directory(&self) -> PathBuf {
        let mut containers = fs::read_dir(self.lab.path("root/containers")).unwrap();
        containers.next().unwrap().unwrap().path().join("log")
    }
}

#[test]
fn what_was_printed() {
    let Some(scene) = Scene::new() else { return };
    let script = "echo one; echo two >&2; sleep 0.1; echo three; printf end; exit 3";
    assert_eq!(scene.run("web", &[], script).code, 3);
    let all = scene.barque(&["logs", "web"]);
    assert_eq!((all.ok(), all.err.as_str()), ("one\nthree\nend", "two\n"));
    assert_eq!(scene.barque(&["container", "logs", "--tail", "2", "web"]).ok(), "three\nend");
    assert_eq!(scene.barque(&["logs", "-n", "0", "web"]).ok(), "");
    assert_eq!(scene.barque(&["logs", "--since", "1h", "--until", "-1h", "web"]).ok(), "one\nthree\nend");
    assert_eq!(scene.barque(&["logs", "--until", "1h", "web"]).ok(), "");
    let timed = scene.barque(&["logs", "-t", "-n1", "web"]);
    let (time, text) = timed.ok().split_once(' ').unwrap();
    assert_eq!((time.len(), &time[10..11], text), (30, "T", "end"), "{timed:?}");
    // One that has ended is not waited for.
    assert_eq!(scene.barque(&["logs", "--follow", "web"]).ok(), "one\nthree\nend");
    scene.barque(&["logs", "nope"]).fails(1, &["No such container: nope"]);
    scene.barque(&["logs", "--since", "soon", "web"]).fails(1, &["invalid value for \"since\""]);
    let file = fs::read_to_string(scene.log_directory().join("json.log")).unwrap();
    assert!(file.starts_with("{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"2"), "{file}");
    let jq = Command::new("jq")
        .args(["-rj", ".log"])
        .arg(scene.log_directory().join("json.log"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&jq.stdout), "one\ntwo\nthree\nend");
}

#[test]
fn followed_until_it_ends() {
    let Some(scene) = Scene::new() else { return };
    scene.run("web", &["-d"], "for i in 1 2 3; do echo line $i; sleep 0.2; done; echo last >&2").ok();
    let begin = Instant::now();
    let followed = scene.barque(&["logs", "-f", "web"]);
    assert_eq!((followed.ok(), followed.err.as_str()), ("line 1\nline 2\nline 3", "last\n"));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn following_ends_with_its_reader_its_time_or_an_interrupt() {
    let Some(scene) = Scene::new() else { return };
    scene.run("web", &["-d"], "while :; do echo tick; sleep 0.05; done").ok();
    let mut follow = scene.lab.barque().args(["logs", "-f", "web"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(follow.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "tick\n");
    // The other end of the pipe is closed: SIGPIPE.
    assert_eq!(killed_by(follow), 13);
    scene.barque(&["logs", "-f", "--until", "-1s", "web"]).ok();
    let mut follow = interruptible(scene.lab.barque().args(["logs", "-f", "web"])).spawn().unwrap();
    BufReader::new(follow.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&follow), rustix::process::Signal::INT)
        .unwrap();
    assert_eq!(killed_by(follow), 2);
}

/// A command that heeds SIGINT, also where the tests run in the background of a shell, which ignores it for them.
fn interruptible(command: &Command) -> Command {
    let mut env = Command::new("env");
    env.arg("--default-signal=INT")
        .arg(command.get_program())
        .args(command.get_args())
        .stdout(Stdio::piped());
    env
}

/// The signal that ended a command.
fn killed_by(mut child: Child) -> i32 {
    let mut status = None;
    if !wait_until(|| {
        status = child.try_wait().unwrap();
        status.is_some()
    }) {
        child.kill().unwrap();
    }
    status.and_then(|status| status.signal()).unwrap()
}

#[test]
fn bounded_and_rotated() {
    let Some(scene) = Scene::new() else { return };
    for driver in ["json-file", "local"] {
        let flags = ["--log-driver", driver, "--log-opt", "max-size=20k", "--log-opt", "max-file=3"];
        scene.run("web", &flags, "seq 1 5000").ok();
        let mut sizes = Vec::new();
        for entry in fs::read_dir(scene.log_directory()).unwrap() {
            sizes.push(entry.unwrap().metadata().unwrap().len());
        }
        assert!(sizes.len() == 3 && sizes.iter().all(|size| *size <= 20 << 10), "{sizes:?}");
        let kept = scene.barque(&["logs", "web"]);
        let first: u32 = kept.ok().lines().next().unwrap().parse().unwrap();
        assert!(first > 3000 && first < 4900, "{first}");
        let expected: Vec<String> = (first..=5000).map(|number| number.to_string()).collect();
        assert_eq!(kept.ok(), expected.join("\n"));
        scene.barque(&["rm", "web"]).ok();
    }
}

#[test]
fn drivers_that_keep_nothing_to_read() {
    let Some(scene) = Scene::new() else { return };
    for driver in ["none", "passthrough"] {
        let ran = scene.run("web", &["--log-driver", driver], "echo hi; echo there >&2");
        assert_eq!((ran.ok(), ran.err.as_str()), ("hi", "there\n"), "{driver}");
        let cannot = "configured logging driver does not support reading";
        scene.barque(&["logs", "web"]).fails(1, &[cannot]);
        assert!(!scene.log_directory().exists(), "{driver}");
        scene.barque(&["rm", "web"]).ok();
    }
    for (flags, words) in [
        (&["--log-driver", "splunk"][..], "logger: no log driver named 'splunk' is registered"),
        (&["--log-opt", "max-size=big"], "invalid size"),
        (&["--log-opt", "colour=red"], "unknown log opt 'colour' for json-file log driver"),
        (&["-t", "--log-driver", "passthrough"], "conflicting options"),
    ] {
        scene.run("web", flags, "true").fails(125, &[words]);
    }
}

#[test]
fn said_about_each_line() {
    let Some(scene) = Scene::new() else { return };
    let flags = ["--label", "tier=front end", "-e", "MODE=test", "--log-opt", "labels=tier"];
    let more = ["--log-opt", "env=MODE", "--log-opt", "tag={{.Name}}"];
    scene.run("web", &[&flags[..], &more].concat(), "echo hi").ok();
    assert_eq!(scene.barque(&["logs", "--details", "web"]).ok(), "MODE=test,tag=web,tier=front+end hi");
}

#[test]
fn a_program_that_prints_much_loses_nothing() {
    let Some(scene) = Scene::new() else { return };
    let flags = ["-d", "--log-driver", "local", "--log-opt", "max-size=-1"];
    scene.run("web", &flags, "seq 1 300000; head -c 100000 /dev/zero | tr '\\0' x").ok();
    assert_eq!(scene.barque(&["wait", "web"]).ok(), "0");
    assert!(wait_until(|| scene.barque(&["logs", "-n", "1", "web"]).out.ends_with('x')));
    let text = scene.barque(&["logs", "web"]);
    let (numbers, long) = text.ok().rsplit_once('\n').unwrap();
    assert_eq!(long.len(), 100_000);
    assert!(numbers.lines().enumerate().all(|(at, line)| line == (at + 1).to_string()));
    assert_eq!(numbers.lines().count(), 300_000);
}
