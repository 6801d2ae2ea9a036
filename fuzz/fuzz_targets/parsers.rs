//! The parser that `BARQUE_FUZZ_TARGET` names, under libFuzzer.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("BARQUE_FUZZ_TARGET").unwrap_or_default();
    barque_fuzz_targets::target(&name).unwrap_or_else(|| {
        let names: Vec<_> = barque_fuzz_targets::targets().into_iter().map(|(name, _)| name).collect();
        panic!("BARQUE_FUZZ_TARGET={name:?} is none of {names:?}")
    })
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
