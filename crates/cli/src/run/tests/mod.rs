//! Requests, made without privileges from invented facts.

mod errors;
pub(super) mod fake;
mod snapshots;
mod volumes;
