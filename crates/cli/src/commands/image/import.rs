//! `barque import`, and the making of images from directories.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use barque_image::layer::{Form, WriteOptions, write_tree};
use barque_image::spec::Platform;
use barque_image::store::{Image, Import};

use super::{Images, config, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::value::{now, rfc3339};
use crate::{Error, Result, console};

/// Makes an image of a root filesystem.
pub(super) fn import(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let (source, name) = match flags.positional() {
        [source] => (source, None),
        [source, name] => (source, Some(name.as_str())),
        _ => return Ok(1),
    };
    let mut import = wanted(&images, flags, name)?;
    if import.message.is_empty() {
        import.message = format!("Imported from {source}");
    }
    let failed = |error: std::io::Error| Error::invalid(format!("{source}: {error}"));
    let path = Path::new(source);
    let image = if source == "-" {
        if rustix::termios::isatty(rustix::stdio::stdin()) {
            return Err(Error::invalid("import from a terminal: redirect an archive to standard input"));
        }
        let stdin = rustix::stdio::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
        images.store.import(File::from(stdin), &import).map_err(told)?
    } else if path.is_dir() {
        directory(&images, path, &import)?
    } else {
        images.store.import(File::open(path).map_err(failed)?, &import).map_err(told)?
    };
    console::out(&format!("{}\n", image.id()));
    Ok(0)
}

/// What an image is to be, by the flags that all commands have which make one.
pub(super) fn wanted(images: &Images, flags: &Parsed, name: Option<&str>) -> Result<Import> {
    let platform = if flags.command().long("platform").is_some() { config::platform(flags)? } else { None };
    let message = if flags.command().long("message").is_some() { flags.value("message") } else { None };
    Ok(Import {
        name: name.map(|name| images.name(name)).transpose()?,
        changes: flags.all("change").map(str::to_owned).collect(),
        message: message.unwrap_or("").to_owned(),
        platform: platform.unwrap_or_else(Platform::of_this_machine),
        created: rfc3339(config::source_date()?.unwrap_or_else(now)),
    })
}

/// An image of a directory: its archive is read while it is written.
pub(super) fn directory(images: &Images, path: &Path, import: &Import) -> Result<Image> {
    let (reader, writer) = std::io::pipe()
        .map_err(|error| Error::invalid(format!("pipe for the archive of {}: {error}", path.display())))?;
    let latest = config::source_date()?;
    let options = WriteOptions { form: Form::Plain, latest };
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || write_tree(path, writer, &options).map(drop));
        let image = images.store.import(&reader, import);
        if image.is_err() {
            // A pipe that nobody reads would end this process by a signal.
            drop(std::io::copy(&mut &reader, &mut std::io::sink()));
        }
        let lost = || Err(barque_image::Error::invalid(format!("the archive of {} ended", path.display())));
        let written = writer.join().unwrap_or_else(|_| lost());
        written.and(image).map_err(told)
    })
}
