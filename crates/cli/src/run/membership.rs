//! One network of a container: `NAME`, `name=NAME,alias=…,ip=…`, and the flags that say the same of the first one.

use std::net::IpAddr;

use barque_engine::definition::Membership;
use barque_network::DEFAULT;

use crate::flags::Parsed;
use crate::{Error, Result};

/// The network that a value of `--network` names: the value itself, or its field `name`.
pub(super) fn name(text: &str) -> &str {
    fields(text).and_then(|mut fields| fields.find_map(|field| field.strip_prefix("name="))).unwrap_or(text)
}

/// The fields of the long form.
fn fields(text: &str) -> Option<impl Iterator<Item = &str>> {
    let fields = text.split(',');
    fields.clone().any(|field| field.starts_with("name=")).then_some(fields)
}

/// Reads a value of `--network` that is a network's name.
pub(super) fn parse(flags: &Parsed, text: &str) -> Result<Membership> {
    let mut membership = Membership { name: name(text).to_owned(), ..Membership::default() };
    let details = fields(text).into_iter().flatten().filter(|field| !field.starts_with("name="));
    for field in details {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        match key {
            "alias" => membership.aliases.push(alias(flags, "network", value)?),
            "ip" | "ip6" => membership.addresses.push(address(flags, "network", key, value)?),
            "mac-address" => membership.mac = Some(mac(flags, "network", value)?),
            _ => {
                return Err(flags
                    .invalid("network", text, format!("invalid field key {key}"))
                    .hint("the fields are name, alias, ip, ip6, mac-address"));
            }
        }
    }
    check(&membership)?;
    Ok(membership)
}

/// What `--ip`, `--ip6`, `--mac-address` and a flag for aliases say of a network.
pub(crate) fn membership(flags: &Parsed, alias_flag: &str) -> Result<Membership> {
    let mut membership = Membership::default();
    for flag in ["ip", "ip6"] {
        if let Some(text) = flags.value(flag) {
            membership.addresses.push(address(flags, flag, flag, text)?);
        }
    }
    membership.mac = flags.value("mac-address").map(|text| mac(flags, "mac-address", text)).transpose()?;
    membership.aliases =
        flags.all(alias_flag).map(|text| alias(flags, alias_flag, text)).collect::<Result<_>>()?;
    Ok(membership)
}

/// The first network: what is said of it in its own value, and by flags.
pub(super) fn merge(own: Membership, flags: Membership) -> Result<Membership> {
    let twice = |what: &str| {
        Error::invalid(format!("conflicting options: cannot specify both --{what} and the network's own"))
    };
    if let Some(address) = flags.addresses.first().filter(|_| !own.addresses.is_empty()) {
        return Err(twice(if address.is_ipv4() { "ip" } else { "ip6" }));
    }
    if flags.mac.is_some() && own.mac.is_some() {
        return Err(twice("mac-address"));
    }
    let merged = Membership {
        name: own.name,
        aliases: [own.aliases, flags.aliases].concat(),
        addresses: [own.addresses, flags.addresses].concat(),
        mac: own.mac.or(flags.mac),
    };
    check(&merged)?;
    Ok(merged)
}

fn check(membership: &Membership) -> Result<()> {
    if membership.name == DEFAULT && !membership.aliases.is_empty() {
        return Err(Error::invalid("network-scoped aliases are only supported for user-defined networks")
            .hint("make one: barque network create NAME"));
    }
    Ok(())
}

fn address(flags: &Parsed, flag: &str, key: &str, text: &str) -> Result<IpAddr> {
    let address = text.parse().ok().filter(|address: &IpAddr| address.is_ipv4() == (key == "ip"));
    address.ok_or_else(|| flags.invalid(flag, text, format!("invalid address {text:?}")))
}

/// Six bytes in hexadecimal, of one device: the lowest bit of the first tells groups.
fn mac(flags: &Parsed, flag: &str, text: &str) -> Result<[u8; 6]> {
    let byte = |part: &str| (part.len() == 2).then(|| u8::from_str_radix(part, 16).ok()).flatten();
    let bytes: Option<Vec<u8>> = text.split([':', '-']).map(byte).collect();
    let mac = bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok()).filter(|mac| mac[0] & 1 == 0);
    mac.ok_or_else(|| {
        flags
            .invalid(flag, text, format!("invalid MAC address {text:?}"))
            .hint("write it as 02:42:ac:11:00:02; the first byte must be even")
    })
}

/// A name as name servers take it.
fn alias(flags: &Parsed, flag: &str, name: &str) -> Result<String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(known);
    let valid = name.len() <= 253 && name.split('.').all(label);
    valid
        .then(|| name.to_owned())
        .ok_or_else(|| flags.invalid(flag, name, "it is no name: labels of letters, digits, - and _"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::fake::flags;

    #[test]
    fn hardware_addresses() {
        let flags = flags("@host").unwrap();
        let mac = |text: &str| mac(&flags, "mac-address", text);
        assert_eq!(mac("02:42:ac:11:00:0a").unwrap(), [2, 0x42, 0xac, 0x11, 0, 10]);
        assert_eq!(mac("92-d0-C6-0A-29-33").unwrap()[5], 0x33);
        for text in ["", "02:42:ac:11:00", "03:42:ac:11:00:02", "02:42:ac:11:00:02:03", "0242:ac:11:00:02"] {
            assert!(mac(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_long_form() {
        let flags = flags("@host").unwrap();
        let text = "alias=a,name=mine,alias=b.c,ip=10.0.0.2,ip6=fd00::2,mac-address=02:42:00:00:00:09";
        let read = parse(&flags, text).unwrap();
        assert_eq!(
            (name(text), read.name.as_str(), read.aliases.len(), read.addresses.len()),
            ("mine", "mine", 2, 2)
        );
        assert_eq!(read.mac, Some([2, 0x42, 0, 0, 0, 9]));
        assert_eq!(name("container:a"), "container:a");
        assert_eq!(
            parse(&flags, "mine").unwrap(),
            Membership { name: "mine".to_owned(), ..Membership::default() }
        );
        for (text, words) in [
            ("name=mine,frob=1", "invalid field key frob"),
            ("name=mine,ip=fd00::2", "invalid address \"fd00::2\""),
            ("name=mine,alias=a b", "it is no name"),
            ("name=bridge,alias=a", "network-scoped aliases are only supported"),
        ] {
            let error = parse(&flags, text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
