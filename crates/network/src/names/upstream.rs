//! Whom questions are passed on to: the name servers of the host's `/etc/resolv.conf`, as it is at the moment.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use barque_sys::file;

/// The port of name servers.
const PORT: u16 = 53;
/// As many as the resolvers of C libraries ask.
const MOST: usize = 3;

/// Name servers outside.
#[derive(Debug)]
pub(super) struct Upstream {
    /// Those that were given, and are asked whatever the host says.
    given: Vec<SocketAddr>,
    file: PathBuf,
    /// The file's place and time when it was read.
    read_at: Option<(u64, i64, i64)>,
    servers: Vec<SocketAddr>,
}

impl Upstream {
    pub(super) fn new(given: &[IpAddr], file: PathBuf) -> Self {
        let given = given.iter().map(|address| SocketAddr::new(*address, PORT)).collect();
        Self { given, file, read_at: None, servers: Vec::new() }
    }

    /// The servers to ask, the first one first.
    pub(super) fn servers(&mut self) -> &[SocketAddr] {
        if !self.given.is_empty() {
            return &self.given;
        }
        let metadata = std::fs::metadata(&self.file).ok();
        let now = metadata.map(|metadata| (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()));
        if now.is_none() || now != self.read_at {
            self.servers = parse(&file::read(&self.file).unwrap_or_default());
            self.read_at = now;
        }
        &self.servers
    }
}

/// The servers of a `resolv.conf`; like everybody else, that of this machine where it names none.
pub(super) fn parse(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        let word = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
        // A link-local address with its device: reached as it is written, or not at all.
        Some(SocketAddr::new(word.parse().ok()?, PORT))
    };
    let mut servers: Vec<_> = text.lines().filter_map(address).take(MOST).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(servers: &[SocketAddr]) -> String {
        servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn reads_name_servers() {
        let text = "# c\nsearch a\nnameserver 10.0.0.1\n nameserver\tfd00::1 \nnameserver x\nnameserver 1.1.1.1\nnameserver 2.2.2.2\n";
        assert_eq!(shown(&parse(text)), "10.0.0.1:53 [fd00::1]:53 1.1.1.1:53");
        assert_eq!(shown(&parse("nameserver\n")), "127.0.0.1:53");
    }

    #[test]
    fn follows_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("resolv.conf");
        let mut upstream = Upstream::new(&[], path.clone());
        assert_eq!(shown(upstream.servers()), "127.0.0.1:53", "there is none");
        for address in ["10.0.0.1", "10.0.0.2"] {
            // As programs replace it: another file under the name.
            let draft = directory.path().join("draft");
            std::fs::write(&draft, format!("nameserver {address}\n")).unwrap();
            std::fs::rename(&draft, &path).unwrap();
            assert_eq!(shown(upstream.servers()), format!("{address}:53"));
        }
        let mut given = Upstream::new(&["10.0.0.3".parse().unwrap()], path);
        assert_eq!(shown(given.servers()), "10.0.0.3:53");
    }
}
