//! Command lines that callers of runc and crun really write.

use super::*;

fn asked(line: &str) -> Result<Invocation> {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    match read(&args)? {
        Asked::Verb(invocation) => Ok(*invocation),
        Asked::Text(text) => panic!("{line}: answered with {text}"),
    }
}

#[test]
fn containerds_create() {
    let line = "--root /run/containerd/runc/k8s --log /b/log.json --log-format json --systemd-cgroup create \
                --bundle /b --pid-file /b/init.pid --console-socket /t/pty.sock abc";
    let Invocation { global, verb: Verb::Create(create) } = asked(line).unwrap() else { panic!() };
    assert_eq!(global.root.as_deref(), Some("/run/containerd/runc/k8s"));
    assert_eq!((global.log_format, global.cgroups), (LogFormat::Json, CgroupDriver::Systemd));
    assert_eq!((create.id.as_str(), create.bundle.as_deref()), ("abc", Some("/b")));
    assert_eq!(create.console_socket.as_deref(), Some("/t/pty.sock"));
}

#[test]
fn crun_forms() {
    let line =
        "--cgroup-manager=disabled --rootless=true --debug run -f /c.json --preserve-fds=2 -d --keep x";
    let Invocation { global, verb: Verb::Run(run) } = asked(line).unwrap() else { panic!() };
    assert_eq!((global.cgroups, global.rootless), (CgroupDriver::Disabled, Some(true)));
    assert_eq!(global.log_level, LogLevel::Debug);
    assert_eq!(
        (run.config.as_deref(), run.preserve_fds, run.detach, run.keep),
        (Some("/c.json"), 2, true, true)
    );
}

#[test]
fn exec_stops_at_the_id() {
    let Verb::Exec(exec) =
        asked("exec -t --user 1000:100 -e A=b --cap CAP_KILL --cgroup cpu:sub x ls -l --tty").unwrap().verb
    else {
        panic!()
    };
    assert_eq!(
        (exec.id.as_str(), exec.args.as_slice()),
        ("x", ["ls", "-l", "--tty"].map(String::from).as_slice())
    );
    assert_eq!((exec.tty, exec.user, exec.env.len()), (true, Some((1000, Some(100))), 1));
    assert_eq!(exec.cgroups, [(Some("cpu".to_owned()), "sub".to_owned())]);
    let Verb::Exec(exec) = asked("exec --process /p.json --detach --pid-file /f x").unwrap().verb else {
        panic!()
    };
    assert_eq!((exec.process.as_deref(), exec.detach), (Some("/p.json"), true));
}

#[test]
fn flags_may_follow_the_id_elsewhere() {
    let Verb::Update(update) =
        asked("update x --memory 64m --memory-swap -1 --pids-limit -1 --cpu-share 100").unwrap().verb
    else {
        panic!()
    };
    let memory = update.resources.memory.unwrap();
    assert_eq!((memory.limit, memory.swap), (Some(64 << 20), Some(-1)));
    assert_eq!(update.resources.pids.unwrap().limit, Some(-1));
    assert_eq!(update.resources.cpu.unwrap().shares, Some(100));
    assert_eq!(asked("update -r - x").unwrap().verb, {
        let plain =
            Update { id: "x".into(), file: Some("-".into()), resources: Default::default(), intel_rdt: None };
        Verb::Update(plain)
    });
}

#[test]
fn kill_in_its_forms() {
    for (line, signal, all, regex) in [
        ("kill x", 15, false, false),
        ("kill x KILL", 9, false, false),
        ("kill -a x 9", 9, true, false),
        ("kill --all x SIGHUP", 1, true, false),
        ("kill x TERM -a", 15, true, false),
        ("kill -r .* 9", 9, false, true),
    ] {
        let Verb::Kill(kill) = asked(line).unwrap().verb else { panic!("{line}") };
        assert_eq!((kill.signal, kill.all, kill.regex), (signal, all, regex), "{line}");
    }
}

#[test]
fn the_rest() {
    for (line, expected) in [
        ("state x", Verb::State("x".into())),
        ("start x", Verb::Start("x".into())),
        ("pause x", Verb::Pause("x".into())),
        ("resume x", Verb::Resume("x".into())),
        ("features", Verb::Features),
        ("checkpoint x", Verb::Checkpoint("x".into())),
        ("delete -force x", Verb::Delete(Delete { id: "x".into(), force: true, regex: false })),
        ("delete x --force", Verb::Delete(Delete { id: "x".into(), force: true, regex: false })),
        ("list -q --format=json", Verb::List(List { format: ListFormat::Json, quiet: true })),
        ("spec --rootless -b /b", Verb::Spec(SpecFile { bundle: Some("/b".into()), rootless: true })),
        (
            "events --stats x",
            Verb::Events(Events { id: "x".into(), interval: std::time::Duration::from_secs(5), stats: true }),
        ),
        (
            "ps -f json x -e -o pid",
            Verb::Ps(Ps {
                id: "x".into(),
                format: ListFormat::Json,
                args: ["-e", "-o", "pid"].map(String::from).into(),
            }),
        ),
    ] {
        assert_eq!(asked(line).unwrap().verb, expected, "{line}");
    }
}

#[test]
fn wrong_lines() {
    for (line, message) in [
        ("create", "\"create\" requires exactly 1 argument(s)"),
        ("state a b", "\"state\" requires exactly 1 argument(s)"),
        ("kill", "\"kill\" requires a minimum of 1 argument(s)"),
        ("kill x NOPE", "unknown signal \"NOPE\""),
        ("create ../x", "invalid container id \"../x\": invalid id format"),
        ("create ..", "invalid container id \"..\": invalid id format"),
        ("exec x", "process args cannot be empty"),
        ("exec", "\"exec\" requires a minimum of 1 argument(s)"),
        ("list x", "\"list\" requires exactly 0 argument(s)"),
        ("list -f xml", "invalid format option \"xml\""),
        ("--log-format xml list", "invalid argument \"xml\" for \"--log-format\" flag: it is text or json"),
        (
            "events --interval 0 x",
            "invalid argument \"0\" for \"--interval\" flag: duration interval must be greater than 0",
        ),
        ("create --frob x", "unknown flag: --frob"),
    ] {
        let error = asked(line).unwrap_err();
        assert_eq!(error.to_string(), message, "{line}");
    }
}

#[test]
fn every_verb_has_help() {
    for (verb, _) in VERBS {
        let Ok(Asked::Text(text)) = read(&[verb.to_owned(), "--help".to_owned()]) else { panic!("{verb}") };
        assert!(text.starts_with(&format!("Usage: barque oci {verb}")), "{text}");
    }
    insta::assert_snapshot!("help-oci", help());
    insta::assert_snapshot!("help-oci-exec", flags::help(&exec::EXEC));
}
