//! The journal's native protocol: a datagram of fields for each record, in a sealed memory file when it is too long.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, sockopt,
};

use super::{Config, Stream, Subject, Timestamp, attributes};
use crate::Result;

/// Where the journal listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// Priorities of syslog.
const ERROR: u8 = b'3';
const INFORMATION: u8 = b'6';
/// As libsystemd asks for: a burst that the journal is slow to take.
const SEND_BUFFER: usize = 8 << 20;

/// Sends records to the journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    socket: Option<OwnedFd>,
    /// Fields that are in each record.
    fields: Vec<u8>,
    message: Vec<u8>,
    pub(super) dropped: u64,
    pub(super) failure: Option<Errno>,
}

impl Journal {
    pub(super) fn new(path: &Path, config: &Config, subject: &Subject<'_>) -> Result<Self> {
        let tag = attributes::tag(config, subject)?;
        let mut fields = Vec::new();
        for (name, value) in [
            ("CONTAINER_ID", subject.short_id()),
            ("CONTAINER_ID_FULL", subject.id),
            ("CONTAINER_NAME", subject.name),
            ("CONTAINER_TAG", &tag),
            ("IMAGE_NAME", subject.image),
            ("SYSLOG_IDENTIFIER", &tag),
        ] {
            field(&mut fields, name, value.as_bytes());
        }
        for (name, value) in attributes::attributes(config, subject)? {
            if let Some(name) = field_name(&name) {
                field(&mut fields, &name, value.as_bytes());
            }
        }
        let path = path.to_owned();
        Ok(Self { path, socket: None, fields, message: Vec::new(), dropped: 0, failure: None })
    }

    /// Sends a record, and never waits: what the journal does not take is counted.
    pub(super) fn append(&mut self, line: &[u8], ends: bool, stream: Stream, now: Timestamp) {
        self.message.clear();
        self.message.extend_from_slice(&self.fields);
        let priority = if stream == Stream::Stderr { ERROR } else { INFORMATION };
        field(&mut self.message, "PRIORITY", &[priority]);
        let (time, end) = now.trimmed();
        field(&mut self.message, "SYSLOG_TIMESTAMP", &time[..end]);
        if !ends {
            field(&mut self.message, "CONTAINER_PARTIAL_MESSAGE", b"true");
        }
        field(&mut self.message, "MESSAGE", line);
        if let Err(errno) = self.send() {
            self.dropped += 1;
            self.failure = Some(errno);
        }
    }

    fn send(&mut self) -> rustix::io::Result<()> {
        let address = SocketAddrUnix::new(&self.path)?;
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connectionless()?,
        };
        // Each by the socket's name, not connected: the journal may be restarted in between.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = match rustix::net::sendto(&socket, &self.message, flags, &address) {
            Err(Errno::MSGSIZE) => {
                let file = sealed(&self.message)?;
                let files = [file.as_fd()];
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                control.push(SendAncillaryMessage::ScmRights(&files));
                rustix::net::sendmsg_addr(&socket, &address, &[IoSlice::new(&[])], &mut control, flags)
            }
            result => result,
        };
        self.socket = Some(socket);
        sent.map(drop)
    }
}

fn connectionless() -> rustix::io::Result<OwnedFd> {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // The kernel gives as much as the caller may have.
    sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER)?;
    Ok(socket)
}

/// The text in a file of memory that nobody can change any more.
fn sealed(text: &[u8]) -> rustix::io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create("barque-journal", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    barque_sys::file::write_all(&file, text)?;
    rustix::fs::fcntl_add_seals(
        &file,
        SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL,
    )?;
    Ok(file)
}

/// `NAME=VALUE`, or with the value's length before it when it has a newline.
fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// A label's name as a field's: capital letters, digits and `_`, which is not the first.
fn field_name(name: &str) -> Option<String> {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let name = name.trim_start_matches('_');
    (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_both_forms() {
        let mut out = Vec::new();
        field(&mut out, "A", b"b=c");
        field(&mut out, "D", b"e\nf");
        assert_eq!(out, b"A=b=c\nD\n\x03\0\0\0\0\0\0\0e\nf\n");
        assert_eq!(field_name("com.example/x-1").as_deref(), Some("COM_EXAMPLE_X_1"));
        assert_eq!(field_name("_up").as_deref(), Some("UP"));
        assert_eq!(field_name("1st").or(field_name("..")), None);
    }
}
