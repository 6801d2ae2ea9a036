//! `barque export`.

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use barque_engine::{Container, Containers, Places, files};

use crate::flags::Parsed;
use crate::{Error, Result};

/// Writes a container's root filesystem as an archive.
pub(super) fn export(flags: &Parsed, places: &Places) -> Result<i32> {
    let [name] = flags.positional() else { return Ok(1) };
    let container = Containers::new(places.clone()).find(name)?;
    match flags.value("output").filter(|path| *path != "-") {
        Some(path) => to_file(&container, Path::new(path))?,
        None if rustix::termios::isatty(rustix::stdio::stdout()) => {
            return Err(
                Error::invalid("cowardly refusing to save to a terminal").hint("use the -o flag or redirect")
            );
        }
        None => {
            let stdout = rustix::stdio::stdout().as_fd().try_clone_to_owned();
            files::export(&container, &stdout.map_err(|error| Error::invalid(format!("stdout: {error}")))?)?;
        }
    }
    Ok(0)
}

/// Whole or not at all: an archive that was broken off is not left under the name.
fn to_file(container: &Container, path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::invalid(format!("--output {}: {error}", path.display()));
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let file = OwnedFd::from(File::options().write(true).open(path).map_err(failed)?);
        return files::export(container, &file);
    }
    let directory = path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = unnamed(directory)?;
    files::export(container, &file)?;
    name(&file, path)
}

/// A file without a name: when this process is killed, nothing is left of it.
fn unnamed(directory: &Path) -> Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::open(directory, flags, Mode::from_raw_mode(0o666))
        .map_err(|error| Error::invalid(format!("--output {}: {error}", directory.display())))
}

fn name(file: &OwnedFd, path: &Path) -> Result<()> {
    use std::os::fd::AsRawFd as _;
    let failed = |error: rustix::io::Errno| Error::invalid(format!("--output {}: {error}", path.display()));
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    let cwd = rustix::fs::CWD;
    let link = |to: &Path| rustix::fs::linkat(cwd, &own, cwd, to, rustix::fs::AtFlags::SYMLINK_FOLLOW);
    match link(path) {
        Err(rustix::io::Errno::EXIST) => {}
        linked => return linked.map_err(failed),
    }
    // A link cannot take the place of another file: a rename can.
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.tmp", std::process::id()));
    link(Path::new(&partial)).map_err(failed)?;
    rustix::fs::rename(Path::new(&partial), path).map_err(failed)
}
