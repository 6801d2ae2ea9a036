//! Images: pulled, run, listed, pushed, saved, loaded and removed, beside the tools that others use.

use std::fs;
use std::process::Command;

use crate::lab::{Lab, Said, require_root, said};
use crate::registry::{Registry, seed, skopeo};

/// `barque ARGUMENTS` in a scene.
fn barque(lab: &Lab, arguments: &[&str]) -> Said {
    let mut command = lab.barque();
    // Nothing of whoever runs the tests.
    command.env("HOME", lab.path("home")).env_remove("XDG_CONFIG_HOME").env_remove("DOCKER_CONFIG");
    said(command.args(arguments).stdin(std::process::Stdio::null()))
}

#[test]
fn run_pulls_and_obeys_the_configuration() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    seed(&lab, &registry, "team/app:1");
    let name = registry.name("team/app:1");
    lab.run_on(&["--pull", "never"], &name, &[]).fails(125, &["No such image", "barque pull"]);
    let first = lab.run_on(&[], &name, &[]);
    assert_eq!(first.ok(), "ann\n/work/here\nblue");
    for words in [format!("Unable to find image '{name}' locally"), "Status: Downloaded newer image".into()] {
        assert!(first.err.contains(&words), "{first:#?}");
    }
    let second = lab.run_on(&[], &name, &["sh", "-c", "cat /etc/two /etc/three; ls /gone"]);
    assert_eq!((second.code, second.out.as_str()), (1, "two\nthree\n"));
    assert!(!second.err.contains("Unable"), "{second:#?}");
    for (flags, command, expected) in [
        (
            &["-u", "0", "-w", "/", "-e", "COLOUR=red"][..],
            &["sh", "-c", "id -un; pwd; echo $COLOUR"][..],
            "root\n/\nred",
        ),
        (&["--entrypoint", "echo"], &["x"], "x"),
        (&["--entrypoint", "pwd"], &[], "/work/here"),
    ] {
        assert_eq!(lab.run_on(flags, &name, command).ok(), expected, "{flags:?} {command:?}");
    }
    lab.run_on(&["--entrypoint", ""], &name, &[]).fails(125, &["no command specified"]);
    lab.run_on(&[], &name, &["no-such-program"]).fails(127, &["no-such-program"]);
    lab.run_on(&[], &name, &["/etc/passwd"]).fails(126, &["/etc/passwd"]);
    lab.run_on(&["--pull", "sometimes"], &name, &[]).fails(125, &["sometimes", "always"]);
    // What one container writes, the next does not see.
    assert_eq!(lab.run_on(&["-u", "0"], &name, &["sh", "-c", "rm /etc/two; ls /etc/two"]).code, 1);
    assert_eq!(lab.run_on(&[], &name, &["cat", "/etc/two"]).ok(), "two");
}

#[test]
fn a_pull_of_what_is_here_changes_nothing() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    seed(&lab, &registry, "team/app:1");
    let name = registry.name("team/app:1");
    let pulled = barque(&lab, &["pull", &name]);
    let digest = registry.digest("team/app:1");
    assert!(
        pulled
            .ok()
            .ends_with(&format!("Digest: {digest}\nStatus: Downloaded newer image for {name}\n{name}")),
        "{pulled:#?}"
    );
    let again = barque(&lab, &["pull", &name]);
    assert!(again.ok().contains("Status: Image is up to date"), "{again:#?}");
    assert_eq!(barque(&lab, &["pull", "-q", &name]).ok(), name);
    let exact = format!("{}@{digest}", registry.name("team/app"));
    assert_eq!(barque(&lab, &["pull", "-q", &exact]).ok(), exact);
    let missing = barque(&lab, &["pull", &registry.name("team/none:1")]);
    assert_eq!(missing.code, 1, "{missing:#?}");
}

#[test]
fn names_lists_and_removal() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    seed(&lab, &registry, "team/app:1");
    let name = registry.name("team/app:1");
    assert_eq!(barque(&lab, &["images"]).ok(), "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE");
    barque(&lab, &["pull", "-q", &name]).ok();
    barque(&lab, &["tag", &name, "demo"]).ok();
    let list = |arguments: &[&str]| barque(&lab, &[&["images"], arguments].concat()).ok().to_owned();
    let names = list(&["--format", "{{.Repository}}:{{.Tag}}"]);
    let mut names: Vec<&str> = names.lines().collect();
    names.sort_unstable();
    assert_eq!(names, [name.as_str(), "demo:latest"]);
    assert_eq!(list(&["-q"]).lines().count(), 1);
    assert_eq!(list(&["demo", "--format", "{{.Tag}}"]), "latest");
    assert_eq!(list(&["-f", "reference=dem*", "--format", "{{.Repository}}"]), "demo");
    assert_eq!(list(&["-f", "label=team=red", "-q"]).lines().count(), 1);
    assert_eq!(list(&["-f", "label=team=blue", "-q"]), "");
    assert_eq!(list(&["-f", "dangling=true", "-q"]), "");
    assert!(list(&["--digests"]).contains(&registry.digest("team/app:1")));
    assert_eq!(
        barque(&lab, &["image", "df", "--format", "{{.Type}} {{.TotalCount}}"]).out.lines().next(),
        Some("Images 1")
    );
    let id = list(&["-q", "--no-trunc"]);
    assert_eq!(lab.run_on(&[], &list(&["-q"]), &["pwd"]).ok(), "/work/here");
    assert_eq!(barque(&lab, &["rmi", "demo"]).ok(), "Untagged: demo:latest");
    let gone = barque(&lab, &["rmi", &name]);
    assert!(
        gone.ok().contains(&format!("Untagged: {name}\n")) && gone.ok().contains(&format!("Deleted: {id}\n")),
        "{gone:#?}"
    );
    assert_eq!(list(&["-q"]), "");
    let missing = barque(&lab, &["rmi", &name]);
    missing.fails(1, &["No such image"]);
    barque(&lab, &["images", "-f", "nonsense=1"]).fails(1, &["invalid filter 'nonsense'", "reference"]);
    seed_latest(&lab, &registry, &name);
}

/// Without a tag it is the one that Docker takes, and it is said.
fn seed_latest(lab: &Lab, registry: &Registry, name: &str) {
    let bare = registry.name("team/app");
    barque(lab, &["pull", "-q", name]).ok();
    barque(lab, &["tag", name, &bare]).ok();
    for verb in ["push", "pull"] {
        let said = barque(lab, &[verb, &bare]);
        assert!(said.ok().starts_with("Using default tag: latest\n"), "{verb}: {said:#?}");
    }
    let shown = barque(lab, &["history", "-H=false", "--format", "{{.CreatedAt}}", &bare]);
    assert!(shown.ok().lines().all(|line| line.len() == 20 && line.ends_with('Z')), "{shown:#?}");
}

#[test]
fn what_is_pushed_is_what_was_pulled() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    seed(&lab, &registry, "team/app:1");
    let other = Registry::start_another(&lab);
    let (from, to) = (registry.name("team/app:1"), other.name("copy/app:2"));
    barque(&lab, &["pull", "-q", &from]).ok();
    barque(&lab, &["push", &to]).fails(1, &["does not exist locally with the tag"]);
    barque(&lab, &["tag", &from, &to]).ok();
    let pushed = barque(&lab, &["push", &to]);
    let digest = registry.digest("team/app:1");
    assert!(pushed.ok().contains(&format!("2: digest: {digest} size: ")), "{pushed:#?}");
    assert_eq!(other.digest("copy/app:2"), digest);
    // In the same registry nothing is sent again.
    let second = other.name("copy/other:3");
    barque(&lab, &["tag", &from, &second]).ok();
    assert!(barque(&lab, &["push", &second]).ok().contains(&digest));
    let podman = said(
        Command::new("podman")
            .args(["--root", &lab.text("podman"), "--runroot", &lab.text("podman-run")])
            .args(["--storage-driver", "vfs", "pull", "-q", "--tls-verify=false", &to]),
    );
    assert_eq!(podman.ok().len(), 64, "{podman:#?}");
}

#[test]
fn archives_go_to_others_and_come_back() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    seed(&lab, &registry, "team/app:1");
    let name = registry.name("team/app:1");
    barque(&lab, &["pull", "-q", &name]).ok();
    let id = barque(&lab, &["images", "-q", "--no-trunc"]).ok().to_owned();
    let remove = || barque(&lab, &["rmi", "-f", id.trim_start_matches("sha256:")]);
    for (format, transport) in [
        ("docker-archive", "docker-archive"),
        ("oci-archive", "oci-archive"),
        ("oci-dir", "oci"),
        ("docker-dir", "dir"),
    ] {
        let path = lab.text(format);
        barque(&lab, &["save", "--format", format, "-o", &path, &name]).ok();
        let inspected =
            skopeo(&["inspect", "--config", "--format", "{{.Config.User}}", &format!("{transport}:{path}")]);
        assert_eq!(inspected.ok(), "ann", "{format}");
        remove().ok();
        assert_eq!(barque(&lab, &["images", "-q"]).ok(), "", "{format}");
        let loaded = barque(&lab, &["load", "-q", "-i", &path]);
        assert!(loaded.ok().starts_with("Loaded image"), "{format}: {loaded:#?}");
        assert_eq!(barque(&lab, &["images", "-q", "--no-trunc"]).ok(), id, "{format}");
        assert_eq!(lab.run_on(&[], &id, &["cat", "/etc/two"]).ok(), "two");
        remove().ok();
        barque(&lab, &["pull", "-q", &name]).ok();
    }
    for (transport, path) in [("docker-archive", "from-skopeo.tar"), ("oci-archive", "from-skopeo.oci")] {
        let path = lab.text(path);
        let to = format!("{transport}:{path}:skopeo/app:9");
        let copied = skopeo(&["copy", "--src-tls-verify=false", &format!("docker://{name}"), &to]);
        assert_eq!(copied.code, 0, "{copied:#?}");
        remove().ok();
        assert_eq!(barque(&lab, &["load", "-i", &path]).ok(), "Loaded image: skopeo/app:9", "{transport}");
        assert_eq!(lab.run_on(&[], "skopeo/app:9", &["cat", "/etc/three"]).ok(), "three", "{transport}");
        barque(&lab, &["rmi", "skopeo/app:9"]).ok();
    }
}

#[test]
fn the_store_is_a_layout_that_others_read() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    seed(&lab, &registry, "team/app:1");
    let name = registry.name("team/app:1");
    barque(&lab, &["pull", "-q", &name]).ok();
    let images = lab.text("root/images");
    let inspected =
        skopeo(&["inspect", "--config", "--format", "{{.Config.User}}", &format!("oci:{images}:{name}")]);
    assert_eq!(inspected.ok(), "ann");
    let umoci = said(Command::new("umoci").args(["ls", "--layout", &images]));
    assert_eq!(umoci.ok(), name);
}

#[test]
fn mounts_for_looking() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    seed(&lab, &registry, "team/app:1");
    let name = registry.name("team/app:1");
    barque(&lab, &["pull", "-q", &name]).ok();
    let path = barque(&lab, &["image", "mount", &name]).ok().to_owned();
    assert_eq!(fs::read_to_string(format!("{path}/etc/two")).unwrap(), "two\n");
    assert!(
        fs::write(format!("{path}/etc/two"), "x").is_err() && !fs::exists(format!("{path}/gone")).unwrap()
    );
    assert!(barque(&lab, &["image", "mount"]).ok().ends_with(&path));
    barque(&lab, &["image", "unmount", "-a"]).ok();
    assert_eq!(barque(&lab, &["image", "mount"]).ok(), "");
    assert!(!fs::exists(&path).unwrap());
}

#[test]
fn explain_shows_the_layers() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    seed(&lab, &registry, "team/app:1");
    let name = registry.name("team/app:1");
    barque(&lab, &["explain", &name]).fails(1, &["No such image"]);
    barque(&lab, &["pull", "-q", &name]).ok();
    let script = barque(&lab, &["explain", &name, "true"]);
    let overlay = script.ok().lines().find(|line| line.starts_with("mount -t overlay")).unwrap_or_default();
    assert_eq!(overlay.matches("/layers/").count(), 3, "{overlay}");
}

#[test]
fn programs_of_the_host_become_an_image() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let made = barque(&lab, &["image", "from-host", "--name", "demo", "bash", "ls", "id", "ip"]);
    assert!(made.ok().starts_with("sha256:"), "{made:#?}");
    assert_eq!(lab.run_on(&[], "demo", &["bash", "-c", "id -un; ls /"]).ok().lines().next(), Some("root"));
    assert!(lab.run_on(&[], "demo", &["ip", "-br", "addr"]).ok().starts_with("lo"));
    lab.run_on(&[], "demo", &["tar"]).fails(127, &["tar"]);
    assert_eq!(
        barque(&lab, &["image", "inspect", "-f", "{{join .Config.Cmd \" \"}}", "demo"]).ok(),
        "/usr/bin/bash"
    );
    let missing = barque(&lab, &["image", "from-host", "--name", "none", "no-such-program"]);
    missing.fails(1, &["no-such-program", "PATH"]);
    assert_eq!(
        fs::read_dir(lab.path("root")).unwrap().filter(|e| e.as_ref().unwrap().file_name() == "tmp").count(),
        0
    );
}

#[test]
fn directories_and_archives_are_imported_and_looked_at() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let rootfs = lab.text("rootfs");
    let change = ["--change", "CMD [\"cat\", \"/etc/passwd\"]", "--change", "ENV A=1"];
    let import = |source: &str, name: &str| {
        barque(&lab, &[&["import"], &change[..], &["-m", "imported", source, name]].concat()).ok().to_owned()
    };
    let id = import(&rootfs, "from-directory");
    assert!(lab.run_on(&[], "from-directory", &[]).ok().starts_with("root:x:0:0"));
    let tar = lab.text("rootfs.tar");
    assert!(
        Command::new("tar")
            .args(["--format=posix", "-cf", &tar, "-C", &rootfs, "."])
            .status()
            .unwrap()
            .success()
    );
    import(&tar, "from-tar");
    assert_eq!(lab.run_on(&[], "from-tar", &["sh", "-c", "echo $A"]).ok(), "1");
    assert_eq!(barque(&lab, &["image", "diff", "from-directory", "from-tar"]).ok(), "");
    fs::write(lab.path("rootfs/etc/new"), "x").unwrap();
    import(&rootfs, "changed");
    let changes = barque(&lab, &["image", "diff", "from-tar", "changed"]);
    assert!(changes.ok().lines().any(|line| line == "A /etc/new"), "{changes:#?}");
    let shown: serde_json::Value =
        serde_json::from_str(barque(&lab, &["inspect", "from-directory"]).ok()).unwrap();
    assert_eq!(shown[0]["Id"], id.as_str());
    assert_eq!(shown[0]["Config"]["Env"][0], "A=1");
    let history = barque(&lab, &["history", "--format", "{{.Comment}}", "from-directory"]);
    assert_eq!(history.ok(), "imported");
    let tree = barque(&lab, &["image", "tree"]);
    for words in ["= from-directory:latest", "= from-tar:latest", " in all"] {
        assert!(tree.ok().contains(words), "{words}: {tree:#?}");
    }
    let checked = barque(&lab, &["image", "check"]);
    assert!(checked.ok().contains(" 0 wrong, 0 orphans"), "{checked:#?}");
    let missing = barque(&lab, &["inspect", "no-such-image"]);
    assert_eq!((missing.code, missing.out.as_str()), (1, "[]\n"), "{missing:#?}");
}
