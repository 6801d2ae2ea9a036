//! The same command for a user who is not root.

use std::fs;
use std::process::{Command, Stdio};

use crate::lab::{Lab, Said, require_root, said};

/// A user that no machine has.
const USER: u32 = 54_321;

/// A scene of that user's: home, runtime directory, a root filesystem that belongs to it.
struct Person {
    lab: Lab,
}

impl Person {
    fn new() -> Self {
        let lab = Lab::new();
        for name in ["home", "home/run"] {
            fs::create_dir(lab.path(name)).unwrap();
        }
        for name in ["home", "rootfs"] {
            let status = Command::new("chown")
                .args(["-R", "-h"])
                .arg(format!("{USER}:{USER}"))
                .arg(lab.path(name))
                .status();
            assert!(status.unwrap().success());
        }
        Self { lab }
    }

    /// `barque` as that user.
    fn barque(&self) -> Command {
        let mut command = Command::new("setpriv");
        let id = USER.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(self.lab.copy_of_barque());
        command.env("HOME", self.lab.path("home")).env("XDG_RUNTIME_DIR", self.lab.path("home/run"));
        command.env_remove("XDG_DATA_HOME").current_dir(self.lab.path("home")).stdin(Stdio::null());
        command
    }

    fn sh(&self, flags: &[&str], script: &str) -> Said {
        let root = format!("dir:{}", self.lab.rootfs().display());
        said(self.barque().args(["run", "--rm"]).args(flags).arg(root).args(["sh", "-c", script]))
    }

    /// A script on this machine's own root.
    fn host_sh(&self, flags: &[&str], script: &str) -> Said {
        said(self.barque().args(["run", "--rm"]).args(flags).args(["@host", "sh", "-c", script]))
    }

    /// What its containers leave in its home.
    fn leftovers(&self) -> Vec<String> {
        let left = || {
            let output = Command::new("find")
                .arg(self.lab.path("home"))
                .args(["-mindepth", "4", "-o", "-path", "*/run/barque/?*"])
                .output();
            let text = String::from_utf8_lossy(&output.unwrap().stdout).into_owned();
            text.lines()
                .filter(|line| line.contains("/containers/") || line.contains("/run/barque/"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        crate::lab::wait_until(|| left().is_empty());
        left()
    }
}

#[test]
fn is_root_inside_with_one_id() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let script = "id -u; tr -s ' ' < /proc/self/uid_map; touch /x && rm /bin/ls && echo written; cat /proc/self/setgroups; \
                  echo > /dev/null && ls /dev/pts >/dev/null && hostname box 2>/dev/null; ls /sys/class/net";
    let said = person.sh(&[], script);
    assert_eq!(said.ok(), format!("0\n 0 {USER} 1\nwritten\ndeny\nlo"), "{said:?}");
    assert!(person.lab.rootfs().join("bin/ls").exists());
    assert_eq!(person.leftovers(), Vec::<String>::new());
}

#[test]
fn flags_that_need_no_privilege() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    for (flags, script) in [
        (&["--network", "host"][..], "true"),
        (&["--pid", "host"], "true"),
        (&["--ipc", "host"], "true"),
        (&["--uts", "host"], "true"),
        (&["--read-only", "--tmpfs", "/t"], "touch /t/x"),
        (&["--init"], "true"),
        (&["--privileged"], "mkdir /m && mount -t tmpfs x /m"),
        (&["--time-offset", "boottime=864000"], "[ $(cut -d. -f1 /proc/uptime) -gt 864000 ]"),
        (&["--oom-score-adj", "300"], "[ $(cat /proc/self/oom_score_adj) = 300 ]"),
        (&["--hostname", "box"], "[ $(hostname) = box ]"),
        (&["--ulimit", "nofile=99:99"], "[ $(ulimit -n) = 99 ]"),
        (&["--rw-rootfs"], "echo > /written"),
        (&["--sysctl", "net.ipv4.ip_forward=1"], "[ $(cat /proc/sys/net/ipv4/ip_forward) = 1 ]"),
    ] {
        let said = person.sh(flags, script);
        assert_eq!(said.code, 0, "{flags:?}: {said:?}");
    }
    assert!(person.lab.rootfs().join("written").exists());
    assert_eq!(person.leftovers(), Vec::<String>::new());
}

#[test]
fn sees_the_hosts_root_copy_on_write() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let script = "id -u; echo mine > /etc/hosts.mine && mkdir /usr/mine /mine && rm /etc/os-release && cat /etc/hosts.mine; \
                  ls -A /root; [ -x /usr/bin/env ] && [ -L /proc/self/exe ] && ls /run/barque 2>/dev/null; readlink /etc/mtab";
    let said = person.host_sh(&["-w", "/"], script);
    assert_eq!(said.ok(), "0\nmine\n../proc/self/mounts", "{said:?}");
    for path in ["/etc/hosts.mine", "/usr/mine", "/mine"] {
        assert!(!std::path::Path::new(path).exists(), "{path}");
    }
    assert!(fs::symlink_metadata("/etc/os-release").is_ok());
    assert_eq!(person.leftovers(), Vec::<String>::new());
}

#[test]
fn the_hosts_root_takes_the_flags() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let volume = format!("{}:/data/of/mine", person.lab.path("home/share").display());
    for (flags, script) in [
        (&["--network", "host"][..], "true"),
        (&["--network", "none"], "[ $(ls /sys/class/net) = lo ]"),
        (&["--read-only", "--tmpfs", "/mnt"], "touch /mnt/x && ! touch /etc/x 2>/dev/null"),
        (&["--privileged"], "mount -t tmpfs x /media"),
        (&["--device", "/dev/zero:/dev/other"], "[ $(head -c 4 /dev/other | wc -c) = 4 ]"),
        (&["--userns", "keep-id"], "[ $(id -u) = 54321 ]"),
        (&["-v", &volume], "touch /data/of/mine/x"),
        (&["--init"], "true"),
    ] {
        let said = person.host_sh(flags, script);
        assert_eq!(said.code, 0, "{flags:?}: {said:?}");
    }
    assert!(person.lab.path("home/share/x").exists());
    assert_eq!(person.leftovers(), Vec::<String>::new());
}

#[test]
fn volumes_are_the_users_own_files() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let volume = format!("{}:/data", person.lab.path("home/share").display());
    person.sh(&["-v", &volume], "touch /data/x").ok();
    let stat = fs::metadata(person.lab.path("home/share/x")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&stat), USER);
    // What the user may not read outside, it may not read inside.
    let secret = person.lab.file("secret", "x");
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let said = person.sh(&["-v", &format!("{secret}:/secret")], "cat /secret");
    assert!(said.code != 0 && said.err.contains("denied"), "{said:?}");
}

#[test]
fn failures_say_what_is_missing_and_leave_nothing() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    person.sh(&["-u", "ann"], "true").fails(125, &["uid 1000 is not mapped", "/etc/subuid"]);
    person.sh(&["-m", "64m"], "true").fails(125, &["--memory", "delegated"]);
    person.sh(&["--entrypoint", "/no/such"], "true").fails(127, &["/no/such"]);
    person.sh(&["--mount", "type=bind,src=/no/such,dst=/x"], "true").fails(125, &["/no/such"]);
    person.sh(&["--tmpfs", "/etc/passwd/x"], "true").fails(125, &["/etc/passwd/x"]);
    assert_eq!(person.leftovers(), Vec::<String>::new());
}

#[test]
fn the_oci_runtime_runs_a_rootless_bundle() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let bundle = person.lab.path("home/bundle");
    fs::create_dir(&bundle).unwrap();
    std::os::unix::fs::chown(&bundle, Some(USER), Some(USER)).unwrap();
    said(person.barque().args(["oci", "spec", "--rootless"]).current_dir(&bundle)).ok();
    let text = fs::read_to_string(bundle.join("config.json")).unwrap();
    let mut spec: serde_json::Value = serde_json::from_str(&text).unwrap();
    spec["root"] = serde_json::json!({ "path": person.lab.rootfs(), "readonly": true });
    spec["process"]["terminal"] = false.into();
    spec["process"]["args"] = serde_json::json!(["id", "-u"]);
    fs::write(bundle.join("config.json"), spec.to_string()).unwrap();
    let state = person.lab.path("home/run/state");
    let mut run = person.barque();
    run.args(["oci", "--root"]).arg(state).args(["run", "box"]).current_dir(&bundle);
    assert_eq!(said(&mut run).ok(), "0");
}
