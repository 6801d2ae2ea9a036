//! Limits, as the container's own cgroup files show them, and as they are felt.

use crate::lab::{Lab, Said, require_root};

/// A limit: its flags, then the file and text on v1 and on v2.
type Case = (&'static [&'static str], (&'static str, &'static str), (&'static str, &'static str));

const CASES: &[Case] = &[
    (&["-m", "64m"], ("memory/memory.limit_in_bytes", "67108864"), ("memory.max", "67108864")),
    (
        &["-m", "64m", "--memory-swap", "100m"],
        ("memory/memory.memsw.limit_in_bytes", "104857600"),
        ("memory.swap.max", "37748736"),
    ),
    (
        &["--memory-reservation", "32m"],
        ("memory/memory.soft_limit_in_bytes", "33554432"),
        ("memory.low", "33554432"),
    ),
    (&["--cpus", "0.5"], ("cpu/cpu.cfs_quota_us", "50000"), ("cpu.max", "50000 100000")),
    (
        &["--cpu-period", "50000", "--cpu-quota", "20000"],
        ("cpu/cpu.cfs_quota_us", "20000"),
        ("cpu.max", "20000 50000"),
    ),
    (&["--cpu-shares", "512"], ("cpu/cpu.shares", "512"), ("cpu.weight", "")),
    (&["--cpuset-cpus", "0"], ("cpuset/cpuset.cpus", "0"), ("cpuset.cpus", "0")),
    (&["--cpuset-mems", "0"], ("cpuset/cpuset.mems", "0"), ("cpuset.mems", "0")),
    (&["--pids-limit", "9"], ("pids/pids.max", "9"), ("pids.max", "9")),
    (&["--pids-limit", "-1"], ("pids/pids.max", "max"), ("pids.max", "max")),
    (&["--memory-swappiness", "10"], ("memory/memory.swappiness", "10"), ("", "")),
    (&["-m", "64m", "--oom-kill-disable"], ("memory/memory.oom_control", "oom_kill_disable 1"), ("", "")),
];

fn is_v2() -> bool {
    std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// Whether this kernel has the file in a cgroup at all: swap accounting and weights are build options.
fn exists_on_this_kernel(file: &str) -> bool {
    std::path::Path::new("/sys/fs/cgroup").join(file).exists() || is_v2()
}

#[test]
fn limits_are_in_the_containers_cgroup() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let mut checked = 0;
    for (flags, v1, v2) in CASES {
        let (file, value) = if is_v2() { v2 } else { v1 };
        if file.is_empty() || !exists_on_this_kernel(file) {
            continue;
        }
        let said = lab.run(flags, &["cat", &format!("/sys/fs/cgroup/{file}")]);
        assert!(said.ok().starts_with(value), "{flags:?}: {file}: {said:?}");
        checked += 1;
    }
    assert!(checked >= 8, "only {checked} limits could be checked");
}

#[test]
fn block_device_throttles() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let Some((path, numbers)) = disk() else {
        println!("skipped: this machine has no block device to throttle");
        return;
    };
    for (flag, v1, amount) in [
        ("--device-read-bps", "blkio.throttle.read_bps_device", "1048576"),
        ("--device-write-bps", "blkio.throttle.write_bps_device", "1048576"),
        ("--device-read-iops", "blkio.throttle.read_iops_device", "100"),
        ("--device-write-iops", "blkio.throttle.write_iops_device", "100"),
    ] {
        let file = if is_v2() { "io.max".to_owned() } else { format!("blkio/{v1}") };
        let said = lab.run(&[flag, &format!("{path}:{amount}")], &["cat", &format!("/sys/fs/cgroup/{file}")]);
        assert!(said.ok().contains(&numbers) && said.out.contains(amount), "{flag}: {said:?}");
    }
}

/// The first whole disk: its node and its numbers.
fn disk() -> Option<(String, String)> {
    let mut names: Vec<_> = std::fs::read_dir("/sys/block")
        .ok()?
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let name = names
        .into_iter()
        .find(|name| ["vd", "sd", "nvme", "xvd"].iter().any(|prefix| name.starts_with(prefix)))?;
    let numbers = std::fs::read_to_string(format!("/sys/block/{name}/dev")).ok()?.trim().to_owned();
    let path = format!("/dev/{name}");
    std::path::Path::new(&path).exists().then_some((path, numbers))
}

#[test]
fn ten_mebibytes_are_ten_mebibytes() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    // The shell itself is what grows: process 1 is what the kernel kills.
    let said = lab.sh(&["-m", "10m", "--memory-swap", "10m"], "x=$(yes | head -c 60000000); echo survived");
    assert_eq!(said.code, 137, "{said:?}");
    assert!(!said.out.contains("survived"));
    assert!(said.err.contains("memory limit") && said.err.contains("--memory"), "{said:?}");
    let said = lab.sh(&["-m", "100m", "--memory-swap", "100m"], "x=$(yes | head -c 5000000); echo survived");
    assert_eq!(said.ok(), "survived");
    let other = lab.sh(&["-m", "100m"], "exit 137");
    assert!(other.code == 137 && !other.err.contains("memory"), "{other:?}");
}

#[test]
fn a_limit_of_tasks_holds() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let said: Said = lab.sh(&["--pids-limit", "5"], "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo all");
    assert_ne!(said.out, "all\n", "{said:?}");
    assert!(said.err.contains("fork"), "{said:?}");
}

#[test]
fn half_a_cpu_is_half_a_cpu() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    // What is less than a half is the machine being busy with other tests; more is never right.
    let shares = std::iter::repeat_with(|| share_of_a_cpu(&lab)).take(5);
    let enough = shares.inspect(|share| assert!(*share < 0.58, "{share} of a CPU")).any(|share| share > 0.3);
    assert!(enough, "never a third of a CPU");
}

/// What a busy loop under `--cpus 0.5` gets of a CPU's time.
fn share_of_a_cpu(lab: &Lab) -> f64 {
    let script = r#"
        used() {
            awk '{ printf "%d\n", $1 / 1000 }' /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null ||
                awk '/^usage_usec/ { print $2 }' /sys/fs/cgroup/cpu.stat
        }
        before=$(used); read start _ </proc/uptime
        timeout 2 sh -c 'while :; do :; done' 2>/dev/null
        after=$(used); read end _ </proc/uptime
        echo $before $after $start $end"#;
    let said = lab.sh(&["--cpus", "0.5"], script);
    let words = said.ok().split_whitespace().map(|word| word.parse().unwrap()).collect::<Vec<f64>>();
    let [before, after, start, end] = words[..] else { panic!("{said:?}") };
    (after - before) / 1e6 / (end - start)
}

#[test]
fn nonsense_is_refused_with_the_flags_name() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for (flags, words) in [
        (&["-m", "lots"][..], &["memory", "lots"][..]),
        (&["-m", "1k"], &["memory"]),
        (&["--cpus", "-1"], &["--cpus"]),
        (&["--cpus", "1000"], &["range of CPUs"]),
        (&["--cpuset-cpus", "4096"], &["4096"]),
        (&["-m", "64m", "--memory-swap", "32m"], &["swap"]),
        (&["--cpus", "1", "--cpu-quota", "1000"], &["cpus"]),
    ] {
        lab.run(flags, &["true"]).fails(125, words);
    }
}
