//! A world: outside ⟷ host ⟷ containers.

use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use barque_network::{Attachment, Definition, Driver, Networks, Pool, PortMapping, Subnet, Wanted};
use barque_sys::namespace::{self, Namespaces};

/// Whether this test can run: as root. Prints why it does not otherwise.
pub(crate) fn require_root() -> bool {
    let root = barque_sys::process::effective_ids().0 == 0;
    if !root {
        println!("skipped: needs root to make network namespaces");
    }
    root
}

/// A process that holds a network namespace.
pub(crate) struct Place {
    child: Child,
}

impl Place {
    /// A new namespace, with the loopback on.
    pub(crate) fn new() -> Self {
        let script = "ip link set lo up && echo ready && exec sleep 1000";
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0_u8; 6];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        Self { child }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn namespace(&self) -> OwnedFd {
        namespace::open(Path::new(&format!("/proc/{}/ns/net", self.child.id()))).unwrap()
    }

    /// A command in it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.child.id())).arg(program);
        command
    }

    /// A shell script in it; its output.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> String {
        checked(self.command("sh").args(["-euc", script]).output().unwrap(), script)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server that answers with the address it is called from.
pub(crate) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

const SERVER: &str = r#"
import socket, sys, threading
kind, port = sys.argv[1], int(sys.argv[2])
sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
sock.bind(("::", port))
if kind == "tcp":
    sock.listen()
print("ready", flush=True)
while True:
    if kind == "tcp":
        peer, address = sock.accept()
        peer.sendall(address[0].encode())
        peer.close()
    else:
        _, address = sock.recvfrom(100)
        sock.sendto(address[0].encode(), address)
"#;

const CLIENT: &str = r#"
import socket, sys
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
sock = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
sock.settimeout(float(sys.argv[4]))
try:
    sock.connect((host, port))
    if kind == "udp":
        sock.send(b"x")
    print(sock.recv(100).decode())
except OSError as error:
    print("no answer")
"#;

/// Starts a server in a place.
pub(crate) fn serve(place: &Place, kind: &str, port: u16) -> Server {
    let mut child = place
        .command("python3")
        .args(["-c", SERVER, kind, &port.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0_u8; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    Server(child)
}

/// What a server says to a client of this host, or "no answer".
pub(crate) fn call(kind: &str, host: &str, port: u16) -> String {
    client(Command::new("python3"), kind, host, port, "3")
}

/// What a server says to a client in a place, or "no answer".
pub(crate) fn call_from(place: &Place, kind: &str, host: &str, port: u16) -> String {
    client(place.command("python3"), kind, host, port, "3")
}

/// As [`call_from`], when no answer is what is expected.
pub(crate) fn refused_from(place: &Place, kind: &str, host: &str, port: u16) -> bool {
    client(place.command("python3"), kind, host, port, "0.5") == "no answer"
}

fn client(mut command: Command, kind: &str, host: &str, port: u16, patience: &str) -> String {
    let output = command.args(["-c", CLIENT, kind, host, &port.to_string(), patience]).output().unwrap();
    checked(output, host).trim().to_owned()
}

#[track_caller]
fn checked(output: Output, what: &str) -> String {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A shell script on the host; its output.
#[track_caller]
pub(crate) fn sh(script: &str) -> String {
    checked(Command::new("sh").args(["-euc", script]).output().unwrap(), script)
}

/// The world. The thread that makes it is on the host.
pub(crate) struct World {
    pub(crate) outside: Place,
    pub(crate) networks: Networks,
    directory: tempfile::TempDir,
}

/// The host's own addresses, and those of the outside.
pub(crate) const HOST: &str = "10.9.0.1";
pub(crate) const HOST6: &str = "fd09::1";
pub(crate) const OUTSIDE: &str = "10.9.0.2";
pub(crate) const OUTSIDE6: &str = "fd09::2";

impl World {
    /// A host with an uplink, in place of the calling thread's network namespace.
    pub(crate) fn new() -> Self {
        namespace::unshare(Namespaces::NETWORK).unwrap();
        let outside = Place::new();
        sh(&format!(
            // A new namespace has the machine's own value of it, which Docker may have set.
            "sysctl -qw net/ipv4/ip_forward=0 net/ipv6/conf/all/forwarding=0
             ip link set lo up
             ip link add up0 type veth peer name eth0 netns {}
             ip address add {HOST}/24 dev up0
             ip address add {HOST6}/64 nodad dev up0
             ip link set up0 up",
            outside.pid()
        ));
        outside.sh(&format!(
            "ip address add {OUTSIDE}/24 dev eth0; ip address add {OUTSIDE6}/64 nodad dev eth0; ip link set eth0 up"
        ));
        let directory = tempfile::tempdir().unwrap();
        Self { outside, networks: Networks::new(directory.path()), directory }
    }

    /// Another view of the same networks, as another command has it.
    pub(crate) fn root(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// A network of bridges.
    pub(crate) fn network(&self, name: &str, subnets: &[&str]) -> Definition {
        self.network_with(name, subnets, |_| {})
    }

    /// The same, changed before it is made.
    pub(crate) fn network_with(
        &self,
        name: &str,
        subnets: &[&str],
        change: impl FnOnce(&mut Definition),
    ) -> Definition {
        let mut definition = Definition::new(name, Driver::Bridge, 1).unwrap();
        definition.pools =
            subnets.iter().map(|text| Pool::new(Subnet::parse(text).unwrap()).unwrap()).collect();
        change(&mut definition);
        self.networks.create(&definition, &barque_network::Facts::read().unwrap()).unwrap();
        definition
    }

    /// A container in a network.
    pub(crate) fn container(&self, id: &str, definition: &Definition, ports: &[&str]) -> (Place, Attachment) {
        self.container_with(id, definition, ports, &[]).unwrap()
    }

    /// The same with addresses of its own, and what went wrong.
    pub(crate) fn container_with(
        &self,
        id: &str,
        definition: &Definition,
        ports: &[&str],
        addresses: &[IpAddr],
    ) -> barque_network::Result<(Place, Attachment)> {
        let ports: Vec<PortMapping> =
            ports.iter().flat_map(|text| barque_network::parse_port(text).unwrap()).collect();
        let wanted = Wanted { container: id, ports: &ports, addresses, way_out: true, ..Wanted::default() };
        let attachment = Attachment::prepare(&self.networks, definition, &wanted)?;
        let place = Place::new();
        attachment.connect(&self.networks, place.namespace().as_fd(), place.pid())?;
        Ok((place, attachment))
    }

    /// Ends a container.
    pub(crate) fn end(&self, id: &str, container: (Place, Attachment)) {
        let (place, attachment) = container;
        drop(place);
        let leases = [(attachment.definition.name.clone(), attachment.addresses.clone())];
        drop(attachment);
        barque_network::detach(&self.networks, id, &leases).unwrap();
    }

    /// Asserts that the host is as it was before.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert!(wait_until(|| sh("ip -br link").lines().count() == 2), "{}", sh("ip -br link"));
        assert_eq!(sh("nft list ruleset"), "");
        for key in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
            assert_eq!(sh(&format!("cat /proc/sys/{key}")).trim(), "0", "{key}");
        }
    }
}

/// Asks again and again until the answer is yes, for five seconds: dead network namespaces go in their own time.
pub(crate) fn wait_until(mut question: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !question() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}
