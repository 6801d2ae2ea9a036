//! `--cgroup-parent`: where in the cgroup tree the container goes.

use super::{Caller, CgroupVersion};
use crate::flags::Parsed;
use crate::{Error, Result};

/// Where containers go unless told otherwise.
const PARENT: &str = "/barque";

/// `PARENT/ID`; `None` when no cgroup can be used. A `….slice` gives the systemd form `slice:barque:ID`.
pub(super) fn path(flags: &Parsed, caller: &Caller) -> Result<Option<String>> {
    if caller.cgroups == CgroupVersion::Unavailable {
        return Ok(None);
    }
    let parent = flags.value("cgroup-parent").filter(|parent| !parent.is_empty()).unwrap_or(PARENT);
    if parent.split('/').any(|part| part == "..") {
        return Err(flags.invalid("cgroup-parent", parent, "a parent cgroup cannot have \"..\" in it"));
    }
    if parent.ends_with(".slice") {
        return match parent.contains('/') {
            false => Ok(Some(format!("{parent}:barque:{}", caller.id))),
            true => Err(Error::invalid(format!(
                "cgroup-parent for systemd cgroup should be a valid slice named as \"xxx.slice\", not {parent:?}"
            ))),
        };
    }
    let parent = super::root::absolute(parent, "/");
    Ok(Some(format!("{}/{}", parent.trim_end_matches('/'), caller.id)))
}
