//! Layers over what is mounted: `:O`, and images.

use std::path::PathBuf;

use barque_engine::definition::{MountKind, MountPoint, ScratchDirectory};
use barque_runtime::spec::Mount;

use super::bind::{Bind, Recursion};
use super::{Builder, kernel};
use crate::{Error, Result};

/// A directory with a layer over it that is thrown away when the container ends.
pub(super) fn throw_away(bind: &Bind, build: &mut Builder<'_>) -> Result<Mount<'static>> {
    let source = &bind.source;
    if bind.subdirectory.is_some() {
        return Err(
            Error::unsupported("a layer over a part of a volume").hint("leave O or volume-subpath out")
        );
    }
    let number = build.mounts.scratch.len();
    let top = format!("{}/overlay{number}", build.scene.caller.directory);
    let (upper, work) = (format!("{top}/upper"), format!("{top}/work"));
    // The upper directory's owner and mode are those that the mount shows.
    let like = build.scene.host.attributes(source);
    let owner = if build.scene.caller.privileged {
        like.map(|like| (like.uid, like.gid)).or(build.root_outside())
    } else {
        None
    };
    let mode = like.map_or(0o755, |like| like.mode);
    for (path, mode) in [(&top, 0o711), (&upper, mode), (&work, 0o700)] {
        build.mounts.scratch.push(ScratchDirectory { path: PathBuf::from(path), mode, owner });
    }
    let mut options = vec![
        format!("lowerdir={}", lower(source)?),
        format!("upperdir={}", one(&upper)?),
        format!("workdir={}", one(&work)?),
    ];
    options.extend(bind.extra.iter().map(|option| (*option).to_owned()));
    if bind.read_only {
        options.push("ro".to_owned());
    }
    Ok(finish(&bind.destination, options, build))
}

fn finish(destination: &str, mut options: Vec<String>, build: &Builder<'_>) -> Mount<'static> {
    if build.scene.namespaces.user.is_foreign() {
        // What overlayfs notes are `trusted.*` attributes else, which a user namespace may not write (Linux 5.11).
        options.push("userxattr".to_owned());
    }
    options.push("rprivate".to_owned());
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    kernel(destination, "overlay", "overlay", &options)
}

/// A directory as the mount option is written.
fn lower(path: &str) -> Result<String> {
    Ok(one(path)?.replace('\\', r"\\").replace(':', r"\:"))
}

fn one(path: &str) -> Result<&str> {
    if path.contains(',') {
        return Err(Error::unsupported(format!(
            "a layer over {path:?}: the comma would end the mount option"
        ))
        .hint("move it to a path without commas"));
    }
    Ok(path)
}

/// `--mount type=image`: the layers of an image, read-only.
pub(super) fn image(name: &str, destination: String, build: &mut Builder<'_>) -> Result<()> {
    let layers = build.scene.host.image_layers(name)?;
    let mount = match &layers[..] {
        // overlayfs wants two at least.
        [layer] => Bind {
            source: layer.clone(),
            destination: destination.clone(),
            read_only: true,
            recursion: Recursion::Disabled,
            ..Bind::default()
        }
        .into_mount(),
        layers => {
            let names = layers.iter().map(|layer| lower(layer)).collect::<Result<Vec<_>>>()?;
            let options = vec![format!("lowerdir={}", names.join(":")), "ro".to_owned()];
            finish(&destination, options, build)
        }
    };
    let point =
        MountPoint { kind: MountKind::Image, source: name.to_owned(), destination, ..MountPoint::default() };
    build.add(mount, Some(point))
}
