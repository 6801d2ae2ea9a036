//! What the host has already: nothing is chosen or changed without a look at it.

use std::path::Path;

use barque_sys::file;
use barque_sys::nftables::{BaseChain, Nftables};
use barque_sys::rtnetlink::{LinkEntry, Rtnetlink};

use crate::subnet::Subnet;
use crate::{Result, TABLE};

/// `NF_INET_FORWARD`.
const FORWARD: u32 = 2;

/// What the host has.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Its devices.
    pub links: Vec<LinkEntry>,
    /// Subnets that some address or route, of whichever table, leads to.
    pub subnets: Vec<Subnet>,
    /// Whether packets pass through it, of IPv4 and of IPv6.
    pub forwards: (bool, bool),
    /// Devices that take router advertisements, which they would no longer once IPv6 passes through.
    pub hears_routers: Vec<String>,
    /// Whether bridged frames pass the firewall's rules for IP.
    pub filters_bridged: bool,
    /// Whether our table is there.
    pub table: bool,
    /// A chain of another program that drops what passes through and no rule lets pass.
    pub dropping: Option<String>,
}

impl Facts {
    /// Asks the kernel, about the caller's network namespace.
    pub fn read() -> Result<Self> {
        let rtnetlink = Rtnetlink::open()?;
        let nftables = Nftables::open()?;
        let links = rtnetlink.links()?;
        let addresses = rtnetlink.addresses()?;
        let routes = rtnetlink.routes()?;
        let subnets = addresses
            .iter()
            .map(|entry| (entry.address, entry.prefix))
            .chain(routes.iter().map(|route| route.destination))
            // The default route leads everywhere; loopback and link-local ones are on every host.
            .filter(|(address, prefix)| *prefix > 0 && !address.is_loopback())
            .filter_map(|(address, prefix)| Subnet::of(address, prefix))
            .collect();
        let forwards = (is_on("net/ipv4/ip_forward"), is_on("net/ipv6/conf/all/forwarding"));
        let hears = |link: &&LinkEntry| {
            read_sysctl(&format!("net/ipv6/conf/{}/accept_ra", link.name)).as_deref() == Some("1")
        };
        Ok(Self {
            hears_routers: links.iter().filter(hears).map(|link| link.name.clone()).collect(),
            links,
            subnets,
            forwards,
            filters_bridged: filters_bridged(),
            table: nftables.has_table(TABLE)?,
            dropping: dropping(&nftables.base_chains()?),
        })
    }

    /// The device of a name.
    pub fn link(&self, name: &str) -> Option<&LinkEntry> {
        self.links.iter().find(|link| link.name == name)
    }
}

/// Whether bridged frames pass the firewall's rules for IP (the module `br_netfilter`).
pub(crate) fn filters_bridged() -> bool {
    is_on("net/bridge/bridge-nf-call-iptables") || is_on("net/bridge/bridge-nf-call-ip6tables")
}

/// A kernel parameter; none when there is no such.
pub(crate) fn read_sysctl(key: &str) -> Option<String> {
    file::read(Path::new(&format!("/proc/sys/{key}"))).ok().map(|text| text.trim().to_owned())
}

fn is_on(key: &str) -> bool {
    read_sysctl(key).is_some_and(|value| value != "0")
}

/// The first chain of others that drops what is forwarded.
fn dropping(chains: &[BaseChain]) -> Option<String> {
    let chain = chains.iter().find(|chain| chain.hook == FORWARD && chain.drops && chain.table != TABLE)?;
    let family = match chain.family {
        1 => "inet",
        2 => "ip",
        10 => "ip6",
        // arp and bridge chains do not see what is routed.
        _ => return None,
    };
    Some(format!("{family} {} {}", chain.table, chain.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_chain_that_drops() {
        let chain = |family, table: &str, hook, drops| BaseChain {
            family,
            table: table.to_owned(),
            name: "FORWARD".to_owned(),
            hook,
            drops,
        };
        let chains = [
            chain(2, "filter", 1, true),
            chain(2, "filter", 2, false),
            chain(1, TABLE, 2, true),
            chain(10, "filter", 2, true),
        ];
        assert_eq!(dropping(&chains).as_deref(), Some("ip6 filter FORWARD"));
        assert_eq!(dropping(&chains[..3]), None);
    }
}
