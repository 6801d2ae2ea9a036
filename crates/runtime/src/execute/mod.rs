//! A plan becomes a process.
//!
//! [`Creator`] does the creator's steps; after [`Op::Clone`] the new process does the container's ([`init`]). What one
//! reaches and the other waits for goes over a socket pair, and so does what went wrong. A failure ends the new
//! process and undoes, in reverse, what the creator's steps have made.

mod compose;
mod console;
mod devices;
mod hooks;
pub(crate) mod ids;
mod init;
mod kernel;
mod message;
mod mounts;
mod process;
mod program;
pub(crate) mod remove;
mod root;
mod seccomp;
mod trace;

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use barque_sys::channel::Channel;
use barque_sys::clone::{Child, Clone, Forked};
use barque_sys::namespace::{self, Namespaces};
use barque_sys::process::{self as sys_process, Exit};

use crate::plan::{Actor, IdMaps, Mark, Op, Plan, ProcessOp};
use crate::spec::{NamespaceKind, State, Status};
use crate::{Error, ErrorKind, Result};

pub use hooks::{run as run_hooks, run_all as run_all_hooks};
pub(crate) use init::StartRequest;
pub(crate) use message::Message;
pub(crate) use program::fuzz as fuzz_program;
pub use trace::{Sink, Trace, TracedStep};

/// What the steps of a plan need to know beside the plan.
#[derive(Debug)]
pub struct Context<'a> {
    /// The state that hooks read; its status and pid are filled in.
    pub state: State<'a>,
    /// Where the program listens for `start` ([`Op::AwaitStart`]).
    pub start_socket: Option<OwnedFd>,
    /// The process whose namespaces are joined ([`Op::JoinProcess`]): its id means nothing any more once a pid namespace
    /// is joined.
    pub target: Option<OwnedFd>,
    /// Holds the mount this program's file lies on ([`Op::ReleaseExecutable`]).
    pub executable: Option<OwnedFd>,
    /// How many descriptors beyond 2 the program gets.
    pub preserve_fds: u32,
    /// Where the time goes.
    pub trace: Trace,
}

/// What the caller of [`execute`] does at points of the way.
pub trait Observer {
    /// The new process exists; record it. Only then it may outlive its creator. Called again when another process has
    /// taken its place.
    fn cloned(&mut self, child: &Child) -> Result<()>;
    /// A step that is not the runtime's own: see [`Op::UnpackArchive`].
    /// Returns what the user should know.
    fn unpack(&mut self, archive: &Path, directory: &Path) -> Result<Vec<String>>;
    /// A step that is not the runtime's own: see [`Op::ConnectNetwork`].
    fn connect(&mut self, network: BorrowedFd<'_>, pid: i32) -> Result<()>;
    /// The terminal's other end has arrived.
    fn console(&mut self, master: OwnedFd) -> Result<()>;
    /// Everything is made, and the process waits for `start`.
    fn ready(&mut self) -> Result<()>;
    /// Something the user should know.
    fn warning(&mut self, text: &str);
    /// Where the time went; empty unless the trace was on.
    fn traced(&mut self, trace: Trace);
}

/// Does a plan's steps. On success the container's process waits for `start`, or is its program already.
pub fn execute(plan: &Plan, context: Context<'_>, observer: &mut dyn Observer) -> Result<Child> {
    let (ours, theirs) = Channel::pair()?;
    let mut creator = Creator {
        plan,
        context,
        observer,
        channel: ours,
        theirs: Some(theirs),
        child: None,
        done: Vec::new(),
        prepared: Vec::new(),
        network: None,
    };
    let result = creator.run();
    creator.context.trace.tell();
    creator.observer.traced(std::mem::take(&mut creator.context.trace));
    match (result, creator.child.take()) {
        (Ok(()), Some(child)) => Ok(child),
        (Ok(()), None) => Err(Error::new(ErrorKind::Internal, "the plan makes no process")),
        (Err(error), child) => Err(creator.abandon(error, child)),
    }
}

/// What a step has made and can take back.
enum Done {
    Directory(PathBuf),
    Cgroup(crate::cgroup::Op, crate::cgroup::Done),
    Rdt(crate::rdt::Op, crate::rdt::Done),
}

struct Creator<'p, 'a> {
    plan: &'p Plan,
    context: Context<'a>,
    observer: &'p mut dyn Observer,
    channel: Channel,
    theirs: Option<Channel>,
    child: Option<Child>,
    done: Vec<Done>,
    /// Mounts made ready, sent when [`Mark::MountsPrepared`] is reached.
    prepared: Vec<OwnedFd>,
    /// The container's network namespace, sent when [`Mark::NetworkMade`] is reached.
    network: Option<OwnedFd>,
}

impl Creator<'_, '_> {
    fn run(&mut self) -> Result<()> {
        for op in self.plan.of(Actor::Creator) {
            self.step(op)?;
            self.context.trace.step("creator", op);
        }
        let starts_now = !self.plan.of(Actor::Init).any(|op| *op == Op::AwaitStart);
        if starts_now {
            self.await_exec()?;
            self.context.trace.record("creator", "await-exec");
        }
        Ok(())
    }

    fn step(&mut self, op: &Op) -> Result<()> {
        match op {
            Op::MakeDirectory { path, mode, owner, kept } => {
                self.make_directory(path, *mode, *owner, *kept)?;
            }
            Op::MakeSharedDirectory { path } => barque_sys::file::make_directories(path, 0o755)?,
            Op::WriteFile { path, text } => write_file(path, text)?,
            Op::CopyProgram { path } => {
                let copied = std::fs::copy("/proc/self/exe", path);
                barque_sys::Call::call(copied, || format!("copy(\"/proc/self/exe\", {path:?})"))?;
            }
            Op::UnpackArchive { archive, directory, ids } => self.unpack(archive, directory, ids.as_ref())?,
            Op::Join { kind, path } => join(*kind, path)?,
            Op::JoinProcess { pid, kinds } => join_process(self.context.target.as_ref(), *pid, kinds)?,
            Op::Clone { namespaces, cgroup } => self.clone(namespaces, cgroup.as_deref())?,
            Op::MapIds(maps) => ids::map(self.pid()?, maps)?,
            Op::Cgroup(op) => {
                let process = self.child.as_ref().map(|child| child.pid.as_raw_nonzero().get());
                let done = op.execute_with(process)?;
                self.done.push(Done::Cgroup(op.clone(), done));
            }
            Op::Rdt(op) => self.done.push(Done::Rdt(op.clone(), op.execute()?)),
            Op::MoveNetDevice { name, inside } => kernel::move_net_device(name, inside, self.pid()?)?,
            Op::MakeNetwork => self.network = Some(kernel::make_network()?),
            Op::ConnectNetwork(_) => self.connect_network()?,
            Op::PrepareMount { mount, .. } => {
                let program = self.context.executable.as_ref();
                self.prepared.push(mounts::prepare_for(self.plan, mount, program)?);
            }
            Op::ReleaseExecutable => drop(self.context.executable.take()),
            Op::Signal(mark) => self.signal(*mark)?,
            Op::Await(mark) => self.wait_for(*mark)?,
            Op::RunHooks { point, hooks } => {
                self.context.state.pid = Some(self.pid()?);
                hooks::run(*point, hooks, &self.context.state)?;
            }
            other => return Err(misplaced(other)),
        }
        Ok(())
    }

    fn connect_network(&mut self) -> Result<()> {
        let pid = self.pid()?;
        let network = match self.network.take() {
            Some(network) => network,
            None => namespace::open(Path::new(&format!("/proc/{pid}/ns/net")))?,
        };
        self.observer.connect(network.as_fd(), pid)
    }

    fn make_directory(
        &mut self,
        path: &Path,
        mode: u32,
        owner: Option<(u32, u32)>,
        kept: bool,
    ) -> Result<()> {
        let made = match barque_sys::file::make_directory(path, mode, owner) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                barque_sys::file::make_directories(path.parent().unwrap_or(Path::new("/")), 0o711)?;
                barque_sys::file::make_directory(path, mode, owner)
            }
            result => result,
        };
        match made {
            Err(error) if kept && error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            made => made?,
        }
        if !kept {
            self.done.push(Done::Directory(path.to_owned()));
        }
        Ok(())
    }

    fn unpack(&mut self, archive: &Path, directory: &Path, ids: Option<&IdMaps>) -> Result<()> {
        let observer = &mut *self.observer;
        let notes = match ids {
            None => observer.unpack(archive, directory)?,
            Some(ids) => ids::inside(ids, || observer.unpack(archive, directory))?,
        };
        notes.iter().for_each(|note| self.observer.warning(note));
        Ok(())
    }

    fn pid(&self) -> Result<i32> {
        let child =
            self.child.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "no process was made yet"))?;
        Ok(child.pid.as_raw_nonzero().get())
    }

    fn clone(&mut self, kinds: &[NamespaceKind], cgroup: Option<&Path>) -> Result<()> {
        let cgroup =
            cgroup.map(|path| barque_sys::file::open(path, barque_sys::file::DIRECTORY)).transpose()?;
        let clone = Clone {
            namespaces: kinds.iter().fold(Namespaces::empty(), |set, kind| set | flag(*kind)),
            cgroup: cgroup.as_ref().map(|fd| fd.as_fd()),
            ..Clone::default()
        };
        match clone.fork()? {
            Forked::Child => {
                let channel = self.theirs.take().unwrap_or_else(|| sys_process::exit_now(1));
                init::run(self.plan, &mut self.context, channel, &self.channel)
            }
            Forked::Parent(child) => {
                self.theirs = None;
                // Ours to end, also when it cannot be recorded.
                self.observer.cloned(self.child.insert(child))
            }
        }
    }

    fn signal(&mut self, mark: Mark) -> Result<()> {
        // The container may have failed and gone meanwhile: what it said of that comes with the next await.
        match self.tell(mark) {
            Ok(()) => Ok(()),
            // A closed channel (EPIPE) has no kind of its own; after any other failure the container still waits for us.
            Err(error) if error.kind() != ErrorKind::Internal => Err(error),
            Err(error) => Err(self.wait_for_end().unwrap_or(error)),
        }
    }

    /// Sends a mark, after what goes with it.
    fn tell(&mut self, mark: Mark) -> Result<()> {
        if mark == Mark::MountsPrepared {
            for mount in self.prepared.drain(..) {
                Message::Mount(mount).send(&self.channel)?;
            }
        }
        if let Some(network) = self.network.take_if(|_| mark == Mark::NetworkMade) {
            let message = Message::Network(network);
            message.send(&self.channel)?;
            // Kept for `ConnectNetwork`.
            self.network = if let Message::Network(network) = message { Some(network) } else { None };
        }
        Message::Mark(mark).send(&self.channel)
    }

    /// What the container said before it closed the channel.
    fn wait_for_end(&self) -> Option<Error> {
        loop {
            match Message::receive(&self.channel) {
                Ok(Message::Failed(error)) => return Some(error),
                Ok(Message::Closed) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn wait_for(&mut self, mark: Mark) -> Result<()> {
        loop {
            match Message::receive(&self.channel)? {
                Message::Mark(Mark::Ready) if mark == Mark::Ready => return self.observer.ready(),
                Message::Mark(reached) if reached == mark => return Ok(()),
                Message::Closed => return Err(self.ended()),
                other => self.handle(other)?,
            }
        }
    }

    /// The channel closes when the container's process becomes the program: both its ends are close-on-exec.
    fn await_exec(&mut self) -> Result<()> {
        loop {
            match Message::receive(&self.channel)? {
                Message::Closed => return Ok(()),
                other => self.handle(other)?,
            }
        }
    }

    fn handle(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Failed(error) => Err(error),
            Message::Warning(text) => {
                self.observer.warning(&text);
                Ok(())
            }
            Message::Console(master) => self.observer.console(master),
            Message::Trace(steps) => {
                self.context.trace.extend(steps);
                Ok(())
            }
            Message::Listener(number) => self.hand_listener_over(number),
            Message::Process(pidfd) => {
                // The process that was cloned has forked its successor as our child, and ends.
                if let Some(child) = &mut self.child {
                    let old = std::mem::replace(&mut child.pidfd, pidfd);
                    sys_process::wait(&old)?;
                    child.pid = sys_process::id(&child.pidfd)?;
                    self.observer.cloned(child)?;
                }
                Ok(())
            }
            other => {
                Err(Error::new(ErrorKind::Internal, format!("the container sent {other:?} out of turn")))
            }
        }
    }

    fn hand_listener_over(&self, number: i32) -> Result<()> {
        let load = self.plan.of(Actor::Init).find_map(|op| match op {
            Op::Process(ProcessOp::LoadSeccomp(load)) => Some(load),
            _ => None,
        });
        match (load, &self.child) {
            (Some(load), Some(child)) => seccomp::hand_over(child, number, load, &self.context.state),
            _ => Err(Error::new(ErrorKind::Internal, "a listener without a filter")),
        }
    }

    /// The error for a container whose process has ended without a word.
    fn ended(&mut self) -> Error {
        let exit = self.child.as_ref().and_then(|child| sys_process::wait(&child.pidfd).ok());
        self.child = None;
        match exit {
            Some(Exit::Signal(9)) => {
                Error::new(ErrorKind::Unavailable, "the container's process was killed while it was made")
                    .hint("its memory limit may be too low for a start at all, or somebody has deleted it")
            }
            Some(exit) => Error::new(
                ErrorKind::Internal,
                format!("the container's process ended while it was made: {exit:?}"),
            ),
            None => Error::new(ErrorKind::Internal, "the container's process is gone"),
        }
    }

    /// The ids of the user namespace that the plan makes.
    fn id_maps(&self) -> Option<&IdMaps> {
        self.plan.of(Actor::Creator).find_map(|op| match op {
            Op::MapIds(maps) => Some(maps),
            _ => None,
        })
    }

    /// Ends the process and takes back, in reverse, what was made. Errors on the way do not stop it; the first reason
    /// is the one that is told.
    fn abandon(mut self, reason: Error, child: Option<Child>) -> Error {
        if let Some(child) = child {
            drop(sys_process::signal(&child.pidfd, 9));
            drop(sys_process::wait(&child.pidfd));
        }
        for done in std::mem::take(&mut self.done).into_iter().rev() {
            match done {
                Done::Directory(path) => drop(remove::tree(&path, self.id_maps())),
                Done::Cgroup(op, done) => drop(op.undo(&done)),
                Done::Rdt(op, done) => drop(op.undo(done)),
            }
        }
        reason
    }
}

fn namespaces_failed(error: barque_sys::Error) -> Error {
    let error = Error::from(error).context("linux.namespaces: making namespaces");
    if error.kind() == ErrorKind::PermissionDenied {
        return error.hint("it takes CAP_SYS_ADMIN, or a user namespace of the container's own");
    }
    error
}

fn misplaced(op: &Op) -> Error {
    Error::new(ErrorKind::Internal, format!("{op:?} is not a step of this side"))
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    barque_sys::Call::call(written, || format!("write({path:?})"))?;
    Ok(())
}

/// The kernel's flag for a kind of namespace.
pub(crate) fn flag(kind: NamespaceKind) -> Namespaces {
    match kind {
        NamespaceKind::User => Namespaces::USER,
        NamespaceKind::Mount => Namespaces::MOUNT,
        NamespaceKind::Pid => Namespaces::PID,
        NamespaceKind::Network => Namespaces::NETWORK,
        NamespaceKind::Ipc => Namespaces::IPC,
        NamespaceKind::Uts => Namespaces::UTS,
        NamespaceKind::Cgroup => Namespaces::CGROUP,
        NamespaceKind::Time => Namespaces::TIME,
    }
}

fn join(kind: NamespaceKind, path: &Path) -> Result<()> {
    let what =
        || format!("linux.namespaces: joining the {} namespace {path:?}", crate::plan::namespace_name(kind));
    let fd = namespace::open(path).map_err(|error| Error::from(error).context(what()))?;
    match namespace::kind(&fd) {
        Ok(actual) if actual == flag(kind) => {}
        Ok(actual) => {
            return Err(Error::invalid(format!("{}: it is of kind {}", what(), actual.flag_names()))
                .hint("the type and the path of the namespace must agree"));
        }
        Err(_) => {
            return Err(Error::invalid(format!("{}: it is not a namespace", what()))
                .hint("use /proc/PID/ns/KIND, or a file that such a namespace is bind mounted on"));
        }
    }
    namespace::join(&fd, flag(kind)).map_err(|error| Error::from(error).context(what()))
}

fn join_process(target: Option<&OwnedFd>, pid: i32, kinds: &[NamespaceKind]) -> Result<()> {
    let flags = kinds.iter().fold(Namespaces::empty(), |set, kind| set | flag(*kind));
    let target = target.ok_or_else(|| Error::new(ErrorKind::Internal, "there is no process to join"))?;
    match namespace::join(target, flags) {
        // Before Linux 5.8 a pidfd could not stand for a process's namespaces.
        Err(error) if error.kind() == ErrorKind::InvalidArgument => {
            for kind in kinds {
                join(*kind, Path::new(&format!("/proc/{pid}/ns/{}", file_name(*kind))))?;
            }
            Ok(())
        }
        result => Ok(result?),
    }
}

/// The name of a kind's file in `/proc/PID/ns`.
pub(crate) fn file_name(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::User => "user",
        NamespaceKind::Mount => "mnt",
        NamespaceKind::Pid => "pid",
        NamespaceKind::Network => "net",
        NamespaceKind::Ipc => "ipc",
        NamespaceKind::Uts => "uts",
        NamespaceKind::Cgroup => "cgroup",
        NamespaceKind::Time => "time",
    }
}

/// The status hooks of a point read.
pub(crate) fn status_at(point: crate::plan::HookPoint) -> Status {
    use crate::plan::HookPoint;
    match point {
        HookPoint::Prestart | HookPoint::CreateRuntime | HookPoint::CreateContainer => Status::Creating,
        HookPoint::StartContainer => Status::Created,
        HookPoint::Poststart => Status::Running,
        HookPoint::Poststop => Status::Stopped,
    }
}
