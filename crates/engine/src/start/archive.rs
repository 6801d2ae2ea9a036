//! `tar:FILE`: where the runtime, which knows no archives, meets the unpacker.

use std::path::Path;

use barque_image::layer::{Form, Lost, Options, Rights};
use barque_sys::Call as _;

use crate::{Error, ErrorKind, Result};

/// Unpacks an archive for a new container; returns what the user should know.
pub(super) fn unpack(archive: &Path, directory: &Path) -> Result<Vec<String>> {
    // Without privileges all files belong to the caller, which is root in its containers.
    let rights = match barque_sys::process::effective_ids() {
        (0, _) if barque_sys::process::in_first_user_namespace() => Rights::All,
        (0, _) => Rights::Mapped,
        _ => Rights::Own,
    };
    let options = Options { form: Form::Plain, rights, ..Options::default() };
    let unpack = || {
        let file = std::fs::File::open(archive).call(|| format!("open({archive:?})"))?;
        barque_image::layer::unpack(file, directory, &options)
            .map_err(|error| error.context(format_args!("archive {archive:?}")))
    };
    let unpacked = unpack().map_err(|error| told(&error))?;
    Ok(notes(archive, unpacked.lost))
}

/// What the user should know of what could not be kept.
fn notes(archive: &Path, lost: Lost) -> Vec<String> {
    let mut notes = Vec::new();
    if lost.owners > 0 {
        notes.push(format!(
            "{archive:?}: files of other owners belong to the container's root ({}): without subordinate ids \
             (/etc/subuid, /etc/subgid) there is no other user",
            lost.owners
        ));
    }
    if lost.devices > 0 {
        notes.push(format!("{archive:?}: devices are left out ({}): only root can make them", lost.devices));
    }
    notes
}

fn told(error: &barque_image::Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::NotFound => "tar:FILE names a tar archive, plain or compressed with gzip or zstd",
        ErrorKind::InvalidArgument if error.to_string().contains("is not mapped") => {
            "the user namespace needs more ids: larger ranges in /etc/subuid and /etc/subgid, or --uidmap and --gidmap"
        }
        ErrorKind::InvalidArgument => "it must be a tar archive, plain or compressed with gzip or zstd",
        ErrorKind::Unavailable => "there is no room left below --root",
        _ => "see whether the file can be read, and whether --root is on a file system that takes its files",
    };
    Error::new(error.kind(), error.to_string()).hint(hint)
}
