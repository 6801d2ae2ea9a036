//! Names of the errors that tests ask about.

use std::io;

use rustix::io::Errno;

const NAMES: &[(Errno, &str)] = &[
    (Errno::PERM, "EPERM"),
    (Errno::NOENT, "ENOENT"),
    (Errno::NXIO, "ENXIO"),
    (Errno::ACCESS, "EACCES"),
    (Errno::BUSY, "EBUSY"),
    (Errno::EXIST, "EEXIST"),
    (Errno::NODEV, "ENODEV"),
    (Errno::NOTDIR, "ENOTDIR"),
    (Errno::ISDIR, "EISDIR"),
    (Errno::INVAL, "EINVAL"),
    (Errno::MFILE, "EMFILE"),
    (Errno::NOSPC, "ENOSPC"),
    (Errno::SPIPE, "ESPIPE"),
    (Errno::ROFS, "EROFS"),
    (Errno::NOSYS, "ENOSYS"),
    (Errno::LOOP, "ELOOP"),
    (Errno::AGAIN, "EAGAIN"),
    (Errno::IO, "EIO"),
    (Errno::OPNOTSUPP, "EOPNOTSUPP"),
    (Errno::SRCH, "ESRCH"),
];

/// `EROFS` for an error that has such a name, else its text.
pub(super) fn name(error: &io::Error) -> String {
    let known =
        Errno::from_io_error(error).and_then(|errno| NAMES.iter().find(|(number, _)| *number == errno));
    known.map_or_else(|| error.to_string(), |(_, name)| (*name).to_owned())
}
