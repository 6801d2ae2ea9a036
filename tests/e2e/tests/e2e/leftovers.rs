//! Nothing is left over.

use std::process::Stdio;

use crate::lab::{Lab, finish, require_root, wait_until};

#[test]
fn after_an_ordinary_end() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for flags in
        [&[][..], &["--init"], &["-m", "64m"], &["--userns", "uidmap=0:100000:65536"], &["--shm-size", "1m"]]
    {
        lab.sh(flags, "mkdir -p /a/b; echo x > /a/b/c; chmod 000 /a").ok();
    }
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn after_every_kind_of_failure() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let file = lab.file("file", "");
    let below_file = format!("type=bind,src={file},dst=/etc/passwd/x");
    for flags in [
        &["--entrypoint", "/no/such"][..],
        &["--mount", &below_file],
        &["-w", "/etc/passwd"],
        &["--network", "ns:/no/such"],
        &["--cpuset-cpus", "4000"],
        &["--sysctl", "net.no.such=1"],
        &["--security-opt", "apparmor=no-such"],
        &["-m", "20k"],
    ] {
        let said = lab.run(flags, &["true"]);
        assert!(said.code >= 125 && said.err.starts_with("barque: "), "{flags:?}: {said:?}");
        assert_eq!(lab.leftovers(), Vec::<String>::new(), "{flags:?}");
    }
}

#[test]
fn children_that_stay_behind_are_ended() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.sh(&[], "(setsid sleep 1234.5678 &) ; exit 0").ok();
    // With the host's process namespace, nothing ends them but us.
    lab.sh(&["--pid", "host"], "(setsid sleep 1234.5678 &) ; exit 0").ok();
    assert!(wait_until(|| !sleeper_lives()), "a process was left");
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

fn sleeper_lives() -> bool {
    std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == b"sleep\x001234.5678\0")
    })
}

#[test]
fn eight_at_a_time() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let root = format!("dir:{}", lab.rootfs().display());
    for _ in 0..3 {
        let start = |_| {
            let mut run = lab.run_command(&["-m", "64m"], &root, &["sh", "-c", "echo x > /x; exit 3"]);
            run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = (0..8).map(start).collect();
        for child in children {
            let said = finish(child);
            assert_eq!(said.code, 3, "{said:?}");
        }
    }
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
