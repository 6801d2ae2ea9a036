//! The container's terminal.

use std::os::fd::OwnedFd;
use std::path::Path;

use barque_sys::mount;
use barque_sys::path::Root;

use super::init::Init;
use super::message::Message;
use crate::error::Context as _;
use crate::{Error, Result};

/// Makes a terminal in the container's own devpts, puts it on `/dev/console`, sends the other end to the creator and
/// returns the container's end.
pub(super) fn make(init: &Init<'_, '_>, size: Option<(u16, u16)>) -> Result<OwnedFd> {
    let root = init.root()?;
    let (master, terminal) = open(root)?;
    if let Some((rows, columns)) = size {
        barque_sys::pty::set_size(&master, rows, columns)?;
    }
    // /dev/console is the terminal itself, so that what writes there reaches whoever is attached.
    let tree = mount::clone_tree_fd(&terminal, false).context(|| "process.terminal")?;
    let console = root.make_file(Path::new("/dev/console"))?;
    mount::attach(&tree, &console).context(|| "process.terminal: /dev/console")?;
    Message::Console(master).send(&init.channel)?;
    Ok(terminal)
}

fn open(root: &Root) -> Result<(OwnedFd, OwnedFd)> {
    let master = root.open(Path::new("/dev/pts/ptmx"), barque_sys::pty::MASTER_FLAGS).map_err(|error| {
        Error::from(error).context("process.terminal").hint(
            "the container needs a devpts on /dev/pts (mount type devpts, options newinstance,ptmxmode=0666)",
        )
    })?;
    let terminal = barque_sys::pty::peer(&master).context(|| "process.terminal")?;
    Ok((master, terminal))
}
