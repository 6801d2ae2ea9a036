//! Capabilities, limits, priorities: what the process may and how much.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::case::Level::Must;
use crate::case::{Case, Outcome, Verdict, case, check, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "capabilities::bounding",
        "config.md#linux-process",
        Must,
        "`bounding` is the bounding set, exactly",
        bounding,
    ),
    case(
        "capabilities::root",
        "config.md#linux-process",
        Must,
        "`permitted`, `effective` and `inheritable` are the process's sets",
        root_sets,
    ),
    case(
        "capabilities::ambient",
        "config.md#linux-process",
        Must,
        "`ambient` capabilities survive the exec of an unprivileged user's program",
        ambient,
    ),
    case(
        "capabilities::user_without_ambient",
        "config.md#linux-process",
        Must,
        "an unprivileged user without ambient capabilities has none",
        user_without_ambient,
    ),
    case(
        "capabilities::empty",
        "config.md#linux-process",
        Must,
        "empty sets leave no capability, not even in the bounding set",
        empty,
    ),
    case(
        "capabilities::take_effect",
        "config.md#linux-process",
        Must,
        "what is not granted is refused by the kernel",
        take_effect,
    ),
    case(
        "capabilities::all_names",
        "config.md#linux-process",
        Must,
        "every name of capabilities(7) up to CAP_CHECKPOINT_RESTORE is recognized",
        all_names,
    ),
    case(
        "capabilities::unknown_name",
        "config.md#linux-process",
        Must,
        "an unknown name is warned about or refused, never silently ignored",
        unknown_name,
    ),
    case(
        "no_new_privs::on",
        "config.md#linux-process",
        Must,
        "`noNewPrivileges: true` sets no_new_privs",
        |lab| no_new_privs(lab, json!(true), "1"),
    ),
    case("no_new_privs::off", "config.md#linux-process", Must, "`noNewPrivileges: false` does not", |lab| {
        no_new_privs(lab, json!(false), "0")
    }),
    case(
        "rlimits::every_type",
        "config.md#posix-process",
        Must,
        "soft and hard limit of each of the other 15 types are those configured",
        every_rlimit,
    ),
    case(
        "rlimits::nofile",
        "config.md#posix-process",
        Must,
        "also of RLIMIT_NOFILE, which runtimes change for themselves",
        nofile,
    ),
    case(
        "rlimits::duplicate",
        "config.md#posix-process",
        Must,
        "two entries of one type are an error",
        duplicate_rlimit,
    ),
    case(
        "rlimits::unknown",
        "config.md#posix-process",
        Must,
        "a type that the kernel does not know is an error",
        unknown_rlimit,
    ),
    case(
        "oom_score_adj::set",
        "config.md#linux-process",
        Must,
        "`oomScoreAdj` is the process's oom_score_adj",
        oom_score_adj,
    ),
    case(
        "oom_score_adj::unset",
        "config.md#linux-process",
        Must,
        "without `oomScoreAdj` the value is not changed",
        oom_score_adj_unset,
    ),
    case(
        "scheduler::batch",
        "config.md#linux-process",
        Must,
        "`scheduler` sets policy and nice value: SCHED_BATCH",
        |lab| scheduler(lab, &json!({"policy": "SCHED_BATCH", "nice": 7}), "3", "7"),
    ),
    case(
        "scheduler::idle",
        "config.md#linux-process",
        Must,
        "`scheduler` sets the policy: SCHED_IDLE",
        |lab| scheduler(lab, &json!({"policy": "SCHED_IDLE"}), "5", "0"),
    ),
    case(
        "scheduler::fifo",
        "config.md#linux-process",
        Must,
        "`scheduler` sets policy and static priority: SCHED_FIFO",
        scheduler_fifo,
    ),
    case(
        "scheduler::unknown",
        "config.md#valid-values",
        Must,
        "an unknown policy is an error",
        scheduler_unknown,
    ),
    case(
        "io_priority::class_and_level",
        "config.md#linux-process",
        Must,
        "`ioPriority` sets class and level",
        io_priority,
    ),
    case(
        "io_priority::unknown_class",
        "config.md#valid-values",
        Must,
        "an unknown class is an error",
        io_priority_unknown,
    ),
    case(
        "lsm::apparmor",
        "config.md#linux-process",
        Must,
        "an AppArmor profile that cannot be applied is an error",
        |lab| label(lab, "/process/apparmorProfile", "no-such-profile"),
    ),
    case(
        "lsm::selinux",
        "config.md#linux-process",
        Must,
        "an SELinux label that cannot be applied is an error",
        |lab| label(lab, "/process/selinuxLabel", "system_u:system_r:no_such_t:s0"),
    ),
    case(
        "lsm::mount_label",
        "config-linux.md#mount-label",
        Must,
        "a mount label that cannot be applied is an error",
        |lab| label(lab, "/linux/mountLabel", "system_u:object_r:no_such_t:s0"),
    ),
];

const SETS: &[&str] = &["bounding", "effective", "inheritable", "permitted", "ambient"];

fn with_sets(lab: &Lab, sets: &Value) -> Verdict<(Bundle, BTreeMap<String, u64>)> {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/capabilities", sets.clone());
    masks(lab, bundle)
}

fn masks(lab: &Lab, mut bundle: Bundle) -> Verdict<(Bundle, BTreeMap<String, u64>)> {
    let report = lab.probe(&mut bundle, &["status"])?;
    let mask = |key: &str| {
        u64::from_str_radix(report["status"][key].as_str().unwrap_or_default(), 16).unwrap_or(u64::MAX)
    };
    let found = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|key| (key.to_owned(), mask(key)));
    Ok((bundle, BTreeMap::from(found)))
}

const CHOWN: u64 = 1;
const KILL: u64 = 1 << 5;
const BIND: u64 = 1 << 10;

fn bounding(lab: &Lab) -> Verdict {
    let (_, masks) = with_sets(
        lab,
        &json!({"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]}),
    )?;
    same("CapBnd", masks["CapBnd"], CHOWN | KILL)
}

fn root_sets(lab: &Lab) -> Verdict {
    let names = json!(["CAP_CHOWN", "CAP_KILL"]);
    let (_, masks) = with_sets(
        lab,
        &json!({"bounding": names, "permitted": names, "effective": names, "inheritable": ["CAP_KILL"]}),
    )?;
    for set in ["CapPrm", "CapEff"] {
        same(set, masks[set], CHOWN | KILL)?;
    }
    same("CapInh", masks["CapInh"], KILL)?;
    same("CapAmb", masks["CapAmb"], 0)
}

fn ambient(lab: &Lab) -> Verdict {
    let names = json!(["CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    let sets: BTreeMap<&str, Value> = SETS
        .iter()
        .map(|set| (*set, if *set == "ambient" { json!(["CAP_NET_BIND_SERVICE"]) } else { names.clone() }))
        .collect();
    let mut bundle = lab.bundle()?;
    bundle.set("/process/capabilities", json!(sets)).set("/process/user", json!({"uid": 1000, "gid": 1000}));
    let (_, masks) = masks(lab, bundle)?;
    same("CapAmb", masks["CapAmb"], BIND)?;
    same("CapPrm", masks["CapPrm"], BIND)?;
    same("CapEff", masks["CapEff"], BIND)?;
    same("CapBnd", masks["CapBnd"], KILL | BIND)
}

fn user_without_ambient(lab: &Lab) -> Verdict {
    let names = json!(["CAP_KILL"]);
    let mut bundle = lab.bundle()?;
    bundle.set("/process/capabilities", json!({"bounding": names, "permitted": names, "effective": names}));
    bundle.set("/process/user", json!({"uid": 1000, "gid": 1000}));
    let (_, masks) = masks(lab, bundle)?;
    same("effective and permitted", masks["CapEff"] | masks["CapPrm"], 0)
}

fn empty(lab: &Lab) -> Verdict {
    let none: BTreeMap<&str, Value> = SETS.iter().map(|set| (*set, json!([]))).collect();
    let (_, masks) = with_sets(lab, &json!(none))?;
    check(masks.values().all(|mask| *mask == 0), || format!("{masks:x?}"))
}

fn take_effect(lab: &Lab) -> Verdict {
    let names = json!(["CAP_SYS_ADMIN"]);
    for (sets, want) in [
        (json!({}), json!({"error": "EPERM"})),
        (json!({"bounding": names, "permitted": names, "effective": names}), json!(true)),
    ] {
        let mut bundle = lab.bundle_named(if want == true { "with" } else { "without" })?;
        bundle.set("/process/capabilities", sets);
        let report = lab.probe(&mut bundle, &["hostname=changed"])?;
        same("sethostname", &report["hostname=changed"], &want)?;
    }
    Ok(())
}

const NAMES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

fn all_names(lab: &Lab) -> Verdict {
    let status = fs::read_to_string("/proc/self/status")?;
    let own = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:\t"))
        .and_then(|mask| u64::from_str_radix(mask, 16).ok());
    let own = own.unwrap_or_default();
    // One that this host has not cannot be granted; the others must be, bit by bit.
    let held: Vec<String> = NAMES
        .iter()
        .enumerate()
        .filter(|(bit, _)| own >> bit & 1 == 1)
        .map(|(_, name)| format!("CAP_{name}"))
        .collect();
    let (_, masks) = with_sets(lab, &json!({"bounding": held, "permitted": held, "effective": held}))?;
    same("CapBnd", masks["CapBnd"], own & ((1 << NAMES.len()) - 1))
}

fn unknown_name(lab: &Lab) -> Verdict {
    lab.control()?;
    let mut bundle = lab.bundle()?;
    bundle.push("/process/capabilities/bounding", json!("CAP_NO_SUCH")).probe(&[]);
    let done = lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
    check(done.err.contains("CAP_NO_SUCH") || done.code != 0, || {
        format!("exit status {}, and no word of CAP_NO_SUCH", done.code)
    })
}

fn no_new_privs(lab: &Lab, value: Value, want: &str) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/noNewPrivileges", value);
    same("NoNewPrivs", &lab.probe(&mut bundle, &["status"])?["status"]["NoNewPrivs"], &json!(want))
}

/// (type, name in /proc/self/limits, soft, hard): below what any host grants.
const RLIMITS: &[(&str, &str, u64, u64)] = &[
    ("RLIMIT_AS", "Max address space", 1 << 40, 1 << 41),
    ("RLIMIT_CORE", "Max core file size", 0, 4096),
    ("RLIMIT_CPU", "Max cpu time", 1000, 2000),
    ("RLIMIT_DATA", "Max data size", 1 << 33, 1 << 34),
    ("RLIMIT_FSIZE", "Max file size", 1 << 30, 1 << 31),
    ("RLIMIT_LOCKS", "Max file locks", 100, 200),
    ("RLIMIT_MEMLOCK", "Max locked memory", 4096, 8192),
    ("RLIMIT_MSGQUEUE", "Max msgqueue size", 4096, 8192),
    ("RLIMIT_NICE", "Max nice priority", 0, 0),
    ("RLIMIT_NPROC", "Max processes", 1000, 2000),
    ("RLIMIT_RSS", "Max resident set", 1 << 30, 1 << 31),
    ("RLIMIT_RTPRIO", "Max realtime priority", 0, 0),
    ("RLIMIT_RTTIME", "Max realtime timeout", 1000, 2000),
    ("RLIMIT_SIGPENDING", "Max pending signals", 100, 200),
    ("RLIMIT_STACK", "Max stack size", 8 << 20, 16 << 20),
];

fn every_rlimit(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    for (kind, _, soft, hard) in RLIMITS {
        bundle.push("/process/rlimits", json!({"type": kind, "soft": soft, "hard": hard}));
    }
    let report = lab.probe(&mut bundle, &["limits"])?;
    for (kind, name, soft, hard) in RLIMITS {
        same(kind, &report["limits"][name], &json!([soft.to_string(), hard.to_string()]))?;
    }
    Ok(())
}

fn nofile(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.push("/process/rlimits", json!({"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}));
    same("limit", &lab.probe(&mut bundle, &["limits"])?["limits"]["Max open files"], &json!(["100", "200"]))
}

fn duplicate_rlimit(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    for soft in [10, 20] {
        bundle.push("/process/rlimits", json!({"type": "RLIMIT_NOFILE", "soft": soft, "hard": 100}));
    }
    lab.create_refused("there are two RLIMIT_NOFILE", &bundle).map(drop)
}

fn unknown_rlimit(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.push("/process/rlimits", json!({"type": "RLIMIT_NO_SUCH", "soft": 1, "hard": 1}));
    lab.create_refused("the type does not exist", &bundle).map(drop)
}

fn oom_score_adj(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/oomScoreAdj", json!(517));
    let report = lab.probe(&mut bundle, &["read=/proc/self/oom_score_adj"])?;
    same("oom_score_adj", &report["read=/proc/self/oom_score_adj"], &json!("517\n"))
}

fn oom_score_adj_unset(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["read=/proc/self/oom_score_adj"])?;
    same(
        "oom_score_adj",
        &report["read=/proc/self/oom_score_adj"],
        &json!(fs::read_to_string("/proc/self/oom_score_adj")?),
    )
}

fn scheduler(lab: &Lab, value: &Value, policy: &str, nice: &str) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/scheduler", value.clone());
    let report = lab.probe(&mut bundle, &["stat"])?;
    same("policy", &report["stat"]["policy"], &json!(policy))?;
    same("nice", &report["stat"]["nice"], &json!(nice))
}

fn scheduler_fifo(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/resources/cpu", super::resources::realtime_budget()?);
    bundle.set("/process/scheduler", json!({"policy": "SCHED_FIFO", "priority": 12}));
    let report = lab.probe(&mut bundle, &["stat"])?;
    same("policy", &report["stat"]["policy"], &json!("1"))?;
    same("priority", &report["stat"]["rt_priority"], &json!("12"))
}

fn scheduler_unknown(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/scheduler", json!({"policy": "SCHED_NO_SUCH"}));
    refused_somewhere(lab, "the policy does not exist", &bundle)
}

/// A process property may be applied, and refused, at create or at start.
fn refused_somewhere(lab: &Lab, why: &str, bundle: &Bundle) -> Verdict {
    lab.refused(why, &["run", "--bundle", &bundle.write()?, &lab.id]).map(drop)
}

fn io_priority(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    if !bundle.root("/bin/busybox").exists() {
        return Err(Outcome::Skip("needs /bin/busybox (Debian: busybox-static)".to_owned()));
    }
    for (class, name) in [("IOPRIO_CLASS_BE", "best-effort: prio 6"), ("IOPRIO_CLASS_IDLE", "idle")] {
        bundle.set("/process/ioPriority", json!({"class": class, "priority": 6}));
        bundle.set("/process/args", json!(["/bin/busybox", "ionice", "-p", "1"]));
        let done = lab.ok(&["run", "--bundle", &bundle.write()?, &lab.id])?;
        check(done.out.trim().starts_with(name), || format!("{class}: got {:?}", done.out.trim()))?;
    }
    Ok(())
}

fn io_priority_unknown(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/ioPriority", json!({"class": "IOPRIO_CLASS_NO_SUCH", "priority": 1}));
    refused_somewhere(lab, "the class does not exist", &bundle)
}

fn label(lab: &Lab, pointer: &str, value: &str) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set(pointer, json!(value));
    refused_somewhere(lab, "the label does not exist on this host", &bundle)
}
