//! Mount options, as `mount(8)` and the runtime specification spell them.

use super::mount::Attributes;

/// What one option means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Switches an attribute of the mount on or off.
    Attribute { bits: u32, on: bool },
    /// The same for the mount and all below it.
    Recursive { bits: u32, on: bool },
    /// A flag of the file system itself, with the name `fsconfig(2)` knows.
    FileSystem(&'static str),
    /// Propagation.
    Propagation,
    /// Binds, with all mounts below or without.
    Bind { recursive: bool },
    /// Copies the directory's files into the new tmpfs.
    CopyUp,
    /// Copies the directory's files into the empty directory that is bound over it.
    Fill,
    /// Maps ids, of the mounts below too or not.
    IdMap { recursive: bool },
    /// Changes what is mounted there.
    Remount,
    /// Is about `mount(8)` and `fstab(5)`, not about the mount.
    Nothing,
}

pub(crate) const RDONLY: u32 = 0x01;
const NOSUID: u32 = 0x02;
const NODEV: u32 = 0x04;
const NOEXEC: u32 = 0x08;
/// The three access time modes share these bits; `relatime` is zero.
pub(crate) const ATIME_MODES: u32 = 0x70;
const NOATIME: u32 = 0x10;
const STRICTATIME: u32 = 0x20;
const NODIRATIME: u32 = 0x80;
const NOSYMFOLLOW: u32 = 0x0020_0000;

/// Attributes: name of the option that sets, name of the one that clears, bits.
const ATTRIBUTES: &[(&str, &str, u32)] = &[
    ("ro", "rw", RDONLY),
    ("nosuid", "suid", NOSUID),
    ("nodev", "dev", NODEV),
    ("noexec", "exec", NOEXEC),
    ("noatime", "atime", NOATIME),
    ("strictatime", "nostrictatime", STRICTATIME),
    ("nodiratime", "diratime", NODIRATIME),
    ("nosymfollow", "symfollow", NOSYMFOLLOW),
];

/// Everything else.
const OTHERS: &[(&str, Effect)] = &[
    ("defaults", Effect::Nothing),
    ("auto", Effect::Nothing),
    ("noauto", Effect::Nothing),
    ("silent", Effect::Nothing),
    ("loud", Effect::Nothing),
    ("relatime", Effect::Attribute { bits: 0, on: true }),
    ("norelatime", Effect::Nothing),
    ("rrelatime", Effect::Recursive { bits: 0, on: true }),
    ("rnorelatime", Effect::Nothing),
    ("bind", Effect::Bind { recursive: false }),
    ("rbind", Effect::Bind { recursive: true }),
    ("remount", Effect::Remount),
    ("shared", Effect::Propagation),
    ("rshared", Effect::Propagation),
    ("slave", Effect::Propagation),
    ("rslave", Effect::Propagation),
    ("private", Effect::Propagation),
    ("rprivate", Effect::Propagation),
    ("unbindable", Effect::Propagation),
    ("runbindable", Effect::Propagation),
    ("sync", Effect::FileSystem("sync")),
    ("async", Effect::FileSystem("async")),
    ("dirsync", Effect::FileSystem("dirsync")),
    ("mand", Effect::FileSystem("mand")),
    ("nomand", Effect::FileSystem("nomand")),
    ("lazytime", Effect::FileSystem("lazytime")),
    ("nolazytime", Effect::FileSystem("nolazytime")),
    ("iversion", Effect::Nothing),
    ("noiversion", Effect::Nothing),
    ("acl", Effect::Nothing),
    ("noacl", Effect::Nothing),
    ("tmpcopyup", Effect::CopyUp),
    ("X-barque.copyup", Effect::Fill),
    ("idmap", Effect::IdMap { recursive: false }),
    ("ridmap", Effect::IdMap { recursive: true }),
];

/// What an option means; none for a parameter of the file system (`size=64m`).
pub(crate) fn effect(option: &str) -> Option<Effect> {
    for (set, clear, bits) in ATTRIBUTES {
        if option == *set || option == *clear {
            return Some(Effect::Attribute { bits: *bits, on: option == *set });
        }
        let recursive = option.strip_prefix('r');
        if recursive == Some(set) || recursive == Some(clear) {
            return Some(Effect::Recursive { bits: *bits, on: recursive == Some(set) });
        }
    }
    OTHERS.iter().find(|(name, _)| *name == option).map(|(_, effect)| *effect)
}

/// The names of all options known here, for `features`.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = OTHERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (set, clear, _) in ATTRIBUTES {
        names.extend([(*set).to_owned(), (*clear).to_owned(), format!("r{set}"), format!("r{clear}")]);
    }
    names.sort();
    names
}

/// Adds a change to attributes; a later option wins over an earlier one.
pub(crate) fn apply(attributes: &mut Attributes, bits: u32, on: bool) {
    // The kernel wants the whole field of access time modes cleared when one of them is chosen.
    let is_atime_mode = bits == 0 || bits & ATIME_MODES != 0;
    let touched = if is_atime_mode { bits | ATIME_MODES } else { bits };
    attributes.set &= !touched;
    attributes.clear |= touched;
    if on {
        attributes.set |= bits;
        if !is_atime_mode {
            attributes.clear &= !bits;
        }
    }
}

/// The options that spell attributes, for a script: `ro,nosuid`.
pub(crate) fn spell(attributes: Attributes, recursive: bool) -> Vec<String> {
    let r = if recursive { "r" } else { "" };
    let mut names = Vec::new();
    for (set, clear, bits) in ATTRIBUTES {
        if attributes.set & bits != 0 {
            names.push(format!("{r}{set}"));
        } else if attributes.clear & bits == *bits && bits & ATIME_MODES == 0 {
            names.push(format!("{r}{clear}"));
        }
    }
    if attributes.clear & ATIME_MODES == ATIME_MODES && attributes.set & ATIME_MODES == 0 {
        names.push(format!("{r}relatime"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_attribute_bits() {
        let cases: &[(&[&str], u32, u32)] = &[
            (&["ro"], RDONLY, 0),
            (&["ro", "rw"], 0, RDONLY),
            (&["nosuid", "nodev", "noexec"], NOSUID | NODEV | NOEXEC, 0),
            (&["noatime"], NOATIME, ATIME_MODES),
            (&["noatime", "strictatime"], STRICTATIME, ATIME_MODES),
            (&["relatime"], 0, ATIME_MODES),
        ];
        for (options, set, clear) in cases {
            let mut attributes = Attributes::default();
            for option in *options {
                let Some(Effect::Attribute { bits, on }) = effect(option) else { panic!("{option}") };
                apply(&mut attributes, bits, on);
            }
            assert_eq!((attributes.set, attributes.clear), (*set, *clear), "{options:?}");
        }
    }

    #[test]
    fn an_r_before_an_attribute_is_recursive_and_rw_is_not() {
        assert_eq!(effect("rro"), Some(Effect::Recursive { bits: RDONLY, on: true }));
        assert_eq!(effect("rrw"), Some(Effect::Recursive { bits: RDONLY, on: false }));
        assert_eq!(effect("rw"), Some(Effect::Attribute { bits: RDONLY, on: false }));
        assert_eq!(effect("relatime"), Some(Effect::Attribute { bits: 0, on: true }));
        assert_eq!(effect("size=64m"), None);
    }
}
