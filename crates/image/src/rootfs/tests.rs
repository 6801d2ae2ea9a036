//! The closure is compared with what `ldd` says of this machine's programs; damaged files must be survived.

use std::path::{Path, PathBuf};
use std::process::Command;

use barque_sys::path::Root;
use proptest::prelude::*;

use super::*;

fn selection(programs: &[&str]) -> HostSelection {
    HostSelection {
        root: PathBuf::from("/"),
        programs: programs.iter().map(|name| (*name).to_owned()).collect(),
        search: ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from).to_vec(),
        extras: Vec::new(),
        include: Vec::new(),
    }
}

/// The paths of `ldd`'s answer.
fn ldd(program: &str) -> Vec<String> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(str::to_owned);
    text.lines().filter_map(path).collect()
}

#[test]
fn what_ldd_finds_is_there() {
    for program in ["bash", "ls", "ip", "tar", "dpkg"] {
        let target = tempfile::tempdir().unwrap();
        let selected = selection(&[program]).copy_to(target.path()).unwrap();
        let path = selected.programs[0].to_str().unwrap();
        let root = Root::open_host(target.path()).unwrap();
        let wanted = ldd(path);
        assert!(wanted.len() > 1, "{wanted:?}");
        for library in wanted.iter().map(String::as_str).chain([path]) {
            let copied = root.stat(Path::new(library)).unwrap();
            assert_eq!(
                copied.st_size,
                i64::try_from(std::fs::metadata(library).unwrap().len()).unwrap(),
                "{library}"
            );
        }
        assert_eq!(selected.warnings, Vec::<String>::new(), "{program}");
    }
}

#[test]
fn links_are_kept_and_people_are_not() {
    let target = tempfile::tempdir().unwrap();
    selection(&["sh"]).copy_to(target.path()).unwrap();
    for path in ["bin", "lib64", "bin/sh"] {
        assert_eq!(
            std::fs::read_link(target.path().join(path)).ok(),
            std::fs::read_link(Path::new("/").join(path)).ok(),
            "{path}"
        );
    }
    let passwd = std::fs::read_to_string(target.path().join("etc/passwd")).unwrap();
    assert!(passwd.starts_with("root:x:0:0:"), "{passwd}");
    assert!(target.path().join("etc/nsswitch.conf").exists() && target.path().join("tmp").is_dir());
    let text = "root:*:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nnobody:x:65534:1::/:/bin/false\nbad\n";
    assert_eq!(accounts::of_the_system(text), "root:x:0:0::/root:/bin/sh\nnobody:x:65534:1::/:/bin/false\n");
    assert_eq!(accounts::of_the_system("audio:x:29:ann,bob\n"), "audio:x:29:\n");
    assert_eq!(
        accounts::services("passwd: files systemd\nhosts: files [NOTFOUND=return] dns\nethers: db # x\n"),
        ["files", "systemd", "dns"]
    );
}

#[test]
fn scripts_bring_their_interpreter() {
    let host = tempfile::tempdir().unwrap();
    let script = |name: &str, line: &str| {
        let path = host.path().join(name);
        std::fs::write(&path, format!("{line}\ntrue\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (line, expected) in [
        ("#!/bin/bash -e", "bin/bash"),
        ("#! /usr/bin/env -S bash", "usr/bin/bash"),
        ("#!/usr/bin/env sh", "usr/bin/sh"),
    ] {
        let path = script("script", line);
        let target = tempfile::tempdir().unwrap();
        selection(&[&path]).copy_to(target.path()).unwrap();
        let root = Root::open_host(target.path()).unwrap();
        assert!(root.stat(Path::new(expected)).is_ok() && root.stat(Path::new(&path)).is_ok(), "{line}");
    }
    for (line, message) in
        [("#!/no/such", "/no/such"), ("plain text", "neither an ELF program"), ("#!", "its #! line is empty")]
    {
        let path = script("broken", line);
        let error = selection(&[&path]).copy_to(tempfile::tempdir().unwrap().path()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let error = selection(&["no-such-program"]).copy_to(host.path()).unwrap_err();
    assert!(error.cure().is_some() && error.to_string().contains("\"no-such-program\""), "{error}");
}

#[test]
fn extras_come_with_what_their_links_lead_to() {
    let target = tempfile::tempdir().unwrap();
    let host = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(host.path().join("d/e")).unwrap();
    std::fs::write(host.path().join("d/e/file"), "x").unwrap();
    std::os::unix::fs::symlink("..", host.path().join("d/e/up")).unwrap();
    std::os::unix::fs::symlink(host.path().join("d/e/file"), host.path().join("link")).unwrap();
    let mut wanted = selection(&["true"]);
    wanted.extras = vec![Extra::Terminfo];
    wanted.include = vec![host.path().join("link"), host.path().join("d")];
    wanted.copy_to(target.path()).unwrap();
    let inside = target.path().join(host.path().strip_prefix("/").unwrap());
    assert_eq!(std::fs::read_to_string(inside.join("d/e/file")).unwrap(), "x");
    assert!(inside.join("link").is_symlink() && inside.join("d/e/up").is_symlink());
    wanted.include = vec![PathBuf::from("/no/such/file")];
    assert!(
        wanted
            .copy_to(tempfile::tempdir().unwrap().path())
            .unwrap_err()
            .to_string()
            .contains("/no/such/file")
    );
}

#[test]
fn search_paths_of_files() {
    let places =
        loader::Places { cache: vec![("libc.so".into(), "/cache/libc.so".into())], configured: Vec::new() };
    let elf = |rpath: Option<&str>, runpath: Option<&str>| Elf {
        rpath: rpath.map(str::to_owned),
        runpath: runpath.map(str::to_owned),
        ..Elf::default()
    };
    let program = elf(Some("$ORIGIN/../lib:/a"), None);
    let library = elf(None, Some("${ORIGIN}/own"));
    let file = Path::new("/opt/x/bin/p");
    let first = |chain: &[(&Path, &Elf)], count: usize| {
        let found = places.candidates("libc.so", chain);
        found.iter().take(count).map(|path| path.display().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(first(&[(file, &program)], 3), ["/opt/x/bin/../lib/libc.so", "/a/libc.so", "/cache/libc.so"]);
    // A RUNPATH serves only who has it, and hides the RPATH of those before.
    let chain = [(file, &program), (Path::new("/l/b.so"), &library)];
    assert_eq!(first(&chain, 2), ["/l/own/libc.so", "/cache/libc.so"]);
    let plain = elf(None, None);
    assert_eq!(first(&[(file, &program), (Path::new("/l/b.so"), &plain)], 1), ["/opt/x/bin/../lib/libc.so"]);
    assert_eq!(places.candidates("/abs/lib.so", &[]), [PathBuf::from("/abs/lib.so")]);
}

#[test]
fn configuration_and_cache_of_the_loader() {
    use loader::Line::{Directory, Include};
    let text = "# x\ninclude /etc/ld.so.conf.d/*.conf\n/opt/lib # y\n\nhwcap 1 z\n";
    let lines: Vec<_> = loader::configuration(text).collect();
    assert_eq!(lines, [Include("/etc/ld.so.conf.d/*.conf"), Directory("/opt/lib")]);
    let cache = loader::cache(&std::fs::read("/etc/ld.so.cache").unwrap());
    let said = Command::new("/sbin/ldconfig").arg("-p").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let expected: Vec<String> =
        said.lines().filter_map(|line| Some(line.split_once(" => ")?.1.to_owned())).collect();
    let found: Vec<String> = cache.iter().map(|(_, path)| path.display().to_string()).collect();
    assert_eq!(found, expected);
}

#[test]
fn installers() {
    let wanted = Bootstrap {
        suite: "bookworm".into(),
        include: vec!["python3".into(), "curl".into()],
        mirror: Some("http://deb.example.org/debian".into()),
        ..Bootstrap::default()
    };
    for (installer, expected) in [
        (
            Installer::Mmdebstrap,
            "--variant=minbase --include=python3,curl --format=tar bookworm /t http://deb.example.org/debian",
        ),
        (
            Installer::Debootstrap,
            "--variant=minbase --include=python3,curl bookworm /t http://deb.example.org/debian",
        ),
        (
            Installer::Dnf,
            "--assumeyes --installroot=/t --releasever=bookworm --setopt=install_weak_deps=False \
             --repofrompath=bootstrap,http://deb.example.org/debian install bash coreutils dnf python3 curl",
        ),
    ] {
        assert_eq!(installer.arguments(&wanted, Path::new("/t")).unwrap().0.join(" "), expected);
    }
    let option = Bootstrap { suite: "--setup-hook=x".into(), ..Bootstrap::default() };
    assert!(Installer::Mmdebstrap.arguments(&option, Path::new("/t")).is_err());
}

proptest! {
    #[test]
    fn damaged_files_are_survived(at in 0_usize..4096, byte: u8, cut in 0_usize..200_000) {
        let mut bytes = std::fs::read("/bin/sh").unwrap();
        bytes[at] = byte;
        bytes.truncate(cut);
        drop(elf(&bytes));
        let mut cache = std::fs::read("/etc/ld.so.cache").unwrap();
        if let Some(place) = cache.get_mut(at) {
            *place = byte;
        }
        cache.truncate(cut);
        drop(loader::cache(&cache));
    }

    #[test]
    fn any_bytes_are_survived(tail in prop::collection::vec(any::<u8>(), 0..600)) {
        drop(elf(&[b"\x7fELF\x02\x01", &tail[..]].concat()));
        drop(elf(&[b"\x7fELF\x01\x02", &tail[..]].concat()));
        drop(loader::cache(&[b"glibc-ld.so.cache1.1", &tail[..]].concat()));
    }
}
