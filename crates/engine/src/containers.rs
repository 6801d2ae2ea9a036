//! All containers: made, found, listed.

use std::fs;
use std::os::fd::OwnedFd;

use barque_sys::{Call as _, file};

use crate::names::Names;
use crate::{Container, Definition, Error, ErrorKind, Places, Result, events};

pub(crate) const DEFINITION: &str = "definition.json";
pub(crate) const CONFIG: &str = "config.json";

/// All containers of a user.
#[derive(Debug, Clone)]
pub struct Containers {
    places: Places,
}

/// Whether a container of that id is there, or is being made.
pub(crate) fn is_there(places: &Places, id: &str) -> bool {
    let directory = places.container(id);
    directory.join(DEFINITION).exists() || is_locked(&directory)
}

fn is_locked(directory: &std::path::Path) -> bool {
    file::open(directory, file::READ_DIRECTORY).and_then(file::is_locked).unwrap_or(false)
}

/// What a list has found.
#[derive(Debug, Default)]
pub struct Listed {
    /// The containers, the newest first.
    pub containers: Vec<Container>,
    /// What could not be read, a complaint each: it keeps no other from being listed.
    pub damaged: Vec<Error>,
}

impl Containers {
    /// The containers at these places, which need not exist yet.
    pub fn new(places: Places) -> Self {
        Self { places }
    }

    /// Where they are.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Takes an id and a name; one is made up where none is given. Nobody else can have them from here on.
    pub fn claim(&self, id: &str, name: Option<&str>) -> Result<Claim> {
        let directory = self.places.container(id);
        let made = match fs::create_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                file::make_directories(&self.places.containers(), 0o711)?;
                fs::create_dir(&directory)
            }
            made => made,
        };
        made.call(|| format!("mkdir({directory:?})"))?;
        let mut claim = Claim {
            places: self.places.clone(),
            id: id.to_owned(),
            name: String::new(),
            lock: file::open(&directory, file::READ_DIRECTORY)?,
            committed: false,
        };
        rustix::fs::chmod(&directory, rustix::fs::Mode::from_raw_mode(0o711))
            .call(|| format!("chmod({directory:?}, 0711)"))?;
        file::lock(&claim.lock)?;
        let names = Names::new(&self.places);
        claim.name = match name {
            Some(name) => names.take(name, id).map(|()| name.to_owned())?,
            None => names.make_up(id)?,
        };
        Ok(claim)
    }

    /// The container that is meant by an id, a name, or the beginning of one id only.
    pub fn find(&self, text: &str) -> Result<Container> {
        let id = self.resolve(text)?;
        Container::open(&self.places, &id).map_err(|error| match error.kind() {
            ErrorKind::NotFound => no_such(text),
            _ => error,
        })
    }

    fn resolve(&self, text: &str) -> Result<String> {
        if is_id(text) && self.places.container(text).join(DEFINITION).exists() {
            return Ok(text.to_owned());
        }
        if let Some(id) = Names::new(&self.places).find(text) {
            return Ok(id);
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(no_such(text));
        }
        let mut found = self.ids()?.into_iter().filter(|id| id.starts_with(text));
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id),
            (None, _) => Err(no_such(text)),
            (Some(_), Some(_)) => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("multiple IDs found with provided prefix: {text}"),
            )
            .hint("write more of the id, or use the container's name")),
        }
    }

    /// The ids of all containers, in no order.
    pub fn ids(&self) -> Result<Vec<String>> {
        let directory = self.places.containers();
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.call(|| format!("open({directory:?})"))?,
        };
        let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        Ok(entries.filter_map(name).filter(|name| is_id(name)).collect())
    }

    /// All containers.
    pub fn list(&self) -> Result<Listed> {
        let mut listed = Listed::default();
        for id in self.ids()? {
            match Container::open(&self.places, &id) {
                Ok(container) => listed.containers.push(container),
                // It is being made, or has just gone.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => listed.damaged.push(error),
            }
        }
        listed.containers.sort_by_key(|container| std::cmp::Reverse(container.definition.created));
        Ok(listed)
    }
}

/// Whether a text has the form of a whole id.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Docker's words, which scripts look for.
pub(crate) fn no_such(text: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("No such container: {text}"))
        .hint("see `barque ps -a` for the containers that are there")
}

/// An id and a name that are taken for a container that is being made. Given back unless it is committed.
#[derive(Debug)]
pub struct Claim {
    places: Places,
    id: String,
    name: String,
    lock: OwnedFd,
    committed: bool,
}

impl Claim {
    /// The name it got.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes the container down: from here on it is there. Its directory stays locked until the claim is dropped.
    pub fn commit(&mut self, definition: Definition, config: &[u8]) -> Result<Container> {
        let directory = self.places.container(&self.id);
        let config_file = directory.join(CONFIG);
        fs::write(&config_file, config).call(|| format!("write({config_file:?})"))?;
        let container = Container::new(&self.places, definition);
        container.write()?;
        self.committed = true;
        events::of_container(&container, "create", &[]);
        Ok(container)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.committed {
            // Whoever is refused an id or a name has been told why; what cannot be removed is found by `system check`.
            drop(Names::new(&self.places).give_back(&self.name, &self.id));
            drop(fs::remove_dir_all(self.places.container(&self.id)));
        }
        drop(file::unlock(&self.lock));
    }
}
