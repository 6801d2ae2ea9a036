//! The mounts that every container has.

use barque_runtime::spec::Mount;

use super::{Scene, kernel};
use crate::Result;
use crate::flags::Parsed;
use crate::run::{CgroupVersion, PathKind, RootSource};
use crate::value::size;

/// Docker's size of `/dev/shm`.
const SHM_SIZE: i64 = 64 << 20;
/// The group that terminals belong to (`tty`).
const TTY_GROUP: u32 = 5;

/// `/proc`, `/dev` and what is below it, `/sys`, the cgroups; for `@host` also fresh `/run` and `/tmp`.
pub(super) fn defaults(flags: &Parsed, scene: &Scene<'_>) -> Result<Vec<Mount<'static>>> {
    let mut list = Vec::with_capacity(16);
    if *scene.root == RootSource::Host {
        list.push(kernel("/run", "tmpfs", "tmpfs", &["nosuid", "nodev", "mode=755"]));
        list.push(kernel("/tmp", "tmpfs", "tmpfs", &["nosuid", "nodev", "mode=1777"]));
    }
    list.push(proc(scene));
    list.push(kernel("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]));
    list.push(pts(scene));
    sys(flags, scene, &mut list);
    ipc(flags, scene, &mut list)?;
    Ok(list)
}

/// A caller's file system, as it is.
fn same(path: &str, options: &[&str]) -> Mount<'static> {
    kernel(path, "bind", path, &[&["rbind", "rprivate", "nosuid", "noexec", "nodev"], options].concat())
}

fn proc(scene: &Scene<'_>) -> Mount<'static> {
    // A new procfs needs a pid namespace that belongs to the container's user namespace.
    if scene.namespaces.pid.is_host() && scene.namespaces.user.is_foreign() {
        return same("/proc", &[]);
    }
    kernel("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"])
}

fn pts(scene: &Scene<'_>) -> Mount<'static> {
    let mut options = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    // mount(2) fails with EINVAL for a group that the user namespace does not map.
    if scene.namespaces.user.has_gid(TTY_GROUP) {
        options.push("gid=5");
    }
    kernel("/dev/pts", "devpts", "devpts", &options)
}

fn sys(flags: &Parsed, scene: &Scene<'_>, list: &mut Vec<Mount<'static>>) {
    let read_only: &[&str] = if flags.switch("privileged") { &[] } else { &["ro"] };
    // A new sysfs needs a network namespace that belongs to the container's user namespace.
    if scene.namespaces.network.is_host() && scene.namespaces.user.is_foreign() {
        list.push(same("/sys", if read_only.is_empty() { &[] } else { &["rro"] }));
        return;
    }
    let options = [&["nosuid", "noexec", "nodev"], read_only].concat();
    list.push(kernel("/sys", "sysfs", "sysfs", &options));
    if scene.caller.cgroups != CgroupVersion::Unavailable {
        let options = [&["nosuid", "noexec", "nodev", "relatime"], read_only].concat();
        list.push(kernel("/sys/fs/cgroup", "cgroup", "cgroup", &options));
    }
}

fn ipc(flags: &Parsed, scene: &Scene<'_>, list: &mut Vec<Mount<'static>>) -> Result<()> {
    let given = flags.read("shm-size", size)?;
    if given.is_some_and(|bytes| bytes <= 0) {
        return Err(
            crate::Error::invalid("SHM size can not be less than 0").hint("give --shm-size 64m, for example")
        );
    }
    if scene.namespaces.ipc.is_host() {
        for path in ["/dev/mqueue", "/dev/shm"] {
            // Machines without systemd often have no mqueue mounted.
            if scene.host.path_kind(path) == PathKind::Directory {
                list.push(same(path, &[]));
            }
        }
        return Ok(());
    }
    list.push(kernel("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
    if !scene.namespaces.no_shm {
        let bytes = given.unwrap_or(SHM_SIZE);
        let size = format!("size={bytes}");
        list.push(kernel("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &size]));
    }
    Ok(())
}
