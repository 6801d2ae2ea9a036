//! Plan, then act.
//!
//! Everything that starting a container does to the kernel or the disk is first a value: a [`Plan`], a list of typed
//! operations ([`Op`]), each with the side that does it ([`Actor`]). A plan is made by a pure function ([`make`]) from
//! an [`Input`], and is used in four ways: executed (`crate::execute`), undone, printed as the shell script a person
//! would type (`crate::explain`), and compared in tests that need no privileges.
//!
//! Read as one list, a plan is in an order that one person at one keyboard could follow. Executed, it is two lines that
//! run side by side, the creator's and the container's, and meet where one signals a [`Mark`] that the other awaits.

mod beside;
mod create;
mod devices;
mod exec;
mod init;
mod input;
pub mod mount;
mod mount_options;
mod mounts;
mod op;
pub mod process;
mod processes;
pub mod script;
mod tables;
#[cfg(test)]
mod tests;
mod validate;

use serde::Serialize;

pub use create::make;
pub use exec::{ExecInput, make_exec};
pub use input::{Connection, ConnectionCommand, Host, HostFile, Input, NamespacePlan, Options};
pub(crate) use mount_options::{names as mount_option_names, spell as spell_attributes};
pub use mounts::CgroupTree;
pub use op::{HookPoint, IdMaps, Mark, Op};
pub use process::ProcessOp;
pub use script::Script;
pub(crate) use tables::{MEMORY_FLAGS, MEMORY_MODES, signal_number};

use crate::spec::NamespaceKind;

/// What starting one container does, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Plan {
    /// The operations.
    pub steps: Vec<Step>,
}

/// One operation and the side that does it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Who.
    pub by: Actor,
    /// What.
    pub op: Op,
}

/// The two sides of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The process that starts the container, on the host.
    Creator,
    /// The process that becomes the container's first.
    Init,
}

impl Plan {
    fn creator(&mut self, op: Op) {
        self.steps.push(Step { by: Actor::Creator, op });
    }

    fn init(&mut self, op: Op) {
        self.steps.push(Step { by: Actor::Init, op });
    }

    /// A point the creator reaches and the container waits for.
    fn creator_reaches(&mut self, mark: Mark) {
        self.creator(Op::Signal(mark));
        self.init(Op::Await(mark));
    }

    /// A point the container reaches and the creator waits for.
    fn init_reaches(&mut self, mark: Mark) {
        self.init(Op::Signal(mark));
        self.creator(Op::Await(mark));
    }

    /// The directories of the host that the plan makes for this container alone and for this run.
    pub fn directories(&self) -> Vec<std::path::PathBuf> {
        let directory = |op: &Op| match op {
            Op::MakeDirectory { path, kept: false, .. } => Some(path.clone()),
            _ => None,
        };
        self.of(Actor::Creator).filter_map(directory).collect()
    }

    /// The operations of one side, in order.
    pub fn of(&self, actor: Actor) -> impl Iterator<Item = &Op> {
        self.steps.iter().filter(move |step| step.by == actor).map(|step| &step.op)
    }
}

/// The specification's name of a kind of namespace.
pub fn namespace_name(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::User => "user",
        NamespaceKind::Mount => "mount",
        NamespaceKind::Pid => "pid",
        NamespaceKind::Network => "network",
        NamespaceKind::Ipc => "ipc",
        NamespaceKind::Uts => "uts",
        NamespaceKind::Cgroup => "cgroup",
        NamespaceKind::Time => "time",
    }
}

/// All kinds, in the order in which they are joined.
pub const NAMESPACE_KINDS: [NamespaceKind; 8] = [
    NamespaceKind::User,
    NamespaceKind::Cgroup,
    NamespaceKind::Ipc,
    NamespaceKind::Uts,
    NamespaceKind::Network,
    NamespaceKind::Pid,
    NamespaceKind::Time,
    NamespaceKind::Mount,
];
