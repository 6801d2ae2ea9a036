//! One container: its definition, and what the kernel and its files say of it now.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use barque_runtime::container as runtime;
use barque_runtime::spec;
use barque_sys::file;
use serde::Serialize;

use crate::containers::{CONFIG, DEFINITION, no_such};
use crate::health::Health;
use crate::{Definition, Error, ErrorKind, Places, Result, State, monitor};

/// A container.
#[derive(Debug, Clone)]
pub struct Container {
    /// What it is.
    pub definition: Definition,
    places: Places,
}

/// Where in its life a container is: Docker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It never ran.
    Created,
    /// It runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// It has ended, and its policy will start it again.
    Restarting,
    /// It has ended.
    Exited,
}

impl Status {
    /// As lists and filters call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
        }
    }

    /// Whether it has processes.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A container as it is at one moment.
#[derive(Debug, Clone)]
pub struct Now {
    /// Where in its life it is.
    pub status: Status,
    /// Its first process, while it has one.
    pub pid: Option<i32>,
    /// Its last run.
    pub state: State,
    /// How healthy it is, where it has a check and somebody asks, or how it was when it ended.
    pub health: Option<Health>,
    /// Whether its monitor lives.
    pub watched: bool,
    /// Whether its last run has left things behind that nobody is removing: its monitor was killed.
    pub remains: bool,
}

/// Holds a container still: others that want to change it wait.
#[derive(Debug)]
pub struct Lock(OwnedFd);

impl Drop for Lock {
    fn drop(&mut self) {
        // By closing alone a monitor's copy of the descriptor would keep it.
        drop(file::unlock(&self.0));
    }
}

impl Container {
    pub(crate) fn new(places: &Places, definition: Definition) -> Self {
        Self { definition, places: places.clone() }
    }

    pub(crate) fn open(places: &Places, id: &str) -> Result<Self> {
        let path = places.container(id).join(DEFINITION);
        let text = file::read(&path)?;
        let definition: Definition = serde_json::from_str(&text).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("the record of container {id} is damaged: {path:?}: {error}"),
            )
            .hint("remove the container with `barque rm --force`, or mend the file")
        })?;
        if definition.version > crate::definition::VERSION {
            return Err(Error::unsupported(format!("container {id} was made by a newer Barque")));
        }
        Ok(Self::new(places, definition))
    }

    /// Writes the definition, whole or not at all.
    pub(crate) fn write(&self) -> Result<()> {
        let text = serde_json::to_vec(&self.definition).unwrap_or_default();
        let directory = file::open(&self.directory(), file::READ_DIRECTORY)?;
        Ok(file::replace(&directory, DEFINITION, &text)?)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.definition.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Where everything is kept.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Its own directory.
    pub fn directory(&self) -> PathBuf {
        self.places.container(self.id())
    }

    /// Its OCI configuration, as text.
    pub fn config(&self) -> Result<String> {
        Ok(file::read(&self.directory().join(CONFIG))?)
    }

    /// Its OCI configuration; `text` is what [`Container::config`] has read.
    pub fn spec<'a>(&self, text: &'a str) -> Result<spec::Spec<'a>> {
        spec::spec_from_json(text).map_err(|error| {
            let path = self.directory().join(CONFIG);
            Error::new(ErrorKind::Internal, format!("{path:?}: {error}"))
        })
    }

    /// Its last run.
    pub fn state(&self) -> Result<State> {
        State::read(&self.directory())
    }

    /// The runtime's record of it: of one that runs, or whose remains are not removed yet.
    pub fn runtime(&self) -> Result<Option<runtime::Container>> {
        match self.places.runtime().open(self.id()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// The runtime's record of it, which must run.
    pub fn running(&self) -> Result<runtime::Container> {
        match self.runtime()? {
            Some(runtime) if !matches!(runtime.status(), spec::Status::Stopped | spec::Status::Creating) => {
                Ok(runtime)
            }
            _ => Err(Error::new(ErrorKind::Conflict, format!("container {} is not running", self.name()))
                .hint(format!("start it: barque start {}", self.name()))),
        }
    }

    /// How it is at this moment, asked of the kernel.
    pub fn now(&self) -> Result<Now> {
        let runtime = self.runtime()?;
        let watched = monitor::is_alive(&self.places, self.id());
        // Read after the others: what they say is then in it.
        let state = self.state()?;
        let status = runtime.as_ref().map(runtime::Container::status);
        let pid = runtime.as_ref().and_then(|runtime| runtime.process.as_ref()).map(|process| process.pid);
        let ended = || match () {
            () if watched && state.next_start.is_some() => Status::Restarting,
            () if state.started.is_none() => Status::Created,
            () => Status::Exited,
        };
        let status = match status {
            Some(spec::Status::Running | spec::Status::Created) => Status::Running,
            Some(spec::Status::Paused) => Status::Paused,
            // A run that has ended, of which the runtime's record is just being removed, looks like one that begins.
            Some(spec::Status::Creating) if state.end.is_none() => Status::Created,
            Some(spec::Status::Creating | spec::Status::Stopped) | None => ended(),
        };
        let lost = state.started.is_some() && state.end.is_none();
        let remains = !status.is_up() && !watched && (runtime.is_some() || lost);
        // Without its monitor nobody asks: what is written down may be true no more.
        let asked = self.definition.health.is_some() && (watched || !status.is_up());
        let health = asked.then(|| Health::read(&self.directory())).flatten();
        Ok(Now { status, pid: pid.filter(|_| status.is_up()), state, health, watched, remains })
    }

    /// Waits for whoever changes the container, and reads it again as it is then; others are kept out as long as the
    /// lock lives.
    pub fn lock(&self) -> Result<(Self, Lock)> {
        let directory = self.directory();
        let fd = file::open(&directory, file::READ_DIRECTORY).map_err(|error| match error.kind() {
            ErrorKind::NotFound => no_such(self.name()),
            _ => error.into(),
        })?;
        file::lock(&fd)?;
        let lock = Lock(fd);
        match Self::open(&self.places, self.id()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(no_such(self.name())),
            read => read.map(|container| (container, lock)),
        }
    }
}
