//! Copies between directories that stand for a container's root and the machine's.

use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use barque_sys::path::Root;

use super::copy::{Copy, Place, pack, tree, unpack};
use super::view::View;

struct Scene {
    directory: tempfile::TempDir,
    machine: Root,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["host", "container", "outside"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        let machine = Root::open_host(&directory.path().join("host")).unwrap();
        Self { directory, machine }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join(path)
    }

    fn container(&self, path: &str) -> Place<'_> {
        let root = Root::open_host(&self.path("container")).unwrap();
        let view = Some(View::new(root));
        Place { view, machine: &self.machine, name: "web", path: path.into() }
    }

    fn host(&self, path: &str) -> Place<'_> {
        Place { view: None, machine: &self.machine, name: "", path: path.into() }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All that is below a directory: names, and what is in files.
    fn list(&self, path: &str) -> Vec<String> {
        fn below(root: &Path, here: &Path, found: &mut Vec<String>) {
            let mut entries: Vec<_> =
                fs::read_dir(here).unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            for path in entries {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                let metadata = fs::symlink_metadata(&path).unwrap();
                if metadata.is_symlink() {
                    found.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
                } else if metadata.is_dir() {
                    found.push(format!("{name}/"));
                    below(root, &path, found);
                } else {
                    found.push(format!("{name}={}", fs::read_to_string(&path).unwrap()));
                }
            }
        }
        let mut found = Vec::new();
        below(&self.path(path), &self.path(path), &mut found);
        found
    }
}

/// What Docker's rules say of source and destination (`docker cp --help`).
#[test]
fn where_a_copy_goes() {
    let new = || {
        let scene = Scene::new();
        scene.write("host/src/f", "1");
        scene.write("host/src/sub/g", "2");
        scene.write("host/file", "3");
        scene.write("container/dir/old", "o");
        scene.write("container/taken", "t");
        scene
    };
    for (from, to, expected) in [
        ("/file", "/new", &["dir/", "dir/old=o", "new=3", "taken=t"][..]),
        ("/file", "/taken", &["dir/", "dir/old=o", "taken=3"]),
        ("/file", "/dir", &["dir/", "dir/file=3", "dir/old=o", "taken=t"]),
        ("/file", "/dir/", &["dir/", "dir/file=3", "dir/old=o", "taken=t"]),
        ("/file", "/dir/.", &["dir/", "dir/file=3", "dir/old=o", "taken=t"]),
        ("/file", "/dir/x", &["dir/", "dir/old=o", "dir/x=3", "taken=t"]),
        ("/src/sub", "/dir", &["dir/", "dir/old=o", "dir/sub/", "dir/sub/g=2", "taken=t"]),
        ("/src/sub/", "/dir", &["dir/", "dir/old=o", "dir/sub/", "dir/sub/g=2", "taken=t"]),
        ("/src/sub/.", "/dir", &["dir/", "dir/g=2", "dir/old=o", "taken=t"]),
        ("/src/sub", "/new", &["dir/", "dir/old=o", "new/", "new/g=2", "taken=t"]),
        ("/src/sub", "/new/", &["dir/", "dir/old=o", "new/", "new/g=2", "taken=t"]),
        ("/src/sub/.", "/new", &["dir/", "dir/old=o", "new/", "new/g=2", "taken=t"]),
    ] {
        let scene = new();
        tree(&scene.host(from), &scene.container(to), Copy::default())
            .unwrap_or_else(|error| panic!("{from} {to}: {error}"));
        assert_eq!(scene.list("container"), expected, "{from} {to}");
    }
    for (from, to, complaint) in [
        ("/file", "/new/", "no such directory"),
        ("/file", "/none/x", "Could not find the file /none in container web"),
        ("/src", "/taken", "cannot copy directory"),
        ("/file", "/taken/", "not a directory"),
        ("/file/", "/new", "not a directory"),
        ("/none", "/new", "lstat /none: no such file or directory"),
        ("/src", "/dir/old/x", "Could not find the file /dir/old in container web"),
    ] {
        let scene = new();
        let error = tree(&scene.host(from), &scene.container(to), Copy::default()).unwrap_err();
        assert!(error.to_string().contains(complaint), "{from} {to}: {error}");
        assert_eq!(scene.list("container"), ["dir/", "dir/old=o", "taken=t"], "{from} {to}");
    }
    let scene = new();
    let out = |from: &str, to: &str| tree(&scene.container(from), &scene.host(to), Copy::default());
    out("/dir", "/copied").unwrap();
    assert_eq!(scene.read("host/copied/old"), "o");
    let error = out("/none", "/x").unwrap_err().to_string();
    assert_eq!(error, "Could not find the file /none in container web");
    let error = out("/dir", "/no/x").unwrap_err().to_string();
    assert_eq!(error, "invalid output path: directory \"/no\" does not exist");
    scene.write("host/over/dir", "a file");
    let error = out("/dir", "/over").unwrap_err().to_string();
    assert!(error.contains("cannot overwrite non-directory \"dir\" with directory \"dir\""), "{error}");
    fs::create_dir(scene.path("host/over/taken")).unwrap();
    let error = out("/taken", "/over").unwrap_err().to_string();
    assert!(error.contains("cannot overwrite directory \"taken\" with non-directory \"taken\""), "{error}");
}

#[test]
fn links_are_copied_or_followed_and_stay_inside() {
    let scene = Scene::new();
    scene.write("outside/passwd", "the machine's");
    scene.write("container/etc/passwd", "the container's");
    scene.write("container/data/x", "x");
    let up = "../../../../../../../../../../..".to_owned() + scene.path("outside/passwd").to_str().unwrap();
    for (target, name) in [
        ("/etc/passwd", "absolute"),
        (&up, "up"),
        (scene.path("outside").to_str().unwrap(), "away"),
        ("/data", "inside"),
    ] {
        symlink(target, scene.path("container").join(name)).unwrap();
    }
    let follow = Copy { follow: true, ..Copy::default() };
    tree(&scene.container("/absolute"), &scene.host("/followed"), follow).unwrap();
    assert_eq!(scene.read("host/followed"), "the container's");
    tree(&scene.container("/absolute"), &scene.host("/copied"), Copy::default()).unwrap();
    assert_eq!(fs::read_link(scene.path("host/copied")).unwrap(), Path::new("/etc/passwd"));
    for name in ["/up", "/away/passwd", "/away/"] {
        let error = tree(&scene.container(name), &scene.host("/stolen"), follow).unwrap_err();
        assert!(error.to_string().contains("Could not find the file"), "{name}: {error}");
    }
    // Into the container: a link at the end is followed, inside.
    scene.write("host/new", "new");
    tree(&scene.host("/new"), &scene.container("/inside"), Copy::default()).unwrap();
    assert_eq!(scene.read("container/data/new"), "new");
    tree(&scene.host("/new"), &scene.container("/away"), Copy::default()).unwrap_err();
    tree(&scene.host("/new"), &scene.container("/up"), Copy::default()).unwrap_err();
    assert_eq!(scene.list("outside"), ["passwd=the machine's"]);
}

#[test]
fn modes_times_holes_links_and_attributes_are_kept() {
    let scene = Scene::new();
    scene.write("host/tree/a", "one file");
    fs::hard_link(scene.path("host/tree/a"), scene.path("host/tree/b")).unwrap();
    symlink("a", scene.path("host/tree/l")).unwrap();
    let sparse = fs::File::create(scene.path("host/tree/sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_at(&sparse, b"middle", 32 << 20).unwrap();
    fs::set_permissions(scene.path("host/tree/a"), fs::Permissions::from_mode(0o4751)).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        scene.path("host/tree/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let kept = rustix::fs::lsetxattr(
        scene.path("host/tree/a"),
        "user.note",
        b"kept",
        rustix::fs::XattrFlags::empty(),
    );
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 5);
    sparse.set_modified(old).unwrap();
    tree(&scene.host("/tree"), &scene.container("/"), Copy { archive: true, follow: false }).unwrap();
    let stat = |name: &str| fs::symlink_metadata(scene.path("container/tree").join(name)).unwrap();
    assert_eq!((stat("a").ino(), stat("a").mode() & 0o7777), (stat("b").ino(), 0o4751));
    assert!(stat("l").is_symlink());
    assert_eq!(stat("pipe").mode() & 0o170_000, 0o010_000);
    assert_eq!((stat("sparse").len(), stat("sparse").modified().unwrap()), (64 << 20, old));
    assert!(stat("sparse").blocks() < 2048, "{} blocks", stat("sparse").blocks());
    let mut middle = [0; 6];
    let copy = fs::File::open(scene.path("container/tree/sparse")).unwrap();
    std::os::unix::fs::FileExt::read_at(&copy, &mut middle, 32 << 20).unwrap();
    assert_eq!(&middle, b"middle");
    if kept.is_ok() {
        let mut value = [0; 8];
        let length = rustix::fs::lgetxattr(scene.path("container/tree/a"), "user.note", &mut value).unwrap();
        assert_eq!(&value[..length], b"kept");
    }
}

#[test]
fn a_directory_is_not_copied_into_itself_for_ever() {
    let scene = Scene::new();
    scene.write("container/a/x", "x");
    tree(&scene.container("/a"), &scene.container("/a/b"), Copy::default()).unwrap();
    assert_eq!(scene.list("container"), ["a/", "a/b/", "a/b/x=x", "a/x=x"]);
    tree(&scene.container("/a"), &scene.container("/a"), Copy::default()).unwrap();
    assert_eq!(scene.read("container/a/a/b/x"), "x");
}

fn memory() -> OwnedFd {
    barque_sys::file::in_memory("archive", b"").unwrap().into()
}

#[test]
fn archives_both_ways() {
    let scene = Scene::new();
    scene.write("container/src/f", "1");
    scene.write("container/src/sub/g", "2");
    fs::create_dir(scene.path("container/dst")).unwrap();
    for (path, expected) in [
        ("/src", &["src/", "src/f=1", "src/sub/", "src/sub/g=2"][..]),
        ("/src/.", &["f=1", "sub/", "sub/g=2"]),
        ("/src/f", &["f=1"]),
    ] {
        let archive = memory();
        pack(&scene.container(path), &archive, Copy::default()).unwrap();
        rustix::fs::seek(&archive, rustix::fs::SeekFrom::Start(0)).unwrap();
        unpack(&archive, &scene.container("/dst/")).unwrap();
        assert_eq!(scene.list("container/dst"), expected, "{path}");
        fs::remove_dir_all(scene.path("container/dst")).unwrap();
        fs::create_dir(scene.path("container/dst")).unwrap();
    }
    let error = unpack(&memory(), &scene.container("/src/f")).unwrap_err().to_string();
    assert_eq!(error, "destination \"web:/src/f\" must be a directory");
    let error = unpack(&memory(), &scene.container("/none")).unwrap_err().to_string();
    assert_eq!(error, "Could not find the file /none in container web");
}

#[test]
fn an_archive_leads_nobody_out() {
    let scene = Scene::new();
    fs::create_dir(scene.path("container/dst")).unwrap();
    symlink(scene.path("outside"), scene.path("container/dst/there")).unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    let mut put = |path: &str, kind: tar::EntryType, target: &str, text: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        if !target.is_empty() {
            header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        }
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(rustix::process::getuid().as_raw().into());
        header.set_gid(rustix::process::getgid().as_raw().into());
        header.set_size(text.len() as u64);
        header.set_cksum();
        builder.append(&header, text).unwrap();
    };
    let outside = scene.path("outside").display().to_string();
    put("../../../escaped", tar::EntryType::Regular, "", b"1");
    put("/absolute", tar::EntryType::Regular, "", b"2");
    put("link", tar::EntryType::Symlink, &outside, b"");
    put("hard", tar::EntryType::Link, "../../../escaped", b"");
    let fine = builder.into_inner().unwrap();
    let archive = memory();
    fs::File::from(archive.try_clone().unwrap()).write_all(&fine).unwrap();
    rustix::fs::seek(&archive, rustix::fs::SeekFrom::Start(0)).unwrap();
    unpack(&archive, &scene.container("/dst")).unwrap();
    let there = format!("there -> {outside}");
    let link = format!("link -> {outside}");
    assert_eq!(scene.list("container/dst"), ["absolute=2", "escaped=1", "hard=1", &link, &there]);
    for name in ["link/x", "there/x"] {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &b"x"[..]).unwrap();
        let archive = memory();
        fs::File::from(archive.try_clone().unwrap()).write_all(&builder.into_inner().unwrap()).unwrap();
        rustix::fs::seek(&archive, rustix::fs::SeekFrom::Start(0)).unwrap();
        unpack(&archive, &scene.container("/dst")).unwrap_err();
    }
    assert!(scene.list("outside").is_empty());
}

/// A container that turns a directory into a link and back while files are copied into and out of it.
#[test]
fn a_race_leads_nobody_out() {
    let scene = Scene::new();
    scene.write("outside/d/secret", "the machine's");
    for number in 0..50 {
        scene.write(&format!("host/src/d/f{number}"), "new");
        scene.write(&format!("container/a/d/secret{number}"), "its own");
    }
    let stop = AtomicBool::new(false);
    let (mut copied, container, outside) = (0, scene.path("container"), scene.path("outside"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            symlink(&outside, container.join("link")).unwrap();
            while !stop.load(Ordering::Relaxed) {
                // In one step, so that there is always something of the name.
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let cwd = rustix::fs::CWD;
                rustix::fs::renameat_with(cwd, container.join("a"), cwd, container.join("link"), flags)
                    .unwrap();
            }
        });
        for _ in 0..300 {
            for (from, to) in [
                (scene.host("/src/."), scene.container("/a")),
                (scene.container("/a/d"), scene.host("/out")),
                (scene.container("/a/."), scene.host("/out2")),
            ] {
                copied += u32::from(tree(&from, &to, Copy::default()).is_ok());
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(copied > 0);
    assert_eq!(scene.list("outside"), ["d/", "d/secret=the machine's"]);
    for out in ["host/out", "host/out2"] {
        if scene.path(out).exists() {
            assert!(!scene.list(out).iter().any(|line| line.contains("machine")), "{:?}", scene.list(out));
        }
    }
}
