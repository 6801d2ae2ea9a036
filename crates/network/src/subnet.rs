//! Arithmetic with addresses and subnets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Error, Result};

/// A subnet: the address has no bits beyond the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subnet {
    address: IpAddr,
    prefix: u8,
}

impl Subnet {
    /// The subnet that an address with a prefix length lies in.
    pub fn of(address: IpAddr, prefix: u8) -> Option<Self> {
        let width = width(address);
        (prefix <= width).then(|| {
            let host_bits = u32::from(width - prefix);
            let bits = bits(address).checked_shr(host_bits).and_then(|bits| bits.checked_shl(host_bits));
            Self { address: from_bits(bits.unwrap_or(0), address.is_ipv4()), prefix }
        })
    }

    /// Reads `ADDRESS/PREFIX`; bits beyond the prefix are cut off.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || {
            Error::invalid(format!("invalid subnet {text:?}")).hint("write it as 10.1.2.0/24 or fd00:1::/64")
        };
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = prefix.parse().ok().filter(|_| digits).ok_or_else(invalid)?;
        Self::of(address.parse().map_err(|_| invalid())?, prefix).ok_or_else(invalid)
    }

    /// Its first address, that of the subnet itself.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The length of its prefix.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether it is of IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Its last address; that of broadcasts in IPv4.
    pub fn last(&self) -> IpAddr {
        let host_bits = u32::from(width(self.address) - self.prefix);
        let ones = u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
        from_bits(bits(self.address) | ones, self.is_ipv4())
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_ipv4() && (self.address..=self.last()).contains(&address)
    }

    /// Whether an address has something in common with another's.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }

    /// Whether an address can be an interface's: neither the subnet's own nor that of broadcasts.
    pub fn is_host(&self, address: IpAddr) -> bool {
        let reserved = address == self.address || (self.is_ipv4() && address == self.last());
        self.contains(address) && !reserved
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl serde::Serialize for Subnet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Subnet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The address after another.
pub(crate) fn next(address: IpAddr) -> Option<IpAddr> {
    let following = bits(address).checked_add(1)?;
    let last = if address.is_ipv4() { u128::from(u32::MAX) } else { u128::MAX };
    (following <= last).then(|| from_bits(following, address.is_ipv4()))
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn from_bits(bits: u128, v4: bool) -> IpAddr {
    if v4 {
        Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into()
    } else {
        Ipv6Addr::from_bits(bits).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text).unwrap()
    }

    #[test]
    fn reads_subnets() {
        for (text, shown, last) in [
            ("10.1.2.3/24", "10.1.2.0/24", "10.1.2.255"),
            ("0.0.0.0/0", "0.0.0.0/0", "255.255.255.255"),
            ("192.168.1.9/29", "192.168.1.8/29", "192.168.1.15"),
            ("1.2.3.4/32", "1.2.3.4/32", "1.2.3.4"),
            ("fd00:1::5/64", "fd00:1::/64", "fd00:1::ffff:ffff:ffff:ffff"),
            ("::/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            assert_eq!(
                (subnet(text).to_string().as_str(), subnet(text).last().to_string().as_str()),
                (shown, last)
            );
        }
        for text in ["10.1.2.3", "10.1.2.3/", "10.1.2.3/33", "10.1.2/24", "fd::/129", "10.0.0.0/+8", ""] {
            assert!(Subnet::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn knows_what_lies_where() {
        for (one, other, overlap) in [
            ("10.0.0.0/8", "10.1.2.0/24", true),
            ("10.1.2.0/24", "10.0.0.0/8", true),
            ("10.1.2.0/24", "10.1.3.0/24", false),
            ("10.1.2.0/24", "fd00::/64", false),
            ("0.0.0.0/0", "10.1.3.0/24", true),
        ] {
            assert_eq!(subnet(one).overlaps(&subnet(other)), overlap, "{one} {other}");
        }
        let small = subnet("192.168.1.8/29");
        for (address, host) in
            [("192.168.1.8", false), ("192.168.1.9", true), ("192.168.1.15", false), ("192.168.1.16", false)]
        {
            assert_eq!(small.is_host(address.parse().unwrap()), host, "{address}");
        }
        assert_eq!(next("10.0.0.255".parse().unwrap()), Some("10.0.1.0".parse().unwrap()));
        assert_eq!(next("255.255.255.255".parse().unwrap()), None);
    }
}
