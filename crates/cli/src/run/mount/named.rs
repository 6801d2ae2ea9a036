//! Volumes, as mounts.

use std::collections::BTreeMap;

use barque_engine::definition::{MountKind, MountPoint};
use barque_engine::volume::{self, ANONYMOUS, Kind, Wanted};
use barque_runtime::spec::Mount;

use super::bind::{Bind, Recursion};
use super::options::Options;
use super::{Builder, kernel, overlay};
use crate::{Error, Result};

/// A volume that a container is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Its name; it is made for this container alone where none is given.
    pub name: Option<String>,
    pub destination: String,
    pub options: Options,
    /// Only this part of it.
    pub subdirectory: Option<String>,
    /// Labels of a new one.
    pub labels: BTreeMap<String, String>,
    /// Options of a new one.
    pub driver_options: BTreeMap<String, String>,
}

impl Named {
    /// Adds it to the mounts, and to the volumes that are to be made.
    pub(super) fn add(mut self, build: &mut Builder<'_>) -> Result<()> {
        let anonymous = self.name.is_none();
        let name = match self.name.take() {
            Some(name) => name,
            None => build.scene.host.made_up_name()?,
        };
        volume::check_name(&name)?;
        if anonymous {
            self.labels.insert(ANONYMOUS.to_owned(), String::new());
        }
        let place = build.scene.host.volume(&name)?;
        let options = place.options.as_ref().unwrap_or(&self.driver_options);
        let mounted = volume::Options::read(options)?;
        let point = MountPoint {
            kind: MountKind::Volume,
            name: Some(name.clone()),
            source: place.data.clone(),
            destination: self.destination.clone(),
            driver: Some("local".to_owned()),
            mode: self.options.text.clone(),
            rw: !self.options.read_only,
            propagation: self.options.propagation.unwrap_or_default().to_owned(),
            anonymous,
        };
        let wanted = Wanted {
            name: Some(name),
            labels: std::mem::take(&mut self.labels),
            options: std::mem::take(&mut self.driver_options),
            owner: build.root_outside(),
        };
        let mount = match mounted {
            None => self.directory(place.data, Recursion::Enabled, build)?,
            Some(mounted) => self.mounted(mounted, build)?,
        };
        if !build.mounts.volumes.iter().any(|other| other.name == wanted.name) {
            build.mounts.volumes.push(wanted);
        }
        build.add(mount, Some(point))
    }

    fn directory(
        self,
        source: String,
        recursion: Recursion,
        build: &mut Builder<'_>,
    ) -> Result<Mount<'static>> {
        let Options { read_only, propagation, extra, idmap, no_copy, give, throw_away, .. } = self.options;
        let bind = Bind {
            source,
            destination: self.destination,
            read_only,
            propagation,
            recursion,
            extra,
            idmap,
            fill: !no_copy && !throw_away && self.subdirectory.is_none(),
            subdirectory: self.subdirectory,
            owner: if give { Some(build.user()?) } else { None },
        };
        if throw_away { overlay::throw_away(&bind, build) } else { Ok(bind.into_mount()) }
    }

    /// What its options mount in its place: in the container, where nobody else sees it.
    fn mounted(mut self, mounted: volume::Options, build: &mut Builder<'_>) -> Result<Mount<'static>> {
        let mut given = mounted.options;
        match mounted.kind {
            Kind::Bind { path, recursive } => {
                self.options.read_only |= given.iter().any(|option| option == "ro");
                given.retain(|option| !matches!(option.as_str(), "ro" | "rw"));
                if let Some(other) = given.first() {
                    return Err(Error::unsupported(format!(
                        "option {other:?} of a volume that is a directory"
                    ))
                    .hint("there are bind, rbind, ro and rw"));
                }
                let recursion = if recursive { Recursion::Enabled } else { Recursion::Disabled };
                self.directory(path, recursion, build)
            }
            Kind::FileSystem { kind, device } => {
                let options = &self.options;
                if options.give
                    || options.throw_away
                    || options.idmap.is_some()
                    || self.subdirectory.is_some()
                {
                    return Err(Error::unsupported(format!(
                        "a part, other owners or a layer of a volume of type {kind}"
                    ))
                    .hint("mount it as it is; uid=, gid= and mode= are options of tmpfs volumes"));
                }
                if kind == "tmpfs" && !options.no_copy {
                    given.push("tmpcopyup".to_owned());
                }
                if options.read_only {
                    given.push("ro".to_owned());
                }
                given.extend(options.extra.iter().map(|option| (*option).to_owned()));
                given.push(options.propagation.unwrap_or("rprivate").to_owned());
                let given: Vec<&str> = given.iter().map(String::as_str).collect();
                Ok(kernel(&self.destination, &kind, &device, &given))
            }
        }
    }
}
