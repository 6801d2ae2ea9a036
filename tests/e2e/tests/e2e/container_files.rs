//! A container's files: `cp`, `diff`, `commit`, `export`, of containers that run and that do not.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::lab::{Said, said, wait_until};
use crate::scene::Scene;

impl Scene {
    /// With an image.
    fn with_image() -> Option<Self> {
        let scene = Self::new()?;
        let rootfs = scene.lab.rootfs();
        fs::write(rootfs.join("etc/base"), "base\n").unwrap();
        fs::write(rootfs.join("etc/gone"), "gone\n").unwrap();
        scene
            .barque(&["import", "-c", "ENV A=1", "-c", "WORKDIR /tmp", rootfs.to_str().unwrap(), "bb:1"])
            .ok();
        Some(scene)
    }

    /// Starts a container in the background and waits until its script has come to its end.
    fn start(&self, name: &str, flags: &[&str], root: &str, script: &str) {
        let script = format!("{script}\ntouch /tmp/ready; exec sleep 1000");
        let parent = self.lab.cgroup_parent();
        let fixed = ["run", "-d", "--name", name, "--network", "none", "--cgroup-parent", parent];
        self.barque(&[&fixed, flags, &[root, "/bin/busybox", "sh", "-ec", &script]].concat()).ok();
        let ready = || self.barque(&["cp", "-q", &format!("{name}:/tmp/ready"), "-"]).code == 0;
        assert!(wait_until(ready), "{:#?}", self.barque(&["ps", "-a"]));
    }

    fn stop(&self, name: &str) {
        self.barque(&["stop", "-t", "0", name]).ok();
    }

    /// What a shell says, with `$B` for the command under test.
    fn sh(&self, script: &str) -> Said {
        let barque = self.lab.barque();
        let words: Vec<_> = std::iter::once(barque.get_program()).chain(barque.get_args()).collect();
        let words = words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
        let mut shell = Command::new("bash");
        said(
            shell
                .args(["-o", "pipefail", "-ec", script])
                .env("B", words)
                .current_dir(self.lab.path(""))
                .stdin(Stdio::null()),
        )
    }
}

#[test]
fn copies_in_and_out_of_one_that_runs_and_one_that_does_not() {
    let Some(scene) = Scene::with_image() else { return };
    scene.lab.file("in.txt", "in\n");
    fs::create_dir(scene.lab.path("vol")).unwrap();
    let volume = format!("{}:/srv/vol", scene.lab.text("vol"));
    scene.start(
        "web",
        &["-v", &volume],
        "bb:1",
        "mkdir /d; echo x >/d/x; chown 1000:50 /d/x; ln -s /etc/base /d/l",
    );
    for running in [true, false] {
        let said = scene.barque(&["cp", "web:/d/x", &scene.lab.text("out")]);
        said.ok();
        assert_eq!(said.err, format!("Successfully copied 2.05kB to {}\n", scene.lab.text("out")));
        let copy = fs::metadata(scene.lab.path("out")).unwrap();
        assert_eq!((copy.uid(), copy.gid(), copy.len()), (0, 0, 2), "{running}");
        scene.barque(&["cp", "-aq", "web:/d", &scene.lab.text("kept")]).ok();
        let copy = fs::metadata(scene.lab.path("kept/x")).unwrap();
        assert_eq!((copy.uid(), copy.gid()), (1000, 50), "{running}");
        assert!(fs::symlink_metadata(scene.lab.path("kept/l")).unwrap().is_symlink());
        scene.barque(&["cp", "-qL", "web:/d/l", &scene.lab.text("followed")]).ok();
        assert_eq!(fs::read_to_string(scene.lab.path("followed")).unwrap(), "base\n");

        scene.sh(&format!("$B cp in.txt web:/d/new-{running}; $B cp -q in.txt web:/srv/vol/{running}")).ok();
        assert_eq!(fs::read_to_string(scene.lab.path(&format!("vol/{running}"))).unwrap(), "in\n");
        assert_eq!(scene.sh(&format!("$B cp web:/d/new-{running} - | tar -xO")).ok(), "in");
        assert_eq!(scene.sh(&format!("$B cp web:/srv/vol/{running} - | tar -xO")).ok(), "in");
        scene.sh("tar -cf - in.txt | $B cp - web:/tmp").ok();
        assert_eq!(scene.sh("$B cp web:/tmp/in.txt - | tar -tv | cut -c1-10").ok(), "-rw-r--r--");

        scene
            .barque(&["cp", "web:/none", "/tmp/x"])
            .fails(1, &["Could not find the file /none in container web"]);
        scene.sh("$B cp in.txt web:/d/none/").fails(1, &["no such directory"]);
        scene.sh("$B cp in.txt web:/none/x").fails(1, &["Could not find the file /none in container web"]);
        scene.sh("$B cp - web:/d/x <in.txt").fails(1, &["destination \"web:/d/x\" must be a directory"]);
        scene.sh("$B cp rootfs web:/d/x").fails(1, &["cannot copy directory"]);
        if running {
            fs::remove_dir_all(scene.lab.path("kept")).unwrap();
            scene.stop("web");
        }
    }
    scene.barque(&["cp", "a", "b"]).fails(1, &["must specify at least one container source"]);
    scene.barque(&["cp", "nobody:/x", "."]).fails(1, &["No such container: nobody"]);
    // What was copied into it while it did not run is there when it does.
    scene.barque(&["start", "web"]).ok();
    assert_eq!(scene.sh("$B cp web:/d - | tar -t").ok(), "d/\nd/l\nd/new-false\nd/new-true\nd/x");
    scene.start("second", &[], "bb:1", "");
    scene.barque(&["cp", "-q", "web:/d", "second:/tmp/of-another"]).ok();
    scene.stop("second");
    scene.stop("web");
    scene.barque(&["cp", "-q", "web:/d/x", "second:/tmp/both-stopped"]).ok();
    assert_eq!(
        scene
            .sh("$B cp second:/tmp/of-another/x - | tar -xO; $B cp second:/tmp/both-stopped - | tar -xO")
            .ok(),
        "x\nx"
    );
}

#[test]
fn a_file_that_is_mounted_is_written_to_and_stays_mounted() {
    let Some(scene) = Scene::with_image() else { return };
    scene.lab.file("in.txt", "127.0.0.1 in\n");
    scene.start("web", &[], "bb:1", "");
    scene.sh("$B cp -q in.txt web:/etc/hosts").ok();
    assert_eq!(scene.sh("$B cp web:/etc/hosts - | tar -xO").ok(), "127.0.0.1 in");
    assert_eq!(scene.barque(&["diff", "web"]).ok(), "C /tmp\nA /tmp/ready");
    scene.sh("$B cp rootfs web:/etc/hosts").fails(1, &["cannot copy directory"]);
    scene.sh("ln -s a link; $B cp link web:/etc/hosts").fails(1, &["something is mounted on it"]);
}

#[test]
fn what_a_container_has_changed() {
    let Some(scene) = Scene::with_image() else { return };
    let volume = format!("{}:/srv/deep/vol", scene.lab.text("rootfs"));
    let flags = ["-v", &volume, "--tmpfs", "/scratch"];
    let script = "echo n >/etc/new; rm /etc/gone; echo c >>/etc/base; echo t >/scratch/t; echo h >>/etc/hosts
        rm -r /home; mkdir /home; mkdir -p /srv/deep/own";
    scene.start("web", &flags, "bb:1", script);
    let changes = "C /etc\nC /etc/base\nD /etc/gone\nA /etc/new\nC /home\nD /home/ann\nA /srv\nA /srv/deep\nA /srv/deep/own\n\
                   C /tmp\nA /tmp/ready";
    assert_eq!(scene.barque(&["diff", "web"]).ok(), changes);
    scene.stop("web");
    assert_eq!(scene.barque(&["container", "diff", "web"]).ok(), changes);
    // One that was made and never ran, and one that has only mounts.
    scene.barque(&["create", "--name", "new", "--network", "none", "-v", &volume, "bb:1", "true"]).ok();
    assert_eq!(scene.barque(&["diff", "new"]).ok(), "");
    scene.barque(&["diff", "none"]).fails(1, &["No such container: none"]);
}

#[test]
fn commit_keeps_the_changes_alone() {
    let Some(scene) = Scene::with_image() else { return };
    let volume = format!("{}:/srv/vol", scene.lab.text("rootfs"));
    let script =
        "echo n >/etc/new; rm /etc/gone; echo c >>/etc/base; rm -r /home; mkdir /home; chown 7:8 /etc/new";
    scene.start("web", &["-v", &volume, "-e", "B=2"], "bb:1", script);
    let id = scene.barque(&[
        "commit",
        "-a",
        "Ann",
        "-m",
        "why",
        "-c",
        "CMD [\"cat\", \"/etc/base\"]",
        "web",
        "bb:2",
    ]);
    assert!(id.ok().starts_with("sha256:") && id.ok().len() == 71, "{id:#?}");
    let inspect =
        |format: &str, image: &str| scene.barque(&["image", "inspect", "-f", format, image]).ok().to_owned();
    assert_eq!(inspect("{{.Id}}", "bb:2"), id.ok());
    assert_eq!(
        inspect("{{.Author}} {{.Comment}} {{json .Config.Cmd}}", "bb:2"),
        "Ann why [\"cat\",\"/etc/base\"]"
    );
    let environment = inspect("{{json .Config.Env}} {{.Config.WorkingDir}}", "bb:2");
    assert!(
        environment.contains("\"A=1\",\"B=2\"] /tmp") && !environment.contains("HOSTNAME"),
        "{environment}"
    );
    let layers: Vec<String> = serde_json::from_str(&inspect("{{json .RootFS.Layers}}", "bb:2")).unwrap();
    let base: Vec<String> = serde_json::from_str(&inspect("{{json .RootFS.Layers}}", "bb:1")).unwrap();
    assert_eq!((layers.len(), &layers[..1]), (2, &base[..]), "the base is shared");
    let changes = "C /etc\nC /etc/base\nD /etc/gone\nA /etc/new\nC /home\nD /home/ann\nC /tmp\nA /tmp/ready";
    let diff = scene.barque(&["image", "diff", "bb:1", "bb:2"]);
    // The root directory of a layer has a time of its own.
    assert_eq!(diff.ok().trim_start_matches("C /\n"), changes);
    let look = scene.lab.run_on(
        &["--network", "none"],
        "bb:2",
        &["sh", "-c", "stat -c %u:%g /etc/new; ls /srv /home"],
    );
    assert_eq!((look.out.as_str(), look.code), ("7:8\n/home:\n", 1), "{look:#?}");
    assert_eq!(scene.lab.run_on(&["--network", "none"], "bb:2", &[]).ok(), "base\nc");
    // Frozen meanwhile, not afterwards.
    assert_eq!(scene.barque(&["ps", "--format", "{{.State}}"]).ok(), "running");

    scene.stop("web");
    scene.barque(&["commit", "--no-pause", "web"]).ok();
    scene.barque(&["commit", "-c", "RUN x", "web"]).fails(1, &["RUN x"]);
    scene.barque(&["rm", "web"]).ok();
    assert!(scene.barque(&["image", "check"]).code == 0);
}

#[test]
fn export_writes_the_root_without_what_is_mounted() {
    let Some(scene) = Scene::with_image() else { return };
    let volume = format!("{}:/srv/vol", scene.lab.text("rootfs"));
    scene.start("web", &["-v", &volume], "bb:1", "echo n >/etc/new; rm /etc/gone; : >/tmp/.wh.odd");
    for _ in 0..2 {
        let list = scene.sh("$B export web | tar -t | grep -v ^bin/");
        for (name, there) in [
            ("etc/new", true),
            ("etc/gone", false),
            ("srv/vol/", true),
            ("srv/vol/bin/", false),
            ("etc/hosts", true),
            ("proc/", true),
            ("proc/self", false),
            ("tmp/.wh.odd", true),
        ] {
            assert_eq!(list.ok().lines().any(|line| line == name), there, "{name} {list:#?}");
        }
        assert_eq!(scene.sh("$B export web | tar -xO etc/hosts | wc -c").ok(), "0", "the container's own");
        scene.barque(&["export", "-o", &scene.lab.text("out.tar"), "web"]).ok();
        assert!(scene.sh("tar -tf out.tar | grep -x etc/new").code == 0);
        scene.stop("web");
    }
    scene.barque(&["export", "-o", "/nowhere/x", "web"]).fails(1, &["/nowhere"]);
    let terminal = scene.sh("script -qec \"$B export web\" /dev/null");
    assert!(terminal.out.contains("refusing to save to a terminal"), "{terminal:#?}");
}

#[test]
fn changes_of_this_machine_are_kept_shown_and_committed() {
    let Some(scene) = Scene::with_image() else { return };
    let name = scene.lab.path("").file_name().unwrap().to_str().unwrap().to_owned();
    scene.lab.file("h", "h\n");
    let busybox = "/bin/busybox";
    let (script, own) = (
        format!("mkdir /var/{name}-new; echo 1 >/var/{name}-new/f; {busybox} rm /etc/passwd"),
        format!("/var/{name}-new"),
    );
    scene.start("here", &[], "@host", &script);
    let shows = |wanted: &[&str]| {
        let diff = scene.barque(&["diff", "here"]);
        for line in wanted {
            assert!(diff.ok().lines().any(|shown| shown == *line), "{line} {diff:#?}");
        }
    };
    let (added, file) = (format!("A {own}"), format!("A {own}/f"));
    shows(&[&added, &file, "C /etc", "D /etc/passwd"]);
    assert!(fs::metadata("/etc/passwd").is_ok() && fs::metadata(&own).is_err(), "this machine is as it was");
    scene.barque(&["commit", "here", "running:1"]).ok();
    scene.stop("here");
    shows(&[&added, &file, "C /etc", "D /etc/passwd"]);
    scene.sh(&format!("$B cp -q h here:{own}/h")).ok();
    scene.barque(&["start", "here"]).ok();
    // Its script makes a directory that it has kept: it ends at once.
    assert!(wait_until(|| scene.status("here") == "exited"));
    let again = format!("A {own}/h");
    shows(&[&added, &file, &again, "D /etc/passwd"]);
    assert_eq!(scene.sh(&format!("$B cp here:{own}/h - | tar -xO")).ok(), "h");
    scene.stop("here");
    scene.barque(&["commit", "here", "changed:1"]).ok();
    let layers = scene.barque(&[
        "image",
        "inspect",
        "-f",
        "{{len .RootFS.Layers}} {{json .Config.Labels}}",
        "changed:1",
    ]);
    assert_eq!(layers.ok(), "1 {\"barque.base\":\"@host\"}");
    let run = |image: &str| {
        let script = format!("cat {own}/f; {busybox} ls /etc/passwd");
        scene.lab.run_on(&["--network", "none"], image, &["/bin/sh", "-c", &script])
    };
    for image in ["running:1", "changed:1"] {
        let over = run(image);
        assert!(
            over.out == "1\n" && over.code == 1 && over.err.contains("/etc/passwd"),
            "{image}: {over:#?}"
        );
    }
}

#[test]
fn links_and_races_lead_nobody_out_of_a_container() {
    let Some(scene) = Scene::with_image() else { return };
    scene.lab.file("outside/secret", "the machine's");
    let outside = scene.lab.text("outside");
    // Inside, the same path leads to what is the container's own.
    let script = format!(
        "mkdir -p {outside}.d /a/d; echo own >/a/d/secret; ln -s {outside} /link; ln -s {outside}/secret /file
        (while :; do mv -T /a /b; mv -T /link /a; mv -T /a /link; mv -T /b /a; done) 2>/dev/null &"
    );
    scene.start("wild", &[], "bb:1", &script);
    scene.lab.file("in/secret", "overwritten");
    for round in 0..20 {
        let out = scene.lab.text(&format!("out{round}"));
        // They may fail, as the names come and go.
        drop(scene.barque(&["cp", "-q", "-L", "wild:/a", &out]));
        drop(scene.sh(
            "$B cp -q in/. wild:/a; $B cp -q in/secret wild:/a/secret; tar -C in -c secret | $B cp - wild:/a",
        ));
    }
    // There may be something of that name inside, which was copied there through the link.
    drop(scene.barque(&["cp", "-L", "wild:/file", &scene.lab.text("out-file")]));
    assert_eq!(fs::read_to_string(scene.lab.path("outside/secret")).unwrap(), "the machine's");
    assert_eq!(fs::read_dir(scene.lab.path("outside")).unwrap().count(), 1);
    let stolen = scene.sh("grep -rl \"the machine's\" out[0-9]* out-file 2>/dev/null || true");
    assert_eq!(stolen.ok(), "");
}

#[test]
fn killed_at_any_moment_nothing_is_left_and_the_container_goes_on() {
    let Some(scene) = Scene::with_image() else { return };
    scene.start("web", &[], "bb:1", "dd if=/dev/zero of=/big bs=1M count=60 2>/dev/null");
    let mounts = || {
        fs::read_to_string("/proc/self/mountinfo")
            .unwrap()
            .lines()
            .filter(|line| line.contains(&scene.lab.text("root")))
            .count()
    };
    let before = mounts();
    let at_work = || {
        let root = scene.lab.text("root");
        let of_ours = |pid: &str| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                line.contains(&root)
                    && (line.contains(" commit ") || line.contains(" cp ") || line.contains(" export "))
            })
        };
        let pids =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        pids.filter(|pid| of_ours(pid)).count()
    };
    let out = scene.lab.text("out.tar");
    for round in 0..8_u64 {
        for arguments in [
            &["commit", "web", "bb:killed"][..],
            &["cp", "-q", "web:/big", &out],
            &["export", "-o", &out, "web"],
        ] {
            let mut child = scene
                .lab
                .barque()
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(3 + round * 9));
            drop(child.kill());
            child.wait().unwrap();
            assert!(wait_until(|| at_work() == 0), "{arguments:?}: processes are left");
            let running = || scene.barque(&["ps", "--format", "{{.State}}"]).out == "running\n";
            assert!(wait_until(running), "{arguments:?} round {round}: frozen for ever");
        }
        if round == 3 {
            scene.stop("web");
            assert_eq!(mounts(), before);
            scene.barque(&["start", "web"]).ok();
        }
    }
    assert_eq!(mounts(), before, "mounts are left");
    scene.barque(&["commit", "web", "bb:whole"]).ok();
    let check = scene.barque(&["image", "check"]);
    assert_eq!(check.code, 0, "{check:#?}");
    // What was begun is removed by the next that has time; images that were whole are there, and no others.
    let images = scene.barque(&["images", "-aq"]);
    assert!(images.ok().lines().count() <= 11, "{images:#?}");
}
