//! Capabilities, `capabilities(7)`: sets of them, and the five sets of a thread.

use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::{Call as _, Result};

/// A set of capabilities, one bit each, as the kernel numbers them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities(pub u64);

/// Names in the kernel's order: the index is the number.
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The number of a capability by its name (`CAP_CHOWN`), exactly as written.
pub fn number(name: &str) -> Option<u32> {
    NAMES.iter().position(|known| *known == name).and_then(|index| u32::try_from(index).ok())
}

impl Capabilities {
    /// The names of its members, in the kernel's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
    }

    /// With one more, by its number.
    pub fn insert(&mut self, number: u32) {
        self.0 |= 1 << number;
    }

    /// Whether a capability, by its number, is a member.
    pub fn contains(self, number: u32) -> bool {
        self.0 & (1 << number) != 0
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// What of a set is in the bounding set of the calling thread: one system call for each member.
pub fn in_bounding(of: Capabilities) -> Capabilities {
    let mut set = Capabilities::default();
    for bit in (0..64_u32).filter(|bit| of.contains(*bit)) {
        // SAFETY: PR_CAPBSET_READ takes a number and answers 0, 1 or, for what this kernel does not know, EINVAL.
        if unsafe { libc::prctl(libc::PR_CAPBSET_READ, libc::c_ulong::from(bit), 0, 0, 0) } == 1 {
            set.insert(bit);
        }
    }
    set
}

/// Drops from the bounding set of the calling thread all that is not in `keep`.
pub fn drop_bounding(keep: Capabilities) -> Result<()> {
    for bit in 0..64_u32 {
        if keep.contains(bit) {
            continue;
        }
        // SAFETY: PR_CAPBSET_DROP takes a plain number.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(bit), 0, 0, 0) };
        if result != 0 {
            let error = std::io::Error::last_os_error();
            // The first number beyond what the kernel knows.
            if error.raw_os_error() == Some(libc::EINVAL) {
                break;
            }
            return Err(error).call(|| format!("prctl(PR_CAPBSET_DROP, {bit})"));
        }
    }
    Ok(())
}

/// Effective, permitted and inheritable set of the calling thread.
pub fn sets() -> Result<[Capabilities; 3]> {
    let sets = rustix::thread::capabilities(None).call(|| "capget()")?;
    Ok([
        Capabilities(sets.effective.bits()),
        Capabilities(sets.permitted.bits()),
        Capabilities(sets.inheritable.bits()),
    ])
}

/// Sets effective, permitted and inheritable set of the calling thread, `capset(2)`.
pub fn set(effective: Capabilities, permitted: Capabilities, inheritable: Capabilities) -> Result<()> {
    let bits = |set: Capabilities| CapabilitySet::from_bits_retain(set.0);
    let sets = CapabilitySets {
        effective: bits(effective),
        permitted: bits(permitted),
        inheritable: bits(inheritable),
    };
    rustix::thread::set_capabilities(None, sets)
        .call(|| format!("capset({{{:#x}, {:#x}, {:#x}}})", effective.0, permitted.0, inheritable.0))
}

/// Makes the ambient set of the calling thread exactly `wanted`; each member must be permitted and inheritable.
pub fn set_ambient(wanted: Capabilities) -> Result<()> {
    rustix::thread::clear_ambient_capability_set()
        .or_else(old_kernel)
        .call(|| "prctl(PR_CAP_AMBIENT_CLEAR_ALL)")?;
    for (bit, name) in NAMES.iter().enumerate().filter(|(bit, _)| wanted.0 & (1 << bit) != 0) {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        rustix::thread::configure_capability_in_ambient_set(one, true)
            .call(|| format!("prctl(PR_CAP_AMBIENT_RAISE, {name})"))?;
    }
    Ok(())
}

/// Before Linux 4.3 there was no ambient set to clear.
fn old_kernel(errno: Errno) -> std::result::Result<(), Errno> {
    if errno == Errno::INVAL { Ok(()) } else { Err(errno) }
}
