//! Network links, as far as a container without a network needs them.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use std::path::Path;

use rustix::io::Errno;

use crate::netlink::{Message, Protocol, Socket, attributes};
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

/// Moves a network device of the caller's network namespace into that of a process, under a name, and sets it up there
/// with the addresses it has (`ip link set NAME name INSIDE netns PID`, `ip address add`, `ip link set INSIDE up`): a
/// device that changes its namespace loses them.
pub fn move_to(name: &str, inside: &str, pid: i32) -> Result<()> {
    let host = Socket::open(Protocol::Route)?;
    let index = host.index(name)?;
    let addresses = host.addresses(index)?;
    let mut request = Message::new(libc::RTM_SETLINK, 0, &link_header(index, 0));
    request.attribute(libc::IFLA_IFNAME, &[inside.as_bytes(), b"\0"].concat());
    request.attribute(libc::IFLA_NET_NS_PID, &pid.to_ne_bytes());
    host.send(request)
        .call(|| format!("RTM_SETLINK({name:?}, IFLA_IFNAME={inside:?}, IFLA_NET_NS_PID={pid})"))?;
    let container =
        Socket::open_in(crate::namespace::open(Path::new(&format!("/proc/{pid}/ns/net")))?, Protocol::Route)?;
    let index = container.index(inside)?;
    for address in &addresses {
        container.add_address(index, address)?;
    }
    let up = u32::try_from(libc::IFF_UP).unwrap_or(1);
    let request = Message::new(libc::RTM_SETLINK, 0, &link_header(index, up));
    container.send(request).map(drop).call(|| format!("RTM_SETLINK({inside:?}, IFF_UP)"))
}

/// `struct ifinfomsg`, with flags to switch on.
fn link_header(index: u32, flags: u32) -> [u8; 16] {
    let mut header = [0_u8; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&flags.to_ne_bytes());
    header
}

/// An address of a device.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    /// Family, prefix length, flags and scope, as `struct ifaddrmsg` begins.
    start: [u8; 4],
    /// `IFA_ADDRESS`, `IFA_LOCAL` and `IFA_BROADCAST`, those there are.
    attributes: Vec<(u16, Vec<u8>)>,
}

impl Address {
    /// Reads an `RTM_NEWADDR`; none for another device's, and for those that come by themselves: link-local ones, and
    /// those that a router's advertisement or DHCP has given for a time.
    fn parse(message: &[u8], index: u32) -> Option<Self> {
        let start: [u8; 4] = message.get(..4)?.try_into().ok()?;
        let [_, _, flags, scope] = start;
        let permanent = u32::from(flags) & libc::IFA_F_PERMANENT != 0;
        if message.get(4..8)? != index.to_ne_bytes() || !permanent || scope != libc::RT_SCOPE_UNIVERSE {
            return None;
        }
        let kept = [libc::IFA_ADDRESS, libc::IFA_LOCAL, libc::IFA_BROADCAST];
        let attributes = attributes(message.get(8..)?).filter(|(kind, _)| kept.contains(kind));
        Some(Self { start, attributes: attributes.map(|(kind, value)| (kind, value.to_vec())).collect() })
    }
}

impl Socket {
    /// The number of a device.
    fn index(&self, name: &str) -> Result<u32> {
        let mut request = Message::new(libc::RTM_GETLINK, 0, &link_header(0, 0));
        request.attribute(libc::IFLA_IFNAME, &[name.as_bytes(), b"\0"].concat());
        let call = || format!("RTM_GETLINK({name:?})");
        let replies = self.send(request).call(call)?;
        let index = replies.first().and_then(|reply| reply.get(4..8)?.try_into().ok());
        index.map(u32::from_ne_bytes).ok_or_else(|| Error::new(call(), Errno::NODEV))
    }

    /// The addresses of a device that somebody has given it.
    fn addresses(&self, index: u32) -> Result<Vec<Address>> {
        let request = Message::new(libc::RTM_GETADDR, libc::NLM_F_DUMP, &[0; 8]);
        let replies = self.send(request).call(|| "RTM_GETADDR")?;
        Ok(replies.iter().filter_map(|reply| Address::parse(reply, index)).collect())
    }

    fn add_address(&self, index: u32, address: &Address) -> Result<()> {
        let header = [&address.start[..], &index.to_ne_bytes()].concat();
        let mut request = Message::new(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &header);
        for (kind, value) in &address.attributes {
            request.attribute(*kind, value);
        }
        self.send(request).map(drop).call(|| format!("RTM_NEWADDR({index}, {address:?})"))
    }
}

/// Reads bytes as a reply about addresses (`crate::fuzz`).
pub(crate) fn fuzz(bytes: &[u8]) {
    drop(Address::parse(bytes, 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An `RTM_NEWADDR` of device 7: 10.0.0.1/24, with a label.
    fn message(flags: u8, scope: u8) -> Vec<u8> {
        let mut message = vec![2, 24, flags, scope, 7, 0, 0, 0];
        message.extend([8, 0, 2, 0, 10, 0, 0, 1]);
        message.extend([7, 0, 3, 0, b'e', b'0', 0, 0]);
        message
    }

    #[test]
    fn keeps_what_somebody_has_given() {
        let address = Address { start: [2, 24, 0x80, 0], attributes: vec![(2, vec![10, 0, 0, 1])] };
        assert_eq!(Address::parse(&message(0x80, 0), 7), Some(address));
        assert_eq!(Address::parse(&message(0x80, 0), 8), None, "another device");
        assert_eq!(Address::parse(&message(0, 0), 7), None, "for a time");
        assert_eq!(Address::parse(&message(0x80, libc::RT_SCOPE_LINK), 7), None, "link-local");
        assert_eq!(Address::parse(&[2, 24], 7), None, "cut off");
    }
}
