//! `tar:FILE`.

use std::process::Command;

use crate::lab::{Canary, Lab, require_root};

/// The busybox root as an archive, packed by stock tools.
fn pack(lab: &Lab, name: &str, how: &[&str]) -> String {
    let path = lab.text(name);
    let status =
        Command::new("tar").args(how).arg("-cf").arg(&path).arg("-C").arg(lab.rootfs()).arg(".").status();
    assert!(status.unwrap().success());
    format!("tar:{path}")
}

#[test]
fn every_compression() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for (name, how) in [("a.tar", &[][..]), ("a.tgz", &["-z"]), ("a", &["--format=pax"])] {
        let root = pack(&lab, name, how);
        let said = lab.run_on(&[], &root, &["sh", "-c", "id -u; echo > /written && ls /written"]);
        assert_eq!(said.ok(), "0\n/written", "{name}");
    }
}

#[test]
fn owners_modes_and_names_of_users() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    std::os::unix::fs::chown(lab.rootfs().join("home/ann"), Some(1000), Some(1000)).unwrap();
    let root = pack(&lab, "a.tar", &[]);
    let script = "id -un; stat -c %u:%g /home/ann; echo $HOME; touch /home/ann/x && ls /home/ann";
    let said = lab.run_on(&["-u", "ann"], &root, &["sh", "-c", script]);
    assert_eq!(said.ok(), "ann\n1000:1000\n/home/ann\nx");
    let flags = ["--userns", "uidmap=0:100000:65536"];
    let said =
        lab.run_on(&flags, &root, &["sh", "-c", "stat -c %u:%g / /home/ann; touch /x && stat -c %u /x"]);
    assert_eq!(said.ok(), "0:0\n1000:1000\n0");
    lab.run_on(&["-u", "bob"], &root, &["id"]).fails(125, &["bob"]);
}

#[test]
fn what_cannot_be_unpacked_leaves_nothing() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let broken = format!("tar:{}", lab.file("broken.tar", &"no archive ".repeat(200)));
    lab.run_on(&[], &broken, &["true"]).fails(125, &["broken.tar", "hint: it must be a tar archive"]);
    lab.run_on(&[], "tar:/no/such.tar", &["true"]).fails(125, &["/no/such.tar", "hint"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn links_in_the_archive_stay_inside() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let canary = Canary::new(&lab, "outside");
    let outside = canary.directory().to_str().unwrap().to_owned();
    let archive = lab.text("evil.tar");
    let script = format!(
        "cd {0} && mkdir stage && cd stage && ln -s {outside} out && tar -cf {archive} out && rm out && mkdir out && \
         echo overwritten > out/canary && tar -rf {archive} out/canary && tar -rf {archive} -C {1} .",
        lab.path("").display(),
        lab.rootfs().display()
    );
    assert!(Command::new("sh").args(["-ec", &script]).status().unwrap().success());
    lab.run_on(&[], &format!("tar:{archive}"), &["cat", &format!("{outside}/canary")]).ok();
    canary.check();
}
