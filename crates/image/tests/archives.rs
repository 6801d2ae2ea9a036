//! Archives, there and back: what skopeo, umoci, podman and docker write is loaded, what is saved is loaded there, and ids
//! and digests stay what they were.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "this is a test, whole: a failure is a panic, a skip is said"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barque_image::archive::{Form, Input, Saved, load, save, save_dir, save_layout};
use barque_image::progress::Silent;
use barque_image::spec::Platform;
use barque_image::store::{Examination, Image, Import, Store};

/// These tests make images with the owners that they have: root's work.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    out.trim().to_owned()
}

/// A directory with a store and an image of two names in it.
struct World {
    directory: tempfile::TempDir,
    store: Store,
    image: Image,
}

const NAME: &str = "docker.io/library/app:1";

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path().join("tree");
        fs::create_dir_all(tree.join("bin")).unwrap();
        fs::create_dir_all(tree.join("etc/deep")).unwrap();
        fs::write(tree.join("etc/deep/file"), "text\n").unwrap();
        fs::write(tree.join("bin/large"), vec![7; 3 << 20]).unwrap();
        std::os::unix::fs::symlink("large", tree.join("bin/link")).unwrap();
        fs::hard_link(tree.join("bin/large"), tree.join("bin/hard")).unwrap();
        let archive = directory.path().join("tree.tar.gz");
        output("tar", &["-C", text(&tree), "-czf", text(&archive), "."]);
        let store = Store::new(directory.path().join("root"));
        let import = Import {
            name: Some(NAME.parse().unwrap()),
            changes: vec!["CMD [\"/bin/large\"]".to_owned(), "ENV A=b".to_owned()],
            message: String::new(),
            platform: Platform::of_this_machine(),
            created: "2026-01-01T00:00:00Z".to_owned(),
        };
        let image = store.import(File::open(archive).unwrap(), &import).unwrap();
        store.tag(&image, &"localhost:5000/other/name:2".parse().unwrap()).unwrap();
        Self { directory, store, image }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn images(&self) -> String {
        text(self.store.layout().root()).to_owned()
    }

    fn saved(&self) -> Vec<Saved> {
        let names = [NAME, "localhost:5000/other/name:2"].map(|name| name.parse().unwrap());
        vec![Saved { image: self.image.clone(), names: names.to_vec() }]
    }

    fn save(&self, form: Form) -> PathBuf {
        let path = self.path("saved.tar");
        save(&self.store, &self.saved(), form, &mut File::create(&path).unwrap()).unwrap();
        path
    }

    /// Loads into a new store, and checks that it is the same image. Says its names and the digest of its manifest.
    fn same_image(&self, input: Input<'_>) -> (Vec<String>, String) {
        let fresh = tempfile::tempdir_in(self.directory.path()).unwrap();
        let store = Store::new(fresh.path());
        let mut loaded = load(&store, input, None, &Silent).unwrap();
        assert_eq!(loaded.len(), 1);
        let loaded = loaded.remove(0);
        assert_eq!((loaded.image.id(), loaded.image.diff_ids()), (self.image.id(), self.image.diff_ids()));
        let file = store.rootfs(&loaded.image).unwrap()[0].join("etc/deep/file");
        assert_eq!(fs::read_to_string(file).unwrap(), "text\n");
        let report = store.check(Examination::default(), &Silent).unwrap();
        assert_eq!((report.findings, report.orphans), (Vec::new(), Vec::new()));
        (loaded.names, loaded.image.descriptor.digest.to_string())
    }

    fn digest(&self) -> String {
        self.image.descriptor.digest.to_string()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn archive(path: &Path) -> Input<'_> {
    Input::Archive(File::open(path).unwrap())
}

#[test]
fn what_we_write_we_read() {
    if !is_root() {
        return;
    }
    let world = World::new();
    let both = vec![NAME.to_owned(), "localhost:5000/other/name:2".to_owned()];
    for form in [Form::Docker, Form::Oci] {
        let saved = world.save(form);
        assert_eq!(world.same_image(archive(&saved)), (both.clone(), world.digest()), "{form:?}");
        // The same bytes each time; compressed, and from a stream.
        let first = fs::read(&saved).unwrap();
        assert!(first == fs::read(world.save(form)).unwrap());
        output("gzip", &["-kf", text(&saved)]);
        assert_eq!(world.same_image(archive(&world.path("saved.tar.gz"))).1, world.digest());
        assert_eq!(world.same_image(Input::Stream(&mut &first[..])).1, world.digest());
    }
    save_layout(&world.store, &world.saved(), &world.path("layout")).unwrap();
    assert_eq!(world.same_image(Input::Directory(&world.path("layout"))), (both, world.digest()));
    save_dir(&world.store, &world.image, &world.path("dir")).unwrap();
    assert_eq!(world.same_image(Input::Directory(&world.path("dir"))), (Vec::new(), world.digest()));
}

#[test]
fn skopeo_and_umoci_read_the_store_as_it_is() {
    if !is_root() {
        return;
    }
    let world = World::new();
    for name in [NAME, "localhost:5000/other/name:2"] {
        let place = format!("oci:{}:{name}", world.images());
        assert_eq!(output("skopeo", &["inspect", "--format", "{{.Digest}}", &place]), world.digest());
    }
    let (bundle, image) = (world.path("bundle"), format!("{}:{NAME}", world.images()));
    output("umoci", &["unpack", "--image", &image, text(&bundle)]);
    assert_eq!(fs::read_to_string(bundle.join("rootfs/etc/deep/file")).unwrap(), "text\n");
    // What umoci writes into it is an image like the others.
    let new = format!("{}:new-tag", world.images());
    output("umoci", &["config", "--image", &image, "--tag", "new-tag", "--config.cmd", "changed"]);
    output("umoci", &["stat", "--image", &new]);
    let changed =
        world.store.list().unwrap().into_iter().find(|image| image.tags().any(|tag| tag == "new-tag"));
    let changed = world.store.image(&changed.unwrap().entries[0].manifest).unwrap();
    assert_eq!(
        (changed.config.config.cmd.as_slice(), changed.diff_ids()),
        (&["changed".to_owned()][..], world.image.diff_ids())
    );
}

#[test]
fn skopeo_there_and_back() {
    if !is_root() {
        return;
    }
    let world = World::new();
    let copy = |from: &str, to: &str| output("skopeo", &["copy", "-q", "--insecure-policy", from, to]);
    let store = format!("oci:{}:{NAME}", world.images());
    for (to, file, name) in [
        ("oci-archive", "a.tar", Some(NAME)),
        ("docker-archive", "b.tar", Some("example.org/x/y:3")),
        ("oci", "layout", Some("example.org/x/y:3")),
        ("dir", "dir", None),
    ] {
        let path = world.path(file);
        let place =
            format!("{to}:{}{}", text(&path), name.map(|name| format!(":{name}")).unwrap_or_default());
        copy(&store, &place);
        let input = if path.is_dir() { Input::Directory(&path) } else { archive(&path) };
        let (names, digest) = world.same_image(input);
        assert_eq!(names, name.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{to}");
        // Docker's archive has no manifests, and no compressed layers.
        assert_eq!(digest == world.digest(), to != "docker-archive", "{to}");
    }
    for (form, from) in
        [(Form::Oci, "oci-archive"), (Form::Docker, "oci-archive"), (Form::Docker, "docker-archive")]
    {
        let saved = world.save(form);
        let place = format!("{from}:{}:{NAME}", text(&saved));
        let config = output("skopeo", &["inspect", "--raw", "--config", &place]);
        assert_eq!(barque_image::Digest::of(config.as_bytes()), *world.image.id(), "{form:?} as {from}");
        if from == "oci-archive" {
            assert_eq!(output("skopeo", &["inspect", "--format", "{{.Digest}}", &place]), world.digest());
        }
    }
}

#[test]
fn podman_there_and_back() {
    if !is_root() {
        return;
    }
    let world = World::new();
    let (root, run) = (world.path("podman"), world.path("podman-run"));
    let podman = |arguments: &[&str]| {
        let global = ["--root", text(&root), "--runroot", text(&run), "--storage-driver", "vfs"];
        output("podman", &[&global, arguments].concat())
    };
    for form in [Form::Docker, Form::Oci] {
        let path = world.path("for-podman.tar");
        let mut saved = world.saved();
        if form == Form::Oci {
            // "more than one image in oci, choose an image": that is all podman 4 has to say to two names.
            saved[0].names.truncate(1);
        }
        save(&world.store, &saved, form, &mut File::create(&path).unwrap()).unwrap();
        let loaded = podman(&["load", "-q", "-i", text(&path)]);
        let ids = podman(&["images", "-q", "--no-trunc", NAME]);
        assert_eq!(ids, world.image.id().as_str(), "{form:?}: {loaded}");
        podman(&["tag", NAME, "example.org/back:1"]);
        for back in ["docker-archive", "oci-archive"] {
            let path = world.path(&format!("{back}.tar"));
            drop(fs::remove_file(&path));
            podman(&["save", "-q", "--format", back, "-o", text(&path), "example.org/back:1"]);
            assert_eq!(world.same_image(archive(&path)).0, ["example.org/back:1"], "{back}");
        }
        podman(&["rmi", "-f", world.image.id().hex()]);
    }
}

/// A dockerd of our own, without a network.
struct Docker {
    daemon: Child,
    socket: String,
}

impl Docker {
    fn start(directory: &Path) -> Self {
        let path = |name: &str| text(&directory.join(name)).to_owned();
        let socket = format!("unix://{}", path("docker.sock"));
        let log = File::create(directory.join("dockerd.log")).unwrap();
        let daemon = Command::new("dockerd")
            .args([
                "--data-root",
                &path("docker"),
                "--exec-root",
                &path("docker-run"),
                "--pidfile",
                &path("docker.pid"),
            ])
            .args([
                "-H",
                &socket,
                "--bridge=none",
                "--iptables=false",
                "--ip-forward=false",
                "--storage-driver=vfs",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let docker = Self { daemon, socket };
        let begin = Instant::now();
        let answers = || {
            Command::new("docker")
                .args(["-H", &docker.socket, "version"])
                .output()
                .is_ok_and(|o| o.status.success())
        };
        while !answers() {
            let log = || fs::read_to_string(directory.join("dockerd.log")).unwrap_or_default();
            assert!(begin.elapsed() < Duration::from_secs(60), "dockerd does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
        docker
    }

    fn run(&self, arguments: &[&str]) -> String {
        output("docker", &[&["-H", &self.socket], arguments].concat())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // It ends its containerd itself, if it is asked to end and not killed.
        if let Some(pid) = i32::try_from(self.daemon.id()).ok().and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        }
        drop(self.daemon.wait());
    }
}

#[test]
fn docker_there_and_back() {
    if !is_root() {
        return;
    }
    let world = World::new();
    let docker = Docker::start(world.directory.path());
    docker.run(&["load", "-q", "-i", text(&world.save(Form::Docker))]);
    let ids = docker.run(&["images", "-q", "--no-trunc", "app:1"]);
    assert_eq!(ids, world.image.id().as_str());
    assert_eq!(docker.run(&["images", "-q", "--no-trunc", "localhost:5000/other/name:2"]), ids);
    let path = world.path("docker.tar");
    docker.run(&["save", "-o", text(&path), "app:1", "localhost:5000/other/name:2"]);
    let (mut names, _) = world.same_image(archive(&path));
    names.sort();
    assert_eq!(names, [NAME, "localhost:5000/other/name:2"]);
}
