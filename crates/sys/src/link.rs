//! Network links, as far as a container without a network needs them.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use rustix::io::Errno;

use crate::{Call as _, Error, Result};

/// Switches the loopback interface of the caller's network namespace on, as `ip link set lo up`. The kernel gives it
/// 127.0.0.1/8 and ::1/128 by itself.
pub fn loopback_up() -> Result<()> {
    // SAFETY: makes a new descriptor that nobody else owns.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error()).call(|| "socket(AF_INET, SOCK_DGRAM)");
    }
    // SAFETY: the descriptor was just made.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: an all-zero ifreq is valid; its name is NUL-terminated because the rest of it stays zero.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP).unwrap_or(1);
    // SAFETY: SIOCSIFFLAGS reads the ifreq, which outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error()).call(|| "ioctl(SIOCSIFFLAGS, lo, IFF_UP)")
    }
}

/// Moves a network device of the caller's network namespace into that of a process, under a name
/// (`ip link set NAME name INSIDE netns PID`), by one netlink message.
pub fn move_to(name: &str, inside: &str, pid: i32) -> Result<()> {
    let call = || format!("RTM_SETLINK({name:?}, IFLA_IFNAME={inside:?}, IFLA_NET_NS_PID={pid})");
    let c_name = std::ffi::CString::new(name).map_err(|_| Errno::INVAL).call(call)?;
    // SAFETY: the name is NUL-terminated and outlives the call.
    let index = unsafe { libc::if_nametoindex(c_name.as_ptr()) };
    if index == 0 {
        return Err(Error::new(call(), Errno::NODEV));
    }
    let mut body = vec![0_u8; 16];
    body[4..8].copy_from_slice(&index.to_ne_bytes());
    attribute(&mut body, libc::IFLA_IFNAME, &[inside.as_bytes(), b"\0"].concat());
    attribute(&mut body, libc::IFLA_NET_NS_PID, &pid.to_ne_bytes());
    let length = u32::try_from(body.len() + 16).unwrap_or(u32::MAX);
    let flags = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK).unwrap_or(5);
    let mut message = Vec::with_capacity(body.len() + 16);
    message.extend(length.to_ne_bytes());
    message.extend(libc::RTM_SETLINK.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(body);
    exchange(&message).map_err(|errno| Error::new(call(), errno))
}

/// Adds a netlink attribute, padded to four bytes.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// Sends one rtnetlink request and takes its acknowledgement.
fn exchange(message: &[u8]) -> std::result::Result<(), Errno> {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    rustix::net::send(&socket, message, SendFlags::empty())?;
    let mut reply = [0_u8; 4096];
    let (length, _) = rustix::net::recv(&socket, &mut reply, RecvFlags::empty())?;
    let code =
        reply[..length].get(16..20).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes);
    if code == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(-code)) }
}
