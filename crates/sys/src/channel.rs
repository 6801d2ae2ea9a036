//! A pair of connected sockets between two processes: whole messages, with descriptors.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

use crate::{Call as _, Result};

/// One end of a sequenced-packet socket pair.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

/// The longest message; longer ones are cut by the sender.
pub const MAX_MESSAGE: usize = 32 * 1024;

impl Channel {
    /// Two connected ends, close-on-exec.
    pub fn pair() -> Result<(Self, Self)> {
        let (a, b) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .call(|| "socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC)")?;
        Ok((Self { socket: a }, Self { socket: b }))
    }

    /// Takes a connected sequenced-packet socket.
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// A socket in a directory that others connect to by name ([`Channel::connect`]).
    ///
    /// The name is bound through `/proc/self/fd`, because a socket's path may not be longer than 107 bytes.
    pub fn listen(directory: impl AsFd, name: &str) -> Result<OwnedFd> {
        let socket = new_socket()?;
        rustix::net::bind(&socket, &address(directory, name)?).call(|| format!("bind({name:?})"))?;
        rustix::net::listen(&socket, 8).call(|| format!("listen({name:?})"))?;
        Ok(socket)
    }

    /// Connects to a socket in a directory.
    pub fn connect(directory: impl AsFd, name: &str) -> Result<Self> {
        let socket = new_socket()?;
        rustix::net::connect(&socket, &address(directory, name)?).call(|| format!("connect({name:?})"))?;
        Ok(Self { socket })
    }

    /// Takes the next connection to a listening socket.
    pub fn accept(socket: impl AsFd) -> Result<Self> {
        loop {
            match rustix::net::accept_with(&socket, SocketFlags::CLOEXEC) {
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                result => return result.map(|socket| Self { socket }).call(|| "accept4(SOCK_CLOEXEC)"),
            }
        }
    }

    /// Sends one message.
    pub fn send(&self, message: &[u8]) -> Result<()> {
        let message = &message[..message.len().min(MAX_MESSAGE)];
        loop {
            match rustix::net::send(&self.socket, message, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                result => return result.map(drop).call(|| "send(channel)"),
            }
        }
    }

    /// Sends one message with a descriptor.
    pub fn send_with_fd(&self, message: &[u8], fd: BorrowedFd<'_>) -> Result<()> {
        send_fd(&self.socket, message, fd)
    }

    /// Receives one message, with the descriptor it carried; an empty message means that the other end is closed.
    pub fn receive(&self) -> Result<(Vec<u8>, Option<OwnedFd>)> {
        // On the stack, whose pages the next message finds in place.
        let mut bytes = [0; MAX_MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let mut parts = [IoSliceMut::new(&mut bytes)];
            match rustix::net::recvmsg(&self.socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                // ECONNRESET comes once, when the other end closed with a message of ours unread. What it sent before is
                // still there to be read, the reason of its failure above all.
                Err(Errno::INTR | Errno::CONNRESET) => {}
                result => break result.call(|| "recvmsg(channel)")?,
            }
        };
        let fd = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        Ok((bytes[..received.bytes].to_vec(), fd))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends a message with a descriptor (`SCM_RIGHTS`) over any UNIX socket.
pub fn send_fd(socket: impl AsFd, message: &[u8], fd: BorrowedFd<'_>) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    loop {
        match rustix::net::sendmsg(&socket, &[IoSlice::new(message)], &mut ancillary, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            result => return result.map(drop).call(|| "sendmsg(SCM_RIGHTS)"),
        }
    }
}

fn new_socket() -> Result<OwnedFd> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .call(|| "socket(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC)")
}

fn address(directory: impl AsFd, name: &str) -> Result<SocketAddrUnix> {
    let path = format!("/proc/self/fd/{}/{name}", directory.as_fd().as_raw_fd());
    SocketAddrUnix::new(path.as_str()).call(|| format!("sockaddr_un({path:?})"))
}

/// Connects to a stream socket anywhere, as runtimes are given them: console and seccomp listener sockets.
pub fn connect_stream(path: &std::path::Path) -> Result<OwnedFd> {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .call(|| "socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC)")?;
    let address = SocketAddrUnix::new(path).call(|| format!("sockaddr_un({path:?})"))?;
    rustix::net::connect(&socket, &address).call(|| format!("connect({path:?})"))?;
    Ok(socket)
}
