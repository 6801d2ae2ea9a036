//! `barque network ls`, `barque network inspect`.

use barque_engine::start::from_network;
use barque_network::{Definition, Networks};
use serde_json::{Value as Json, json};

use crate::commands::Places;
use crate::commands::inspect::show;
use crate::commands::verb::each;
use crate::flags::Parsed;
use crate::format::{Column, Listing, row};
use crate::{Result, console};

/// The columns of `ls`.
static COLUMNS: [Column; 4] = [
    Column { field: "ID", heading: "NETWORK ID" },
    Column { field: "Name", heading: "NAME" },
    Column { field: "Driver", heading: "DRIVER" },
    Column { field: "Scope", heading: "SCOPE" },
];

/// Lists networks.
pub(super) fn list(flags: &Parsed, places: &Places) -> Result<i32> {
    let networks = Networks::new(&places.root);
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
    Ok(0)
}

/// Shows networks.
pub(super) fn inspect(flags: &Parsed, places: &Places) -> Result<i32> {
    let networks = Networks::new(&places.root);
    let mut found = Vec::new();
    let code = each(flags.positional(), |name| {
        found.push(object(&networks.find(name).map_err(from_network)?, &networks));
        Ok(())
    });
    show(flags, found)?;
    Ok(code)
}

/// With Docker's names.
pub(in crate::commands) fn object(definition: &Definition, networks: &Networks) -> Json {
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
