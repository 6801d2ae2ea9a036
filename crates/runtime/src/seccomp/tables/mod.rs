//! System call names and their numbers on each architecture.
//!
//! One sorted list of names, and per architecture one list of numbers in the same order: a profile names each
//! call once for all of its architectures, so one search serves them all.

mod names;

pub(super) mod aarch64;
pub(super) mod arm;
pub(super) mod loongarch64;
pub(super) mod mips;
pub(super) mod mips64;
pub(super) mod mips64n32;
pub(super) mod ppc;
pub(super) mod ppc64;
pub(super) mod riscv64;
pub(super) mod s390;
pub(super) mod s390x;
pub(super) mod x32;
pub(super) mod x86;
pub(super) mod x86_64;

pub(super) use names::COUNT;
use names::NAMES;

/// The number of a call that an architecture does not have.
pub(super) const NONE: u32 = u32::MAX;

/// The place of a name in every table; `None` for a name that no architecture has.
pub(super) fn index(name: &str) -> Option<usize> {
    NAMES.binary_search(&name).ok()
}
