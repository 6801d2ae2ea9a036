//! Where a monitor can be found: its lock, by which others see that it lives, and its socket.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use barque_sys::channel::Channel;
use barque_sys::{Call as _, file};
use rustix::fs::{Mode, OFlags};

use crate::{ErrorKind, Places, Result};

/// The place of one container's monitor.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    id: String,
}

/// Whether a container's monitor lives.
pub fn is_alive(places: &Places, id: &str) -> bool {
    let place = Place::new(places, id);
    file::open(&place.lock_file(), file::READ).and_then(file::is_locked).unwrap_or(false)
}

/// Waits for the end of a monitor that has nothing to watch any more.
pub(crate) fn ended(container: &crate::Container) -> Result<()> {
    let place = Place::new(container.places(), container.id());
    match file::open(&place.lock_file(), file::READ) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(lock) => {
            file::lock_shared(&lock)?;
            Ok(file::unlock(&lock)?)
        }
    }
}

impl Place {
    pub(super) fn new(places: &Places, id: &str) -> Self {
        Self { directory: places.monitors(), id: id.to_owned() }
    }

    fn lock_file(&self) -> PathBuf {
        self.directory.join(&self.id)
    }

    fn socket_name(&self) -> String {
        // The path of a socket is short, and bound through a descriptor.
        format!("{}.socket", self.id)
    }

    /// Takes the lock, which the kernel gives back when the monitor ends, however it ends. Waits for one that is about to.
    /// The file stays as long as the container: a lock on one that has no name any more would be seen by nobody.
    pub(super) fn take(&self) -> Result<OwnedFd> {
        let path = self.lock_file();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let open = || rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600));
        let lock = match open() {
            Err(rustix::io::Errno::NOENT) => {
                file::make_directories(&self.directory, 0o700)?;
                open()
            }
            opened => opened,
        };
        let lock = lock.call(|| format!("open({path:?}, O_CREAT)"))?;
        file::lock(&lock)?;
        Ok(lock)
    }

    /// Listens for clients.
    pub(super) fn listen(&self) -> Result<OwnedFd> {
        let directory = file::open(&self.directory, file::READ_DIRECTORY)?;
        let name = self.socket_name();
        // One of a monitor that was killed.
        drop(std::fs::remove_file(self.directory.join(&name)));
        Ok(Channel::listen(&directory, &name)?)
    }

    /// Connects to the monitor; none when it does not live.
    pub(super) fn connect(&self) -> Result<Option<Channel>> {
        let directory = match file::open(&self.directory, file::READ_DIRECTORY) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            directory => directory?,
        };
        Ok(Channel::connect(&directory, &self.socket_name()).ok())
    }

    /// Listens no more.
    pub(super) fn close(&self) {
        drop(std::fs::remove_file(self.directory.join(self.socket_name())));
    }
}

/// Forgets the place of a container that is gone.
pub(crate) fn forget(places: &Places, id: &str) {
    let place = Place::new(places, id);
    place.close();
    drop(std::fs::remove_file(place.lock_file()));
}
