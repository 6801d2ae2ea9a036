//! Small files, nodes and directories.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::{Call as _, Result};

/// Writes `text` to an existing file with one `write(2)`, as the files of procfs, sysfs and cgroupfs want it.
pub fn write_once(path: &Path, text: &str) -> Result<()> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        .call(|| format!("open({path:?}, O_WRONLY|O_CLOEXEC)"))?;
    write_fd(&file, text)
        .map_err(|error| crate::Error::new(format!("write({path:?}, {text:?})"), error.errno()))
}

/// Writes `text` to a descriptor with one `write(2)`.
pub fn write_fd(fd: impl AsFd, text: &str) -> Result<()> {
    let fd = fd.as_fd();
    loop {
        match rustix::io::write(fd, text.as_bytes()) {
            Err(Errno::INTR) => {}
            result => return result.map(drop).call(|| format!("write({}, {text:?})", fd.as_raw_fd())),
        }
    }
}

/// Reads a whole file as text; bytes that are not UTF-8 are replaced.
pub fn read(path: &Path) -> Result<String> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .call(|| format!("open({path:?}, O_RDONLY|O_CLOEXEC)"))?;
    read_fd(&file).map_err(|error| crate::Error::new(format!("read({path:?})"), error.errno()))
}

/// Reads a descriptor to its end as text; bytes that are not UTF-8 are replaced.
pub fn read_fd(fd: impl AsFd) -> Result<String> {
    let fd = fd.as_fd();
    let mut bytes = Vec::with_capacity(4096);
    loop {
        if bytes.capacity() - bytes.len() < 1024 {
            bytes.reserve(16 * 1024);
        }
        match rustix::io::read(fd, rustix::buffer::spare_capacity(&mut bytes)) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno).call(|| format!("read({})", fd.as_raw_fd())),
        }
    }
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// More than any honest `/etc/passwd` has.
const MAX_TEXT: u64 = 4 << 20;

/// Reads a regular file of ordinary size as text. Meant for files of a container's root: a fifo there would make the
/// reader wait for ever, a device do whatever it does on being opened, a sparse file fill the memory.
pub fn read_regular(open: impl Fn(OFlags) -> Result<OwnedFd>) -> Result<String> {
    let refused = |errno| crate::Error::new("read of a file that is not regular or too large", errno);
    // By a handle first: to open a device can already change something.
    for flags in [OFlags::PATH, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY] {
        let file = open(flags)?;
        let stat = crate::path::stat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refused(Errno::INVAL));
        }
        if u64::try_from(stat.st_size).is_ok_and(|size| size > MAX_TEXT) {
            return Err(refused(Errno::FBIG));
        }
        if !flags.contains(OFlags::PATH) {
            return read_fd(&file);
        }
    }
    Err(refused(Errno::INVAL))
}

/// Opens a file of the host.
pub fn open(path: &Path, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).call(|| format!("open({path:?}, {flags:?})"))
}

/// Replaces a file as a whole: written beside it under a temporary name, then renamed over it. Whoever reads sees the
/// old text or the new one. Not synced: after a power loss the machine has booted anew, and what is kept here is only
/// about processes.
pub fn replace(directory: impl AsFd, name: &str, text: &[u8]) -> Result<()> {
    replace_mode(directory, name, text, 0o600)
}

/// [`replace`] with permission bits for the new file.
pub fn replace_mode(directory: impl AsFd, name: &str, text: &[u8], mode: u32) -> Result<()> {
    let directory = directory.as_fd();
    // Two threads of one process may replace one file at once.
    let temporary = format!(".{name}.{}", rustix::thread::gettid().as_raw_nonzero());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::openat(directory, temporary.as_str(), flags, Mode::from_raw_mode(mode))
        .call(|| format!("openat({}, {temporary:?}, {flags:?})", directory.as_raw_fd()))?;
    let written = write_all(&file, text).call(|| format!("write({temporary:?})")).and_then(|()| {
        rustix::fs::renameat(directory, temporary.as_str(), directory, name)
            .call(|| format!("rename({temporary:?}, {name:?})"))
    });
    if written.is_err() {
        let _ = rustix::fs::unlinkat(directory, temporary.as_str(), rustix::fs::AtFlags::empty());
    }
    written
}

/// Writes all of `bytes`, in as many writes as it takes.
pub fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> std::result::Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(&fd, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Whether the caller may list a directory and reach what is in it.
pub fn may_read_directory(path: &Path) -> bool {
    use rustix::fs::Access;
    rustix::fs::access(path, Access::READ_OK | Access::EXEC_OK).is_ok()
}

/// Whether a file has an extended attribute.
pub fn has_attribute(path: &Path, name: &str) -> bool {
    rustix::fs::getxattr(path, name, &mut [0_u8; 0]).is_ok()
}

/// Opens the directory that a descriptor, which may be a handle, stands for.
pub fn reopen(directory: impl AsFd, flags: OFlags) -> Result<OwnedFd> {
    let directory = directory.as_fd();
    let flags = flags | OFlags::CLOEXEC;
    rustix::fs::openat(directory, ".", flags, Mode::empty())
        .call(|| format!("openat({}, \".\", {flags:?})", directory.as_raw_fd()))
}

/// Sets an empty extended attribute of an open file.
pub fn mark(fd: impl AsFd, name: &str) -> Result<()> {
    let fd = fd.as_fd();
    rustix::fs::fsetxattr(fd, name, b"", rustix::fs::XattrFlags::empty())
        .call(|| format!("fsetxattr({}, {name:?})", fd.as_raw_fd()))
}

/// Whether an open file has an extended attribute.
pub fn is_marked(fd: impl AsFd, name: &str) -> bool {
    rustix::fs::fgetxattr(fd, name, &mut [0_u8; 0]).is_ok()
}

/// Takes an extended attribute away from an open file.
pub fn unmark(fd: impl AsFd, name: &str) -> Result<()> {
    let fd = fd.as_fd();
    rustix::fs::fremovexattr(fd, name).call(|| format!("fremovexattr({}, {name:?})", fd.as_raw_fd()))
}

/// Makes a directory of the host, whose parent must be there, and gives it to a user.
pub fn make_directory(path: &Path, mode: u32, owner: Option<(u32, u32)>) -> Result<()> {
    rustix::fs::mkdir(path, Mode::from_raw_mode(mode)).call(|| format!("mkdir({path:?}, {mode:#o})"))?;
    // The umask of whoever calls has no say in it.
    rustix::fs::chmod(path, Mode::from_raw_mode(mode)).call(|| format!("chmod({path:?}, {mode:#o})"))?;
    if let Some((uid, gid)) = owner {
        let (user, group) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
        rustix::fs::chown(path, Some(user), Some(group)).call(|| format!("chown({path:?}, {uid}, {gid})"))?;
    }
    Ok(())
}

/// Makes a directory of the host; one that is there already is fine.
pub fn make_directories(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .call(|| format!("mkdir({path:?}, {mode:#o})"))
}

/// Makes a device node or a fifo in a directory. The umask applies: set the mode again where it matters.
pub fn make_node(
    directory: impl AsFd,
    name: &str,
    kind: FileType,
    mode: u32,
    major: u32,
    minor: u32,
) -> Result<()> {
    let directory = directory.as_fd();
    let device = rustix::fs::makedev(major, minor);
    rustix::fs::mknodat(directory, name, kind, Mode::from_raw_mode(mode), device).call(|| {
        format!("mknodat({}, {name:?}, {kind:?}|{mode:#o}, makedev({major}, {minor}))", directory.as_raw_fd())
    })
}

pub use rustix::fs::FileType;

/// Flags that open a directory as a handle.
pub const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
/// Flags that open a file to be read.
pub const READ: OFlags = OFlags::RDONLY;
/// Flags that open a directory to be read.
pub const READ_DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Makes a symbolic link in a directory; one that is there already stays.
pub fn make_link(target: &str, directory: impl AsFd, name: &std::ffi::OsStr) -> Result<()> {
    let directory = directory.as_fd();
    match rustix::fs::symlinkat(target, directory, name) {
        Err(Errno::EXIST) => Ok(()),
        result => result.call(|| format!("symlinkat({target:?}, {}, {name:?})", directory.as_raw_fd())),
    }
}

/// Changes the owner of a file in a directory, not following a link.
pub fn change_owner(directory: impl AsFd, name: &str, uid: u32, gid: u32) -> Result<()> {
    let directory = directory.as_fd();
    let (user, group) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    rustix::fs::chownat(directory, name, Some(user), Some(group), rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
        .call(|| format!("fchownat({}, {name:?}, {uid}, {gid})", directory.as_raw_fd()))
}

/// Changes the mode of a file in a directory that is known to be no link.
pub fn change_mode(directory: impl AsFd, name: &str, mode: u32) -> Result<()> {
    let directory = directory.as_fd();
    rustix::fs::chmodat(directory, name, Mode::from_raw_mode(mode), rustix::fs::AtFlags::empty())
        .call(|| format!("fchmodat({}, {name:?}, {mode:#o})", directory.as_raw_fd()))
}

/// Whether attributes are those of a node of a kind with its numbers (fifos have none).
pub fn is_node(stat: &rustix::fs::Stat, kind: FileType, major: u32, minor: u32) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
        && (kind == FileType::Fifo || stat.st_rdev == rustix::fs::makedev(major, minor))
}

/// A file that lives in memory alone, holding `text`, with its position at the start.
pub fn in_memory(name: &str, text: &[u8]) -> Result<std::fs::File> {
    let fd = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)
        .call(|| format!("memfd_create({name:?})"))?;
    write_all(&fd, text).call(|| format!("write(memfd {name:?})"))?;
    rustix::fs::seek(&fd, rustix::fs::SeekFrom::Start(0)).call(|| "lseek(memfd, 0)")?;
    Ok(std::fs::File::from(fd))
}

/// Waits until nobody else has a file or directory locked, and locks it (`flock(2)`) until the descriptor is closed.
pub fn lock(fd: impl AsFd) -> Result<()> {
    let fd = fd.as_fd();
    loop {
        match rustix::fs::flock(fd, rustix::fs::FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            result => return result.call(|| format!("flock({}, LOCK_EX)", fd.as_raw_fd())),
        }
    }
}

/// Waits until nobody has a file or directory locked for itself alone, and locks it together with others.
pub fn lock_shared(fd: impl AsFd) -> Result<()> {
    let fd = fd.as_fd();
    loop {
        match rustix::fs::flock(fd, rustix::fs::FlockOperation::LockShared) {
            Err(Errno::INTR) => {}
            result => return result.call(|| format!("flock({}, LOCK_SH)", fd.as_raw_fd())),
        }
    }
}

/// Locks a file or directory if nobody else has it locked; says whether it did.
pub fn try_lock(fd: impl AsFd) -> Result<bool> {
    let fd = fd.as_fd();
    match rustix::fs::flock(fd, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::AGAIN) => Ok(false),
        result => result.map(|()| true).call(|| format!("flock({}, LOCK_EX|LOCK_NB)", fd.as_raw_fd())),
    }
}

/// Whether somebody has a file or directory locked for itself alone.
pub fn is_locked(fd: impl AsFd) -> Result<bool> {
    let fd = fd.as_fd();
    match rustix::fs::flock(fd, rustix::fs::FlockOperation::NonBlockingLockShared) {
        Err(Errno::AGAIN) => Ok(true),
        result => {
            result.call(|| format!("flock({}, LOCK_SH|LOCK_NB)", fd.as_raw_fd()))?;
            unlock(fd).map(|()| false)
        }
    }
}

/// Gives a lock back at once, also where a forked process still has a copy of the descriptor.
pub fn unlock(fd: impl AsFd) -> Result<()> {
    let fd = fd.as_fd();
    rustix::fs::flock(fd, rustix::fs::FlockOperation::Unlock)
        .call(|| format!("flock({}, LOCK_UN)", fd.as_raw_fd()))
}

/// Whether what is behind a descriptor is no file system that keeps files but a view of the kernel: `/proc`, `/sys`,
/// cgroups, terminals, message queues. To copy them makes no sense, and reading some waits for ever.
pub fn is_kernel_view(fd: impl AsFd) -> Result<bool> {
    let fd = fd.as_fd();
    let found = rustix::fs::fstatfs(fd).call(|| format!("fstatfs({})", fd.as_raw_fd()))?;
    Ok(KERNEL_VIEWS.contains(&found.f_type))
}

/// `linux/magic.h`: proc, sysfs, cgroup, cgroup2, devpts, mqueue, debugfs, tracefs, securityfs, bpf, pstore, efivarfs.
const KERNEL_VIEWS: [i64; 12] = [
    0x9fa0,
    0x6265_6572,
    0x0027_e0eb,
    0x6367_7270,
    0x1cd1,
    0x1980_0202,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0xcafe_4a11,
    0x6165_676c,
    0xde5e_81e4,
];
