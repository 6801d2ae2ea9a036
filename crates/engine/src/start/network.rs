//! A container's place in a network.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use barque_network::{Attachment, DEFAULT, NameServer, Networks, Wanted, detach, forget_names};
use barque_runtime::container::Connect;
use barque_runtime::plan::{Connection, ConnectionCommand};

use super::Purpose;
use crate::definition::NetworkRequest;
use crate::{Definition, Error, Places, Result};

/// A container's place in a network.
#[derive(Debug)]
pub struct Joined {
    networks: Networks,
    attachment: Attachment,
    container: String,
    /// Its address was asked for, and may be asked for again at once.
    fixed: bool,
    /// Whether it gets a name server, and whom that asks instead of the host's.
    answers: bool,
    given: Vec<IpAddr>,
    server: RefCell<Option<NameServer>>,
}

/// What is still to be given back.
#[derive(Debug)]
pub struct Leaving {
    networks: Networks,
    container: String,
    leases: Vec<(String, Vec<IpAddr>)>,
}

impl Joined {
    /// Takes (or foresees) a place in the network that is asked for.
    pub fn new(
        places: &Places,
        request: &NetworkRequest,
        definition: &Definition,
        purpose: Purpose,
    ) -> Result<Self> {
        let names = names(request, definition);
        Self::named(places, request, (&definition.id, &names), purpose)
    }

    /// The same for a container that nobody is to find by a name: it gets no name server, which would need a monitor.
    pub fn without_names(places: &Places, request: &NetworkRequest, container: &str) -> Result<Self> {
        Self::named(places, request, (container, &[]), Purpose::Run)
    }

    fn named(
        places: &Places,
        request: &NetworkRequest,
        (container, names): (&str, &[String]),
        purpose: Purpose,
    ) -> Result<Self> {
        let networks = Networks::new(&places.root);
        let network = match (request.name.as_str(), purpose) {
            (DEFAULT, Purpose::Run) => networks.default_network(),
            (DEFAULT, Purpose::Explain) => networks.draft_default(),
            (name, _) => networks.find(name),
        };
        let network = network.map_err(from_network)?;
        let wanted = Wanted {
            container,
            number: 0,
            addresses: &request.addresses,
            mac: request.mac,
            ports: &request.ports,
            names,
        };
        let attachment = match purpose {
            Purpose::Run => Attachment::prepare(&networks, &network, &wanted),
            Purpose::Explain => Attachment::foresee(&networks, &network, &wanted),
        };
        Ok(Self {
            networks,
            attachment: attachment.map_err(from_network)?,
            container: container.to_owned(),
            fixed: !request.addresses.is_empty(),
            answers: !names.is_empty(),
            given: request.name_servers.clone(),
            server: RefCell::new(None),
        })
    }

    /// What the user should know.
    pub fn warnings(&self) -> &[String] {
        &self.attachment.warnings
    }

    /// Lines of `/etc/hosts`: its own name, and those of the host.
    pub fn hosts(&self, request: &NetworkRequest) -> String {
        let mut text = String::new();
        for address in &self.attachment.addresses {
            let _ = writeln!(text, "{address}\t{}", request.hostname);
        }
        if let Some(gateway) = self.attachment.host() {
            let _ = writeln!(text, "{gateway}\t{}", request.gateway_names.join(" "));
        }
        text
    }

    /// Its name server, which its monitor serves.
    pub(crate) fn name_server(&self) -> Option<NameServer> {
        self.server.borrow_mut().take()
    }

    /// As it would be typed.
    pub fn connection(&self) -> Connection {
        let line = |command: barque_network::plan::Command| ConnectionCommand {
            inside: command.inside,
            text: command.text,
        };
        Connection {
            commands: self.attachment.commands().into_iter().map(line).collect(),
            after: self.attachment.undo_commands().into_iter().map(|command| command.text).collect(),
        }
    }

    /// The container has ended, or never was: its ports are free when this returns. An address that was not asked for
    /// stays lent until its device is gone, which answers for it as long as it is there.
    pub fn leave(self) -> Leaving {
        let name = self.attachment.definition.name.clone();
        let leases = vec![(name, self.attachment.addresses.clone())];
        // Nobody is to find it any more; what stays is recognised by who asks.
        drop(forget_names(&self.networks, &self.container, &self.attachment.definition.name));
        let now = if self.fixed { &leases[..] } else { &[] };
        if self.fixed || !self.attachment.ports.is_empty() {
            // What remains is recognised by the next command.
            drop(detach(&self.networks, &self.container, now));
        }
        Leaving { networks: self.networks, container: self.container, leases }
    }
}

impl Connect for Joined {
    fn connect(&self, network: BorrowedFd<'_>, pid: i32) -> Result<()> {
        self.attachment.connect(&self.networks, network, pid).map_err(from_network)?;
        if self.answers {
            let server = NameServer::open(&self.networks, &self.container, network, &self.given);
            *self.server.borrow_mut() = Some(server.map_err(from_network)?);
        }
        Ok(())
    }
}

impl Leaving {
    /// Gives the addresses back once the container's device is gone.
    pub fn finish(&self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while barque_network::has_device(&self.container) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Nobody is there to be told; the next command takes back what is left.
        drop(detach(&self.networks, &self.container, &self.leases));
    }
}

/// What others of the network call a container. The default network has no names, as with Docker.
fn names(request: &NetworkRequest, definition: &Definition) -> Vec<String> {
    if request.name == DEFAULT {
        return Vec::new();
    }
    let short = definition.id.get(..12).unwrap_or_default().to_owned();
    [definition.name.clone(), short].into_iter().chain(request.aliases.iter().cloned()).collect()
}

/// A failure of the network crate, with its cure.
pub fn from_network(error: barque_network::Error) -> Error {
    let converted = Error::new(error.kind(), error.to_string());
    match error.cure() {
        Some(cure) => converted.hint(cure),
        None => converted,
    }
}

/// A failure of the image crate, with its cure.
pub fn from_image(error: barque_image::Error) -> Error {
    let converted = Error::new(error.kind(), error.to_string());
    match error.cure() {
        Some(cure) => converted.hint(cure),
        None => converted,
    }
}
