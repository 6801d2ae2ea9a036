//! Networks of containers: bridges, addresses, routes, published ports, firewall rules.
//!
//! What a network or a container's place in it does to the kernel is a value first, a list of [`plan::Op`]s, that can
//! be executed, undone in reverse, and printed as what a person would type (`ip`, `nft`, `sysctl`). State is small
//! files: a network's definition, one file for each address lent and each port published, which name who has them.
#![forbid(unsafe_code)]

mod attach;
mod choose;
mod connect;
mod definition;
mod error;
mod execute;
mod facts;
pub mod fuzz;
mod host;
mod lease;
mod names;
mod owner;
pub mod plan;
mod port;
mod publish;
mod reserve;
mod ruleset;
mod store;
mod subnet;

pub use attach::{Attachment, Unclosed, Wanted, detach, forget_names, has_device, reap, rename};
pub use choose::{choose, choose_ula};
pub use connect::{addresses, disconnect, free_number, give_way_out, refresh_names};
pub use definition::{Definition, Driver, Options, Pool};
pub use error::{Context, Error, ErrorKind, Result};
pub use execute::{execute, undo};
pub use facts::Facts;
pub use host::{Brought, down, missing, reload, up};
pub use lease::{Lease, Leases};
pub use names::{ADDRESS as NAME_SERVER, Server as NameServer};
pub use owner::Owner;
pub use plan::mac_of;
pub use port::{PortMapping, Protocol, parse as parse_port};
pub use publish::{Ports, Published};
pub use ruleset::TABLE;
pub use store::{DEFAULT, Networks};
pub use subnet::Subnet;
