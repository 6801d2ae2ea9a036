//! The container of a RUN, and the process that watches over it.
//!
//! That process makes the container, waits for its end and takes away what is left of it. It ends the container when the
//! build is killed. When it is killed itself, the build does so; and when both are, the next build does ([`reap`]): the
//! process holds a lock for as long as it lives.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use barque_engine::files::aside::{self, Aside};
use barque_engine::start::{Joined, Leaving};
use barque_engine::{Error, Places, Result};
use barque_image::store::Scratch;
use barque_runtime::container::{self, Connect, Creation, Options, Store};
use barque_runtime::execute::Trace;
use barque_runtime::plan::HostFile;
use barque_runtime::plan::mount::{RootSource, Upper};
use barque_sys::Call as _;
use barque_sys::{file, process};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::Configured;
use super::mounts::Ready;

/// What a container is made from.
pub(super) struct Parts<'a> {
    pub(super) id: &'a str,
    pub(super) places: &'a Places,
    pub(super) scratch: &'a Scratch,
    pub(super) lowers: &'a [PathBuf],
    pub(super) configured: &'a Configured,
    pub(super) mounts: &'a Ready,
}

/// A container at work.
pub(super) struct Container {
    id: String,
    store: Store,
    lock: PathBuf,
    output: File,
    watcher: Aside,
}

/// Where the runtime's records of builds lie.
fn store_of(places: &Places) -> Store {
    Store::new(places.run_root.join("build"))
}

fn locks_of(places: &Places) -> PathBuf {
    places.run_root.join("build-locks")
}

/// Where the secrets of a command lie: in memory.
pub(super) fn secrets_of(places: &Places, id: &str) -> PathBuf {
    places.run_root.join("build-secrets").join(id)
}

/// Takes away the containers of builds that were killed.
pub(super) fn reap(places: &Places) -> Result<()> {
    let locks = locks_of(places);
    let Ok(entries) = std::fs::read_dir(&locks) else { return Ok(()) };
    for entry in entries.flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        let Ok(lock) = file::open(&entry.path(), rustix::fs::OFlags::RDONLY) else { continue };
        if file::try_lock(&lock)? {
            take_away(&store_of(places), &id, &entry.path());
            drop(std::fs::remove_dir_all(secrets_of(places, &id)));
            file::unlock(&lock)?;
        }
    }
    Ok(())
}

/// Ends a container and removes its remains; there may be none.
fn take_away(store: &Store, id: &str, lock: &Path) {
    // What cannot be removed now is tried again by the next build, as long as the lock's file is there.
    if let Ok(container) = store.open(id)
        && container.delete(true).is_err()
    {
        return;
    }
    drop(std::fs::remove_file(lock));
}

impl Container {
    /// Starts the command.
    pub(super) fn start(parts: &Parts<'_>) -> Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)")?;
        let (store, locks) = (store_of(parts.places), locks_of(parts.places));
        file::make_directories(&locks, 0o700)?;
        let lock = locks.join(parts.id);
        let held = rustix::fs::open(
            &lock,
            rustix::fs::OFlags::CREATE | rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::from_raw_mode(0o600),
        );
        let held = held.call(|| format!("open({lock:?}, O_CREAT)"))?;
        // Before the other process is there: it shares the lock from its first moment.
        file::lock(&held)?;
        let parent = process::own()?;
        let mut read = Some(read);
        let started = aside::start(|| {
            drop(read.take());
            watch(parts, &store, &parent, write.as_fd())
        });
        let watcher = match started {
            Ok(watcher) => watcher,
            Err(error) => {
                drop(std::fs::remove_file(&lock));
                return Err(error);
            }
        };
        drop((write, held));
        let output = read.ok_or_else(|| Error::invalid("the output of the command is lost"))?;
        Ok(Self { id: parts.id.to_owned(), store, lock, output: File::from(output), watcher })
    }

    /// Passes on what the command writes until it has ended; gives its exit code.
    pub(super) fn finish(mut self, mut hear: impl FnMut(&[u8])) -> Result<i32> {
        let mut buffer = vec![0; 32 << 10];
        loop {
            match self.output.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => hear(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => Err(error).call(|| "read(output)")?,
            }
        }
        let code = self.watcher.finish();
        take_away(&self.store, &self.id, &self.lock);
        code
    }
}

/// In the other process: makes the container, and waits for its end, or that of the build.
fn watch(parts: &Parts<'_>, store: &Store, parent: &OwnedFd, output: impl AsFd) -> Result<i32> {
    // A key that ends the build must not end who takes away what it has made.
    process::start_session();
    process::set_parent_death_signal(None)?;
    let nothing = file::open(Path::new("/dev/null"), rustix::fs::OFlags::RDONLY)?;
    rustix::stdio::dup2_stdin(&nothing).call(|| "dup2(/dev/null, 0)")?;
    rustix::stdio::dup2_stdout(&output).call(|| "dup2(output, 1)")?;
    rustix::stdio::dup2_stderr(&output).call(|| "dup2(output, 2)")?;
    let network = parts.configured.network.as_ref();
    let joined = network.map(|request| Joined::without_names(parts.places, request, parts.id)).transpose()?;
    let code = run(parts, store, parent, joined.as_ref());
    if let Ok(container) = store.open(parts.id) {
        drop(container.delete(true));
    }
    joined.map(Joined::leave).iter().for_each(Leaving::finish);
    // The build may not be there to do it.
    drop(std::fs::remove_dir_all(secrets_of(parts.places, parts.id)));
    take_away(store, parts.id, &locks_of(parts.places).join(parts.id));
    code
}

fn run(parts: &Parts<'_>, store: &Store, parent: &OwnedFd, joined: Option<&Joined>) -> Result<i32> {
    let directory = parts.scratch.directory();
    let mut spec = parts.configured.spec.clone();
    parts.mounts.apply(&mut spec)?;
    let config = serde_json::to_vec(&spec).unwrap_or_default();
    let merged = directory.join("merged");
    file::make_directory(&merged, 0o711, None)?;
    let own = |name: &str, text: String| HostFile::File(directory.join(name), text);
    let request = parts.configured.network.as_ref();
    let files = parts.configured.files.iter().map(|file| {
        let lines = match (file.name.as_str(), joined, request) {
            ("hosts", Some(joined), Some(request)) => joined.hosts(request),
            _ => String::new(),
        };
        own(&file.name, format!("{}{lines}", file.text))
    });
    let upper = Upper::Directory { path: directory.to_owned(), volatile: true };
    let creation = Creation {
        id: parts.id,
        bundle: directory,
        spec: &spec,
        config: &config,
        executable: None,
        root: Some(RootSource::Overlay { lower: parts.lowers.to_vec(), upper, mount_point: merged }),
        files: files.collect(),
        unpack: container::no_archives,
        connect: joined.map(|joined| joined as &dyn Connect),
        console_socket: None,
        cgroups: spec.linux.as_ref().is_some_and(|linux| linux.cgroups_path.is_some()),
        options: Options { connection: joined.map(Joined::connection), ..Options::default() },
        trace: Trace::default(),
    };
    let created = container::create(store, creation)?;
    let mut fds = [PollFd::new(&created.child.pidfd, PollFlags::IN), PollFd::new(parent, PollFlags::IN)];
    loop {
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => {}
            ready => drop(ready.call(|| "poll(command, build)")?),
        }
        if fds[0].revents().contains(PollFlags::IN) {
            return Ok(process::wait(&created.child.pidfd)?.code());
        }
        if fds[1].revents().contains(PollFlags::IN) {
            return Err(Error::invalid("the build has ended"));
        }
    }
}
