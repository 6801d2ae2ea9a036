//! Reading and writing the kernel's files, with errors that name file, value and cure.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use barque_sys::Call as _;

use crate::Error;

/// A result whose error still has its error number.
pub(super) type Io<T> = barque_sys::Result<T>;

/// The text of a file, without the line end.
pub(super) fn read(path: &Path) -> Io<String> {
    let mut text = std::fs::read_to_string(path).call(|| format!("read({path:?})"))?;
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// One `write(2)` of the whole value: the kernel parses each write on its own.
pub(super) fn write(path: &Path, value: &str) -> Io<()> {
    write_open(&mut open(path, value)?, path, value)
}

/// Opens a file of the kernel's to write this value; never makes one.
pub(super) fn open(path: &Path, value: &str) -> Io<File> {
    OpenOptions::new().write(true).open(path).call(|| format!("write({path:?}, {value:?})"))
}

/// One `write(2)` to a file opened before.
pub(super) fn write_open(file: &mut File, path: &Path, value: &str) -> Io<()> {
    let whole = loop {
        match file.write(value.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    whole.map(drop).call(|| format!("write({path:?}, {value:?})"))
}

/// The name of the error number: `EBUSY`.
pub(super) fn errno(error: &barque_sys::Error) -> &'static str {
    barque_sys::errno::name(error.errno().raw_os_error()).unwrap_or_default()
}

/// The error of a refused write, and what can be done about it.
pub(super) fn refused(path: &Path, error: barque_sys::Error) -> Error {
    let hint = cure(path, errno(&error));
    let error = Error::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What the error number of a refused write means for a cgroup's file.
fn cure(path: &Path, errno: &str) -> Option<&'static str> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Some(match errno {
        "ENOENT" => {
            "the kernel does not offer this file: the controller is not built in, switched off on the kernel's \
             command line, or not enabled in the parent's cgroup.subtree_control"
        }
        "EBUSY" if name.starts_with("memory.") => {
            "the container uses more than that and the kernel could not reclaim it: ask for a higher limit"
        }
        "EBUSY" if name == "cgroup.subtree_control" => {
            "this cgroup has processes of its own, and cgroup v2 keeps processes in leaves only: move them into a \
             child, or choose another parent"
        }
        "EBUSY" if name == "cgroup.procs" => {
            "this cgroup hands controllers to its children, so it cannot hold processes itself: join a child"
        }
        "EINVAL" if name.starts_with("cpuset.") => "the list must lie within the parent cgroup's list",
        "ENOSPC" if name.starts_with("cpuset.") || name == "tasks" => {
            "cpuset.cpus or cpuset.mems is empty: give both a value first"
        }
        "EINVAL" if name.starts_with("cpu.") => {
            "the value is out of range, or beyond what the parent cgroup grants its children"
        }
        "EINVAL" => "the value is out of the range that the kernel accepts here",
        "ENODEV" | "ENXIO" => "no such device: look at /proc/partitions, or at /sys/class",
        "EACCES" | "EPERM" | "EROFS" => {
            "the cgroup is not this user's to change: run as root, or have the parent delegated \
             (systemd: Delegate=yes)"
        }
        "EOPNOTSUPP" => {
            "the kernel has the file but not the feature (for a cgroup in threaded mode, or a device)"
        }
        _ => return None,
    })
}
