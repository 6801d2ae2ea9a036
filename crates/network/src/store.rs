//! Networks on disk: `networks/<name>/network.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use barque_sys::Call as _;
use barque_sys::file;

use crate::definition::{Definition, Driver, Pool};
use crate::facts::Facts;
use crate::lease::Leases;
use crate::names::Names;
use crate::publish::Ports;
use crate::subnet::Subnet;
use crate::{Error, ErrorKind, Result, choose};

/// The name of the network that is there without being made, and its bridge.
pub const DEFAULT: &str = "bridge";
const DEFAULT_BRIDGE: &str = "barque0";
/// The file of a definition in the network's directory.
const FILE: &str = "network.json";

/// The directory of all networks.
#[derive(Debug, Clone)]
pub struct Networks {
    directory: PathBuf,
}

impl Networks {
    /// Those below Barque's root.
    pub fn new(root: &Path) -> Self {
        Self { directory: root.join("networks") }
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The leases of a network.
    pub fn leases(&self, name: &str) -> Leases {
        Leases::of(&self.directory.join(name))
    }

    /// The names of a network's containers.
    pub(crate) fn names(&self, name: &str) -> Names {
        Names::of(&self.directory.join(name))
    }

    /// The published ports of all networks.
    pub fn ports(&self) -> Ports {
        Ports::of(&self.directory)
    }

    /// Every network, by name.
    pub fn list(&self) -> Result<Vec<Definition>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if !name.starts_with('.') {
                all.extend(self.read(&name)?);
            }
        }
        all.sort_by(|one: &Definition, two| one.name.cmp(&two.name));
        Ok(all)
    }

    /// The network of a name, or of the beginning of an id; `barque0` is the default one's name, too.
    pub fn find(&self, name: &str) -> Result<Definition> {
        let name = if name == DEFAULT_BRIDGE { DEFAULT } else { name };
        if !name.contains('/')
            && !name.starts_with('.')
            && let Some(definition) = self.read(name)?
        {
            return Ok(definition);
        }
        let mut by_id = self.list()?;
        by_id.retain(|definition| !name.is_empty() && definition.id.starts_with(name));
        match (by_id.pop(), by_id.is_empty()) {
            (Some(definition), true) => Ok(definition),
            (Some(_), false) => Err(Error::invalid(format!("network id {name} is not unique"))),
            (None, _) => Err(Error::new(ErrorKind::NotFound, format!("network {name} not found"))
                .hint("barque network ls shows those there are, barque network create makes one")),
        }
    }

    /// The default network, made when it is not there: its subnet is chosen after a look at the host.
    pub fn default_network(&self) -> Result<Definition> {
        if let Some(definition) = self.read(DEFAULT)? {
            return Ok(definition);
        }
        let definition = self.draft_default()?;
        match self.write(&definition) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.find(DEFAULT),
            result => result.map(|()| definition),
        }
    }

    /// What the default network is, or would be.
    pub fn draft_default(&self) -> Result<Definition> {
        if let Some(definition) = self.read(DEFAULT)? {
            return Ok(definition);
        }
        let mut definition = Definition::new(DEFAULT, Driver::Bridge, now())?;
        DEFAULT_BRIDGE.clone_into(&mut definition.bridge);
        definition.pools = vec![Pool::new(choose(&self.taken(&Facts::read()?)?)?)?];
        Ok(definition)
    }

    /// The subnets that a new network must keep away from.
    pub fn taken(&self, facts: &Facts) -> Result<Vec<Subnet>> {
        let networks = self.list()?;
        let ours = networks.iter().flat_map(|network| &network.pools).map(|pool| pool.subnet);
        Ok(facts.subnets.iter().copied().chain(ours).collect())
    }

    /// Makes a network, once it is seen to be in nobody's way.
    pub fn create(&self, definition: &Definition, facts: &Facts) -> Result<()> {
        definition.check()?;
        let others = self.list()?;
        if others.iter().any(|other| other.name == definition.name) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("network with name {} already exists", definition.name),
            ));
        }
        for pool in &definition.pools {
            let overlap =
                |other: &&Definition| other.pools.iter().any(|theirs| theirs.subnet.overlaps(&pool.subnet));
            if let Some(other) = others.iter().find(overlap) {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("subnet {} overlaps with network {}", pool.subnet, other.name),
                ));
            }
            let route = facts.subnets.iter().find(|route| route.overlaps(&pool.subnet));
            if let (Some(route), Driver::Bridge, false) = (route, definition.driver, definition.adopted) {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "subnet {} overlaps with {route}, which this host has an address in or a route to",
                        pool.subnet
                    ),
                )
                .hint("choose another with --subnet, or leave it out"));
            }
        }
        let bridge = |other: &&Definition| !other.bridge.is_empty() && other.bridge == definition.bridge;
        if let Some(other) = others.iter().find(bridge) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("bridge {} is network {}'s", definition.bridge, other.name),
            ));
        }
        self.write(definition)
    }

    /// Removes a network's files.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.directory.join(name);
        fs::remove_dir_all(&path).call(|| format!("rmdir({path:?})"))?;
        Ok(())
    }

    fn read(&self, name: &str) -> Result<Option<Definition>> {
        let path = self.directory.join(name).join(FILE);
        match file::read(&path) {
            Ok(text) => {
                Definition::parse(&text).map(Some).map_err(|error| error.context(format!("{path:?}")))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a definition, wholly or not at all: the directory gets its name when all is in it.
    fn write(&self, definition: &Definition) -> Result<()> {
        let draft = self.directory.join(format!(".{}", definition.id));
        let place = self.directory.join(&definition.name);
        file::make_directories(&draft, 0o711)?;
        let text = serde_json::to_vec(definition).unwrap_or_default();
        let path = draft.join(FILE);
        fs::write(&path, text).call(|| format!("write({path:?})"))?;
        let renamed = fs::rename(&draft, &place);
        if let Err(error) = renamed {
            drop(fs::remove_dir_all(&draft));
            let not_empty = error.kind() == std::io::ErrorKind::DirectoryNotEmpty
                || error.kind() == std::io::ErrorKind::AlreadyExists;
            if not_empty {
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    format!("network with name {} already exists", definition.name),
                ));
            }
            return Ok(Err(error).call(|| format!("rename({draft:?}, {place:?})"))?);
        }
        Ok(())
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str, subnet: &str) -> Definition {
        let mut definition = Definition::new(name, Driver::Bridge, 1).unwrap();
        definition.pools = vec![Pool::new(Subnet::parse(subnet).unwrap()).unwrap()];
        definition
    }

    #[test]
    fn keeps_networks_apart() {
        let directory = tempfile::tempdir().unwrap();
        let networks = Networks::new(directory.path());
        let facts = Facts { subnets: vec![Subnet::parse("10.9.0.0/24").unwrap()], ..Facts::default() };
        let one = network("one", "10.1.0.0/24");
        networks.create(&one, &facts).unwrap();
        assert_eq!(networks.find("one").unwrap(), one);
        assert_eq!(networks.find(&one.id[..10]).unwrap(), one);
        let error = |definition: &Definition| networks.create(definition, &facts).unwrap_err().to_string();
        assert_eq!(error(&network("one", "10.2.0.0/24")), "network with name one already exists");
        assert_eq!(error(&network("two", "10.0.0.0/8")), "subnet 10.0.0.0/8 overlaps with network one");
        assert!(error(&network("two", "10.9.0.128/25")).contains("overlaps with 10.9.0.0/24"));
        let same_bridge = Definition { bridge: one.bridge.clone(), ..network("two", "10.2.0.0/24") };
        assert!(error(&same_bridge).contains("is network one's"));
        assert_eq!(networks.list().unwrap().len(), 1);
        networks.remove("one").unwrap();
        for name in ["one", "", "../x", "."] {
            assert_eq!(networks.find(name).unwrap_err().kind(), ErrorKind::NotFound, "{name}");
        }
    }
}
