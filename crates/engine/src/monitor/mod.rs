//! The process that watches over one container: its monitor.
//!
//! It is forked, without exec, from the command that starts the container, and is the parent of the container's first
//! process. It owns the container's standard streams, its log, its end, its restarts, and takes away what a run has made.
//! It has one thread and waits in one place ([`watch`]). Clients reach it through a socket: the command that started it
//! through one end of a pair, others by name.
//!
//! A client that attaches hands its own standard output and error over, to which the monitor writes; its input it copies
//! itself, to a descriptor that the monitor gives it, because only the client's process may read the client's terminal.
//!
//! A monitor that is killed takes nothing with it but the container's log: the next command finds the container, and what
//! its end has left.

mod checks;
mod client;
mod clients;
mod facts;
mod message;
mod place;
mod run;
mod sink;
mod stdio;
mod watch;

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use barque_runtime::spec::Spec;
use barque_sys::Call as _;
use barque_sys::channel::Channel;
use barque_sys::clone::{Clone as Fork, Forked};
use barque_sys::process;
use barque_sys::signal::Signals;
use serde::{Deserialize, Serialize};

pub use client::{Attached, Client, ask, attach, connect};
pub use message::Started;
pub use place::is_alive;
pub(crate) use place::{ended, forget};

use crate::{Container, Result};

/// Which standard streams of the container a client wants to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    /// Writes to its input.
    pub input: bool,
    /// Sees its output.
    pub output: bool,
    /// Sees its errors.
    pub error: bool,
}

impl Streams {
    fn wants(self, number: u8) -> bool {
        match number {
            1 => self.output,
            _ => self.error,
        }
    }
}

/// What a monitor begins with.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The container.
    pub container: &'a Container,
    /// Its configuration.
    pub spec: &'a Spec<'a>,
    /// That, as text.
    pub config: &'a [u8],
    /// Holds the mount this program's file lies on (`barque_sys::executable`).
    pub executable: Option<OwnedFd>,
    /// Which of the caller's standard streams the container gets.
    pub streams: Streams,
    /// Whether the caller wants to know where the time goes.
    pub traced: bool,
}

/// What a monitor must not hear of: it ends with its container. SIGPIPE comes from clients that have gone.
const DEAF_TO: [i32; 8] = [1, 2, 3, 10, 12, 13, 14, 15];

/// Forks the monitor, which starts the container. The caller must have one thread.
pub fn launch(mut launch: Launch<'_>) -> Result<Client> {
    let (ours, theirs) = Channel::pair()?;
    match Fork::default().fork()? {
        Forked::Child => {
            // What goes wrong from here on was told to the client, or there is nobody to be told.
            drop(become_monitor(&mut launch, theirs));
            process::exit_now(0)
        }
        Forked::Parent(_) => {
            launch.executable = None;
            Ok(Client::new(ours))
        }
    }
}

fn become_monitor(launch: &mut Launch<'_>, channel: Channel) -> Result<()> {
    let deaf = Signals::take(&DEAF_TO)?;
    process::start_session();
    let client = first_client(launch.streams, channel)?;
    let executable = launch.executable.take();
    // The caller's other descriptors (locks, sockets) are its alone.
    let mut kept: Vec<BorrowedFd<'_>> = client.descriptors();
    kept.push(deaf.as_fd());
    kept.extend(executable.as_ref().map(OwnedFd::as_fd));
    process::close_all_but(3, &kept)?;
    if !passes_through(launch.container) {
        process::detach_stdio();
    }
    // The directory the caller was in is none of ours to hold.
    process::change_directory(std::path::Path::new("/"))?;
    run::Monitor::new(launch, client)?.live(executable)
}

/// Whether the container has the caller's standard streams, at each start: then they stay ours as well.
fn passes_through(container: &Container) -> bool {
    container.definition.log.driver == crate::log::Driver::Passthrough
}

/// The caller is attached from the start: nothing that the container prints is lost.
fn first_client(streams: Streams, channel: Channel) -> Result<clients::Client> {
    let mut client = clients::Client::new(channel);
    for (number, stream) in [(1, rustix::stdio::stdout()), (2, rustix::stdio::stderr())] {
        if streams.wants(number) {
            let fd =
                rustix::io::fcntl_dupfd_cloexec(stream, 3).call(|| format!("fcntl({number}, F_DUPFD)"))?;
            client.add_stream(number, fd);
        }
    }
    Ok(client)
}
