//! A container's cgroup for a test, and shells inside it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use barque_runtime::cgroup::{self, Access, Done, Group, Layout, Op, Request};
use barque_runtime::plan::Script;
use barque_runtime::spec::Resources;

/// A made cgroup. Dropping it ends what runs in it and removes it, after a failed test too.
pub(crate) struct Rig {
    pub(crate) layout: Layout,
    pub(crate) plan: cgroup::Plan,
    pub(crate) done: Vec<(Op, Done)>,
    parent: String,
}

/// Says why and returns false when this is not root or cgroups cannot be changed.
pub(crate) fn require_root() -> bool {
    let root = effective_user() == 0;
    if !root {
        println!("skipped: making cgroups takes root");
    }
    root
}

/// The user id this process acts with.
pub(crate) fn effective_user() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:\t")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

impl Rig {
    /// Plans and makes `/barque-test-<pid>-<name>/c` with these `linux.resources`.
    pub(crate) fn new(name: &str, resources: &str) -> Self {
        let layout = Layout::read().unwrap();
        let parent = format!("/barque-test-{}-{name}", std::process::id());
        let plan = planned(&layout, &parent, resources);
        let mut rig = Self { layout, plan, done: Vec::new(), parent };
        for op in rig.plan.ops.clone() {
            let done = op.execute().unwrap_or_else(|error| panic!("{op:?}: {error} ({:?})", error.cure()));
            rig.done.push((op, done));
        }
        rig
    }

    pub(crate) fn group(&self) -> &Group {
        &self.plan.group
    }

    /// A shell that enters the cgroup by the plan's own commands and then runs this.
    pub(crate) fn shell(&self, command: &str) -> Command {
        let mut script = Script::new();
        self.plan.joins.iter().for_each(|op| op.script(&mut script));
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("set -e\n{}set +e\n{command}", script.as_str()));
        shell.stdin(Stdio::null());
        shell
    }

    pub(crate) fn run(&self, command: &str) -> Output {
        self.shell(command).output().unwrap()
    }

    pub(crate) fn spawn(&self, command: &str) -> Running {
        Running(self.shell(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// The programs that run in the group, sorted.
    pub(crate) fn programs(&self) -> Vec<String> {
        let program = |pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
        let mut programs: Vec<String> =
            self.group().pids().unwrap().into_iter().filter_map(program).collect();
        programs.iter_mut().for_each(|program| program.truncate(program.trim_end().len()));
        programs.sort();
        programs
    }

    /// Changes limits as `update` does.
    pub(crate) fn update(&self, resources: &str) -> barque_runtime::Result<()> {
        let resources: Resources<'_> = serde_json::from_str(resources).unwrap();
        let (ops, _) = cgroup::update(&self.layout, self.group(), &resources)?;
        ops.iter().try_for_each(|op| op.execute().map(drop))
    }

    /// The text of a file of the group: v1's in `controller`'s hierarchy, or v2's.
    pub(crate) fn read(&self, controller: &str, v1: &str, v2: &str) -> String {
        let path = match self.group().v1_dir(controller) {
            Some(dir) => dir.join(v1),
            None => self.group().unified.as_ref().unwrap().join(v2),
        };
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}")).trim().to_owned()
    }

    /// Writes a file of the parent that the test made.
    pub(crate) fn write_above(&self, controller: &str, v1: (&str, &str), v2: (&str, &str)) {
        let (dir, (name, value)) = match self.group().v1_dir(controller) {
            Some(dir) => (dir, v1),
            None => (self.group().unified.as_deref().unwrap(), v2),
        };
        fs::write(dir.parent().unwrap().join(name), value).unwrap();
    }

    pub(crate) fn on_v2(&self, controller: &str) -> bool {
        self.group().v1_dir(controller).is_none()
    }

    fn parents(&self) -> Vec<PathBuf> {
        self.group().dirs().map(|dir| dir.parent().unwrap().to_owned()).collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let removed = self.group().remove();
        for parent in self.parents() {
            assert!(
                parent.ends_with(self.parent.trim_start_matches('/')),
                "only what the test made: {parent:?}"
            );
            drop(fs::remove_dir(&parent));
            assert!(!parent.exists() || std::thread::panicking(), "{parent:?} is left over: {removed:?}");
        }
    }
}

fn planned(layout: &Layout, parent: &str, resources: &str) -> cgroup::Plan {
    let resources: Resources<'_> = serde_json::from_str(resources).unwrap();
    let path = format!("{parent}/c");
    let request = Request {
        cgroups_path: Some(&path),
        id: "c",
        resources: &resources,
        access: Access::Full,
        systemd: None,
    };
    cgroup::plan(layout, &request).unwrap()
}

/// A process that is ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits until it is so, for at most ten seconds: a virtual machine's emulated
/// processor is slow.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
