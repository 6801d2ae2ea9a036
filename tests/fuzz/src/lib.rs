//! Every parser of what comes from outside, as a function of bytes that must return: the targets of all crates in one
//! list, inputs to start from, and mutations of those. `fuzz/` runs them under libFuzzer.

mod layer;
mod mutate;
mod seeds;

pub use mutate::Mutations;
pub use seeds::seeds;

/// A parser; it returns, whatever the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub fn targets() -> Vec<Target> {
    let lists = [
        barque_sys::fuzz::TARGETS,
        barque_runtime::fuzz::TARGETS,
        barque_image::fuzz::TARGETS,
        barque_network::fuzz::TARGETS,
        barque_build::fuzz::TARGETS,
        barque_cli::fuzz::TARGETS,
        &[("layer", layer::unpack)],
    ];
    lists.concat()
}

/// The parser of a name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    targets().into_iter().find(|(known, _)| *known == name).map(|(_, run)| run)
}
