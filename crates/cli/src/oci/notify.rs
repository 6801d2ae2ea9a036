//! `NOTIFY_SOCKET`: a container tells the service manager around us that it is ready (`sd_notify(3)`).
//!
//! The container gets a socket of its own in a directory of ours, at runc's place; of what comes there `READY=1` is
//! passed on, with the pid that means something outside.

use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::time::Duration;

use barque_runtime::plan::HostFile;
use barque_runtime::spec::{Mount, Spec, Str};
use barque_sys::clone::{Clone, Forked};
use barque_sys::{Call as _, process};

use super::Session;
use crate::{Error, Result};

/// Where the container sees the directory.
const INSIDE: &str = "/run/notify";
const SOCKET: &str = "notify.sock";

/// How often it is looked whether the container still lives.
const PAUSE: Duration = Duration::from_millis(100);

/// The service manager's socket, and the container's.
pub(super) struct Notify {
    host: SocketAddr,
    directory: PathBuf,
}

impl Notify {
    /// What the environment asks for, for a container.
    pub(super) fn from_environment(session: &Session, id: &str) -> Result<Option<Self>> {
        let Some(host) = std::env::var("NOTIFY_SOCKET").ok().filter(|host| !host.is_empty()) else {
            return Ok(None);
        };
        let address = match host.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&host),
        };
        let invalid = |error: std::io::Error| Error::invalid(format!("NOTIFY_SOCKET={host:?}: {error}"));
        let directory = std::path::absolute(session.root().join(id).join("notify")).map_err(invalid)?;
        Ok(Some(Self { host: address.map_err(invalid)?, directory }))
    }

    /// The directory, to be made with the container.
    pub(super) fn file(&self) -> HostFile {
        HostFile::Directory { path: self.directory.clone(), mode: 0o755, owner: None, kept: false }
    }

    /// Shows it to the container.
    pub(super) fn add_to(&self, spec: &mut Spec<'_>) {
        spec.mounts.push(Mount {
            destination: Str::from(INSIDE),
            kind: Some(Str::from("bind")),
            source: Some(Str::from(self.directory.to_string_lossy().into_owned())),
            options: ["bind", "nosuid", "noexec", "nodev", "ro"].map(Str::from).to_vec(),
            ..Mount::default()
        });
        if let Some(process) = &mut spec.process {
            process.env.retain(|variable| !variable.starts_with("NOTIFY_SOCKET="));
            process.env.push(Str::from(format!("NOTIFY_SOCKET={INSIDE}/{SOCKET}")));
        }
    }

    /// Listens for a container that was made and is not started yet; nothing where it was made without.
    pub(super) fn listen(self) -> Result<Option<Listening>> {
        if !self.directory.is_dir() {
            return Ok(None);
        }
        let path = self.directory.join(SOCKET);
        let socket = UnixDatagram::bind(&path).call(|| format!("bind({path:?})"))?;
        // Whoever the program runs as may write to it.
        let open = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777));
        open.call(|| format!("chmod({path:?}, 0777)"))?;
        socket.set_read_timeout(Some(PAUSE)).call(|| "setsockopt(SO_RCVTIMEO)")?;
        Ok(Some(Listening { host: self.host, socket }))
    }
}

/// The container's socket, listened on.
pub(super) struct Listening {
    host: SocketAddr,
    socket: UnixDatagram,
}

impl Listening {
    /// Waits until the container is ready or has ended, and tells the service manager, with the container's process as
    /// the service's main one where nobody else waits for it.
    pub(super) fn forward(&self, pidfd: impl AsFd, main_pid: Option<i32>) -> Result<()> {
        let mut message = [0_u8; 4096];
        while !process::ends_within(pidfd.as_fd(), Duration::ZERO)? {
            let Ok(length) = self.socket.recv(&mut message) else { continue };
            if !is_ready(&message[..length]) {
                continue;
            }
            let send = |text: &str| {
                let sent = UnixDatagram::unbound()
                    .and_then(|socket| socket.send_to_addr(text.as_bytes(), &self.host));
                sent.map(drop).call(|| format!("sendto({:?}, {text:?})", self.host))
            };
            send("READY=1\n")?;
            return Ok(main_pid.map_or(Ok(()), |pid| send(&format!("MAINPID={pid}\n")))?);
        }
        Ok(())
    }

    /// The same in a process of its own, beside the one that waits for the container.
    pub(super) fn forward_beside(self, pidfd: impl AsFd) -> Result<()> {
        if let Forked::Child = Clone::default().fork()? {
            process::detach_stdio();
            // Nobody would hear of a failure: the service manager sees that it is not told.
            drop(self.forward(pidfd, None));
            process::exit_now(0)
        }
        Ok(())
    }
}

/// Whether a message, of lines `NAME=VALUE`, says that the service is ready.
fn is_ready(message: &[u8]) -> bool {
    message.split(|byte| *byte == b'\n').any(|line| line == b"READY=1")
}

impl Session {
    /// Where the states of containers are.
    pub(super) fn root(&self) -> PathBuf {
        self.global.root.clone().map_or_else(super::default_root, PathBuf::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_count() {
        for (message, ready) in [
            (&b"READY=1"[..], true),
            (b"STATUS=up\nREADY=1\n", true),
            (b"READY=10", false),
            (b"STATUS=READY=1", false),
            (b"", false),
        ] {
            assert_eq!(is_ready(message), ready, "{message:?}");
        }
    }
}
