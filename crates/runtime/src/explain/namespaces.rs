//! Namespaces: one `nsenter` for those that are joined, one `unshare` for the new.

use std::path::Path;

use super::host::word;
use crate::execute::file_name;
use crate::plan::{Op, Plan, Script};
use crate::spec::{NamespaceKind, TimeOffset};

/// How the container comes by its namespaces, gathered from all over the plan.
#[derive(Debug, Default)]
pub(super) struct Namespaces<'p> {
    new: Vec<NamespaceKind>,
    joined: Vec<(NamespaceKind, &'p Path)>,
    offsets: Option<(TimeOffset, TimeOffset)>,
    /// Whether `setgroups(2)` is denied, so that nsenter must leave the ids alone.
    keeps_ids: bool,
    /// Whether devices are fetched from the creator's network namespace.
    fetches_devices: bool,
    /// Whether the caller's groups are given up before a user namespace is joined.
    drops_groups: bool,
}

impl<'p> Namespaces<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        let mut all = Self::default();
        for step in &plan.steps {
            match &step.op {
                Op::Clone { namespaces, .. } => all.new.extend(namespaces),
                Op::Unshare { kinds } => all.new.extend(kinds),
                Op::MakeNetwork => all.new.push(NamespaceKind::Network),
                Op::CloneAgain { new_pid_namespace: true } => all.new.push(NamespaceKind::Pid),
                Op::Join { kind, path } => all.joined.push((*kind, path)),
                Op::SetTimeOffsets { monotonic, boottime } => {
                    all.new.push(NamespaceKind::Time);
                    all.offsets = Some((*monotonic, *boottime));
                }
                // In a new one nsenter does it.
                Op::DropGroups if !all.new_user() && !all.joins_user() => all.drops_groups = true,
                Op::MoveNetDevice { .. } | Op::ConnectNetwork(_) => all.fetches_devices = true,
                Op::MapIds(maps) => all.keeps_ids = maps.deny_setgroups,
                _ => {}
            }
        }
        all
    }

    pub(super) fn is_new(&self, kind: NamespaceKind) -> bool {
        self.new.contains(&kind)
    }

    fn joins_user(&self) -> bool {
        self.joined.iter().any(|(kind, _)| *kind == NamespaceKind::User)
    }

    pub(super) fn new_user(&self) -> bool {
        self.is_new(NamespaceKind::User)
    }

    fn nsenter(&self) -> Option<String> {
        let mut words = Vec::new();
        if self.new_user() {
            words.push("--user=\"/proc/$holder/ns/user\"".to_owned());
            if self.keeps_ids {
                words.push("--preserve-credentials".to_owned());
            }
        }
        for (kind, path) in &self.joined {
            words.push(format!("--{}={}", flag(*kind), word(path)));
        }
        // In the namespace it may be denied for good.
        let first = if self.drops_groups { "setpriv --clear-groups " } else { "" };
        (!words.is_empty()).then(|| format!("{first}nsenter {}", words.join(" ")))
    }

    fn unshare(&self) -> Option<String> {
        let mut words = Vec::new();
        // A process enters neither a pid nor a time namespace by itself, only its children are in it.
        if self.is_new(NamespaceKind::Pid) || self.is_new(NamespaceKind::Time) {
            words.push("--fork".to_owned());
        }
        let order = [
            NamespaceKind::Pid,
            NamespaceKind::Mount,
            NamespaceKind::Network,
            NamespaceKind::Ipc,
            NamespaceKind::Uts,
            NamespaceKind::Cgroup,
            NamespaceKind::Time,
        ];
        words
            .extend(order.iter().filter(|kind| self.is_new(**kind)).map(|kind| format!("--{}", flag(*kind))));
        if let Some((monotonic, boottime)) = self.offsets {
            for (clock, offset) in [("monotonic", monotonic), ("boottime", boottime)] {
                if offset.secs != 0 {
                    words.push(format!("--{clock} {}", offset.secs));
                }
            }
        }
        if self.is_new(NamespaceKind::Mount) {
            words.push("--propagation unchanged".to_owned());
        }
        (!words.is_empty()).then(|| format!("unshare {}", words.join(" ")))
    }

    fn comments(&self, script: &mut Script) {
        if self.new_user() || !self.joined.is_empty() {
            script.comment("Join namespaces; joining a user namespace makes us its root.");
        }
        if !self.new.is_empty() {
            script.comment(
                "New namespaces. In them, with the host's files still in sight, a second script goes on.",
            );
        }
        let nanoseconds = |(one, two): (TimeOffset, TimeOffset)| one.nanosecs != 0 || two.nanosecs != 0;
        if self.offsets.is_some_and(nanoseconds) {
            script.comment(
                "No tool sets offsets of less than a second: the nanoseconds of the plan are left out.",
            );
        }
    }
}

/// The command that goes on with `inner` in the namespaces.
pub(super) fn enter(script: &mut Script, namespaces: &Namespaces<'_>, inner: &str) {
    script.blank();
    if namespaces.fetches_devices {
        script.comment("The way back to this network namespace, from where devices are fetched.");
        script.command("exec 9< /proc/self/ns/net");
    }
    namespaces.comments(script);
    let mut end = "INSIDE".to_owned();
    while inner.lines().any(|line| line == end) {
        end.push('_');
    }
    let parts = [namespaces.nsenter(), namespaces.unshare()];
    let command =
        parts.into_iter().flatten().fold("exec ".to_owned(), |text, part| text + &part + " \\\n    ");
    script.command(format!("{command}sh -euc \"$(cat <<'{end}'"));
    script.command(inner.trim_end());
    script.command(&end);
    script.command(")\"");
}

/// The flag of `unshare(1)` and `nsenter(1)` for a kind.
fn flag(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Mount => "mount",
        other => file_name(other),
    }
}
