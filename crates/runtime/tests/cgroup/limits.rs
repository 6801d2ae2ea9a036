//! Limits hold.

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use crate::rig::{Rig, require_root};

const MIB: u64 = 1 << 20;

#[test]
fn values_arrive() {
    if !require_root() {
        return;
    }
    let rig = Rig::new(
        "values",
        r#"{"memory": {"limit": 33554432, "reservation": 16777216}, "pids": {"limit": 17},
            "cpu": {"shares": 1024, "quota": 20000, "period": 40000, "cpus": "0", "mems": "0"}}"#,
    );
    for (controller, v1, v2, values) in [
        ("memory", "memory.limit_in_bytes", "memory.max", ["33554432", "33554432"]),
        ("memory", "memory.soft_limit_in_bytes", "memory.low", ["16777216", "16777216"]),
        ("pids", "pids.max", "pids.max", ["17", "17"]),
        ("cpu", "cpu.shares", "cpu.weight", ["1024", "100"]),
        ("cpu", "cpu.cfs_quota_us", "cpu.max", ["20000", "20000 40000"]),
        ("cpuset", "cpuset.cpus", "cpuset.cpus", ["0", "0"]),
        ("cpuset", "cpuset.mems", "cpuset.mems", ["0", "0"]),
    ] {
        let expected = values[usize::from(rig.on_v2(controller))];
        assert_eq!(rig.read(controller, v1, v2), expected, "{v1} or {v2}");
    }
}

#[test]
fn the_pids_limit_holds() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("pids", r#"{"pids": {"limit": 4}}"#);
    let output = rig.run("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait");
    assert!(!output.status.success(), "eight children fit below a limit of four tasks");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.to_lowercase().contains("fork"), "{text}");
    assert!(rig.read("pids", "pids.events", "pids.events").contains("max "), "the kernel counts the refusal");
    assert!(rig.run("true").status.success(), "one child fits");
}

#[test]
fn half_a_processor_is_half_a_processor() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("cpu", r#"{"cpu": {"quota": 50000, "period": 100000}}"#);
    // Other work on the machine must not take what the quota grants.
    rig.write_above("cpu", ("cpu.shares", "262144"), ("cpu.weight", "10000"));
    let mut busy = [rig.spawn("while :; do :; done"), rig.spawn("while :; do :; done")];
    // The first period may be a whole one that began before.
    std::thread::sleep(Duration::from_millis(300));
    let (start, before) = (Instant::now(), used(&rig));
    std::thread::sleep(Duration::from_secs(3));
    let share = (used(&rig) - before) / start.elapsed().as_secs_f64();
    busy.iter_mut().for_each(|shell| shell.0.kill().unwrap());
    assert!((0.45..0.55).contains(&share), "two busy loops got {share:.3} of a processor");
}

/// Seconds of processor time that the group used.
fn used(rig: &Rig) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "seconds with six digits are enough")]
    let nanoseconds = rig.group().stats().unwrap().cpu.usage.total as f64;
    nanoseconds / 1e9
}

#[test]
fn ten_mebibytes_and_no_swap_end_at_ten_mebibytes() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("oom", r#"{"memory": {"limit": 10485760, "swap": 10485760}}"#);
    let before = rig.group().oom_kills().unwrap();
    // `tail` keeps a line without an end in memory.
    let output = rig.run("exec tail /dev/zero");
    assert_eq!(output.status.signal(), Some(9), "{output:?}");
    assert_eq!(rig.group().oom_kills().unwrap(), before + 1, "and it is reported");
    let stats = rig.group().stats().unwrap();
    assert_eq!(stats.memory.usage.limit, 10 * MIB);
    assert!((9 * MIB..=10 * MIB).contains(&stats.memory.usage.max), "peak {}", stats.memory.usage.max);
    assert!(rig.run("exec head -c 1000000 /dev/zero").status.success(), "what fits still runs");
}

#[test]
fn the_cpuset_holds() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("cpuset", r#"{"cpu": {"cpus": "0"}}"#);
    let output = rig.run("grep Cpus_allowed_list /proc/self/status");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "Cpus_allowed_list:\t0");
}

#[test]
fn devices_are_denied_and_granted() {
    if !require_root() {
        return;
    }
    let rig = Rig::new(
        "devices",
        r#"{"devices": [{"allow": false}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]}"#,
    );
    let dir = tempfile::tempdir().unwrap();
    let node = |name: &str, numbers: &str| {
        let path = dir.path().join(name);
        let made = rig.run(&format!("mknod {} c {numbers}", path.display()));
        assert!(made.status.success(), "any node may be made: {made:?}");
        path.display().to_string()
    };
    let (null, kmsg) = (node("null", "1 3"), node("kmsg", "1 11"));
    for (command, allowed) in [
        (format!("echo x > {null}"), true),
        (format!("exec 3< {kmsg}"), true),
        (format!("exec 3> {kmsg}"), false),
    ] {
        assert_eq!(rig.run(&command).status.success(), allowed, "{command}");
    }
    rig.update(r#"{"devices": [{"allow": false}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "w"}]}"#)
        .unwrap();
    for (command, allowed) in [(format!("exec 3< {kmsg}"), false), (format!("exec 3> {kmsg}"), true)] {
        assert_eq!(rig.run(&command).status.success(), allowed, "after the update: {command}");
    }
}

#[test]
fn limits_go_up_and_down() {
    if !require_root() {
        return;
    }
    let rig = Rig::new(
        "update",
        r#"{"memory": {"limit": 33554432, "swap": 33554432}, "cpu": {"quota": 10000, "period": 20000}}"#,
    );
    let memory = || rig.read("memory", "memory.limit_in_bytes", "memory.max");
    for (limit, swap) in [(64, 64), (16, 16), (32, 128), (128, 128), (8, 16)] {
        let (limit, swap) = (limit * MIB, swap * MIB);
        rig.update(&format!(r#"{{"memory": {{"limit": {limit}, "swap": {swap}}}}}"#)).unwrap();
        assert_eq!(memory(), limit.to_string());
    }
    for (quota, period) in [(100_000, 200_000), (1000, 2000), (300_000, 100_000)] {
        rig.update(&format!(r#"{{"cpu": {{"quota": {quota}, "period": {period}}}}}"#)).unwrap();
        let expected = if rig.on_v2("cpu") { format!("{quota} {period}") } else { quota.to_string() };
        assert_eq!(rig.read("cpu", "cpu.cfs_quota_us", "cpu.max"), expected);
    }
    let error = rig.update(r#"{"cpu": {"quota": 5}}"#).unwrap_err();
    assert!(error.to_string().starts_with("linux.resources.cpu.quota: write("), "{error}");
    assert!(error.cure().unwrap().contains("out of range"));
}

#[test]
fn a_limit_below_the_use_is_refused_when_asked() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("check", r#"{"memory": {"limit": 67108864}}"#);
    let _holder = rig.spawn("x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 100");
    crate::rig::eventually("the process uses memory", || {
        rig.group().stats().unwrap().memory.usage.usage > 8 * MIB
    });
    let error = rig.update(r#"{"memory": {"limit": 4194304, "checkBeforeUpdate": true}}"#).unwrap_err();
    assert!(error.to_string().contains("below the present use"), "{error}");
    assert_eq!(rig.read("memory", "memory.limit_in_bytes", "memory.max"), "67108864");
}
