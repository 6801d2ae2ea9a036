//! `mounts`: order, destinations, sources.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::mount::{MountFlags, mount};
use serde_json::json;

use crate::case::Level::{Must, Should};
use crate::case::{Case, Verdict, case, check, fail, same};
use crate::host::mount_at;
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case("mounts::order", "config.md#mounts", Must, "mounts are made in the listed order", order),
    case(
        "mounts::relative_destination",
        "config.md#mounts",
        Must,
        "a relative destination is relative to `/`",
        relative_destination,
    ),
    case(
        "mounts::destination_is_made",
        "config.md#mounts",
        Should,
        "a missing destination directory is made",
        destination_is_made,
    ),
    case(
        "mounts::file_bind",
        "config.md#mounts",
        Must,
        "a file can be bound on a file, and the missing destination is made",
        file_bind,
    ),
    case(
        "mounts::destination_symlink",
        "config.md#mounts",
        Must,
        "a symbolic link in the destination is followed inside the root filesystem",
        destination_symlink,
    ),
    case(
        "mounts::destination_escape",
        "config.md#mounts",
        Must,
        "`..` and links in the destination never reach outside the root filesystem",
        destination_escape,
    ),
    case(
        "mounts::hostile_root",
        "config.md#mounts",
        Must,
        "/proc, /dev or a mount point that is a link to the host, a fifo or a file never leads outside",
        hostile_root,
    ),
    case(
        "mounts::bind_source_relative",
        "config.md#mounts",
        Must,
        "a relative bind source is relative to the bundle",
        bind_source_relative,
    ),
    case(
        "mounts::bind_source_missing",
        "config.md#mounts",
        Must,
        "a bind source that does not exist is an error",
        bind_source_missing,
    ),
    case(
        "mounts::bind_by_option",
        "config.md#mounts",
        Must,
        "a mount is a bind mount when its options say so, whatever its type",
        bind_by_option,
    ),
    case(
        "mounts::bind_is_not_recursive",
        "config.md#linux-mount-options",
        Must,
        "`bind` takes the mount alone, `rbind` with those below it",
        bind_is_not_recursive,
    ),
    case(
        "mounts::bind_writes_reach_the_source",
        "config.md#mounts",
        Must,
        "writes through a bind mount reach the source",
        bind_writes_reach_the_source,
    ),
    case(
        "mounts::unknown_filesystem",
        "config.md#posix-platform-mounts",
        Must,
        "a filesystem type that the kernel does not know is an error",
        unknown_filesystem,
    ),
    case(
        "mounts::data_options",
        "config.md#linux-mount-options",
        Should,
        "options that are none of the kernel's flags are passed to the filesystem",
        data_options,
    ),
    case(
        "mounts::bad_data_options",
        "config.md#linux-mount-options",
        Must,
        "an option that the filesystem refuses is an error",
        bad_data_options,
    ),
    case(
        "mounts::remount",
        "config.md#linux-mount-options",
        Must,
        "`remount` changes the options of the mount that is there",
        remount,
    ),
    case(
        "mounts::tmpcopyup",
        "config.md#linux-mount-options",
        Should,
        "`tmpcopyup` copies what was at the destination into the tmpfs",
        tmpcopyup,
    ),
    case(
        "mounts::mqueue",
        "config-linux.md#default-filesystems",
        Should,
        "an mqueue filesystem can be mounted",
        mqueue,
    ),
    case(
        "mounts::default_filesystems",
        "config-linux.md#default-filesystems",
        Should,
        "/proc, /sys, /dev/pts and /dev/shm are there with their types when configured",
        default_filesystems,
    ),
    case(
        "mounts::are_invisible_to_the_host",
        "config-linux.md#namespaces",
        Must,
        "the container's mounts are not in the host's mount table",
        invisible_to_the_host,
    ),
];

fn order(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let (first, second) = (lab.folder("first")?, lab.folder("second")?);
    lab.file("first/sub/which", "first")?;
    lab.file("second/which", "second")?;
    bundle.mount("/data", "none", &first, &["bind"]).mount("/data/sub", "none", &second, &["bind"]);
    let report = lab.probe(&mut bundle, &["read=/data/sub/which"])?;
    same("nested after", &report["read=/data/sub/which"], &json!("second"))?;

    let mut bundle = lab.bundle_named("reversed")?;
    bundle.mount("/data/sub", "none", &second, &["bind"]).mount("/data", "none", &first, &["bind"]);
    let report = lab.probe(&mut bundle, &["read=/data/sub/which"])?;
    same("nested before", &report["read=/data/sub/which"], &json!("first"))
}

fn relative_destination(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("data/deep", "tmpfs", "tmpfs", &[]).set("/process/cwd", json!("/tmp"));
    let report = lab.probe(&mut bundle, &["mounts"])?;
    check(mount_at(&report["mounts"], "/data/deep").is_some(), || {
        format!("no mount at /data/deep in {}", report["mounts"])
    })
}

fn destination_is_made(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/a/b/c", "tmpfs", "tmpfs", &[]).mount("/d/e", "none", &lab.folder("source")?, &["bind"]);
    let report = lab.probe(&mut bundle, &["stat=/a/b/c", "stat=/d/e"])?;
    same("of a tmpfs", &report["stat=/a/b/c"]["type"], &json!("d"))?;
    same("of a bind mount", &report["stat=/d/e"]["type"], &json!("d"))
}

fn file_bind(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let source = lab.file("source", "bound")?;
    bundle.mount("/etc/issue", "none", &source, &["bind", "ro"]).mount(
        "/new/dir/file",
        "none",
        &source,
        &["bind"],
    );
    let report = lab.probe(
        &mut bundle,
        &["read=/etc/issue", "write=/etc/issue", "read=/new/dir/file", "write=/new/dir/file:changed"],
    )?;
    same("over a file", &report["read=/etc/issue"], &json!("bound"))?;
    same("writing to it", &report["write=/etc/issue"]["error"], &json!("EROFS"))?;
    same("on a missing destination", &report["read=/new/dir/file"], &json!("bound"))?;
    same("the source", fs::read_to_string(source)?.as_str(), "changed")
}

fn destination_symlink(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    symlink("/data", bundle.root("/link"))?;
    let source = lab.folder("source")?;
    lab.file("source/file", "bound")?;
    bundle.mount("/link/sub", "none", &source, &["bind"]);
    let report = lab.probe(&mut bundle, &["read=/data/sub/file"])?;
    same("through the link", &report["read=/data/sub/file"], &json!("bound"))
}

fn destination_escape(lab: &Lab) -> Verdict {
    lab.control()?;
    let outside = lab.folder("outside")?;
    let bundle = lab.bundle()?;
    symlink(&outside, bundle.root("/absolute"))?;
    symlink("../../outside", bundle.root("/relative"))?;
    let source = lab.folder("source")?;
    for destination in
        ["/absolute/made", "/relative/made", "/../../outside/made", "/data/../../../outside/made"]
    {
        let mut bundle = crate::bundle::Bundle { dir: bundle.dir.clone(), config: bundle.config.clone() };
        bundle.mount(destination, "none", &source, &["bind"]).probe(&[]);
        // Refused, or mounted inside: both keep the host safe.
        lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
        let made: Vec<_> = fs::read_dir(&outside)?.flatten().collect();
        check(made.is_empty(), || format!("{destination} was made outside the root filesystem"))?;
    }
    Ok(())
}

fn hostile_root(lab: &Lab) -> Verdict {
    lab.control()?;
    let outside = lab.folder("outside")?;
    lab.file("plain", "of the host")?;
    for name in ["proc", "dev", "sys", "data"] {
        let mut bundle = lab.bundle_named(&format!("bundle-{name}"))?;
        fs::remove_dir(bundle.root(name))?;
        symlink(&outside, bundle.root(name))?;
        bundle.mount("/data", "tmpfs", "tmpfs", &[]).probe(&["create=/data/made", "create=/dev/made"]);
        lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
        let made: Vec<_> = fs::read_dir(&outside)?.flatten().map(|entry| entry.file_name()).collect();
        check(made.is_empty(), || format!("/{name} a link to the host: {made:?} was made there"))?;
    }
    let mut bundle = lab.bundle_named("bundle-file")?;
    symlink(lab.path("plain"), bundle.root("/etc/link"))?;
    bundle
        .mount("/etc/link", "none", &lab.file("source", "bound")?, &["bind"])
        .probe(&["write=/etc/link:changed"]);
    lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
    same("a file of the host", fs::read_to_string(lab.path("plain"))?.as_str(), "of the host")
}

fn bind_source_relative(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    fs::create_dir(bundle.dir.join("volume"))?;
    fs::write(bundle.dir.join("volume/file"), "in the bundle")?;
    bundle.mount("/data", "none", "volume", &["bind"]).probe(&["read=/data/file"]);
    let mut command = lab.command(&["run", "--bundle", &bundle.write()?, &lab.id]);
    command.current_dir("/");
    let done = lab.finish(command)?;
    check(done.code == 0, || done.told())?;
    same("file", &crate::lab::parse(&done)?["read=/data/file"], &json!("in the bundle"))
}

fn bind_source_missing(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let source = lab.text("nowhere");
    bundle.mount("/data", "none", &source, &["bind"]);
    let done = lab.create_refused("the source does not exist", &bundle)?;
    check(done.err.contains("nowhere"), || format!("the message does not name it: {}", done.err.trim()))?;
    check(!lab.path("nowhere").exists(), || "create made the source".to_owned())
}

fn bind_by_option(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let source = lab.folder("source")?;
    lab.file("source/file", "bound")?;
    bundle.mount("/data", "no-such-type", &source, &["rbind"]);
    same("file", &lab.probe(&mut bundle, &["read=/data/file"])?["read=/data/file"], &json!("bound"))
}

fn bind_is_not_recursive(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let source = lab.folder("source")?;
    let sub = lab.folder("source/sub")?;
    mount("tmpfs", &sub, "tmpfs", MountFlags::empty(), None)?;
    lab.file("source/sub/below", "below")?;
    bundle.mount("/data", "none", &source, &["bind"]).mount("/tmp", "none", &source, &["rbind"]);
    let report = lab.probe(&mut bundle, &["exists=/data/sub/below", "exists=/tmp/sub/below"])?;
    same("bind", &report["exists=/data/sub/below"], &json!(false))?;
    same("rbind", &report["exists=/tmp/sub/below"], &json!(true))
}

fn bind_writes_reach_the_source(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "none", &lab.folder("source")?, &["rbind", "rw"]);
    lab.probe(&mut bundle, &["create=/data/made:by the container"])?;
    same("source", fs::read_to_string(lab.path("source/made"))?.as_str(), "by the container")
}

fn unknown_filesystem(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "no-such-filesystem", "none", &[]);
    lab.create_refused("the type does not exist", &bundle).map(drop)
}

fn data_options(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "tmpfs", "name", &["size=1024k", "mode=1710", "uid=7", "gid=8", "nosuid"]);
    let report = lab.probe(&mut bundle, &["mounts", "vfs=/data", "stat=/data"])?;
    same("size", &report["vfs=/data"]["size"], &json!(1024 * 1024))?;
    same("mode", &report["stat=/data"]["mode"], &json!(0o1710))?;
    same("owner", (&report["stat=/data"]["uid"], &report["stat=/data"]["gid"]), (&json!(7), &json!(8)))?;
    let mount = mount_at(&report["mounts"], "/data").map_or_else(|| fail("no mount at /data"), Ok)?;
    same("source", &mount["source"], &json!("name"))
}

fn bad_data_options(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "tmpfs", "tmpfs", &["size=many"]);
    lab.create_refused("tmpfs refuses size=many", &bundle).map(drop)
}

fn remount(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "tmpfs", "tmpfs", &["size=64k"]).mount(
        "/data",
        "tmpfs",
        "tmpfs",
        &["remount", "size=128k"],
    );
    let report = lab.probe(&mut bundle, &["mounts", "vfs=/data"])?;
    let there = report["mounts"]
        .as_array()
        .map(|mounts| mounts.iter().filter(|mount| mount["point"] == "/data").count());
    same("mounts at /data", there, Some(1))?;
    same("size", &report["vfs=/data"]["size"], &json!(128 * 1024))
}

fn tmpcopyup(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    fs::create_dir(bundle.root("/etc/sub"))?;
    fs::write(bundle.root("/etc/sub/deep"), "deep")?;
    symlink("issue", bundle.root("/etc/link"))?;
    bundle.mount("/etc", "tmpfs", "tmpfs", &["tmpcopyup"]);
    let report = lab.probe(
        &mut bundle,
        &["read=/etc/issue", "read=/etc/sub/deep", "link=/etc/link", "create=/etc/made"],
    )?;
    same("a file", &report["read=/etc/issue"], &json!("the root filesystem\n"))?;
    same("a file below", &report["read=/etc/sub/deep"], &json!("deep"))?;
    same("a link", &report["link=/etc/link"], &json!("issue"))?;
    check(!bundle.root("/etc/made").exists(), || "a write reached the root filesystem".to_owned())
}

fn mqueue(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]);
    let report = lab.probe(&mut bundle, &["mounts"])?;
    let kind = mount_at(&report["mounts"], "/dev/mqueue").map(|mount| mount["type"].clone());
    same("type", kind, Some(json!("mqueue")))
}

fn default_filesystems(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["mounts", "read=/proc/self/comm", "list=/sys"])?;
    for (point, kind) in [("/proc", "proc"), ("/sys", "sysfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs")]
    {
        let found = mount_at(&report["mounts"], point).map(|mount| mount["type"].clone());
        same(point, found, Some(json!(kind)))?;
    }
    same("/proc/self/comm", &report["read=/proc/self/comm"], &json!("probe\n"))?;
    check(report["list=/sys"].as_array().is_some_and(|names| names.contains(&json!("kernel"))), || {
        "/sys is empty".to_owned()
    })
}

fn invisible_to_the_host(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "tmpfs", "tmpfs", &[]);
    lab.create(&bundle)?;
    let theirs = fs::read_to_string(format!("/proc/{}/mountinfo", lab.pid()?))?;
    check(theirs.contains(" /data "), || "the container has no mount at /data".to_owned())?;
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let ours: Vec<&str> = table.lines().filter(|line| line.contains(&lab.text("bundle"))).collect();
    check(ours.is_empty(), || format!("the host sees {ours:?}"))
}
