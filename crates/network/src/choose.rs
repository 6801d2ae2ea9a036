//! Which subnet a network gets that was not given one.

use std::net::Ipv6Addr;

use crate::subnet::Subnet;
use crate::{Error, ErrorKind, Result};

/// A subnet of IPv4 that has nothing in common with those in use: a /16 of 172.17 to 172.31, as Docker takes them, or
/// a /20 of 192.168, or a /16 of 10.
pub fn choose(taken: &[Subnet]) -> Result<Subnet> {
    let of = |octets: [u8; 4], prefix| Subnet::of(octets.into(), prefix);
    let mut candidates = (17..=31)
        .filter_map(|second| of([172, second, 0, 0], 16))
        .chain((0..=240).step_by(16).filter_map(|third| of([192, 168, third, 0], 20)))
        .chain((0..=255).rev().filter_map(|second| of([10, second, 0, 0], 16)));
    candidates.find(|candidate| !taken.iter().any(|other| candidate.overlaps(other))).ok_or_else(|| {
        Error::new(ErrorKind::Unavailable, "all private IPv4 subnets overlap with routes of this host")
            .hint("choose one: barque network create --subnet …")
    })
}

/// A unique local subnet of IPv6 (RFC 4193): /64 with forty random bits.
pub fn choose_ula() -> Result<Subnet> {
    let mut random = [0_u8; 5];
    barque_sys::random(&mut random)?;
    let mut octets = [0_u8; 16];
    octets[0] = 0xfd;
    octets[1..6].copy_from_slice(&random);
    Subnet::of(Ipv6Addr::from(octets).into(), 64)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a /64 is a subnet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_around_what_is_taken() {
        let taken =
            |texts: &[&str]| texts.iter().map(|text| Subnet::parse(text).unwrap()).collect::<Vec<_>>();
        for (routes, chosen) in [
            (&[][..], "172.17.0.0/16"),
            (&["172.17.0.0/16", "10.0.0.0/8"], "172.18.0.0/16"),
            (&["172.17.5.0/24", "172.18.0.4/30"], "172.19.0.0/16"),
            (&["172.16.0.0/12"], "192.168.0.0/20"),
            (&["172.16.0.0/12", "192.168.1.0/24"], "192.168.16.0/20"),
            (&["172.16.0.0/12", "192.168.0.0/16"], "10.255.0.0/16"),
            // A VPN that takes half of the world.
            (&["128.0.0.0/1"], "10.255.0.0/16"),
        ] {
            assert_eq!(choose(&taken(routes)).unwrap().to_string(), chosen, "{routes:?}");
        }
        let full = taken(&["172.16.0.0/12", "192.168.0.0/16", "10.0.0.0/8"]);
        assert!(choose(&full).unwrap_err().to_string().contains("overlap"));
        assert!(choose_ula().unwrap().to_string().starts_with("fd"));
    }
}
