//! `barque start`.

use std::os::fd::OwnedFd;

use barque_engine::monitor::Streams;
use barque_engine::{Container, Containers, Places, life};

use super::attached::{Attached, Session};
use super::each;
use crate::flags::Parsed;
use crate::terminal::DetachKeys;
use crate::{Error, Result, console};

/// Starts containers; returns the exit code of one that it is attached to.
pub(super) fn start(flags: &Parsed, places: &Places, executable: Option<OwnedFd>) -> Result<i32> {
    let containers = Containers::new(places.clone());
    let names = flags.positional();
    if flags.switch("attach") || flags.switch("interactive") {
        let [name] = names else {
            return Err(Error::invalid("you cannot start and attach multiple containers at once"));
        };
        return stay(flags, &containers.find(name)?, executable);
    }
    let mut executable = executable;
    Ok(each(names, |name| {
        let container = containers.find(name)?;
        if let Some((_, started, _)) =
            life::start(&container, Streams::default(), executable.take(), crate::trace::from_environment())?
        {
            started.warnings.iter().for_each(|warning| console::err(&format!("WARNING: {warning}\n")));
        }
        console::out(&format!("{name}\n"));
        Ok(())
    }))
}

fn stay(flags: &Parsed, container: &Container, executable: Option<OwnedFd>) -> Result<i32> {
    let keys = flags.read("detach-keys", DetachKeys::parse)?.unwrap_or_default();
    let input = flags.switch("interactive") && container.definition.interactive;
    let session = Session::begin(input && container.definition.tty)?;
    let streams = Streams { input, output: true, error: true };
    let traced = crate::trace::from_environment();
    let proxy = flags.value("sig-proxy") != Some("false");
    match life::start(container, streams, executable, traced)? {
        Some((client, started, fd)) => {
            crate::trace::print_steps(&started.trace, started.total);
            let terminal = container.definition.tty;
            session.last(Attached { client, input: fd, reads: input, terminal, proxy, keys })
        }
        None => super::attach::to(container, session, streams, proxy, keys),
    }
}
