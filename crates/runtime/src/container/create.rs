//! `create` and `run`: from a configuration to a process.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use barque_sys::channel::{self, Channel};
use barque_sys::clone::Child;
use barque_sys::file;

use super::store::{self, Store};
use super::{Identity, Record};
use crate::cgroup::{self, Layout};
use crate::execute::{self, Context, Observer, Trace};
use crate::plan::mount::RootSource;
use crate::plan::{self, Host, HostFile, Input, Op, Options, Plan};
use crate::rdt;
use crate::seccomp;
use crate::spec::{Resources, Spec, State, Status};
use crate::{Error, ErrorKind, Result};

/// Unpacks an archive (first) into a directory, and says what could not be kept; the runtime knows nothing of archives.
pub type Unpack = fn(&Path, &Path) -> Result<Vec<String>>;

/// For containers without archives.
pub fn no_archives(archive: &Path, _: &Path) -> Result<Vec<String>> {
    Err(Error::new(ErrorKind::Internal, format!("nothing can unpack {archive:?}")))
}

/// Connects a container's network namespace; the runtime knows nothing of networks.
pub trait Connect: std::fmt::Debug {
    /// Connects the network namespace behind a descriptor, which a process is in or will be.
    fn connect(&self, network: BorrowedFd<'_>, pid: i32) -> Result<()>;
}

/// What a container is made from.
#[derive(Debug)]
pub struct Creation<'a> {
    /// The new container's id.
    pub id: &'a str,
    /// Absolute path of the bundle.
    pub bundle: &'a Path,
    /// The configuration.
    pub spec: &'a Spec<'a>,
    /// Its text, kept for later commands.
    pub config: &'a [u8],
    /// Holds the mount this program's file lies on (`barque_sys::executable`).
    pub executable: Option<OwnedFd>,
    /// The root filesystem, where it is not the one the configuration names.
    pub root: Option<RootSource>,
    /// Directories and files of the host to make for it.
    pub files: Vec<HostFile>,
    /// Unpacks the archives among the files.
    pub unpack: Unpack,
    /// Connects its network namespace, with [`Options::connection`].
    pub connect: Option<&'a dyn Connect>,
    /// Where the terminal's other end goes.
    pub console_socket: Option<&'a Path>,
    /// Whether it gets a cgroup of its own.
    pub cgroups: bool,
    /// Choices of the caller.
    pub options: Options,
    /// Where the time goes.
    pub trace: Trace,
}

/// A container that was made.
#[derive(Debug)]
pub struct Created {
    /// Its first process.
    pub child: Child,
    /// The terminal's other end, where no socket took it.
    pub console: Option<OwnedFd>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Where the time went.
    pub trace: Trace,
    /// Its mount namespace. Holding it makes the end of the process known at once, and the unmount the business of
    /// whoever lets go of it last.
    pub mounts: Option<OwnedFd>,
    /// Its user namespace, where an unprivileged creator made one: files that its ids own can be removed from there only.
    pub users: Option<OwnedFd>,
}

/// Makes a container, and starts its program unless [`Options::start_later`] says otherwise.
pub fn create(store: &Store, mut creation: Creation<'_>) -> Result<Created> {
    let executable = creation.executable.take();
    let (input, plan) = creation.plan()?;
    let (path, directory) = store.take(creation.id)?;
    let result = make(&creation, executable, &input, &plan, &path, &directory);
    if result.is_err() {
        drop(std::fs::remove_dir_all(&path));
        creation.poststop();
    }
    // By closing alone the lock would stay: the new process has a copy of the descriptor until it becomes the program.
    file::unlock(&directory)?;
    result
}

/// The plan that [`create`] would execute. It changes nothing, and reads only where the machine's cgroups are.
pub fn plan_of(creation: &Creation<'_>) -> Result<Plan> {
    Ok(creation.plan()?.1)
}

/// A terminal that nobody waits beside needs somebody to take its other end; without a terminal nothing would ever come
/// out of a socket, and who listens there would wait for good.
pub fn check_console(terminal: bool, nobody_waits: bool, socket: Option<&Path>) -> Result<()> {
    match socket {
        None if terminal && nobody_waits => Err(Error::invalid(
            "process.terminal: a process with a terminal that nobody waits for needs a console socket",
        )
        .hint("use --console-socket, or set terminal to false")),
        Some(socket) if !terminal => Err(Error::invalid(format!(
            "process.terminal: is false, so the console socket {socket:?} gets nothing"
        ))
        .hint("leave --console-socket out, or set terminal to true")),
        _ => Ok(()),
    }
}

fn make(
    creation: &Creation<'_>,
    executable: Option<OwnedFd>,
    input: &Input<'_>,
    plan: &Plan,
    path: &Path,
    directory: &OwnedFd,
) -> Result<Created> {
    let record = creation.record(input, plan);
    write(path, store::RECORD, &serde_json::to_vec(&record).unwrap_or_default())?;
    let start_socket = match creation.options.start_later {
        true => Some(Channel::listen(directory.as_fd(), store::HIDDEN_START)?),
        false => None,
    };
    let mut recorder = Recorder {
        path,
        config: creation.config,
        unpack: creation.unpack,
        connect: creation.connect,
        console_socket: creation.console_socket,
        console: None,
        trace: Trace::default(),
        warnings: input.cgroup.as_ref().map(|cgroup| cgroup.warnings.clone()).unwrap_or_default(),
    };
    let context = Context {
        state: creation.state(),
        start_socket,
        executable,
        target: None,
        preserve_fds: creation.options.preserve_fds,
        trace: creation.trace.again(),
    };
    let child = execute::execute(plan, context, &mut recorder)?;
    let mounts = format!("/proc/{}/ns/mnt", child.pid.as_raw_nonzero());
    let users = (!input.host.privileged).then(|| format!("/proc/{}/ns/user", child.pid.as_raw_nonzero()));
    Ok(Created {
        child,
        console: recorder.console,
        warnings: recorder.warnings,
        trace: recorder.trace,
        mounts: barque_sys::namespace::open(Path::new(&mounts)).ok(),
        users: users.as_ref().and_then(|users| barque_sys::namespace::open(Path::new(users)).ok()),
    })
}

/// Writes a file of a new container. Not by rename: until the process is recorded, nobody reads it.
fn write(path: &Path, name: &str, text: &[u8]) -> Result<()> {
    let file = path.join(name);
    barque_sys::Call::call(std::fs::write(&file, text), || format!("write({file:?})"))?;
    Ok(())
}

impl Creation<'_> {
    fn plan(&self) -> Result<(Input<'_>, Plan)> {
        let layout = if self.cgroups { Some(Layout::read()?) } else { None };
        let input = self.input(layout.as_ref())?;
        let plan = plan::make(&input)?;
        Ok((input, plan))
    }

    fn input(&self, layout: Option<&Layout>) -> Result<Input<'_>> {
        let linux = self.spec.linux.as_ref();
        let host = host();
        let seccomp = linux.and_then(|linux| linux.seccomp.as_ref()).map(seccomp::compile).transpose()?;
        let (cgroup, cgroup_trees) = match layout {
            Some(layout) => self.plan_cgroup(layout, &host)?,
            None => (None, Vec::new()),
        };
        let rdt = match linux.and_then(|linux| linux.intel_rdt.as_ref()) {
            Some(config) => {
                let mountinfo = file::read(Path::new("/proc/self/mountinfo"))?;
                Some(rdt::plan(config, self.id, rdt::mount_point(&mountinfo).as_deref())?)
            }
            None => None,
        };
        Ok(Input {
            id: self.id,
            rdt,
            bundle: self.bundle,
            spec: self.spec,
            root: self.root.clone().unwrap_or_else(|| RootSource::Directory { path: self.rootfs() }),
            cgroup,
            cgroup_trees,
            seccomp,
            files: self.files.clone(),
            options: self.options.clone(),
            host,
        })
    }

    fn plan_cgroup(
        &self,
        layout: &Layout,
        host: &Host,
    ) -> Result<(Option<cgroup::Plan>, Vec<plan::CgroupTree>)> {
        let linux = self.spec.linux.as_ref();
        let none = Resources::default();
        let resources = linux.and_then(|linux| linux.resources.as_ref()).unwrap_or(&none);
        let request = cgroup::Request {
            cgroups_path: linux.and_then(|linux| linux.cgroups_path.as_deref()),
            id: self.id,
            resources,
            access: if host.privileged { cgroup::Access::Full } else { cgroup::Access::Delegated },
            systemd: self.options.systemd.as_ref(),
        };
        let plan = cgroup::plan(layout, &request)?;
        let group = plan.group.clone();
        let permitted = plan.permitted(layout);
        let group = if permitted.is_some() { group } else { cgroup::Group::of_caller(layout)? };
        let trees = plan::CgroupTree::of(layout, &group);
        Ok((permitted, trees))
    }

    fn rootfs(&self) -> PathBuf {
        self.bundle.join(self.spec.root.as_ref().map_or("", |root| root.path.as_str()))
    }

    fn record(&self, input: &Input<'_>, plan: &Plan) -> Record {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let setgroups_denied = plan
            .steps
            .iter()
            .any(|step| matches!(step.op, Op::MapIds(plan::IdMaps { deny_setgroups: true, .. })));
        Record {
            format: Record::FORMAT,
            id: self.id.to_owned(),
            bundle: self.bundle.to_owned(),
            rootfs: self.rootfs(),
            created: (now.as_secs(), now.subsec_nanos()),
            owner: input.host.uid,
            cgroup: input.cgroup.as_ref().map(|cgroup| cgroup.group.clone()),
            rdt: input.rdt.as_ref().map(|rdt| rdt.group.clone()),
            directories: plan.directories(),
            setgroups_denied,
        }
    }

    /// runtime.md "Lifecycle": a create that fails goes on with the steps of a container that has stopped, of which
    /// there are only these hooks; why it failed is told already.
    fn poststop(&self) {
        let hooks = self.spec.hooks.as_ref().map(|hooks| &hooks.poststop[..]).unwrap_or_default();
        drop(execute::run_all_hooks(plan::HookPoint::Poststop, hooks, &self.state()));
    }

    fn state(&self) -> State<'static> {
        State {
            oci_version: self.spec.oci_version.clone().into_static(),
            id: self.id.to_owned().into(),
            status: Status::Creating,
            pid: None,
            bundle: self.bundle.to_string_lossy().into_owned().into(),
            annotations: store::own(&self.spec.annotations),
        }
    }
}

/// Who we are.
pub(super) fn host() -> Host {
    let (uid, gid) = barque_sys::process::effective_ids();
    Host {
        uid,
        gid,
        privileged: uid == 0 && barque_sys::process::in_first_user_namespace(),
        rootfs_is_initramfs: false,
    }
}

/// Writes down what becomes of the start.
struct Recorder<'a> {
    path: &'a Path,
    config: &'a [u8],
    console_socket: Option<&'a Path>,
    console: Option<OwnedFd>,
    warnings: Vec<String>,
    trace: Trace,
    unpack: Unpack,
    connect: Option<&'a dyn Connect>,
}

impl Observer for Recorder<'_> {
    fn cloned(&mut self, child: &Child) -> Result<()> {
        write(self.path, store::CONFIG, self.config)?;
        let identity = Identity::of(child.pid.as_raw_nonzero().get())?;
        let directory = file::open(self.path, file::READ_DIRECTORY)?;
        Ok(file::replace(&directory, store::PROCESS, &serde_json::to_vec(&identity).unwrap_or_default())?)
    }

    fn unpack(&mut self, archive: &Path, directory: &Path) -> Result<Vec<String>> {
        (self.unpack)(archive, directory)
    }

    fn connect(&mut self, network: BorrowedFd<'_>, pid: i32) -> Result<()> {
        self.connect.map_or(Ok(()), |connect| connect.connect(network, pid))
    }

    fn console(&mut self, master: OwnedFd) -> Result<()> {
        let Some(socket) = self.console_socket else {
            self.console = Some(master);
            return Ok(());
        };
        send_console(socket, &master)
    }

    fn ready(&mut self) -> Result<()> {
        let (hidden, start) = (self.path.join(store::HIDDEN_START), self.path.join(store::START));
        Ok(barque_sys::Call::call(std::fs::rename(&hidden, &start), || {
            format!("rename({hidden:?}, {start:?})")
        })?)
    }

    fn warning(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }

    fn traced(&mut self, trace: Trace) {
        self.trace = trace;
    }
}

/// Hands a terminal's other end over, with its name, as runc does.
pub(super) fn send_console(socket: &Path, master: &OwnedFd) -> Result<()> {
    let send = || {
        let connection = channel::connect_stream(socket)?;
        channel::send_fd(&connection, b"/dev/ptmx", master.as_fd())
    };
    send().map_err(|error| {
        let error = Error::from(error).context(format_args!("console socket {socket:?}"));
        if error.kind() == ErrorKind::NotFound {
            error.hint("somebody must listen on it before the container is made")
        } else {
            error
        }
    })
}
