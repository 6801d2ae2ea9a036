//! `barque image bootstrap`.

use std::fs::File;
use std::process::{Command, Stdio};

use barque_image::rootfs::{Bootstrap, Installer, Made};

use super::from_host::Scratch;
use super::{Images, import, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// Lets a distribution's installer make a root filesystem, and makes an image of it.
pub(super) fn bootstrap(flags: &Parsed, places: &Places) -> Result<i32> {
    let [name] = flags.positional() else { return Ok(1) };
    let images = Images::open(places)?;
    let mut wanted = import::wanted(&images, flags, Some(name))?;
    let installer = installer(flags)?;
    let Some(suite) = flags.value("suite") else {
        return Err(Error::invalid("--suite is missing").hint("name the release: --suite bookworm"));
    };
    let words = |flag: &str| flags.value(flag).map(str::to_owned);
    let what = Bootstrap {
        suite: suite.to_owned(),
        include: flags
            .all("include")
            .flat_map(|list| list.split(','))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        mirror: words("mirror"),
        variant: words("variant"),
        architecture: words("arch"),
    };
    let scratch = Scratch::new(places)?;
    let target = installer.target(scratch.path());
    let (arguments, made) = installer.arguments(&what, &target).map_err(told)?;
    run(installer, &arguments, flags.switch("quiet"))?;
    if wanted.changes.is_empty() {
        wanted.changes.push("CMD [\"/bin/bash\"]".to_owned());
    }
    wanted.message = format!("{} {}", installer.program(), arguments.join(" "));
    let image = match made {
        Made::Directory => import::directory(&images, &target, &wanted)?,
        Made::Tar => {
            let file = File::open(&target).map_err(|error| Error::invalid(format!("{target:?}: {error}")))?;
            images.store.import(file, &wanted).map_err(told)?
        }
    };
    console::out(&format!("{}\n", image.id()));
    Ok(0)
}

/// `--with`, or the first that is installed.
fn installer(flags: &Parsed) -> Result<Installer> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |installer: &Installer| {
        let mut directories = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/bin"].map(Into::into));
        directories.any(|directory| barque_sys::process::may_execute(&directory.join(installer.program())))
    };
    match flags.value("with") {
        Some(name) => {
            let known = Installer::ALL.into_iter().find(|installer| installer.program() == name);
            known.ok_or_else(|| flags.invalid("with", name, "it is mmdebstrap, debootstrap or dnf"))
        }
        None => Installer::ALL.into_iter().find(there).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "neither mmdebstrap nor debootstrap nor dnf is installed")
                .hint("install one of them: apt-get install mmdebstrap")
        }),
    }
}

/// Runs the installer; what it says goes to standard error, as standard output is for the image's id.
fn run(installer: Installer, arguments: &[String], quiet: bool) -> Result<()> {
    let failed = |error: std::io::Error| Error::invalid(format!("{}: {error}", installer.program()));
    let mut command = Command::new(installer.program());
    command.args(arguments).stdin(Stdio::null());
    if quiet {
        command.stdout(Stdio::null());
    } else {
        use std::os::fd::AsFd as _;
        command.stdout(rustix::stdio::stderr().as_fd().try_clone_to_owned().map_err(failed)?);
    }
    let status = command.status().map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::invalid(format!("{} failed: {status}", installer.program())).hint("what it said stands above"))
}
