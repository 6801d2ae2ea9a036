//! Where Barque keeps things.

use std::path::PathBuf;

/// Where Barque keeps things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// What lasts over a boot (`--root`).
    pub root: PathBuf,
    /// What does not (`--run-root`).
    pub run_root: PathBuf,
}

impl Places {
    /// Those of the command line, or of this user.
    pub fn new(root: Option<&str>, run_root: Option<&str>) -> Self {
        let (default_root, default_run_root) = Self::defaults();
        Self {
            root: root.map_or(default_root, PathBuf::from),
            run_root: run_root.map_or(default_run_root, PathBuf::from),
        }
    }

    fn defaults() -> (PathBuf, PathBuf) {
        let uid = rustix::process::geteuid();
        if uid.is_root() {
            return (PathBuf::from("/var/lib/barque"), PathBuf::from("/run/barque"));
        }
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = variable("HOME").unwrap_or_else(|| PathBuf::from("/"));
        let data = variable("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
        let run = variable("XDG_RUNTIME_DIR")
            .unwrap_or_else(|| PathBuf::from(format!("/tmp/barque-{}", uid.as_raw())));
        (data.join("barque"), run.join("barque"))
    }
}
