//! The directory of all containers, and one container in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use barque_sys::file;

use super::{Identity, Record};
use crate::spec::{self, Spec, State, Status, Str};
use crate::{Error, ErrorKind, Result};

/// The directory that holds the state of containers (`--root`).
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A container that is there.
#[derive(Debug)]
pub struct Container {
    pub(super) id: String,
    pub(super) path: PathBuf,
    pub(super) directory: OwnedFd,
    /// What is kept of it; absent when its creator was killed before it was written.
    pub record: Option<Record>,
    /// Its first process; absent while it is being made, and after a creator that was killed.
    pub process: Option<Identity>,
    pub(super) config: String,
    /// Whether this value holds the lock.
    holds_lock: bool,
}

pub(super) const CONFIG: &str = "config.json";
pub(super) const RECORD: &str = "record.json";
pub(super) const PROCESS: &str = "process.json";
pub(super) const START: &str = "start";
/// The name of that socket until everything is made.
pub(super) const HIDDEN_START: &str = ".start";

/// How often, and after how long, a directory that nobody has locked and that holds nothing is looked at again.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(1);

impl Store {
    /// The store at a directory, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Takes an id: makes the container's directory and locks it for as long as the descriptor lives.
    pub(super) fn take(&self, id: &str) -> Result<(PathBuf, OwnedFd)> {
        check_id(id)?;
        let path = self.root.join(id);
        let made = match fs::create_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                file::make_directories(&self.root, 0o711)?;
                fs::create_dir(&path)
            }
            result => result,
        };
        match made {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    format!("container with id {id:?} already exists"),
                )
                .hint("choose another id, or delete that container"));
            }
            result => barque_sys::Call::call(result, || format!("mkdir({path:?})"))?,
        }
        let directory = file::open(&path, file::READ_DIRECTORY)?;
        file::lock(&directory)?;
        Ok((path, directory))
    }

    /// Opens a container by its id.
    pub fn open(&self, id: &str) -> Result<Container> {
        check_id(id)?;
        Container::open(id, self.root.join(id))
    }

    /// The ids of all containers, sorted.
    pub fn ids(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => barque_sys::Call::call(result, || format!("open({:?})", self.root))?,
        };
        let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let mut ids: Vec<String> = entries.filter_map(name).filter(|name| check_id(name).is_ok()).collect();
        ids.sort();
        Ok(ids)
    }
}

/// An id becomes the name of directories and cgroups: letters, digits and `_+-.`, as with runc.
fn check_id(id: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
    if !id.is_empty() && id.len() <= 255 && id.chars().all(legal) && id != "." && id != ".." {
        return Ok(());
    }
    Err(Error::invalid(format!("container id {id:?} is not valid"))
        .hint("use letters, digits and the characters _ + - . (at most 255)"))
}

impl Container {
    fn open(id: &str, path: PathBuf) -> Result<Self> {
        let directory = open(id, &path)?;
        let record = parse(&path, RECORD)?;
        let process = parse(&path, PROCESS)?;
        let config = file::read(&path.join(CONFIG)).unwrap_or_default();
        Ok(Self { id: id.to_owned(), path, directory, record, process, config, holds_lock: false })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its configuration, as it was when it was made.
    pub fn spec(&self) -> Result<Spec<'_>> {
        spec::spec_from_json(&self.config).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("{:?}: {error}", self.path.join(CONFIG)))
        })
    }

    /// Where in its life it is, asked of the kernel.
    pub fn status(&self) -> Status {
        let Some(process) = &self.process else {
            // No process was recorded: its creator is at work, or has died over it.
            return if self.is_locked() { Status::Creating } else { Status::Stopped };
        };
        if !process.is_alive() {
            return Status::Stopped;
        }
        if self.path.join(START).exists() {
            return Status::Created;
        }
        if self.is_locked() {
            return Status::Creating;
        }
        let frozen = self.record.as_ref().and_then(|record| record.cgroup.as_ref()?.is_frozen().ok());
        if frozen == Some(true) { Status::Paused } else { Status::Running }
    }

    /// Whether somebody else changes it.
    fn is_locked(&self) -> bool {
        if self.holds_lock {
            return false;
        }
        match file::try_lock(&self.directory) {
            Ok(true) => file::unlock(&self.directory).is_err(),
            result => result.is_ok(),
        }
    }

    /// Waits for whoever changes the container, and reads it again as it is then. Others are kept out as long as the
    /// new value lives.
    pub(super) fn locked(&self) -> Result<Self> {
        let inode = |fd: &OwnedFd| barque_sys::path::stat(fd).map(|stat| stat.st_ino);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let directory = open(&self.id, &self.path)?;
            file::lock(&directory)?;
            let container = Self::open(&self.id, self.path.clone())?;
            // While we waited, that container may have gone, and another may have got its id.
            let is_same = inode(&directory)? == inode(&container.directory)?;
            // Its creator may have made the directory and not locked it yet. One that was killed there leaves it so.
            let is_begun = container.record.is_some() || container.process.is_some();
            if is_same && (is_begun || attempt >= LOCK_ATTEMPTS) {
                return Ok(Self { directory, holds_lock: true, ..container });
            }
            drop(directory);
            std::thread::sleep(LOCK_PAUSE);
        }
    }

    /// Lets others change it again.
    pub(super) fn unlocked(self) -> Result<Self> {
        file::unlock(&self.directory)?;
        Ok(Self { holds_lock: false, ..self })
    }

    /// Its first process, if it lives: with a descriptor that stands for it and nothing else.
    pub fn live_process(&self) -> Result<Option<OwnedFd>> {
        let Some(process) = &self.process else { return Ok(None) };
        let pidfd = match barque_sys::process::open_raw(process.pid) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            result => result?,
        };
        // Asked after the descriptor was opened: from here on the id cannot come to stand for another process.
        Ok(process.is_alive().then_some(pidfd))
    }

    /// Its state, as `runtime.md` defines it.
    pub fn state(&self) -> State<'static> {
        self.state_as(self.status())
    }

    /// Its state at a status that is known.
    pub fn state_as(&self, status: Status) -> State<'static> {
        let (version, annotations) = self.spec().map_or_else(
            |_| (Str::from(crate::SPEC_VERSION), BTreeMap::new()),
            |spec| (spec.oci_version.into_static(), own(&spec.annotations)),
        );
        let lives = !matches!(status, Status::Stopped | Status::Creating);
        State {
            oci_version: version,
            id: self.id.clone().into(),
            status,
            pid: self.process.as_ref().filter(|_| lives).map(|process| process.pid),
            bundle: self
                .record
                .as_ref()
                .map(|record| record.bundle.to_string_lossy().into_owned())
                .unwrap_or_default()
                .into(),
            annotations,
        }
    }

    /// The file in which it lies.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn directory(&self) -> std::os::fd::BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

fn open(id: &str, path: &Path) -> Result<OwnedFd> {
    file::open(path, file::READ_DIRECTORY).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("container {id:?} does not exist")),
        _ => error.into(),
    })
}

/// Annotations that borrow from nothing.
pub(super) fn own(annotations: &BTreeMap<Str<'_>, Str<'_>>) -> BTreeMap<Str<'static>, Str<'static>> {
    annotations.iter().map(|(key, value)| (key.clone().into_static(), value.clone().into_static())).collect()
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, name: &str) -> Result<Option<T>> {
    let path = path.join(name);
    let text = match file::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        result => result?,
    };
    match serde_json::from_str(&text) {
        // Its creator was killed while it wrote it, before anything else was made.
        Err(error) if error.is_eof() => Ok(None),
        result => result.map(Some).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("{path:?}: {error}"))
                .hint("the container's state is damaged: delete --force it")
        }),
    }
}
