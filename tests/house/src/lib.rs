//! Rules of the house, as functions from source text to complaints.
//!
//! `tests/invariants.rs` applies them to this workspace; the unit tests beside each rule show that it can complain.

pub mod files;
pub mod layers;
pub mod text;
