//! Plan, then act.

pub mod script;

pub use script::Script;
