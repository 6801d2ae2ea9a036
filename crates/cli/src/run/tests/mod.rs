//! Requests, made without privileges from invented facts.

mod errors;
mod fake;
mod snapshots;
