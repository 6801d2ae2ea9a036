//! Every option string of the table of Linux mount options.

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use serde_json::{Value, json};

use crate::case::Level::{Must, Should};
use crate::case::{Case, Verdict, case, check};
use crate::host::mount_at;
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "mount_options::flags_set",
        "config.md#linux-mount-options",
        Must,
        "ro nosuid nodev noexec noatime nodiratime strictatime relatime sync dirsync lazytime take effect on a new filesystem",
        flags_set,
    ),
    case(
        "mount_options::flags_accepted",
        "config.md#linux-mount-options",
        Must,
        "async atime defaults dev diratime exec iversion loud noiversion nolazytime norelatime nostrictatime rw silent suid are accepted",
        flags_accepted,
    ),
    case(
        "mount_options::mand",
        "config.md#linux-mount-options",
        Should,
        "`mand` and `nomand` are recognized",
        mand,
    ),
    case(
        "mount_options::nosymfollow",
        "config.md#linux-mount-options",
        Should,
        "`nosymfollow` and its opposite `symfollow` take effect",
        nosymfollow,
    ),
    case(
        "mount_options::flags_on_bind",
        "config.md#linux-mount-options",
        Must,
        "ro nosuid nodev noexec noatime take effect on bind mounts, and leave the source as it was",
        flags_on_bind,
    ),
    case(
        "mount_options::last_wins",
        "config.md#linux-mount-options",
        Must,
        "of two opposite options the later one holds",
        last_wins,
    ),
    case(
        "mount_options::propagation",
        "config.md#linux-mount-options",
        Must,
        "private shared slave unbindable and their recursive forms set the propagation of bind mounts",
        propagation,
    ),
    case(
        "mount_options::recursive_propagation",
        "config.md#linux-mount-options",
        Must,
        "rprivate rshared rslave runbindable reach the mounts below",
        recursive_propagation,
    ),
    case(
        "mount_options::recursive_set",
        "config.md#linux-mount-options",
        Should,
        "rro rnosuid rnodev rnoexec rnodiratime rnosymfollow reach the mounts below",
        recursive_set,
    ),
    case(
        "mount_options::recursive_atime",
        "config.md#linux-mount-options",
        Should,
        "rnoatime rstrictatime rrelatime reach the mounts below",
        recursive_atime,
    ),
    case(
        "mount_options::recursive_atime_clear",
        "config.md#linux-mount-options",
        Should,
        "ratime rnostrictatime rnorelatime are recognized, and ratime reaches the mounts below",
        recursive_atime_clear,
    ),
    case(
        "mount_options::recursive_clear",
        "config.md#linux-mount-options",
        Should,
        "rrw rsuid rdev rexec rdiratime rsymfollow clear the flags of the mounts below",
        recursive_clear,
    ),
    case(
        "mount_options::ro_is_not_recursive",
        "config.md#linux-mount-options",
        Must,
        "`ro` on `rbind` leaves the mounts below writable",
        ro_is_not_recursive,
    ),
];

/// One tmpfs (or bind mount) for each option; which of them do not show `want` in their mountinfo line.
fn each(lab: &Lab, pairs: &[(&str, &str)], kind: &str, with: &[&str]) -> Verdict {
    let mut bundle = lab.bundle()?;
    let source = lab.folder("source")?;
    for (option, _) in pairs {
        let options: Vec<&str> = with.iter().copied().chain([*option]).collect();
        bundle.mount(
            &format!("/data/{option}"),
            kind,
            if kind == "tmpfs" { "tmpfs" } else { &source },
            &options,
        );
    }
    let report = lab.probe(&mut bundle, &["mounts"])?;
    let wrong: Vec<String> = pairs
        .iter()
        .filter_map(|(option, want)| lacks(&report["mounts"], &format!("/data/{option}"), want))
        .collect();
    check(wrong.is_empty(), || wrong.join("; "))
}

/// `None` when the mount at `point` has `want` among its options (`!x`: has it not), else what it has.
fn lacks(mounts: &Value, point: &str, want: &str) -> Option<String> {
    let Some(mount) = mount_at(mounts, point) else { return Some(format!("{point}: no mount")) };
    let text = format!(
        "{},{}",
        mount["options"].as_str().unwrap_or_default(),
        mount["super"].as_str().unwrap_or_default()
    );
    let has = |flag: &str| text.split(',').any(|word| word == flag);
    let good =
        want.split(',').all(|word| word.strip_prefix('!').map_or_else(|| has(word), |word| !has(word)));
    (!good).then(|| format!("{point}: want {want}, got {text}"))
}

fn flags_set(lab: &Lab) -> Verdict {
    let pairs = [
        ("ro", "ro"),
        ("nosuid", "nosuid"),
        ("nodev", "nodev"),
        ("noexec", "noexec"),
        ("noatime", "noatime"),
        ("nodiratime", "nodiratime"),
        ("relatime", "relatime"),
        ("strictatime", "!relatime,!noatime"),
        ("sync", "sync"),
        ("dirsync", "dirsync"),
        ("lazytime", "lazytime"),
    ];
    each(lab, &pairs, "tmpfs", &[])
}

fn flags_accepted(lab: &Lab) -> Verdict {
    let names = [
        "async",
        "atime",
        "defaults",
        "dev",
        "diratime",
        "exec",
        "iversion",
        "loud",
        "noiversion",
        "nolazytime",
        "norelatime",
        "nostrictatime",
        "rw",
        "silent",
        "suid",
    ];
    each(lab, &names.map(|name| (name, "rw,!nosuid,!nodev,!noexec")), "tmpfs", &[])
}

fn mand(lab: &Lab) -> Verdict {
    each(lab, &[("nomand", "rw"), ("mand", "rw")], "tmpfs", &[])
}

fn nosymfollow(lab: &Lab) -> Verdict {
    each(lab, &[("nosymfollow", "nosymfollow"), ("symfollow", "!nosymfollow")], "tmpfs", &[])
}

fn flags_on_bind(lab: &Lab) -> Verdict {
    let names = ["ro", "nosuid", "nodev", "noexec", "noatime"];
    each(lab, &names.map(|name| (name, name)), "none", &["bind"])?;
    // The source is of the host's root mount, which must not have changed.
    Ok(std::fs::write(lab.path("source/host-can-write"), "")?)
}

fn last_wins(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle
        .mount("/data/a", "tmpfs", "tmpfs", &["ro", "rw", "noexec", "exec"])
        .mount("/data/b", "tmpfs", "tmpfs", &["rw", "ro", "exec", "noexec"])
        .mount("/data/c", "tmpfs", "tmpfs", &["nosuid", "suid", "nodev", "dev", "dev", "nodev"]);
    let report = lab.probe(&mut bundle, &["mounts"])?;
    let want = [("/data/a", "rw,!noexec"), ("/data/b", "ro,noexec"), ("/data/c", "!nosuid,nodev")];
    let wrong: Vec<String> =
        want.iter().filter_map(|(point, want)| lacks(&report["mounts"], point, want)).collect();
    check(wrong.is_empty(), || wrong.join("; "))
}

/// A mount of the host that is shared, with a mount below it: `source` and `source/sub`.
fn shared_source(lab: &Lab, flags: MountFlags) -> Verdict<String> {
    let source = lab.folder("source")?;
    mount("tmpfs", &source, "tmpfs", flags, None)?;
    mount_change(&source, MountPropagationFlags::SHARED)?;
    let sub = lab.folder("source/sub")?;
    mount("tmpfs", &sub, "tmpfs", flags, None)?;
    mount_change(&sub, MountPropagationFlags::SHARED)?;
    Ok(source)
}

/// The propagation of a mount: sorted words such as `master`, `shared`, `unbindable`.
fn propagation_of(mounts: &Value, point: &str) -> String {
    let Some(mount) = mount_at(mounts, point) else { return "no mount".to_owned() };
    let fields = mount["optional"].as_array().cloned().unwrap_or_default();
    let mut words: Vec<&str> = fields
        .iter()
        .filter_map(|field| field.as_str()?.split(':').next())
        .filter(|word| *word != "propagate_from")
        .collect();
    words.sort_unstable();
    if words.is_empty() { "private".to_owned() } else { words.join(" ") }
}

fn propagations(lab: &Lab, pairs: &[(&str, &str)], sub: bool) -> Verdict {
    let source = shared_source(lab, MountFlags::empty())?;
    let mut bundle = lab.bundle()?;
    for (option, _) in pairs {
        bundle.mount(&format!("/data/{option}"), "none", &source, &["rbind", option]);
    }
    let report = lab.probe(&mut bundle, &["mounts"])?;
    let mut wrong = Vec::new();
    for (option, want) in pairs {
        let point = if sub { format!("/data/{option}/sub") } else { format!("/data/{option}") };
        let got = propagation_of(&report["mounts"], &point);
        // A shared copy of a slave is both: the root's own propagation made it a slave first.
        let good = got == *want || (*want == "shared" && got == "master shared");
        if !good {
            wrong.push(format!("{point}: want {want}, got {got}"));
        }
    }
    check(wrong.is_empty(), || wrong.join("; "))
}

fn propagation(lab: &Lab) -> Verdict {
    let pairs = [
        ("private", "private"),
        ("shared", "shared"),
        ("slave", "master"),
        ("unbindable", "unbindable"),
        ("rprivate", "private"),
        ("rshared", "shared"),
        ("rslave", "master"),
        ("runbindable", "unbindable"),
    ];
    propagations(lab, &pairs, false)
}

fn recursive_propagation(lab: &Lab) -> Verdict {
    let pairs =
        [("rprivate", "private"), ("rshared", "shared"), ("rslave", "master"), ("runbindable", "unbindable")];
    propagations(lab, &pairs, true)
}

/// Each option on a recursive bind; what the mount below must show.
fn recursive(lab: &Lab, pairs: &[(&str, &str)], flags: MountFlags) -> Verdict {
    let source = shared_source(lab, flags)?;
    let mut bundle = lab.bundle()?;
    for (option, _) in pairs {
        bundle.mount(&format!("/data/{option}"), "none", &source, &["rbind", "rprivate", option]);
    }
    let report = lab.probe(&mut bundle, &["mounts"])?;
    let mut wrong = Vec::new();
    for (option, want) in pairs {
        for point in [format!("/data/{option}"), format!("/data/{option}/sub")] {
            let mount = mount_at(&report["mounts"], &point).cloned().unwrap_or_default();
            // Of the mount alone: the superblock's own flags stay.
            let alone = json!([{"point": &point, "options": mount["options"], "super": ""}]);
            wrong.extend(lacks(&alone, &point, want));
        }
    }
    check(wrong.is_empty(), || wrong.join("; "))
}

fn recursive_set(lab: &Lab) -> Verdict {
    let pairs = [
        ("rro", "ro"),
        ("rnosuid", "nosuid"),
        ("rnodev", "nodev"),
        ("rnoexec", "noexec"),
        ("rnodiratime", "nodiratime"),
        ("rnosymfollow", "nosymfollow"),
    ];
    recursive(lab, &pairs, MountFlags::empty())
}

fn recursive_atime(lab: &Lab) -> Verdict {
    let pairs = [("rnoatime", "noatime"), ("rstrictatime", "!relatime,!noatime"), ("rrelatime", "relatime")];
    recursive(lab, &pairs, MountFlags::empty())
}

fn recursive_atime_clear(lab: &Lab) -> Verdict {
    let pairs = [("ratime", "!noatime"), ("rnostrictatime", "rw"), ("rnorelatime", "rw")];
    recursive(lab, &pairs, MountFlags::NOATIME)
}

fn recursive_clear(lab: &Lab) -> Verdict {
    let pairs = [
        ("rsuid", "!nosuid"),
        ("rdev", "!nodev"),
        ("rexec", "!noexec"),
        ("rdiratime", "!nodiratime"),
        ("rsymfollow", "!nosymfollow"),
        ("rrw", "rw"),
    ];
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NODIRATIME;
    recursive(lab, &pairs, flags)
}

fn ro_is_not_recursive(lab: &Lab) -> Verdict {
    let source = shared_source(lab, MountFlags::empty())?;
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "none", &source, &["rbind", "ro"]);
    let report = lab.probe(&mut bundle, &["create=/data/made", "create=/data/sub/made"])?;
    crate::case::same("on the mount", &report["create=/data/made"]["error"], &json!("EROFS"))?;
    crate::case::same("below it", &report["create=/data/sub/made"], &json!(true))
}
