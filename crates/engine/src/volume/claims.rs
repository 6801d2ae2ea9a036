//! The volumes of a container that is being made.

use super::{Held, Volumes, Wanted};
use crate::Result;

/// Volumes that are found or made for a new container, and held until it is written down. Those that were made are taken
/// back unless it is.
#[derive(Debug)]
pub struct Claims {
    volumes: Volumes,
    held: Vec<Held>,
}

impl Volumes {
    /// Finds or makes volumes.
    pub fn claim(&self, wanted: &[Wanted]) -> Result<Claims> {
        let mut claims = Claims { volumes: self.clone(), held: Vec::with_capacity(wanted.len()) };
        for wanted in wanted {
            let held = self.create(wanted)?;
            claims.held.push(held);
        }
        Ok(claims)
    }
}

impl Claims {
    /// The container is written down: they stay.
    pub fn keep(mut self) {
        self.held.clear();
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        for held in self.held.drain(..).filter(Held::is_new) {
            // Whoever is refused a container has been told why; `volume prune` finds what is left.
            drop(self.volumes.take_back(held));
        }
    }
}
