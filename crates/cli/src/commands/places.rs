//! Where Barque keeps things, by the command line or by who the user is.

use std::path::PathBuf;

use barque_engine::Places;

use crate::{Error, Result};

/// The places of the command line, or of this user.
pub fn places(root: Option<&str>, run_root: Option<&str>) -> Result<Places> {
    let (default_root, default_run_root) = defaults();
    let absolute = |flag: &str, given: Option<&str>, default: PathBuf| {
        let path = given.map_or(default, PathBuf::from);
        std::path::absolute(&path).map_err(|error| Error::invalid(format!("{flag} {path:?}: {error}")))
    };
    Ok(Places {
        root: absolute("--root", root, default_root)?,
        run_root: absolute("--run-root", run_root, default_run_root)?,
    })
}

fn defaults() -> (PathBuf, PathBuf) {
    let uid = rustix::process::geteuid();
    if uid.is_root() {
        return (PathBuf::from("/var/lib/barque"), PathBuf::from("/run/barque"));
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HOME").unwrap_or_else(|| PathBuf::from("/"));
    let data = variable("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    let run =
        variable("XDG_RUNTIME_DIR").unwrap_or_else(|| PathBuf::from(format!("/tmp/barque-{}", uid.as_raw())));
    (data.join("barque"), run.join("barque"))
}
