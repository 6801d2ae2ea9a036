//! Volumes: directories that outlive containers.
//!
//! ```text
//! <root>/volumes/<name>/volume.json   what it is
//! <root>/volumes/<name>/data/         what is in it
//! <root>/volumes/.new-…, .trash-…     one that is being made, or removed
//! ```
//!
//! A volume is there, whole, from one rename on, and gone with another. Who uses a volume is said by the definitions of
//! containers. Between finding a volume and committing a definition that names it, a shared lock on its directory
//! ([`Held`]) keeps others from removing it.

mod claims;
mod contents;
mod create;
mod held;
mod list;
mod options;
mod record;
mod remove;
#[cfg(test)]
mod tests;
mod usage;

pub(crate) use usage::size_of;

pub use claims::Claims;
pub use create::Wanted;
pub use held::Held;
pub use list::ListedVolumes;
pub use options::{Kind, Options};
pub use record::{ANONYMOUS, Volume};
pub use remove::Pruned;
pub use usage::Users;

use std::path::PathBuf;

use crate::{Error, ErrorKind, Places, Result};

/// All volumes of a user.
#[derive(Debug, Clone)]
pub struct Volumes {
    places: Places,
}

impl Volumes {
    /// The volumes at these places, which need not exist yet.
    pub fn new(places: &Places) -> Self {
        Self { places: places.clone() }
    }

    /// The directory of all volumes.
    fn directory(&self) -> PathBuf {
        self.places.volumes()
    }

    /// Where the content of a volume of that name is, or would be.
    pub fn data(&self, name: &str) -> PathBuf {
        self.directory().join(name).join(record::DATA)
    }
}

/// Docker's rule: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub fn check_name(name: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.len() == 1 && name.chars().all(legal) {
        return Err(Error::invalid(
            "volume name is too short, names should be at least two alphanumeric characters",
        ));
    }
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && name.len() <= 255 && name.chars().all(legal) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "create {name}: {name:?} includes invalid characters for a local volume name, only \
         \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed"
    ))
    .hint("if you intended to pass a host directory, use an absolute path"))
}

/// A name for a volume that was given none: 64 hexadecimal digits.
pub fn made_up_name() -> Result<String> {
    let mut bytes = [0_u8; 32];
    barque_sys::random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Docker's words, which scripts look for.
fn no_such(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("get {name}: no such volume"))
        .hint("see `barque volume ls` for the volumes that are there")
}
