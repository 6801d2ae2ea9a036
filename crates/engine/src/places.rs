//! Where things are kept.

use std::path::PathBuf;

use barque_runtime::container;

/// Where Barque keeps things. Both paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// What lasts over a boot (`--root`).
    pub root: PathBuf,
    /// What does not (`--run-root`).
    pub run_root: PathBuf,
}

impl Places {
    /// The directory of all containers.
    pub fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// A container's own directory.
    pub fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    /// The log of what has happened.
    pub fn events(&self) -> PathBuf {
        self.root.join("events")
    }

    /// The links from names to ids.
    pub fn names(&self) -> PathBuf {
        self.root.join("names")
    }

    /// The directory of all volumes.
    pub fn volumes(&self) -> PathBuf {
        self.root.join("volumes")
    }

    /// The runtime's records of containers that run, or whose remains were not removed yet.
    pub fn runtime(&self) -> container::Store {
        container::Store::new(self.run_root.join("containers"))
    }

    /// The locks and the sockets of monitors.
    pub fn monitors(&self) -> PathBuf {
        self.run_root.join("monitors")
    }
}
