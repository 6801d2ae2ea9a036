//! `barque image from-host`.

use std::path::{Path, PathBuf};

use barque_image::rootfs::{Extra, HostSelection};

use super::{Images, import, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::format::human_size;
use crate::{Error, Result, console};

const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes an image of programs of this machine.
pub(super) fn from_host(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let Some(name) = flags.value("name") else {
        return Err(Error::invalid("--name is missing").hint("barque image from-host --name demo bash ls"));
    };
    let mut wanted = import::wanted(&images, flags, Some(name))?;
    let extras = [
        ("with-terminfo", Extra::Terminfo),
        ("with-certificates", Extra::Certificates),
        ("with-time-zones", Extra::TimeZones),
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let selection = HostSelection {
        root: PathBuf::from("/"),
        programs: flags.positional().to_vec(),
        search: std::env::split_paths(&path)
            .chain(std::env::split_paths(SEARCH))
            .filter(|path| path.is_absolute())
            .collect(),
        extras: extras.into_iter().filter(|(flag, _)| flags.switch(flag)).map(|(_, extra)| extra).collect(),
        include: flags.all("include").map(PathBuf::from).collect(),
    };
    let scratch = Scratch::new(places)?;
    let selected = selection.copy_to(scratch.path()).map_err(told)?;
    for warning in &selected.warnings {
        console::err(&format!("WARNING: {warning}\n"));
    }
    if let Some(first) = selected.programs.first() {
        wanted.changes.insert(0, format!("CMD [{:?}]", first.display().to_string()));
        wanted.changes.insert(0, format!("ENV PATH={SEARCH}"));
    }
    wanted.message = format!("from-host {}", flags.positional().join(" "));
    let image = import::directory(&images, scratch.path(), &wanted)?;
    if !flags.switch("quiet") {
        console::err(&format!("{} files, {}\n", selected.files, human_size(selected.bytes, 3)));
    }
    console::out(&format!("{}\n", image.id()));
    Ok(0)
}

/// A directory of this command's own below `--root`, where files can be of anybody. Goes with it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(places: &Places) -> Result<Self> {
        let path = places.root.join("tmp").join(format!("image-{}", std::process::id()));
        // One of a process that had the same id and was killed.
        barque_image::layer::remove_tree(&path).map_err(told)?;
        barque_sys::file::make_directories(&path, 0o700)?;
        let path =
            std::path::absolute(&path).map_err(|error| Error::invalid(format!("{path:?}: {error}")))?;
        use std::os::unix::fs::PermissionsExt as _;
        // It becomes the root directory of the image. Whoever it is that must not look goes by the one above it.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, open)
            .map_err(|error| Error::invalid(format!("{path:?}: {error}")))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next of its id.
        drop(barque_image::layer::remove_tree(&self.0));
        if let Some(parent) = self.0.parent() {
            drop(std::fs::remove_dir(parent));
        }
    }
}
