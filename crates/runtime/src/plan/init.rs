//! The init process of `--init`: this program, seen from within the container.

use std::path::PathBuf;

use super::input::{Input, NamespacePlan};
use super::mount::{Attributes, Mount, Source};
use super::mount_options::{self, Effect};

/// Whether the container may see this program's own file. It lies on a mount that is read-only, and who has
/// `CAP_SYS_ADMIN` over the container's mounts can lift that; then only the kernel's refusal to write to a file that is
/// executed would stand before the host's program (CVE-2019-5736), and Linux 6.11 and 6.12 do not refuse. Where a
/// namespace is joined, others may look at us before the mount is the container's. An unprivileged creator runs from a
/// copy in memory, which cannot be mounted. All these get a copy.
fn may_be_shared(input: &Input<'_>) -> bool {
    let sets = input.spec.process.as_ref().and_then(|process| process.capabilities.as_ref());
    let is_admin = |name: &crate::spec::Str<'_>| *name == "CAP_SYS_ADMIN";
    let administers = sets.is_some_and(|sets| {
        [&sets.bounding, &sets.effective, &sets.permitted, &sets.inheritable, &sets.ambient]
            .iter()
            .any(|set| set.iter().any(is_admin))
    });
    let joins = NamespacePlan::from_spec(input.spec).is_ok_and(|namespaces| !namespaces.joined.is_empty());
    input.host.privileged && !administers && !joins
}

/// Where a copy of the program goes on the host, if there must be one.
pub(super) fn copy(input: &Input<'_>) -> Option<PathBuf> {
    (input.options.init.is_some() && !may_be_shared(input)).then(|| input.bundle.join("init"))
}

/// How the container sees it.
pub(super) fn mount(input: &Input<'_>) -> Option<Mount> {
    let target = input.options.init.as_ref()?;
    let source = match copy(input) {
        Some(path) => Source::Bind { path, recursive: false, subdirectory: None },
        None => Source::Program,
    };
    let mut attributes = Attributes::default();
    for option in ["ro", "nosuid", "nodev"] {
        if let Some(Effect::Attribute { bits, on }) = mount_options::effect(option) {
            mount_options::apply(&mut attributes, bits, on);
        }
    }
    Some(Mount { attributes, ..Mount::new(source, target.clone()) })
}
