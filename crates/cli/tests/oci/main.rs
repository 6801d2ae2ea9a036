//! `barque oci` end to end: what only shows in the running program.

mod executable;
mod lab;
mod stress;
