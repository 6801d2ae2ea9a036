//! A container's places in networks.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use barque_network::{
    Attachment, DEFAULT, Definition as Network, Driver, NameServer, Networks, Unclosed, Wanted, detach,
    forget_names,
};
use barque_runtime::container::Connect;
use barque_runtime::plan::{Connection, ConnectionCommand};

use super::Purpose;
use crate::definition::{Membership, NetworkRequest};
use crate::{Container, Definition, Error, Places, Result};

/// A container's places in networks.
#[derive(Debug)]
pub struct Joined {
    places: Places,
    networks: Networks,
    /// The first one is the way out, but for internal networks.
    members: Vec<Member>,
    container: String,
    /// Whether it gets a name server, and whom that asks instead of the host's.
    answers: bool,
    given: Vec<IpAddr>,
    server: RefCell<Option<NameServer>>,
}

/// A place in one network.
#[derive(Debug)]
struct Member {
    attachment: Attachment,
    /// Its address was asked for, and may be asked for again at once.
    fixed: bool,
}

/// Addresses in networks by name.
type Leases = Vec<(String, Vec<IpAddr>)>;

/// What is still to be given back.
#[derive(Debug)]
pub struct Leaving {
    networks: Networks,
    container: String,
    leases: Leases,
    _unclosed: Unclosed,
}

impl Joined {
    /// Takes (or foresees) places in the networks that are asked for.
    pub fn new(
        places: &Places,
        request: &NetworkRequest,
        definition: &Definition,
        purpose: Purpose,
    ) -> Result<Self> {
        Self::named(places, request, &definition.id, Some(definition), purpose)
    }

    /// The same for a container that nobody is to find by a name: it gets no name server, which would need a monitor.
    pub fn without_names(places: &Places, request: &NetworkRequest, container: &str) -> Result<Self> {
        Self::named(places, request, container, None, Purpose::Run)
    }

    fn named(
        places: &Places,
        request: &NetworkRequest,
        container: &str,
        definition: Option<&Definition>,
        purpose: Purpose,
    ) -> Result<Self> {
        let networks = Networks::new(&places.root);
        let memberships = request.memberships();
        let mut joined = Self {
            places: places.clone(),
            members: Vec::with_capacity(memberships.len()),
            container: container.to_owned(),
            answers: definition.is_some() && memberships.iter().any(|one| one.name != DEFAULT),
            given: request.name_servers.clone(),
            server: RefCell::new(None),
            networks,
        };
        match joined.take(request, &memberships, definition, purpose) {
            Ok(()) => Ok(joined),
            Err(error) => {
                if purpose == Purpose::Run {
                    drop(detach(&joined.networks, &joined.container, &joined.leases()));
                }
                Err(error)
            }
        }
    }

    fn take(
        &mut self,
        request: &NetworkRequest,
        memberships: &[Membership],
        definition: Option<&Definition>,
        purpose: Purpose,
    ) -> Result<()> {
        let find = |one: &Membership| find(&self.networks, &one.name, purpose);
        let found: Vec<Network> = memberships.iter().map(find).collect::<Result<_>>()?;
        let way_out = found.iter().position(|network| !network.internal);
        // Others have no ports; where all are such, the first one says so.
        let published = found.iter().position(|network| network.driver == Driver::Bridge).unwrap_or(0);
        for (at, (network, membership)) in found.iter().zip(memberships).enumerate() {
            let names = definition.map_or_else(Vec::new, |definition| names_in(membership, definition));
            let wanted = Wanted {
                container: &self.container,
                number: u32::try_from(at).unwrap_or_default(),
                addresses: &membership.addresses,
                mac: membership.mac,
                ports: if at == published { &request.ports } else { &[] },
                names: &names,
                way_out: way_out == Some(at),
            };
            let attachment = match purpose {
                Purpose::Run => Attachment::prepare(&self.networks, network, &wanted),
                Purpose::Explain => Attachment::foresee(&self.networks, network, &wanted),
            };
            let fixed = !membership.addresses.is_empty();
            self.members.push(Member { attachment: attachment.map_err(from_network)?, fixed });
        }
        Ok(())
    }

    fn leases(&self) -> Leases {
        self.attachments().map(|one| (one.definition.name.clone(), one.addresses.clone())).collect()
    }

    fn attachments(&self) -> impl Iterator<Item = &Attachment> {
        self.members.iter().map(|member| &member.attachment)
    }

    /// What the user should know.
    pub fn warnings(&self) -> impl Iterator<Item = &String> {
        self.attachments().flat_map(|one| &one.warnings)
    }

    /// Lines of `/etc/hosts`: its own name, and those of the host.
    pub fn hosts(&self, request: &NetworkRequest) -> String {
        let mut text = String::new();
        for address in self.attachments().flat_map(|one| &one.addresses) {
            let _ = writeln!(text, "{address}\t{}", request.hostname);
        }
        if let Some(host) = self.attachments().find_map(Attachment::host)
            && !request.gateway_names.is_empty()
        {
            let _ = writeln!(text, "{host}\t{}", request.gateway_names.join(" "));
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
        let after = self.members.iter().rev().flat_map(|member| member.attachment.undo_commands());
        Connection {
            commands: self.attachments().flat_map(Attachment::commands).map(line).collect(),
            after: after.map(|command| command.text).collect(),
        }
    }

    /// The container has ended, or never was: its ports are free when this returns. An address that was not asked for
    /// stays lent until its device is gone, which answers for it as long as it is there.
    pub fn leave(self) -> Leaving {
        let mut leases = self.leases();
        leases.extend(self.joined_since());
        for (network, _) in &leases {
            // Nobody is to find it any more; what stays is recognised by who asks.
            drop(forget_names(&self.networks, &self.container, network));
        }
        let fixed = self.members.iter().filter(|member| member.fixed).map(|member| &member.attachment);
        let now: Leases = fixed.map(|one| (one.definition.name.clone(), one.addresses.clone())).collect();
        let mut unclosed = Unclosed::default();
        if !now.is_empty() || self.attachments().any(|one| !one.ports.is_empty()) {
            // What remains is recognised by the next command.
            unclosed = detach(&self.networks, &self.container, &now).unwrap_or_default();
        }
        Leaving { networks: self.networks, container: self.container, leases, _unclosed: unclosed }
    }

    /// What it has of networks that it was connected to while it ran.
    fn joined_since(&self) -> Leases {
        let Ok(container) = Container::open(&self.places, &self.container) else { return Leases::new() };
        let request = container.definition.network.request.unwrap_or_default();
        let known = |name: &str| self.attachments().any(|one| one.definition.name == name);
        let new = request.memberships().into_iter().filter(|one| !known(&one.name));
        new.map(|one| {
            let addresses = barque_network::addresses(&self.networks, &self.container, &one.name);
            (one.name, addresses)
        })
        .collect()
    }
}

impl Connect for Joined {
    fn connect(&self, network: BorrowedFd<'_>, pid: i32) -> Result<()> {
        for attachment in self.attachments() {
            attachment.connect(&self.networks, network, pid).map_err(from_network)?;
        }
        if self.answers {
            let server = NameServer::open(&self.networks, &self.container, network, &self.given);
            *self.server.borrow_mut() = Some(server.map_err(from_network)?);
        }
        Ok(())
    }
}

impl Leaving {
    /// Gives the addresses back once the container's devices are gone.
    pub fn finish(&self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        let is_there =
            || (0..).zip(&self.leases).any(|(at, _)| barque_network::has_device(&self.container, at));
        while is_there() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Nobody is there to be told; the next command takes back what is left.
        drop(detach(&self.networks, &self.container, &self.leases));
    }
}

fn find(networks: &Networks, name: &str, purpose: Purpose) -> Result<Network> {
    let network = match (name, purpose) {
        (DEFAULT, Purpose::Run) => networks.default_network(),
        (DEFAULT, Purpose::Explain) => networks.draft_default(),
        (name, _) => networks.find(name),
    };
    network.map_err(from_network)
}

/// What others of a network call a container. The default network has no names, as with Docker.
pub fn names_in(membership: &Membership, definition: &Definition) -> Vec<String> {
    if membership.name == DEFAULT {
        return Vec::new();
    }
    let short = definition.id.get(..12).unwrap_or_default().to_owned();
    [definition.name.clone(), short].into_iter().chain(membership.aliases.iter().cloned()).collect()
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
