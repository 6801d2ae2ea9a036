//! Volumes, tmpfs, the root filesystem.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::lab::{Canary, Lab, require_root};

#[test]
fn volumes_of_directories_and_files() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let file = lab.file("share/file", "text");
    let share = lab.text("share");
    let said = lab.sh(
        &["-v", &format!("{share}:/data"), "-v", &format!("{file}:/etc/one")],
        "cat /data/file /etc/one; echo new > /data/made",
    );
    assert_eq!(said.ok(), "texttext");
    assert_eq!(fs::read_to_string(lab.path("share/made")).unwrap(), "new\n");
    lab.sh(&["-v", &format!("{share}:/data:ro")], "touch /data/x").fails(1, &["Read-only file system"]);
    lab.sh(&["-v", &format!("{file}:/etc/one:ro")], "echo > /etc/one").fails(1, &["Read-only file system"]);
}

#[test]
fn a_missing_source_of_v_is_made_and_stays() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.sh(&["-v", &format!("{}:/data", lab.text("new/deep"))], "touch /data/x").ok();
    assert!(lab.path("new/deep/x").is_file());
}

#[test]
fn a_missing_source_of_mount_is_an_error() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let flag = format!("type=bind,src={},dst=/data", lab.text("absent"));
    lab.run(&["--mount", &flag], &["true"]).fails(125, &["absent"]);
    assert!(!lab.path("absent").exists());
}

#[test]
fn read_only_below_too() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    fs::create_dir_all(lab.path("top/sub")).unwrap();
    let mounted = Mounted::tmpfs(lab.path("top/sub"));
    let top = lab.text("top");
    let bind = |options: &str| format!("type=bind,src={top},dst=/data{options}");
    let write = "touch /data/x 2>/dev/null && echo top; touch /data/sub/x 2>/dev/null && echo sub; true";
    for (options, written) in [
        ("", "top\nsub"),
        (",readonly,bind-recursive=writable", "sub"),
        (",readonly,bind-recursive=readonly,bind-propagation=rprivate", ""),
        (",bind-recursive=disabled", "top\nsub"),
    ] {
        let said = lab.sh(&["--mount", &bind(options)], write);
        assert_eq!(said.ok(), written, "{options}");
        drop(fs::remove_file(lab.path("top/sub/x")));
    }
    drop(mounted);
}

#[test]
fn mounts_made_later_travel_when_asked() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    fs::create_dir_all(lab.path("top/late")).unwrap();
    let outer = Mounted::tmpfs(lab.path("top"));
    fs::create_dir_all(lab.path("top/late")).unwrap();
    rustix::mount::mount_change(lab.path("top"), rustix::mount::MountPropagationFlags::SHARED).unwrap();
    let top = lab.text("top");
    // The container says when it is there, and then waits for a file to show up on a mount made on the host meanwhile.
    let script = "touch /data/here; i=0; while [ $i -lt 40 ]; do [ -e /data/late/x ] && exit 0; sleep 0.05; i=$((i+1)); done; exit 5";
    for (propagation, code) in [("rslave", 0), ("rprivate", 5)] {
        let root = format!("dir:{}", lab.rootfs().display());
        let volume = format!("{top}:/data:{propagation}");
        let mut run = lab.run_command(&["-v", &volume], &root, &["sh", "-c", script]);
        let child =
            run.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        assert!(crate::lab::wait_until(|| lab.path("top/here").exists()));
        let inner = Mounted::tmpfs(lab.path("top/late"));
        fs::write(lab.path("top/late/x"), "").unwrap();
        let said = crate::lab::finish(child);
        drop(inner);
        fs::remove_file(lab.path("top/here")).unwrap();
        assert_eq!(said.code, code, "{propagation}: {said:?}");
    }
    drop(outer);
}

#[test]
fn tmpfs_options() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let said = lab.sh(
        &["--tmpfs", "/t:size=1m,mode=0700,exec"],
        "grep ' /t ' /proc/mounts; stat -c %a /t; df -k /t | tail -1",
    );
    let text = said.ok();
    assert!(text.contains("size=1024k") && text.contains("\n700\n") && !text.contains("noexec"), "{text}");
    let said = lab.sh(
        &["--mount", "type=tmpfs,dst=/t,tmpfs-size=2m,tmpfs-mode=1750"],
        "grep ' /t ' /proc/mounts; stat -c %a /t",
    );
    assert!(said.ok().contains("size=2048k") && said.out.contains("1750"), "{said:?}");
    let said = lab.sh(&["--shm-size", "3m"], "grep ' /dev/shm ' /proc/mounts");
    assert!(said.ok().contains("size=3072k"), "{said:?}");
}

#[test]
fn a_read_only_root() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let script = "touch /x 2>/dev/null && exit 1; touch /tmp/x 2>/dev/null && exit 2; touch /t/x /dev/shm/x && echo good";
    assert_eq!(lab.sh(&["--read-only", "--tmpfs", "/t"], script).ok(), "good");
}

#[test]
fn the_lower_directory_is_never_written() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let before = listing(&lab);
    let script =
        "echo changed > /etc/passwd; rm /bin/ls; mkdir /new; chmod 700 /tmp; echo > /etc/hosts; true";
    lab.sh(&["-v", &format!("{}:/made/for/volume", lab.text("v"))], script).ok();
    assert_eq!(listing(&lab), before);
}

#[test]
fn rw_rootfs_writes_into_the_directory() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.sh(&["--rw-rootfs"], "echo kept > /kept").ok();
    assert_eq!(fs::read_to_string(lab.rootfs().join("kept")).unwrap(), "kept\n");
    lab.run_on(&["--rw-rootfs"], "@host", &["true"]).fails(125, &["--rw-rootfs"]);
}

#[test]
fn the_hosts_own_programs_with_nothing_written() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let mark = format!("barque-e2e-mark-{}", std::process::id());
    let script = format!(
        "set -e; for d in / /etc /tmp /run /var/tmp /root /usr; do echo x > $d/{mark}; done; echo done"
    );
    let said = lab.run_on(&[], "@host", &["sh", "-c", &script]);
    assert_eq!(said.ok(), "done");
    for directory in ["/", "/etc", "/tmp", "/run", "/var/tmp", "/root", "/usr"] {
        let path = std::path::Path::new(directory).join(&mark);
        let written = path.exists();
        drop(fs::remove_file(&path));
        assert!(!written, "{path:?} was written on the host");
    }
}

#[test]
fn hosts_hostname_and_resolver_belong_to_the_container() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let flags = [
        "-h",
        "box",
        "--domainname",
        "example.org",
        "--add-host",
        "db:10.0.0.9",
        "--dns",
        "10.0.0.1",
        "--dns-search",
        "example.org",
        "--dns-option",
        "ndots:2",
    ];
    let script =
        "hostname; cat /proc/sys/kernel/domainname /etc/hostname; grep db /etc/hosts; cat /etc/resolv.conf";
    let said = lab.sh(&flags, script);
    let text = said.ok();
    assert!(text.starts_with("box\nexample.org\nbox\n"), "{text}");
    for line in ["10.0.0.9\tdb", "nameserver 10.0.0.1", "search example.org", "options ndots:2"] {
        assert!(text.lines().any(|l| l == line), "{line:?} is not in {text}");
    }
    // The container's copies are its own: writing them is allowed and stays inside.
    lab.sh(&[], "echo mine > /etc/hosts; echo mine > /etc/resolv.conf").ok();
}

#[test]
fn cidfile_holds_the_id_and_is_never_overwritten() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let path = lab.text("cid");
    lab.sh(&["--cidfile", &path], "true").ok();
    let id = fs::read_to_string(&path).unwrap();
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id:?}");
    let canary = Canary::new(&lab, "marker");
    let volume = format!("{}:/data", canary.directory().display());
    // Refused before anything runs.
    lab.sh(&["--cidfile", &path, "-v", &volume], "echo ran > /data/canary")
        .fails(125, &["container ID file found", &path]);
    canary.check();
    assert_eq!(fs::read_to_string(&path).unwrap(), id);
}

/// Name, mode, size of every file of the root, and what the small ones hold.
fn listing(lab: &Lab) -> Vec<String> {
    fn walk(path: &std::path::Path, list: &mut Vec<String>) {
        let metadata = fs::symlink_metadata(path).unwrap();
        let text = if metadata.is_file() && metadata.size() < 4096 {
            fs::read_to_string(path).unwrap()
        } else {
            String::new()
        };
        list.push(format!("{} {:o} {} {text}", path.display(), metadata.mode(), metadata.size()));
        if metadata.is_dir() {
            let mut entries: Vec<_> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            entries.iter().for_each(|path| walk(path, list));
        }
    }
    let mut list = Vec::new();
    walk(&lab.rootfs(), &mut list);
    list
}

/// A mount of the test's own below its directory.
struct Mounted {
    point: std::path::PathBuf,
}

impl Mounted {
    fn tmpfs(point: std::path::PathBuf) -> Self {
        rustix::mount::mount("e2e", &point, "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
        Self { point }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.point, rustix::mount::UnmountFlags::DETACH);
    }
}
