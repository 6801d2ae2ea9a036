//! Device nodes: the default ones and those of the configuration.

use std::fs;

use serde_json::json;

use crate::case::Level::{Must, Should};
use crate::case::{Case, Verdict, case, check, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "devices::default_nodes",
        "config-linux.md#default-devices",
        Must,
        "null zero full random urandom tty are there with their numbers, for everybody",
        default_nodes,
    ),
    case(
        "devices::default_nodes_work",
        "config-linux.md#default-devices",
        Must,
        "they can be opened and do what they should",
        default_nodes_work,
    ),
    case("devices::ptmx", "config-linux.md#default-devices", Must, "/dev/ptmx is the container's own", ptmx),
    case(
        "devices::no_console_without_terminal",
        "config-linux.md#default-devices",
        Should,
        "/dev/console is made only for a terminal",
        no_console,
    ),
    case(
        "devices::links",
        "runtime-linux.md#dev-symbolic-links",
        Must,
        "/dev/fd, stdin, stdout and stderr are links to /proc/self/fd",
        links,
    ),
    case(
        "devices::nothing_else",
        "config-linux.md#devices",
        Should,
        "there is no other device node in a fresh /dev",
        nothing_else,
    ),
    case(
        "devices::extra",
        "config-linux.md#devices",
        Must,
        "c, b, u and p devices are made with mode and owner",
        extra,
    ),
    case(
        "devices::outside_dev",
        "config-linux.md#devices",
        Must,
        "a device may be anywhere, its directory is made",
        outside_dev,
    ),
    case(
        "devices::existing_other_file",
        "config-linux.md#devices",
        Must,
        "another file at the path is an error",
        existing_other_file,
    ),
    case(
        "devices::fifo_needs_no_numbers",
        "config-linux.md#devices",
        Must,
        "a fifo needs no major and minor",
        fifo,
    ),
    case(
        "devices::umask",
        "config-linux.md#devices",
        Must,
        "the caller's umask does not reach the modes",
        umask,
    ),
];

fn default_nodes(lab: &Lab) -> Verdict {
    let nodes =
        [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
    let facts = nodes.map(|node| format!("stat=/dev/{}", node.0));
    let report = lab.probe(&mut lab.bundle()?, &facts.each_ref().map(String::as_str))?;
    for ((name, major, minor), fact) in nodes.iter().zip(&facts) {
        let stat = &report[fact];
        same(
            name,
            (&stat["type"], &stat["major"], &stat["minor"]),
            (&json!("c"), &json!(major), &json!(minor)),
        )?;
        same(&format!("mode of {name}"), &stat["mode"], &json!(0o666))?;
    }
    Ok(())
}

fn default_nodes_work(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/user", json!({"uid": 1000, "gid": 1000}));
    let report = lab.probe(
        &mut bundle,
        &[
            "write=/dev/null",
            "read=/dev/null",
            "write=/dev/full",
            "device=/dev/zero",
            "device=/dev/random",
            "device=/dev/urandom",
            "device=/dev/ptmx",
            "device=/dev/tty",
        ],
    )?;
    same("write null", &report["write=/dev/null"], &json!(true))?;
    same("read null", &report["read=/dev/null"], &json!(""))?;
    same("write full", &report["write=/dev/full"]["error"], &json!("ENOSPC"))?;
    for fact in ["device=/dev/zero", "device=/dev/random", "device=/dev/urandom", "device=/dev/ptmx"] {
        same(fact, &report[fact], &json!(true))?;
    }
    // Without a controlling terminal, which is not the same as without a permission.
    same("tty", &report["device=/dev/tty"]["error"], &json!("ENXIO"))
}

fn ptmx(lab: &Lab) -> Verdict {
    let report = lab.probe(
        &mut lab.bundle()?,
        &["stat=/dev/ptmx", "link=/dev/ptmx", "stat=/dev/pts/ptmx", "list=/dev/pts"],
    )?;
    let link = report["link=/dev/ptmx"].as_str().unwrap_or_default().to_owned();
    let own =
        ["pts/ptmx", "/dev/pts/ptmx"].contains(&link.as_str()) || report["stat=/dev/ptmx"]["minor"] == 2;
    check(own, || format!("/dev/ptmx is {} {link}", report["stat=/dev/ptmx"]))?;
    same("mode", &report["stat=/dev/pts/ptmx"]["mode"], &json!(0o666))?;
    same("no terminal of the host", &report["list=/dev/pts"], &json!(["ptmx"]))
}

fn no_console(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["exists=/dev/console"])?;
    same("/dev/console", &report["exists=/dev/console"], &json!(false))
}

fn links(lab: &Lab) -> Verdict {
    let report = lab.probe(
        &mut lab.bundle()?,
        &["link=/dev/fd", "link=/dev/stdin", "link=/dev/stdout", "link=/dev/stderr"],
    )?;
    same("fd", &report["link=/dev/fd"], &json!("/proc/self/fd"))?;
    for (number, name) in ["stdin", "stdout", "stderr"].iter().enumerate() {
        same(name, &report[format!("link=/dev/{name}")], &json!(format!("/proc/self/fd/{number}")))?;
    }
    Ok(())
}

fn nothing_else(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["list=/dev"])?;
    let known = [
        "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
        "urandom", "zero",
    ];
    let names = report["list=/dev"].as_array().cloned().unwrap_or_default();
    let stray: Vec<_> =
        names.iter().filter(|name| !known.contains(&name.as_str().unwrap_or_default())).collect();
    check(stray.is_empty(), || format!("{stray:?}"))
}

fn extra(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let device = |name: &str, kind: &str, major: u32, minor: u32| json!({"path": format!("/dev/{name}"), "type": kind, "major": major, "minor": minor, "fileMode": 0o640, "uid": 7, "gid": 8});
    bundle
        .push("/linux/devices", device("one", "c", 10, 200))
        .push("/linux/devices", device("two", "b", 7, 99));
    bundle.push("/linux/devices", device("three", "u", 10, 229));
    bundle.push(
        "/linux/devices",
        json!({"path": "/dev/four", "type": "p", "fileMode": 0o640, "uid": 7, "gid": 8}),
    );
    let report =
        lab.probe(&mut bundle, &["stat=/dev/one", "stat=/dev/two", "stat=/dev/three", "stat=/dev/four"])?;
    for (name, kind, major, minor) in
        [("one", "c", 10, 200), ("two", "b", 7, 99), ("three", "c", 10, 229), ("four", "p", 0, 0)]
    {
        let stat = &report[format!("stat=/dev/{name}")];
        same(
            name,
            (&stat["type"], &stat["major"], &stat["minor"]),
            (&json!(kind), &json!(major), &json!(minor)),
        )?;
        same(name, (&stat["mode"], &stat["uid"], &stat["gid"]), (&json!(0o640), &json!(7), &json!(8)))?;
    }
    Ok(())
}

fn outside_dev(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.push(
        "/linux/devices",
        json!({"path": "/data/deep/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}),
    );
    let report = lab.probe(&mut bundle, &["stat=/data/deep/null", "write=/data/deep/null"])?;
    same("type", &report["stat=/data/deep/null"]["type"], &json!("c"))?;
    same("write", &report["write=/data/deep/null"], &json!(true))
}

fn existing_other_file(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    fs::write(bundle.root("/data/node"), "a plain file")?;
    bundle.push("/linux/devices", json!({"path": "/data/node", "type": "c", "major": 1, "minor": 3}));
    lab.create_refused("another file is at the path", &bundle)?;
    same("the file", fs::read_to_string(bundle.root("/data/node"))?.as_str(), "a plain file")
}

fn fifo(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.push("/linux/devices", json!({"path": "/dev/pipe", "type": "p"}));
    same("type", &lab.probe(&mut bundle, &["stat=/dev/pipe"])?["stat=/dev/pipe"]["type"], &json!("p"))
}

fn umask(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.push(
        "/linux/devices",
        json!({"path": "/dev/node", "type": "c", "major": 10, "minor": 200, "fileMode": 0o666}),
    );
    bundle.probe(&["stat=/dev/node", "stat=/dev/null"]);
    let path = bundle.write()?;
    let inner = lab.command(&["run", "--bundle", &path, &lab.id]);
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(inner.get_program()).args(inner.get_args());
    let done = lab.finish(command)?;
    check(done.code == 0, || done.told())?;
    let report = crate::lab::parse(&done)?;
    same("a configured device", &report["stat=/dev/node"]["mode"], &json!(0o666))?;
    same("a default device", &report["stat=/dev/null"]["mode"], &json!(0o666))
}
