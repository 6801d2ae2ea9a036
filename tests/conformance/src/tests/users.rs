//! User namespaces, id-mapped mounts and time offsets.

use std::fs;
use std::os::unix::fs::chown;

use serde_json::json;

use crate::case::Level::{Must, Should};
use crate::case::{Case, Verdict, case, check, fail, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "user_namespace::one_range",
        "config-linux.md#user-namespace-mappings",
        Must,
        "one range of uids and gids is mapped",
        one_range,
    ),
    case(
        "user_namespace::several_ranges",
        "config-linux.md#user-namespace-mappings",
        Must,
        "several ranges are mapped",
        several_ranges,
    ),
    case(
        "user_namespace::different_gids",
        "config-linux.md#user-namespace-mappings",
        Must,
        "uids and gids have mappings of their own",
        different_gids,
    ),
    case(
        "user_namespace::unmapped",
        "config-linux.md#user-namespace-mappings",
        Should,
        "ids outside the ranges show as 65534",
        unmapped,
    ),
    case(
        "user_namespace::no_ownership_change",
        "config-linux.md#user-namespace-mappings",
        Should,
        "the runtime does not change the ownership of files",
        no_ownership_change,
    ),
    case(
        "user_namespace::user_in_the_namespace",
        "config.md#posix-platform-user",
        Must,
        "`user` names ids of the container's namespace",
        user_in_the_namespace,
    ),
    case(
        "user_namespace::unmapped_user",
        "config.md#posix-platform-user",
        Must,
        "a user that is not mapped is an error",
        unmapped_user,
    ),
    case(
        "user_namespace::devices",
        "config-linux.md#default-devices",
        Must,
        "the default devices are there in a user namespace too",
        devices,
    ),
    case(
        "user_namespace::capabilities",
        "config.md#linux-process",
        Must,
        "capabilities are those in the new user namespace",
        capabilities,
    ),
    case(
        "user_namespace::dev_is_owned",
        "config-linux.md#default-filesystems",
        Should,
        "filesystems made for the container belong to its root",
        dev_is_owned,
    ),
    case(
        "idmap::of_the_container",
        "config.md#linux-mount-options",
        Should,
        "`idmap` with the container's mappings: a file of host's root belongs to the container's root",
        idmap_of_the_container,
    ),
    case(
        "idmap::of_the_mount",
        "config.md#posix-platform-mounts",
        Should,
        "`uidMappings` and `gidMappings` of a mount without a user namespace",
        idmap_of_the_mount,
    ),
    case(
        "idmap::without_mappings",
        "config.md#linux-mount-options",
        Must,
        "`idmap` without mappings and without a user namespace is an error",
        idmap_without_mappings,
    ),
    case(
        "idmap::uid_without_gid",
        "config.md#posix-platform-mounts",
        Must,
        "`uidMappings` without `gidMappings` is an error",
        idmap_uid_without_gid,
    ),
    case(
        "time::offsets",
        "config-linux.md#offset-for-time-namespace",
        Must,
        "`timeOffsets` move the monotonic and the boottime clock",
        time_offsets,
    ),
];

const RANGE: &[(u32, u32, u32)] = &[(0, 100_000, 65536)];

fn one_range(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.user_namespace(RANGE)?;
    let report = lab.probe(&mut bundle, &["read=/proc/self/uid_map", "read=/proc/self/gid_map", "status"])?;
    for file in ["read=/proc/self/uid_map", "read=/proc/self/gid_map"] {
        let words: Vec<_> = report[file].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
        same(file, words, ["0", "100000", "65536"])?;
    }
    same("uid", &report["status"]["Uid"], &json!("0 0 0 0"))
}

fn several_ranges(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.user_namespace(&[(0, 100_000, 1000), (1000, 200_000, 1000), (5000, 300_000, 1)])?;
    for (name, owner) in [("a", 100_000), ("b", 200_000), ("c", 300_000)] {
        fs::write(bundle.root("/data").join(name), "")?;
        chown(bundle.root("/data").join(name), Some(owner), Some(owner))?;
    }
    let report =
        lab.probe(&mut bundle, &["stat=/data/a", "stat=/data/b", "stat=/data/c", "read=/proc/self/uid_map"])?;
    for (name, owner) in [("stat=/data/a", 0), ("stat=/data/b", 1000), ("stat=/data/c", 5000)] {
        same(name, (&report[name]["uid"], &report[name]["gid"]), (&json!(owner), &json!(owner)))?;
    }
    same("ranges", report["read=/proc/self/uid_map"].as_str().map(|text| text.lines().count()), Some(3))
}

fn different_gids(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle
        .user_namespace(RANGE)?
        .set("/linux/gidMappings", json!([{"containerID": 0, "hostID": 300_000, "size": 10}]));
    fs::write(bundle.root("/data/file"), "")?;
    chown(bundle.root("/data/file"), Some(100_003), Some(300_004))?;
    let report = lab.probe(&mut bundle, &["stat=/data/file"])?;
    same(
        "owner",
        (&report["stat=/data/file"]["uid"], &report["stat=/data/file"]["gid"]),
        (&json!(3), &json!(4)),
    )
}

fn unmapped(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.user_namespace(RANGE)?;
    let report = lab.probe(&mut bundle, &["stat=/etc/issue", "chown=/etc/issue:0"])?;
    same(
        "owner",
        (&report["stat=/etc/issue"]["uid"], &report["stat=/etc/issue"]["gid"]),
        (&json!(65534), &json!(65534)),
    )?;
    same("chown", &report["chown=/etc/issue:0"]["error"], &json!("EPERM"))
}

fn no_ownership_change(lab: &Lab) -> Verdict {
    use std::os::unix::fs::MetadataExt;
    let mut bundle = lab.bundle()?;
    bundle.user_namespace(RANGE)?;
    let source = lab.folder("source")?;
    bundle.mount("/data", "none", &source, &["bind"]);
    lab.probe(&mut bundle, &[])?;
    same("/etc/issue", fs::metadata(bundle.root("/etc/issue"))?.uid(), 0)?;
    same("a bind source", fs::metadata(source)?.uid(), 0)
}

fn user_in_the_namespace(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle
        .user_namespace(RANGE)?
        .set("/process/user", json!({"uid": 5, "gid": 6, "additionalGids": [7]}))
        .probe(&["wait"]);
    lab.start(&bundle)?;
    let status = fs::read_to_string(format!("/proc/{}/status", lab.pid()?))?;
    check(status.contains("Uid:\t100005\t"), || {
        format!("uid on the host: {:?}", status.lines().find(|line| line.starts_with("Uid")))
    })?;
    check(status.contains("Gid:\t100006\t"), || {
        format!("gid on the host: {:?}", status.lines().find(|line| line.starts_with("Gid")))
    })?;
    check(status.contains("100007"), || "the additional group is missing".to_owned())
}

fn unmapped_user(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle
        .user_namespace(&[(0, 100_000, 10)])?
        .set("/process/user", json!({"uid": 500, "gid": 0}))
        .probe(&[]);
    lab.refused("uid 500 is not mapped", &["run", "--bundle", &bundle.write()?, &lab.id]).map(drop)
}

fn devices(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.user_namespace(RANGE)?;
    let report =
        lab.probe(&mut bundle, &["stat=/dev/null", "write=/dev/null", "stat=/dev/urandom", "link=/dev/fd"])?;
    same("type", &report["stat=/dev/null"]["type"], &json!("c"))?;
    same("write", &report["write=/dev/null"], &json!(true))?;
    same("urandom", &report["stat=/dev/urandom"]["minor"], &json!(9))?;
    same("/dev/fd", &report["link=/dev/fd"], &json!("/proc/self/fd"))
}

fn capabilities(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let names = json!(["CAP_CHOWN", "CAP_SYS_ADMIN"]);
    bundle
        .user_namespace(RANGE)?
        .set("/process/capabilities", json!({"bounding": names, "permitted": names, "effective": names}));
    let report =
        lab.probe(&mut bundle, &["status", "create=/tmp/file", "chown=/tmp/file:9", "mount=tmpfs:/data"])?;
    same("CapEff", &report["status"]["CapEff"], &json!(format!("{:016x}", 1 | 1 << 21)))?;
    same("chown to a mapped id", &report["chown=/tmp/file:9"], &json!(true))?;
    same("mount", &report["mount=tmpfs:/data"], &json!(true))
}

fn dev_is_owned(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.user_namespace(RANGE)?;
    let report = lab.probe(&mut bundle, &["stat=/dev", "stat=/dev/shm", "stat=/dev/pts"])?;
    for path in ["stat=/dev", "stat=/dev/shm", "stat=/dev/pts"] {
        same(path, &report[path]["uid"], &json!(0))?;
    }
    Ok(())
}

fn idmapped(lab: &Lab, namespace: bool, host: u32) -> Verdict<serde_json::Value> {
    let mut bundle = lab.bundle()?;
    if namespace {
        bundle.user_namespace(RANGE)?;
    }
    let source = lab.folder("source")?;
    lab.file("source/file", "")?;
    let mappings = json!([{"containerID": 0, "hostID": host, "size": 65536}]);
    bundle.push(
        "/mounts",
        json!({"destination": "/data", "type": "none", "source": source, "options": ["bind", "idmap"],
               "uidMappings": mappings, "gidMappings": mappings}),
    );
    lab.probe(&mut bundle, &["stat=/data/file"])
}

fn idmap_of_the_container(lab: &Lab) -> Verdict {
    let report = idmapped(lab, true, 100_000)?;
    same("owner", &report["stat=/data/file"]["uid"], &json!(0))
}

fn idmap_of_the_mount(lab: &Lab) -> Verdict {
    let report = idmapped(lab, false, 4000)?;
    same(
        "owner",
        (&report["stat=/data/file"]["uid"], &report["stat=/data/file"]["gid"]),
        (&json!(4000), &json!(4000)),
    )
}

fn idmap_without_mappings(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "none", &lab.folder("source")?, &["bind", "idmap"]);
    lab.create_refused("there are no mappings", &bundle).map(drop)
}

fn idmap_uid_without_gid(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.push(
        "/mounts",
        json!({"destination": "/data", "type": "none", "source": lab.folder("source")?, "options": ["bind", "idmap"],
               "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}),
    );
    lab.create_refused("gidMappings are missing", &bundle).map(drop)
}

fn time_offsets(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.namespace("time", None).set(
        "/linux/timeOffsets",
        json!({"monotonic": {"secs": 172_800, "nanosecs": 5}, "boottime": {"secs": 604_800}}),
    );
    let report = lab.probe(&mut bundle, &["clocks"])?;
    for (clock, id, offset) in [
        ("monotonic", rustix::time::ClockId::Monotonic, 172_800),
        ("boottime", rustix::time::ClockId::Boottime, 604_800),
    ] {
        let host = rustix::time::clock_gettime(id).tv_sec;
        let Some(inside) = report["clocks"][clock].as_i64() else { return fail("no clock") };
        // The host's clock was read later, by at most the test's duration.
        check((host - 60..=host).contains(&(inside - offset)), || {
            format!("{clock}: {inside} inside, {host} on the host")
        })?;
    }
    Ok(())
}
