//! `barque cp`.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

use barque_engine::files::{self, Copy, Side};
use barque_engine::{Container, Containers, Places};

use crate::flags::Parsed;
use crate::format::human_size;
use crate::{Error, Result, console};

/// Copies files between containers, this machine and archives.
pub(super) fn cp(flags: &Parsed, places: &Places) -> Result<i32> {
    let [source, target] = flags.positional() else { return Ok(1) };
    let containers = Containers::new(places.clone());
    let (from, to) = (Named::read(source, &containers)?, Named::read(target, &containers)?);
    if from.container().is_none() && to.container().is_none() {
        return Err(Error::invalid("must specify at least one container source")
            .hint("write CONTAINER:PATH for a path of a container"));
    }
    let (input, output) = (rustix::stdio::stdin(), rustix::stdio::stdout());
    let archive = match (&from, &to) {
        (Named::Archive, _) => Some(input),
        (_, Named::Archive) if rustix::termios::isatty(output) => {
            return Err(Error::invalid("refusing to write an archive to a terminal")
                .hint("redirect standard output, or name a directory"));
        }
        (_, Named::Archive) => Some(output),
        _ => None,
    };
    let archive = archive.map(|fd| fd.as_fd().try_clone_to_owned()).transpose();
    let archive = archive.map_err(|error| Error::invalid(format!("-: {error}")))?;
    let how = Copy { archive: flags.switch("archive"), follow: flags.switch("follow-link") };
    let copied = files::copy(&from.side(archive.as_ref())?, &to.side(archive.as_ref())?, how)?;
    if !flags.switch("quiet") && !matches!(to, Named::Archive) {
        let size = human_size(copied.bytes, 3);
        console::err(&format!("Successfully copied {size} to {target}\n"));
    }
    Ok(0)
}

/// What an argument names.
enum Named {
    Archive,
    Host(PathBuf),
    Container(Box<Container>, PathBuf),
}

impl Named {
    fn read(typed: &str, containers: &Containers) -> Result<Self> {
        match split(typed) {
            _ if typed == "-" => Ok(Self::Archive),
            Some((name, path)) => Ok(Self::Container(Box::new(containers.find(name)?), PathBuf::from(path))),
            None => {
                let directory = barque_sys::process::current_directory()?;
                Ok(Self::Host(PathBuf::from(format!("{directory}/")).join(typed)))
            }
        }
    }

    fn container(&self) -> Option<&Container> {
        if let Self::Container(container, _) = self { Some(container) } else { None }
    }

    fn side<'a>(&'a self, archive: Option<&'a OwnedFd>) -> Result<Side<'a>> {
        match (self, archive) {
            (Self::Archive, Some(archive)) => Ok(Side::Archive(archive)),
            (Self::Archive, None) => Err(Error::invalid("-: no archive")),
            (Self::Host(path), _) => Ok(Side::Host(path.clone())),
            (Self::Container(container, path), _) => Ok(Side::Container(container, path.clone())),
        }
    }
}

/// `CONTAINER:PATH`. A path of this machine with a colon in it begins with a slash or a dot.
fn split(typed: &str) -> Option<(&str, &str)> {
    if typed.starts_with(['/', '.']) {
        return None;
    }
    typed.split_once(':').filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_and_paths() {
        for (typed, expected) in [
            ("web:/etc", Some(("web", "/etc"))),
            ("web:", Some(("web", ""))),
            ("web:a:b", Some(("web", "a:b"))),
            ("./a:b", None),
            ("/a:b", None),
            ("a", None),
            (":a", None),
        ] {
            assert_eq!(split(typed), expected, "{typed}");
        }
    }
}
