//! The driver against a peer that answers as systemd does, with the refusals that a real one gives rarely.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::JoinHandle;

use super::wire::{ERROR, FIXED, Message, RETURN, SIGNAL, lengths};
use super::*;
use crate::cgroup::{self, Access, Request};
use crate::spec::Resources;

/// An answer to one call.
enum Answer {
    /// Returns nothing.
    Done,
    /// Returns a job, and ends it so.
    Job(&'static str),
    /// The name of an error.
    No(&'static str),
}

/// Answers calls in turn, and gives back what was called: the methods' names with the bodies as text.
fn peer(answers: Vec<(&'static str, Answer)>) -> (tempfile::TempDir, Scope, JoinHandle<Vec<String>>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("private");
    let listener = UnixListener::bind(&socket).unwrap();
    let thread = std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut login = String::new();
        while !login.ends_with("BEGIN\r\n") {
            stream.read_line(&mut login).unwrap();
        }
        assert!(login.starts_with("\0AUTH EXTERNAL\r\n"), "{login:?}");
        stream.get_mut().write_all(b"DATA\r\nOK 0123\r\n").unwrap();
        let mut calls = Vec::new();
        for (serial, (member, answer)) in answers.into_iter().enumerate() {
            let (call, body) = receive(&mut stream);
            assert_eq!(call.member, member, "after {calls:?}");
            calls.push(body);
            reply(stream.get_mut(), u32::try_from(serial + 1).unwrap(), &answer);
        }
        calls
    });
    let systemd = Systemd { socket, is_bus: false, is_user: false, control_group: String::new() };
    (dir, Scope { systemd, unit: "p-c.scope".to_owned(), slice: "a.slice".to_owned() }, thread)
}

fn receive(stream: &mut BufReader<UnixStream>) -> (Message, String) {
    let mut fixed = [0; FIXED];
    stream.read_exact(&mut fixed).unwrap();
    let (fields, body) = lengths(&fixed).unwrap();
    let mut rest = vec![0; fields + body];
    stream.read_exact(&mut rest).unwrap();
    let text = String::from_utf8_lossy(&rest[fields..]).into_owned();
    (Message::decode(&fixed, &rest[..fields], rest[fields..].to_vec()).unwrap(), text)
}

/// A message of a peer's: a kind, header fields as `(code, type, value)`, a body with a signature.
fn message(kind: u8, fields: &[u8], signature: u8, body: &[u8]) -> Vec<u8> {
    let mut fields = fields.to_vec();
    fields.resize(fields.len().next_multiple_of(8), 0);
    fields.extend([8, 1, b'g', 0, 1, signature, 0]);
    let mut bytes = vec![b'l', kind, 0, 1];
    for number in [body.len(), 99, fields.len()] {
        bytes.extend(u32::try_from(number).unwrap().to_le_bytes());
    }
    bytes.extend(fields);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(body);
    bytes
}

fn text_field(code: u8, text: &str) -> Vec<u8> {
    let mut writer = Writer { bytes: vec![code, 1, b's', 0] };
    writer.text(text);
    writer.bytes.resize(writer.bytes.len().next_multiple_of(8), 0);
    writer.bytes
}

fn reply(stream: &mut UnixStream, serial: u32, answer: &Answer) {
    let to = [&[5, 1, b'u', 0][..], &serial.to_le_bytes()].concat();
    let mut body = Writer::default();
    let bytes = match answer {
        Answer::Done => message(RETURN, &to, b's', &[]),
        Answer::No(name) => {
            body.text("so it is");
            message(ERROR, &[text_field(4, name), to].concat(), b's', &body.bytes)
        }
        Answer::Job(result) => {
            body.text("/job/1");
            let mut bytes = message(RETURN, &to, b's', &body.bytes);
            // A job of somebody else's ends before.
            for (job, result) in [("/job/0", "failed"), ("/job/1", *result)] {
                let mut end = Writer::default();
                end.number(1);
                [job, "p-c.scope", result].iter().for_each(|text| end.text(text));
                bytes.extend(message(SIGNAL, &text_field(3, "JobRemoved"), b's', &end.bytes));
            }
            bytes
        }
    };
    stream.write_all(&bytes).unwrap();
}

const START: &str = "StartTransientUnit";

fn properties() -> Vec<Property> {
    vec![
        Property::new("TasksMax", Setting::Number(7)),
        Property::newer("AllowedCPUs", Setting::Bytes(vec![1])),
    ]
}

#[test]
fn a_scope_is_started_around_a_process() {
    let (_dir, scope, peer) = peer(vec![("Subscribe", Answer::Done), (START, Answer::Job("done"))]);
    scope.start(4711, &properties()).unwrap();
    let calls = peer.join().unwrap();
    for word in ["p-c.scope", "fail", "TasksMax", "AllowedCPUs", "PIDs"] {
        assert!(calls[1].contains(word), "{word} of {calls:?}");
    }
}

#[test]
fn an_old_systemd_is_asked_again_with_less() {
    let (_dir, scope, peer) = peer(vec![
        ("Subscribe", Answer::Done),
        (START, Answer::No("org.freedesktop.DBus.Error.PropertyReadOnly")),
        ("Subscribe", Answer::Done),
        (START, Answer::Job("done")),
    ]);
    scope.start(4711, &properties()).unwrap();
    let calls = peer.join().unwrap();
    assert!(calls[1].contains("AllowedCPUs") && !calls[3].contains("AllowedCPUs"), "{calls:?}");
    assert!(calls[3].contains("TasksMax"), "{calls:?}");
}

#[test]
fn a_failed_scope_of_the_same_name_is_forgotten_first() {
    let exists = || Answer::No("org.freedesktop.systemd1.UnitExists");
    let (_dir, scope, first) = peer(vec![
        ("Subscribe", Answer::Done),
        (START, exists()),
        ("ResetFailedUnit", Answer::Done),
        ("Subscribe", Answer::Done),
        (START, Answer::Job("done")),
    ]);
    scope.start(4711, &[]).unwrap();
    first.join().unwrap();

    let (_dir, scope, second) = peer(vec![
        ("Subscribe", Answer::Done),
        (START, exists()),
        ("ResetFailedUnit", Answer::No("org.freedesktop.systemd1.UnitNotFailed")),
        ("Subscribe", Answer::Done),
        (START, exists()),
    ]);
    let error = scope.start(4711, &[]).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::AlreadyExists, "systemd: so it is (UnitExists)")
    );
    second.join().unwrap();
}

#[test]
fn what_systemd_refuses_is_told() {
    let (_dir, scope, peer_thread) = peer(vec![("Subscribe", Answer::Done), (START, Answer::Job("timeout"))]);
    let error = scope.start(4711, &[]).unwrap_err();
    assert_eq!(error.to_string(), "systemd: the job for p-c.scope ended as \"timeout\"");
    assert!(error.cure().unwrap().contains("journalctl"));
    peer_thread.join().unwrap();

    let (_dir, scope, peer_thread) =
        peer(vec![("SetUnitProperties", Answer::No("org.freedesktop.DBus.Error.AccessDenied"))]);
    let error = scope.set(&[Property::new("TasksMax", Setting::Number(7))]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    peer_thread.join().unwrap();

    let (_dir, scope, peer_thread) = peer(vec![
        ("Subscribe", Answer::Done),
        ("StopUnit", Answer::No("org.freedesktop.systemd1.NoSuchUnit")),
    ]);
    scope.stop().unwrap();
    peer_thread.join().unwrap();
}

#[test]
fn a_systemd_that_is_not_there() {
    let systemd =
        Systemd { socket: "/nowhere/bus".into(), is_bus: true, is_user: false, control_group: String::new() };
    let error = Scope { systemd, unit: "u".to_owned(), slice: "s".to_owned() }.stop().unwrap_err();
    assert!(error.to_string().starts_with("systemd: connect(\"/nowhere/bus\"): ENOENT"), "{error}");
    assert!(error.cure().unwrap().contains("cgroupfs"));
}

const HYBRID: (&str, &str) = (
    "3:memory:/\n1:name=systemd:/\n0::/\n",
    "31 23 0:31 / /cg/memory rw - cgroup cgroup rw,memory\n\
     32 23 0:32 / /cg/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
     33 23 0:33 / /cg/unified rw - cgroup2 cgroup2 rw\n",
);
const UNIFIED: (&str, &str) = ("0::/\n", "31 23 0:31 / /cg rw - cgroup2 cgroup2 rw\n");

fn planned(machine: (&str, &str), json: &str) -> cgroup::Plan {
    let systemd =
        Systemd { socket: "/run/bus".into(), is_bus: true, is_user: false, control_group: String::new() };
    let resources: Resources<'_> = serde_json::from_str(json).unwrap();
    let request = Request {
        cgroups_path: Some("a-b.slice:p:c"),
        id: "c",
        resources: &resources,
        access: Access::Full,
        systemd: Some(&systemd),
    };
    cgroup::plan(&Layout::parse(machine.0, machine.1, "cpu memory pids"), &request).unwrap()
}

const LIMITED: &str = r#"{"memory": {"limit": 10485760}, "devices": [{"allow": true}]}"#;

#[test]
fn a_plan_with_a_scope() {
    let plan = planned(UNIFIED, LIMITED);
    assert_eq!(plan.group.path, "/a.slice/a-b.slice/p-c.scope");
    assert_eq!(plan.born_into(), None, "the process is there before the cgroup");
    let mut script = Script::new();
    plan.ops.iter().for_each(|op| op.script(&mut script));
    insta::assert_snapshot!(script.as_str());
}

#[test]
fn on_v1_systemd_makes_its_own_hierarchies_only() {
    let plan = planned(HYBRID, LIMITED);
    let made: Vec<&Path> = plan
        .ops
        .iter()
        .filter_map(|op| match op {
            cgroup::Op::Create { dir } => Some(dir.as_path()),
            _ => None,
        })
        .collect();
    assert_eq!(made, [Path::new("/cg/memory/a.slice/a-b.slice/p-c.scope")]);
    let first_is_made = matches!(plan.ops[..2], [cgroup::Op::Create { .. }, cgroup::Op::StartScope { .. }]);
    assert!(
        first_is_made,
        "the process is not counted as a stranger in a cgroup that is made after: {:?}",
        plan.ops
    );
}

#[test]
fn an_update_tells_systemd_first() {
    let group = planned(UNIFIED, "{}").group;
    let resources: Resources<'_> = serde_json::from_str(r#"{"pids": {"limit": 9}}"#).unwrap();
    let layout = Layout::parse(UNIFIED.0, UNIFIED.1, "pids");
    let (ops, _) = cgroup::update(&layout, &group, &resources).unwrap();
    let told =
        matches!(&ops[0], cgroup::Op::SetProperties { properties, .. } if properties[0].name == "TasksMax");
    assert!(told && ops.len() == 2, "{ops:?}");
    let (ops, _) = cgroup::update(&layout, &group, &Resources::default()).unwrap();
    assert!(ops.is_empty(), "{ops:?}");
}
