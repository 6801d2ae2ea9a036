//! `barque explain` beside `barque run` with the same flags: the script, run by `sh`, makes an equal container.

use barque_equivalence_tests::{Findings, Lab, can_make_containers, compare};

/// Makes both containers, compares them, and returns what they have in common.
fn equal(lab: &Lab, flags: &[&str], root: &str) -> Findings {
    let script = lab.run_script(flags, root);
    let barque = lab.run(flags, root);
    compare(&script, &barque);
    barque
}

#[test]
fn defaults() {
    if !can_make_containers() {
        return;
    }
    let lab = Lab::new();
    let found = equal(&lab, &["--rm"], &lab.root());
    assert!(found.tells("mountinfo", "overlay overlay"), "{found:?}");
    assert!(found.tells("cgroup paths", ":/"), "{found:?}");
    assert!(found.tells("names", "SHORT-ID"), "{found:?}");
}

#[test]
fn the_hosts_own_root() {
    if !can_make_containers() {
        return;
    }
    let found = equal(&Lab::new(), &["--rm"], "@host");
    assert!(found.tells("mountinfo", "lowerdir=/,"), "{found:?}");
}

#[test]
fn the_hosts_own_root_for_a_user_without_privileges() {
    if !can_make_containers() {
        return;
    }
    let lab = Lab::of_user(54_321);
    equal(&lab, &["--rm", "--read-only", "--tmpfs", "/srv"], "@host");
    let found = equal(&lab, &["--rm"], "@host");
    assert!(found.tells("mountinfo", "lowerdir=/usr,"), "{found:?}");
    assert!(found.tells("ids and capabilities", "54321"), "{found:?}");
}

#[test]
fn limits() {
    if !can_make_containers() {
        return;
    }
    let lab = Lab::new();
    let flags = [
        "--memory=64m",
        "--memory-swap=64m",
        "--cpus=0.5",
        "--cpu-shares=512",
        "--cpuset-cpus=0",
        "--pids-limit=50",
        "--ulimit=nofile=512:1024",
        "--oom-score-adj=500",
    ];
    let found = equal(&lab, &flags, &lab.root());
    for text in ["67108864", ": 50000", "pids.max: 50"] {
        assert!(found.tells("cgroup values", text), "{text}: {found:?}");
    }
}

#[test]
fn user_namespace() {
    if !can_make_containers() {
        return;
    }
    let lab = Lab::new();
    lab.own_root(100_000);
    let flags = ["--rm", "--userns=uidmap=0:100000:65536,gidmap=0:100000:65536"];
    let found = equal(&lab, &flags, &lab.root());
    assert!(found.tells("namespaces", "user: its own"), "{found:?}");
    assert!(found.tells("ids and capabilities", "100000"), "{found:?}");
}

#[test]
fn read_only_with_volumes_and_tmpfs() {
    if !can_make_containers() {
        return;
    }
    let lab = Lab::new();
    let (one, two) =
        (format!("{}:/data/one", lab.volume("one")), format!("{}:/link/two:ro", lab.volume("two")));
    let flags =
        ["--read-only", "-v", &one, "-v", &two, "--tmpfs", "/cache:size=1m,noexec", "-w", "/data/one"];
    let found = equal(&lab, &flags, &lab.root());
    assert!(found.tells("mountinfo", "/data/two in /: "), "{found:?}");
    assert!(found.tells("mounted files", "/data/one can be written to"), "{found:?}");
    assert!(!found.tells("mounted files", "/data/two can be written to"), "{found:?}");
}

#[test]
fn capabilities_of_a_user() {
    if !can_make_containers() {
        return;
    }
    let lab = Lab::new();
    let flags = ["--cap-drop=ALL", "--cap-add=NET_ADMIN", "-u", "user", "--group-add=2000", "-e", "A=b c"];
    let found = equal(&lab, &flags, &lab.root());
    assert!(found.tells("ids and capabilities", "CapBnd:\t0000000000001000"), "{found:?}");
    assert!(found.tells("environment", "A=b c"), "{found:?}");
}

/// A process 1 that is not the probe; for the privileged a copy of the program.
#[test]
fn an_init() {
    if !can_make_containers() {
        return;
    }
    let lab = Lab::new();
    let found = equal(&lab, &["--init"], &lab.root());
    assert!(found.tells("mountinfo", "/run/barque-init in "), "{found:?}");
    equal(&lab, &["--init", "--cap-add=SYS_ADMIN"], &lab.root());
}

#[test]
fn privileged() {
    if !can_make_containers() {
        return;
    }
    let lab = Lab::new();
    let found = equal(&lab, &["--privileged"], &lab.root());
    assert!(found.tells("mountinfo", "/sys in /: / of none, rw"), "{found:?}");
}
