//! Names and parameters of the container's namespaces.

use std::os::fd::OwnedFd;
use std::path::Path;

use barque_sys::file::write_once;
use barque_sys::namespace::{self, Namespaces};

use crate::error::Context as _;
use crate::spec::TimeOffset;
use crate::{Error, ErrorKind, Result};

pub(super) fn set_hostname(name: &str) -> Result<()> {
    barque_sys::process::set_hostname(name).context(|| format!("hostname {name:?}"))
}

pub(super) fn set_domainname(name: &str) -> Result<()> {
    barque_sys::process::set_domainname(name).context(|| format!("domainname {name:?}"))
}

/// Written through the host's procfs, which is still in sight and shows the parameters of the writer's namespaces: the
/// container's own `/proc` could be a fake.
pub(super) fn set_sysctl(key: &str, value: &str) -> Result<()> {
    let path = if key.contains('/') { key.to_owned() } else { key.replace('.', "/") };
    let file = Path::new("/proc/sys").join(path);
    write_once(&file, value).map_err(|error| {
        let missing = error.kind() == ErrorKind::NotFound;
        let error = Error::from(error).context(format_args!("linux.sysctl {key:?}"));
        if missing {
            error.hint("this kernel has no such parameter in the container's namespaces")
        } else {
            error
        }
    })
}

/// A time namespace takes its offsets only before the first process is in it: it is made for the "children" of this
/// process. Before Linux 6.3 (2b5f9dad32ed) an exec does not enter it, so this process does, once they are set.
pub(super) fn set_time_offsets(monotonic: TimeOffset, boottime: TimeOffset) -> Result<()> {
    namespace::unshare(Namespaces::TIME).map_err(|error| {
        Error::from(error).context("linux.namespaces: time").hint("time namespaces take Linux 5.6")
    })?;
    let mut text = String::new();
    for (clock, offset) in [("monotonic", monotonic), ("boottime", boottime)] {
        if offset != TimeOffset::default() {
            text.push_str(&format!("{clock} {} {}\n", offset.secs, offset.nanosecs));
        }
    }
    if !text.is_empty() {
        write_once(Path::new("/proc/self/timens_offsets"), &text).map_err(|error| {
            let error = Error::from(error).context("linux.timeOffsets");
            error.hint("offsets must keep both clocks at zero or above; nanoseconds below a second")
        })?;
    }
    let made = namespace::open(Path::new("/proc/self/ns/time_for_children"))?;
    namespace::join(&made, Namespaces::TIME).context(|| "linux.namespaces: time")
}

/// Makes a network namespace with its loopback interface switched on; the caller stays in its own.
pub(super) fn make_network() -> Result<OwnedFd> {
    let own = Path::new("/proc/self/ns/net");
    let home = namespace::open(own)?;
    namespace::unshare(Namespaces::NETWORK).map_err(super::namespaces_failed)?;
    let made = barque_sys::link::loopback_up().and_then(|()| namespace::open(own));
    // Hooks run here, and devices are looked for.
    namespace::join(&home, Namespaces::NETWORK)?;
    Ok(made?)
}

/// Moves a network device to the network namespace of a process, under a new name.
pub(super) fn move_net_device(name: &str, inside: &str, pid: i32) -> Result<()> {
    barque_sys::link::move_to(name, inside, pid).context(|| format!("linux.netDevices {name:?}"))
}
