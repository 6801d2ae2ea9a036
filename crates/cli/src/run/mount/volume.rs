//! `-v [SRC:]DST[:OPTIONS]`.

use super::bind::Bind;
use super::named::Named;
use super::options::options;
use super::{Builder, destination, overlay};
use crate::run::PathKind;
use crate::run::root::absolute;
use crate::{Error, Result};

/// Adds the mount of one `-v`. A source that is missing will be made, as Docker does.
pub(super) fn volume(text: &str, build: &mut Builder<'_>) -> Result<()> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, given) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => return Err(Error::invalid("too many colons").hint("write SRC:DST or SRC:DST:OPTIONS")),
    };
    if source == Some("") || target.is_empty() {
        return Err(Error::invalid("empty section between colons"));
    }
    let is_path = source.is_some_and(|source| source.starts_with(['/', '.', '~']));
    let kind = if is_path { "bind" } else { "volume" };
    let destination = destination(target)
        .map_err(|why| Error::invalid(format!("invalid mount config for type \"{kind}\": {why}")))?;
    let options = options(given, build)?;
    match source {
        Some(source) if is_path => {
            let source = absolute(source, &build.scene.caller.cwd);
            if build.scene.host.path_kind(&source) == PathKind::Missing {
                build.mounts.create.push(source.clone());
            }
            let bind = Bind {
                source,
                destination,
                read_only: options.read_only,
                propagation: options.propagation,
                extra: options.extra,
                idmap: options.idmap,
                owner: if options.give { Some(build.user()?) } else { None },
                ..Bind::default()
            };
            let point = bind.point(&options.text);
            let mount = match options.throw_away {
                true => overlay::throw_away(&bind, build)?,
                false => bind.into_mount(),
            };
            build.add(mount, Some(point))
        }
        name => Named { name: name.map(str::to_owned), destination, options, ..Named::default() }.add(build),
    }
}
