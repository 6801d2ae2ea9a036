//! What of a layer depends on those below: parents that its archive does not name, hard links to lower files.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use barque_image::layer::{Form, Options, Pending, Settle, Stack, changes_of_layer, settle, unpack};
use tar::EntryType::{self, Directory, Link, Regular};

type Item<'a> = (&'a str, EntryType, &'a str, u32, u64, &'a [u8]);

fn archive(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, link, mode, owner, content) in items {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_uid(*owner);
        header.set_gid(*owner);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        if !link.is_empty() {
            header.set_link_name(link).unwrap();
        }
        header.set_path(name).unwrap();
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Layers unpacked side by side.
struct Chain {
    scene: tempfile::TempDir,
    layers: Vec<(PathBuf, Pending)>,
}

impl Chain {
    fn new(archives: &[&[Item<'_>]]) -> Self {
        let scene = tempfile::tempdir().unwrap();
        let mut layers = Vec::new();
        for (number, items) in archives.iter().enumerate() {
            let root = scene.path().join(number.to_string());
            fs::create_dir(&root).unwrap();
            let done = unpack(&archive(items)[..], &root, &Options::default()).unwrap();
            layers.push((root, done.pending));
        }
        Self { scene, layers }
    }

    fn settle(&self) -> barque_image::Result<Option<PathBuf>> {
        let chain: Vec<Settle<'_>> =
            self.layers.iter().map(|(root, pending)| Settle { root, pending }).collect();
        let target = self.scene.path().join("settled");
        Ok(settle(&chain, &target, &Options::default())?.then_some(target))
    }

    fn stack(&self, settled: &Path) -> Stack {
        let mut roots = vec![settled];
        roots.extend(self.layers.iter().rev().map(|(root, _)| root.as_path()));
        Stack::open(&roots, Form::Overlay).unwrap()
    }
}

fn facts(path: &Path) -> (u32, u32) {
    let metadata = fs::symlink_metadata(path).unwrap();
    (metadata.permissions().mode() & 0o7777, metadata.uid())
}

#[test]
fn parents_keep_the_mode_and_owner_of_lower_layers() {
    if !crate::require_root() {
        return;
    }
    let chain = Chain::new(&[
        &[
            ("./", Directory, "", 0o755, 0, b""),
            ("tmp/", Directory, "", 0o1777, 0, b""),
            ("home/", Directory, "", 0o755, 0, b""),
            ("home/joe/", Directory, "", 0o700, 1000, b""),
        ],
        &[("tmp/x", Regular, "", 0o644, 0, b"x"), ("home/joe/.profile", Regular, "", 0o644, 1000, b"y")],
        &[("home/joe/bin/run", Regular, "", 0o755, 0, b"z")],
    ]);
    let settled = chain.settle().unwrap().expect("modes differ");
    assert_eq!(facts(&settled.join("tmp")), (0o1777, 0));
    assert_eq!(facts(&settled.join("home/joe")), (0o700, 1000));
    assert!(!settled.join("home/joe/bin").exists(), "what no lower layer has is right as it is");
    assert_eq!(facts(&settled), (0o755, 0));
}

#[test]
fn nothing_is_made_where_nothing_is_needed() {
    if !crate::require_root() {
        return;
    }
    // Said by a layer above, gone and made anew, or the same anyway.
    for top in [
        &[("d/", Directory, "", 0o711, 0, &b""[..])][..],
        &[(".wh.d", Regular, "", 0o644, 0, b"")],
        &[(".wh..wh..opq", Regular, "", 0o644, 0, b""), ("e", Regular, "", 0o644, 0, b"")],
    ] {
        let chain = Chain::new(&[
            &[("d/", Directory, "", 0o700, 5, b""), ("s/", Directory, "", 0o755, 0, b"")],
            &[("d/x", Regular, "", 0o644, 0, b"x"), ("s/x", Regular, "", 0o644, 0, b"x")],
            top,
        ]);
        assert_eq!(chain.settle().unwrap(), None, "{top:?}");
    }
    let chain = Chain::new(&[
        &[("d/", Directory, "", 0o700, 5, b"")],
        &[(".wh.d", Regular, "", 0o644, 0, b""), ("d/x", Regular, "", 0o644, 0, b"x")],
    ]);
    assert_eq!(chain.settle().unwrap(), None);
}

#[test]
fn hard_links_to_lower_files_are_the_same_file() {
    if !crate::require_root() {
        return;
    }
    let chain = Chain::new(&[
        &[
            ("bin/", Directory, "", 0o755, 0, b""),
            ("bin/tool", Regular, "", 0o4755, 0, b"tool"),
            ("sbin", EntryType::Symlink, "bin", 0o777, 0, b""),
        ],
        &[
            ("usr/", Directory, "", 0o750, 0, b""),
            ("usr/tool", Link, "./sbin/tool", 0o644, 0, b""),
            ("usr/again", Link, "usr/tool", 0o644, 0, b""),
            ("usr/hidden", Link, "bin/tool", 0o644, 0, b""),
        ],
        &[("usr/.wh.hidden", Regular, "", 0o644, 0, b"")],
    ]);
    let settled = chain.settle().unwrap().expect("links");
    let inode = |path: &Path| fs::symlink_metadata(path).unwrap().ino();
    let tool = inode(&chain.layers[0].0.join("bin/tool"));
    assert_eq!([inode(&settled.join("usr/tool")), inode(&settled.join("usr/again"))], [tool, tool]);
    assert!(!settled.join("usr/hidden").exists());
    assert_eq!(facts(&settled.join("usr")), (0o750, 0));
    let stack = chain.stack(&settled);
    assert_eq!(stack.read(Path::new("/usr/again"), 100).unwrap().as_deref(), Some(&b"tool"[..]));
    assert_eq!(stack.read(Path::new("sbin/tool"), 100).unwrap().as_deref(), Some(&b"tool"[..]));
    assert_eq!(stack.read(Path::new("usr/hidden"), 100).unwrap(), None);
    stack.read(Path::new("usr/again"), 3).unwrap_err();
}

#[test]
fn a_hard_link_to_nothing_is_an_error_that_names_it() {
    if !crate::require_root() {
        return;
    }
    for lower in [&[("x", Regular, "", 0o644, 0, &b""[..])][..], &[(".wh.gone", Regular, "", 0o644, 0, b"")]]
    {
        let chain = Chain::new(&[lower, &[("twin", Link, "gone", 0o644, 0, b"")]]);
        let error = chain.settle().unwrap_err().to_string();
        assert!(error.contains("twin") && error.contains("gone"), "{error}");
    }
}

#[test]
fn whiteouts_in_every_order() {
    if !crate::require_root() {
        return;
    }
    let opaque = |path: &Path| {
        let mut value = [0; 4];
        rustix::fs::lgetxattr(path, "trusted.overlay.opaque", &mut value)
            .map(|length| value[..length].to_vec())
    };
    for items in [
        [(".wh.d", Regular, "", 0o644, 0, &b""[..]), ("d/x", Regular, "", 0o644, 0, b"x")],
        [("d/x", Regular, "", 0o644, 0, b"x"), (".wh.d", Regular, "", 0o644, 0, b"")],
        [("d/.wh..wh..opq", Regular, "", 0o644, 0, b""), ("d/x", Regular, "", 0o644, 0, b"x")],
    ] {
        let chain = Chain::new(&[&items]);
        let root = &chain.layers[0].0;
        assert_eq!(opaque(&root.join("d")).unwrap(), b"y", "{items:?}");
        assert_eq!(fs::read(root.join("d/x")).unwrap(), b"x");
    }
    for items in [
        [(".wh.f", Regular, "", 0o644, 0, &b""[..]), ("f", Regular, "", 0o644, 0, b"x")],
        [("f", Regular, "", 0o644, 0, b"x"), (".wh.f", Regular, "", 0o644, 0, b"")],
    ] {
        let chain = Chain::new(&[&items]);
        assert_eq!(fs::read(chain.layers[0].0.join("f")).unwrap(), b"x", "{items:?}");
    }
    let chain =
        Chain::new(&[&[("f", Regular, "", 0o644, 0, b"")], &[("a/.wh.f", Regular, "", 0o644, 0, b"")]]);
    let whiteout = fs::symlink_metadata(chain.layers[1].0.join("a/f")).unwrap();
    assert_eq!((whiteout.mode() & 0o170_000, whiteout.rdev()), (0o020_000, 0));
}

#[test]
fn changes_of_an_upper_directory() {
    if !crate::require_root() {
        return;
    }
    let chain = Chain::new(&[
        &[
            ("d/", Directory, "", 0o755, 0, b""),
            ("d/a", Regular, "", 0o644, 0, b"a"),
            ("d/b", Regular, "", 0o644, 0, b"b"),
            ("o/", Directory, "", 0o755, 0, b""),
            ("o/old", Regular, "", 0o644, 0, b"b"),
        ],
        &[
            ("d/", Directory, "", 0o755, 0, b""),
            ("d/a", Regular, "", 0o644, 0, b"A"),
            ("d/.wh.b", Regular, "", 0o644, 0, b""),
            ("d/.wh.never", Regular, "", 0o644, 0, b""),
            ("d/c", Regular, "", 0o644, 0, b"c"),
            ("o/.wh..wh..opq", Regular, "", 0o644, 0, b""),
            ("o/new", Regular, "", 0o644, 0, b"c"),
        ],
    ]);
    let lowers = Stack::open(&[&chain.layers[0].0], Form::Overlay).unwrap();
    let found = changes_of_layer(&chain.layers[1].0, &lowers, Form::Overlay).unwrap();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["C /d", "C /d/a", "D /d/b", "A /d/c", "C /o", "D /o/old", "A /o/new"]);
}
