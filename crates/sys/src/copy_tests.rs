use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::file::{self, READ_DIRECTORY};

fn directory(path: &Path) -> OwnedFd {
    file::open(path, READ_DIRECTORY).unwrap()
}

#[test]
fn a_copy_is_like_the_tree() {
    let scratch = tempfile::tempdir().unwrap();
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    fs::create_dir_all(from.join("below/deep")).unwrap();
    fs::create_dir(&to).unwrap();
    fs::write(from.join("below/text"), "text").unwrap();
    fs::hard_link(from.join("below/text"), from.join("zz")).unwrap();
    symlink("/etc/shadow", from.join("below/link")).unwrap();
    fs::set_permissions(from.join("below"), fs::Permissions::from_mode(0o2750)).unwrap();
    let sparse = fs::File::create(from.join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_at(&sparse, b"end", 8 << 20).unwrap();
    sparse.set_len(16 << 20).unwrap();
    let attribute = rustix::fs::setxattr(from.join("below/text"), "user.note", b"kept", XattrFlags::empty());
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    fs::File::open(from.join("below")).unwrap().set_modified(old).unwrap();

    tree(directory(&from), directory(&to)).unwrap();

    let is = |path: &str| fs::symlink_metadata(to.join(path)).unwrap();
    assert_eq!(fs::read_to_string(to.join("below/text")).unwrap(), "text");
    assert_eq!(is("below/text").ino(), is("zz").ino(), "two names of one file");
    assert_eq!(fs::read_link(to.join("below/link")).unwrap(), Path::new("/etc/shadow"));
    assert_eq!(is("below").mode() & 0o7777, 0o2750);
    assert_eq!(is("below").modified().unwrap(), old);
    assert_eq!(is("sparse").len(), 16 << 20);
    assert!(is("sparse").blocks() * 512 < 1 << 20, "holes stay holes");
    let mut content = vec![0; 3];
    std::os::unix::fs::FileExt::read_at(&fs::File::open(to.join("sparse")).unwrap(), &mut content, 8 << 20)
        .unwrap();
    assert_eq!(content, b"end");
    if attribute.is_ok() {
        let mut value = [0_u8; 8];
        let length = rustix::fs::getxattr(to.join("below/text"), "user.note", &mut value).unwrap();
        assert_eq!(&value[..length], b"kept");
    }
}

#[test]
fn what_is_there_is_replaced_and_links_are_not_followed() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    for name in ["from", "to", "outside", "from/a"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("from/file"), "new").unwrap();
    fs::write(at("to/file"), "half").unwrap();
    tree(directory(&at("from")), directory(&at("to"))).unwrap();
    assert_eq!(fs::read_to_string(at("to/file")).unwrap(), "new");

    fs::remove_dir(at("to/a")).unwrap();
    symlink(at("outside"), at("to/a")).unwrap();
    fs::write(at("from/a/escaped"), "").unwrap();
    assert!(tree(directory(&at("from")), directory(&at("to"))).is_err());
    assert!(is_empty(directory(&at("outside"))).unwrap());
    assert!(!is_empty(directory(&at("from"))).unwrap());
}

#[test]
fn owners_change_all_the_way_down() {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("below")).unwrap();
    fs::write(scratch.path().join("below/file"), "").unwrap();
    symlink("/etc/passwd", scratch.path().join("link")).unwrap();
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root gives files away");
        return;
    }
    change_owner(directory(scratch.path()), 33, 34).unwrap();
    for path in ["", "below", "below/file", "link"] {
        let found = fs::symlink_metadata(scratch.path().join(path)).unwrap();
        assert_eq!((found.uid(), found.gid()), (33, 34), "{path:?}");
    }
    assert_eq!(fs::metadata("/etc/passwd").unwrap().uid(), 0);
}
