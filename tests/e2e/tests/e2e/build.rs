//! `barque build`: what it makes, what it finds again, what it refuses, and what a killed one leaves.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Stdio;

use crate::lab::{Lab, Said, require_root, said, wait_until};

fn context(lab: &Lab, dockerfile: &str, ignore: &str) -> String {
    let directory = lab.path("context");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("Dockerfile"), dockerfile).unwrap();
    fs::write(directory.join(".dockerignore"), ignore).unwrap();
    directory.to_str().unwrap().to_owned()
}

fn build(lab: &Lab, arguments: &[&str]) -> Said {
    said(
        lab.barque()
            .args(["build", "--cgroup-parent", lab.cgroup_parent()])
            .args(arguments)
            .stdin(Stdio::null()),
    )
}

fn barque(lab: &Lab, arguments: &[&str]) -> Said {
    said(lab.barque().args(arguments).stdin(Stdio::null()))
}

/// A scene with an image `bb` of busybox.
fn with_base() -> Option<Lab> {
    if !require_root() {
        return None;
    }
    let lab = Lab::new();
    barque(&lab, &["import", "-c", "ENV FROM_BASE=1", &lab.text("rootfs"), "bb"]).ok();
    Some(lab)
}

/// Builds a Dockerfile in the context; returns the image's id.
fn built(lab: &Lab, dockerfile: &str, flags: &[&str]) -> String {
    let context = context(lab, dockerfile, "");
    build(lab, &[&["-q"], flags, &[&context]].concat()).ok().to_owned()
}

/// What a shell says in a container of an image.
fn sh(lab: &Lab, image: &str, script: &str) -> String {
    let run =
        ["run", "--rm", "--cgroup-parent", lab.cgroup_parent(), "--user", "0", "--entrypoint", "", image];
    barque(lab, &[&run[..], &["/bin/sh", "-c", script]].concat()).ok().to_owned()
}

/// Nothing of the containers of builds is there any more.
fn assert_clean(lab: &Lab) {
    let left = || {
        let mut left = lab.leftovers();
        for directory in ["run/build", "run/build-locks", "run/build-secrets"] {
            let entries = fs::read_dir(lab.path(directory)).into_iter().flatten().flatten();
            left.extend(entries.map(|entry| entry.path().display().to_string()));
        }
        left
    };
    assert!(wait_until(|| left().is_empty()), "{:#?}", left());
}

#[test]
fn a_dockerfile_without_faults() {
    let lab = Lab::new();
    let context = context(&lab, "FROM debian:12\nCOPY a /a\nCMD [\"/a\"]\n", "*.log\n");
    assert_eq!(build(&lab, &["--check", &context]).ok(), "Check complete, no warnings found.");
}

#[test]
fn what_is_found_is_shown_with_its_line_and_cure() {
    let lab = Lab::new();
    let context = context(&lab, "FROM debian:12\nCOPY x.log /\nCMD nginx\n", "*.log\n");
    let said = build(&lab, &[&context, "--check"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
    for words in ["2 warnings", "WARNING: CopyIgnoredFile", ">>> COPY x.log /", "CMD [\"nginx\"]"] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
}

#[test]
fn arguments_of_the_build_count() {
    let lab = Lab::new();
    let context = context(&lab, "ARG V\nFROM debian:${V:?must-be-given}\n", "");
    build(&lab, &["--check", &context]).fails(1, &["line 2", "must-be-given"]);
    assert!(build(&lab, &["--check", "--build-arg", "V=12", &context]).out.contains("Check complete"));
}

#[test]
fn what_cannot_be_read_is_said() {
    let lab = Lab::new();
    let context = context(&lab, "FROM a\nRNU b\n", "");
    build(&lab, &["--check", &context])
        .fails(1, &[">>> RNU b", "line 2: unknown instruction: RNU", "did you mean RUN?"]);
    build(&lab, &["--check", "/no/such"]).fails(1, &["/no/such"]);
    build(&lab, &["--check", "-f", "/no/such", &context])
        .fails(1, &["failed to read dockerfile", "/no/such"]);
    build(&lab, &["--check", "--target", "x", &context]).fails(1, &["unknown instruction"]);
}

#[test]
fn every_instruction() {
    let Some(lab) = with_base() else { return };
    lab.file("context/sub/a.txt", "a\n");
    lab.file("context/b1.txt", "b1\n");
    lab.file("context/b2.txt", "b2\n");
    lab.file("context/x.log", "x\n");
    let text = "ARG V=1\nFROM bb AS one\nARG V\nENV GREETING=\"hello $V\"\nWORKDIR /srv/app\n\
        RUN echo $GREETING > greeting && mkdir /made && chmod 2750 /made && ln -s /made /link && rm /etc/group\n\
        RUN [\"sh\", \"-c\", \"echo exec > /exec\"]\nRUN <<E\necho one > /one\necho two >> /one\nE\n\
        RUN cat <<E | tr a-z A-Z > /three\nthree\nE\nRUN <<E\n#!/bin/sh\necho $0 > /four\nE\n\
        COPY . /ctx/\nCOPY --chown=ann:staff --chmod=640 sub/a.txt b*.txt /files/\nCOPY b1.txt /link/\n\
        COPY <<E /doc\n$GREETING \"q\"\nE\nFROM bb AS unused\nRUN false\nFROM bb\n\
        COPY --from=one / /all/\nCOPY --from=one /ctx/sub /sub\nEXPOSE 80 53/udp\nVOLUME /data\n\
        LABEL a=b\nUSER ann\nENTRYPOINT [\"cat\"]\nCMD [\"/sub/a.txt\"]\n";
    let context = context(&lab, text, "*.log\n.dockerignore\n");
    // The group is gone by then: it is looked up in the image.
    build(&lab, &["-t", "one", &context]).fails(1, &["staff", "/etc/group", ">>> COPY --chown=ann:staff"]);
    let context = self::context(
        &lab,
        &text.replace(" && rm /etc/group", " && rm /etc/motd || true"),
        "*.log\n.dockerignore\n",
    );
    build(&lab, &["-t", "one:1", "--label", "c=d", &context]).ok();
    assert_eq!(barque(&lab, &["run", "--rm", "--cgroup-parent", lab.cgroup_parent(), "one:1"]).ok(), "a");
    let look = "cd /all; cat srv/app/greeting exec one three four doc; ls ctx; ls ctx/sub; \
                stat -c '%a %u %g %n' made files/* ctx/b1.txt; cat made/b1.txt; readlink link";
    let expected = "hello 1\nexec\none\ntwo\nTHREE\n/dev/pipes/E\nhello 1 \"q\"\nDockerfile\nb1.txt\nb2.txt\nsub\na.txt\n\
        2750 0 0 made\n640 1000 50 files/a.txt\n640 1000 50 files/b1.txt\n640 1000 50 files/b2.txt\n\
        644 0 0 ctx/b1.txt\nb1\n/made";
    assert_eq!(sh(&lab, "one:1", look), expected, "files");
    let template = "{{json .Config}} {{len .RootFS.Layers}}";
    let said = barque(&lab, &["image", "inspect", "-f", template, "one:1"]);
    for words in [
        "\"80/tcp\":{}",
        "\"53/udp\"",
        "\"/data\":{}",
        "\"a\":\"b\"",
        "\"c\":\"d\"",
        "FROM_BASE=1",
        "\"User\":\"ann\"",
        " 3",
    ] {
        assert!(said.ok().contains(words), "{words}: {said:?}");
    }
    let history = barque(&lab, &["history", "--no-trunc", "--format", "{{.CreatedBy}}", "one:1"]);
    assert!(history.ok().contains("COPY --from=one /ctx/sub /sub\n"), "{history:?}");
    assert_clean(&lab);
}

#[test]
fn what_must_hit_hits_and_what_must_miss_misses() {
    let Some(lab) = with_base() else { return };
    let file = lab.file("context/f", "1");
    let text = "FROM bb\nARG X=1\nRUN echo $X > /x\nCOPY f /f\nRUN cat /f > /g\nCMD [\"cat\", \"/g\"]\n";
    let cached = |said: &Said| said.err.matches(" CACHED\n").count();
    let context = context(&lab, text, "");
    assert_eq!(cached(&build(&lab, &["-t", "c", &context])), 0);
    let id = build(&lab, &["-q", &context]).ok().to_owned();
    let touched = fs::File::open(&file).unwrap();
    touched.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let again = build(&lab, &["-t", "c", &context]);
    assert_eq!(cached(&again), 3, "{again:?}");
    assert_eq!(build(&lab, &["-q", &context]).ok(), id, "the same image, though a file was touched");
    for (change, flags, hits) in [
        ("mode", &[][..], 1),
        ("contents", &[], 1),
        ("argument", &["--build-arg", "X=2"], 0),
        ("label", &["--label", "a=b"], 3),
        ("nothing", &["--no-cache"], 0),
    ] {
        match change {
            "mode" => fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap(),
            "contents" => fs::write(&file, "2").unwrap(),
            _ => {}
        }
        let said = build(&lab, &[flags, &[&context]].concat());
        assert_eq!((cached(&said), said.code), (hits, 0), "{change}: {said:?}");
    }
    assert_eq!(sh(&lab, &id, "cat /g /x"), "11");
    // The cache keeps what has no name.
    barque(&lab, &["rmi", "c"]).ok();
    barque(&lab, &["image", "prune", "-f"]).ok();
    let said = build(&lab, &["-t", "c", &context]);
    assert_eq!(cached(&said), 3, "{said:?}");
    assert!(barque(&lab, &["builder", "du"]).ok().contains("RUN cat /f > /g"));
    barque(&lab, &["builder", "prune", "-af"]).ok();
    assert!(
        barque(&lab, &["builder", "du"]).ok().ends_with("Total: 0B"),
        "{:?}",
        barque(&lab, &["builder", "du"])
    );
    assert_eq!(sh(&lab, "c", "cat /g"), "2", "what has a name stays");
    assert_eq!(barque(&lab, &["image", "check"]).code, 0);
}

#[test]
fn a_command_that_fails() {
    let Some(lab) = with_base() else { return };
    let context = context(&lab, "FROM bb AS base\nRUN true\nRUN echo last words; \\\n  exit 7\n", "");
    let said = build(&lab, &[&context]);
    let words = ["exit code: 7", "> [base 3/3]", "last words", "Dockerfile:3", ">>>   exit 7"];
    said.fails(1, &words);
    build(&lab, &["-q", &context]).fails(1, &words);
    let context = self::context(&lab, "FROM bb\nRUN [\"/no/such\"]\n", "");
    build(&lab, &[&context]).fails(1, &["/no/such", ">>> RUN"]);
    let context = self::context(&lab, "FROM bb\nCOPY none /\n", "");
    build(&lab, &[&context]).fails(1, &["\"/none\": not found", ">>> COPY none"]);
    assert_clean(&lab);
}

#[test]
fn links_lead_out_of_nothing() {
    let Some(lab) = with_base() else { return };
    let secret = lab.file("outside/secret", "secret\n");
    lab.file("context/in", "in\n");
    let directory = lab.path("context");
    symlink(&secret, directory.join("file")).unwrap();
    symlink("../outside", directory.join("directory")).unwrap();
    symlink("/", directory.join("all")).unwrap();
    for source in ["file", "directory/secret", "all/etc/passwd", "../outside/secret", "all/../../outside"] {
        let context = context(&lab, &format!("FROM bb\nCOPY {source} /copied\n"), "");
        build(&lab, &[&context]).fails(1, &["not found"]);
    }
    // As links they are copied, and lead to what the image has there.
    let id = built(&lab, "FROM bb\nCOPY . /c\n", &[]);
    assert_eq!(sh(&lab, &id, "readlink /c/directory; ls /c/all/c/in"), "../outside\n/c/all/c/in");
    // Neither does a link of the image, on the other side.
    let target = lab.path("escaped");
    fs::create_dir(&target).unwrap();
    let (out, up) = (target.display(), "../../../../../../../..");
    let text =
        format!("FROM bb\nRUN ln -s {out} /out && ln -s {up}{out} /up\nCOPY in /out/\nCOPY in /up/x\n");
    let id = built(&lab, &text, &[]);
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    assert_eq!(sh(&lab, &id, &format!("cat {out}/in {out}/x")), "in\nin");
    assert_clean(&lab);
}

#[test]
fn archives_patterns_and_parents() {
    let Some(lab) = with_base() else { return };
    lab.file("archived/d/file", "archived\n");
    lab.file("context/a/b/c.txt", "c\n");
    lab.file("context/a/b/d.log", "d\n");
    fs::create_dir_all(lab.path("context/empty")).unwrap();
    let tar = std::process::Command::new("tar")
        .args(["--owner=5", "--group=6", "-czf"])
        .arg(lab.path("context/a.tar.gz"))
        .arg("-C")
        .arg(lab.path("archived"))
        .arg("d")
        .status();
    assert!(tar.unwrap().success());
    let text = "FROM bb\nADD a.tar.gz /add/\nCOPY a.tar.gz /copy/\nADD --unpack=false a.tar.gz /kept/\n\
                COPY --parents a/*/*.txt empty /p/\nCOPY --exclude=**/*.log a /x\n";
    let id = built(&lab, text, &[]);
    let look = "stat -c '%u %g %n' /add/d/file; ls /copy /kept /p/a/b /p/empty /x/b; cat /add/d/file";
    let expected = "5 6 /add/d/file\n/copy:\na.tar.gz\n\n/kept:\na.tar.gz\n\n/p/a/b:\nc.txt\n\n/p/empty:\n\n/x/b:\nc.txt\narchived";
    assert_eq!(sh(&lab, &id, look), expected);
}

#[test]
fn mounts_of_a_command() {
    let Some(lab) = with_base() else { return };
    lab.file("context/dir/in", "in\n");
    let secret = lab.file("token", "s3cret");
    let text = "FROM bb AS tools\nRUN echo tool > /tool\nFROM bb\n\
        RUN --mount=type=cache,target=/cache echo x >> /cache/log; wc -l < /cache/log > /count\n\
        RUN --mount=type=secret,id=t,env=TOKEN --mount=type=secret,id=t,target=/s \
            test \"$TOKEN\" = \"$(cat /s)\" -a ${#TOKEN} = 6 -a $(stat -c %a /s) = 400\n\
        RUN --mount=type=tmpfs,target=/mem touch /mem/x\n\
        RUN --mount=target=/ctx,source=dir --mount=from=tools,target=/t,rw cat /ctx/in /t/tool > /got && echo > /t/new\n\
        RUN test ! -e /t/new\n";
    let flags = ["--secret", &format!("id=t,src={secret}")];
    let id = built(&lab, text, &flags);
    assert_eq!(
        sh(&lab, &id, "cat /count /got; ls -d /mem /s /t /cache /ctx 2>/dev/null; true"),
        "1\nin\ntool"
    );
    let found =
        std::process::Command::new("grep").args(["-rlF", "s3cret"]).arg(lab.path("root")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "the secret is on disk");
    // The cache mount is there in the next build.
    let id = built(&lab, &text.replace("echo x", "echo y"), &flags);
    assert_eq!(sh(&lab, &id, "cat /count"), "2");
    let required = "FROM bb\nRUN --mount=type=secret,id=none,required true\n";
    let context = context(&lab, required, "");
    build(&lab, &[&context]).fails(1, &["secret none: not found", "--secret"]);
    assert_clean(&lab);
}

#[test]
fn a_killed_build_leaves_nothing_behind() {
    let Some(lab) = with_base() else { return };
    let mark = lab.path("context/dir");
    fs::create_dir_all(&mark).unwrap();
    let text = "FROM bb\nRUN echo one > /one\nRUN echo begun; sleep 1000\n";
    let context = context(&lab, text, "");
    let mut command = lab.barque();
    command.args(["build", "--cgroup-parent", lab.cgroup_parent(), &context]);
    let log = fs::File::create(lab.path("log")).unwrap();
    let mut child = command.stdin(Stdio::null()).stderr(log).spawn().unwrap();
    let begun = || fs::read_to_string(lab.path("log")).unwrap().lines().any(|line| line.ends_with(" begun"));
    assert!(wait_until(begun), "{}", fs::read_to_string(lab.path("log")).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_clean(&lab);
    let context = self::context(&lab, &text.replace("sleep 1000", "true"), "");
    let said = build(&lab, &["-t", "done", &context]);
    assert_eq!((said.code, said.err.matches(" CACHED\n").count()), (0, 1), "{said:?}");
    assert_eq!(barque(&lab, &["image", "check"]).code, 0);
    assert_clean(&lab);
}

#[test]
fn times_are_held_back() {
    let Some(lab) = with_base() else { return };
    let text = "FROM bb\nRUN touch /new\nCOPY Dockerfile /d\n";
    let context = context(&lab, text, "");
    let made = |no_cache: &[&str]| {
        let mut command = lab.barque();
        command.args(["build", "-q", "--cgroup-parent", lab.cgroup_parent()]).args(no_cache).arg(&context);
        said(command.env("SOURCE_DATE_EPOCH", "1000000000").stdin(Stdio::null())).ok().to_owned()
    };
    let id = made(&[]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(made(&["--no-cache"]), id, "the same image at another time");
    assert_eq!(sh(&lab, &id, "stat -c %Y /new /d"), "1000000000\n1000000000");
}

#[test]
fn what_comes_of_a_build_besides() {
    let Some(lab) = with_base() else { return };
    let context = context(&lab, "FROM scratch\nCOPY Dockerfile /d/file\nCMD [\"/x\"]\n", "");
    let (local, tar, oci) = (lab.text("local"), lab.text("files.tar"), lab.text("oci.tar"));
    let outputs =
        [&*local, &format!("type=tar,dest={tar}"), &format!("type=oci,dest={oci}")].map(str::to_owned);
    let mut flags = vec!["-t", "out:1", "--metadata-file"];
    let metadata = lab.text("metadata");
    flags.push(&metadata);
    outputs.iter().for_each(|output| flags.extend(["-o", output]));
    flags.push(&context);
    build(&lab, &flags).ok();
    assert!(fs::read_to_string(lab.path("local/d/file")).unwrap().starts_with("FROM scratch"));
    let listed = std::process::Command::new("tar").args(["-tf", &tar]).output().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("d/file"), "{listed:?}");
    barque(&lab, &["rmi", "out:1"]).ok();
    assert!(barque(&lab, &["load", "-i", &oci]).ok().contains("out:1"));
    assert!(fs::read_to_string(&metadata).unwrap().contains("\"image.name\": \"docker.io/library/out:1\""));
    build(&lab, &["-o", "type=none", &context]).fails(1, &["type is local, tar, oci, docker"]);
    build(&lab, &["--push", &context]).fails(1, &["a push needs a name"]);
    assert_clean(&lab);
}
