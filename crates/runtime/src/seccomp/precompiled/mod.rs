//! The default profile with the default capabilities, compiled when Barque's sources were made: `cargo xtask seccomp`.

use barque_sys::seccomp::Instruction;

#[cfg(test)]
use super::Arch;

mod aarch64;
mod x86_64;

/// How many rules the default profile has with the default capabilities.
pub(super) const RULES: usize = 11;

/// All of the programs that are here.
#[cfg(test)]
pub(super) const ALL: &[(Arch, &[Instruction])] =
    &[(Arch::X86_64, x86_64::PROGRAM), (Arch::Aarch64, aarch64::PROGRAM)];

/// This machine's program.
pub(super) const NATIVE: Option<&[Instruction]> = if cfg!(target_arch = "x86_64") {
    Some(x86_64::PROGRAM)
} else if cfg!(target_arch = "aarch64") {
    Some(aarch64::PROGRAM)
} else {
    None
};

/// One instruction, in the order of `struct sock_filter`.
const fn instruction(code: u16, on_true: u8, on_false: u8, value: u32) -> Instruction {
    Instruction { code, on_true, on_false, value }
}
