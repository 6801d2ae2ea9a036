//! Root filesystems that a distribution's own installer makes.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// What to install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bootstrap {
    /// The release: `bookworm`; for `dnf` its number.
    pub suite: String,
    /// More packages.
    pub include: Vec<String>,
    /// Where packages come from; none for the installer's own choice.
    pub mirror: Option<String>,
    /// Which set of packages: `minbase`, …
    pub variant: Option<String>,
    /// The architecture, by the installer's name.
    pub architecture: Option<String>,
}

/// A program that installs a distribution into a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installer {
    /// Debian and its kin, fast, and without root.
    Mmdebstrap,
    /// Debian and its kin.
    Debootstrap,
    /// Fedora and its kin.
    Dnf,
}

/// What an installer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// A tar archive.
    Tar,
    /// A directory.
    Directory,
}

impl Installer {
    /// All of them, the one to prefer first.
    pub const ALL: [Self; 3] = [Self::Mmdebstrap, Self::Debootstrap, Self::Dnf];

    /// The program's name.
    pub fn program(self) -> &'static str {
        match self {
            Self::Mmdebstrap => "mmdebstrap",
            Self::Debootstrap => "debootstrap",
            Self::Dnf => "dnf",
        }
    }

    /// Its arguments for making the root filesystem at `target`, and what that will be.
    pub fn arguments(self, wanted: &Bootstrap, target: &Path) -> Result<(Vec<String>, Made)> {
        let path = target
            .to_str()
            .ok_or_else(|| Error::invalid(format!("the directory {target:?} is not valid UTF-8")))?
            .to_owned();
        check(wanted)?;
        let mut arguments: Vec<String> = Vec::new();
        if let Self::Dnf = self {
            arguments.extend(["--assumeyes".into(), format!("--installroot={path}")]);
            arguments.extend([
                format!("--releasever={}", wanted.suite),
                "--setopt=install_weak_deps=False".into(),
            ]);
            arguments.extend(wanted.architecture.iter().map(|name| format!("--forcearch={name}")));
            arguments.extend(wanted.mirror.iter().map(|url| format!("--repofrompath=bootstrap,{url}")));
            arguments.extend(["install".into(), "bash".into(), "coreutils".into(), "dnf".into()]);
            arguments.extend(wanted.include.iter().cloned());
            return Ok((arguments, Made::Directory));
        }
        let variant = wanted.variant.as_deref().unwrap_or("minbase");
        arguments.push(format!("--variant={variant}"));
        if !wanted.include.is_empty() {
            arguments.push(format!("--include={}", wanted.include.join(",")));
        }
        let architecture = wanted.architecture.as_deref();
        let made = if self == Self::Mmdebstrap {
            arguments.push("--format=tar".into());
            arguments.extend(architecture.map(|name| format!("--architectures={name}")));
            Made::Tar
        } else {
            arguments.extend(architecture.map(|name| format!("--arch={name}")));
            Made::Directory
        };
        arguments.extend([wanted.suite.clone(), path]);
        arguments.extend(wanted.mirror.clone());
        Ok((arguments, made))
    }

    /// Where the result lies in a directory of the caller's own.
    pub fn target(self, directory: &Path) -> PathBuf {
        directory.join(if self == Self::Mmdebstrap { "rootfs.tar" } else { "rootfs" })
    }
}

/// Nothing that is given as a name may be taken for an option.
fn check(wanted: &Bootstrap) -> Result<()> {
    let words = wanted.include.iter().chain([&wanted.suite]).chain(&wanted.mirror);
    match words.into_iter().find(|word| word.is_empty() || word.starts_with('-')) {
        Some(word) => Err(Error::invalid(format!("{word:?} is no name of a release, package or mirror"))),
        None => Ok(()),
    }
}
