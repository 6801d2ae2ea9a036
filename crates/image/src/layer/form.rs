//! What a layer's directory is to look like, and how large it may get.

/// What the caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Give files away and make devices.
    All,
    /// Give files to the ids of its user namespace: owners are kept, devices left out.
    Mapped,
    /// Make files of its own: owners are not kept, devices left out.
    Own,
}

/// How a directory says what is gone from the layers below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Not at all: there is nothing below. Whiteouts of an archive are left out.
    Plain,
    /// As overlayfs does: character devices 0/0, and `trusted.overlay.opaque` on directories.
    Overlay,
    /// As overlayfs does with `userxattr`, for users without privileges: the same with `user.overlay.opaque`.
    UserOverlay,
}

impl Form {
    /// The extended attribute that makes a directory opaque.
    pub fn opaque_attribute(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Overlay => Some("trusted.overlay.opaque"),
            Self::UserOverlay => Some("user.overlay.opaque"),
        }
    }
}

/// Overlayfs' private notes: an archive that brought its own could redirect directories.
pub(crate) fn is_private_attribute(name: &[u8]) -> bool {
    name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.")
}

/// How large a layer may get: a few kilobytes of compressed zeros can fill a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uncompressed archive, and of its files with their holes.
    pub size: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes of names and attributes that are remembered until the end, those of directories.
    pub names: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size: 64 << 30, entries: 8 << 20, names: 256 << 20 }
    }
}

/// How to unpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What whiteouts become.
    pub form: Form,
    /// What the caller may do.
    pub rights: Rights,
    /// How large it may get.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { form: Form::Overlay, rights: Rights::All, limits: Limits::default() }
    }
}
