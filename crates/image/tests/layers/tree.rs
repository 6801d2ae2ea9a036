//! Trees made at random, and what is in a tree, found by other means than those under test.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};

/// Something done to a tree. What cannot be done where the tree is as it is, is not done.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Directory(PathBuf),
    File(PathBuf, u16, bool),
    Symlink(PathBuf, PathBuf),
    Hardlink(PathBuf, PathBuf),
    Fifo(PathBuf),
    Device(PathBuf, bool),
    Socket(PathBuf),
    Remove(PathBuf),
    Mode(PathBuf, u32),
    Owner(PathBuf, u32, u32),
    Time(PathBuf, i64, u32),
    Attribute(PathBuf, u8),
    Capability(PathBuf),
}

fn path() -> impl Strategy<Value = PathBuf> {
    let long = "long".repeat(30);
    let deep = format!("d/{}/{}", "x".repeat(90), "y".repeat(200));
    let names = [
        "a",
        "b",
        "c",
        "d",
        "d/a",
        "d/b",
        "d/e",
        "d/e/a",
        "d/e/b",
        "d/e/f",
        "name with\nline",
        "ünï",
        "d/-x",
    ];
    let mut names: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
    names.extend([PathBuf::from(&long), PathBuf::from(deep), Path::new("d").join(long)]);
    prop::sample::select(names)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => path().prop_map(Step::Directory),
        4 => (path(), any::<u16>(), prop::bool::weighted(0.1)).prop_map(|(p, n, s)| Step::File(p, n, s)),
        2 => (path(), path()).prop_map(|(p, t)| Step::Symlink(p, t)),
        2 => (path(), path()).prop_map(|(p, t)| Step::Hardlink(p, t)),
        1 => path().prop_map(Step::Fifo),
        1 => (path(), any::<bool>()).prop_map(|(p, b)| Step::Device(p, b)),
        1 => path().prop_map(Step::Socket),
        3 => path().prop_map(Step::Remove),
        1 => (path(), prop::sample::select(vec![0, 0o400, 0o755, 0o1777, 0o2755, 0o4711, 0o6000])).prop_map(|(p, m)| Step::Mode(p, m)),
        1 => (path(), prop::sample::select(vec![0, 7, 3_000_000]), prop::sample::select(vec![0, 8, 4_000_000_000])).prop_map(|(p, u, g)| Step::Owner(p, u, g)),
        1 => (path(), prop::sample::select(vec![-5, 0, 1_700_000_000]), prop::sample::select(vec![0, 1, 500_000_000])).prop_map(|(p, s, n)| Step::Time(p, s, n)),
        1 => (path(), any::<u8>()).prop_map(|(p, n)| Step::Attribute(p, n)),
        1 => path().prop_map(Step::Capability),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..40)
}

pub(crate) fn take(root: &Path, steps: &[Step]) {
    for step in steps {
        // It may not be possible in this tree: that is as good a tree.
        drop(one(root, step));
    }
}

fn one(root: &Path, step: &Step) -> std::io::Result<()> {
    let cwd = rustix::fs::CWD;
    match step {
        Step::Directory(path) => fs::create_dir(root.join(path))?,
        Step::File(path, number, sparse) => {
            // Not waiting for the other end of a fifo.
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let file = fs::File::from(rustix::fs::open(root.join(path), flags, Mode::from_raw_mode(0o644))?);
            let bytes: Vec<u8> = (0..*number).flat_map(u16::to_le_bytes).collect();
            let at = if *sparse { 1 << 20 } else { 0 };
            file.write_all_at(&bytes, at)?;
        }
        Step::Symlink(path, target) => symlink(target, root.join(path))?,
        Step::Hardlink(path, target) => fs::hard_link(root.join(target), root.join(path))?,
        Step::Fifo(path) => rustix::fs::mknodat(cwd, root.join(path), FileType::Fifo, Mode::RUSR, 0)?,
        Step::Device(path, block) => {
            let kind = if *block { FileType::BlockDevice } else { FileType::CharacterDevice };
            rustix::fs::mknodat(cwd, root.join(path), kind, Mode::RUSR, rustix::fs::makedev(259, 300))?;
        }
        // As a fifo where names are too long for sockets.
        Step::Socket(path) => drop(std::os::unix::net::UnixListener::bind(root.join(path))?),
        Step::Remove(path) => {
            let path = root.join(path);
            if fs::symlink_metadata(&path)?.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
        }
        Step::Mode(path, mode) => {
            let path = root.join(path);
            if !fs::symlink_metadata(&path)?.is_symlink() {
                fs::set_permissions(path, fs::Permissions::from_mode(*mode))?;
            }
        }
        Step::Owner(path, uid, gid) => {
            let (uid, gid) = (Some(Uid::from_raw(*uid)), Some(Gid::from_raw(*gid)));
            rustix::fs::chownat(cwd, root.join(path), uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Step::Time(path, seconds, nanoseconds) => {
            let time = Timespec { tv_sec: *seconds, tv_nsec: (*nanoseconds).into() };
            let times = Timestamps { last_access: time, last_modification: time };
            rustix::fs::utimensat(cwd, root.join(path), &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Step::Attribute(path, number) => {
            let value = vec![*number; usize::from(*number)];
            rustix::fs::lsetxattr(root.join(path), "trusted.number", &value, XattrFlags::empty())?;
            rustix::fs::lsetxattr(root.join(path), "user.line", b"a\n=\0b", XattrFlags::empty())?;
        }
        Step::Capability(path) => {
            // cap_net_raw+ep, revision 2.
            let value = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            rustix::fs::lsetxattr(root.join(path), "security.capability", &value, XattrFlags::empty())?;
        }
    }
    Ok(())
}

/// A faithful copy, by another program.
pub(crate) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg("-T").args([from, to]).status().unwrap();
    assert!(status.success());
}

/// What a tree holds, as text: one line a path. Sockets are left out, as no archive has them.
pub(crate) fn describe(root: &Path) -> String {
    let mut groups = BTreeMap::new();
    let mut lines = Vec::new();
    describe_into(root, Path::new(""), &mut groups, &mut lines);
    lines.join("\n")
}

fn describe_into(root: &Path, path: &Path, groups: &mut BTreeMap<u64, PathBuf>, lines: &mut Vec<String>) {
    let full = if path == Path::new("") { root.to_owned() } else { root.join(path) };
    let metadata = fs::symlink_metadata(&full).unwrap();
    let kind = metadata.file_type();
    if kind.is_socket() {
        return;
    }
    let mut line = format!(
        "{path:?} {:o} {}:{} {}.{:09}",
        metadata.mode(),
        metadata.uid(),
        metadata.gid(),
        metadata.mtime(),
        metadata.mtime_nsec()
    );
    if kind.is_symlink() {
        line += &format!(" -> {:?}", fs::read_link(&full).unwrap());
    } else if kind.is_file() {
        line +=
            &format!(" {} {}", metadata.len(), barque_image::Digest::of(&fs::read(&full).unwrap()).short());
    } else if kind.is_char_device() || kind.is_block_device() {
        line += &format!(" dev {:x}", metadata.rdev());
    }
    if !kind.is_dir() {
        line += &format!(" same as {:?}", groups.entry(metadata.ino()).or_insert_with(|| path.to_owned()));
    }
    let mut names = vec![0; 65536];
    let length = rustix::fs::llistxattr(&full, names.as_mut_slice()).unwrap_or(0);
    let mut names: Vec<&[u8]> = names[..length].split(|b| *b == 0).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    for name in names {
        let mut value = vec![0; 65536];
        let length = rustix::fs::lgetxattr(&full, name, value.as_mut_slice()).unwrap();
        let value = barque_image::Digest::of(&value[..length]);
        line += &format!(" {}={}", String::from_utf8_lossy(name), value.short());
    }
    lines.push(line);
    if kind.is_dir() {
        let mut names: Vec<_> =
            fs::read_dir(&full).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            describe_into(root, &path.join(name), groups, lines);
        }
    }
}
