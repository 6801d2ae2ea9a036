//! A connection to systemd, over a message bus or straight to its own socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use barque_sys::Call as _;

use super::wire::{Call, ERROR, FIXED, Message, RETURN, Reader, SIGNAL, Writer, lengths};
use crate::cgroup::io::errno;
use crate::{Error, ErrorKind, Result};

const NAME: &str = "org.freedesktop.systemd1";
const OBJECT: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// systemd starts a scope in milliseconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a call gave nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// systemd said no.
    Refused { name: String, text: String },
    /// No answer.
    Broken(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let (name, text) = match failure {
            Failure::Broken(error) => return error,
            Failure::Refused { name, text } => (name, text),
        };
        let short = name.rsplit('.').next().unwrap_or_default();
        let (kind, hint) = match short {
            "NoSuchUnit" => (ErrorKind::NotFound, None),
            "UnitExists" => {
                (ErrorKind::AlreadyExists, Some("a unit of this name runs: choose another linux.cgroupsPath"))
            }
            "AccessDenied" | "InteractiveAuthorizationRequired" => {
                (ErrorKind::PermissionDenied, Some("run as root, or use the user's own systemd"))
            }
            "InvalidArgs" | "PropertyReadOnly" => (ErrorKind::InvalidArgument, None),
            _ => (ErrorKind::Unavailable, None),
        };
        let error = Self::new(kind, format!("systemd: {text} ({short})"));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Bus {
    socket: BufReader<UnixStream>,
    serial: u32,
    /// Who is called; on systemd's own socket there is nobody else.
    destination: Option<&'static str>,
}

impl Bus {
    /// Connects and logs in.
    pub(super) fn connect(path: &Path, is_bus: bool) -> Result<Self> {
        let unavailable = |error: barque_sys::Error| {
            Error::from(error)
                .context("systemd")
                .hint("is it running here? without it, use the cgroupfs driver")
        };
        let socket = UnixStream::connect(path).call(|| format!("connect({path:?})")).map_err(unavailable)?;
        socket.set_read_timeout(Some(PATIENCE)).call(|| "setsockopt(SO_RCVTIMEO)")?;
        let mut bus = Self { socket: BufReader::new(socket), serial: 0, destination: is_bus.then_some(NAME) };
        bus.log_in()?;
        if is_bus {
            let call = |member, signature, body| Call {
                destination: Some("org.freedesktop.DBus"),
                path: "/org/freedesktop/DBus",
                interface: "org.freedesktop.DBus",
                member,
                signature,
                body,
            };
            bus.exchange(&call("Hello", "", &[]))?;
            let mut rule = Writer::default();
            rule.text("type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'");
            bus.exchange(&call("AddMatch", "s", &rule.bytes))?;
        }
        Ok(bus)
    }

    /// Leaves who we are to the kernel: the number that a user has in this user namespace may mean another elsewhere.
    fn log_in(&mut self) -> Result<()> {
        self.send(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")?;
        let mut line = String::new();
        loop {
            line.clear();
            self.socket.read_line(&mut line).call(|| "read(bus)")?;
            match line.split_whitespace().next() {
                Some("OK") => return Ok(()),
                Some("DATA") => {}
                _ => {
                    return Err(Error::new(
                        ErrorKind::PermissionDenied,
                        format!("the bus refuses us: {line:?}"),
                    ));
                }
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.socket.get_mut().write_all(bytes).call(|| "write(bus)")?)
    }

    fn receive(&mut self) -> Result<Message> {
        let mut fixed = [0; FIXED];
        self.read(&mut fixed)?;
        let broken = || Error::new(ErrorKind::Internal, "the bus sent what is no message");
        let (fields, body) = lengths(&fixed).ok_or_else(broken)?;
        let (mut fields, mut body) = (vec![0; fields], vec![0; body]);
        self.read(&mut fields)?;
        self.read(&mut body)?;
        Message::decode(&fixed, &fields, body).ok_or_else(broken)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<()> {
        self.socket.read_exact(into).call(|| "read(bus)").map_err(|error| {
            let late = errno(&error) == "EAGAIN";
            let error = Error::from(error);
            if late {
                error.hint(format!("systemd did not answer within {} s", PATIENCE.as_secs()))
            } else {
                error
            }
        })
    }

    fn exchange(&mut self, call: &Call<'_>) -> std::result::Result<Message, Failure> {
        self.serial += 1;
        let serial = self.serial;
        self.send(&call.encode(serial))?;
        loop {
            let message = self.receive()?;
            match message.kind {
                RETURN if message.reply_to == Some(serial) => return Ok(message),
                ERROR if message.reply_to == Some(serial) => {
                    let text = message.body().text().unwrap_or_default();
                    return Err(Failure::Refused { name: message.error, text });
                }
                _ => {}
            }
        }
    }

    /// Calls a method of systemd's.
    pub(super) fn call(
        &mut self,
        member: &str,
        signature: &str,
        body: &Writer,
    ) -> std::result::Result<Message, Failure> {
        let destination = self.destination;
        let (path, interface) = (OBJECT, MANAGER);
        self.exchange(&Call { destination, path, interface, member, signature, body: &body.bytes })
    }

    /// Calls a method that starts a job, and waits for the job's end.
    pub(super) fn run_job(
        &mut self,
        member: &str,
        signature: &str,
        body: &Writer,
    ) -> std::result::Result<(), Failure> {
        // systemd sends signals only while somebody has asked for them.
        match self.call("Subscribe", "", &Writer::default()) {
            // On its own socket systemd counts all callers as one.
            Err(Failure::Refused { name, .. }) if name.ends_with("AlreadySubscribed") => {}
            result => drop(result?),
        }
        let job = self.call(member, signature, body)?.body().text();
        loop {
            let message = self.receive()?;
            if message.kind != SIGNAL || message.member != "JobRemoved" {
                continue;
            }
            let mut end = message.body();
            let (_, ended, unit, result) = (end.number(), end.text(), end.text(), end.text());
            if ended == job {
                return outcome(&unit.unwrap_or_default(), &result.unwrap_or_default());
            }
        }
    }

    /// A property of systemd's own, a string.
    pub(super) fn property(&mut self, name: &str) -> std::result::Result<String, Failure> {
        let mut body = Writer::default();
        body.text(MANAGER);
        body.text(name);
        let (destination, path) = (self.destination, OBJECT);
        let (interface, member) = ("org.freedesktop.DBus.Properties", "Get");
        let reply = self.exchange(&Call {
            destination,
            path,
            interface,
            member,
            signature: "ss",
            body: &body.bytes,
        })?;
        let mut reader: Reader<'_> = reply.body();
        let text = reader.signature().filter(|signature| signature == "s").and_then(|_| reader.text());
        text.ok_or_else(|| {
            Failure::Broken(Error::new(ErrorKind::Internal, format!("systemd's {name} is no text")))
        })
    }
}

fn outcome(unit: &str, result: &str) -> std::result::Result<(), Failure> {
    match result {
        // A unit stopped while its stop was under way has stopped as well.
        "done" | "skipped" => Ok(()),
        result => {
            let text = format!("the job for {unit} ended as {result:?}");
            Err(Failure::Broken(
                Error::new(ErrorKind::Unavailable, format!("systemd: {text}"))
                    .hint(format!("journalctl -u {unit} may tell why")),
            ))
        }
    }
}
