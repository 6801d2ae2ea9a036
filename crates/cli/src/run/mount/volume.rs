//! `-v SRC:DST[:OPTIONS]`.

use super::bind::{Bind, PROPAGATIONS};
use super::{Mounts, Scene, destination};
use crate::run::PathKind;
use crate::run::root::absolute;
use crate::run::security::selinux;
use crate::{Error, Result};

/// Adds the mount of one `-v`. A source that is missing will be made, as Docker does.
pub(super) fn volume(text: &str, scene: &Scene<'_>, mounts: &mut Mounts) -> Result<()> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => return Err(anonymous(target)),
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => return Err(Error::invalid("too many colons").hint("write SRC:DST or SRC:DST:OPTIONS")),
    };
    if source.is_empty() || target.is_empty() {
        return Err(Error::invalid("empty section between colons"));
    }
    if !source.starts_with(['/', '.', '~']) {
        return Err(Error::unsupported(format!(
            "named volumes ({source}) are not there yet in this version of barque"
        ))
        .hint(format!("give a directory of the host: -v /path:{target}, or -v ./{source}:{target}")));
    }
    let mut bind = Bind {
        source: absolute(source, &scene.caller.cwd),
        destination: destination(target)
            .map_err(|why| Error::invalid(format!("invalid mount config for type \"bind\": {why}")))?,
        ..Bind::default()
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        apply(option, &mut bind, scene, mounts)?;
    }
    if scene.host.path_kind(&bind.source) == PathKind::Missing {
        mounts.create.push(bind.source.clone());
    }
    mounts.list.push(bind.into_mount());
    Ok(())
}

fn apply(option: &str, bind: &mut Bind, scene: &Scene<'_>, mounts: &mut Mounts) -> Result<()> {
    if let Some(propagation) = PROPAGATIONS.iter().find(|known| **known == option) {
        bind.propagation = Some(propagation);
        return Ok(());
    }
    match option {
        "ro" => bind.read_only = true,
        "idmap" => bind.idmap = Some((Vec::new(), Vec::new())),
        "exec" => bind.extra.push("exec"),
        "noexec" => bind.extra.push("noexec"),
        "suid" => bind.extra.push("suid"),
        "nosuid" => bind.extra.push("nosuid"),
        "dev" => bind.extra.push("dev"),
        "nodev" => bind.extra.push("nodev"),
        "z" | "Z" if selinux(scene.host) => {
            return Err(Error::unsupported(format!("relabelling for SELinux (:{option}) is not there yet"))
                .hint("relabel the directory yourself: chcon -Rt container_file_t DIR"));
        }
        // Without SELinux there are no labels to change; the rest says what is so anyway.
        "z" | "Z" | "rw" | "nocopy" | "consistent" | "cached" | "delegated" | "bind" | "rbind" => {}
        "U" => mounts.warnings.push(format!("the volume option :U is ignored for {}: use :idmap", bind.source)),
        _ => return Err(Error::invalid(format!("invalid mode: {option}")).hint(
            "options are ro, rw, idmap, z, Z, [no]exec, [no]suid, [no]dev, shared, slave, private, rshared, rslave, rprivate",
        )),
    }
    Ok(())
}

fn anonymous(target: &str) -> Error {
    Error::unsupported("anonymous volumes are not there yet in this version of barque").hint(format!(
        "write --tmpfs {target} for scratch space, -v DIR:{target} for a directory of the host"
    ))
}
