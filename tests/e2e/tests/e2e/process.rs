//! The process: environment, user, directory, streams, signals, init.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use crate::lab::{Lab, finish, require_root};

#[test]
fn environment_of_flags_and_files() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let file = lab.file("env", "# comment\nFROM_FILE=1\nBOTH=file\n\nEMPTY=\n");
    let said = lab.sh(
        &["--env-file", &file, "-e", "BOTH=flag", "-e", "SPACES=a  b", "--env", "HOME=/nowhere"],
        "echo $FROM_FILE:$BOTH:$SPACES:$HOME:${EMPTY-unset}:$HOSTNAME:$PATH; [ -z \"$TERM\" ]",
    );
    let name = said.out.split(':').nth(5).unwrap_or_default().to_owned();
    assert_eq!(name.len(), 12);
    assert_eq!(
        said.ok(),
        format!("1:flag:a b:/nowhere::{name}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    );
}

#[test]
fn a_variable_without_a_value_is_the_callers() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let root = format!("dir:{}", lab.rootfs().display());
    let mut run = lab.run_command(
        &["-e", "TAKEN", "-e", "ABSENT"],
        &root,
        &["sh", "-c", "echo $TAKEN ${ABSENT-no} ${OTHER-no}"],
    );
    run.env("TAKEN", "yes").env("OTHER", "leak").env_remove("ABSENT");
    assert_eq!(crate::lab::said(&mut run).ok(), "yes no no");
}

#[test]
fn working_directory_is_made() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    assert_eq!(lab.run(&["-w", "/a/b/c"], &["pwd"]).ok(), "/a/b/c");
    assert_eq!(lab.run(&["-w", "/tmp"], &["pwd"]).ok(), "/tmp");
    assert!(!lab.rootfs().join("a").exists(), "it was made in the lower directory");
    lab.run(&["-w", "relative"], &["pwd"]).fails(125, &["relative"]);
    lab.run(&["-w", "/etc/passwd"], &["pwd"]).fails(125, &["/etc/passwd"]);
}

#[test]
fn users_by_name_and_number() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for (user, ids) in [
        ("ann", "uid=1000(ann) gid=1000(ann) groups=50(staff),1000(ann)"),
        ("1000", "uid=1000(ann) gid=1000(ann) groups=50(staff),1000(ann)"),
        ("ann:audio", "uid=1000(ann) gid=29(audio) groups=29(audio)"),
        ("ann:77", "uid=1000(ann) gid=77 groups=77"),
        ("4242", "uid=4242 gid=0(root) groups=0(root)"),
        ("4242:4243", "uid=4242 gid=4243 groups=4243"),
    ] {
        let said = lab.run(&["-u", user], &["id"]);
        let sorted = |text: &str| {
            let (ids, groups) = text.split_once("groups=").unwrap();
            let mut groups: Vec<_> = groups.split(',').map(str::to_owned).collect();
            groups.sort();
            format!("{ids}{groups:?}")
        };
        assert_eq!(sorted(said.ok()), sorted(ids), "{user}");
    }
    assert_eq!(lab.run(&["-u", "ann"], &["sh", "-c", "echo $HOME"]).ok(), "/home/ann");
    lab.run(&["-u", "nobody-here"], &["id"]).fails(125, &["nobody-here"]);
    lab.run(&["-u", "ann:nogroup-here"], &["id"]).fails(125, &["nogroup-here"]);
}

#[test]
fn additional_groups() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let said = lab.run(&["-u", "4242:4243", "--group-add", "audio", "--group-add", "77"], &["id", "-G"]);
    let mut groups: Vec<&str> = said.ok().split(' ').collect();
    groups.sort_unstable();
    assert_eq!(groups, ["29", "4243", "77"]);
}

#[test]
fn entrypoint_takes_the_command_as_arguments() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    assert_eq!(lab.run(&["--entrypoint", "echo"], &["a", "b c"]).ok(), "a b c");
}

#[test]
fn without_i_the_input_is_empty() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    assert_eq!(lab.run_with_input(&[], "secret", &["cat"]).ok(), "");
    assert_eq!(lab.run_with_input(&["-i"], "given", &["cat"]).ok(), "given");
}

#[test]
fn closing_the_input_leaves_the_output_open() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let root = format!("dir:{}", lab.rootfs().display());
    let mut run = lab.run_command(&["-i"], &root, &["sh", "-c", "cat; echo end; echo err >&2; exit 3"]);
    let mut child = run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"line\n").unwrap();
    let said = finish(child);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (3, "line\nend\n", "err\n"));
}

#[test]
fn signals_reach_the_program() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let root = format!("dir:{}", lab.rootfs().display());
    for (flags, signal, code) in [
        (&[][..], rustix::process::Signal::TERM, 42),
        (&[], rustix::process::Signal::USR1, 43),
        (&["--init"], rustix::process::Signal::TERM, 42),
        (&["--init"], rustix::process::Signal::HUP, 44),
    ] {
        let script = "trap 'exit 42' TERM; trap 'exit 43' USR1; trap 'exit 44' HUP; echo ready; while :; do sleep 0.05; done";
        let mut run = lab.run_command(flags, &root, &["sh", "-c", script]);
        let mut child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        let said = finish(child);
        assert_eq!(said.code, code, "{flags:?} {signal:?} {said:?}");
    }
}

#[test]
fn init_is_process_one_and_reaps() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let script = "[ $$ != 1 ] || exit 9; tr '\\0' ' ' < /proc/1/cmdline; \
                  (sleep 0.1 & ); sleep 0.5; cat /proc/[0-9]*/stat";
    let said = lab.run(&["--init"], &["sh", "-c", script]);
    assert!(said.out.contains("init"), "{said:?}");
    assert!(!said.out.contains(") Z "), "a zombie was left: {said:?}");
    assert_eq!(lab.sh(&[], "echo $$").ok(), "1");
}

#[test]
fn resource_limits_of_the_process() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let flags = ["--ulimit", "nofile=99:100", "--ulimit", "core=0", "--oom-score-adj", "500"];
    let script = "ulimit -n; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj";
    assert_eq!(lab.sh(&flags, script).ok(), "99\n100\n0\n500");
    lab.run(&["--ulimit", "nosuch=1"], &["true"]).fails(125, &["nosuch"]);
    lab.run(&["--ulimit", "nofile=2:1"], &["true"]).fails(125, &["nofile"]);
}

#[test]
fn the_programs_descriptors_are_three() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    // `sh` inherits descriptor 9 of its own shell, which opened the host's /etc.
    let barque = lab.run_command(&[], &format!("dir:{}", lab.rootfs().display()), &["ls", "/proc/self/fd"]);
    let mut words = vec![barque.get_program().to_owned()];
    words.extend(barque.get_args().map(std::ffi::OsStr::to_owned));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "exec 9</etc 7</etc/passwd; exec \"$@\"", "sh"]).args(words).stdin(Stdio::null());
    // 3 is the directory that `ls` itself reads.
    assert_eq!(crate::lab::said(&mut shell).ok(), "0\n1\n2\n3");
}
