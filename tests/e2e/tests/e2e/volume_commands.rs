//! `barque volume …`: output, filters, exit codes, and what they do.

use std::fs;
use std::process::Stdio;

use crate::lab::{Lab, require_root, said};
use crate::volumes::{barque, data, names};

#[test]
fn made_listed_shown_removed() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    assert_eq!(barque(&lab, &["volume", "ls"]).ok(), "DRIVER    VOLUME NAME");
    assert_eq!(barque(&lab, &["volume", "create", "--label", "a=1", "--label", "b", "db"]).ok(), "db");
    assert_eq!(barque(&lab, &["volume", "create", "db"]).ok(), "db", "it is there already");
    let anonymous = barque(&lab, &["volume", "create"]).ok().to_owned();
    assert_eq!(anonymous.len(), 64);
    barque(&lab, &["volume", "create", "--name", "two"]).ok();
    let list = |filters: &[&str]| barque(&lab, &[&["volume", "ls", "-q"], filters].concat()).ok().to_owned();
    assert_eq!(list(&["-f", "label=a"]), "db");
    assert_eq!(list(&["-f", "label=a=2"]), "");
    assert_eq!(list(&["-f", "name=w"]), "two");
    assert_eq!(list(&["-f", "driver=nfs"]), "");
    assert_eq!(list(&["-f", "dangling=true"]).lines().count(), 3);
    assert_eq!(
        barque(&lab, &["volume", "ls", "--format", "{{.Name}} {{.Driver}} {{.Labels}}", "-f", "label=a"])
            .ok(),
        "db local a=1,b="
    );
    barque(&lab, &["volume", "ls", "-f", "colour=red"]).fails(1, &["invalid filter", "dangling"]);

    let shown = barque(&lab, &["volume", "inspect", "db"]);
    let shown: serde_json::Value = serde_json::from_str(shown.ok()).unwrap();
    let one = &shown[0];
    assert_eq!(
        (&one["Name"], &one["Driver"], &one["Scope"]),
        (&"db".into(), &"local".into(), &"local".into())
    );
    assert_eq!(one["Mountpoint"], data(&lab, "db").to_str().unwrap());
    assert_eq!(one["Labels"]["a"], "1");
    assert!(one["CreatedAt"].as_str().unwrap().ends_with('Z'));
    let missing = barque(&lab, &["volume", "inspect", "none"]);
    missing.fails(1, &["get none: no such volume"]);
    assert_eq!(missing.out, "[]\n");
    assert_eq!(barque(&lab, &["volume", "inspect", "-f", "{{.Name}}", "db", "two"]).ok(), "db\ntwo");

    barque(&lab, &["volume", "rm", "none"]).fails(1, &["get none: no such volume"]);
    assert_eq!(barque(&lab, &["volume", "rm", "-f", "none"]).ok(), "none");
    let some = barque(&lab, &["volume", "rm", "none", "two"]);
    assert_eq!((some.code, some.out.as_str()), (1, "two\n"), "{some:#?}");
    for (arguments, words) in [
        (&["create", "a/b"][..], "includes invalid characters"),
        (&["create", "a"], "volume name is too short"),
        (&["create", "-d", "nfs", "ab"], "plugin \"nfs\" not found"),
        (&["create", "-o", "size=1m", "ab"], "invalid option: \"size\""),
        (&["create", "-o", "type=tmpfs", "-o", "device=tmpfs", "db"], "exists with other options"),
        (&["inspect"], "requires at least 1 argument"),
        (&["rename", "db"], "requires exactly 2 argument"),
    ] {
        barque(&lab, &[&["volume"], arguments].concat()).fails(1, &[words]);
    }
}

#[test]
fn prune_takes_what_nobody_uses() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let root = format!("dir:{}", lab.rootfs().display());
    barque(&lab, &["create", "--name", "user", "-v", "used:/used", "-v", "/own", &root, "true"]).ok();
    barque(&lab, &["volume", "create", "--label", "keep", "named"]).ok();
    let dangling = barque(&lab, &["volume", "create"]).ok().to_owned();
    let asked = barque(&lab, &["volume", "prune"]);
    assert!(asked.ok().contains("WARNING! This will remove anonymous local volumes"), "{asked:#?}");
    assert_eq!(names(&lab).len(), 4, "who cannot be asked has not agreed");
    let foreseen = barque(&lab, &["volume", "prune", "--dry-run"]);
    assert!(foreseen.ok().contains(&format!("Would delete:\n{dangling}\n")), "{foreseen:#?}");
    let pruned = barque(&lab, &["volume", "prune", "-f"]);
    assert!(
        pruned.ok().starts_with(&format!("Deleted Volumes:\n{dangling}\n\nTotal reclaimed space: ")),
        "{pruned:#?}"
    );
    assert_eq!(barque(&lab, &["volume", "ls", "-q", "-f", "dangling=true"]).ok(), "named");
    assert!(
        !barque(&lab, &["volume", "prune", "-a", "-f", "--filter", "label!=keep"]).ok().contains("named")
    );
    assert!(
        barque(&lab, &["volume", "prune", "-a", "-f", "--filter", "label=keep"]).ok().contains("\nnamed\n")
    );
    barque(&lab, &["rm", "user"]).ok();
    assert_eq!(barque(&lab, &["volume", "prune", "-f", "--filter", "all=1"]).ok().lines().count(), 5);
    assert!(names(&lab).is_empty());
}

#[test]
fn renamed_cloned_carried_elsewhere() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let fill = "mkdir /v/below; echo text > /v/below/file; ln -s file /v/below/link; ln /v/below/file /v/second; chown 1000:50 /v/below; chmod 1750 /v/below";
    lab.sh(&["-v", "db:/v"], fill).ok();
    barque(&lab, &["volume", "rename", "db", "first"]).ok();
    assert_eq!(barque(&lab, &["volume", "clone", "first", "copy"]).ok(), "copy");
    let archive = lab.text("archive.tar");
    barque(&lab, &["volume", "export", "-o", &archive, "copy"]).ok();
    let listed = said(std::process::Command::new("tar").args(["-tf", &archive]));
    assert!(listed.ok().contains("below/file"), "{listed:#?}");
    barque(&lab, &["volume", "import", "back", &archive]).ok();
    let gzip = said(std::process::Command::new("gzip").arg(&archive));
    gzip.ok();
    let input = fs::File::open(format!("{archive}.gz")).unwrap();
    said(lab.barque().args(["volume", "import", "zipped", "-"]).stdin(input)).ok();
    let show = "cat /v/below/link; stat -c '%a %u %g' /v/below; [ /v/second -ef /v/below/file ] && echo one";
    for name in ["first", "copy", "back", "zipped"] {
        let said = lab.sh(&["-v", &format!("{name}:/v")], show);
        assert_eq!(said.ok(), "text\n1750 1000 50\none", "{name}");
    }
    barque(&lab, &["volume", "clone", "first", "copy"]).fails(1, &["volume with name copy already exists"]);
    barque(&lab, &["volume", "rename", "first", "copy"]).fails(1, &["already exists"]);
    barque(&lab, &["volume", "rename", "none", "other"]).fails(1, &["get none: no such volume"]);
    barque(&lab, &["volume", "import", "copy", &format!("{archive}.gz")]).fails(1, &["is not empty"]);
    let bad = lab.file("no.tar", "this is no archive");
    barque(&lab, &["volume", "import", "other", &bad]).fails(1, &["tar archive"]);
    barque(&lab, &["volume", "export", "none", "-o", &archive]).fails(1, &["no such volume"]);
    assert!(!lab.path("archive.tar").exists());
    assert_eq!(names(&lab), ["back", "copy", "first", "zipped"]);
}

#[test]
fn a_damaged_record_breaks_nothing_else() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    barque(&lab, &["volume", "create", "good"]).ok();
    barque(&lab, &["volume", "create", "bad"]).ok();
    fs::write(lab.path("root/volumes/bad/volume.json"), "{\"version\":").unwrap();
    let listed = barque(&lab, &["volume", "ls", "-q"]);
    assert_eq!((listed.code, listed.out.as_str()), (1, "good\n"));
    assert!(listed.err.contains("volume bad is damaged"), "{listed:#?}");
    lab.sh(&["-v", "good:/v"], "true").ok();
    lab.sh(&["-v", "bad:/v"], "true").fails(125, &["volume bad is damaged"]);
    barque(&lab, &["volume", "rm", "bad"]).ok();
    assert_eq!(names(&lab), ["good"]);
}

#[test]
fn killed_commands_leave_nothing_that_is_in_the_way() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    barque(&lab, &["volume", "create", "big"]).ok();
    for number in 0..400 {
        fs::write(data(&lab, "big").join(format!("file-{number}")), vec![7_u8; 20_000]).unwrap();
    }
    let root = format!("dir:{}", lab.rootfs().display());
    for round in 0..24_u64 {
        let clone = format!("clone-{round}");
        let name = format!("box-{round}");
        let commands: [&[&str]; 3] = [
            &["volume", "clone", "big", &clone],
            &["create", "--name", &name, "-v", "/own", "-v", "named:/named", &root, "true"],
            &["volume", "rm", "named"],
        ];
        let command = commands[usize::try_from(round % 3).unwrap()];
        let mut child =
            lab.barque().args(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // Every command after it works; what is listed is whole.
        for volume in names(&lab).iter().filter(|name| name.starts_with("clone-")) {
            assert_eq!(fs::read_dir(data(&lab, volume)).unwrap().count(), 400, "{volume} is a part only");
        }
    }
    let containers = barque(&lab, &["ps", "-aq", "--no-trunc"]);
    for id in containers.ok().lines() {
        barque(&lab, &["rm", "-f", "-v", id]).ok();
    }
    barque(&lab, &["volume", "prune", "-a", "-f"]).ok();
    let left: Vec<_> =
        fs::read_dir(lab.path("root/volumes")).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
    // A container whose making was cut short is nobody's; its name is free for the next who wants it.
    for directory in ["root/containers", "root/names"].map(|name| lab.path(name)) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            drop(fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path)));
        }
    }
}
