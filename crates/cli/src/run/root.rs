//! ROOT: where the root filesystem comes from.

use crate::{Error, Result};

/// The source of a root filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootSource {
    /// A copy-on-write view of this machine's own root filesystem.
    Host,
    /// A directory, by absolute path.
    Directory(String),
    /// A tar archive, by absolute path.
    Archive(String),
    /// An image, by its name or id as typed.
    Image(String),
}

impl RootSource {
    /// Reads `@host`, `dir:PATH`, `tar:FILE` or the name of an image; relative paths start at `cwd`.
    pub fn parse(text: &str, cwd: &str) -> Result<Self> {
        if text == "@host" {
            return Ok(Self::Host);
        }
        let (kind, path) = text.split_once(':').unwrap_or(("", text));
        match kind {
            "dir" | "tar" if path.is_empty() => {
                Err(Error::invalid(format!("root {text:?} has no path")).hint(format!("write {kind}:PATH")))
            }
            "dir" => Ok(Self::Directory(absolute(path, cwd))),
            "tar" => Ok(Self::Archive(absolute(path, cwd))),
            _ if text.is_empty() || text.starts_with(['/', '.', '@']) => Err(unknown(text)),
            _ => Ok(Self::Image(text.to_owned())),
        }
    }

    /// The root as it can be typed again.
    pub fn as_typed(&self) -> String {
        match self {
            Self::Host => "@host".to_owned(),
            Self::Directory(path) => format!("dir:{path}"),
            Self::Archive(path) => format!("tar:{path}"),
            Self::Image(name) => name.clone(),
        }
    }
}

/// The complaint about what is no name of an image either: most likely a path without its prefix.
fn unknown(text: &str) -> Error {
    let cure = if text.starts_with('@') {
        "the only embedded root is @host: this machine's own programs, copy-on-write".to_owned()
    } else if text.is_empty() {
        "give an image, @host, dir:PATH or tar:FILE".to_owned()
    } else {
        format!("write dir:{text} for a directory, tar:{text} for an archive")
    };
    Error::invalid(format!("unknown root filesystem {text:?}")).hint(cure)
}

/// `path` from the root, taken from `cwd` when it is relative, without `.` and empty components.
///
/// `..` stays: what it means depends on symbolic links, and is the kernel's to say.
pub(super) fn absolute(path: &str, cwd: &str) -> String {
    let base = if path.starts_with('/') { "" } else { cwd };
    let mut clean = String::with_capacity(base.len() + path.len() + 1);
    for part in base.split('/').chain(path.split('/')).filter(|part| !part.is_empty() && *part != ".") {
        clean.push('/');
        clean.push_str(part);
    }
    if clean.is_empty() { "/".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_forms() {
        for (text, root) in [
            ("@host", RootSource::Host),
            ("dir:/srv/root", RootSource::Directory("/srv/root".into())),
            ("dir:root", RootSource::Directory("/home/ann/root".into())),
            ("dir:.", RootSource::Directory("/home/ann".into())),
            ("dir:/", RootSource::Directory("/".into())),
            ("ubuntu:24.04", RootSource::Image("ubuntu:24.04".into())),
            ("localhost:5000/a@sha256:00", RootSource::Image("localhost:5000/a@sha256:00".into())),
            ("tar:../a:b.tar", RootSource::Archive("/home/ann/../a:b.tar".into())),
        ] {
            assert_eq!(RootSource::parse(text, "/home/ann").unwrap(), root, "{text}");
        }
    }

    #[test]
    fn says_what_to_write_instead() {
        for (text, cure) in [
            ("", "give an image"),
            ("/srv/root", "write dir:/srv/root"),
            ("./x", "write dir:./x"),
            ("@guest", "only embedded root is @host"),
            ("dir:", "write dir:PATH"),
        ] {
            let error = RootSource::parse(text, "/").unwrap_err();
            assert!(error.cure().unwrap_or("").contains(cure), "{text}: {error:?}");
        }
    }
}
