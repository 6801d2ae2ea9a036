//! Names of containers: links from the name to the id. Whoever makes the link has the name.

use std::fs;
use std::path::PathBuf;

use barque_sys::{Call as _, file};

use crate::{Error, ErrorKind, Places, Result, containers};

/// The names of all containers.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    places: &'a Places,
}

/// How often a name is made up before one gets a number.
const ATTEMPTS: usize = 8;

impl<'a> Names<'a> {
    pub(crate) fn new(places: &'a Places) -> Self {
        Self { places }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.places.names().join(name)
    }

    /// The id behind a name.
    pub(crate) fn find(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix('/').unwrap_or(name);
        if check(name).is_err() {
            return None;
        }
        fs::read_link(self.path(name)).ok()?.into_os_string().into_string().ok()
    }

    /// Takes a name for a container, whose directory is there and locked.
    pub(crate) fn take(&self, name: &str, id: &str) -> Result<()> {
        check(name)?;
        loop {
            if self.link(name, id)? {
                return Ok(());
            }
            match self.find(name) {
                Some(owner) if containers::is_there(self.places, &owner) => {
                    return Err(conflict(name, &owner));
                }
                Some(owner) => self.give_back(name, &owner)?,
                // It went between the two looks.
                None => {}
            }
        }
    }

    /// Makes a name up for a container that was given none.
    pub(crate) fn make_up(&self, id: &str) -> Result<String> {
        let mut name = String::new();
        for _ in 0..ATTEMPTS {
            name = made_up()?;
            if self.link(&name, id)? {
                return Ok(name);
            }
        }
        // The id is unique, and so is a name with a part of it.
        name.push_str(id.get(..6).unwrap_or(id));
        self.take(&name, id)?;
        Ok(name)
    }

    /// Gives a name back, if it is still that container's.
    pub(crate) fn give_back(&self, name: &str, id: &str) -> Result<()> {
        // Between the look and the removal another could take a name that nobody has: not while this lock is held, which
        // whoever finds a name without a container takes too.
        let directory = file::open(&self.places.names(), file::READ_DIRECTORY)?;
        file::lock(&directory)?;
        let result = match self.find(name) {
            Some(owner) if owner == id => fs::remove_file(self.path(name)),
            _ => Ok(()),
        };
        file::unlock(&directory)?;
        Ok(result.call(|| format!("unlink({:?})", self.path(name)))?)
    }

    /// Makes the link; false when there is one of that name.
    fn link(&self, name: &str, id: &str) -> Result<bool> {
        let path = self.path(name);
        let made = match std::os::unix::fs::symlink(id, &path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                file::make_directories(&self.places.names(), 0o711)?;
                std::os::unix::fs::symlink(id, &path)
            }
            made => made,
        };
        match made {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            made => made.call(|| format!("symlink({id:?}, {path:?})")).map(|()| true).map_err(Into::into),
        }
    }
}

/// Docker's rule: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub fn check(name: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && (2..=255).contains(&name.len()) && name.chars().all(legal) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
    ))
    .hint("a name has at least two characters"))
}

fn conflict(name: &str, owner: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("Conflict. The container name \"/{name}\" is already in use by container \"{owner}\""),
    )
    .hint("remove or rename that container, choose another name, or use --replace")
}

/// `adjective_noun`.
fn made_up() -> Result<String> {
    let mut bytes = [0_u8; 2];
    barque_sys::random(&mut bytes)?;
    let pick = |words: &[&'static str], byte: u8| words[usize::from(byte) % words.len()];
    Ok(format!("{}_{}", pick(&ADJECTIVES, bytes[0]), pick(&NOUNS, bytes[1])))
}

/// Weather and seafaring.
const ADJECTIVES: [&str; 64] = [
    "able",
    "amber",
    "ample",
    "ardent",
    "balmy",
    "blue",
    "bold",
    "brave",
    "breezy",
    "bright",
    "brisk",
    "buoyant",
    "calm",
    "candid",
    "clear",
    "cloudless",
    "coastal",
    "copper",
    "coral",
    "crisp",
    "daring",
    "deep",
    "deft",
    "early",
    "easterly",
    "fair",
    "fleet",
    "fresh",
    "gentle",
    "golden",
    "hale",
    "hardy",
    "hearty",
    "humble",
    "keen",
    "level",
    "light",
    "lively",
    "lucid",
    "mellow",
    "merry",
    "misty",
    "nimble",
    "northern",
    "plucky",
    "quiet",
    "rapid",
    "ready",
    "salty",
    "sandy",
    "silver",
    "smooth",
    "snug",
    "southern",
    "spry",
    "steady",
    "stout",
    "sunny",
    "supple",
    "swift",
    "tidal",
    "trim",
    "windward",
    "yare",
];
const NOUNS: [&str; 64] = [
    "albatross",
    "anchor",
    "atoll",
    "ballast",
    "beacon",
    "bight",
    "bollard",
    "bosun",
    "bowline",
    "brig",
    "buoy",
    "capstan",
    "clipper",
    "compass",
    "cormorant",
    "cove",
    "current",
    "cutter",
    "davit",
    "delta",
    "dinghy",
    "dock",
    "dolphin",
    "estuary",
    "fathom",
    "ferry",
    "fjord",
    "foghorn",
    "foresail",
    "frigate",
    "gannet",
    "gull",
    "halyard",
    "harbour",
    "hawser",
    "headland",
    "heron",
    "inlet",
    "jetty",
    "jib",
    "kedge",
    "keel",
    "ketch",
    "lagoon",
    "lantern",
    "lighthouse",
    "lugger",
    "mainsail",
    "mast",
    "mooring",
    "oar",
    "pelican",
    "pilot",
    "quay",
    "reef",
    "rudder",
    "schooner",
    "sextant",
    "sloop",
    "spinnaker",
    "tern",
    "tiller",
    "trawler",
    "yawl",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_allowed() {
        for (name, allowed) in [
            ("web", true),
            ("a1", true),
            ("a", false),
            ("_a", false),
            ("a/b", false),
            ("a b", false),
            ("", false),
        ] {
            assert_eq!(check(name).is_ok(), allowed, "{name}");
        }
        for _ in 0..50 {
            assert!(check(&made_up().unwrap()).is_ok());
        }
    }

    #[test]
    fn a_name_is_one_containers() {
        let root = tempfile::tempdir().unwrap();
        let places = Places { root: root.path().to_owned(), run_root: root.path().join("run") };
        let names = Names::new(&places);
        let id = "0123456789ab";
        fs::create_dir_all(places.container(id)).unwrap();
        fs::write(places.container(id).join("definition.json"), "{}").unwrap();
        names.take("web", id).unwrap();
        assert_eq!(names.find("/web").as_deref(), Some(id));
        let error = names.take("web", "other").unwrap_err();
        assert!(error.to_string().contains("is already in use by container"), "{error}");
        names.give_back("web", "other").unwrap();
        assert!(names.find("web").is_some(), "only its owner gives it back");
        fs::remove_dir_all(places.container(id)).unwrap();
        names.take("web", "other").unwrap();
        assert_eq!(names.find("web").as_deref(), Some("other"), "a name without a container is free");
    }
}
