//! `linux.resources`: each value in its control file, on both cgroup versions.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::case::Level::{Cli, Must, Should};
use crate::case::{Case, Outcome, Verdict, case, check, fail, same};
use crate::host::{self, CgroupMode};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case("memory::limit", "config-linux.md#memory", Must, "`limit`", |lab| one(lab, &MEMORY_LIMIT)),
    case("memory::reservation", "config-linux.md#memory", Must, "`reservation`", |lab| {
        one(
            lab,
            &File {
                json: r#"{"memory": {"reservation": 33554432}}"#,
                v1: ("memory", "memory.soft_limit_in_bytes", "33554432"),
                v2: ("memory.low", "33554432"),
            },
        )
    }),
    case("memory::swap", "config-linux.md#memory", Must, "`swap` is memory and swap together", |lab| {
        one(
            lab,
            &File {
                json: r#"{"memory": {"limit": 67108864, "swap": 134217728}}"#,
                v1: ("memory", "memory.memsw.limit_in_bytes", "134217728"),
                v2: ("memory.swap.max", "67108864"),
            },
        )
    }),
    case("memory::unlimited", "config-linux.md#memory", Must, "-1 is unlimited", |lab| {
        one(
            lab,
            &File {
                json: r#"{"memory": {"limit": -1}}"#,
                v1: ("memory", "memory.limit_in_bytes", "9223372036854771712"),
                v2: ("memory.max", "max"),
            },
        )
    }),
    case("memory::swappiness", "config-linux.md#memory", Must, "`swappiness` (v1)", |lab| {
        one(
            lab,
            &File {
                json: r#"{"memory": {"swappiness": 37}}"#,
                v1: ("memory", "memory.swappiness", "37"),
                v2: NONE,
            },
        )
    }),
    case("memory::disable_oom_killer", "config-linux.md#memory", Must, "`disableOOMKiller` (v1)", |lab| {
        one(
            lab,
            &File {
                json: r#"{"memory": {"disableOOMKiller": true}}"#,
                v1: ("memory", "memory.oom_control", "oom_kill_disable 1"),
                v2: NONE,
            },
        )
    }),
    case(
        "memory::kernel_is_no_error",
        "config-linux.md#memory",
        Should,
        "`kernel`, which kernels no longer have, does not fail the container",
        kernel_memory,
    ),
    case(
        "memory::out_of_memory",
        "config-linux.md#memory",
        Must,
        "what exceeds the limit is killed",
        out_of_memory,
    ),
    case("cpu::shares", "config-linux.md#cpu", Must, "`shares` (v2: a weight)", shares),
    case("cpu::quota_and_period", "config-linux.md#cpu", Must, "`quota` and `period`: the quota", |lab| {
        one(
            lab,
            &File { json: CPU, v1: ("cpu", "cpu.cfs_quota_us", "20000"), v2: ("cpu.max", "20000 50000") },
        )
    }),
    case("cpu::period", "config-linux.md#cpu", Must, "`quota` and `period`: the period", |lab| {
        one(
            lab,
            &File { json: CPU, v1: ("cpu", "cpu.cfs_period_us", "50000"), v2: ("cpu.max", "20000 50000") },
        )
    }),
    case("cpu::burst", "config-linux.md#cpu", Must, "`burst`", |lab| {
        one(
            lab,
            &File {
                json: r#"{"cpu": {"quota": 20000, "period": 50000, "burst": 10000}}"#,
                v1: ("cpu", "cpu.cfs_burst_us", "10000"),
                v2: ("cpu.max.burst", "10000"),
            },
        )
    }),
    case("cpu::idle", "config-linux.md#cpu", Must, "`idle`", |lab| {
        one(
            lab,
            &File { json: r#"{"cpu": {"idle": 1}}"#, v1: ("cpu", "cpu.idle", "1"), v2: ("cpu.idle", "1") },
        )
    }),
    case(
        "cpu::realtime",
        "config-linux.md#cpu",
        Must,
        "`realtimeRuntime` and `realtimePeriod` (v1)",
        realtime,
    ),
    case("cpu::cpus", "config-linux.md#cpu", Must, "`cpus`", |lab| {
        one(
            lab,
            &File {
                json: r#"{"cpu": {"cpus": "0"}}"#,
                v1: ("cpuset", "cpuset.cpus", "0"),
                v2: ("cpuset.cpus", "0"),
            },
        )
    }),
    case("cpu::mems", "config-linux.md#cpu", Must, "`mems`", |lab| {
        one(
            lab,
            &File {
                json: r#"{"cpu": {"mems": "0"}}"#,
                v1: ("cpuset", "cpuset.mems", "0"),
                v2: ("cpuset.mems", "0"),
            },
        )
    }),
    case("cpu::affinity", "config-linux.md#cpu", Must, "the process can only run on `cpus`", affinity),
    case("pids::limit", "config-linux.md#pids", Must, "`limit`", |lab| one(lab, &PIDS_LIMIT)),
    case("pids::unlimited", "config-linux.md#pids", Must, "-1 is no limit", |lab| {
        one(
            lab,
            &File {
                json: r#"{"pids": {"limit": -1}}"#,
                v1: ("pids", "pids.max", "max"),
                v2: ("pids.max", "max"),
            },
        )
    }),
    case(
        "pids::holds",
        "config-linux.md#pids",
        Must,
        "more tasks than the limit cannot be started",
        pids_hold,
    ),
    case("block_io::weight", "config-linux.md#block-io", Must, "`weight`", |lab| {
        one(
            lab,
            &File {
                json: r#"{"blockIO": {"weight": 250}}"#,
                v1: ("blkio", "blkio.bfq.weight", "250"),
                v2: ("io.bfq.weight", "250"),
            },
        )
    }),
    case("block_io::throttle", "config-linux.md#block-io", Must, "the four throttles of a device", throttle),
    case(
        "hugepages::limit",
        "config-linux.md#huge-page-limits",
        Must,
        "`hugepageLimits` of a page size",
        |lab| {
            one(
                lab,
                &File {
                    json: r#"{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}"#,
                    v1: ("hugetlb", "hugetlb.2MB.limit_in_bytes", "4194304"),
                    v2: ("hugetlb.2MB.max", "4194304"),
                },
            )
        },
    ),
    case(
        "hugepages::unknown_size",
        "config-linux.md#huge-page-limits",
        Must,
        "a page size that is not there is an error",
        hugepages_unknown,
    ),
    case("network::class_id", "config-linux.md#network", Must, "`classID` (v1)", |lab| {
        one(
            lab,
            &File {
                json: r#"{"network": {"classID": 1048577}}"#,
                v1: ("net_cls", "net_cls.classid", "1048577"),
                v2: NONE,
            },
        )
    }),
    case(
        "unified::written",
        "config-linux.md#unified",
        Must,
        "(v2) `unified` values are written as they are",
        |lab| {
            one(
                lab,
                &File {
                    json: r#"{"unified": {"memory.high": "50331648"}}"#,
                    v1: NONE_V1,
                    v2: ("memory.high", "50331648"),
                },
            )
        },
    ),
    case(
        "unified::unknown_controller",
        "config-linux.md#unified",
        Must,
        "(v2) a controller that is not there is an error",
        unified_unknown,
    ),
    case(
        "resources::invalid_value",
        "runtime.md#create",
        Must,
        "a value that the kernel refuses is an error",
        invalid_value,
    ),
    case(
        "update::options",
        "runc.8#update",
        Cli,
        "`update --memory`, `--pids-limit`, `--cpu-quota` change a running container",
        update_options,
    ),
    case(
        "update::resources",
        "runc.8#update",
        Cli,
        "`update --resources FILE` takes the specification's resources",
        update_resources,
    ),
];

/// A property and where it must show; a `NONE` place has no counterpart there.
struct File {
    json: &'static str,
    v1: (&'static str, &'static str, &'static str),
    v2: (&'static str, &'static str),
}

const NONE: (&str, &str) = ("", "");
const NONE_V1: (&str, &str, &str) = ("", "", "");
const CPU: &str = r#"{"cpu": {"quota": 20000, "period": 50000}}"#;
const MEMORY_LIMIT: File = File {
    json: r#"{"memory": {"limit": 67108864}}"#,
    v1: ("memory", "memory.limit_in_bytes", "67108864"),
    v2: ("memory.max", "67108864"),
};
const PIDS_LIMIT: File =
    File { json: r#"{"pids": {"limit": 77}}"#, v1: ("pids", "pids.max", "77"), v2: ("pids.max", "77") };

/// The container's directory in the hierarchy of a controller; `n/a` when this host has no such controller.
fn directory(lab: &Lab, controller: &str) -> Verdict<PathBuf> {
    let point = match host::cgroup_mode() {
        CgroupMode::V1 => host::controller(controller),
        CgroupMode::V2 => Some(PathBuf::from("/sys/fs/cgroup")),
    };
    let Some(point) = point else {
        return Err(Outcome::NotApplicable(format!("this host has no {controller} controller on v1")));
    };
    Ok(point.join(lab.cgroup().trim_start_matches('/')))
}

/// The file of a property on this host, and the value that it must have.
fn place<'a>(lab: &Lab, file: &'a File) -> Verdict<(PathBuf, &'a str)> {
    let (controller, name, want) = match host::cgroup_mode() {
        CgroupMode::V1 => file.v1,
        CgroupMode::V2 => ("", file.v2.0, file.v2.1),
    };
    if name.is_empty() {
        return Err(Outcome::NotApplicable(format!("no such property on cgroup {:?}", host::cgroup_mode())));
    }
    Ok((directory(lab, controller)?.join(name), want))
}

/// Whether this kernel has the file: asked of a cgroup of the test's own, for the roots lack many.
fn kernel_has(path: &std::path::Path) -> Verdict {
    let trial = path.parent().map(|dir| dir.with_extension("trial")).unwrap_or_default();
    fs::create_dir_all(&trial)?;
    let there = trial.join(path.file_name().unwrap_or_default()).exists();
    fs::remove_dir(&trial)?;
    if there {
        Ok(())
    } else {
        Err(Outcome::NotApplicable(format!(
            "this kernel has no {}",
            path.file_name().unwrap_or_default().display()
        )))
    }
}

fn with(lab: &Lab, resources: &str) -> Verdict<crate::bundle::Bundle> {
    let resources: Value = serde_json::from_str(resources)?;
    let mut bundle = lab.bundle()?;
    for (key, value) in resources.as_object().into_iter().flatten() {
        bundle.set(&format!("/linux/resources/{key}"), value.clone());
    }
    Ok(bundle)
}

fn one(lab: &Lab, file: &File) -> Verdict {
    let (path, want) = place(lab, file)?;
    kernel_has(&path)?;
    lab.create(&with(lab, file.json)?)?;
    let text =
        fs::read_to_string(&path).map_err(|error| Outcome::Fail(format!("{}: {error}", path.display())))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Files such as memory.oom_control and io.bfq.weight have a line for each of several values.
    check(text.lines().any(|line| line == want || line == format!("default {want}")), || {
        format!("{name} is {:?}, want {want:?}", text.trim())
    })
}

fn kernel_memory(lab: &Lab) -> Verdict {
    lab.create(&with(lab, r#"{"memory": {"limit": 67108864, "kernel": 33554432}}"#)?)?;
    same("limit", current(lab, &MEMORY_LIMIT)?.as_str(), "67108864")
}

fn out_of_memory(lab: &Lab) -> Verdict {
    let mut bundle = with(lab, r#"{"memory": {"limit": 20971520, "swap": 20971520}}"#)?;
    bundle.mount("/data", "tmpfs", "tmpfs", &["size=1g"]);
    // 64 MiB into a tmpfs that is charged to the container's cgroup.
    bundle.set(
        "/process/args",
        json!(["/bin/busybox", "dd", "if=/dev/zero", "of=/data/big", "bs=1M", "count=64"]),
    );
    if !bundle.root("/bin/busybox").exists() {
        return Err(Outcome::Skip("needs /bin/busybox (Debian: busybox-static)".to_owned()));
    }
    let done = lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
    same("exit status", done.code, 128 + 9)
}

fn shares(lab: &Lab) -> Verdict {
    lab.create(&with(lab, r#"{"cpu": {"shares": 512}}"#)?)?;
    let dir = directory(lab, "cpu")?;
    if host::cgroup_mode() == CgroupMode::V1 {
        return same("cpu.shares", fs::read_to_string(dir.join("cpu.shares"))?.trim(), "512");
    }
    // The text names no formula: half of the default share must be less than the default weight of 100.
    let weight: u32 = fs::read_to_string(dir.join("cpu.weight"))?.trim().parse()?;
    check((1..100).contains(&weight), || format!("cpu.weight is {weight}"))
}

/// Gives the suite's parent cgroup real-time budget to hand on: a kernel with group scheduling gives new groups none.
/// Returns the resources that a container then needs to have some.
pub(super) fn realtime_budget() -> Verdict<Value> {
    let parent =
        host::controller("cpu").map(|point| point.join(crate::lab::cgroup_parent().trim_start_matches('/')));
    let Some(parent) = parent else { return Ok(json!({})) };
    fs::create_dir_all(&parent)?;
    if !parent.join("cpu.rt_runtime_us").exists() {
        return Ok(json!({}));
    }
    fs::write(parent.join("cpu.rt_runtime_us"), "50000")?;
    Ok(json!({"realtimePeriod": 500_000, "realtimeRuntime": 2000}))
}

fn realtime(lab: &Lab) -> Verdict {
    let cpu = realtime_budget()?;
    if cpu == json!({}) {
        return Err(Outcome::NotApplicable(
            "this kernel has no real-time group scheduling, or it is on cgroup v2".to_owned(),
        ));
    }
    let mut bundle = lab.bundle()?;
    lab.create(bundle.set("/linux/resources/cpu", cpu))?;
    let dir = directory(lab, "cpu")?;
    same("period", fs::read_to_string(dir.join("cpu.rt_period_us"))?.trim(), "500000")?;
    same("runtime", fs::read_to_string(dir.join("cpu.rt_runtime_us"))?.trim(), "2000")
}

fn affinity(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut with(lab, r#"{"cpu": {"cpus": "0"}}"#)?, &["cpus"])?;
    same("CPUs", &report["cpus"], &json!([0]))
}

fn pids_hold(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut with(lab, r#"{"pids": {"limit": 1}}"#)?, &["spawn=/probe"])?;
    same("a second process", &report["spawn=/probe"]["error"], &json!("EAGAIN"))
}

/// The whole disk that holds the root filesystem: (major, minor).
fn disk() -> Verdict<(u32, u32)> {
    for entry in fs::read_dir("/sys/block")? {
        let path = entry?.path();
        let real = path.join("device").exists();
        if let Some((major, minor)) =
            fs::read_to_string(path.join("dev"))?.trim().split_once(':').filter(|_| real)
        {
            return Ok((major.parse()?, minor.parse()?));
        }
    }
    Err(Outcome::Skip("needs a block device to be throttled".to_owned()))
}

fn throttle(lab: &Lab) -> Verdict {
    let (major, minor) = disk()?;
    let mut bundle = lab.bundle()?;
    let rates = [
        ("throttleReadBpsDevice", 1_048_576),
        ("throttleWriteBpsDevice", 2_097_152),
        ("throttleReadIOPSDevice", 300),
        ("throttleWriteIOPSDevice", 400),
    ];
    for (name, rate) in rates {
        bundle.set(
            &format!("/linux/resources/blockIO/{name}"),
            json!([{"major": major, "minor": minor, "rate": rate}]),
        );
    }
    lab.create(&bundle)?;
    let dir = directory(lab, "blkio")?;
    if host::cgroup_mode() == CgroupMode::V2 {
        let text = fs::read_to_string(dir.join("io.max"))?;
        return check(text.contains("rbps=1048576 wbps=2097152 riops=300 wiops=400"), || {
            format!("io.max is {text:?}")
        });
    }
    let files = ["read_bps_device", "write_bps_device", "read_iops_device", "write_iops_device"];
    for (file, (_, rate)) in files.iter().zip(rates) {
        let text = fs::read_to_string(dir.join(format!("blkio.throttle.{file}")))?;
        same(file, text.trim(), format!("{major}:{minor} {rate}").as_str())?;
    }
    Ok(())
}

fn hugepages_unknown(lab: &Lab) -> Verdict {
    lab.create_refused(
        "there are no pages of 3MB",
        &with(lab, r#"{"hugepageLimits": [{"pageSize": "3MB", "limit": 3145728}]}"#)?,
    )
    .map(drop)
}

fn unified_unknown(lab: &Lab) -> Verdict {
    if host::cgroup_mode() == CgroupMode::V1 {
        return Err(Outcome::NotApplicable("this host's controllers are on cgroup v1".to_owned()));
    }
    lab.create_refused(
        "there is no such controller",
        &with(lab, r#"{"unified": {"nosuchcontroller.max": "1"}}"#)?,
    )
    .map(drop)
}

fn invalid_value(lab: &Lab) -> Verdict {
    lab.create_refused("there is no CPU 4095", &with(lab, r#"{"cpu": {"cpus": "4095"}}"#)?).map(drop)
}

fn current(lab: &Lab, file: &File) -> Verdict<String> {
    let (path, _) = place(lab, file)?;
    Ok(fs::read_to_string(path)?.trim().to_owned())
}

fn update_options(lab: &Lab) -> Verdict {
    lab.idle(&mut with(lab, r#"{"memory": {"limit": 268435456}, "pids": {"limit": 1000}}"#)?)?;
    lab.ok(&["update", "--memory", "67108864", "--pids-limit", "77", &lab.id])?;
    same("memory", current(lab, &MEMORY_LIMIT)?.as_str(), "67108864")?;
    same("pids", current(lab, &PIDS_LIMIT)?.as_str(), "77")?;
    lab.ok(&["update", "--cpu-period", "50000", "--cpu-quota", "20000", &lab.id])?;
    let quota = File { json: CPU, v1: ("cpu", "cpu.cfs_quota_us", ""), v2: ("cpu.max", "") };
    let text = current(lab, &quota)?;
    check(text.starts_with("20000"), || format!("quota is {text:?}"))?;
    same("memory afterwards", current(lab, &MEMORY_LIMIT)?.as_str(), "67108864")
}

fn update_resources(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let file = lab.file("resources.json", r#"{"memory": {"limit": 67108864}, "pids": {"limit": 77}}"#)?;
    lab.ok(&["update", "--resources", &file, &lab.id])?;
    same("memory", current(lab, &MEMORY_LIMIT)?.as_str(), "67108864")?;
    same("pids", current(lab, &PIDS_LIMIT)?.as_str(), "77")?;
    if lab.status()? == "running" { Ok(()) } else { fail("the container no longer runs") }
}
