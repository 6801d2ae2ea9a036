//! `--mount type=…,src=…,dst=…,…`.

use std::collections::BTreeMap;

use barque_engine::definition::{MountKind, MountPoint};
use barque_runtime::spec::Mount;

use super::bind::{Bind, PROPAGATIONS, Recursion};
use super::named::Named;
use super::options::Options;
use super::{Scene, csv, destination, idmap, kernel};
use crate::run::PathKind;
use crate::run::root::absolute;
use crate::value::{boolean, size};

/// What to write.
pub(super) const CURE: &str = "for example: --mount type=volume,src=db,dst=/data, or --mount type=bind,src=/data,dst=/data,readonly, or --mount type=tmpfs,dst=/tmp,tmpfs-size=64m";

/// The fields, before it is known what they mean together.
#[derive(Default)]
struct Fields {
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    read_only: bool,
    propagation: Option<&'static str>,
    recursion: Option<Recursion>,
    /// `bind-recursive=readonly`: must be read-only all the way down.
    force_recursive: bool,
    idmap: Option<idmap::Mappings>,
    tmpfs: Vec<String>,
    create: bool,
    volume: VolumeFields,
    /// The first field that only some types have, for the complaint.
    special: Option<(&'static str, String)>,
}

/// Fields that only volumes have.
#[derive(Default)]
struct VolumeFields {
    no_copy: bool,
    subpath: Option<String>,
    labels: BTreeMap<String, String>,
    options: BTreeMap<String, String>,
}

/// What the flag's value asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// A mount.
    Mount(Mount<'static>, MountPoint),
    /// A volume.
    Volume(Named),
    /// The files of an image.
    Image { name: String, destination: String },
}

/// Reads the flag's value.
pub(super) fn mount(text: &str, scene: &Scene<'_>) -> Result<Asked, String> {
    let mut fields = Fields::default();
    for field in csv::fields(text)? {
        fields.set(&field)?;
    }
    let kind = fields.kind.as_deref().unwrap_or("volume");
    if let Some((owner, field)) = &fields.special
        && *owner != kind
    {
        return Err(format!("cannot mix '{field}' with mount type '{kind}'"));
    }
    if fields.idmap.is_some() && !matches!(kind, "bind" | "volume") {
        return Err(format!("cannot mix 'idmap' with mount type '{kind}'"));
    }
    let target = fields.target.as_deref().ok_or("target is required")?;
    let target = destination(target)?;
    match kind {
        "bind" => fields.bind(target, scene),
        "tmpfs" => fields.tmpfs(&target),
        "volume" => Ok(Asked::Volume(fields.volume(target))),
        "image" => {
            let name = fields.source.filter(|source| !source.is_empty()).ok_or("source is required")?;
            Ok(Asked::Image { name, destination: target })
        }
        "devpts" | "mqueue" | "proc" | "sysfs" | "cgroup" => {
            let mount = kernel(&target, kind, kind, &["nosuid", "noexec"]);
            let point = MountPoint { destination: target, rw: true, ..MountPoint::default() };
            Ok(Asked::Mount(mount, point))
        }
        other => Err(format!("invalid mount type '{other}'")),
    }
}

impl Fields {
    fn set(&mut self, field: &str) -> Result<(), String> {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_ascii_lowercase(), Some(value)),
            None => (field.to_ascii_lowercase(), None),
        };
        let key = key.as_str();
        match (key, value) {
            ("readonly" | "ro", value) => self.read_only = flag(key, value)?,
            ("rw", value) => self.read_only = !flag(key, value)?,
            // Of a volume, too.
            ("idmap", value) => {
                self.idmap = Some(idmap::mappings(value.unwrap_or(""))?);
            }
            ("bind-nonrecursive", value) => {
                self.special(key, "bind");
                if flag(key, value)? {
                    self.recursion = Some(Recursion::Disabled);
                }
            }
            ("bind-create-src", value) => {
                self.special(key, "bind");
                self.create = flag(key, value)?;
            }
            ("type", Some(value)) => self.kind = Some(value.to_ascii_lowercase()),
            ("source" | "src", Some(value)) => self.source = Some(value.to_owned()),
            ("target" | "dst" | "dest" | "destination", Some(value)) => self.target = Some(value.to_owned()),
            ("bind-propagation" | "bind-recursive", Some(value)) => {
                self.special(key, "bind");
                self.bind_option(key, value)?;
            }
            ("tmpfs-size" | "tmpfs-mode", Some(value)) => {
                self.special(key, "tmpfs");
                self.tmpfs_option(key, value)?;
            }
            ("consistency", Some(_)) => {}
            ("volume-nocopy", value) => {
                self.special(key, "volume");
                self.volume.no_copy = flag(key, value)?;
            }
            ("volume-subpath" | "volume-driver" | "volume-opt" | "volume-label", Some(value)) => {
                self.special(key, "volume");
                self.volume.set(key, value)?;
            }
            ("image-subpath", _) => {
                return Err("image-subpath is not there yet: mount the whole image".to_owned());
            }
            (_, Some(_)) => return Err(format!("unexpected key '{key}' in '{field}'")),
            (_, None) => return Err(format!("invalid field '{field}' must be a key=value pair")),
        }
        Ok(())
    }

    fn special(&mut self, key: &str, owner: &'static str) {
        self.special.get_or_insert_with(|| (owner, key.to_owned()));
    }

    fn bind_option(&mut self, key: &str, value: &str) -> Result<(), String> {
        if key == "bind-propagation" {
            let known = PROPAGATIONS.iter().find(|known| **known == value);
            self.propagation = Some(known.ok_or_else(|| format!("invalid propagation '{value}'"))?);
            return Ok(());
        }
        self.force_recursive = value == "readonly";
        self.recursion = Some(match value {
            "enabled" | "readonly" => Recursion::Enabled,
            "disabled" => Recursion::Disabled,
            "writable" => Recursion::Writable,
            _ => {
                return Err(format!(
                    "invalid value for bind-recursive: {value} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
                ));
            }
        });
        Ok(())
    }

    fn tmpfs_option(&mut self, key: &str, value: &str) -> Result<(), String> {
        let bad = || format!("invalid value for {key}: {value}");
        let option = if key == "tmpfs-size" {
            format!("size={}", size(value).map_err(|_| bad())?)
        } else {
            format!(
                "mode={:o}",
                u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(bad)?
            )
        };
        self.tmpfs.push(option);
        Ok(())
    }

    fn bind(self, destination: String, scene: &Scene<'_>) -> Result<Asked, String> {
        let source =
            self.source.as_deref().filter(|source| !source.is_empty()).ok_or("source is required")?;
        let source = absolute(source, &scene.caller.cwd);
        if scene.host.path_kind(&source) == PathKind::Missing && !self.create {
            return Err(format!("bind source path does not exist: {source}"));
        }
        let recursion = self.recursion.unwrap_or_default();
        if self.force_recursive {
            if !self.read_only {
                return Err(
                    "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction"
                        .to_owned(),
                );
            }
            if self.propagation.is_some_and(|propagation| propagation != "rprivate") {
                return Err("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction".to_owned());
            }
        }
        if recursion == Recursion::Writable && !self.read_only {
            return Err(
                "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"
                    .to_owned(),
            );
        }
        let bind = Bind {
            source,
            destination,
            read_only: self.read_only,
            propagation: self.propagation,
            recursion,
            idmap: self.idmap,
            ..Bind::default()
        };
        let point = bind.point("");
        Ok(Asked::Mount(bind.into_mount(), point))
    }

    fn volume(self, destination: String) -> Named {
        Named {
            name: self.source.filter(|source| !source.is_empty()),
            destination,
            options: Options {
                read_only: self.read_only,
                no_copy: self.volume.no_copy,
                idmap: self.idmap,
                ..Options::default()
            },
            subdirectory: self.volume.subpath,
            labels: self.volume.labels,
            driver_options: self.volume.options,
        }
    }

    fn tmpfs(self, destination: &str) -> Result<Asked, String> {
        if self.source.is_some() {
            return Err("a tmpfs has no source".to_owned());
        }
        let mut options = vec!["noexec", "nosuid", "nodev"];
        if self.read_only {
            options.push("ro");
        }
        options.extend(self.tmpfs.iter().map(String::as_str));
        let point = MountPoint {
            kind: MountKind::Tmpfs,
            destination: destination.to_owned(),
            rw: !self.read_only,
            ..MountPoint::default()
        };
        Ok(Asked::Mount(kernel(destination, "tmpfs", "tmpfs", &options), point))
    }
}

impl VolumeFields {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "volume-subpath" => self.subpath = Some(subpath(value)?),
            "volume-driver" if matches!(value, "" | "local") => {}
            "volume-driver" => return Err(format!("there is no volume driver '{value}': it is local")),
            _ => {
                let (name, value) = value.split_once('=').unwrap_or((value, ""));
                let all = if key == "volume-opt" { &mut self.options } else { &mut self.labels };
                all.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(())
    }
}

/// A path in a volume. What it means in the end is found out at the mount: links may be in the way.
fn subpath(path: &str) -> Result<String, String> {
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err("subpath must be a relative path within the volume".to_owned());
    }
    if path.is_empty() || path.contains(',') {
        return Err(format!("invalid subpath '{path}'"));
    }
    Ok(path.to_owned())
}

/// A key that may stand alone.
fn flag(key: &str, value: Option<&str>) -> Result<bool, String> {
    value.map_or(Ok(true), |value| boolean(value).map_err(|_| format!("invalid value for {key}: {value}")))
}
