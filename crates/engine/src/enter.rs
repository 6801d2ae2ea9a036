//! This machine's own programs in namespaces of a container: `enter`, and over its files: `debug`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use barque_runtime::Failure;
use barque_sys::clone::{Child, Clone, Forked};
use barque_sys::mount::{Attributes, FileSystem, MountAttrFlags, Propagation};
use barque_sys::namespace::{self, Namespaces};
use barque_sys::{Call as _, file, mount, process};

use crate::{Container, Error, ErrorKind, Result};

/// The namespaces by their names in `/proc/PID/ns`.
const KINDS: [(&str, Namespaces); 8] = [
    ("user", Namespaces::USER),
    ("mnt", Namespaces::MOUNT),
    ("net", Namespaces::NETWORK),
    ("pid", Namespaces::PID),
    ("ipc", Namespaces::IPC),
    ("uts", Namespaces::UTS),
    ("cgroup", Namespaces::CGROUP),
    ("time", Namespaces::TIME),
];

/// Reads a list such as `net,pid`; `all` is all of them.
pub fn namespaces(list: &str) -> Result<Namespaces> {
    let one = |name: &str| match name {
        "all" => Ok(Namespaces::all()),
        "mount" => Ok(Namespaces::MOUNT),
        "network" => Ok(Namespaces::NETWORK),
        _ => KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).ok_or_else(|| {
            Error::invalid(format!("there is no namespace of the kind {name:?}"))
                .hint("the kinds are net, pid, mnt, ipc, uts, user, cgroup, time; and all")
        }),
    };
    list.split(',').map(|name| one(name.trim())).collect()
}

/// Where a program is to run.
#[derive(Debug, Default)]
pub struct Place {
    /// The container's first process, and its namespaces that are joined; none of one that does not run.
    joined: Option<(OwnedFd, Namespaces)>,
    /// A tree of mounts, and where the program finds it.
    files: Option<(OwnedFd, &'static Path)>,
}

impl Place {
    /// In namespaces of a container that runs: those that are named, or all but its mounts and users. What it shares with
    /// this machine need not be joined.
    pub fn within(container: &Container, wanted: Option<Namespaces>) -> Result<Self> {
        let runtime = container.running()?;
        let pid = runtime.process.as_ref().map_or(0, |process| process.pid);
        let ended =
            || Error::new(ErrorKind::Conflict, format!("container {} has just ended", container.name()));
        let pidfd = runtime.live_process()?.ok_or_else(ended)?;
        let mut wanted = wanted.unwrap_or(Namespaces::all() - Namespaces::MOUNT - Namespaces::USER);
        if process::effective_ids().0 != 0 {
            // Only who is root of it may join the others.
            wanted |= Namespaces::USER;
        }
        let own = own_namespaces(pid);
        if process::has_ended(&pidfd)? {
            return Err(ended());
        }
        Ok(Self { joined: Some((pidfd, wanted & own)), files: None })
    }

    /// The same place with files to look at. They must not be the container's own mounts.
    #[must_use]
    pub fn with_files(mut self, tree: OwnedFd, at: &'static Path) -> Self {
        self.files = Some((tree, at));
        self
    }

    /// Starts a program of this machine, or where the mounts are joined of the container, found in `PATH`. This process is
    /// in the namespaces, too, when this returns. It must have one thread.
    pub fn start(self, command: &[String]) -> Result<Child> {
        let joined = self.joined.as_ref().map_or(Namespaces::empty(), |(_, kinds)| *kinds);
        if let Some((pidfd, kinds)) = &self.joined
            && !kinds.is_empty()
        {
            namespace::join(pidfd, *kinds)?;
        }
        let (read, write) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)")?;
        // A pid namespace begins with the next child.
        match Clone::default().fork()? {
            Forked::Child => {
                drop(read);
                let error = self.settle(joined).map_or_else(|error| error, |()| become_program(command));
                let failure = serde_json::to_vec(&Failure::from(&error)).unwrap_or_default();
                drop(File::from(write).write_all(&failure));
                process::exit_now(1)
            }
            Forked::Parent(child) => {
                drop(write);
                // The program's start closes the child's end of it.
                let mut failure = Vec::new();
                File::from(read).read_to_end(&mut failure).call(|| "read(child)")?;
                match serde_json::from_slice::<Failure>(&failure) {
                    Ok(failure) => {
                        process::wait(&child.pidfd)?;
                        Err(failure.into())
                    }
                    Err(_) => Ok(child),
                }
            }
        }
    }

    /// What the child does for itself: ids of its user namespace; this machine's mounts as seen from the namespaces.
    fn settle(&self, joined: Namespaces) -> Result<()> {
        if joined.contains(Namespaces::USER) {
            // Where groups may not be set there are none to lose.
            drop(process::set_groups(&[]));
            process::set_group(0)?;
            process::set_user(0)?;
        }
        if joined.contains(Namespaces::MOUNT) {
            return Ok(process::change_directory(Path::new("/"))?);
        }
        if joined.intersects(Namespaces::PID | Namespaces::NETWORK) || self.files.is_some() {
            self.own_mounts(joined)?;
        }
        Ok(())
    }

    /// `ps` reads /proc, and others /sys/class/net: those of the namespaces, mounted for this program alone.
    fn own_mounts(&self, joined: Namespaces) -> Result<()> {
        namespace::unshare(Namespaces::MOUNT)?;
        let slave = Attributes { propagation: Some(Propagation::Slave), ..Attributes::default() };
        mount::set_attributes(file::open(Path::new("/"), file::DIRECTORY)?, true, &slave)?;
        let safe = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        for (kind, needs, at) in [("proc", Namespaces::PID, "/proc"), ("sysfs", Namespaces::NETWORK, "/sys")]
        {
            if joined.contains(needs) {
                let tree = FileSystem::open(kind)?.mount(safe)?;
                mount::attach(&tree, file::open(Path::new(at), file::DIRECTORY)?)?;
            }
        }
        if let Some((tree, at)) = &self.files {
            mount::attach(tree, file::open(at, file::DIRECTORY)?)?;
            process::change_directory(at)?;
        }
        Ok(())
    }
}

/// The namespaces in which a process is not where we are. A kernel without a kind has no file for it.
fn own_namespaces(pid: i32) -> Namespaces {
    let inode = |whose: &str, name: &str| {
        std::fs::metadata(format!("/proc/{whose}/ns/{name}")).map(|metadata| metadata.ino()).ok()
    };
    let differs = |name: &str| inode("self", name) != inode(&pid.to_string(), name);
    KINDS.iter().filter(|(name, _)| differs(name)).map(|(_, kind)| *kind).collect()
}

/// Returns only on failure.
fn become_program(command: &[String]) -> Error {
    process::reset_signals();
    let Some((program, arguments)) = command.split_first() else { return Error::invalid("no command") };
    let error = Command::new(program).args(arguments).exec();
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::ProgramNotFound,
        std::io::ErrorKind::PermissionDenied => ErrorKind::ProgramNotExecutable,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("{program}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_namespaces() {
        for (list, expected) in [
            ("net", Namespaces::NETWORK),
            ("net, pid", Namespaces::NETWORK | Namespaces::PID),
            ("mnt,mount", Namespaces::MOUNT),
            ("all", Namespaces::all()),
        ] {
            assert_eq!(namespaces(list).unwrap(), expected, "{list}");
        }
        for list in ["", "net,", "nets"] {
            assert!(namespaces(list).unwrap_err().cure().unwrap().contains("cgroup"), "{list}");
        }
    }

    #[test]
    fn our_own_namespaces_do_not_differ() {
        assert_eq!(own_namespaces(rustix::process::getpid().as_raw_nonzero().get()), Namespaces::empty());
    }
}
