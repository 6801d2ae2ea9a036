//! Plans of configurations, and what they do to a directory that looks like a `resctrl` file system.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Done, Op, Plan, mount_point, plan, schemata};
use crate::ErrorKind;
use crate::spec::IntelRdt;

fn config(text: &str) -> IntelRdt<'_> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn planned(text: &str) -> Plan {
    plan(&config(text), "box", Some(Path::new("/r"))).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn find(group: &str) -> Op {
    Op::Find { group: group.into() }
}

fn create(group: &str, matching: Option<&str>) -> Op {
    Op::Create { group: group.into(), matching: matching.map(str::to_owned) }
}

fn write(group: &str, text: &str) -> Op {
    Op::Write { file: Path::new(group).join("schemata"), text: text.to_owned() }
}

fn require(event: &str) -> Op {
    Op::Require { file: "/r/info/L3_MON/mon_features".into(), event: event.to_owned() }
}

#[test]
fn configurations_become_operations() {
    let cases: &[(&str, Vec<Op>, &str, &[&str])] = &[
        ("{}", vec![create("/r/box", None)], "/r/box", &["/r/box"]),
        (r#"{"closID": "gold"}"#, vec![find("/r/gold")], "/r/gold", &[]),
        (
            r#"{"l3CacheSchema": "L3:0=f;1=f", "memBwSchema": "MB:0=20"}"#,
            vec![create("/r/box", None), write("/r/box", "L3:0=f;1=f\nMB:0=20\n")],
            "/r/box",
            &["/r/box"],
        ),
        // "the value … MUST be the non-MB: line(s) from l3CacheSchema and the line from memBWSchema"
        (
            r#"{"closID": "gold", "l3CacheSchema": "L3:0=f\nMB:0=50\nL2:0=3", "memBwSchema": "MB:0=20"}"#,
            vec![
                create("/r/gold", Some("L3:0=f\nL2:0=3\nMB:0=20\n")),
                write("/r/gold", "L3:0=f\nL2:0=3\nMB:0=20\n"),
            ],
            "/r/gold",
            &[],
        ),
        (
            r#"{"l3CacheSchema": "L3:0=f\nMB:0=50"}"#,
            vec![create("/r/box", None), write("/r/box", "L3:0=f\nMB:0=50\n")],
            "/r/box",
            &["/r/box"],
        ),
        // "the value of schemata field must be written last"
        (
            r#"{"closID": "gold", "memBwSchema": "MB:0=20", "schemata": ["L3:0=f", "L2:0=1"]}"#,
            vec![
                create("/r/gold", Some("MB:0=20\n")),
                write("/r/gold", "MB:0=20\n"),
                write("/r/gold", "L3:0=f\nL2:0=1\n"),
            ],
            "/r/gold",
            &[],
        ),
        (
            r#"{"closID": "gold", "enableMonitoring": true}"#,
            vec![find("/r/gold"), create("/r/gold/mon_groups/box", None)],
            "/r/gold/mon_groups/box",
            &["/r/gold/mon_groups/box"],
        ),
        (
            r#"{"enableCMT": true, "enableMBM": true, "enableMonitoring": true}"#,
            vec![
                require("llc_occupancy"),
                require("mbm_total_bytes"),
                create("/r/box", None),
                create("/r/box/mon_groups/box", None),
            ],
            "/r/box/mon_groups/box",
            &["/r/box/mon_groups/box", "/r/box"],
        ),
    ];
    for (text, ops, joined, own) in cases {
        let plan = planned(text);
        assert_eq!(plan.ops, *ops, "{text}");
        assert_eq!(plan.join, Op::Join { file: Path::new(joined).join("tasks") }, "{text}");
        assert_eq!(plan.group.own, own.iter().map(PathBuf::from).collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn what_cannot_be_is_refused_by_its_name() {
    let without = plan(&config("{}"), "box", None).unwrap_err();
    assert_eq!(without.kind(), ErrorKind::Unsupported);
    assert!(without.to_string().contains("no resctrl file system is mounted"), "{without}");
    for (text, said) in [
        (r#"{"closID": "a/b"}"#, "closID: \"a/b\""),
        (r#"{"closID": ".."}"#, "closID: \"..\""),
        (r#"{"closID": "info"}"#, "closID: \"info\""),
        (r#"{"l3CacheSchema": "f"}"#, "\"f\" is not a line of schemata"),
        (r#"{"memBwSchema": "MB:0=xx"}"#, "\"MB:0=xx\" is not"),
        (r#"{"schemata": ["L3:0=f", "L3"]}"#, "\"L3\" is not"),
    ] {
        let error = plan(&config(text), "box", Some(Path::new("/r"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}");
        assert!(error.to_string().contains(said), "{text}: {error}");
    }
}

#[test]
fn schemata_match_as_the_kernel_writes_them() {
    let kernel = "    MB:0= 20;1=100\n    L3:0=00f;1=7ff\n";
    for (wanted, missing) in [
        ("L3:0=f", None),
        ("L3:1=7FF;0=0xf\nMB:0=20\n", None),
        ("L3:0=f\nMB:0=14", Some("MB:0=14")),
        ("L2:0=f", Some("L2:0=f")),
        ("L3:2=f", Some("L3:2=f")),
        ("", None),
    ] {
        assert_eq!(schemata::mismatch(kernel, wanted), missing, "{wanted}");
    }
}

#[test]
fn the_mount_is_found() {
    let other = "33 23 0:33 / /sys/fs/cgroup/pids rw - cgroup resctrl rw\n";
    assert_eq!(mount_point(other), None);
    let text = format!("{other}40 23 0:40 / /sys/fs/resctrl rw,nosuid shared:9 - resctrl resctrl rw\n");
    assert_eq!(mount_point(&text), Some("/sys/fs/resctrl".into()));
}

/// A directory in which a group that is made gets the files that the kernel would give it.
struct Fake(tempfile::TempDir);

impl Fake {
    fn new() -> Self {
        let fake = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(fake.0.path().join("info/L3_MON")).unwrap();
        fs::write(fake.0.path().join("info/L3_MON/mon_features"), "llc_occupancy\n").unwrap();
        fake.group("gold", "L3:0=0ff\n");
        fake
    }

    fn group(&self, name: &str, schemata: &str) {
        let group = self.0.path().join(name);
        fs::create_dir_all(group.join("mon_groups")).unwrap();
        fs::write(group.join("schemata"), schemata).unwrap();
        fs::write(group.join("tasks"), "").unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    /// Does what a configuration asks for, but for the process; on failure takes back what was done.
    fn run(&self, text: &str) -> crate::Result<Plan> {
        let plan = plan(&config(text), "box", Some(self.0.path()))?;
        let mut done: Vec<(&Op, Done)> = Vec::new();
        for op in &plan.ops {
            match op.execute() {
                Ok(did) => done.push((op, did)),
                Err(error) => {
                    for (op, did) in done.into_iter().rev() {
                        self.empty(&plan);
                        op.undo(did)?;
                    }
                    return Err(error);
                }
            }
            if let (Op::Create { group, .. }, Some((_, Done::Created))) = (op, done.last()) {
                self.group(&group.strip_prefix(self.0.path()).unwrap().to_string_lossy(), "L3:0=fff\n");
            }
        }
        plan.join.execute()?;
        Ok(plan)
    }

    /// Takes away what the kernel's groups lose by themselves.
    fn empty(&self, plan: &Plan) {
        for group in &plan.group.own {
            for file in ["schemata", "tasks"] {
                drop(fs::remove_file(group.join(file)));
            }
            drop(fs::remove_dir(group.join("mon_groups")));
        }
    }
}

#[test]
fn a_group_of_the_containers_own_comes_and_goes() {
    let fake = Fake::new();
    let plan = fake.run(r#"{"l3CacheSchema": "L3:0=f", "enableCMT": true}"#).unwrap();
    assert!(fake.read("box/schemata").starts_with("L3:0=f\n"));
    assert_eq!(fake.read("box/tasks"), "0");
    plan.group.write("L3:0=3\n").unwrap();
    assert!(fake.read("box/schemata").starts_with("L3:0=3\n"));
    fake.empty(&plan);
    plan.group.remove().unwrap();
    assert!(!fake.0.path().join("box").exists());
    plan.group.remove().unwrap();
}

#[test]
fn a_named_group_is_joined_and_stays() {
    let fake = Fake::new();
    let plan =
        fake.run(r#"{"closID": "gold", "l3CacheSchema": "L3:0=ff", "enableMonitoring": true}"#).unwrap();
    assert_eq!(fake.read("gold/mon_groups/box/tasks"), "0");
    assert_eq!(fake.read("gold/tasks"), "");
    fs::remove_dir_all(fake.0.path().join("gold/mon_groups/box")).unwrap();
    plan.group.remove().unwrap();
    assert!(fake.0.path().join("gold/schemata").exists());
    let error = fake.run(r#"{"closID": "gold", "l3CacheSchema": "L3:0=f"}"#).unwrap_err();
    assert!(error.to_string().contains("does not have \"L3:0=f\""), "{error}");
    assert_eq!(fake.read("gold/schemata").lines().next(), Some("L3:0=ff"));
    let error = fake.run(r#"{"closID": "silver"}"#).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!fake.0.path().join("silver").exists());
}

#[test]
fn a_failure_leaves_no_group() {
    let fake = Fake::new();
    let error = fake.run(r#"{"enableMBM": true}"#).unwrap_err();
    assert!(error.to_string().contains("mbm_total_bytes"), "{error}");
    // The group is there, its file is not: nothing was populated before the write.
    let plan = plan(&config(r#"{"l3CacheSchema": "L3:0=f"}"#), "box", Some(fake.0.path())).unwrap();
    let done = plan.ops[0].execute().unwrap();
    fs::write(fake.0.path().join("info/last_cmd_status"), "mask f has non-consecutive bits\n").unwrap();
    let error = plan.ops[1].execute().unwrap_err();
    assert!(error.cure().is_some_and(|cure| cure.contains("non-consecutive")), "{error}");
    plan.ops[0].undo(done).unwrap();
    assert!(!fake.0.path().join("box").exists());
}
