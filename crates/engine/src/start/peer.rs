//! Namespaces of other containers: which they are is asked at each start, since theirs may have been started again.

use barque_runtime::spec::{NamespaceKind, Spec};

use crate::{Containers, Error, ErrorKind, Places, Result};

/// Begins the path of a namespace that is another container's; its id follows.
pub const CONTAINER: &str = "container:";

/// The configuration with paths of the kernel in the place of other containers' ids; none when there are no such.
pub(super) fn resolve<'a>(places: &Places, spec: &Spec<'a>) -> Result<Option<Spec<'a>>> {
    let list = spec.linux.as_ref().map(|linux| &linux.namespaces[..]).unwrap_or_default();
    let peer = |path: &str| path.strip_prefix(CONTAINER).map(str::to_owned);
    if !list.iter().any(|namespace| namespace.path.as_deref().is_some_and(|path| peer(path).is_some())) {
        return Ok(None);
    }
    let mut spec = spec.clone();
    for namespace in spec.linux.iter_mut().flat_map(|linux| &mut linux.namespaces) {
        if let Some(id) = namespace.path.as_deref().and_then(peer) {
            namespace.path = Some(path(places, &id, namespace.kind)?.into());
        }
    }
    Ok(Some(spec))
}

fn path(places: &Places, id: &str, kind: NamespaceKind) -> Result<String> {
    let (file, what) = match kind {
        NamespaceKind::Pid => ("pid", "PID"),
        _ => ("net", "network"),
    };
    let container = Containers::new(places.clone()).find(id)?;
    let now = container.now()?;
    let pid = now.pid.ok_or_else(|| {
        Error::new(
            ErrorKind::Conflict,
            format!("cannot join {what} namespace of a non running container: {}", container.name()),
        )
        .hint(format!("start it first: barque start {}", container.name()))
    })?;
    Ok(format!("/proc/{pid}/ns/{file}"))
}
