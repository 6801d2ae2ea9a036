use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};

use super::*;
use crate::ErrorKind;
use crate::layer::{Form, Limits, Rights};

/// Name, type, link, mode, content.
type Item<'a> = (&'a str, tar::EntryType, &'a str, u32, &'a [u8]);

use tar::EntryType::{Directory, Fifo, Link, Regular, Symlink};

/// An archive with exactly these bytes for names: the crate's own builder would refuse hostile ones.
fn archive(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, link, mode, content) in items {
        let mut header = tar::Header::new_ustar();
        let raw = header.as_old_mut();
        raw.name[..name.len()].copy_from_slice(name.as_bytes());
        raw.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_uid(rustix::process_uid());
        header.set_gid(rustix::process_gid());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Ids of this process, without another feature of rustix: those of a file it makes.
mod rustix {
    use std::os::unix::fs::MetadataExt as _;
    fn own() -> std::fs::Metadata {
        tempfile::tempfile().unwrap().metadata().unwrap()
    }
    pub(super) fn process_uid() -> u64 {
        own().uid().into()
    }
    pub(super) fn process_gid() -> u64 {
        own().gid().into()
    }
}

/// A directory with a canary in it, and `root` beside the canary.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(scene.path("outside")).unwrap();
        fs::create_dir(scene.path("root")).unwrap();
        fs::write(scene.path("outside/canary"), "untouched").unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn unpack(&self, bytes: &[u8]) -> Result<()> {
        self.unpack_as(bytes, Form::Plain).map(drop)
    }

    fn unpack_as(&self, bytes: &[u8], form: Form) -> Result<Unpacked> {
        fs::write(self.path("archive.tar"), bytes).unwrap();
        let options =
            Options { form, rights: Rights::Own, limits: Limits { size: 1 << 20, ..Limits::default() } };
        unpack(bytes, &self.path("root"), &options)
    }

    #[track_caller]
    fn check(&self) {
        assert_eq!(fs::read_to_string(self.path("outside/canary")).unwrap(), "untouched");
        assert_eq!(fs::read_dir(self.path("outside")).unwrap().count(), 1);
        let mut names: Vec<_> =
            fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["archive.tar", "outside", "root"]);
    }
}

#[test]
fn every_kind_with_mode_and_time() {
    let scene = Scene::new();
    let bytes = archive(&[
        ("./", Directory, "", 0o755, b""),
        ("locked/", Directory, "", 0o555, b""),
        ("locked/file", Regular, "", 0o4750, b"text"),
        ("link", Symlink, "locked/file", 0o777, b""),
        ("twin", Link, "locked/file", 0o644, b""),
        ("pipe", Fifo, "", 0o622, b""),
    ]);
    scene.unpack(&bytes).unwrap();
    let file = fs::metadata(scene.path("root/locked/file")).unwrap();
    assert_eq!((file.mode() & 0o7777, file.nlink(), file.mtime()), (0o4750, 2, 1_000_000_000));
    let locked = fs::metadata(scene.path("root/locked")).unwrap();
    assert_eq!((locked.mode() & 0o7777, locked.mtime()), (0o555, 1_000_000_000));
    assert_eq!(fs::read_link(scene.path("root/link")).unwrap(), Path::new("locked/file"));
    let pipe = fs::metadata(scene.path("root/pipe")).unwrap();
    assert!(pipe.file_type().is_fifo() && pipe.mode() & 0o7777 == 0o622);
    scene.check();
    fs::set_permissions(scene.path("root/locked"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
}

#[test]
fn names_that_lead_out_stay_inside() {
    let scene = Scene::new();
    let bytes = archive(&[
        ("../../outside/a", Regular, "", 0o644, b"x"),
        ("/outside/b", Regular, "", 0o644, b"x"),
        ("d/../../../outside/c", Regular, "", 0o644, b"x"),
        ("..", Directory, "", 0o700, b""),
    ]);
    scene.unpack(&bytes).unwrap();
    for name in ["a", "b", "c"] {
        assert!(scene.path("root/outside").join(name).is_file(), "{name}");
    }
    scene.check();
}

#[test]
fn links_that_lead_out_are_followed_inside_only() {
    for target in ["../outside", "ABSOLUTE"] {
        let scene = Scene::new();
        let absolute = scene.path("outside");
        let target = if target == "ABSOLUTE" { absolute.to_str().unwrap() } else { target };
        let canary = format!("{target}/canary");
        let bytes = archive(&[
            ("out", Symlink, target, 0o777, b""),
            ("out/new", Regular, "", 0o644, b"x"),
            ("out/canary", Regular, "", 0o644, b"overwritten"),
            ("file", Symlink, &canary, 0o777, b""),
            ("file", Regular, "", 0o644, b"overwritten"),
            ("out", Directory, "", 0o700, b""),
        ]);
        scene.unpack(&bytes).unwrap();
        assert!(scene.path("root/file").is_file() && !scene.path("root/file").is_symlink());
        scene.check();
    }
}

#[test]
fn hard_links_reach_nothing_outside() {
    let scene = Scene::new();
    let absolute = scene.path("outside/canary");
    for target in ["../outside/canary", absolute.to_str().unwrap(), "nowhere", ".."] {
        let error = scene.unpack(&archive(&[("twin", Link, target, 0o644, b"")])).unwrap_err();
        assert!(error.to_string().contains("twin"), "{error}");
    }
    // Through a link of the archive's own, and to that link itself.
    let out = scene.path("outside");
    let bytes = archive(&[
        ("out", Symlink, out.to_str().unwrap(), 0o777, b""),
        ("twin", Link, "out/canary", 0o644, b""),
    ]);
    scene.unpack(&bytes).unwrap_err();
    assert_eq!(fs::metadata(&absolute).unwrap().nlink(), 1);
    scene.check();
}

#[test]
fn later_entries_replace_earlier_ones() {
    let scene = Scene::new();
    let bytes = archive(&[
        ("a", Regular, "", 0o600, b"old"),
        ("a", Regular, "", 0o640, b"new"),
        ("d", Directory, "", 0o755, b""),
        ("d/kept", Regular, "", 0o644, b""),
        ("d", Directory, "", 0o700, b""),
    ]);
    scene.unpack(&bytes).unwrap();
    assert_eq!(fs::read_to_string(scene.path("root/a")).unwrap(), "new");
    assert!(scene.path("root/d/kept").exists());
    assert_eq!(fs::metadata(scene.path("root/d")).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn zeros_after_the_last_file_are_not_missed() {
    let whole = archive(&[("a", Regular, "", 0o644, b"one"), ("b", Regular, "", 0o644, b"three")]);
    for (length, expected) in [(2048, true), (1600, true), (512 * 3 + 5, true), (512 * 3 + 4, false)] {
        let scene = Scene::new();
        let done = scene.unpack(&whole[..length]);
        assert_eq!(done.is_ok(), expected, "{length}: {done:?}");
        if expected {
            assert_eq!(fs::read(scene.path("root/b")).unwrap(), b"three", "{length}");
        }
    }
}

#[test]
fn what_is_no_archive_is_told() {
    let scene = Scene::new();
    for bytes in [
        &b"not a tar archive at all, but long enough to be looked at as if it were one"[..],
        &[0x1f, 0x8b, 9],
    ] {
        let mut padded = bytes.to_vec();
        padded.resize(1024, b'x');
        let error = scene.unpack(&padded).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let mut cut = archive(&[("file", Regular, "", 0o644, &[7; 4096])]);
    cut.truncate(2000);
    scene.unpack(&cut).unwrap_err();
    let missing = find_files(Path::new("/no/such.tar"), &[]).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn extended_attributes_but_not_overlayfs_notes() {
    let scene = Scene::new();
    let mut builder = tar::Builder::new(Vec::new());
    let pax = [
        ("SCHILY.xattr.user.color", &b"blue"[..]),
        ("SCHILY.xattr.user.overlay.redirect", b"/etc"),
        ("mtime", b"5.5"),
    ];
    builder.append_pax_extensions(pax).unwrap();
    let one = archive(&[("file", Regular, "", 0o644, b"x")]);
    let mut bytes = builder.into_inner().unwrap();
    // The builder ends an archive with two empty blocks, which would hide what follows.
    bytes.truncate(bytes.len() - 1024);
    bytes.extend(one);
    scene.unpack(&bytes).unwrap();
    let file = fs::File::open(scene.path("root/file")).unwrap();
    let mut value = [0; 16];
    let length = ::rustix::fs::fgetxattr(&file, "user.color", &mut value).unwrap();
    assert_eq!(&value[..length], b"blue");
    ::rustix::fs::fgetxattr(&file, "user.overlay.redirect", &mut value).unwrap_err();
    let metadata = file.metadata().unwrap();
    assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (5, 500_000_000));
}

#[test]
fn finds_files_without_unpacking() {
    let scene = Scene::new();
    let bytes =
        archive(&[("./etc/passwd", Regular, "", 0o644, b"root"), ("etc/group", Symlink, "x", 0o777, b"")]);
    fs::write(scene.path("archive.tar"), bytes).unwrap();
    let found = find_files(&scene.path("archive.tar"), &["/etc/passwd", "/etc/group", "/none"]).unwrap();
    assert_eq!(found, [Some("root".to_owned()), None, None]);
}

#[test]
fn an_existing_link_at_the_root_is_not_followed_out() {
    let scene = Scene::new();
    symlink(scene.path("outside"), scene.path("root/data")).unwrap();
    scene.unpack(&archive(&[("data/x/y", Regular, "", 0o644, b"x")])).unwrap();
    scene.check();
}
