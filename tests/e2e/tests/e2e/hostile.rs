//! Root filesystems that want to get out: a clear error or a contained result, and nothing outside is touched.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::lab::{Canary, Lab, Said, require_root};

/// Takes away what is at a path of the root filesystem.
fn clear(lab: &Lab, name: &str) -> std::path::PathBuf {
    let path = lab.rootfs().join(name);
    if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(&path).unwrap();
    } else {
        drop(fs::remove_file(&path));
    }
    path
}

/// Puts a link in the root filesystem.
fn link(lab: &Lab, name: &str, target: impl AsRef<Path>) {
    symlink(target, clear(lab, name)).unwrap();
}

/// Either it works inside, or it says why not; never a crash.
#[track_caller]
fn contained(said: &Said) {
    assert!(said.code == 0 || (said.code == 125 && said.err.starts_with("barque: ")), "{said:?}");
}

#[test]
fn proc_and_sys_that_are_links() {
    if !require_root() {
        return;
    }
    for name in ["proc", "sys"] {
        let lab = Lab::new();
        let canary = Canary::new(&lab, "outside");
        for target in [canary.directory(), Path::new("/tmp"), Path::new("../../../../../../tmp")] {
            link(&lab, name, target);
            lab.run(&[], &["true"]).fails(125, &[&format!("\"/{name}\""), "hostile"]);
        }
        canary.check();
    }
}

#[test]
fn mount_points_that_lead_out() {
    if !require_root() {
        return;
    }
    for name in ["dev", "etc", "tmp", "data", "etc/hosts", "etc/hostname", "etc/resolv.conf"] {
        for flags in [&[][..], &["--rw-rootfs"]] {
            let lab = Lab::new();
            let canary = Canary::new(&lab, "outside");
            let chain = format!("../../../../../../../../../..{}", canary.directory().display());
            for target in [canary.directory().to_str().unwrap(), &chain, &format!("{chain}/canary")] {
                link(&lab, name, target);
                let volume = format!("{}:/data/deep/er", lab.text("volume"));
                let said = lab.sh(
                    &[flags, &["-v", &volume, "--tmpfs", "/data/t"]].concat(),
                    "echo > /etc/x; echo > /data/y; true",
                );
                contained(&said);
                canary.check();
            }
        }
    }
}

#[test]
fn links_of_links_and_loops() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let canary = Canary::new(&lab, "outside");
    link(&lab, "a", "b");
    link(&lab, "b", "a");
    link(&lab, "c", "d/../../../c2");
    link(&lab, "c2", canary.directory());
    fs::create_dir(lab.rootfs().join("d")).unwrap();
    lab.run(&["--tmpfs", "/a/x"], &["true"]).fails(125, &["/a/x"]);
    contained(&lab.sh(&["--tmpfs", "/c/x"], "echo > /c/x/y"));
    contained(&lab.run(&["-w", "/c/work"], &["pwd"]));
    canary.check();
}

#[test]
fn other_files_where_a_file_or_directory_belongs() {
    if !require_root() {
        return;
    }
    for name in ["etc/hosts", "etc/resolv.conf", "etc/passwd", "etc/group", "proc", "dev", "sys", "data"] {
        let lab = Lab::new();
        let node = |kind: &str| {
            let path = clear(&lab, name);
            match kind {
                "fifo" => make_node(&path, rustix::fs::FileType::Fifo, 0),
                "device" => {
                    make_node(&path, rustix::fs::FileType::CharacterDevice, rustix::fs::makedev(5, 1));
                }
                "socket" => drop(std::os::unix::net::UnixListener::bind(&path).unwrap()),
                "directory" => fs::create_dir(&path).unwrap(),
                _ => fs::write(&path, "").unwrap(),
            }
        };
        for kind in ["fifo", "device", "socket", "directory", "file"] {
            node(kind);
            let said = lab.sh(&["-u", "0", "--tmpfs", "/data"], "true");
            contained(&said);
            // Names are looked up in these files: they must not be waited for, nor read from a device.
            let said = lab.sh(&["-u", "ann", "--tmpfs", "/data"], "true");
            contained(&said);
        }
    }
}

fn make_node(path: &Path, kind: rustix::fs::FileType, device: u64) {
    let mode = rustix::fs::Mode::from_raw_mode(0o666);
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, device).unwrap();
}

#[test]
fn a_user_file_that_leads_out_or_never_ends() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let secret = lab.file("outside/passwd", "ann:x:0:0::/:/bin/sh\n");
    link(&lab, "etc/passwd", &secret);
    lab.run(&["-u", "ann"], &["id"]).fails(125, &["ann"]);
    link(&lab, "etc/passwd", "/dev/zero");
    lab.run(&["-u", "ann"], &["id"]).fails(125, &["ann"]);
    link(&lab, "etc/passwd", "/proc/self/fd/0");
    lab.run(&["-u", "ann"], &["id"]).fails(125, &["ann"]);
    let path = clear(&lab, "etc/passwd");
    let huge = fs::File::create_new(&path).unwrap();
    huge.set_len(1 << 40).unwrap();
    drop(huge);
    contained(&lab.run(&["-u", "1000"], &["true"]));
}

#[test]
fn a_working_directory_through_descriptors() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for number in 3..12 {
        for name in ["self", "1", "thread-self"] {
            let said = lab.run(&["-w", &format!("/proc/{name}/fd/{number}/..")], &["sh", "-c", "pwd; ls"]);
            assert_ne!(said.code, 0, "{said:?}");
            assert!(said.out.is_empty(), "{said:?}");
        }
    }
    link(&lab, "work", "/proc/self/fd/7");
    let said = lab.run(&["-w", "/work"], &["ls", "../../../.."]);
    assert_eq!(said.code, 125, "{said:?}");
}

#[test]
fn a_procfs_that_is_faked() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let canary = Canary::new(&lab, "outside");
    // What a runtime that trusted the container's /proc would write to or read.
    for name in ["self/attr", "sys/kernel", "sys/net/ipv4", "self/fd"] {
        fs::create_dir_all(lab.rootfs().join("fake").join(name)).unwrap();
    }
    for name in ["self/attr/exec", "sys/kernel/domainname", "self/oom_score_adj", "sys/net/ipv4/ip_forward"] {
        let path = lab.rootfs().join("fake").join(name);
        symlink(canary.directory().join("canary"), path).unwrap();
    }
    let fake = format!("{}:/proc", lab.rootfs().join("fake").display());
    let flags =
        ["-v", &fake, "--domainname", "x", "--oom-score-adj", "7", "--sysctl", "net.ipv4.ip_forward=1"];
    contained(&lab.run(&flags, &["true"]));
    canary.check();
}

#[test]
fn volumes_over_links_and_parents() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let canary = Canary::new(&lab, "outside");
    let up = format!("{}:/a/../../../../../..{}/v", lab.text("volume"), canary.directory().display());
    contained(&lab.run(&["-v", &up], &["true"]));
    canary.check();
    assert!(!canary.directory().join("v").exists());
}

#[test]
fn the_hosts_binary_is_out_of_reach() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    // A program whose interpreter is the program that started it (CVE-2019-5736).
    let path = lab.rootfs().join("bin/again");
    fs::write(&path, "#!/proc/self/exe\n").unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let barque = lab.barque().get_program().to_owned();
    let before = fs::metadata(&barque).unwrap().modified().unwrap();
    let said = lab.run(&[], &["again"]);
    assert_ne!(said.code, 0, "{said:?}");
    assert_eq!(fs::metadata(&barque).unwrap().modified().unwrap(), before);
    // The init of --init is our program: it cannot be written from inside.
    let said =
        lab.sh(&["--init", "--privileged"], "cat /proc/1/exe > /dev/null && (echo x > /proc/1/exe) 2>&1");
    assert!(said.out.contains("Read-only") || said.out.contains("busy"), "{said:?}");
    assert_eq!(fs::metadata(&barque).unwrap().modified().unwrap(), before);
}

/// The program's own file is what `--init` shows, without a copy; who could make it writable again is shown a copy.
#[test]
fn the_init_cannot_be_written_to() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let barque = lab.barque().get_program().to_owned();
    let (inode, before) = {
        use std::os::unix::fs::MetadataExt as _;
        let file = fs::metadata(&barque).unwrap();
        (format!("{}:{}", file.dev(), file.ino()), fs::read(&barque).unwrap())
    };
    let attack = "stat -c %d:%i /run/barque-init
        mount -o remount,bind,rw /run/barque-init 2>&1 && echo remounted
        for file in /run/barque-init /proc/1/exe; do
            (echo x >> $file) 2>&1; chmod 777 $file 2>&1; touch $file 2>&1
        done; exit 0";
    let said = lab.sh(&["--init", "--security-opt", "seccomp=unconfined"], attack);
    assert!(said.out.starts_with(&inode) && !said.out.contains("remounted"), "{inode} {said:?}");
    assert_eq!(said.out.matches("Read-only").count() + said.out.matches("file busy").count(), 6, "{said:?}");
    assert!(said.out.matches("Read-only").count() >= 4, "{said:?}");
    // On the way to what the kernel would refuse only as long as the file is executed: not our file.
    for more in [&["--cap-add", "SYS_ADMIN"][..], &["--privileged"]] {
        let flags = [&["--init", "--security-opt", "seccomp=unconfined"], more].concat();
        let said = lab.sh(&flags, attack);
        assert!(!said.out.starts_with(&inode) && said.out.contains("remounted"), "{more:?} {said:?}");
    }
    assert!(fs::read(&barque).unwrap() == before, "the program was written to");
}

/// A tree whose mounts are shared with whoever has a copy of it, as all mounts of a machine with systemd are.
struct Shared(std::path::PathBuf);

impl Shared {
    fn new(lab: &Lab) -> Self {
        let path = lab.path("shared");
        fs::create_dir_all(&path).unwrap();
        rustix::mount::mount("tmpfs", &path, "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
        let this = Self(path);
        let flags = rustix::mount::MountPropagationFlags::SHARED;
        rustix::mount::mount_change(&this.0, flags).unwrap();
        fs::create_dir(this.0.join("inner")).unwrap();
        this
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0.join("inner"), rustix::mount::UnmountFlags::DETACH);
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn mounts_below_a_volume_do_not_travel_to_the_host() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let shared = Shared::new(&lab);
    let volume = format!("{}:/data", shared.0.display());
    for flags in [&[][..], &["--userns", "uidmap=0:100000:65536,gidmap=0:100000:65536"]] {
        let script = "mount -t tmpfs none /data/inner && echo > /data/inner/file && echo mounted";
        let said = lab.sh(&[flags, &["--privileged", "-v", &volume]].concat(), script);
        assert_eq!(said.ok(), "mounted", "{flags:?}");
        // Seen while the container runs, too: ask from inside what it is a peer of.
        let said = lab.sh(&[flags, &["-v", &volume]].concat(), "grep ' /data ' /proc/self/mountinfo");
        assert!(!said.ok().contains("shared:"), "{flags:?}: {said:?}");
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&format!("{}/inner", shared.0.display())), "{mounts}");
}
