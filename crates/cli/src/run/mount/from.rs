//! `--volumes-from CONTAINER[:OPTIONS]`.

use barque_engine::definition::MountKind;
use barque_engine::volume::{ANONYMOUS, Wanted};
use barque_runtime::spec::Str;

use super::{Builder, Mounts};
use crate::{Error, Result};

/// Adds the volumes and directories of another container.
pub(super) fn volumes_from(text: &str, build: &mut Builder<'_>) -> Result<()> {
    let (container, mode) = text.split_once(':').unwrap_or((text, ""));
    let mut read_only = false;
    for option in mode.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            "rw" | "z" | "Z" | "nocopy" => {}
            _ => {
                return Err(Error::invalid(format!("invalid mode: {option}"))
                    .hint("write CONTAINER, or CONTAINER:ro"));
            }
        }
    }
    for (mut point, mut mount) in build.scene.host.container_mounts(container)? {
        if !matches!(point.kind, MountKind::Volume | MountKind::Bind) {
            continue;
        }
        if mount.kind.as_deref() == Some("overlay") {
            build.mounts.warnings.push(format!(
                "--volumes-from {container}: {} is left out: what is written there is that container's alone",
                point.destination
            ));
            continue;
        }
        if read_only && point.rw {
            point.rw = false;
            "ro".clone_into(&mut point.mode);
            mount.options.push(Str::from("rro"));
        }
        if let Some(name) = &point.name {
            // Held until this container is written down, too; it is there as long as the other one is.
            let mut wanted = Wanted { name: Some(name.clone()), ..Wanted::default() };
            if point.anonymous {
                wanted.labels.insert(ANONYMOUS.to_owned(), String::new());
            }
            build.mounts.volumes.push(wanted);
        }
        // It goes with the container that it was made for.
        point.anonymous = false;
        let Mounts { list, points, .. } = &mut build.mounts;
        // What several containers have, the last one gives.
        list.retain(|other| other.destination != mount.destination);
        points.retain(|other| other.destination != point.destination);
        list.push(mount);
        points.push(point);
    }
    Ok(())
}
