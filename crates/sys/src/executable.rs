//! This program's own file, out of a container's reach.
//!
//! A process that enters a container while it still runs this program offers the program's file there, as
//! `/proc/PID/exe`, and whoever is root in the container could open that for writing (CVE-2019-5736, CVE-2024-21626).
//! So the program comes to run from a view of its file that nobody can write: the process's image is moved onto that
//! ([`image`]), or, where the kernel does not let us, the program runs anew from it.

mod image;

use std::ffi::{CString, OsString};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use rustix::fs::{MemfdFlags, SealFlags, StatVfsMountFlags};
use rustix::io::Errno;

use crate::mount::{self, Attributes, MountAttrFlags};
use crate::{Call as _, Error, Result};

const OWN: &str = "/proc/self/exe";
const SEALS: SealFlags =
    SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::WRITE);

/// Returns once this process runs from a file that cannot be written. The process must have one thread.
///
/// That file lies on a detached read-only bind mount, which the descriptor returned holds. When that is closed the mount
/// is dissolved: it belongs to no mount namespace any more, and nobody can change its attributes. So it must be closed
/// before a process that runs from the file can be reached from a container; but the kernel waits for all processors
/// then, so it is best closed beside other work.
///
/// It takes `CAP_SYS_ADMIN` to move the image there (or `CAP_CHECKPOINT_RESTORE`), and a kernel built with
/// `CONFIG_CHECKPOINT_RESTORE`. Without that the program runs anew, in place of this one, with the same arguments and
/// environment, which costs another start-up. A caller who may not mount gets a sealed copy in memory to run from, and
/// no descriptor. That it is the second run, or that the move has succeeded, is seen from what the kernel says of the
/// file, never from something the caller could have set.
pub fn protect(arguments: impl Iterator<Item = OsString>) -> Result<Option<OwnedFd>> {
    if is_protected()? {
        return Ok(inherited_view());
    }
    let Ok(view) = read_only_view() else { return Err(run_again(&sealed_copy()?, arguments)) };
    let moved = open_view(&view).and_then(|file| image::move_onto(&file));
    if moved.is_ok() && is_protected()? {
        return Ok(Some(view));
    }
    // For the second run, see `inherited_view`.
    rustix::io::fcntl_setfd(&view, rustix::io::FdFlags::empty()).call(|| "fcntl(F_SETFD, 0)")?;
    Err(run_again(&view, arguments))
}

/// Whether the file of this program is one that cannot be written: on a read-only mount, or sealed.
pub fn is_protected() -> Result<bool> {
    let stat = rustix::fs::statvfs(OWN).call(|| format!("statfs({OWN:?})"))?;
    if stat.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(true);
    }
    // Only files of a tmpfs have seals, of which a program in memory is one; others refuse the question.
    let own = crate::file::open(Path::new(OWN), rustix::fs::OFlags::RDONLY)?;
    Ok(rustix::fs::fcntl_get_seals(&own).is_ok_and(|seals| seals.contains(SEALS)))
}

/// The descriptor that the first run has left open: the only one that stands for this program's file.
fn inherited_view() -> Option<OwnedFd> {
    let own = rustix::fs::stat(OWN).ok()?;
    let is_view = |number: &i32| {
        // SAFETY: borrowed for one question; a number that is not open is refused with EBADF.
        let fd = unsafe { BorrowedFd::borrow_raw(*number) };
        let is_handle =
            rustix::fs::fcntl_getfl(fd).is_ok_and(|flags| flags.contains(rustix::fs::OFlags::PATH));
        is_handle
            && rustix::fs::fstat(fd).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (own.st_dev, own.st_ino))
    };
    let number = (3..64).find(is_view)?;
    // SAFETY: the first run of this program has opened it and left it to this one.
    let view = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&view, rustix::io::FdFlags::CLOEXEC).ok()?;
    Some(view)
}

/// A detached read-only bind mount of this program's file. Only while that lies on a mount of the caller's namespace.
pub fn read_only_view() -> Result<OwnedFd> {
    let view = mount::clone_tree(Path::new(OWN), false)?;
    let change = Attributes { set: MountAttrFlags::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    mount::set_attributes(&view, false, &change)?;
    Ok(view)
}

/// The view's file, to be read: a descriptor of a mount is only a handle.
fn open_view(view: &OwnedFd) -> Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", view.as_raw_fd());
    crate::file::open(Path::new(&path), rustix::fs::OFlags::RDONLY)
}

fn sealed_copy() -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Linux 6.3 wants to be told that it will be executed; before that nobody asked.
    let copy = match rustix::fs::memfd_create("barque", flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => rustix::fs::memfd_create("barque", flags),
        result => result,
    };
    let copy = copy.call(|| "memfd_create(\"barque\", MFD_EXEC)")?;
    let mut source = std::fs::File::from(crate::file::open(Path::new(OWN), rustix::fs::OFlags::RDONLY)?);
    let mut target = std::fs::File::from(copy);
    std::io::copy(&mut source, &mut target).call(|| format!("copy({OWN:?})"))?;
    rustix::fs::fcntl_add_seals(&target, SEALS).call(|| "fcntl(F_ADD_SEALS)")?;
    Ok(target.into())
}

/// Becomes this program anew, from another file. Returns only on failure.
fn run_again(file: &OwnedFd, arguments: impl Iterator<Item = OsString>) -> Error {
    // The kernel has handed all of them over NUL-terminated.
    let arguments: Vec<CString> =
        arguments.filter_map(|argument| CString::new(argument.into_vec()).ok()).collect();
    let pointers: Vec<_> =
        arguments.iter().map(|argument| argument.as_ptr()).chain([std::ptr::null()]).collect();
    // SAFETY: the arguments are NUL-terminated, their array ends with a null pointer and both outlive the call; so does
    // the environment, which is the one this process was started with: nobody in this program changes it.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_raw_fd(),
            c"".as_ptr(),
            pointers.as_ptr(),
            libc::environ,
            libc::AT_EMPTY_PATH,
        )
    };
    let errno = Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO);
    Error::new(format!("execveat({}, \"\", {arguments:?}, AT_EMPTY_PATH)", file.as_raw_fd()), errno)
}
