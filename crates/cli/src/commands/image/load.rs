//! `barque load`.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use barque_image::archive::{self, Input};

use super::progress::{Show, progress};
use super::rmi::familiar;
use super::{Images, config, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, Result, console};

/// Reads images from an archive or a directory.
pub(super) fn load(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let platform = config::platform(flags)?;
    let show = if flags.switch("quiet") { Show::Nothing } else { Show::Errors };
    let path = flags.value("input").filter(|path| *path != "-");
    let failed = |error: std::io::Error| Error::invalid(format!("open {}: {error}", path.unwrap_or("-")));
    let input = match path.map(Path::new) {
        Some(path) if path.is_dir() => Input::Directory(path),
        Some(path) => Input::Archive(File::open(path).map_err(failed)?),
        None if rustix::termios::isatty(rustix::stdio::stdin()) => {
            return Err(Error::invalid("requested load from stdin, but stdin is empty")
                .hint("name the archive with --input, or redirect it"));
        }
        None => {
            let stdin = rustix::stdio::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
            Input::Archive(File::from(stdin))
        }
    };
    let loaded = archive::load(&images.store, input, platform.as_ref(), &*progress(show)).map_err(told)?;
    for image in loaded {
        for name in &image.names {
            console::out(&format!("Loaded image: {}\n", familiar(name)));
        }
        if image.names.is_empty() {
            console::out(&format!("Loaded image ID: {}\n", image.image.id()));
        }
    }
    Ok(0)
}
