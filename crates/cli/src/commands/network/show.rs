//! `barque network ls`, `barque network inspect`.

use barque_network::{Definition, Networks};
use serde_json::{Value as Json, json};

use crate::flags::Parsed;
use crate::format::{Column, Listing, Template, row};
use crate::{Error, Result, console, json};
use barque_engine::start::from_network;

/// The columns of `ls`.
static COLUMNS: [Column; 4] = [
    Column { field: "ID", heading: "NETWORK ID" },
    Column { field: "Name", heading: "NAME" },
    Column { field: "Driver", heading: "DRIVER" },
    Column { field: "Scope", heading: "SCOPE" },
];

/// Lists networks.
pub(super) fn list(flags: &Parsed, networks: &Networks) -> Result<()> {
    let whole = flags.switch("no-trunc");
    let one = |definition: Definition| {
        let id = if whole { &definition.id[..] } else { definition.id.get(..12).unwrap_or_default() };
        row([
            ("ID", id.into()),
            ("Name", definition.name.clone().into()),
            ("Driver", definition.driver.name().into()),
            ("Scope", "local".into()),
        ])
    };
    let rows = networks.list().map_err(from_network)?.into_iter().map(one).collect();
    let shown = COLUMNS.iter().map(|column| column.field).collect();
    let listing = Listing { columns: &COLUMNS, shown, quiet: Some("ID") };
    console::out(&listing.text(flags.value("format"), flags.switch("quiet"), rows)?);
    Ok(())
}

/// Shows networks.
pub(super) fn inspect(flags: &Parsed, networks: &Networks) -> Result<()> {
    if flags.positional().is_empty() {
        return Err(Error::invalid("\"barque network inspect\" requires at least 1 argument"));
    }
    let mut all = Vec::new();
    for name in flags.positional() {
        all.push(object(&networks.find(name).map_err(from_network)?, networks));
    }
    match flags.value("format").filter(|format| *format != "json") {
        Some(format) => {
            let template = Template::lenient(format)?;
            for one in &all {
                console::out(&format!("{}\n", template.execute(one)?));
            }
        }
        None => console::out(&json::indented(&all, "    ")),
    }
    Ok(())
}

/// With Docker's names.
fn object(definition: &Definition, networks: &Networks) -> Json {
    let config = |pool: &barque_network::Pool| {
        json!({
            "Subnet": pool.subnet.to_string(),
            "Gateway": pool.gateway.to_string(),
            "IPRange": pool.range.map_or_else(String::new, |range| range.to_string()),
            "AuxiliaryAddresses": pool.aux,
        })
    };
    let mut containers = serde_json::Map::new();
    for lease in networks.leases(&definition.name).list() {
        let key = if lease.address.is_ipv4() { "IPv4Address" } else { "IPv6Address" };
        let prefix = definition.pools.iter().find(|pool| pool.subnet.contains(lease.address));
        let address = format!("{}/{}", lease.address, prefix.map_or(0, |pool| pool.subnet.prefix()));
        containers.entry(lease.owner.container).or_insert_with(|| json!({}))[key] = address.into();
    }
    let options = &definition.options;
    json!({
        "Name": definition.name,
        "Id": definition.id,
        "Scope": "local",
        "Driver": definition.driver.name(),
        "EnableIPv6": definition.pools.iter().any(|pool| !pool.subnet.is_ipv4()),
        "IPAM": { "Driver": "default", "Config": definition.pools.iter().map(config).collect::<Vec<_>>() },
        "Internal": definition.internal,
        "Adopted": definition.adopted,
        "Bridge": definition.bridge,
        "Containers": containers,
        "Options": { "mtu": options.mtu, "parent": options.parent },
        "Labels": definition.labels,
    })
}
