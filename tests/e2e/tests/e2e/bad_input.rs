//! Errors name the thing and the cure.

use crate::lab::{Lab, require_root};

/// Flags, root (empty: the busybox one), words of the message.
type Case = (&'static [&'static str], &'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    (&["--nmae", "x"], "", &["unknown flag: --nmae", "did you mean --name?"]),
    (&["-v", "relative"], "", &["relative"]),
    (&["-v", "/a:relative"], "", &["relative"]),
    (&["-v", "/tmp:/x:nonsense"], "", &["nonsense"]),
    (&["--mount", "type=bind,dst=/x"], "", &["src"]),
    (&["--mount", "type=nonsense,dst=/x"], "", &["nonsense"]),
    (&["--tmpfs", "relative"], "", &["relative"]),
    (&["--tmpfs", "/t:size=lots"], "", &["size"]),
    (&["-p", "80:80:80:80"], "", &["invalid publish", "80:80:80:80"]),
    (&["--restart", "always"], "", &["--restart", "--rm"]),
    (&["--restart", "sometimes"], "", &["unknown policy", "sometimes"]),
    (&["--env-file", "/no/such/file"], "", &["/no/such/file"]),
    (&["-e", "=x"], "", &["=x"]),
    (&["--stop-signal", "NOSUCH"], "", &["NOSUCH"]),
    (&["--shm-size", "-1"], "", &["shm-size"]),
    (&["--cgroup-parent", "a/../../b"], "", &["a/../../b"]),
    (&["--add-host", "nonsense"], "", &["nonsense"]),
    (&["--dns", "nonsense"], "", &["nonsense"]),
    (&["--pull", "never"], "alpine", &["No such image: alpine", "barque pull"]),
    (&[], "/srv", &["write dir:/srv"]),
    (&[], "dir:/no/such/dir", &["/no/such/dir", "must exist"]),
    (&[], "dir:/etc/passwd", &["/etc/passwd", "directory"]),
    (&[], "tar:/no/such.tar", &["/no/such.tar"]),
];

#[test]
fn is_told_with_its_cure() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let own = format!("dir:{}", lab.rootfs().display());
    for (flags, root, words) in CASES {
        let said = lab.run_on(flags, if root.is_empty() { &own } else { root }, &["true"]);
        assert!(said.err.starts_with("barque: "), "{flags:?} {root}: {said:?}");
        said.fails(125, words);
    }
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn no_root_or_no_command() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    crate::lab::said(lab.barque().args(["run", "--rm"]))
        .fails(125, &["requires at least 1 argument", "@host"]);
    // Without a command it is a shell, which finds its input empty.
    assert_eq!(lab.run_with_input(&["-i"], "echo $0\n", &[]).ok(), "/bin/sh");
}

#[test]
fn a_full_disk() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let full = lab.path("full");
    std::fs::create_dir(&full).unwrap();
    let size = c"size=64k,nr_inodes=40";
    rustix::mount::mount("e2e", &full, "tmpfs", rustix::mount::MountFlags::empty(), Some(size)).unwrap();
    let filled = std::fs::write(full.join("filler"), vec![b'x'; 100_000]);
    assert!(filled.is_err(), "the disk is not full");
    let mut run = lab.barque();
    run.args(["--root", full.to_str().unwrap(), "run", "--rm", "--cgroup-parent", lab.cgroup_parent()])
        .arg(format!("dir:{}", lab.rootfs().display()))
        .arg("true");
    let said = crate::lab::said(&mut run);
    let left: Vec<_> = std::fs::read_dir(full.join("containers")).map(Iterator::collect).unwrap_or_default();
    let unmounted = rustix::mount::unmount(&full, rustix::mount::UnmountFlags::DETACH);
    said.fails(125, &["ENOSPC", "full"]);
    assert!(left.is_empty(), "{left:?}");
    unmounted.unwrap();
}

#[test]
fn a_root_directory_that_cannot_be_used() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let file = lab.file("file", "");
    let mut run = lab.barque();
    run.args(["--root", &file, "run", "--rm"]).arg(format!("dir:{}", lab.rootfs().display())).arg("true");
    crate::lab::said(&mut run).fails(125, &[&file]);
}
