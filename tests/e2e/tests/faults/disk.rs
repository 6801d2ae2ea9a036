//! A full disk.

use std::process::{Command, Stdio};

use crate::lab::Lab;

/// A small file system, full.
struct Full(tempfile::TempDir);

impl Full {
    fn new() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        let options = Some(c"size=64k,nr_inodes=12");
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("tmpfs", this.0.path(), "tmpfs", flags, options).unwrap();
        let zeros = std::fs::write(this.0.path().join("ballast"), vec![0; 1 << 20]);
        assert!(zeros.is_err(), "the file system is not small");
        this
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0.path(), rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn no_space_for_the_state() {
    let Some(lab) = Lab::new() else { return };
    let full = Full::new();
    lab.configure("hello", &["true"]);
    for verb in ["create", "run"] {
        let plain = lab.command(&[verb, "hello"]);
        let args: Vec<_> = plain.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let states = lab.states().to_string_lossy().into_owned();
        let place = full.0.path().join("states").to_string_lossy().into_owned();
        let args = args.iter().map(|arg| if *arg == states { &place } else { arg });
        let output = Command::new(plain.get_program()).args(args).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{verb}: {text}");
        assert!(text.contains("ENOSPC") && text.contains(&place), "{verb}: {text}");
        let left: Vec<_> =
            std::fs::read_dir(&place).into_iter().flatten().flatten().map(|e| e.path()).collect();
        assert!(left.is_empty(), "{verb} leaves {left:?}");
        assert_eq!(lab.leftovers(), Vec::<String>::new(), "{verb}");
    }
    lab.ok(&["run", "hello"]);
}
