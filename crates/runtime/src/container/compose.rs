//! Which parts a root filesystem is composed of where overlayfs takes no directory as a whole.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use barque_sys::{Call as _, file};

use crate::Result;
use crate::plan::mount::Part;

/// The parts of a copy-on-write view of a directory for an unprivileged user; `None` where nothing is mounted below it,
/// so that overlayfs takes it as it is. `covered` are places in the root over which something else will be mounted.
///
/// Directories with mounts below them are rebuilt, entry by entry; what is mounted there is not followed. A directory
/// that the user may not read becomes an empty one: an overlay would be of no use to it.
pub fn compose(lower: &Path, covered: &[&Path]) -> Result<Option<Vec<Part>>> {
    let table = file::read(Path::new("/proc/self/mountinfo"))?;
    let mounts = mounts_below(&table, lower);
    if mounts.is_empty() {
        return Ok(None);
    }
    let mut composition = Composition { lower, covered, mounts, parts: Vec::new() };
    composition.add(Path::new("/"))?;
    Ok(Some(composition.parts))
}

/// Where something is mounted below a directory, as paths from there (`/x`).
fn mounts_below(table: &str, directory: &Path) -> BTreeSet<PathBuf> {
    let place = |line: &str| line.split(' ').nth(4).map(unescape);
    let below = |path: String| {
        let rest = Path::new(&path).strip_prefix(directory).ok()?;
        (!rest.as_os_str().is_empty()).then(|| Path::new("/").join(rest))
    };
    table.lines().filter_map(place).filter_map(below).collect()
}

/// `mountinfo` writes blanks and backslashes in octal.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (octal, plain)| text.replace(octal, plain))
}

struct Composition<'a> {
    lower: &'a Path,
    covered: &'a [&'a Path],
    mounts: BTreeSet<PathBuf>,
    parts: Vec<Part>,
}

impl Composition<'_> {
    /// Adds what is in a directory that has mounts below it.
    fn add(&mut self, directory: &Path) -> Result<()> {
        let on_host = self.on_host(directory);
        let names = || {
            std::fs::read_dir(&on_host)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<_>>()
        };
        let mut names: Vec<OsString> = names().call(|| format!("readdir({on_host:?})"))?;
        names.sort();
        for name in names {
            // A plan is text; a name that is not is left out.
            if name.to_str().is_some() {
                self.entry(directory.join(name))?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf) -> Result<()> {
        let source = self.on_host(&path);
        // It may have vanished since its name was read.
        let Ok(metadata) = source.symlink_metadata() else { return Ok(()) };
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.is_symlink() {
            let target = std::fs::read_link(&source).unwrap_or_default();
            self.parts.extend(target.to_str().map(|target| Part::Link { path, target: target.to_owned() }));
        } else if metadata.is_dir() {
            self.directory(path, source, mode)?;
        } else if metadata.is_file() {
            self.parts.push(Part::File { path, source });
        }
        Ok(())
    }

    fn directory(&mut self, path: PathBuf, source: PathBuf, mode: u32) -> Result<()> {
        let hidden = self.mounts.contains(&path) || self.covered.contains(&path.as_path());
        let usable = file::may_read_directory(&source);
        if hidden || !usable {
            self.parts.push(Part::Directory { path, mode });
        } else if self.mounts.iter().any(|mount| mount.starts_with(&path)) {
            self.parts.push(Part::Directory { path: path.clone(), mode });
            self.add(&path)?;
        } else {
            self.parts.push(Part::Overlay { path, mode, lower: source });
        }
        Ok(())
    }

    fn on_host(&self, path: &Path) -> PathBuf {
        let inside = path.components().filter(|component| *component != Component::RootDir);
        self.lower.components().chain(inside).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> BTreeSet<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn finds_mounts_below_only() {
        let table = "27 1 254:0 / / rw - ext4 /dev/vda rw\n22 27 0:21 / /proc rw - proc proc rw\n\
                     28 27 0:9 / /srv/a\\040b rw - tmpfs x rw\n29 27 0:9 / /srvx rw - tmpfs x rw\n";
        for (directory, below) in [
            ("/", &["/proc", "/srv/a b", "/srvx"][..]),
            ("/srv", &["/a b"]),
            ("/srv/a b", &[]),
            ("/home", &[]),
        ] {
            assert_eq!(mounts_below(table, Path::new(directory)), set(below), "{directory}");
        }
    }

    #[test]
    fn rebuilds_only_what_has_mounts_below() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for name in ["usr/bin", "mnt/disk/data", "mnt/other", "tmp"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("note"), "").unwrap();
        std::os::unix::fs::symlink("usr/bin", root.join("bin")).unwrap();
        std::fs::set_permissions(root.join("tmp"), std::fs::Permissions::from_mode(0o1777)).unwrap();
        let mut composition = Composition {
            lower: root,
            covered: &[Path::new("/tmp")],
            mounts: set(&["/mnt/disk"]),
            parts: Vec::new(),
        };
        composition.add(Path::new("/")).unwrap();
        let overlay = |name: &str| Part::Overlay {
            path: Path::new("/").join(name),
            mode: 0o755,
            lower: root.join(name),
        };
        assert_eq!(
            composition.parts,
            [
                Part::Link { path: "/bin".into(), target: "usr/bin".to_owned() },
                Part::Directory { path: "/mnt".into(), mode: 0o755 },
                Part::Directory { path: "/mnt/disk".into(), mode: 0o755 },
                overlay("mnt/other"),
                Part::File { path: "/note".into(), source: root.join("note") },
                Part::Directory { path: "/tmp".into(), mode: 0o1777 },
                overlay("usr"),
            ]
        );
    }
}
