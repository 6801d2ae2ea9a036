//! What a network is, as it is written to its file.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::subnet::{Subnet, next};
use crate::{Error, ErrorKind, Result};

/// The format of the file.
const VERSION: u32 = 1;
/// A device's name has at most fifteen bytes.
const LONGEST_INTERFACE: usize = 15;

/// How containers are joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// By a bridge on this host, with NAT to the outside.
    #[default]
    Bridge,
    /// By a device of their own hardware address on one of the host's.
    Macvlan,
    /// By a device that shares the hardware address of one of the host's.
    Ipvlan,
}

impl Driver {
    /// The driver of a name.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "bridge" => Ok(Self::Bridge),
            "macvlan" => Ok(Self::Macvlan),
            "ipvlan" => Ok(Self::Ipvlan),
            _ => Err(Error::new(ErrorKind::NotFound, format!("network driver {text:?} not found"))
                .hint("one of bridge, macvlan, ipvlan")),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Macvlan => "macvlan",
            Self::Ipvlan => "ipvlan",
        }
    }
}

/// A subnet to lend addresses from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The subnet.
    pub subnet: Subnet,
    /// The host's own address in it, and the containers' way out.
    pub gateway: IpAddr,
    /// The part that addresses are chosen from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Subnet>,
    /// Addresses that others have, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aux: BTreeMap<String, IpAddr>,
}

impl Pool {
    /// A pool with its first address as the gateway.
    pub fn new(subnet: Subnet) -> Result<Self> {
        // Gateway, and at least one container, beside the subnet's own address and that of broadcasts.
        let longest = if subnet.is_ipv4() { 30 } else { 126 };
        if subnet.prefix() > longest {
            return Err(Error::invalid(format!("subnet {subnet} is too small"))
                .hint(format!("/{longest} is the smallest that has room for a gateway and a container")));
        }
        let gateway = next(subnet.address()).unwrap_or(subnet.address());
        Ok(Self { subnet, gateway, range: None, aux: BTreeMap::new() })
    }

    /// Checks that gateway, range and other addresses lie in the subnet.
    pub fn check(&self) -> Result<()> {
        let subnet = self.subnet;
        if !subnet.is_host(self.gateway) {
            return Err(Error::invalid(format!("gateway {} is not an address of {subnet}", self.gateway)));
        }
        if let Some(range) =
            self.range.filter(|range| !(subnet.contains(range.address()) && subnet.contains(range.last())))
        {
            return Err(Error::invalid(format!("ip-range {range} does not lie in subnet {subnet}")));
        }
        match self.aux.iter().find(|(_, address)| !subnet.contains(**address)) {
            Some((name, address)) => {
                Err(Error::invalid(format!("aux-address {name}={address} is not an address of {subnet}")))
            }
            None => Ok(()),
        }
    }

    /// Whether a container may have an address.
    pub fn may_lend(&self, address: IpAddr) -> bool {
        self.subnet.is_host(address)
            && address != self.gateway
            && !self.aux.values().any(|taken| *taken == address)
    }

    /// The addresses to choose from, in order.
    pub fn candidates(&self) -> impl Iterator<Item = IpAddr> {
        let range = self.range.unwrap_or(self.subnet);
        std::iter::successors(Some(range.address()), move |address| {
            next(*address).filter(|address| range.contains(*address))
        })
        .filter(|address| self.may_lend(*address))
    }
}

/// Choices that drivers know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The MTU of its devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// The device of the host that macvlan and ipvlan build on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub(crate) version: u32,
    /// Its name.
    pub name: String,
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// How containers are joined.
    pub driver: Driver,
    /// The bridge's name; empty for other drivers.
    pub bridge: String,
    /// The bridge is somebody else's, and used as it is: neither made, nor changed, nor removed.
    #[serde(default)]
    pub adopted: bool,
    /// Its subnets, at most one of each family.
    pub pools: Vec<Pool>,
    /// Nothing of it goes to or comes from the outside.
    #[serde(default)]
    pub internal: bool,
    /// Choices of the driver.
    #[serde(default)]
    pub options: Options,
    /// The user's labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it was made, in seconds since 1970.
    pub created: u64,
}

impl Definition {
    /// A network with a name and a driver, and nothing else yet.
    pub fn new(name: &str, driver: Driver, created: u64) -> Result<Self> {
        check_name(name)?;
        let mut random = [0_u8; 32];
        barque_sys::random(&mut random)?;
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let bridge = if driver == Driver::Bridge { format!("bq-{}", &id[..12]) } else { String::new() };
        Ok(Self {
            version: VERSION,
            name: name.to_owned(),
            id,
            driver,
            bridge,
            adopted: false,
            pools: Vec::new(),
            internal: false,
            options: Options::default(),
            labels: BTreeMap::new(),
            created,
        })
    }

    /// Reads a definition's file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let definition: Self =
            serde_json::from_str(text).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        if definition.version > VERSION {
            return Err(Error::unsupported(format!(
                "its format {} is newer than this barque knows ({VERSION})",
                definition.version
            )));
        }
        Ok(definition)
    }

    /// Checks what can be wrong with it by itself.
    pub fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        if self.driver == Driver::Bridge {
            check_interface(&self.bridge)?;
        } else if self.options.parent.is_none() {
            return Err(Error::invalid(format!(
                "network {}: {} needs a parent",
                self.name,
                self.driver.name()
            ))
            .hint("name the device to build on: -o parent=eth0"));
        }
        for (index, pool) in self.pools.iter().enumerate() {
            pool.check()?;
            if self.pools[..index].iter().any(|other| other.subnet.is_ipv4() == pool.subnet.is_ipv4()) {
                return Err(Error::invalid(format!(
                    "network {}: {} is its second subnet of that family",
                    self.name, pool.subnet
                )));
            }
        }
        match self.pools.is_empty() {
            true => Err(Error::invalid(format!("network {}: it has no subnet", self.name))),
            false => Ok(()),
        }
    }
}

/// Docker's rule for names, which also keeps them file names.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) && name.len() <= 128 {
        return Ok(());
    }
    Err(Error::invalid(format!("invalid network name {name:?}"))
        .hint("use letters, digits, _ . and -, beginning with a letter or digit"))
}

fn check_interface(name: &str) -> Result<()> {
    let plain = !name.is_empty() && !name.contains(['/', ' ', '"']) && name != "." && name != "..";
    if plain && name.len() <= LONGEST_INTERFACE {
        return Ok(());
    }
    Err(Error::invalid(format!("invalid bridge name {name:?}"))
        .hint(format!("a device's name has 1 to {LONGEST_INTERFACE} bytes, without / and spaces")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(subnet: &str, gateway: &str) -> Pool {
        let subnet = Subnet::parse(subnet).unwrap();
        Pool { gateway: gateway.parse().unwrap(), ..Pool::new(subnet).unwrap() }
    }

    #[test]
    fn a_small_subnet_lends_what_is_left() {
        let mut small = pool("192.168.1.8/29", "192.168.1.10");
        small.aux.insert("printer".to_owned(), "192.168.1.12".parse().unwrap());
        small.check().unwrap();
        let all: Vec<String> = small.candidates().map(|address| address.to_string()).collect();
        assert_eq!(all, ["192.168.1.9", "192.168.1.11", "192.168.1.13", "192.168.1.14"]);
        small.range = Some(Subnet::parse("192.168.1.12/30").unwrap());
        assert_eq!(small.candidates().count(), 2);
        let six = pool("fd00:1::/64", "fd00:1::1");
        assert_eq!(six.candidates().next(), Some("fd00:1::2".parse().unwrap()));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let error = |pool: Pool| pool.check().unwrap_err().to_string();
        assert!(error(pool("10.0.0.0/24", "10.0.1.1")).contains("gateway 10.0.1.1 is not an address of"));
        assert!(error(pool("10.0.0.0/24", "10.0.0.255")).contains("gateway"));
        let mut wide = pool("10.0.0.0/24", "10.0.0.1");
        wide.range = Some(Subnet::parse("10.0.0.0/16").unwrap());
        assert!(error(wide).contains("ip-range"));
        assert!(Pool::new(Subnet::parse("10.0.0.0/31").unwrap()).is_err());
        for name in ["", ".x", "a/b", "-a", "a b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_interface("more-than-15-byt").is_err());
        let none = Definition::new("n", Driver::Macvlan, 0).unwrap();
        assert!(none.check().unwrap_err().to_string().contains("needs a parent"));
    }
}
