//! The operations a plan is made of.

use std::path::PathBuf;

use serde::Serialize;

use super::Host;
use super::input::Connection;
use super::mount::{Mount, RootSource};
use crate::spec::{Hook, IdMapping, Linux, NamespaceKind, TimeOffset};

/// One operation on the kernel or the disk. Where its fields do not say otherwise, paths of the container are strings
/// (they are resolved inside its root, never on the host) and paths of the host are [`PathBuf`]s.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Op {
    /// Makes a directory of the host that belongs to this container alone. Undone by removing it with all it holds.
    MakeDirectory {
        /// Where.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
        /// User and group, where they are not the creator's.
        owner: Option<(u32, u32)>,
        /// Whether it outlives this run: one that is there will do, and it is not undone.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        kept: bool,
    },
    /// Makes a directory of the host, with its parents, where it is missing. It stays: it was asked for by its path.
    MakeSharedDirectory {
        /// Where.
        path: PathBuf,
    },
    /// Writes a file of the host that belongs to this container alone.
    WriteFile {
        /// Where.
        path: PathBuf,
        /// What it holds.
        text: String,
    },
    /// Copies this very program, to be the init process of `--init`, where its own file must stay out of the container's
    /// reach: see [`super::mount::Source::Program`].
    CopyProgram {
        /// Where.
        path: PathBuf,
    },
    /// Unpacks an archive into a directory made before. Done by the caller of the runtime, which knows nothing of
    /// archives, through its [`crate::execute::Observer`].
    UnpackArchive {
        /// The archive.
        archive: PathBuf,
        /// Where to.
        directory: PathBuf,
        /// The ids its files belong to, where only a user namespace can give them away.
        ids: Option<IdMaps>,
    },
    /// Lets go of the read-only view of this program's file, after which nobody can make it writable again. It comes
    /// before anybody else can see a process that runs from it: processes of a namespace that is joined, or the
    /// container's own program. The kernel waits for all processors then, beside what the new process does.
    ReleaseExecutable,
    /// Forks the process that becomes the container's.
    Clone {
        /// Namespaces it starts in anew; the others it makes by itself ([`Op::Unshare`]), side by side with the
        /// creator's work.
        namespaces: Vec<NamespaceKind>,
        /// cgroup v2 directory it starts in.
        cgroup: Option<PathBuf>,
    },
    /// Forks once more: a pid namespace is entered only by being born into it, and it may be made, or joined, only once
    /// the user namespace has been.
    CloneAgain {
        /// Whether the pid namespace is a new one; else it is the one joined before.
        new_pid_namespace: bool,
    },
    /// Gives the new user namespace its id mappings.
    MapIds(IdMaps),
    /// A control group operation.
    Cgroup(crate::cgroup::Op),
    /// An operation on groups of the `resctrl` file system.
    Rdt(crate::rdt::Op),
    /// Moves a network device of the creator's network namespace into the container's.
    MoveNetDevice {
        /// Its name outside.
        name: String,
        /// Its name inside.
        inside: String,
    },
    /// Tells the other side that a point is reached.
    Signal(Mark),
    /// Waits until the other side has reached a point.
    Await(Mark),
    /// Runs hooks, one after another, with the container's state on standard input.
    RunHooks {
        /// Which ones.
        point: HookPoint,
        /// The programs.
        hooks: Vec<Hook<'static>>,
    },
    /// Joins an existing namespace.
    Join {
        /// Its kind.
        kind: NamespaceKind,
        /// The file that stands for it.
        path: PathBuf,
    },
    /// Joins namespaces of a process that runs.
    JoinProcess {
        /// Its id.
        pid: i32,
        /// Which ones.
        kinds: Vec<NamespaceKind>,
    },
    /// Makes new namespaces.
    Unshare {
        /// Their kinds.
        kinds: Vec<NamespaceKind>,
    },
    /// Makes the container's network namespace, with its loopback interface switched on, and goes back to the creator's
    /// own.
    MakeNetwork,
    /// Joins the network namespace that the creator has made.
    JoinNetwork,
    /// Connects the container's network namespace to networks: not the runtime's own step, see
    /// [`Observer::connect`](crate::execute::Observer::connect).
    ConnectNetwork(Connection),
    /// Makes a time namespace with offsets, and enters it.
    SetTimeOffsets {
        /// `CLOCK_MONOTONIC`.
        monotonic: TimeOffset,
        /// `CLOCK_BOOTTIME`.
        boottime: TimeOffset,
    },
    /// Gives up the caller's supplementary groups, if that may be done: before a user namespace is joined, because in it
    /// `setgroups` may be denied for good, and in a new one.
    DropGroups,
    /// Takes on user and group 0 of the user namespace.
    BecomeRoot,
    /// Prepares, with the creator's rights, a mount that the container's user namespace has no right to make: a bind
    /// mount with mapped ids, or one whose source only the creator can reach.
    PrepareMount {
        /// Its number, by which [`super::mount::Source::Prepared`] names it.
        slot: usize,
        /// What is mounted.
        mount: Mount,
    },
    /// Attaches a prepared mount at a path of the host, seen in the container's mount namespace only: a layer of the root
    /// filesystem with mapped ids.
    AttachPrepared {
        /// Its number.
        slot: usize,
        /// Where.
        path: PathBuf,
    },
    /// Cuts or limits the flow of mount events between the container and the host.
    SetPropagation {
        /// `shared`, `slave`, `private` or `unbindable`, with `r` before when recursive.
        propagation: String,
        /// Where: `/`, before or after the switch of the root.
        after_pivot: bool,
    },
    /// Mounts the root filesystem where it can become `/`.
    AttachRoot(RootSource),
    /// Mounts something in the root.
    Mount(Mount),
    /// Makes a device node, or binds the host's when nodes cannot be made.
    MakeDevice {
        /// Where in the container.
        path: String,
        /// `c`, `b` or `p`.
        kind: char,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Whether to bind mount the host's node of the same path instead (user namespaces may not make nodes).
        bind: bool,
    },
    /// Makes a symbolic link; one that is there already stays.
    MakeLink {
        /// What it leads to.
        target: String,
        /// Where in the container.
        path: String,
    },
    /// Makes the working directory where it is missing.
    MakeWorkingDirectory {
        /// Where in the container.
        path: String,
    },
    /// Makes a path unreadable: `/dev/null` over a file, an empty read-only tmpfs over a directory. A missing path is
    /// fine.
    MaskPath {
        /// Where in the container.
        path: String,
    },
    /// Makes a path, with all below it, read-only. A missing path is fine.
    ReadonlyPath {
        /// Where in the container.
        path: String,
    },
    /// Makes the root filesystem's mount read-only.
    ReadonlyRoot,
    /// Takes the host's procfs and sysfs away from the container's mount namespace, before a root is moved: the old one
    /// stays below the new one, and whole views of them there would let a process inside mount its own, nothing masked.
    HideHostViews,
    /// Makes the prepared root the process's `/`.
    PivotRoot {
        /// Moves the mount instead, for hosts whose root is the initramfs (`--no-pivot`).
        by_move: bool,
    },
    /// Sets the host name.
    SetHostname {
        /// The name.
        name: String,
    },
    /// Sets the NIS domain name.
    SetDomainname {
        /// The name.
        name: String,
    },
    /// Sets a kernel parameter of a namespace.
    SetSysctl {
        /// With dots or slashes: `net.ipv4.ip_forward`.
        key: String,
        /// What is written.
        value: String,
    },
    /// Switches the loopback interface on.
    LoopbackUp,
    /// Makes the container's terminal, puts it on `/dev/console` and hands its other end out.
    MakeConsole {
        /// Its size at first, rows and columns.
        size: Option<(u16, u16)>,
    },
    /// A change of the process itself.
    Process(super::process::ProcessOp),
    /// Waits, in the container, for `start`.
    AwaitStart,
    /// Becomes the program.
    Exec {
        /// `argv`.
        arguments: Vec<String>,
        /// The whole environment.
        environment: Vec<String>,
        /// Whose home directory, from the container's `/etc/passwd`, becomes `HOME` where the environment lacks it.
        home_of: Option<u32>,
    },
    /// What the program does first where it is the init of `--init`: it forks, the child becomes the words after the
    /// init's name, and the init stays process 1, passes signals on and reaps what is orphaned. Not the runtime's own
    /// step: it comes after the exec.
    ForkUnderInit {
        /// `argv` of the child.
        arguments: Vec<String>,
    },
}

/// Id mappings of a user namespace, and how they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdMaps {
    /// User ids.
    pub uids: Vec<IdMapping>,
    /// Group ids.
    pub gids: Vec<IdMapping>,
    /// Whether `newuidmap` and `newgidmap` write them, because the caller may not.
    pub by_tools: bool,
    /// Whether `setgroups(2)` must be given up first (an unprivileged caller with one id, CVE-2014-8989).
    pub deny_setgroups: bool,
}

impl IdMaps {
    /// Those of a configuration, as a caller with these ids can write them.
    pub fn new(linux: &Linux<'_>, host: &Host) -> Self {
        let (uids, gids) = (linux.uid_mappings.clone(), linux.gid_mappings.clone());
        let own = |maps: &[IdMapping], id: u32| matches!(maps, [one] if one.size == 1 && one.host_id == id);
        let own_only = own(&uids, host.uid) && own(&gids, host.gid);
        let by_tools = !host.privileged && !own_only;
        Self { uids, gids, by_tools, deny_setgroups: !host.privileged && own_only }
    }
}

/// Points at which creator and container wait for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Mark {
    /// The user namespace has its id mappings.
    IdsMapped = 1,
    /// The cgroups are made and limited.
    CgroupsReady,
    /// The network namespace is made, and sent.
    NetworkMade,
    /// Mounts the creator prepares have been sent.
    MountsPrepared,
    /// The namespaces are made.
    NamespacesMade,
    /// The container's mounts are made, its root is not switched yet.
    RootPrepared,
    /// The creator's hooks have run.
    HooksRun,
    /// The filter with a listener is loaded.
    FilterLoaded,
    /// The creator has handed the filter's listener over.
    ListenerTaken,
    /// Everything is made; only the program is missing.
    Ready,
    /// The creator has recorded the container; it may outlive its creator from here on.
    Recorded,
}

impl Mark {
    /// A bit of its own.
    pub(crate) fn bit(self) -> u16 {
        1 << (self as u8)
    }

    /// The mark of a number sent over the channel.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        const ALL: [Mark; 11] = [
            Mark::IdsMapped,
            Mark::CgroupsReady,
            Mark::NetworkMade,
            Mark::MountsPrepared,
            Mark::NamespacesMade,
            Mark::RootPrepared,
            Mark::HooksRun,
            Mark::FilterLoaded,
            Mark::ListenerTaken,
            Mark::Ready,
            Mark::Recorded,
        ];
        ALL.into_iter().find(|mark| *mark as u8 == byte)
    }
}

/// The points of a container's life at which hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HookPoint {
    /// Deprecated; as `CreateRuntime`, and before it.
    Prestart,
    /// In the runtime's namespaces, when the container's are made.
    CreateRuntime,
    /// In the container's namespaces, before the root is switched.
    CreateContainer,
    /// In the container, right before its program.
    StartContainer,
    /// In the runtime's namespaces, when the program runs.
    Poststart,
    /// In the runtime's namespaces, when the container is deleted.
    Poststop,
}

impl HookPoint {
    /// As `config.json` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        }
    }
}
