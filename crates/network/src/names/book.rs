//! Who has which names, as files; and all that one container can see of them.

use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use barque_sys::Call as _;
use barque_sys::file;
use barque_sys::rtnetlink::Rtnetlink;
use serde::{Deserialize, Serialize};

use super::message::{self, Code, Data, Query};
use crate::definition::Pool;
use crate::owner::Owner;
use crate::reserve::Reservations;
use crate::store::Networks;
use crate::{Error, Result};

/// Two changes so close together may leave the same time on a directory (file systems without fine-grained time stamps).
const CLOSE: Duration = Duration::from_millis(20);

/// What a container is called in a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its names there; the first is the one its addresses have.
    pub(crate) names: Vec<String>,
    /// Its addresses there.
    pub(crate) addresses: Vec<IpAddr>,
    /// Who tells whether it is there.
    pub(crate) owner: Owner,
}

/// The names of a network.
#[derive(Debug)]
pub(crate) struct Names {
    files: Reservations,
}

impl Names {
    /// Those below a network's directory.
    pub(crate) fn of(network: &Path) -> Self {
        Self { files: Reservations::new(network.join("names")) }
    }

    /// Writes what a container is called; in the place of what it was called before.
    pub(crate) fn write(&self, entry: &Entry) -> Result<()> {
        let text = serde_json::to_vec(entry).unwrap_or_default();
        let path = self.files.directory();
        let directory = match file::open(path, file::DIRECTORY) {
            Err(error) if error.kind() == crate::ErrorKind::NotFound => {
                file::make_directories(path, 0o711)?;
                file::open(path, file::DIRECTORY)
            }
            opened => opened,
        };
        Ok(file::replace(&directory?, &entry.owner.container, &text)?)
    }

    /// What a container is called.
    pub(crate) fn read(&self, container: &str) -> Option<Entry> {
        self.files.read(container)
    }

    /// Forgets a container.
    pub(crate) fn remove(&self, container: &str) -> Result<()> {
        let path = self.files.directory().join(container);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => Ok(removed.call(|| format!("unlink({path:?})")).map_err(Error::from)?),
        }
    }

    /// Forgets containers that are gone.
    pub(crate) fn reap(&self, has_link: &dyn Fn(&str) -> bool) -> Result<()> {
        self.files.remove_if(&self.files.names(), |entry: &Entry| !entry.owner.is_alive(has_link)).map(drop)
    }

    fn all(&self) -> Vec<Entry> {
        self.files.names().iter().filter_map(|name| self.files.read(name)).collect()
    }

    /// When a name came or went last.
    fn changed(&self) -> Option<SystemTime> {
        fs::metadata(self.files.directory()).ok()?.modified().ok()
    }
}

/// What is to be done about a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is known here.
    Reply(Code, Vec<Data>),
    /// Somebody else may know.
    Forward,
}

/// What one container can see: the names of all networks that it is in.
#[derive(Debug)]
pub(super) struct Book {
    networks: Networks,
    container: String,
    /// What was read, and what the directories' times were then; none when it must be read again.
    read: Option<Vec<(PathBuf, Option<SystemTime>)>>,
    entries: Vec<Entry>,
    by_name: HashMap<String, Vec<usize>>,
    by_address: HashMap<IpAddr, usize>,
    /// The network that an entry is of.
    network_of: Vec<String>,
    pools: Vec<Pool>,
    /// Whether one of the networks has a way out.
    has_way_out: bool,
    /// Which of several comes first is another one each time.
    turn: usize,
}

impl Book {
    pub(super) fn new(networks: Networks, container: &str) -> Self {
        Self {
            networks,
            container: container.to_owned(),
            read: None,
            entries: Vec::new(),
            by_name: HashMap::new(),
            by_address: HashMap::new(),
            network_of: Vec::new(),
            pools: Vec::new(),
            has_way_out: false,
            turn: 0,
        }
    }

    /// What is known about a question.
    pub(super) fn answer(&mut self, query: &Query) -> Answer {
        if !query.is_internet() {
            return self.elsewhere();
        }
        self.refresh();
        if let Some(address) = message::reversed(&query.name) {
            return self.backwards(query, address);
        }
        let Some(found) = self.by_name.get(&query.name) else { return self.elsewhere() };
        let alive: Vec<usize> = found.iter().copied().filter(|at| self.is_there(*at)).collect();
        if alive.is_empty() {
            return self.elsewhere();
        }
        self.turn = self.turn.wrapping_add(1);
        let wanted = |address: &&IpAddr| match query.kind {
            message::A => address.is_ipv4(),
            message::AAAA => address.is_ipv6(),
            kind => kind == message::ANY,
        };
        let entries = alive.iter().filter_map(|at| self.entries.get(*at));
        let mut data: Vec<_> = entries
            .flat_map(|entry| entry.addresses.iter().filter(wanted).map(|one| Data::Address(*one)))
            .collect();
        if !data.is_empty() {
            let first = self.turn % data.len();
            data.rotate_left(first);
        }
        Answer::Reply(Code::Done, data)
    }

    fn backwards(&self, query: &Query, address: IpAddr) -> Answer {
        let entry = self.by_address.get(&address).filter(|at| self.is_there(**at));
        if let Some((entry, network)) =
            entry.and_then(|at| self.entries.get(*at).zip(self.network_of.get(*at)))
        {
            let name = entry.names.first().map(|name| Data::Name(format!("{name}.{network}")));
            let asked = matches!(query.kind, message::PTR | message::ANY);
            return Answer::Reply(Code::Done, name.filter(|_| asked).into_iter().collect());
        }
        if self.pools.iter().any(|pool| pool.subnet.contains(address)) {
            // Nobody outside knows better.
            return Answer::Reply(Code::NoSuchName, Vec::new());
        }
        self.elsewhere()
    }

    /// Nothing goes out of networks without a way out, nor do questions (CVE-2024-29018).
    fn elsewhere(&self) -> Answer {
        if self.has_way_out { Answer::Forward } else { Answer::Reply(Code::NoSuchName, Vec::new()) }
    }

    /// Asked of the kernel each time: a name does not outlive its container, however that ended.
    fn is_there(&self, at: usize) -> bool {
        let has_link = |name: &str| {
            Rtnetlink::open().and_then(|rtnetlink| rtnetlink.link(name)).is_ok_and(|link| link.is_some())
        };
        self.entries.get(at).is_some_and(|entry| entry.owner.is_alive(&has_link))
    }

    /// Reads the files again when one has come or gone.
    fn refresh(&mut self) {
        let time = |path: &Path| fs::metadata(path).ok()?.modified().ok();
        if let Some(read) = &self.read
            && read.iter().all(|(path, then)| time(path) == *then)
        {
            return;
        }
        let now = SystemTime::now();
        let (mut read, mut settled) = (Vec::new(), true);
        self.clear();
        for definition in self.networks.list().unwrap_or_default() {
            let names = self.networks.names(&definition.name);
            // Before the files are read: what comes meanwhile is seen by the next look.
            let changed = names.changed();
            if names.read(&self.container).is_none() {
                continue;
            }
            settled &= changed.is_none_or(|at| now.duration_since(at).is_ok_and(|age| age > CLOSE));
            read.push((names.files.directory().to_owned(), changed));
            self.has_way_out |= !definition.internal;
            for entry in names.all() {
                self.add(entry, &definition.name);
            }
            self.pools.extend(definition.pools);
        }
        self.read = (settled && !read.is_empty()).then_some(read);
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.by_name.clear();
        self.by_address.clear();
        self.network_of.clear();
        self.pools.clear();
        self.has_way_out = false;
    }

    fn add(&mut self, entry: Entry, network: &str) {
        let at = self.entries.len();
        for name in &entry.names {
            let name = name.to_ascii_lowercase();
            let whole = format!("{name}.{}", network.to_ascii_lowercase());
            for name in [name, whole] {
                let found = self.by_name.entry(name).or_default();
                if !found.contains(&at) {
                    found.push(at);
                }
            }
        }
        self.by_address.extend(entry.addresses.iter().map(|address| (*address, at)));
        self.network_of.push(network.to_owned());
        self.entries.push(entry);
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
