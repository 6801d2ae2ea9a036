//! Volumes in containers: what is in them lasts, is shared, comes from the image, and leads nowhere else.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Stdio;

use crate::lab::{Canary, Lab, Said, require_root, said, wait_until};
use crate::unprivileged::Person;

pub(crate) fn barque(lab: &Lab, arguments: &[&str]) -> Said {
    said(lab.barque().env("HOME", lab.path("home")).args(arguments).stdin(Stdio::null()))
}

/// The names of all volumes.
pub(crate) fn names(lab: &Lab) -> Vec<String> {
    barque(lab, &["volume", "ls", "-q"]).ok().lines().map(str::to_owned).collect()
}

/// Where a volume's content is.
pub(crate) fn data(lab: &Lab, name: &str) -> PathBuf {
    lab.path("root/volumes").join(name).join("data")
}

/// An image with files of several owners, a directory that is a volume, and a link.
pub(crate) fn image(lab: &Lab, name: &str, more: &[&str]) {
    let root = lab.path(&format!("tree-{name}"));
    lab.make_rootfs(&root);
    fs::create_dir_all(root.join("data/below")).unwrap();
    fs::write(root.join("data/below/file"), "from the image").unwrap();
    fs::set_permissions(root.join("data"), fs::Permissions::from_mode(0o2750)).unwrap();
    for (path, uid, gid) in [("data", 1000, 50), ("data/below/file", 1000, 1000)] {
        std::os::unix::fs::chown(root.join(path), Some(uid), Some(gid)).unwrap();
    }
    symlink("below/file", root.join("data/link")).unwrap();
    barque(lab, &[&["import"], more, &[root.to_str().unwrap(), name]].concat()).ok();
}

#[test]
fn data_lasts() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.sh(&["-v", "db:/db"], "echo one > /db/file").ok();
    assert_eq!(lab.sh(&["-v", "db:/other:ro"], "cat /other/file").ok(), "one");
    assert_eq!(names(&lab), ["db"]);
    let refused = lab.sh(&["-v", "db:/db:ro"], "echo two > /db/file");
    assert!(refused.code != 0 && refused.err.contains("Read-only"), "{refused:#?}");
    assert_eq!(fs::read_to_string(data(&lab, "db").join("file")).unwrap(), "one\n");
    // The long way to say it.
    let mount = "type=volume,src=db,dst=/db,readonly";
    assert_eq!(
        lab.sh(&["--mount", mount], "cat /db/file; touch /db/x 2>/dev/null || echo no").ok(),
        "one\nno"
    );
}

#[test]
fn two_containers_at_once_share_one() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let root = format!("dir:{}", lab.rootfs().display());
    let wait = "until [ -e /v/there ]; do usleep 10000; done; echo heard > /v/answer";
    let first = lab
        .run_command(&["-v", "pipe:/v"], &root, &["sh", "-c", wait])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ask = "touch /v/there; i=0; until [ -e /v/answer ]; do usleep 10000; i=$((i+1)); [ $i -lt 900 ] || exit 3; done; cat /v/answer";
    assert_eq!(lab.sh(&["-v", "pipe:/v"], ask).ok(), "heard");
    crate::lab::finish(first).ok();
}

#[test]
fn an_empty_volume_gets_what_the_image_has() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    image(&lab, "app", &[]);
    let show = "stat -c '%a %u %g' /data /data/below/file; cat /data/link";
    let expected = "2750 1000 50\n644 1000 1000\nfrom the image";
    assert_eq!(lab.run_on(&["-v", "filled:/data"], "app", &["sh", "-c", show]).ok(), expected);
    let of = |path: &str| fs::metadata(data(&lab, "filled").join(path)).unwrap();
    assert_eq!((of("").uid(), of("").gid(), of("").mode() & 0o7777), (1000, 50, 0o2750));
    assert_eq!((of("below/file").uid(), of("below/file").mode() & 0o7777), (1000, 0o644));
    // What is there is not touched again.
    let change = "touch /data/own; rm -r /data/below /data/link";
    lab.run_on(&["-v", "filled:/data"], "app", &["sh", "-c", change]).ok();
    assert_eq!(lab.run_on(&["-v", "filled:/data"], "app", &["ls", "/data"]).ok(), "own");
    // Read-only ones are filled, too; with nocopy none is; where the image has nothing there is nothing to take over.
    assert_eq!(lab.run_on(&["-v", "second:/data:ro"], "app", &["cat", "/data/link"]).ok(), "from the image");
    assert_eq!(lab.run_on(&["-v", "third:/data:nocopy"], "app", &["ls", "/data"]).ok(), "");
    lab.run_on(
        &["--mount", "type=volume,src=third,dst=/data,volume-nocopy"],
        "app",
        &["rmdir", "/data/below"],
    )
    .fails(1, &[]);
    fs::set_permissions(data(&lab, "third"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(lab.run_on(&["-v", "third:/new"], "app", &["stat", "-c", "%a", "/new"]).ok(), "700");
}

#[test]
fn a_volume_whose_filling_was_interrupted_is_filled_again() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    image(&lab, "app", &[]);
    barque(&lab, &["volume", "create", "half"]).ok();
    let half = data(&lab, "half");
    fs::create_dir(half.join("below")).unwrap();
    fs::write(half.join("below/file"), "from th").unwrap();
    if rustix::fs::setxattr(&half, "user.barque.filling", b"", rustix::fs::XattrFlags::empty()).is_err() {
        println!("the file system has no extended attributes: nothing can be marked on it");
        return;
    }
    assert_eq!(lab.run_on(&["-v", "half:/data"], "app", &["cat", "/data/link"]).ok(), "from the image");
    fs::remove_file(half.join("link")).unwrap();
    assert_eq!(lab.run_on(&["-v", "half:/data"], "app", &["ls", "/data"]).ok(), "below");
}

#[test]
fn volumes_without_a_name_go_with_their_container() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    image(&lab, "app", &["-c", "VOLUME /data", "-c", "VOLUME /cache"]);
    let script = "touch /data/x /cache/x /more/x; grep -cE ' /(data|cache|more) ' /proc/mounts";
    assert_eq!(lab.run_on(&["-v", "/more"], "app", &["sh", "-c", script]).ok(), "3");
    assert!(wait_until(|| names(&lab).is_empty()), "{:?}", names(&lab));
    // One that is made by name, or by an image's own list and named, stays.
    lab.run_on(&["-v", "kept:/data"], "app", &["true"]).ok();
    assert!(wait_until(|| names(&lab) == ["kept"]), "{:?}", names(&lab));

    barque(&lab, &["create", "--name", "one", "-v", "/more", "app", "true"]).ok();
    let anonymous: Vec<_> = names(&lab).into_iter().filter(|name| name != "kept").collect();
    assert_eq!(anonymous.len(), 3);
    assert!(anonymous.iter().all(|name| name.len() == 64));
    let used = barque(&lab, &["volume", "rm", &anonymous[0]]);
    used.fails(1, &["volume is in use - [", "barque rm"]);
    barque(&lab, &["rm", "-v", "one"]).ok();
    assert_eq!(names(&lab), ["kept"]);
    barque(&lab, &["create", "--name", "two", "app", "true"]).ok();
    barque(&lab, &["rm", "two"]).ok();
    assert_eq!(names(&lab).len(), 3, "without -v they stay");
    barque(&lab, &["volume", "prune", "-f"]).ok();
    assert_eq!(names(&lab), ["kept"]);
}

#[test]
fn volumes_from_another_container() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let root = format!("dir:{}", lab.rootfs().display());
    let shared = lab.path("shared");
    fs::create_dir(&shared).unwrap();
    let bind = format!("{}:/bind", shared.display());
    let create =
        ["create", "--name", "source", "-v", "named:/named", "-v", "/own", "-v", &bind, &root, "true"];
    barque(&lab, &create).ok();
    let shown =
        barque(&lab, &["inspect", "-f", "{{range .Mounts}}{{.Type}}:{{.Destination}} {{end}}", "source"]);
    assert_eq!(shown.ok(), "bind:/bind volume:/named volume:/own ");
    let by_volume =
        |name: &str| barque(&lab, &["ps", "-aq", "-f", &format!("volume={name}")]).ok().lines().count();
    assert_eq!((by_volume("named"), by_volume("/own"), by_volume("other")), (1, 1, 0));
    assert!(barque(&lab, &["ps", "-a", "--format", "{{.Mounts}} {{.LocalVolumes}}"]).ok().ends_with(" 2"));
    lab.sh(&["--volumes-from", "source"], "touch /named/a /own/b /bind/c").ok();
    assert_eq!(
        lab.sh(&["--volumes-from", "source:ro"], "ls /named /own /bind | tr '\\n' ' '; touch /own/d 2>&1")
            .code,
        1
    );
    assert!(shared.join("c").exists() && data(&lab, "named").join("a").exists());
    assert_eq!(lab.sh(&["--volumes-from", "source", "-v", "other:/own"], "ls /own; ls /named").ok(), "a");
    let mut both = names(&lab);
    both.retain(|name| name.len() != 64);
    assert_eq!(both, ["named", "other"]);
    assert_eq!(names(&lab).len(), 3, "the first container's own is not taken by --rm of the others");
    lab.sh(&["--volumes-from", "nobody"], "true").fails(125, &["No such container: nobody"]);
    barque(&lab, &["rm", "-v", "source"]).ok();
    assert_eq!(names(&lab), ["named", "other"]);
}

#[test]
fn a_layer_over_a_volume_is_thrown_away() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.sh(&["-v", "db:/db"], "echo one > /db/file; chmod 1777 /db").ok();
    let change = "cat /db/file; echo two > /db/file; touch /db/new; cat /db/file; stat -c %a /db";
    assert_eq!(lab.sh(&["-v", "db:/db:O"], change).ok(), "one\ntwo\n1777");
    assert_eq!(lab.sh(&["-v", "db:/db"], "cat /db/file; ls /db").ok(), "one\nfile");
    let source = data(&lab, "db");
    let bind = format!("{}:/db:O", source.display());
    assert_eq!(lab.sh(&["-v", &bind], change).ok(), "one\ntwo\n1777");
    // Each run anew.
    let root = format!("dir:{}", lab.rootfs().display());
    let script = "ls /db; touch /db/new";
    barque(
        &lab,
        &[
            "create",
            "--cgroup-parent",
            lab.cgroup_parent(),
            "--name",
            "again",
            "-v",
            "db:/db:O",
            &root,
            "sh",
            "-c",
            script,
        ],
    )
    .ok();
    for _ in 0..2 {
        assert_eq!(barque(&lab, &["start", "-a", "again"]).ok(), "file");
    }
    barque(&lab, &["rm", "again"]).ok();
}

#[test]
fn a_volume_is_given_to_the_containers_user() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    image(&lab, "app", &[]);
    let flags = ["-u", "ann", "-v", "own:/data:U"];
    assert_eq!(
        lab.run_on(&flags, "app", &["stat", "-c", "%u:%g", "/data", "/data/below"]).ok(),
        "1000:1000\n1000:1000"
    );
    lab.run_on(&["-u", "ann", "-v", "roots:/new"], "app", &["touch", "/new/x"]).fails(1, &["denied"]);
    lab.run_on(&["-u", "ann", "-v", "roots:/new:U"], "app", &["touch", "/new/x"]).ok();
    let source = lab.path("source");
    fs::create_dir_all(source.join("below")).unwrap();
    symlink("/etc/passwd", source.join("link")).unwrap();
    let bind = format!("{}:/s:U", source.display());
    lab.run_on(&["-u", "1000:50", "-v", &bind], "app", &["touch", "/s/below/x"]).ok();
    assert_eq!(fs::metadata(source.join("below")).unwrap().gid(), 50);
    assert_eq!(fs::metadata("/etc/passwd").unwrap().uid(), 0, "links are not followed");
}

#[test]
fn with_a_user_namespace() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    image(&lab, "app", &[]);
    let flags = ["--uidmap", "0:200000:65536", "--gidmap", "0:200000:65536"];
    let with = |volume: &'static str| [&flags[..], &["-v", volume]].concat();
    let script = "touch /new/x; stat -c '%u' /new /new/x";
    assert_eq!(lab.run_on(&with("mine:/new"), "app", &["sh", "-c", script]).ok(), "0\n0");
    assert_eq!(fs::metadata(data(&lab, "mine").join("x")).unwrap().uid(), 200_000);
    let filled =
        lab.run_on(&with("filled:/data"), "app", &["stat", "-c", "%u %a", "/data", "/data/below/file"]);
    assert_eq!(filled.ok(), "1000 2750\n1000 644");
    assert_eq!(fs::metadata(data(&lab, "filled").join("below/file")).unwrap().uid(), 201_000);
    // With mapped ids files belong to the caller outside.
    barque(&lab, &["volume", "create", "callers"]).ok();
    let said = lab.run_on(&with("callers:/new:idmap"), "app", &["sh", "-c", script]);
    assert_eq!(said.ok(), "0\n0");
    assert_eq!(fs::metadata(data(&lab, "callers").join("x")).unwrap().uid(), 0);
    // Given away: by the host's ids.
    barque(&lab, &["volume", "create", "given"]).ok();
    lab.run_on(&[&with("given:/new:U")[..], &["-u", "ann"]].concat(), "app", &["touch", "/new/x"]).ok();
    assert_eq!(fs::metadata(data(&lab, "given")).unwrap().uid(), 201_000);
}

#[test]
fn options_are_mounted_in_the_container_only() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    image(&lab, "app", &[]);
    let options = ["-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=3m,mode=1770"];
    barque(&lab, &[&["volume", "create"], &options[..], &["memory"]].concat()).ok();
    let script =
        "df -m /new | tail -n 1 | awk '{print $2}'; stat -f -c %T /new; stat -c %a /new; touch /new/x";
    assert_eq!(lab.run_on(&["-v", "memory:/new"], "app", &["sh", "-c", script]).ok(), "3\ntmpfs\n1770");
    assert_eq!(lab.run_on(&["-v", "memory:/data"], "app", &["cat", "/data/link"]).ok(), "from the image");
    assert_eq!(fs::read_dir(data(&lab, "memory")).unwrap().count(), 0);
    let elsewhere = lab.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let device = format!("device={}", elsewhere.display());
    barque(&lab, &["volume", "create", "-o", "type=none", "-o", &device, "-o", "o=bind", "there"]).ok();
    lab.run_on(&["-v", "there:/new"], "app", &["touch", "/new/x"]).ok();
    assert!(elsewhere.join("x").exists());
    let mount = "type=volume,src=quick,dst=/new,volume-opt=type=tmpfs,volume-opt=device=tmpfs,\"volume-opt=o=size=2m,uid=1000\"";
    assert_eq!(lab.run_on(&["--mount", mount], "app", &["stat", "-c", "%u", "/new"]).ok(), "1000");
    lab.run_on(&["-v", "memory:/new:O"], "app", &["true"]).fails(125, &["volume of type tmpfs"]);
    barque(&lab, &["volume", "export", "-o", "/dev/null", "memory"])
        .fails(1, &["its options mount in containers"]);
}

#[test]
fn the_files_of_an_image() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    image(&lab, "app", &[]);
    image(&lab, "tools", &[]);
    let mount = "type=image,src=tools,dst=/tools";
    let script = "cat /tools/data/link; touch /tools/x 2>/dev/null || echo; echo read-only";
    assert_eq!(
        lab.run_on(&["--mount", mount], "app", &["sh", "-c", script]).ok(),
        "from the image\nread-only"
    );
    barque(&lab, &["create", "--name", "user", "--mount", mount, "app", "true"]).ok();
    let refused = barque(&lab, &["rmi", "tools"]);
    assert_eq!(refused.code, 1, "{refused:#?}");
    barque(&lab, &["rm", "user"]).ok();
    barque(&lab, &["rmi", "tools"]).ok();
}

#[test]
fn links_in_a_volume_lead_nowhere() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let canary = Canary::new(&lab, "outside");
    lab.sh(&["-v", "db:/db"], "mkdir -p /db/a/b; echo here > /db/a/b/file; ln -s a/b /db/inner").ok();
    let at = data(&lab, "db");
    symlink(canary.directory(), at.join("absolute")).unwrap();
    symlink("../../../outside", at.join("relative")).unwrap();
    symlink("/", at.join("top")).unwrap();
    let part = |path: &str| format!("type=volume,src=db,dst=/part,volume-subpath={path}");
    for path in ["a/b", "inner"] {
        assert_eq!(lab.sh(&["--mount", &part(path)], "cat /part/file").ok(), "here", "{path}");
    }
    for path in ["absolute", "relative", "none"] {
        lab.sh(&["--mount", &part(path)], "rm -rf /part/*").fails(125, &[path, "in the volume"]);
    }
    // Its root is the volume's, not the machine's.
    assert_eq!(lab.sh(&["--mount", &part("top")], "ls /part/a").ok(), "b");
    lab.sh(&["--mount", &part("a/b/file")], "cat /part").ok();
    // Mount points inside of it are the container's, not the host's.
    for link in ["absolute", "relative"] {
        let below = format!("/db/{link}/canary");
        let said = lab.sh(&["-v", "db:/db", "-v", &format!("new:{below}")], "true");
        assert!(said.code == 0 || said.code == 125, "{said:#?}");
        let said = lab.sh(&["-v", "db:/db", "--tmpfs", &format!("/db/{link}")], "touch /db/x");
        assert!(said.code == 0 || said.code == 125, "{said:#?}");
    }
    canary.check();
}

#[test]
fn copying_up_follows_no_link_out() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let canary = Canary::new(&lab, "outside");
    // The image's directory is a link to the host's: inside it means the container's own, which is not there.
    symlink(canary.directory(), lab.rootfs().join("data")).unwrap();
    assert_eq!(lab.sh(&["-v", "db:/data"], "ls /data").ok(), "");
    canary.check();
    // A hostile volume: a link where the image has a directory. It is not empty, so nothing is copied.
    image(&lab, "app", &[]);
    barque(&lab, &["volume", "create", "trap"]).ok();
    symlink(canary.directory(), data(&lab, "trap").join("below")).unwrap();
    lab.run_on(&["-v", "trap:/data"], "app", &["true"]).ok();
    canary.check();
    // As if copying had been interrupted: then it would be copied.
    if rustix::fs::setxattr(data(&lab, "trap"), "user.barque.filling", b"", rustix::fs::XattrFlags::empty())
        .is_ok()
    {
        lab.run_on(&["-v", "trap:/data"], "app", &["true"]).fails(125, &["into the volume"]);
    }
    canary.check();
}

#[test]
fn what_was_made_for_nothing_is_taken_back() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let root = format!("dir:{}", lab.rootfs().display());
    barque(&lab, &["create", "--name", "taken", &root, "true"]).ok();
    let flags = ["--name", "taken", "-v", "new:/new", "-v", "/own"];
    lab.sh(&flags, "true").fails(125, &["taken", "already in use"]);
    assert!(names(&lab).is_empty(), "{:?}", names(&lab));
    barque(&lab, &["rm", "taken"]).ok();
    lab.sh(&["-v", "a/b:/x"], "true").fails(125, &["includes invalid characters for a local volume name"]);
    lab.sh(&["--volume-driver", "nfs", "-v", "ab:/x"], "true").fails(125, &["plugin \"nfs\" not found"]);
    assert!(names(&lab).is_empty());
}

#[test]
fn explain_shows_what_run_does() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    image(&lab, "app", &[]);
    let said = barque(&lab, &["explain", "-v", "new:/data", "-v", "new:/other:nocopy", "app", "true"]);
    let place = data(&lab, "new");
    for line in [
        format!("mkdir -p {} || exit", place.display()),
        format!("cp -a \"$at/.\" {}", place.display()),
        format!("mount --rbind {} \"$at\"", place.display()),
    ] {
        assert!(said.ok().contains(&line), "{line}: {said:#?}");
    }
    assert!(names(&lab).is_empty() && !place.exists(), "explain changes nothing");
    let script = barque(
        &lab,
        &["explain", "--cgroup-parent", lab.cgroup_parent(), "-v", "new:/data", "app", "cat", "/data/link"],
    );
    let path = lab.file("script", script.ok());
    let ran = said_of_script(&lab, &path);
    assert_eq!(ran.ok(), "from the image");
    // What a script has made is a volume for everybody.
    assert_eq!(lab.sh(&["-v", "new:/data"], "cat /data/below/file").ok(), "from the image");
}

fn said_of_script(lab: &Lab, path: &str) -> Said {
    said(std::process::Command::new("sh").arg(path).current_dir(lab.path("")).stdin(Stdio::null()))
}

#[test]
fn for_a_user_without_privileges() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let root = format!("dir:{}", person.lab.rootfs().display());
    let run = |flags: &[&str], script: &str| {
        said(person.barque().args(["run", "--rm"]).args(flags).args([root.as_str(), "sh", "-c", script]))
    };
    let volume = |arguments: &[&str]| said(person.barque().arg("volume").args(arguments));
    run(&["-v", "db:/db"], "echo one > /db/file").ok();
    assert_eq!(run(&["-v", "db:/db:O"], "echo two > /db/file; cat /db/file").ok(), "two");
    assert_eq!(run(&["-v", "db:/db:ro"], "cat /db/file; touch /db/x 2>/dev/null || echo no").ok(), "one\nno");
    assert_eq!(
        run(&["-v", "etc:/etc"], "head -n 1 /etc/group; hostname > /dev/null; cat /etc/hostname | wc -l")
            .ok(),
        "root:x:0:\n1"
    );
    let place = volume(&["inspect", "-f", "{{.Mountpoint}}", "etc"]);
    let passwd = fs::metadata(PathBuf::from(place.ok()).join("passwd")).unwrap();
    let owner = fs::metadata(person.lab.rootfs()).unwrap().uid();
    assert_eq!(passwd.uid(), owner);
    volume(&["clone", "etc", "copy"]).ok();
    volume(&["export", "-o", "etc.tar", "copy"]).ok();
    volume(&["import", "back", "etc.tar"]).ok();
    volume(&["create", "-o", "type=tmpfs", "-o", "device=tmpfs", "memory"]).ok();
    assert_eq!(
        run(&["-v", "back:/b", "-v", "memory:/m", "-v", "/own"], "touch /m/x /own/x; ls /b | grep -c passwd")
            .ok(),
        "1"
    );
    let list = || volume(&["ls", "-q"]).ok().to_owned();
    assert!(wait_until(|| list() == "back\ncopy\ndb\netc\nmemory"), "{}", list());
    volume(&["prune", "-a", "-f"]).ok();
    assert_eq!(list(), "");
}
