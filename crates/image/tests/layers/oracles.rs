//! What GNU tar writes is read, what is written GNU tar reads; umoci sees the same files in the same layers.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use barque_image::content::Layout;
use barque_image::layer::{
    Compression, Form, Options, Packer, WriteOptions, unpack, write_difference, write_tree,
};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use crate::tree::{Step, copy, describe, steps, take};

/// Trees that are the same in every run.
fn generated(seed: u8) -> Vec<Step> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    proptest::collection::vec(steps(), 3).new_tree(&mut runner).unwrap().current().concat()
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        println!("skipped: {program} is not installed (scripts/install-test-deps)");
    }
    there
}

#[test]
fn gnu_tar_writes_we_read() {
    if !crate::require_root() || !installed("tar") {
        return;
    }
    for seed in 0..6 {
        for arguments in [
            &["--format=pax", "--xattrs", "--xattrs-include=*"][..],
            &["--format=pax", "--xattrs", "--xattrs-include=*", "--sparse", "--sparse-version=1.0"],
            &["--format=pax", "--xattrs", "--xattrs-include=*", "--sparse", "--sparse-version=0.1"],
            &["--format=pax", "--xattrs", "--xattrs-include=*", "--sparse", "--sparse-version=0.0"],
            &["--format=gnu", "--sparse"],
        ] {
            let scene = tempfile::tempdir().unwrap();
            let at = |name: &str| scene.path().join(name);
            fs::create_dir(at("tree")).unwrap();
            let mut steps = generated(seed);
            if arguments[0] == "--format=gnu" {
                // It knows neither attributes nor parts of seconds.
                steps.retain(|step| !matches!(step, Step::Attribute(..) | Step::Capability(..)));
            }
            steps.push(Step::File("sparse".into(), 3000, true));
            take(&at("tree"), &steps);
            let archive = at("archive.tar");
            run(Command::new("tar")
                .args(arguments)
                .arg("-cf")
                .arg(&archive)
                .arg("-C")
                .arg(at("tree"))
                .arg("."));
            fs::create_dir(at("read")).unwrap();
            let options = Options { form: Form::Plain, ..Options::default() };
            let done = unpack(fs::File::open(&archive).unwrap(), &at("read"), &options).unwrap();
            assert_eq!(done.diff_id, barque_image::Digest::of(&fs::read(&archive).unwrap()));
            let whole = |tree: &Path| {
                let text = describe(tree);
                if arguments[0] == "--format=gnu" { without_fractions(&text) } else { text }
            };
            assert_eq!(whole(&at("read")), whole(&at("tree")), "{seed} {arguments:?}");
        }
    }
}

/// Times in whole seconds.
fn without_fractions(text: &str) -> String {
    let cut = |word: &str| match word.rsplit_once('.') {
        Some((seconds, fraction)) if fraction.len() == 9 && seconds.parse::<i64>().is_ok() => {
            seconds.to_owned()
        }
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(cut).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn we_write_gnu_tar_reads() {
    if !crate::require_root() || !installed("tar") {
        return;
    }
    for seed in 0..12 {
        let scene = tempfile::tempdir().unwrap();
        let at = |name: &str| scene.path().join(name);
        fs::create_dir(at("tree")).unwrap();
        take(&at("tree"), &generated(seed));
        let file = fs::File::create(at("archive.tar")).unwrap();
        let options = WriteOptions { form: Form::Plain, latest: None };
        write_tree(&at("tree"), std::io::BufWriter::new(file), &options).unwrap().flush().unwrap();
        fs::create_dir(at("read")).unwrap();
        let mut tar = Command::new("tar");
        tar.args(["--xattrs", "--xattrs-include=*", "--same-owner", "-xpf"]).arg(at("archive.tar"));
        run(tar.arg("-C").arg(at("read")));
        assert_eq!(describe(&at("read")), describe(&at("tree")), "{seed}");
    }
}

#[test]
fn times_are_held_to_a_latest_one() {
    let scene = tempfile::tempdir().unwrap();
    fs::write(scene.path().join("file"), "x").unwrap();
    let write =
        |latest| write_tree(scene.path(), Vec::new(), &WriteOptions { form: Form::Plain, latest }).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(text(&write(None)).contains("mtime="), "a file just made has a fraction of a second");
    let held = write(Some(1_000_000_000));
    assert!(!text(&held).contains("mtime=") && text(&held).contains("07346545000"));
}

/// An image of these layers, as umoci takes it.
fn image(layout: &Layout, archives: &[Vec<u8>]) {
    let mut layers = Vec::new();
    let mut ids = Vec::new();
    for (number, archive) in archives.iter().enumerate() {
        let compression = if number % 2 == 0 { Compression::Gzip } else { Compression::None };
        let mut packer = Packer::new(Vec::new(), compression, 2).unwrap();
        packer.write_all(archive).unwrap();
        let (blob, packed) = packer.finish().unwrap();
        layers.push(layout.add(compression.media_type(), &blob).unwrap());
        assert_eq!(layers[number].digest, packed.digest);
        ids.push(packed.diff_id);
    }
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids}
    });
    let config =
        layout.add("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes()).unwrap();
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest =
        json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers}).to_string();
    let mut manifest = serde_json::to_value(layout.add(media_type, manifest.as_bytes()).unwrap()).unwrap();
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "test"});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]}).to_string();
    fs::write(layout.root().join("index.json"), index).unwrap();
}

#[test]
fn umoci_sees_the_same_tree() {
    if !crate::require_root() || !installed("umoci") {
        return;
    }
    for seed in 0..8 {
        let scene = tempfile::tempdir().unwrap();
        let at = |name: &str| scene.path().join(name);
        fs::create_dir(at("a")).unwrap();
        // umoci knows no attributes of overlayfs' `trusted` kind, and takes set-id bits as they come.
        let steps = |seed| {
            let mut steps = generated(seed);
            steps.retain(|step| !matches!(step, Step::Attribute(..)) && !format!("{step:?}").contains("\\n"));
            steps
        };
        take(&at("a"), &steps(seed));
        copy(&at("a"), &at("b"));
        take(&at("b"), &steps(seed + 100));
        let layout = Layout::new(at("image"));
        let base =
            write_tree(&at("a"), Vec::new(), &WriteOptions { form: Form::Plain, latest: None }).unwrap();
        let difference = write_difference(&at("a"), &at("b"), Vec::new(), &WriteOptions::default()).unwrap();
        image(&layout, &[base, difference]);
        let name = format!("{}:test", at("image").display());
        run(Command::new("umoci").args(["unpack", "--image", &name]).arg(at("bundle")));
        let rest = |text: String| text.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned());
        assert_eq!(rest(describe(&at("bundle/rootfs"))), rest(describe(&at("b"))), "{seed}");
    }
}
