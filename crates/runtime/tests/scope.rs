//! Scopes of the real systemd: `tests/vm/suites systemd` runs this in a machine where it is the first process, which
//! is why `cargo test` alone leaves it out.
#![expect(clippy::unwrap_used, reason = "a test whose scene cannot be set fails")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barque_runtime::cgroup::{self, Access, Done, Layout, Op, Request, Systemd};
use barque_runtime::spec::Resources;

/// systemd by the message bus and by its own socket.
fn systemds() -> Vec<Systemd> {
    let systemd = Systemd::system().unwrap();
    assert!(systemd.is_bus);
    let own = Systemd { socket: "/run/systemd/private".into(), is_bus: false, ..systemd.clone() };
    vec![systemd, own]
}

/// Fails unless the answer is yes within ten seconds.
#[track_caller]
fn eventually(what: &str, mut question: impl FnMut() -> bool) {
    let start = Instant::now();
    while !question() {
        assert!(start.elapsed() < Duration::from_secs(10), "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What systemd says of a unit.
fn show(unit: &str, property: &str) -> String {
    let output = Command::new("systemctl").args(["show", "--value", "-p", property, unit]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A scope with a process inside, removed with it.
struct Scope {
    layout: Layout,
    plan: cgroup::Plan,
    done: Vec<(Op, Done)>,
    process: Child,
    unit: String,
}

impl Scope {
    fn new(systemd: &Systemd, name: &str, command: &str, resources: &str) -> Self {
        let resources: Resources<'_> = serde_json::from_str(resources).unwrap();
        let name = format!("{name}{}", u8::from(systemd.is_bus));
        let path = format!("barque-test.slice:t:{name}");
        let layout = Layout::read().unwrap();
        let plan = cgroup::plan(
            &layout,
            &Request {
                cgroups_path: Some(&path),
                id: &name,
                resources: &resources,
                access: Access::Full,
                systemd: Some(systemd),
            },
        )
        .unwrap();
        // It waits for a line, as a container's process waits for its creator.
        let process = Command::new("sh")
            .args(["-c", &format!("read -r go; {command}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut scope = Self { layout, plan, done: Vec::new(), process, unit: format!("t-{name}.scope") };
        for op in &scope.plan.ops {
            let done = op.execute_with(i32::try_from(scope.process.id()).ok()).unwrap();
            scope.done.push((op.clone(), done));
        }
        scope
    }

    fn go(&mut self) {
        std::io::Write::write_all(self.process.stdin.as_mut().unwrap(), b"go\n").unwrap();
    }

    fn show(&self, property: &str) -> String {
        show(&self.unit, property)
    }

    fn read(&self, file: &str) -> String {
        let dir = self.plan.group.unified.as_ref().unwrap();
        fs::read_to_string(dir.join(file)).unwrap().trim().to_owned()
    }

    fn update(&self, resources: &str) {
        let resources: Resources<'_> = serde_json::from_str(resources).unwrap();
        let (ops, _) = cgroup::update(&self.layout, &self.plan.group, &resources).unwrap();
        ops.iter().for_each(|op| drop(op.execute().unwrap()));
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(self.plan.group.remove());
    }
}

const LIMITS: &str = r#"{"memory": {"limit": 33554432, "swap": 33554432}, "pids": {"limit": 17},
    "cpu": {"shares": 2048, "quota": 33333, "period": 50000, "cpus": "0"},
    "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]}"#;

#[test]
fn systemd_and_the_kernel_agree_on_a_scope() {
    for systemd in systemds() {
        let scope = Scope::new(&systemd, "agree", "sleep 100", LIMITS);
        let pid = scope.process.id();
        let inside = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        assert_eq!(inside.trim(), format!("0::{}", scope.plan.group.path));
        for (property, expected) in [
            ("ActiveState", "active"),
            ("Slice", "barque-test.slice"),
            ("ControlGroup", &scope.plan.group.path),
            ("Delegate", "yes"),
            ("MemoryMax", "33554432"),
            ("MemorySwapMax", "0"),
            ("TasksMax", "17"),
            ("CPUWeight", "174"),
            ("CPUQuotaPerSecUSec", "670ms"),
            ("AllowedCPUs", "0"),
            ("DevicePolicy", "strict"),
        ] {
            assert_eq!(scope.show(property), expected, "{property}");
        }
        assert!(scope.show("DeviceAllow").contains("/dev/char/10:229 rw"), "{}", scope.show("DeviceAllow"));
        let values = || {
            ["memory.max", "memory.swap.max", "pids.max", "cpu.weight", "cpuset.cpus"]
                .map(|file| scope.read(file))
        };
        let before = values();
        assert_eq!(before, ["33554432", "0", "17", "174", "0"]);
        assert_eq!(scope.read("cpu.max"), "33333 50000");
        let reloaded = Command::new("systemctl").arg("daemon-reload").status().unwrap();
        assert!(reloaded.success());
        assert_eq!(values(), before, "systemd writes the same again");

        scope.update(r#"{"memory": {"limit": 67108864, "swap": 67108864}, "pids": {"limit": 5}}"#);
        assert_eq!((scope.show("MemoryMax").as_str(), scope.show("TasksMax").as_str()), ("67108864", "5"));
        assert_eq!((scope.read("memory.max").as_str(), scope.read("pids.max").as_str()), ("67108864", "5"));
    }
}

#[test]
fn a_scope_is_removed_and_forgotten() {
    for systemd in systemds() {
        for (name, by_undo) in [("removed", false), ("undone", true)] {
            let mut scope = Scope::new(&systemd, name, "sleep 100", "{}");
            let dir = scope.plan.group.unified.clone().unwrap();
            let mut reaped = std::mem::replace(&mut scope.process, Command::new("true").spawn().unwrap());
            // As in life, somebody waits for the process.
            let reaper = std::thread::spawn(move || drop(reaped.wait()));
            if by_undo {
                scope.plan.group.kill_all(9).unwrap();
                let done: Vec<_> = scope.done.drain(..).collect();
                done.iter().rev().for_each(|(op, done)| op.undo(done).unwrap());
            } else {
                scope.plan.group.remove().unwrap();
            }
            reaper.join().unwrap();
            eventually("the cgroup is gone", || !Path::new(&dir).exists());
            eventually("systemd has forgotten it", || scope.show("LoadState") == "not-found");
            scope.plan.group.remove().unwrap();
        }
    }
}

#[test]
fn a_scope_out_of_memory_leaves_nothing() {
    for systemd in systemds() {
        let limits = r#"{"memory": {"limit": 10485760, "swap": 10485760}}"#;
        let mut scope = Scope::new(&systemd, "oom", "exec tail /dev/zero", limits);
        let watch = cgroup::OomWatch::open(&scope.plan.group).unwrap();
        scope.go();
        assert!(!scope.process.wait().unwrap().success());
        drop(watch);
        scope.plan.group.remove().unwrap();
        eventually("systemd has forgotten it", || scope.show("LoadState") == "not-found");
        // The name is free again at once.
        let again = Scope::new(&systemd, "oom", "sleep 100", "{}");
        assert_eq!(again.show("ActiveState"), "active");
    }
}

#[test]
fn two_scopes_of_one_name() {
    for systemd in systemds() {
        let first = Scope::new(&systemd, "twice", "sleep 100", "{}");
        let start = first.plan.ops.iter().find(|op| matches!(op, Op::StartScope { .. })).unwrap();
        let mut other = Command::new("sleep").arg("100").spawn().unwrap();
        let error = start.execute_with(i32::try_from(other.id()).ok()).unwrap_err();
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(error.kind(), barque_runtime::ErrorKind::AlreadyExists, "{error}");
        assert_eq!(first.show("ActiveState"), "active");
    }
}

/// A bundle of busybox, and the command that `BARQUE` names with the systemd driver.
struct Bundle(tempfile::TempDir);

impl Bundle {
    fn new(resources: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join("rootfs/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy("/bin/busybox", bin.join("sleep")).unwrap();
        let config = format!(
            r#"{{"ociVersion": "1.0.2", "root": {{"path": "rootfs"}},
                "process": {{"user": {{"uid": 0, "gid": 0}}, "cwd": "/", "args": ["/bin/sleep", "1000"]}},
                "linux": {{"cgroupsPath": "barque-cli.slice:b:one", "resources": {resources},
                    "namespaces": [{{"type": "pid"}}, {{"type": "mount"}}, {{"type": "cgroup"}}]}}}}"#
        );
        fs::write(directory.path().join("config.json"), config).unwrap();
        Self(directory)
    }

    #[track_caller]
    fn barque(&self, args: &[&str]) {
        let program = std::env::var("BARQUE").unwrap();
        let mut command = Command::new(program);
        command.args(["oci", "--systemd-cgroup", "--root"]).arg(self.0.path().join("state")).args(args);
        if matches!(args[0], "create" | "run") {
            command.arg("--bundle").arg(self.0.path());
        }
        // Not a pipe: the container would keep it open.
        let log = self.0.path().join("log");
        let file = fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let status = command.status().unwrap();
        assert!(status.success(), "{args:?}: {}", fs::read_to_string(&log).unwrap());
    }
}

#[test]
fn the_command_makes_changes_and_deletes_a_scope() {
    let bundle = Bundle::new(r#"{"memory": {"limit": 33554432}, "pids": {"limit": 17}}"#);
    let unit = "b-one.scope";
    for verb in [&["create", "one"][..], &["run", "--detach", "one"]] {
        bundle.barque(verb);
        if verb[0] == "create" {
            bundle.barque(&["start", "one"]);
        }
        for (property, expected) in [
            ("ActiveState", "active"),
            ("Slice", "barque-cli.slice"),
            ("Delegate", "yes"),
            ("MemoryMax", "33554432"),
            ("TasksMax", "17"),
        ] {
            assert_eq!(show(unit, property), expected, "{property}");
        }
        let directory = Path::new("/sys/fs/cgroup").join(show(unit, "ControlGroup").trim_start_matches('/'));
        let read = |file: &str| fs::read_to_string(directory.join(file)).unwrap().trim().to_owned();
        assert_eq!((read("memory.max").as_str(), read("pids.max").as_str()), ("33554432", "17"));
        let pid = read("cgroup.procs");
        assert_eq!(fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim(), "sleep");

        bundle.barque(&["update", "--memory", "67108864", "--pids-limit", "9", "one"]);
        assert_eq!((show(unit, "MemoryMax").as_str(), show(unit, "TasksMax").as_str()), ("67108864", "9"));
        assert_eq!((read("memory.max").as_str(), read("pids.max").as_str()), ("67108864", "9"));
        bundle.barque(&["pause", "one"]);
        assert_eq!(read("cgroup.freeze"), "1");
        bundle.barque(&["resume", "one"]);

        bundle.barque(&["delete", "--force", "one"]);
        assert!(!directory.exists());
        eventually("systemd has forgotten it", || show(unit, "LoadState") == "not-found");
    }
}
