//! What an unpacked layer looked like when it was whole, in one number.

use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::digest::{Algorithm, Hasher};
use crate::{Digest, Error, Result};

/// A digest of all names below a directory with their kinds, modes, owners, lengths, times, device numbers and the texts of
/// links. Contents are not read: what power losses leave, and what people change, shows in lengths and times. A few
/// microseconds for each file.
pub(super) fn fingerprint(root: &Path) -> Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let failed =
        |path: &Path, error: std::io::Error| Error::from_io(error, format!("fingerprint of {path:?}"));
    let own = fs::symlink_metadata(root).map_err(|error| failed(root, error))?;
    add(&mut hasher, b"", &own);
    let mut open = vec![PathBuf::new()];
    while let Some(path) = open.pop() {
        let directory = root.join(&path);
        let entries = fs::read_dir(&directory).map_err(|error| failed(&directory, error))?;
        let mut entries = entries
            .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.metadata()?))))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(|error| failed(&directory, error))?;
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        hasher.update(&(entries.len() as u64).to_le_bytes());
        for (name, facts) in entries {
            add(&mut hasher, name.as_bytes(), &facts);
            if facts.is_symlink() {
                let path = directory.join(&name);
                let target = fs::read_link(&path).map_err(|error| failed(&path, error))?;
                hasher.update(target.as_os_str().as_bytes());
            } else if facts.is_dir() {
                open.push(path.join(&name));
            }
        }
    }
    Ok(hasher.finish())
}

fn add(hasher: &mut Hasher, name: &[u8], facts: &Metadata) {
    let kind = facts.file_type();
    let length = if kind.is_dir() { 0 } else { facts.len() };
    let device = if kind.is_char_device() || kind.is_block_device() { facts.rdev() } else { 0 };
    let mut fixed = Vec::with_capacity(64 + name.len());
    fixed.extend_from_slice(&(name.len() as u64).to_le_bytes());
    fixed.extend_from_slice(name);
    for number in [u64::from(facts.mode()), u64::from(facts.uid()), u64::from(facts.gid()), length, device] {
        fixed.extend_from_slice(&number.to_le_bytes());
    }
    for number in [facts.mtime(), facts.mtime_nsec()] {
        fixed.extend_from_slice(&number.to_le_bytes());
    }
    hasher.update(&fixed);
}

/// Which boot of the machine this is; the same for all where the kernel does not say.
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn every_change_but_of_contents_alone_shows() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("a/b")).unwrap();
        fs::write(path("a/file"), "one").unwrap();
        symlink("file", path("a/link")).unwrap();
        let before = fingerprint(directory.path()).unwrap();
        assert_eq!(fingerprint(directory.path()).unwrap(), before);
        let old = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(1));
        let times = |name: &str| fs::File::open(path(name)).unwrap().set_times(old).unwrap();
        let changes: [&dyn Fn(); 6] = [
            &|| fs::write(path("a/file"), "one and more").unwrap(),
            &|| fs::set_permissions(path("a/file"), fs::Permissions::from_mode(0o600)).unwrap(),
            &|| times("a/file"),
            &|| times("a"),
            &|| fs::rename(path("a/b"), path("a/c")).unwrap(),
            &|| {
                fs::remove_file(path("a/link")).unwrap();
                symlink("elsewhere", path("a/link")).unwrap();
                times("a");
            },
        ];
        let mut seen = vec![before];
        for (number, change) in changes.iter().enumerate() {
            change();
            let now = fingerprint(directory.path()).unwrap();
            assert!(!seen.contains(&now), "{number}");
            seen.push(now);
        }
        fingerprint(&path("none")).unwrap_err();
    }
}
