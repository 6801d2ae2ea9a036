//! The container's side: from the fork to the exec, in the order of the plan.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use barque_sys::channel::Channel;
use barque_sys::clone::{Clone, Forked};
use barque_sys::namespace::{self, Namespaces};
use barque_sys::path::Root;
use barque_sys::process::{self as sys_process};

use super::message::Message;
use super::{Context, console, devices, hooks, join, join_process, kernel, mounts, process, program, root};
use crate::plan::{Actor, HookPoint, Mark, Op, Plan};
use crate::spec::NamespaceKind;
use crate::{Error, ErrorKind, Result};

/// What the container's process knows on its way to the program.
pub(super) struct Init<'c, 'a> {
    pub(super) context: &'c mut Context<'a>,
    pub(super) channel: Channel,
    /// The root filesystem, from [`Op::AttachRoot`] to [`Op::PivotRoot`].
    pub(super) root: Option<Root>,
    /// Mounts the creator has prepared, by slot.
    pub(super) prepared: Vec<Option<OwnedFd>>,
    /// The network namespace that the creator has made.
    network: Option<OwnedFd>,
    /// Where the program was found.
    pub(super) program: Option<PathBuf>,
    /// Marks the creator has reached, by [`Mark::bit`].
    pub(super) reached: u16,
    /// Our id as the host numbers it.
    pub(super) host_pid: Option<i32>,
    /// The container's terminal, to be its standard streams.
    pub(super) terminal: Option<OwnedFd>,
    /// Whether the plan makes a user namespace or joins one.
    user_namespace: bool,
    /// Whether nothing is at stake when others look at us, see [`may_be_seen`].
    may_be_seen: bool,
}

/// A request that `start` sends and the waiting process understands.
#[derive(Debug)]
pub(crate) struct StartRequest;

impl StartRequest {
    /// The message.
    pub(crate) const BYTES: &'static [u8] = b"start";
}

/// Does the container's steps and becomes the program; tells the creator when it cannot.
pub(super) fn run(plan: &Plan, context: &mut Context<'_>, channel: Channel, creators: &Channel) -> ! {
    sys_process::close_quietly(creators);
    // The creator tells of its own steps.
    drop(context.trace.take_steps());
    let mut init = Init {
        context,
        channel,
        root: None,
        prepared: Vec::new(),
        network: None,
        program: None,
        reached: 0,
        host_pid: None,
        terminal: None,
        user_namespace: plan.of(Actor::Init).any(|op| *op == Op::BecomeRoot),
        may_be_seen: may_be_seen(plan),
    };
    let result = init.steps(plan);
    let Err(error) = result else { sys_process::exit_now(0) };
    if init.context.trace.is_on() {
        drop(Message::Trace(init.context.trace.take_steps()).send(&init.channel));
    }
    drop(Message::Failed(error).send(&init.channel));
    sys_process::exit_now(1)
}

impl Init<'_, '_> {
    fn steps(&mut self, plan: &Plan) -> Result<()> {
        self.close_foreign()?;
        // Nobody in a namespace we are about to join may look at us (CVE-2016-9962, CVE-2019-5736); exec undoes it.
        if !self.may_be_seen {
            sys_process::set_dumpable(false)?;
        }
        self.host_pid = host_pid();
        sys_process::start_session();
        // Modes of what is made for the container are exact; its own umask comes with its user.
        sys_process::set_umask(0);
        for op in plan.of(Actor::Init) {
            self.step(op)?;
            self.context.trace.step("init", op);
        }
        Ok(())
    }

    /// Closes what the fork has copied and only the creator needs: files and directories of the host that would else
    /// stay open in the container for as long as it waits for `start` (CVE-2024-21626).
    fn close_foreign(&self) -> Result<()> {
        let mut keep = vec![self.channel.as_fd()];
        keep.extend(self.context.start_socket.as_ref().map(|socket| socket.as_fd()));
        keep.extend(self.context.target.as_ref().map(|target| target.as_fd()));
        match sys_process::close_all_but(3 + self.context.preserve_fds, &keep) {
            // Before Linux 5.9. All of them are close-on-exec in any case.
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
            result => Ok(result?),
        }
    }

    fn step(&mut self, op: &Op) -> Result<()> {
        match op {
            Op::Cgroup(op) => drop(op.execute()?),
            Op::Rdt(op) => drop(op.execute()?),
            Op::Signal(mark) => Message::Mark(*mark).send(&self.channel)?,
            Op::Await(mark) => self.wait_for(*mark)?,
            Op::Join { kind, path } => join(*kind, path)?,
            Op::JoinProcess { pid, kinds } => self.join_process(*pid, kinds)?,
            Op::CloneAgain { new_pid_namespace } => self.clone_again(*new_pid_namespace)?,
            Op::Unshare { kinds } => unshare(kinds)?,
            Op::JoinNetwork => self.join_network()?,
            Op::SetTimeOffsets { monotonic, boottime } => kernel::set_time_offsets(*monotonic, *boottime)?,
            Op::DropGroups => process::drop_groups()?,
            Op::BecomeRoot => process::become_root(self.may_be_seen)?,
            Op::AttachPrepared { slot, path } => self.attach_prepared(*slot, path)?,
            Op::SetPropagation { propagation, .. } => root::set_propagation(propagation)?,
            Op::AttachRoot(source) => self.root = Some(root::attach(source, self.user_namespace)?),
            Op::Mount(mount) => mounts::mount(self, mount)?,
            Op::MakeDevice { .. } | Op::MakeLink { .. } => devices::make(self.root()?, op)?,
            Op::MakeWorkingDirectory { path } => make_working_directory(self.root()?, path)?,
            Op::MaskPath { path } => mounts::mask(self.root()?, path)?,
            Op::ReadonlyPath { path } => mounts::make_readonly(self.root()?, path)?,
            Op::ReadonlyRoot => mounts::make_root_readonly(self.root()?)?,
            Op::HideHostViews => root::hide_host_views(self.root()?)?,
            Op::PivotRoot { by_move } => {
                root::switch(self.root()?, *by_move)?;
                // All that needs it has been done; it would be one more way out of a mount namespace joined later.
                self.root = None;
            }
            Op::SetHostname { name } => kernel::set_hostname(name)?,
            Op::SetDomainname { name } => kernel::set_domainname(name)?,
            Op::SetSysctl { key, value } => kernel::set_sysctl(key, value)?,
            Op::LoopbackUp => barque_sys::link::loopback_up()?,
            Op::MakeConsole { size } => self.terminal = Some(console::make(self, *size)?),
            Op::RunHooks { point, hooks } => {
                self.context.state.pid = self.host_pid;
                if let (HookPoint::CreateContainer, Some(root)) = (point, &self.root) {
                    // Where runc runs them: hooks reach into the root filesystem by relative paths.
                    sys_process::change_directory_to(root)?;
                }
                hooks::run(*point, hooks, &self.context.state)?;
            }
            Op::Process(op) => process::change(self, op)?,
            Op::AwaitStart => self.wait_for_start()?,
            Op::Exec { arguments, environment, home_of } => {
                if self.context.trace.is_on() {
                    Message::Trace(self.context.trace.take_steps()).send(&self.channel)?;
                }
                return Err(program::exec(self, arguments, environment, *home_of));
            }
            other => return Err(super::misplaced(other)),
        }
        Ok(())
    }

    pub(super) fn root(&self) -> Result<&Root> {
        self.root.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "the root is not attached yet"))
    }

    fn wait_for(&mut self, mark: Mark) -> Result<()> {
        if self.reached & mark.bit() != 0 {
            return Ok(());
        }
        loop {
            match Message::receive(&self.channel)? {
                Message::Mark(reached) if reached == mark => return Ok(()),
                // Not awaited yet: the creator may be ahead.
                Message::Mark(reached) => self.reached |= reached.bit(),
                Message::Mount(fd) => self.prepared.push(Some(fd)),
                Message::Network(fd) => self.network = Some(fd),
                // Killed, or failed: it has undone what it made, and there is nobody to tell anything.
                Message::Closed => sys_process::exit_now(1),
                other => {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        format!("the creator sent {other:?} out of turn"),
                    ));
                }
            }
        }
    }

    fn join_network(&mut self) -> Result<()> {
        let network = self.network.take();
        let network =
            network.ok_or_else(|| Error::new(ErrorKind::Internal, "no network namespace was made"))?;
        Ok(namespace::join(&network, Namespaces::NETWORK)?)
    }

    fn attach_prepared(&mut self, slot: usize, path: &Path) -> Result<()> {
        let mount = self.prepared_mount(slot, path)?;
        let target = barque_sys::file::open(path, barque_sys::file::DIRECTORY)?;
        Ok(barque_sys::mount::attach(&mount, &target)?)
    }

    /// The mount the creator has prepared under a number.
    pub(super) fn prepared_mount(&mut self, slot: usize, path: &Path) -> Result<OwnedFd> {
        let prepared = self.prepared.get_mut(slot).and_then(Option::take);
        prepared.ok_or_else(|| Error::new(ErrorKind::Internal, format!("{path:?} was not prepared")))
    }

    fn join_process(&mut self, pid: i32, kinds: &[NamespaceKind]) -> Result<()> {
        join_process(self.context.target.as_ref(), pid, kinds)?;
        if kinds.contains(&NamespaceKind::Mount) {
            self.root = Some(Root::open_host(Path::new("/"))?);
        }
        Ok(())
    }

    /// The child goes on in our place, as a child of our creator; we end once it is told of.
    fn clone_again(&mut self, new_pid_namespace: bool) -> Result<()> {
        let namespaces = if new_pid_namespace { Namespaces::PID } else { Namespaces::empty() };
        let clone = Clone { namespaces, sibling: true, ..Clone::default() };
        match clone.fork()? {
            Forked::Child => {
                self.host_pid = host_pid();
                Ok(())
            }
            Forked::Parent(child) => {
                Message::Process(child.pidfd).send(&self.channel)?;
                sys_process::exit_now(0)
            }
        }
    }

    /// Waits until somebody connects to the socket and says so. The connection then takes the place of the channel, so
    /// that whoever says `start` hears what goes wrong, and sees the socket closed when the program runs.
    fn wait_for_start(&mut self) -> Result<()> {
        let socket = self.context.start_socket.take();
        let socket = socket
            .ok_or_else(|| Error::new(ErrorKind::Internal, "there is no socket to wait for start on"))?;
        loop {
            let connection = Channel::accept(&socket)?;
            if connection.receive()?.0 == StartRequest::BYTES {
                self.channel = connection;
                return Ok(());
            }
        }
    }
}

/// Files in `/proc` of a process that nobody may look at are the host root's. A user namespace made by somebody else has
/// then no way to get its id maps from its unprivileged creator, its time offsets or its OOM score. Such a process is
/// as safe as its creator, which the same user may look at all the time, unless it joins something where others are.
fn may_be_seen(plan: &Plan) -> bool {
    let unprivileged = plan
        .of(Actor::Creator)
        .any(|op| matches!(op, Op::MapIds(maps) if maps.by_tools || maps.deny_setgroups));
    let joins = plan.steps.iter().any(|step| matches!(step.op, Op::Join { .. } | Op::JoinProcess { .. }));
    unprivileged && !joins
}

fn unshare(kinds: &[NamespaceKind]) -> Result<()> {
    let flags = kinds.iter().fold(Namespaces::empty(), |set, kind| set | super::flag(*kind));
    namespace::unshare(flags).map_err(super::namespaces_failed)
}

/// The id of this process as the host's procfs shows it.
fn host_pid() -> Option<i32> {
    std::fs::read_link("/proc/self").ok()?.to_str()?.parse().ok()
}

fn make_working_directory(root: &Root, path: &str) -> Result<()> {
    match root.make_directory(Path::new(path)) {
        Ok(_) => Ok(()),
        // It may appear later (by a hook), or lie on something the container mounts itself: entering it decides.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(Error::from(error).context(format_args!("process.cwd {path:?}"))),
    }
}
