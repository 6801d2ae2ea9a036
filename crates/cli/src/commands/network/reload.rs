//! `barque network reload`.

use barque_engine::Places;
use barque_engine::start::from_network;
use barque_network::Networks;

use crate::Result;
use crate::flags::Parsed;

/// Makes our firewall rules anew.
pub(super) fn reload(_flags: &Parsed, places: &Places) -> Result<i32> {
    barque_network::reload(&Networks::new(&places.root)).map_err(from_network)?;
    Ok(0)
}
