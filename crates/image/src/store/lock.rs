//! Who adds and uses, and who collects: `gc.lock`.

use std::fs::File;

use super::{Store, names};
use crate::Result;

/// While it lives, nothing that is in the store is collected.
#[derive(Debug)]
pub struct Lease {
    file: File,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A forked process may have a copy of the descriptor: closing ours would leave the lock to it. Where unlocking
        // fails, the close that follows is what is left.
        drop(barque_sys::file::unlock(&self.file));
    }
}

impl Store {
    /// Keeps everything that is in the store, until it is dropped. Waits at most while somebody collects: milliseconds.
    pub fn lease(&self) -> Result<Lease> {
        self.layout.make()?;
        let file = names::open_lock(&self.layout.root().join("gc.lock"))?;
        barque_sys::file::lock_shared(&file)?;
        Ok(Lease { file })
    }

    /// Sole possession, if nobody adds or begins to use content now.
    pub(super) fn try_alone(&self) -> Result<Option<Lease>> {
        self.layout.make()?;
        let file = names::open_lock(&self.layout.root().join("gc.lock"))?;
        Ok(barque_sys::file::try_lock(&file)?.then_some(Lease { file }))
    }
}
