//! `start`.

use barque_sys::channel::Channel;

use super::Container;
use super::store::START;
use crate::execute::{self, Message, StartRequest};
use crate::plan::HookPoint;
use crate::spec::Status;
use crate::{Error, ErrorKind, Result};

/// How long a process that could not become the program may take to end.
const ENDING: std::time::Duration = std::time::Duration::from_secs(1);

impl Container {
    /// Starts the program of a created container, and hears of it when it cannot be started.
    pub fn start(&self) -> Result<()> {
        let container = self.locked()?;
        container.start_locked()?;
        // A hook may ask for the state: nobody is at work on the container any more.
        container.unlocked()?.poststart()
    }

    fn start_locked(&self) -> Result<()> {
        match self.status() {
            Status::Created => {}
            status => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("cannot start container {:?}: it is {status}", self.id),
                )
                .hint("only a created container can be started"));
            }
        }
        let spec = self.spec()?;
        if spec.process.is_none() {
            return Err(Error::invalid(format!("container {:?} has no process to start", self.id))
                .hint("its config.json has no process"));
        }
        let connection = Channel::connect(self.directory(), START)?;
        connection.send(StartRequest::BYTES)?;
        let outcome = self.hear(&connection);
        drop(std::fs::remove_file(self.file(START)));
        if let (Err(_), Ok(Some(process))) = (&outcome, self.live_process()) {
            // It has said why it cannot go on, and ends.
            barque_sys::process::ends_within(&process, ENDING)?;
        }
        outcome
    }

    /// Runs the hooks that follow the start of the program. When one fails the container is stopped, runtime.md
    /// "Lifecycle" 9.
    pub fn poststart(&self) -> Result<()> {
        let spec = self.spec()?;
        let Some(hooks) = spec.hooks.as_ref().filter(|hooks| !hooks.poststart.is_empty()) else {
            return Ok(());
        };
        execute::run_hooks(HookPoint::Poststart, &hooks.poststart, &self.state_as(Status::Running))
            .inspect_err(|_| {
                // It may have ended by itself: that is what is wanted.
                drop(self.kill(9));
            })
    }

    /// The connection is close-on-exec at the other end: it closes when the program runs.
    fn hear(&self, connection: &Channel) -> Result<()> {
        loop {
            match Message::receive(connection)? {
                Message::Closed => return Ok(()),
                Message::Failed(error) => return Err(error),
                _ => {}
            }
        }
    }
}
