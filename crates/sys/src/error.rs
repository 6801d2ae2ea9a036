//! A failed system call, with its arguments.

use std::fmt;

use rustix::io::Errno;

/// What a fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of errors every crate of Barque sorts its failures into; mapped once to exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was named is not there.
    NotFound,
    /// What was to be made is there already.
    AlreadyExists,
    /// Something the caller gave is wrong.
    InvalidArgument,
    /// It is there, but in a state that does not allow this.
    Conflict,
    /// The caller may not.
    PermissionDenied,
    /// This kernel, host or build cannot.
    Unsupported,
    /// Not now: busy, full, out of something.
    Unavailable,
    /// The program to execute is not there.
    ProgramNotFound,
    /// The program to execute is there, but cannot be executed.
    ProgramNotExecutable,
    /// None of these.
    Internal,
}

/// A failed system call. Prints like `strace`: `mount("overlay", "/m", …): EINVAL`.
#[derive(Debug, Clone)]
pub struct Error {
    call: Box<str>,
    errno: Errno,
}

impl Error {
    /// A failure of `call`, written with its arguments.
    pub fn new(call: impl Into<Box<str>>, errno: Errno) -> Self {
        Self { call: call.into(), errno }
    }

    /// The error number the kernel gave.
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// The symbolic name of the error number: `ENOENT`.
    pub fn errno_name(&self) -> Option<&'static str> {
        crate::errno::name(self.errno.raw_os_error())
    }

    /// What kind of error that is.
    pub fn kind(&self) -> ErrorKind {
        match self.errno {
            Errno::NOENT | Errno::SRCH | Errno::NODEV | Errno::NXIO => ErrorKind::NotFound,
            Errno::EXIST => ErrorKind::AlreadyExists,
            Errno::ACCESS | Errno::PERM | Errno::ROFS => ErrorKind::PermissionDenied,
            Errno::NOSYS | Errno::OPNOTSUPP => ErrorKind::Unsupported,
            Errno::INVAL | Errno::NOTDIR | Errno::ISDIR | Errno::LOOP | Errno::NAMETOOLONG => {
                ErrorKind::InvalidArgument
            }
            Errno::BUSY
            | Errno::AGAIN
            | Errno::NOMEM
            | Errno::NOSPC
            | Errno::MFILE
            | Errno::NFILE
            | Errno::DQUOT => ErrorKind::Unavailable,
            _ => ErrorKind::Internal,
        }
    }
}

/// Calls that some kernels in use lack, with the first version of Linux that has them. `docs/kernel-features.md` says
/// what each is used for.
const SINCE: [(&str, &str); 19] = [
    ("bpf", "4.15"),
    ("clone3", "5.3"),
    ("close_range", "5.9"),
    ("execveat", "3.19"),
    ("fsconfig", "5.2"),
    ("fsmount", "5.2"),
    ("fsopen", "5.2"),
    ("fspick", "5.2"),
    ("memfd_create", "3.17"),
    ("mount_setattr", "5.12"),
    ("move_mount", "5.2"),
    ("open_tree", "5.2"),
    ("openat2", "5.6"),
    ("pidfd_getfd", "5.6"),
    ("pidfd_open", "5.3"),
    ("pidfd_send_signal", "5.1"),
    ("sched_setattr", "3.14"),
    ("seccomp", "3.17"),
    ("setns", "3.0"),
];

impl Error {
    /// For a call that this kernel does not have: the version of Linux that does. A system call filter around this
    /// process answers in the same way.
    pub fn needs_linux(&self) -> Option<&'static str> {
        if self.errno != Errno::NOSYS {
            return None;
        }
        let name = self.call.split('(').next().unwrap_or_default();
        SINCE.iter().find(|(call, _)| *call == name).map(|(_, version)| *version)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(version) = self.needs_linux() {
            return write!(f, "{}: needs Linux {version} or newer (ENOSYS)", self.call);
        }
        match crate::errno::name(self.errno.raw_os_error()) {
            Some(name) => write!(f, "{}: {name} ({})", self.call, crate::errno::text(self.errno)),
            None => write!(f, "{}: error {}", self.call, self.errno.raw_os_error()),
        }
    }
}

impl std::error::Error for Error {}

/// Turns a bare [`Errno`] into an [`Error`] that names the call.
pub trait Call<T> {
    /// Names the call; the closure runs only on failure.
    fn call<S: Into<Box<str>>>(self, call: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Call<T> for std::result::Result<T, Errno> {
    fn call<S: Into<Box<str>>>(self, call: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|errno| Error::new(call(), errno))
    }
}

impl<T> Call<T> for std::io::Result<T> {
    fn call<S: Into<Box<str>>>(self, call: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Error::new(call(), Errno::from_io_error(&error).unwrap_or(Errno::IO)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_kernel_has_a_call() {
        for (call, errno, text) in [
            ("openat2(3, \"etc\")", Errno::NOSYS, "openat2(3, \"etc\"): needs Linux 5.6 or newer (ENOSYS)"),
            ("mount_setattr(4)", Errno::NOSYS, "mount_setattr(4): needs Linux 5.12 or newer (ENOSYS)"),
            ("fsopen(\"tmpfs\")", Errno::NOENT, "fsopen(\"tmpfs\"): ENOENT (no such file or directory)"),
            ("getcwd()", Errno::NOSYS, "getcwd(): ENOSYS (function not implemented)"),
        ] {
            assert_eq!(Error::new(call, errno).to_string(), text);
        }
    }
}
