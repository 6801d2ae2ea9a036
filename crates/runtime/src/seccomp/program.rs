//! A compiled filter.

use std::borrow::Cow;
use std::os::fd::OwnedFd;

use barque_sys::seccomp::{self, Flags, Instruction, MAX_INSTRUCTIONS};

use crate::{Error, Result};

/// A filter, ready to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    instructions: Cow<'static, [Instruction]>,
    flags: Flags,
}

/// The size of an instruction in bytes.
const SIZE: usize = size_of::<Instruction>();

impl Program {
    pub(super) fn new(
        instructions: impl Into<Cow<'static, [Instruction]>>,
        flags: Flags,
        listener: bool,
    ) -> Result<Self> {
        let instructions = instructions.into();
        if instructions.len() > MAX_INSTRUCTIONS {
            return Err(Error::invalid(format!(
                "linux.seccomp.syscalls: the filter has {} instructions, the kernel takes {MAX_INSTRUCTIONS}",
                instructions.len()
            ))
            .hint("name fewer architectures, or merge rules that differ only in their conditions"));
        }
        let flags = if listener { flags | Flags::NEW_LISTENER } else { flags };
        Ok(Self { instructions, flags })
    }

    /// The instructions.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// The flags it is loaded with.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Whether [`Self::load`] returns a descriptor, to be handed to the profile's listener.
    pub fn has_listener(&self) -> bool {
        self.flags.contains(Flags::NEW_LISTENER)
    }

    /// The instructions as the kernel takes them: an array of `struct sock_filter` in this machine's byte order.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.instructions.len() * SIZE);
        for instruction in self.instructions.iter() {
            bytes.extend(instruction.code.to_ne_bytes());
            bytes.extend([instruction.on_true, instruction.on_false]);
            bytes.extend(instruction.value.to_ne_bytes());
        }
        bytes
    }

    /// A program from what [`Self::to_bytes`] wrote, with its flags. The kernel checks it when it is loaded.
    pub fn from_bytes(bytes: &[u8], flags: Flags) -> Result<Self> {
        let (instructions, rest) = bytes.as_chunks::<SIZE>();
        if !rest.is_empty() {
            return Err(Error::invalid(format!("{} bytes are no whole number of instructions", bytes.len())));
        }
        let instructions: Vec<_> = instructions
            .iter()
            .map(|[code0, code1, on_true, on_false, value @ ..]| Instruction {
                code: u16::from_ne_bytes([*code0, *code1]),
                on_true: *on_true,
                on_false: *on_false,
                value: u32::from_ne_bytes(*value),
            })
            .collect();
        Self::new(instructions, flags, false)
    }

    /// Loads it for the calling thread, for good; see [`seccomp::load`]. Allocates nothing unless it fails.
    pub fn load(&self) -> Result<Option<OwnedFd>> {
        Ok(seccomp::load(&self.instructions, self.flags)?)
    }
}
