//! The workspace's own files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The root of the workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// Every file below `root`, relative to it and sorted, without build output and version control.
///
/// # Errors
/// When a directory cannot be read.
pub fn source_files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == ".git" || name == "target" {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path().strip_prefix(root).unwrap_or(&entry.path()).to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is Rust source that the library crates ship: below `crates/*/src`, and not a test beside the code.
#[must_use]
pub fn is_shipped_rust(path: &Path) -> bool {
    let mut parts = path.components().map(|part| part.as_os_str());
    parts.next().is_some_and(|first| first == "crates")
        && parts.nth(1).is_some_and(|third| third == "src")
        && path.extension().is_some_and(|ext| ext == "rs")
        && path.file_stem().is_some_and(|stem| stem != "tests")
        && !path.components().any(|part| part.as_os_str() == "tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_without_build_output() {
        let root = tempfile::tempdir().unwrap();
        for file in ["a/b.rs", "target/debug/x.rs", ".git/config", "c.sh"] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(source_files(root.path()).unwrap(), [PathBuf::from("a/b.rs"), PathBuf::from("c.sh")]);
    }

    #[test]
    fn tells_shipped_source_from_tests() {
        for (path, shipped) in [
            ("crates/sys/src/errno.rs", true),
            ("crates/sys/src/mount/mod.rs", true),
            ("crates/sys/src/mount/tests.rs", false),
            ("crates/sys/src/tests/mount.rs", false),
            ("crates/sys/tests/mount.rs", false),
            ("crates/sys/src/profile.json", false),
            ("benches/src/main.rs", false),
        ] {
            assert_eq!(is_shipped_rust(Path::new(path)), shipped, "{path}");
        }
    }
}
