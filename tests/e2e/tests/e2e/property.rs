//! Random commands by many clients at once, against a model that knows what must be true.
//!
//! Each client has names of its own, whose containers it knows the state of; all of them share one store. The sequence of a
//! client follows from its number, so a failure can be seen again. Where they share names, too, nobody knows the state; but
//! each complaint is one about the state, never about a file that has gone.

use std::thread;

use crate::lab::{Said, wait_until};
use crate::scene::Scene;

const CLIENTS: u64 = 8;
const COMMANDS: usize = 125;

/// What a client knows of one of its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    Created,
    Running,
    Paused,
    Exited,
}

use State::{Absent, Created, Exited, Paused, Running};

/// What a command must do to a container in a state: the next state, or words of the complaint.
type Outcome = Result<State, &'static str>;

/// A command, by its words before the name, and what it must do.
type Act = (&'static [&'static str], fn(State) -> Outcome);

const ABSENT: &str = "No such container";

const ACTS: [Act; 11] = [
    (&["start"], |state| match state {
        Absent => Err(ABSENT),
        Paused => Err("paused"),
        _ => Ok(Running),
    }),
    (&["stop", "-t", "0"], |state| match state {
        Absent => Err(ABSENT),
        Created => Ok(Created),
        _ => Ok(Exited),
    }),
    (&["kill"], |state| match state {
        Absent => Err(ABSENT),
        Running | Paused => Ok(Exited),
        _ => Err("is not running"),
    }),
    (&["restart", "-t", "0"], |state| if state == Absent { Err(ABSENT) } else { Ok(Running) }),
    (&["pause"], |state| match state {
        Absent => Err(ABSENT),
        Running => Ok(Paused),
        Paused => Err("already paused"),
        _ => Err("is not running"),
    }),
    (&["unpause"], |state| match state {
        Absent => Err(ABSENT),
        Paused => Ok(Running),
        _ => Err("is not paused"),
    }),
    (&["rm"], |state| match state {
        Absent => Err(ABSENT),
        Running | Paused => Err("cannot remove container"),
        _ => Ok(Absent),
    }),
    (&["rm", "-f"], |_| Ok(Absent)),
    (
        &["inspect", "-f", "{{.Name}}"],
        |state| if state == Absent { Err("No such object") } else { Ok(state) },
    ),
    (&["top"], |state| match state {
        Absent => Err(ABSENT),
        Running | Paused => Ok(state),
        _ => Err("is not running"),
    }),
    (&["logs"], |state| if state == Absent { Err(ABSENT) } else { Ok(state) }),
];

/// Numbers that look random (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// Whether a command has done what it must; the state afterwards.
fn judge(story: &str, said: &Said, expected: Outcome, before: State) -> State {
    match expected {
        Ok(after) => {
            assert_eq!(said.code, 0, "{story}: {said:#?}");
            after
        }
        Err(words) => {
            assert!(said.code != 0 && said.err.contains(words), "{story}: {words:?} is not in {said:#?}");
            before
        }
    }
}

fn client(scene: &Scene, number: u64) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (number + 1));
    let names = [format!("one-{number}"), format!("two-{number}")];
    let mut states = [Absent; 2];
    let root = format!("dir:{}", scene.lab.rootfs().display());
    for step in 0..COMMANDS {
        let which = random.below(names.len());
        let (name, before) = (&names[which], states[which]);
        let choice = random.below(ACTS.len() + 3);
        let (said, expected, words) = if let Some((words, outcome)) = ACTS.get(choice) {
            (scene.barque(&[words, &[name.as_str()][..]].concat()), outcome(before), words.join(" "))
        } else {
            let verb: &[&str] = if choice == ACTS.len() { &["create"] } else { &["run", "-d"] };
            let flags = ["--name", name, "--network", "none", "--cgroup-parent", scene.lab.cgroup_parent()];
            let said = scene.barque(&[verb, &flags[..], &[&root, "sleep", "1000"]].concat());
            let made = if choice == ACTS.len() { Created } else { Running };
            let expected = if before == Absent { Ok(made) } else { Err("is already in use by container") };
            (said, expected, verb.join(" "))
        };
        let story = format!("client {number}, step {step}: {words} {name}, which is {before:?}");
        states[which] = judge(&story, &said, expected, before);
        // A signal is sent, its effect is not waited for.
        let shown = || scene.barque(&["inspect", "-f", "{{.State.Status}}", name]);
        let wanted = format!("{:?}", states[which]).to_lowercase();
        if states[which] != Absent {
            assert!(
                wait_until(|| shown().out.trim_end() == wanted),
                "{story}: not {wanted} but {:#?}",
                shown()
            );
        }
    }
}

/// What may be said when another client was faster.
const FASTER: [&str; 8] = [
    ABSENT,
    "No such object",
    "is already in use by container",
    "is not running",
    "is not paused",
    "already paused",
    "cannot start a paused container",
    "cannot remove container",
];

fn rival(scene: &Scene, number: u64) {
    let mut random = Random(0x2545_f491_4f6c_dd1d ^ (number + 1));
    let root = format!("dir:{}", scene.lab.rootfs().display());
    for step in 0..COMMANDS {
        let name = ["one", "two", "three"][random.below(3)];
        let choice = random.below(ACTS.len() + 4);
        let said = if let Some((words, _)) = ACTS.get(choice) {
            scene.barque(&[words, &[name][..]].concat())
        } else {
            let flags = ["--name", name, "--network", "none", "--cgroup-parent", scene.lab.cgroup_parent()];
            scene.barque(&[&["run", "-d"], &flags[..], &[&root, "sleep", "1000"]].concat())
        };
        let fine = said.code == 0 || FASTER.iter().any(|words| said.err.contains(words));
        assert!(fine, "client {number}, step {step}, {choice} of {name}: {said:#?}");
    }
}

fn nothing_is_left(scene: &Scene) {
    for id in scene.barque(&["ps", "-aq"]).ok().lines() {
        scene.barque(&["rm", "-f", id]).ok();
    }
    assert_eq!(scene.barque(&["ps", "-aq"]).ok(), "");
    assert_eq!(scene.lab.leftovers(), Vec::<String>::new());
}

fn all_at_once(scene: &Scene, client: fn(&Scene, u64)) {
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            scope.spawn(move || client(scene, number));
        }
    });
}

#[test]
fn many_clients_and_a_model() {
    let Some(scene) = Scene::new() else { return };
    all_at_once(&scene, client);
    nothing_is_left(&scene);
}

#[test]
fn many_clients_and_the_same_names() {
    let Some(scene) = Scene::new() else { return };
    all_at_once(&scene, rival);
    nothing_is_left(&scene);
}
