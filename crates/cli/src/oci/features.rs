//! `features`: what this runtime can do, features.md of the specification.

use barque_runtime::features as runtime;

use crate::{Result, console, json};

pub(super) fn features() -> Result<()> {
    console::out(&json::indented(&runtime::features(), "  "));
    Ok(())
}
