//! `barque volume clone`, `export`, `import`.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use barque_engine::{Places, Volumes};

use crate::flags::Parsed;
use crate::{Error, Result, console};

/// Makes a volume with the content of another; prints its name.
pub(super) fn clone(flags: &Parsed, places: &Places) -> Result<i32> {
    if let [source, name] = flags.positional() {
        drop(Volumes::new(places).clone_as(source, name)?);
        console::out(&format!("{name}\n"));
    }
    Ok(0)
}

/// Writes what is in a volume as an archive.
pub(super) fn export(flags: &Parsed, places: &Places) -> Result<i32> {
    let volumes = Volumes::new(places);
    let name = flags.positional().first().map_or("", String::as_str);
    match flags.value("output").filter(|path| *path != "-") {
        Some(path) => to_file(&volumes, name, Path::new(path))?,
        None if rustix::termios::isatty(rustix::stdio::stdout()) => {
            return Err(Error::invalid("cowardly refusing to write an archive to a terminal")
                .hint("use the -o flag or redirect"));
        }
        None => {
            let sink = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
            let written = volumes.export(name, sink)?.flush();
            written.map_err(|error| Error::invalid(format!("writing the archive: {error}")))?;
        }
    }
    Ok(0)
}

/// Whole or not at all: an archive that was broken off is not left under the name.
fn to_file(volumes: &Volumes, name: &str, path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::invalid(format!("--output {}: {error}", path.display()));
    // First, so that a wrong name touches nothing.
    volumes.find(name)?;
    let special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.tmp", std::process::id()));
    let to = if special { path } else { Path::new(&partial) };
    let sink = BufWriter::with_capacity(1 << 20, File::create(to).map_err(failed)?);
    let written = volumes.export(name, sink).and_then(|mut sink| sink.flush().map_err(failed));
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

/// Fills a new or an empty volume from an archive.
pub(super) fn import(flags: &Parsed, places: &Places) -> Result<i32> {
    let volumes = Volumes::new(places);
    let name = flags.positional().first().map_or("", String::as_str);
    match flags.positional().get(1).map(String::as_str) {
        None | Some("-") => volumes.import(name, std::io::stdin())?,
        Some(path) => {
            let file = File::open(path).map_err(|error| Error::invalid(format!("open {path}: {error}")))?;
            volumes.import(name, file)?;
        }
    }
    Ok(0)
}
