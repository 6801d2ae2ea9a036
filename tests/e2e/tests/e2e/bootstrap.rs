//! `image bootstrap`, with a Debian archive of one package that is made here: nothing is downloaded.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::lab::{Lab, Said, require_root, said};

fn barque(lab: &Lab, arguments: &[&str]) -> Said {
    said(lab.barque().env("HOME", lab.path("home")).args(arguments).stdin(Stdio::null()))
}

/// An archive with the package `demo`: busybox and a file.
fn make_archive(lab: &Lab) -> String {
    let package = lab.path("package");
    for directory in ["DEBIAN", "bin", "etc", "proc", "sys", "dev", "tmp"] {
        fs::create_dir_all(package.join(directory)).unwrap();
    }
    let control =
        "Package: demo\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n";
    lab.file("package/DEBIAN/control", control);
    lab.file("package/etc/motd", "from a package\n");
    fs::copy("/bin/busybox", package.join("bin/busybox")).expect("install busybox-static");
    for name in ["sh", "cat"] {
        symlink("busybox", package.join("bin").join(name)).unwrap();
    }
    fs::create_dir(lab.path("archive")).unwrap();
    let build = "dpkg-deb --root-owner-group -b package archive/demo_1_all.deb >&2 && cd archive && \
                 dpkg-scanpackages . > Packages";
    let built = said(Command::new("sh").args(["-c", build]).current_dir(lab.path("")));
    assert_eq!(built.code, 0, "{built:#?}");
    format!("deb [trusted=yes] copy:{} ./", lab.text("archive"))
}

#[test]
fn a_distribution_becomes_an_image() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let mirror = make_archive(&lab);
    let common = ["image", "bootstrap", "--with", "mmdebstrap", "--suite", "local", "--variant", "extract"];
    let common = [&common[..], &["--mirror", &mirror, "--include", "demo"]].concat();
    let made = barque(&lab, &[&common[..], &["-c", "ENV A=1", "demo:1"]].concat());
    assert!(made.ok().starts_with("sha256:") && made.ok().lines().count() == 1, "{made:#?}");
    assert!(made.err.contains("mmdebstrap") || made.err.contains("tarball"), "{made:#?}");
    assert_eq!(lab.run_on(&[], "demo:1", &["cat", "/etc/motd"]).ok(), "from a package");
    assert_eq!(lab.run_on(&[], "demo:1", &["sh", "-c", "echo $A"]).ok(), "1");
    let comment = barque(&lab, &["history", "--format", "{{.Comment}}", "demo:1"]);
    assert!(comment.ok().starts_with("mmdebstrap --variant=extract --include=demo"), "{comment:#?}");

    let missing = barque(&lab, &[&common[..], &["--include", "no-such-package", "demo:2"]].concat());
    missing.fails(1, &["no-such-package", "mmdebstrap failed"]);
    assert_eq!(barque(&lab, &["images", "-q"]).ok().lines().count(), 1);
    assert!(!lab.path("root/tmp").exists(), "nothing half-made stays");
}

#[test]
fn what_cannot_be_installed() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for (arguments, words) in [
        (&["demo"][..], "--suite is missing"),
        (&["--suite", "--hook", "demo"], "no name of a release"),
        (&["--suite", "x", "--include", "-x", "demo"], "no name of a release"),
        (&["--suite", "x", "--with", "pacman", "demo"], "mmdebstrap, debootstrap or dnf"),
        (&["--suite", "x", "Not/A/Name"], "invalid reference format"),
        (&["--suite", "x"], "requires exactly 1 argument"),
    ] {
        barque(&lab, &[&["image", "bootstrap"], arguments].concat()).fails(1, &[words]);
    }
}
