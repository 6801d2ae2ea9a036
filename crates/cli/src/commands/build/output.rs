//! `--output`: what comes of a build beside the image in the store.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use barque_image::Reference;
use barque_image::archive::{Form, Saved};
use barque_image::layer::{self, WriteOptions, write_tree};
use barque_image::snapshot::Mount;
use barque_image::store::Image;
use barque_sys::file;
use barque_sys::mount::{self, Attributes, Propagation};
use barque_sys::namespace::{self, Namespaces};

use crate::commands::image::{Images, config, push, save, told};
use crate::flags::Parsed;
use crate::{Error, Result};

/// One `--output`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// The image in the store, which there is anyway.
    Store,
    /// The same, and in its registry.
    Registry,
    /// The files in a directory.
    Directory(PathBuf),
    /// The files in a tar archive; none: standard output.
    Tar(Option<PathBuf>),
    /// The image in an archive; none: standard output.
    Archive(Form, Option<PathBuf>),
}

/// What is asked for: `type=tar,dest=FILE`, or a path alone, which is a directory; `-` alone is an archive on standard output.
pub(super) fn outputs(flags: &Parsed) -> Result<Vec<Output>> {
    let mut outputs = flags.all("output").map(|text| output(flags, text)).collect::<Result<Vec<_>>>()?;
    if flags.switch("push") {
        outputs.push(Output::Registry);
    }
    if outputs.contains(&Output::Registry) && !flags.has("tag") {
        return Err(Error::invalid("a push needs a name").hint("name the image with -t"));
    }
    Ok(outputs)
}

fn output(flags: &Parsed, text: &str) -> Result<Output> {
    if text == "-" {
        return Ok(Output::Tar(None));
    }
    if !text.contains('=') {
        return Ok(Output::Directory(PathBuf::from(text)));
    }
    let (mut kind, mut dest, mut push) = (None, None, false);
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("type", value)) => kind = Some(value),
            Some(("dest" | "path", value)) => dest = Some(value),
            Some(("push", value)) => push = value == "true",
            Some(("name" | "compression" | "oci-mediatypes" | "rewrite-timestamp", _)) => {
                let why = format!("{field} is not there yet in this version of barque");
                return Err(flags.invalid("output", text, why));
            }
            _ => return Err(flags.invalid("output", text, format!("unexpected field '{field}'"))),
        }
    }
    let file = dest.filter(|dest| *dest != "-").map(PathBuf::from);
    match (kind, file) {
        (Some("local"), Some(path)) => Ok(Output::Directory(path)),
        (Some("local"), None) => Err(flags.invalid("output", text, "type=local needs dest=DIRECTORY")),
        (Some("tar"), file) => Ok(Output::Tar(file)),
        (Some("oci"), file) => Ok(Output::Archive(Form::Oci, file)),
        (Some("docker"), None) if dest.is_none() => Ok(Output::Store),
        (Some("docker"), file) => Ok(Output::Archive(Form::Docker, file)),
        (Some("image"), _) if !push => Ok(Output::Store),
        (Some("image" | "registry"), _) => Ok(Output::Registry),
        _ => Err(flags.invalid("output", text, "type is local, tar, oci, docker, image or registry")),
    }
}

/// Writes one.
pub(super) fn write(images: &Images, image: &Image, names: &[Reference], output: &Output) -> Result<()> {
    match output {
        Output::Store => Ok(()),
        Output::Registry => {
            let client = config::client()?;
            names.iter().try_for_each(|name| push::one(images, &client, name, false))
        }
        Output::Archive(form, path) => {
            let saved = [Saved { image: image.clone(), names: names.to_vec() }];
            match path {
                Some(path) => save::to_file(images, &saved, *form, path),
                None => save::to_stdout(images, &saved, *form),
            }
        }
        Output::Tar(path) => view(images, image, |root| tar(root, path.as_deref())),
        Output::Directory(path) => view(images, image, |root| {
            file::make_directories(path, 0o755)?;
            let to = file::open(path, file::READ_DIRECTORY)?;
            Ok(barque_sys::copy::tree(file::open(root, file::READ_DIRECTORY)?, to)?)
        }),
    }
}

fn tar(root: &Path, path: Option<&Path>) -> Result<()> {
    let failed = |error: std::io::Error| Error::invalid(format!("--output: writing the archive: {error}"));
    let options = WriteOptions { form: layer::Form::Plain, latest: None };
    match path {
        Some(path) => {
            let file = File::create(path)
                .map_err(|error| Error::invalid(format!("--output: open {}: {error}", path.display())))?;
            let mut sink =
                write_tree(root, BufWriter::with_capacity(1 << 18, file), &options).map_err(told)?;
            sink.flush().map_err(failed)
        }
        None if rustix::termios::isatty(rustix::stdio::stdout()) => {
            Err(Error::invalid("an archive is not written to a terminal").hint("redirect, or give dest=FILE"))
        }
        None => {
            let sink = BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
            write_tree(root, sink, &options).map_err(told)?.flush().map_err(failed)
        }
    }
}

/// Shows the image's files to a function, mounted where nobody else sees them: in a process of its own.
fn view(images: &Images, image: &Image, look: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let lease = images.store.lease().map_err(told)?;
    let lowers = images.store.rootfs(image).map_err(told)?;
    let place = images.store.root().join("build").join("view");
    file::make_directories(&place, 0o711)?;
    let mounted = barque_engine::files::aside::start(|| {
        namespace::unshare(Namespaces::MOUNT)?;
        let everything = file::open(Path::new("/"), file::DIRECTORY)?;
        let private = Attributes { propagation: Some(Propagation::Private), ..Attributes::default() };
        mount::set_attributes(&everything, true, &private)?;
        match &lowers[..] {
            [] => {}
            [only] => Mount::Bind { source: only.clone(), read_only: true }.attach(&place).map_err(told)?,
            _ => Mount::Overlay { lowers: lowers.clone(), upper: None, user_attributes: false }
                .attach(&place)
                .map_err(told)?,
        }
        look(&place)
    })?;
    let written = mounted.finish::<()>();
    drop(lease);
    written
}
