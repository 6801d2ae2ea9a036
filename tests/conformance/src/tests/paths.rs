//! Masked and read-only paths, root propagation, names, sysctls, personality.

use std::fs;

use serde_json::{Value, json};

use crate::case::Level::{Must, Should};
use crate::case::{Case, Verdict, case, check, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "masked_paths::files",
        "config-linux.md#masked-paths",
        Must,
        "a masked file cannot be read",
        masked_file,
    ),
    case(
        "masked_paths::directories",
        "config-linux.md#masked-paths",
        Must,
        "a masked directory shows nothing and takes nothing",
        masked_directory,
    ),
    case(
        "masked_paths::missing",
        "config-linux.md#masked-paths",
        Should,
        "a masked path that does not exist is no error",
        |lab| missing(lab, "/linux/maskedPaths"),
    ),
    case(
        "masked_paths::proc",
        "config-linux.md#masked-paths",
        Must,
        "files of /proc can be masked",
        masked_proc,
    ),
    case(
        "readonly_paths::files_and_directories",
        "config-linux.md#readonly-paths",
        Must,
        "read-only paths can be read, not written",
        readonly,
    ),
    case(
        "readonly_paths::missing",
        "config-linux.md#readonly-paths",
        Should,
        "a read-only path that does not exist is no error",
        |lab| missing(lab, "/linux/readonlyPaths"),
    ),
    case(
        "readonly_paths::proc",
        "config-linux.md#readonly-paths",
        Must,
        "/proc/sys can be made read-only",
        readonly_proc,
    ),
    case(
        "readonly_paths::relative",
        "config-linux.md#readonly-paths",
        Must,
        "masked and read-only paths are absolute",
        relative,
    ),
    case(
        "rootfs_propagation::private",
        "config-linux.md#rootfs-mount-propagation",
        Must,
        "`private`: the root mount has no peers",
        |lab| propagation(lab, "private", ""),
    ),
    case(
        "rootfs_propagation::shared",
        "config-linux.md#rootfs-mount-propagation",
        Must,
        "`shared`: the root mount has a peer group",
        |lab| propagation(lab, "shared", "shared"),
    ),
    case(
        "rootfs_propagation::slave",
        "config-linux.md#rootfs-mount-propagation",
        Must,
        "`slave`: the root mount propagates nothing to the host",
        |lab| propagation(lab, "slave", "!shared"),
    ),
    case(
        "rootfs_propagation::unbindable",
        "config-linux.md#rootfs-mount-propagation",
        Must,
        "`unbindable`: the root mount is unbindable",
        |lab| propagation(lab, "unbindable", "unbindable"),
    ),
    case(
        "rootfs_propagation::the_host_is_untouched",
        "config-linux.md#rootfs-mount-propagation",
        Must,
        "`shared` does not mean shared with the host: the container's mounts do not reach it",
        host_is_untouched,
    ),
    case(
        "hostname::set",
        "config.md#hostname",
        Must,
        "`hostname` is the name in the container, the host keeps its own",
        hostname,
    ),
    case(
        "hostname::domainname",
        "config.md#domainname",
        Must,
        "`domainname` is the domain name in the container",
        domainname,
    ),
    case(
        "hostname::without_namespace",
        "config.md#hostname",
        Must,
        "the host's name is not changed when the uts namespace is shared",
        hostname_without_namespace,
    ),
    case(
        "sysctl::set",
        "config-linux.md#sysctl",
        Must,
        "namespaced kernel parameters are set, with `.` and with `/`",
        sysctl,
    ),
    case(
        "sysctl::unknown",
        "runtime.md#create",
        Must,
        "a parameter that does not exist is an error",
        sysctl_unknown,
    ),
    case(
        "sysctl::not_namespaced",
        "config-linux.md#sysctl",
        Should,
        "a parameter of the host is refused: it would change every container",
        sysctl_not_namespaced,
    ),
    case(
        "personality::linux32",
        "config-linux.md#personality",
        Must,
        "`LINUX32` shows a 32 bit machine to uname",
        personality,
    ),
    case(
        "personality::unknown",
        "config.md#valid-values",
        Must,
        "an unknown domain is an error",
        personality_unknown,
    ),
    case(
        "memory_policy::bind",
        "config-linux.md#memory-policy",
        Must,
        "(1.3) `memoryPolicy` binds the process's memory to nodes",
        memory_policy,
    ),
    case(
        "intel_rdt::without_resctrl",
        "config-linux.md#intelrdt",
        Must,
        "`intelRdt` without a mounted resctrl is an error",
        intel_rdt,
    ),
    case(
        "net_devices::moved",
        "config-linux.md#network-devices",
        Must,
        "(1.3) a network device of the runtime's namespace is moved, renamed and set up",
        net_device,
    ),
];

fn masked_file(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/maskedPaths", json!(["/etc/issue"]));
    let report = lab.probe(&mut bundle, &["read=/etc/issue", "write=/etc/issue:changed"])?;
    let read = &report["read=/etc/issue"];
    check(read == "" || read["error"].is_string(), || format!("read {read}"))?;
    same("the file", fs::read_to_string(bundle.root("/etc/issue"))?.as_str(), "the root filesystem\n")
}

fn masked_directory(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/maskedPaths", json!(["/etc"]));
    let report = lab.probe(&mut bundle, &["list=/etc", "read=/etc/issue", "create=/etc/made"])?;
    same("entries", &report["list=/etc"], &json!([]))?;
    same("a file", &report["read=/etc/issue"]["error"], &json!("ENOENT"))?;
    check(report["create=/etc/made"]["error"].is_string(), || "a file could be made there".to_owned())
}

fn masked_proc(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/maskedPaths", json!(["/proc/keys", "/proc/timer_list", "/proc/acpi", "/proc/scsi"]));
    let report = lab.probe(&mut bundle, &["read=/proc/keys", "read=/proc/timer_list", "list=/proc/scsi"])?;
    for file in ["read=/proc/keys", "read=/proc/timer_list"] {
        let read = &report[file];
        check(read == "" || read["error"].is_string(), || format!("{file}: {read}"))?;
    }
    let list = &report["list=/proc/scsi"];
    check(*list == json!([]) || list["error"].is_string(), || format!("/proc/scsi: {list}"))
}

fn missing(lab: &Lab, pointer: &str) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set(pointer, json!(["/no/such/path", "/proc/no_such_file"]));
    lab.probe(&mut bundle, &[])?;
    check(!bundle.root("/no").exists(), || "the path was made".to_owned())
}

fn readonly(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    fs::write(bundle.root("/data/file"), "content")?;
    bundle.set("/linux/readonlyPaths", json!(["/etc/issue", "/data"]));
    let report = lab.probe(
        &mut bundle,
        &[
            "read=/etc/issue",
            "write=/etc/issue",
            "read=/data/file",
            "write=/data/file",
            "create=/data/made",
            "create=/etc/made",
        ],
    )?;
    same("reading a file", &report["read=/etc/issue"], &json!("the root filesystem\n"))?;
    same("reading below", &report["read=/data/file"], &json!("content"))?;
    for attempt in ["write=/etc/issue", "write=/data/file", "create=/data/made"] {
        same(attempt, &report[attempt]["error"], &json!("EROFS"))?;
    }
    same("beside it", &report["create=/etc/made"], &json!(true))
}

fn readonly_proc(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/readonlyPaths", json!(["/proc/sys", "/proc/irq", "/proc/uptime"]));
    let report = lab.probe(
        &mut bundle,
        &[
            "write=/proc/sys/kernel/hostname:x",
            "vfs=/proc/irq",
            "vfs=/proc/uptime",
            "vfs=/proc",
            "read=/proc/sys/kernel/hostname",
        ],
    )?;
    same("/proc/sys", &report["write=/proc/sys/kernel/hostname:x"]["error"], &json!("EROFS"))?;
    same("/proc/irq", &report["vfs=/proc/irq"]["readonly"], &json!(true))?;
    same("/proc/uptime", &report["vfs=/proc/uptime"]["readonly"], &json!(true))?;
    same("/proc", &report["vfs=/proc"]["readonly"], &json!(false))?;
    same("reading", &report["read=/proc/sys/kernel/hostname"], &json!("conformance\n"))
}

fn relative(lab: &Lab) -> Verdict {
    lab.control()?;
    for pointer in ["/linux/maskedPaths", "/linux/readonlyPaths"] {
        let mut bundle = lab.bundle_named(&pointer.replace('/', "-"))?;
        bundle.set(pointer, json!(["etc/issue"])).probe(&["read=/etc/issue", "write=/etc/issue"]);
        let done = lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
        if done.code == 0 {
            // Refused or taken from the root: only silently ignored it must not be.
            let report = crate::lab::parse(&done)?;
            check(report["write=/etc/issue"]["error"].is_string(), || {
                format!("{pointer} with a relative path was ignored")
            })?;
        }
    }
    Ok(())
}

fn propagation(lab: &Lab, value: &str, want: &str) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/rootfsPropagation", json!(value));
    let report = lab.probe(&mut bundle, &["mounts"])?;
    let root = crate::host::mount_at(&report["mounts"], "/")
        .map(|mount| mount["optional"].clone())
        .unwrap_or_default();
    let words: Vec<&str> = root
        .as_array()
        .map(|fields| fields.iter().filter_map(|field| field.as_str()?.split(':').next()).collect())
        .unwrap_or_default();
    let good = match want.strip_prefix('!') {
        Some(word) => !words.contains(&word),
        None => words.join(" ") == want || (!want.is_empty() && words.contains(&want)),
    };
    check(good, || format!("optional fields of the root mount: {words:?}"))
}

fn host_is_untouched(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let source = lab.folder("source")?;
    let names = json!(["CAP_SYS_ADMIN"]);
    bundle
        .set("/linux/rootfsPropagation", json!("shared"))
        .set("/process/capabilities", json!({"bounding": names, "permitted": names, "effective": names}))
        .mount("/data", "none", &source, &["rbind", "rprivate"])
        .probe(&["mkdir=/data/inner", "mount=tmpfs:/data/inner", "wait"]);
    lab.start(&bundle)?;
    lab.until("the program", || fs::read_to_string(lab.path("out-0")).ok()?.contains("ready").then_some(()))?;
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let ours: Vec<&str> = table.lines().filter(|line| line.contains(&lab.id)).collect();
    check(ours.is_empty(), || format!("the host sees {ours:?}"))
}

fn hostname(lab: &Lab) -> Verdict {
    let before = rustix::system::uname().nodename().to_owned();
    let mut bundle = lab.bundle()?;
    bundle.set("/hostname", json!("of-the-container"));
    same("inside", &lab.probe(&mut bundle, &["uname"])?["uname"]["hostname"], &json!("of-the-container"))?;
    same("on the host", rustix::system::uname().nodename(), before.as_c_str())
}

fn domainname(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/domainname", json!("example.test"));
    same("domain name", &lab.probe(&mut bundle, &["uname"])?["uname"]["domainname"], &json!("example.test"))
}

fn hostname_without_namespace(lab: &Lab) -> Verdict {
    lab.control()?;
    let before = rustix::system::uname().nodename().to_owned();
    let mut bundle = lab.bundle()?;
    bundle.without_namespace("uts").set("/hostname", json!("barque-conformance")).probe(&[]);
    let done = lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
    let after = rustix::system::uname().nodename().to_owned();
    if after != before {
        rustix::system::sethostname(before.to_bytes())?;
    }
    same("hostname of the host", &after, &before)?;
    check(done.code != 0, || "a hostname without a uts namespace was silently ignored".to_owned())
}

fn sysctl(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/sysctl", json!({"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096", "net/ipv4/ip_local_port_range": "2000 3000"}));
    let files = [
        "read=/proc/sys/net/ipv4/ip_forward",
        "read=/proc/sys/kernel/msgmax",
        "read=/proc/sys/net/ipv4/ip_local_port_range",
    ];
    let host = fs::read_to_string("/proc/sys/kernel/msgmax")?;
    let report = lab.probe(&mut bundle, &files)?;
    for (file, want) in files.iter().zip(["1", "4096", "2000\t3000"]) {
        same(file, report[file].as_str().map(str::trim), Some(want))?;
    }
    same("on the host", fs::read_to_string("/proc/sys/kernel/msgmax")?, host)
}

fn sysctl_unknown(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/sysctl", json!({"net.no_such.parameter": "1"}));
    lab.create_refused("the parameter does not exist", &bundle).map(drop)
}

fn sysctl_not_namespaced(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    // The value that it has: even an accepted write changes nothing.
    let value = fs::read_to_string("/proc/sys/vm/swappiness")?;
    bundle.set("/linux/sysctl", json!({"vm.swappiness": value.trim()}));
    lab.create_refused("vm.swappiness is the host's", &bundle).map(drop)
}

fn personality(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/personality", json!({"domain": "LINUX32"}));
    let machine = lab.probe(&mut bundle, &["uname"])?["uname"]["machine"].clone();
    let want: &[Value] = &[json!("i686"), json!("armv8l")];
    check(want.contains(&machine), || format!("machine is {machine}"))
}

fn personality_unknown(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/personality", json!({"domain": "NO_SUCH"})).probe(&[]);
    lab.refused("the domain does not exist", &["run", "--bundle", &bundle.write()?, &lab.id]).map(drop)
}

fn memory_policy(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/memoryPolicy", json!({"mode": "MPOL_BIND", "nodes": "0"}));
    let report = lab.probe(&mut bundle, &["read=/proc/self/numa_maps"])?;
    let maps = report["read=/proc/self/numa_maps"].as_str().unwrap_or_default().to_owned();
    check(maps.contains("bind"), || format!("numa_maps: {:?}", maps.lines().next()))
}

fn intel_rdt(lab: &Lab) -> Verdict {
    if fs::read_to_string("/proc/self/mountinfo")?.contains(" - resctrl ") {
        return Err(crate::case::Outcome::NotApplicable("resctrl is mounted here".to_owned()));
    }
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/intelRdt", json!({"closID": "none", "l3CacheSchema": "L3:0=f"}));
    lab.create_refused("resctrl is not mounted", &bundle).map(drop)
}

fn net_device(lab: &Lab) -> Verdict {
    let (name, inside) = (format!("bc{}", std::process::id() % 100_000), "moved0");
    // In a network namespace of the test's own, from which the runtime is called: the host's is not touched.
    let script = format!(
        "command -v ip >&2 || exit 99; ip link add {name} type veth peer name p0 && ip addr add 10.77.7.1/24 dev {name} && exec \"$@\""
    );
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/netDevices", json!({ &name: {"name": inside} })).probe(&[
        "net",
        "read=/proc/net/fib_trie",
        "read=/sys/class/net/moved0/flags",
    ]);
    let path = bundle.write()?;
    let inner = lab.command(&["run", "--bundle", &path, &lab.id]);
    let mut command = std::process::Command::new("unshare");
    command.args(["--net", "/bin/sh", "-c", &script, "sh"]).arg(inner.get_program()).args(inner.get_args());
    let done = lab.finish(command)?;
    if done.code == 99 {
        return Err(crate::case::Outcome::Skip("needs ip of iproute2".to_owned()));
    }
    check(done.code == 0, || done.told())?;
    let report = crate::lab::parse(&done)?;
    let names = report["net"].as_array().cloned().unwrap_or_default();
    check(names.contains(&json!(inside)), || format!("interfaces are {names:?}"))?;
    let kept = report["read=/proc/net/fib_trie"].as_str().is_some_and(|text| text.contains("10.77.7.1"));
    check(kept, || "the address was not kept".to_owned())?;
    let flags = report["read=/sys/class/net/moved0/flags"]
        .as_str()
        .unwrap_or_default()
        .trim()
        .trim_start_matches("0x")
        .to_owned();
    check(u32::from_str_radix(&flags, 16).is_ok_and(|flags| flags & 1 == 1), || {
        format!("the device is not up: flags are {flags:?}")
    })
}
