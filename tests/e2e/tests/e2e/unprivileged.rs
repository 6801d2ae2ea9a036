//! The same command for a user who is not root.

use std::fs;
use std::process::{Command, Stdio};

use crate::lab::{Lab, Said, require_root, said};

/// A user that no machine has.
const USER: u32 = 54_321;

/// A scene of that user's: home, runtime directory, a root filesystem that belongs to it.
pub(crate) struct Person {
    pub(crate) lab: Lab,
}

impl Person {
    /// A new scene.
    pub(crate) fn new() -> Self {
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
    pub(crate) fn barque(&self) -> Command {
        let mut command = Command::new("setpriv");
        let id = USER.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(self.lab.copy_of_barque());
        command.env("HOME", self.lab.path("home")).env("XDG_RUNTIME_DIR", self.lab.path("home/run"));
        command.env_remove("XDG_DATA_HOME").current_dir(self.lab.path("home")).stdin(Stdio::null());
        command
    }

    /// `barque` with ids that these lines of `/etc/subuid` and `/etc/subgid` grant to `ann`, as a shell that has other
    /// such files in a mount namespace of its own; `more` is done there before.
    pub(crate) fn with_subordinate_ids(&self, lines: &str, more: &str, arguments: &[&str]) -> Said {
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        self.lab.file("etc/passwd", &format!("{passwd}ann:x:{USER}:{USER}::/:/bin/sh\n"));
        for name in ["etc/subuid", "etc/subgid"] {
            self.lab.file(name, lines);
        }
        let bind = "for file in passwd subuid subgid; do mount --bind $ETC/$file /etc/$file || exit 9; done;";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &format!("{bind} {more}\n exec \"$@\""), "sh"]);
        let barque = self.barque();
        command.arg(barque.get_program()).args(barque.get_args()).args(arguments);
        command.env("ETC", self.lab.path("etc")).env("LAB", self.lab.path(""));
        for (name, value) in barque.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        said(command.current_dir(self.lab.path("home")).stdin(Stdio::null()))
    }

    /// An archive with files of three owners, a fifo and a device.
    pub(crate) fn archive(&self) -> String {
        let root = self.lab.path("home/tree");
        self.lab.make_rootfs(&root);
        fs::write(root.join("home/ann/file"), "x").unwrap();
        std::os::unix::fs::chown(root.join("home/ann/file"), Some(1000), Some(50)).unwrap();
        let node = Command::new("mknod").arg(root.join("dev/null")).args(["c", "1", "3"]).status();
        assert!(node.unwrap().success());
        let archive = self.lab.text("home/root.tar");
        let tar = Command::new("tar").arg("-C").arg(&root).args(["-cf", &archive, "."]).status();
        assert!(tar.unwrap().success());
        fs::remove_dir_all(root).unwrap();
        format!("tar:{archive}")
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
    pub(crate) fn leftovers(&self) -> Vec<String> {
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
fn subordinate_ids_are_the_other_users() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let ranges = "ann:200000:1000\nann:300000:70000\n";
    let script =
        "tr -s ' ' < /proc/self/uid_map; touch /etc/x && chown 1500:5 /etc/x && stat -c %u:%g /etc/x";
    let run = ["run", "--rm", "@host", "sh", "-c", script];
    let said = person.with_subordinate_ids(ranges, "", &run);
    assert_eq!(said.ok(), format!(" 0 {USER} 1\n 1 200000 1000\n 1001 300000 70000\n1500:5"), "{said:?}");
    let said = person.with_subordinate_ids(ranges, "", &["run", "--rm", "-u", "1000", "@host", "id", "-u"]);
    assert_eq!(said.ok(), "1000", "{said:?}");
    assert_eq!(person.leftovers(), Vec::<String>::new());
}

#[test]
fn archives_keep_owners_only_with_subordinate_ids() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let archive = person.archive();
    let script = "stat -c %u:%g /home/ann/file; touch /home/ann/more; [ -c /dev/null ] && echo null";
    let run = ["run", "--rm", &archive, "sh", "-c", script];
    let many = person.with_subordinate_ids("ann:200000:65536\n", "", &run);
    assert_eq!(many.ok(), "1000:50\nnull", "{many:?}");
    assert!(many.err.contains("devices are left out (1)") && !many.err.contains("owners"), "{many:?}");
    let one = said(person.barque().args(run));
    assert_eq!(one.ok(), "0:0\nnull", "{one:?}");
    assert!(one.err.contains("files of other owners belong to the container's root"), "{one:?}");
    let few = person.with_subordinate_ids("ann:200000:10\n", "", &run);
    few.fails(125, &["home/ann/file", "1000:50 is not mapped", "/etc/subuid"]);
    assert_eq!(person.leftovers(), Vec::<String>::new());
}

#[test]
fn subordinate_ids_that_cannot_be_mapped() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let run = ["run", "--rm", "@host", "true"];
    let asked = ["run", "--rm", "--uidmap", "0:54321:1", "--uidmap", "1:200000:20", "@host", "true"];
    let without_bit =
        "cp /usr/bin/newgidmap $LAB/tool; chmod 755 $LAB/tool; mount --bind $LAB/tool /usr/bin/newgidmap;";
    let missing = "mount -t tmpfs x /usr/bin; PATH=/nowhere;";
    let missing =
        format!("cp $(command -v setpriv) $LAB/setpriv; {missing} shift; set -- $LAB/setpriv \"$@\";");
    for (lines, more, arguments, words) in [
        ("ann:200000:10\n", "", &asked[..], &["newgidmap", "usermod --add-subgids 200000-200019"][..]),
        ("ann:200000:10\n", without_bit, &run, &["newgidmap", "chmod u+s"]),
        ("ann:200000:10\n", &missing, &run, &["newgidmap", "package uidmap"]),
    ] {
        person.with_subordinate_ids(lines, more, arguments).fails(125, words);
    }
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

    spec["process"]["args"] = serde_json::json!(["sleep", "100"]);
    fs::write(bundle.join("config.json"), spec.to_string()).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = person.barque();
        command.args(["oci", "--root"]).arg(person.lab.path("home/run/state")).args(arguments);
        command.current_dir(&bundle);
        command
    };
    let oci = |arguments: &[&str]| said(&mut command(arguments));
    // Its output is the container's, which does not end.
    let created = command(&["create", "box"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(created.unwrap().success());
    oci(&["start", "box"]).ok();
    assert!(oci(&["state", "box"]).ok().contains("\"running\""));
    assert_eq!(
        oci(&["exec", "box", "sh", "-c", "id -u; cat /proc/1/cmdline | tr '\\0' ' '"]).ok(),
        "0\nsleep 100 "
    );
    oci(&["kill", "box", "KILL"]).ok();
    assert!(crate::lab::wait_until(|| oci(&["state", "box"]).ok().contains("\"stopped\"")));
    oci(&["delete", "box"]).ok();
    oci(&["state", "box"]).fails(1, &["does not exist"]);
}
