//! `barque save`.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use barque_image::archive::{self, Form, Saved};

use super::{Images, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, Result};

/// Writes images to an archive or a directory.
pub(super) fn save(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let output = flags.value("output").filter(|path| *path != "-");
    let saved =
        flags.positional().iter().map(|typed| wanted(&images, typed)).collect::<Result<Vec<Saved>>>()?;
    let form = match flags.value("format").unwrap_or("docker-archive") {
        "docker-archive" => Form::Docker,
        "oci-archive" => Form::Oci,
        directory @ ("oci-dir" | "docker-dir") => {
            let Some(path) = output else {
                return Err(Error::invalid(format!(
                    "--format {directory} writes a directory: name it with --output"
                )));
            };
            return to_directory(&images, &saved, directory == "oci-dir", Path::new(path));
        }
        other => {
            let why = "it is docker-archive, oci-archive, oci-dir or docker-dir";
            return Err(flags.invalid("format", other, why));
        }
    };
    match output {
        Some(path) => to_file(&images, &saved, form, Path::new(path))?,
        None => to_stdout(&images, &saved, form)?,
    }
    Ok(0)
}

/// Writes an archive to standard output.
pub(in crate::commands) fn to_stdout(images: &Images, saved: &[Saved], form: Form) -> Result<()> {
    if rustix::termios::isatty(rustix::stdio::stdout()) {
        return Err(
            Error::invalid("cowardly refusing to save to a terminal").hint("use the -o flag or redirect")
        );
    }
    let mut sink = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    archive::save(&images.store, saved, form, &mut sink).map_err(told)?;
    sink.flush().map_err(|error| Error::invalid(format!("writing the archive: {error}")))
}

/// An image with the name that was typed, or without one.
fn wanted(images: &Images, typed: &str) -> Result<Saved> {
    let image = images.find(typed)?;
    let name = images.short_names.candidates(typed).unwrap_or_default();
    let named = name.iter().map(|name| name.or_latest()).find(|name| {
        name.tag().is_some()
            && images
                .store
                .named(&name.to_string())
                .ok()
                .flatten()
                .is_some_and(|named| named.manifest == image.descriptor)
    });
    Ok(Saved { image, names: named.into_iter().collect() })
}

/// Whole or not at all: an archive that was broken off is not left under the name.
pub(in crate::commands) fn to_file(images: &Images, saved: &[Saved], form: Form, path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::invalid(format!("--output {}: {error}", path.display()));
    let special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.tmp", std::process::id()));
    let to = if special { path } else { Path::new(&partial) };
    let mut sink = File::create(to).map_err(failed)?;
    let written = archive::save(&images.store, saved, form, &mut sink).map_err(told);
    if special {
        return written;
    }
    let done = written.and_then(|()| std::fs::rename(to, path).map_err(failed));
    if done.is_err() {
        // What went wrong is said already.
        drop(std::fs::remove_file(to));
    }
    done
}

fn to_directory(images: &Images, saved: &[Saved], layout: bool, path: &Path) -> Result<i32> {
    match saved {
        _ if layout => archive::save_layout(&images.store, saved, path).map_err(told)?,
        [one] => archive::save_dir(&images.store, &one.image, path).map_err(told)?,
        _ => return Err(Error::invalid("--format docker-dir holds one image only")),
    }
    Ok(0)
}
