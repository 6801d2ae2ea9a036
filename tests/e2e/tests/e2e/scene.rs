//! A scene of containers with names, which are removed with it.

use std::process::Stdio;

use crate::lab::{Lab, Said, require_root, said, wait_until};

/// Ends at once when it is asked to, with 5. Says when it can be asked: a signal before the trap is set is lost on a
/// container's first process.
pub(crate) const OBEDIENT: &str = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";

/// A [`Lab`] whose containers are removed at its end.
pub(crate) struct Scene {
    pub(crate) lab: Lab,
}

impl Scene {
    /// A new one, for root.
    pub(crate) fn new() -> Option<Self> {
        require_root().then(|| Self { lab: Lab::new() })
    }

    /// Runs a command of `barque`.
    pub(crate) fn barque(&self, args: &[&str]) -> Said {
        said(self.lab.barque().args(args).stdin(Stdio::null()))
    }

    /// `run` with a name and a script on the busybox root, in the foreground unless the flags say otherwise.
    pub(crate) fn run(&self, name: &str, flags: &[&str], script: &str) -> Said {
        let root = format!("dir:{}", self.lab.rootfs().display());
        let fixed = ["run", "--name", name, "--cgroup-parent", self.lab.cgroup_parent()];
        self.barque(&[&fixed, flags, &[&root, "sh", "-c", script]].concat())
    }

    /// `run -d` of [`OBEDIENT`], until it heeds signals; its id.
    pub(crate) fn obedient(&self, name: &str, flags: &[&str]) -> String {
        let id = self.run(name, &[&["-d"], flags].concat(), OBEDIENT).ok().to_owned();
        self.heeds(name);
        id
    }

    /// Waits until the last start of [`OBEDIENT`] heeds signals.
    pub(crate) fn heeds(&self, name: &str) {
        let since = self.inspect(name, "{{.State.StartedAt}}");
        assert!(wait_until(|| self.barque(&["logs", "--since", &since, name]).ok().contains("ready")));
    }

    /// What a template says of a container.
    pub(crate) fn inspect(&self, name: &str, template: &str) -> String {
        self.barque(&["container", "inspect", "-f", template, name]).ok().to_owned()
    }

    /// Whether it runs, is paused, has ended.
    pub(crate) fn status(&self, name: &str) -> String {
        self.inspect(name, "{{.State.Status}}")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let ids = self.barque(&["ps", "-aq"]);
        for id in ids.out.lines() {
            self.barque(&["rm", "--force", id]);
        }
    }
}
