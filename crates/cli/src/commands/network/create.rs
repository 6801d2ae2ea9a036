//! `barque network create`.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use barque_network::{Definition, Driver, Facts, Networks, Pool, Subnet, choose, choose_ula};

use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, Result, console};
use barque_engine::start::from_network;

/// Makes a network; prints its id.
pub(super) fn create(flags: &Parsed, places: &Places) -> Result<i32> {
    let networks = Networks::new(&places.root);
    let name = &flags.positional()[0];
    if matches!(name.as_str(), "none" | "host" | "default") {
        return Err(Error::invalid(format!("operation is not permitted on predefined {name} network")));
    }
    let facts = Facts::read().map_err(from_network)?;
    let definition = definition(flags, name, &networks, &facts)?;
    networks.create(&definition, &facts).map_err(from_network)?;
    console::out(&format!("{}\n", definition.id));
    Ok(0)
}

fn definition(flags: &Parsed, name: &str, networks: &Networks, facts: &Facts) -> Result<Definition> {
    let driver = Driver::parse(flags.value("driver").unwrap_or("bridge")).map_err(from_network)?;
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut definition = Definition::new(name, driver, created).map_err(from_network)?;
    definition.internal = flags.switch("internal");
    definition.adopted = flags.switch("adopt");
    for label in flags.all("label") {
        let (key, value) = label.split_once('=').unwrap_or((label, ""));
        definition.labels.insert(key.to_owned(), value.to_owned());
    }
    for option in flags.all("opt") {
        set_option(flags, &mut definition, option)?;
    }
    if definition.adopted && flags.value("subnet").is_none() && !flags.has("subnet") {
        return Err(Error::invalid("--adopt needs the bridge's --subnet, and its --gateway"));
    }
    definition.pools = pools(flags, networks, facts)?;
    Ok(definition)
}

/// Docker's names of options, too.
fn set_option(flags: &Parsed, definition: &mut Definition, option: &str) -> Result<()> {
    let (key, value) = option.split_once('=').unwrap_or((option, ""));
    match key {
        "mtu" | "com.docker.network.driver.mtu" => {
            let mtu = value.parse().ok().filter(|mtu: &u32| (68..=65535).contains(mtu));
            definition.options.mtu =
                Some(mtu.ok_or_else(|| flags.invalid("opt", option, "the MTU is from 68 to 65535"))?);
        }
        "parent" => definition.options.parent = Some(value.to_owned()),
        "bridge" | "com.docker.network.bridge.name" => value.clone_into(&mut definition.bridge),
        _ => return Err(flags.invalid("opt", option, "it is none of mtu, parent, bridge")),
    }
    Ok(())
}

fn pools(flags: &Parsed, networks: &Networks, facts: &Facts) -> Result<Vec<Pool>> {
    let subnets = |flag: &str| -> Result<Vec<Subnet>> {
        flags.all(flag).map(|text| Subnet::parse(text).map_err(from_network)).collect()
    };
    let mut chosen = subnets("subnet")?;
    if chosen.is_empty() {
        chosen.push(choose(&networks.taken(facts).map_err(from_network)?).map_err(from_network)?);
    }
    if flags.switch("ipv6") && chosen.iter().all(Subnet::is_ipv4) {
        chosen.push(choose_ula().map_err(from_network)?);
    }
    let mut pools: Vec<Pool> =
        chosen.into_iter().map(|subnet| Pool::new(subnet).map_err(from_network)).collect::<Result<_>>()?;
    for text in flags.all("gateway") {
        pool(flags, &mut pools, "gateway", text, text)?.gateway = address(flags, "gateway", text)?;
    }
    for range in subnets("ip-range")? {
        let text = range.to_string();
        pool(flags, &mut pools, "ip-range", &text, &range.address().to_string())?.range = Some(range);
    }
    for text in flags.all("aux-address") {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| flags.invalid("aux-address", text, "write it as NAME=ADDRESS"))?;
        let taken = address(flags, "aux-address", value)?;
        pool(flags, &mut pools, "aux-address", text, value)?.aux.insert(name.to_owned(), taken);
    }
    Ok(pools)
}

fn address(flags: &Parsed, flag: &str, text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| flags.invalid(flag, text, "it is not an IP address"))
}

/// The pool that an address lies in.
fn pool<'p>(
    flags: &Parsed,
    pools: &'p mut [Pool],
    flag: &str,
    text: &str,
    inside: &str,
) -> Result<&'p mut Pool> {
    let inside = address(flags, flag, inside)?;
    pools
        .iter_mut()
        .find(|pool| pool.subnet.contains(inside))
        .ok_or_else(|| flags.invalid(flag, text, "no matching subnet"))
}
