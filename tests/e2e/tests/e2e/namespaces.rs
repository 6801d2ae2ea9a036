//! Which namespaces are the container's own, the host's, or somebody else's.

use std::process::{Child, Command, Stdio};

use crate::lab::{Lab, require_root};

const KINDS: [&str; 7] = ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user"];

fn of_host(kind: &str) -> String {
    std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap().to_str().unwrap().to_owned()
}

fn of_container(lab: &Lab, flags: &[&str], kind: &str) -> String {
    lab.run(flags, &["readlink", &format!("/proc/self/ns/{kind}")]).ok().to_owned()
}

#[test]
fn all_but_the_user_namespace_are_new() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for kind in KINDS {
        let same = of_container(&lab, &[], kind) == of_host(kind);
        assert_eq!(same, kind == "user", "{kind}");
    }
}

#[test]
fn the_hosts_namespaces_on_demand() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for (flags, kind) in [
        (["--pid", "host"], "pid"),
        (["--ipc", "host"], "ipc"),
        (["--uts", "host"], "uts"),
        (["--network", "host"], "net"),
        (["--net", "host"], "net"),
        (["--cgroupns", "host"], "cgroup"),
        (["--userns", "host"], "user"),
    ] {
        assert_eq!(of_container(&lab, &flags, kind), of_host(kind), "{flags:?}");
    }
    lab.run(&["--uts", "host", "-h", "x"], &["true"]).fails(125, &["hostname"]);
    lab.run(&["--pid", "nonsense"], &["true"]).fails(125, &["nonsense"]);
    lab.run(&["--network", "ns:/no/such"], &["true"]).fails(125, &["/no/such"]);
}

/// A process in namespaces of its own, killed at the end of its test.
struct Neighbour(Child);

impl Neighbour {
    fn new(flag: &str) -> Self {
        let child = Command::new("unshare").args([flag, "sleep", "60"]).stdin(Stdio::null()).spawn().unwrap();
        let kind = flag.trim_start_matches("--");
        let path = format!("/proc/{}/ns/{kind}", child.id());
        assert!(crate::lab::wait_until(|| {
            std::fs::read_link(&path).is_ok_and(|link| link.to_str() != Some(&of_host(kind)))
        }));
        Self(child)
    }

    fn file(&self, kind: &str) -> String {
        format!("/proc/{}/ns/{kind}", self.0.id())
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_neighbours_namespace_by_its_file() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for (flag, kind) in [("--network", "net"), ("--ipc", "ipc"), ("--uts", "uts")] {
        let neighbour = Neighbour::new(&format!("--{kind}"));
        let file = neighbour.file(kind);
        let theirs = std::fs::read_link(&file).unwrap();
        assert_eq!(of_container(&lab, &[flag, &format!("ns:{file}")], kind), theirs.to_str().unwrap());
        let other = format!("ns:/proc/{}/ns/cgroup", neighbour.0.id());
        lab.run(&[flag, &other], &["true"]).fails(125, &["namespace"]);
    }
}

#[test]
fn none_has_loopback_only_and_up() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let said =
        lab.sh(&["--network", "none"], "ls /sys/class/net; ping -c1 -w2 127.0.0.1 >/dev/null && echo alive");
    assert!(said.out.contains("lo") && said.out.contains("alive"), "{said:?}");
    assert!(!said.out.contains("eth0"), "{said:?}");
}

#[test]
fn clocks_with_an_offset() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let host: f64 = uptime(&std::fs::read_to_string("/proc/uptime").unwrap());
    let said = lab.run(&["--time-offset", "boottime=864000"], &["cat", "/proc/uptime"]);
    assert!((uptime(said.ok()) - host - 864_000.0).abs() < 60.0, "{said:?}");
    let said =
        lab.run(&["--time-offset", "monotonic=86400,boottime=1h"], &["cat", "/proc/self/timens_offsets"]);
    let words: Vec<&str> = said.ok().split_whitespace().collect();
    assert_eq!(words, ["monotonic", "86400", "0", "boottime", "3600", "0"]);
    lab.run(&["--time-offset", "realtime=1"], &["true"]).fails(125, &["realtime"]);
}

fn uptime(text: &str) -> f64 {
    text.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_user_namespace_with_its_own_ids() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let volume = lab.text("shared");
    std::fs::create_dir(&volume).unwrap();
    std::os::unix::fs::chown(&volume, Some(100_000), Some(100_000)).unwrap();
    let volume = format!("{volume}:/data");
    let script = "id -u; cat /proc/self/uid_map | tr -s ' '; stat -c %u:%g /bin/busybox /etc; \
                  rm /bin/ls && touch /new && rm -r /home && mkdir /home && touch /data/x && echo written";
    for flags in [
        &["--userns", "uidmap=0:100000:65536", "-v", &volume][..],
        &["--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "-v", &volume],
    ] {
        let said = lab.sh(flags, script);
        assert_eq!(said.ok(), "0\n 0 100000 65536\n0:0\n0:0\nwritten", "{said:?}");
        let stat = std::fs::metadata(lab.path("shared/x")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&stat), 100_000);
    }
    assert!(lab.rootfs().join("bin/ls").exists() && !lab.rootfs().join("new").exists());
    lab.run(&["--userns", "uidmap=0:100000:10", "-u", "4242"], &["true"]).fails(125, &["4242", "not mapped"]);
    lab.run(&["--userns", "uidmap=0:1:2,1:5:1"], &["true"]).fails(125, &["overlap"]);
    lab.run(&["--userns", "nonsense"], &["true"]).fails(125, &["nonsense"]);
}

#[test]
fn a_user_namespace_on_the_hosts_root() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let flags =
        ["--userns", "uidmap=0:100000:65536", "--oom-score-adj", "100", "--time-offset", "boottime=60"];
    let script = "stat -c %u /etc/passwd; touch /etc/x && cat /proc/self/oom_score_adj";
    assert_eq!(lab.run_on(&flags, "@host", &["sh", "-c", script]).ok(), "0\n100");
}

#[test]
fn annotations_are_taken() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.run(&["--annotation", "a.b=c", "--label", "x=y"], &["true"]).ok();
    lab.run(&["--annotation", "=c"], &["true"]).fails(125, &["annotation"]);
}
