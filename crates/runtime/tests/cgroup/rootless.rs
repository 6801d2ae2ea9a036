//! What a user without privileges gets. The tests marked as parts run as that user, in a process of their own.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use barque_runtime::cgroup::{self, Access, Layout, Request};
use barque_runtime::spec::Resources;

use crate::rig::{effective_user, require_root};

const USER: u32 = 65534;

/// Names, in the environment of a process of its own, the part of a test that it runs as another user.
const PART: &str = "BARQUE_TEST_PART";

fn planned(layout: &Layout, id: &str, resources: &str) -> cgroup::Plan {
    let resources: Resources<'_> = serde_json::from_str(resources).unwrap();
    let request =
        Request { cgroups_path: None, id, resources: &resources, access: Access::Delegated, systemd: None };
    cgroup::plan(layout, &request).unwrap()
}

/// Runs a part, as root in the cgroup at first ([`is_user`]).
fn run_part(name: &str, cgroup: Option<&Path>) {
    let dir = tempfile::Builder::new().prefix("barque-test-").tempdir_in("/tmp").unwrap();
    chown(dir.path(), Some(USER), None).unwrap();
    let program = dir.path().join("suite");
    fs::copy("/proc/self/exe", &program).unwrap();
    let enter = cgroup.map_or(String::new(), |dir| format!("echo 0 > {}/cgroup.procs && ", dir.display()));
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{enter}exec \"$@\""), "sh"]).arg(&program);
    succeeds(command.args(["--exact", name, "--nocapture"]).env(PART, name));
}

/// Whether this process is the user's; as root, starts that process. False in an ordinary run of the suite: the part is
/// run by the test that it belongs to.
fn is_user(name: &str) -> bool {
    if std::env::var(PART).ok().as_deref() != Some(name) {
        return false;
    }
    let user = effective_user() == USER;
    if !user {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture"]).env(PART, name);
        succeeds(command.uid(USER).gid(USER));
    }
    user
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_user_with_nothing_delegated() {
    if require_root() {
        run_part("rootless::part_without_delegation", None);
    }
}

#[test]
fn part_without_delegation() {
    if !is_user("rootless::part_without_delegation") {
        return;
    }
    let layout = Layout::read().unwrap();
    assert!(planned(&layout, "c", "{}").permitted(&layout).is_none(), "it stays where it is");
    let limited = planned(&layout, "c", r#"{"pids": {"limit": 7}}"#);
    let plan = limited.permitted(&layout).expect("limits are never dropped in silence");
    let error = plan.ops[0].execute().unwrap_err();
    assert!(error.cure().unwrap().contains("delegated"), "{error}");
}

/// A subtree of v2 that belongs to the user, removed with what is in it.
struct Delegated(PathBuf);

impl Delegated {
    fn new(unified: &Path) -> Self {
        let dir = unified.join(format!("barque-test-{}-delegated", std::process::id()));
        fs::create_dir_all(dir.join("own")).unwrap();
        for name in ["", "cgroup.procs", "cgroup.subtree_control", "own", "own/cgroup.procs"] {
            chown(dir.join(name), Some(USER), None).unwrap();
        }
        Self(dir)
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        for dir in [self.0.join("c"), self.0.join("own"), self.0.clone()] {
            drop(fs::remove_dir(dir));
        }
    }
}

#[test]
fn a_user_with_a_delegated_subtree() {
    let layout = Layout::read().unwrap();
    let unified = layout.unified.as_ref().filter(|_| layout.mode() == cgroup::Mode::Unified);
    let Some(unified) = unified.filter(|_| require_root()) else {
        println!("nothing to test: only cgroup v2 can be delegated");
        return;
    };
    let delegated = Delegated::new(&unified.tree.mount_point);
    run_part("rootless::part_with_delegation", Some(&delegated.0.join("own")));
    assert!(!delegated.0.join("c").exists(), "what the user made, the user has taken away");
}

#[test]
fn part_with_delegation() {
    if !is_user("rootless::part_with_delegation") {
        return;
    }
    let layout = Layout::read().unwrap();
    assert!(planned(&layout, "c", "{}").permitted(&layout).is_some(), "the user may make one here");
    let plan = planned(&layout, "c", r#"{"pids": {"limit": 7}, "memory": {"limit": 10485760}}"#);
    let done: Vec<_> = plan.ops.iter().map(|op| (op, op.execute().unwrap())).collect();
    let dir = plan.group.unified.as_ref().unwrap();
    assert_eq!(fs::read_to_string(dir.join("pids.max")).unwrap(), "7\n");
    assert_eq!(fs::read_to_string(dir.join("memory.max")).unwrap(), "10485760\n");
    let enter = format!("echo 0 > {}/cgroup.procs && cat /proc/self/cgroup", dir.display());
    let output = Command::new("sh").args(["-c", &enter]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("0::{}\n", plan.group.path));
    done.iter().rev().for_each(|(op, done)| op.undo(done).unwrap());
}
