//! `barque manifest`: images of several platforms under one name.

use std::process::Stdio;

use serde_json::Value;

use crate::lab::{Lab, Said, require_root, said};
use crate::registry::{Registry, skopeo};

fn barque(lab: &Lab, arguments: &[&str]) -> Said {
    said(lab.barque().env("HOME", lab.path("home")).args(arguments).stdin(Stdio::null()))
}

/// Two images for two platforms, pushed to repositories of their own.
fn push_two(lab: &Lab, registry: &Registry) -> [String; 2] {
    ["amd64", "arm64"].map(|architecture| {
        let name = registry.name(&format!("team/app-{architecture}:1"));
        let platform = format!("linux/{architecture}");
        let change = format!("LABEL for={architecture}");
        let import = ["import", "--platform", &platform, "-c", &change, &lab.text("rootfs"), &name];
        barque(lab, &import).ok();
        barque(lab, &["push", "-q", &name]).ok();
        name
    })
}

#[test]
fn a_list_is_made_changed_pushed_and_pulled() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    let [first, second] = push_two(&lab, &registry);
    let list = registry.name("team/app:1");
    let create = ["manifest", "create", &list, &first, &second];
    assert_eq!(barque(&lab, &create).ok(), format!("Created manifest list {list}"));
    barque(&lab, &create).fails(1, &["refusing to amend an existing manifest list with no --amend flag"]);
    barque(&lab, &["manifest", "create", "--amend", &list, &second]).ok();
    barque(&lab, &["manifest", "annotate", "--variant", "v8", "--os-version", "7", &list, &second]).ok();
    barque(&lab, &["manifest", "annotate", &list, &registry.name("team/no:1")])
        .fails(1, &["does not exist in"]);
    let shown: Value = serde_json::from_str(barque(&lab, &["manifest", "inspect", &list]).ok()).unwrap();
    assert_eq!(shown["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(shown["manifests"][1]["platform"]["variant"], "v8");

    let pushed = barque(&lab, &["manifest", "push", "--purge", &list]);
    let digest = pushed.ok().lines().last().unwrap().to_owned();
    assert!(pushed.out.matches("Pushed ref ").count() == 2 && digest.starts_with("sha256:"), "{pushed:#?}");
    assert_eq!(registry.digest("team/app:1"), digest);
    barque(&lab, &["manifest", "push", &list]).fails(1, &["No such manifest"]);

    // Others choose the right one; so do we, by name and by digest.
    let theirs = ["inspect", "--tls-verify=false", "--override-arch", "arm64", "--format", "{{.Labels.for}}"];
    assert_eq!(skopeo(&[&theirs[..], &[&format!("docker://{list}")]].concat()).ok(), "arm64");
    let label = |name: &str| {
        barque(&lab, &["image", "inspect", "-f", "{{.Config.Labels.for}}", name]).ok().to_owned()
    };
    barque(&lab, &["pull", "-q", &list]).ok();
    assert_eq!(label(&list), "amd64");
    let exact = format!("{}@{digest}", registry.name("team/app"));
    barque(&lab, &["pull", "-q", "--platform", "linux/arm64/v8", &exact]).ok();
    assert_eq!(label(&exact), "arm64");
    let refused = barque(&lab, &["pull", "--platform", "linux/riscv64", &list]);
    refused.fails(1, &["no matching manifest for linux/riscv64", "linux/amd64"]);
}

#[test]
fn what_a_registry_has_is_shown() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    let [first, second] = push_two(&lab, &registry);
    let inspect = |arguments: &[&str]| {
        let said = barque(&lab, &[&["manifest", "inspect"], arguments].concat());
        serde_json::from_str::<Value>(said.ok()).unwrap()
    };
    let plain = inspect(&[&first]);
    assert_eq!((&plain["schemaVersion"], plain["layers"].as_array().unwrap().len()), (&2.into(), 1));
    let whole = inspect(&["-v", &second]);
    assert_eq!(
        (&whole["Ref"], &whole["Descriptor"]["platform"]["architecture"]),
        (&second.as_str().into(), &"arm64".into())
    );
    assert_eq!(whole["Descriptor"]["digest"], registry.digest("team/app-arm64:1"));
    assert!(whole["OCIManifest"]["config"].is_object() && whole["Raw"].is_string());

    let list = registry.name("team/app:1");
    barque(&lab, &["manifest", "create", &list, &first, &second]).ok();
    assert_eq!(inspect(&["-v", &list]).as_array().unwrap().len(), 2);
    assert_eq!(inspect(&[&list, &first])["layers"], plain["layers"]);
    barque(&lab, &["manifest", "push", &list]).ok();
    assert_eq!(barque(&lab, &["manifest", "rm", &list]).ok(), list);
    let pushed = inspect(&["-v", &list]);
    assert_eq!(pushed[1]["Descriptor"]["platform"]["architecture"], "arm64");
    let nested = barque(&lab, &["manifest", "create", &registry.name("x/y"), &list]);
    nested.fails(1, &["is a manifest list"]);
    for (arguments, words) in [
        (&["rm", &list][..], "No such manifest"),
        (&["inspect", &registry.name("team/none:1")], "manifest unknown"),
        (&["create", &list], "requires at least 2 argument"),
        (&["frob"], "unknown command"),
    ] {
        barque(&lab, &[&["manifest"], arguments].concat()).fails(1, &[words]);
    }
}

#[test]
fn a_push_gives_an_image_its_digest() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    let name = registry.name("team/app:1");
    barque(&lab, &["import", &lab.text("rootfs"), &name]).ok();
    let digests = || barque(&lab, &["inspect", "-f", "{{join .RepoDigests \" \"}}", &name]).ok().to_owned();
    assert_eq!(digests(), "");
    barque(&lab, &["push", "-q", &name]).ok();
    let exact = format!("{}@{}", registry.name("team/app"), registry.digest("team/app:1"));
    assert_eq!(digests(), exact);
    let listed = barque(&lab, &["images", "--digests", "--format", "{{.Digest}}"]);
    assert_eq!(listed.ok(), registry.digest("team/app:1"));
    let pulled = barque(&lab, &["pull", &name]);
    assert!(pulled.ok().contains("Image is up to date"), "{pulled:#?}");
    assert_eq!(lab.run_on(&[], &exact, &["busybox", "echo", "by digest"]).ok(), "by digest");
}
