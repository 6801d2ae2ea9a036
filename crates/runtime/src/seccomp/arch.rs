//! The architectures a profile can name.

use super::multiplex::Multiplexed;
use super::tables;

/// An ABI whose system calls a filter can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86.
    X86,
    /// 64-bit x86 with 32-bit pointers: the calls of x86-64 with a bit set in their numbers.
    X32,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm, EABI.
    Arm,
    /// MIPS o32, big-endian.
    Mips,
    /// MIPS n64, big-endian.
    Mips64,
    /// MIPS n32, big-endian.
    Mips64N32,
    /// MIPS o32, little-endian.
    Mipsel,
    /// MIPS n64, little-endian.
    Mipsel64,
    /// MIPS n32, little-endian.
    Mipsel64N32,
    /// 32-bit PowerPC.
    Ppc,
    /// 64-bit PowerPC, big-endian.
    Ppc64,
    /// 64-bit PowerPC, little-endian.
    Ppc64Le,
    /// 31-bit s390.
    S390,
    /// 64-bit s390.
    S390x,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit LoongArch.
    LoongArch64,
}

/// The first number of x32, and the bit that tells its calls from those of x86-64.
pub(super) const X32_BIT: u32 = 0x4000_0000;

const LE: u32 = 0x4000_0000;
const WIDE: u32 = 0x8000_0000;
const N32: u32 = 0x2000_0000;

/// What is particular to an architecture, one row each: name, audit architecture, width of an argument.
const FACTS: &[(Arch, &str, u32, Width)] = &[
    (Arch::X86_64, "SCMP_ARCH_X86_64", WIDE | LE | 62, Width::Bits64),
    (Arch::X86, "SCMP_ARCH_X86", LE | 3, Width::Bits32),
    (Arch::X32, "SCMP_ARCH_X32", WIDE | LE | 62, Width::Bits32),
    (Arch::Aarch64, "SCMP_ARCH_AARCH64", WIDE | LE | 183, Width::Bits64),
    (Arch::Arm, "SCMP_ARCH_ARM", LE | 40, Width::Bits32),
    (Arch::Mips, "SCMP_ARCH_MIPS", 8, Width::Bits32),
    (Arch::Mips64, "SCMP_ARCH_MIPS64", WIDE | 8, Width::Bits64),
    (Arch::Mips64N32, "SCMP_ARCH_MIPS64N32", WIDE | N32 | 8, Width::Bits32),
    (Arch::Mipsel, "SCMP_ARCH_MIPSEL", LE | 8, Width::Bits32),
    (Arch::Mipsel64, "SCMP_ARCH_MIPSEL64", WIDE | LE | 8, Width::Bits64),
    (Arch::Mipsel64N32, "SCMP_ARCH_MIPSEL64N32", WIDE | LE | N32 | 8, Width::Bits32),
    (Arch::Ppc, "SCMP_ARCH_PPC", 20, Width::Bits32),
    (Arch::Ppc64, "SCMP_ARCH_PPC64", WIDE | 21, Width::Bits64),
    (Arch::Ppc64Le, "SCMP_ARCH_PPC64LE", WIDE | LE | 21, Width::Bits64),
    (Arch::S390, "SCMP_ARCH_S390", 22, Width::Bits32),
    (Arch::S390x, "SCMP_ARCH_S390X", WIDE | 22, Width::Bits64),
    (Arch::Riscv64, "SCMP_ARCH_RISCV64", WIDE | LE | 243, Width::Bits64),
    (Arch::LoongArch64, "SCMP_ARCH_LOONGARCH64", WIDE | LE | 258, Width::Bits64),
];

/// How much of an argument an ABI uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// The lower half; conditions look at nothing else.
    Bits32,
    /// All of it.
    Bits64,
}

impl Arch {
    /// The architecture this program was built for; `None` where Barque has no table for it.
    pub const NATIVE: Option<Self> = if cfg!(target_arch = "x86_64") {
        Some(if cfg!(target_pointer_width = "32") { Self::X32 } else { Self::X86_64 })
    } else if cfg!(target_arch = "aarch64") {
        Some(Self::Aarch64)
    } else if cfg!(target_arch = "x86") {
        Some(Self::X86)
    } else if cfg!(target_arch = "arm") {
        Some(Self::Arm)
    } else if cfg!(target_arch = "riscv64") {
        Some(Self::Riscv64)
    } else if cfg!(target_arch = "loongarch64") {
        Some(Self::LoongArch64)
    } else if cfg!(target_arch = "s390x") {
        Some(Self::S390x)
    } else if cfg!(all(target_arch = "powerpc64", target_endian = "little")) {
        Some(Self::Ppc64Le)
    } else {
        None
    };

    /// Every architecture.
    pub fn all() -> impl Iterator<Item = Self> {
        FACTS.iter().map(|(arch, ..)| *arch)
    }

    /// The name a profile gives it: `SCMP_ARCH_X86_64`.
    pub fn name(self) -> &'static str {
        self.facts().1
    }

    /// The architecture of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        FACTS.iter().find(|facts| facts.1 == name).map(|facts| facts.0)
    }

    /// Its name in the `arches` of a profile in Docker's format, which is Go's name for it.
    pub fn go_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::X86 => "x86",
            Self::X32 => "x32",
            Self::Aarch64 => "arm64",
            Self::Arm => "arm",
            Self::Mips => "mips",
            Self::Mips64 => "mips64",
            Self::Mips64N32 => "mips64n32",
            Self::Mipsel => "mipsel",
            Self::Mipsel64 => "mipsel64",
            Self::Mipsel64N32 => "mipsel64n32",
            Self::Ppc => "ppc",
            Self::Ppc64 => "ppc64",
            Self::Ppc64Le => "ppc64le",
            Self::S390 => "s390",
            Self::S390x => "s390x",
            Self::Riscv64 => "riscv64",
            Self::LoongArch64 => "loong64",
        }
    }

    /// `AUDIT_ARCH_*`, which the kernel gives to filters. x32 has that of x86-64.
    pub(super) fn audit(self) -> u32 {
        self.facts().2
    }

    pub(super) fn width(self) -> Width {
        self.facts().3
    }

    /// Its call numbers, in the order of the table of names.
    pub(super) fn numbers(self) -> &'static [u32; tables::COUNT] {
        match self {
            Self::X86_64 => &tables::x86_64::NUMBERS,
            Self::X86 => &tables::x86::NUMBERS,
            Self::X32 => &tables::x32::NUMBERS,
            Self::Aarch64 => &tables::aarch64::NUMBERS,
            Self::Arm => &tables::arm::NUMBERS,
            Self::Mips | Self::Mipsel => &tables::mips::NUMBERS,
            Self::Mips64 | Self::Mipsel64 => &tables::mips64::NUMBERS,
            Self::Mips64N32 | Self::Mipsel64N32 => &tables::mips64n32::NUMBERS,
            Self::Ppc => &tables::ppc::NUMBERS,
            Self::Ppc64 | Self::Ppc64Le => &tables::ppc64::NUMBERS,
            Self::S390 => &tables::s390::NUMBERS,
            Self::S390x => &tables::s390x::NUMBERS,
            Self::Riscv64 => &tables::riscv64::NUMBERS,
            Self::LoongArch64 => &tables::loongarch64::NUMBERS,
        }
    }

    /// The first number of the range, above all others, that does not grow with new kernels: Arm's private
    /// calls, and the calls that x32 numbers on its own.
    pub(super) fn private_range(self) -> Option<u32> {
        match self {
            Self::Arm => Some(0x000f_0000),
            Self::X32 => Some(X32_BIT + 512),
            _ => None,
        }
    }

    /// The call through which a name goes that has no number of its own here, or not only.
    pub(super) fn multiplexed(self, name: &str) -> Option<Multiplexed> {
        let multiplexes = matches!(
            self,
            Self::X86
                | Self::S390
                | Self::S390x
                | Self::Mips
                | Self::Mipsel
                | Self::Ppc
                | Self::Ppc64
                | Self::Ppc64Le
        );
        if multiplexes { Multiplexed::of(name) } else { None }
    }

    fn facts(self) -> &'static (Self, &'static str, u32, Width) {
        // The rows are in the order of the variants; a test holds them to it.
        &FACTS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_at_its_variants_place() {
        for (place, arch) in Arch::all().enumerate() {
            assert_eq!(arch as usize, place);
            assert_eq!(Arch::from_name(arch.name()), Some(arch));
        }
    }

    #[test]
    fn known_numbers_are_where_the_headers_have_them() {
        let number = |arch: Arch, name| arch.numbers()[tables::index(name).unwrap()];
        let cases = [
            (Arch::X86_64, "execve", 59),
            (Arch::X86_64, "openat2", 437),
            (Arch::X86, "socketcall", 102),
            (Arch::X32, "read", X32_BIT),
            (Arch::X32, "execve", X32_BIT + 520),
            (Arch::Aarch64, "openat", 56),
            (Arch::Arm, "set_tls", 0x000f_0005),
            (Arch::Mips, "exit", 4001),
            (Arch::Mips64, "read", 5000),
            (Arch::Mips64N32, "read", 6000),
            (Arch::Mips64N32, "mseal", 6462),
            (Arch::S390, "exit", 1),
            (Arch::S390, "mseal", 462),
            (Arch::S390x, "clone3", 435),
            (Arch::Riscv64, "riscv_hwprobe", 258),
            (Arch::LoongArch64, "statx", 291),
            (Arch::Ppc64Le, "swapcontext", 249),
        ];
        for (arch, name, expected) in cases {
            assert_eq!(number(arch, name), expected, "{name} on {}", arch.name());
        }
        assert_eq!(number(Arch::Aarch64, "open"), tables::NONE);
        assert_eq!(number(Arch::X86, "accept"), tables::NONE);
    }
}
