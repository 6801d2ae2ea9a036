//! Verbs that only the command line has: exec, pause, resume, ps, events, spec.

use std::fs;

use serde_json::{Value, json};

use crate::case::Level::{Cli, Must};
use crate::case::{Case, Outcome, Verdict, case, check, same};
use crate::lab::{Lab, parse};

pub(crate) const CASES: &[Case] = &[
    case(
        "exec::runs_in_the_container",
        "runc.8#exec",
        Cli,
        "`exec` runs a program in all of the container's namespaces and its root",
        runs_in_the_container,
    ),
    case("exec::exit_status", "runc.8#exec", Cli, "it returns the program's exit status", exit_status),
    case(
        "exec::options",
        "runc.8#exec",
        Cli,
        "`--cwd`, `--env`, `--user`, `--additional-gids` take effect",
        options,
    ),
    case(
        "exec::inherits_the_process",
        "runc.8#exec",
        Cli,
        "without options it has the environment, directory and capabilities of the container's process",
        inherits,
    ),
    case(
        "exec::process_file",
        "runc.8#exec",
        Cli,
        "`--process FILE` takes the specification's process",
        process_file,
    ),
    case(
        "exec::cpu_affinity",
        "config.md#linux-process",
        Must,
        "`execCPUAffinity.final` is the affinity of the exec'd process",
        cpu_affinity,
    ),
    case(
        "exec::detach",
        "runc.8#exec",
        Cli,
        "`--detach --pid-file` returns at once and says the pid",
        detach,
    ),
    case(
        "exec::missing_program",
        "runc.8#exec",
        Cli,
        "a program that does not exist is an error that names it",
        missing_program,
    ),
    case("exec::not_running", "runc.8#exec", Cli, "exec into a stopped container is an error", not_running),
    case(
        "exec::unknown_container",
        "runc.8#exec",
        Cli,
        "exec into an unknown container is an error",
        unknown_container,
    ),
    case("exec::no_new_privs", "runc.8#exec", Cli, "`--no-new-privs` sets it", no_new_privs),
    case("exec::user_namespace", "runc.8#exec", Cli, "exec enters the user namespace too", user_namespace),
    case(
        "exec::only_three_descriptors",
        "runtime-linux.md#file-descriptors",
        Must,
        "only three descriptors are open",
        three_descriptors,
    ),
    case(
        "exec::preserve_fds",
        "runc.8#exec",
        Cli,
        "`--preserve-fds N` passes N further descriptors",
        preserve_fds,
    ),
    case(
        "pause::freezes",
        "runc.8#pause",
        Cli,
        "`pause` stops every process and the status is `paused`; `resume` goes on",
        freezes,
    ),
    case(
        "pause::refusals",
        "runc.8#pause",
        Cli,
        "pause of a stopped and resume of a running container are errors",
        pause_refusals,
    ),
    case(
        "pause::delete_force",
        "runc.8#delete",
        Cli,
        "a paused container can be deleted with --force",
        delete_paused,
    ),
    case("ps::json", "runc.8#ps", Cli, "`ps --format json` lists the pids on the host", ps_json),
    case(
        "ps::table",
        "runc.8#ps",
        Cli,
        "`ps` prints a table of ps(1) with the container's processes only",
        ps_table,
    ),
    case(
        "events::stats",
        "runc.8#events",
        Cli,
        "`events --stats` prints memory, cpu and pids as JSON",
        events_stats,
    ),
    case(
        "spec::is_usable",
        "runc.8#spec",
        Cli,
        "`spec` writes a configuration that the runtime takes",
        spec_is_usable,
    ),
    case(
        "spec::does_not_overwrite",
        "runc.8#spec",
        Cli,
        "it does not overwrite one",
        spec_does_not_overwrite,
    ),
    case(
        "spec::rootless",
        "runc.8#spec",
        Cli,
        "`spec --rootless` has a user namespace with mappings",
        spec_rootless,
    ),
];

/// What a probe that is exec'd into the idling container reports.
fn exec(lab: &Lab, options: &[&str], facts: &[&str]) -> Verdict<Value> {
    let mut args = vec!["exec"];
    args.extend(options);
    args.extend([lab.id.as_str(), "/probe"]);
    args.extend(facts);
    parse(&lab.ok(&args)?)
}

fn runs_in_the_container(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let report = exec(lab, &[], &["ns", "read=/etc/issue", "pid"])?;
    let pid = lab.pid()?;
    for kind in ["pid", "net", "mnt", "ipc", "uts", "cgroup", "user"] {
        same(kind, &report["ns"][kind], &json!(fs::read_link(format!("/proc/{pid}/ns/{kind}"))?))?;
    }
    same("a file", &report["read=/etc/issue"], &json!("the root filesystem\n"))?;
    check(report["pid"]["pid"].as_u64().is_some_and(|pid| pid > 1), || format!("pid {}", report["pid"]))
}

fn exit_status(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    for code in [0, 7, 255] {
        same("exit status", lab.call(&["exec", &lab.id, "/probe", &format!("exit={code}")])?.code, code)?;
    }
    Ok(())
}

fn options(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let options = ["--cwd", "/data", "--env", "ADDED=a b", "--user", "12:34"];
    let report = exec(lab, &options, &["cwd", "env", "status"])?;
    same("cwd", &report["cwd"], &json!("/data"))?;
    same("env", &report["env"]["ADDED"], &json!("a b"))?;
    same("uid", &report["status"]["Uid"], &json!("12 12 12 12"))?;
    same("gid", &report["status"]["Gid"], &json!("34 34 34 34"))?;
    let report = exec(lab, &["--additional-gids", "55"], &["status"])?;
    check(
        report["status"]["Groups"]
            .as_str()
            .is_some_and(|groups| groups.split(' ').any(|group| group == "55")),
        || format!("groups {}", report["status"]["Groups"]),
    )
}

fn inherits(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/cwd", json!("/data")).push("/process/env", json!("OF_THE_CONTAINER=1"));
    lab.idle(&mut bundle)?;
    let report = exec(lab, &[], &["cwd", "env", "status"])?;
    same("cwd", &report["cwd"], &json!("/data"))?;
    same("env", &report["env"]["OF_THE_CONTAINER"], &json!("1"))?;
    same(
        "CapBnd",
        &report["status"]["CapBnd"],
        &json!(format!("{:016x}", (1_u64 << 29) | (1 << 5) | (1 << 10))),
    )
}

fn process_file(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let process = json!({
        "args": ["/probe", "cwd", "env", "status", "limits"], "cwd": "/tmp", "env": ["ONLY=this"],
        "user": {"uid": 12, "gid": 34, "additionalGids": [55]},
        "capabilities": {"bounding": ["CAP_CHOWN"]}, "noNewPrivileges": true,
        "rlimits": [{"type": "RLIMIT_CORE", "soft": 60, "hard": 70}],
    });
    let file = lab.file("process.json", &process.to_string())?;
    let report = parse(&lab.ok(&["exec", "--process", &file, &lab.id])?)?;
    same("cwd", &report["cwd"], &json!("/tmp"))?;
    same("env", &report["env"]["ONLY"], &json!("this"))?;
    check(report["env"]["TERM"].is_null(), || "the container's environment was added".to_owned())?;
    same("uid", &report["status"]["Uid"], &json!("12 12 12 12"))?;
    same("CapBnd", &report["status"]["CapBnd"], &json!("0000000000000001"))?;
    same("NoNewPrivs", &report["status"]["NoNewPrivs"], &json!("1"))?;
    same("limit", &report["limits"]["Max core file size"], &json!(["60", "70"]))
}

fn cpu_affinity(lab: &Lab) -> Verdict {
    if std::thread::available_parallelism()?.get() < 2 {
        return Err(Outcome::Skip("needs two CPUs".to_owned()));
    }
    lab.idle(&mut lab.bundle()?)?;
    let process = json!({"args": ["/probe", "cpus"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "execCPUAffinity": {"initial": "0", "final": "1"}});
    let file = lab.file("process.json", &process.to_string())?;
    same("CPUs", &parse(&lab.ok(&["exec", "--process", &file, &lab.id])?)?["cpus"], &json!([1]))
}

fn detach(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    lab.ok(&["exec", "--detach", "--pid-file", &lab.text("pid"), &lab.id, "/probe", "wait"])?;
    let pid: u32 = fs::read_to_string(lab.path("pid"))?.trim().parse()?;
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline"))?;
    same("its command line", line.as_str(), "/probe\0wait\0")?;
    same(
        "namespace",
        fs::read_link(format!("/proc/{pid}/ns/pid"))?,
        fs::read_link(format!("/proc/{}/ns/pid", lab.pid()?))?,
    )
}

fn missing_program(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let done = lab.refused("the program does not exist", &["exec", &lab.id, "/no/such/program"])?;
    check(done.err.contains("/no/such/program"), || {
        format!("the message does not name it: {}", done.err.trim())
    })?;
    same("status", lab.status()?.as_str(), "running")
}

fn not_running(lab: &Lab) -> Verdict {
    lab.start(lab.bundle()?.probe(&[]))?;
    lab.until_status("stopped")?;
    lab.refused("it is stopped", &["exec", &lab.id, "/probe"]).map(drop)
}

fn unknown_container(lab: &Lab) -> Verdict {
    lab.refused("there is no such container", &["exec", "no-such-container", "/probe"]).map(drop)
}

fn no_new_privs(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/noNewPrivileges", json!(false));
    lab.idle(&mut bundle)?;
    same("without", &exec(lab, &[], &["status"])?["status"]["NoNewPrivs"], &json!("0"))?;
    same("with", &exec(lab, &["--no-new-privs"], &["status"])?["status"]["NoNewPrivs"], &json!("1"))
}

fn user_namespace(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.user_namespace(&[(0, 100_000, 65536)])?;
    lab.idle(&mut bundle)?;
    let report = exec(lab, &["--user", "5:6"], &["ns", "status"])?;
    same(
        "namespace",
        &report["ns"]["user"],
        &json!(fs::read_link(format!("/proc/{}/ns/user", lab.pid()?))?),
    )?;
    same("uid", &report["status"]["Uid"], &json!("5 5 5 5"))
}

fn with_descriptors(lab: &Lab, options: &[&str]) -> Verdict<Value> {
    lab.idle(&mut lab.bundle()?)?;
    let leaked = lab.file("leaked", "secret")?;
    let mut args = vec!["exec"];
    args.extend(options);
    args.extend([lab.id.as_str(), "/probe", "fds"]);
    let inner = lab.command(&args);
    let mut command = std::process::Command::new("/bin/sh");
    command
        .args(["-c", &format!("exec \"$@\" 3<{leaked} 4</ 5<{leaked}"), "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    let done = lab.finish(command)?;
    check(done.code == 0, || done.told())?;
    Ok(parse(&done)?["fds"].clone())
}

fn three_descriptors(lab: &Lab) -> Verdict {
    let open = with_descriptors(lab, &[])?;
    same(
        "descriptors",
        open.as_object().map(|open| open.keys().cloned().collect::<Vec<_>>()).unwrap_or_default(),
        ["0", "1", "2"],
    )
}

fn preserve_fds(lab: &Lab) -> Verdict {
    let open = with_descriptors(lab, &["--preserve-fds", "1"])?;
    same(
        "descriptors",
        open.as_object().map(|open| open.keys().cloned().collect::<Vec<_>>()).unwrap_or_default(),
        ["0", "1", "2", "3"],
    )
}

fn freezes(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    lab.idle(&mut bundle)?;
    lab.ok(&["pause", &lab.id])?;
    same("status", lab.status()?.as_str(), "paused")?;
    lab.ok(&["kill", &lab.id, "USR1"])?;
    std::thread::sleep(std::time::Duration::from_millis(100));
    let said = || fs::read_to_string(lab.path("out-0")).unwrap_or_default();
    check(!said().contains("signal"), || "the program went on while paused".to_owned())?;
    lab.ok(&["resume", &lab.id])?;
    same("status", lab.status()?.as_str(), "running")?;
    lab.until("the signal after resume", || said().contains("signal 10").then_some(()))
}

fn pause_refusals(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    lab.refused("it is not paused", &["resume", &lab.id])?;
    lab.ok(&["kill", &lab.id, "KILL"])?;
    lab.until_status("stopped")?;
    lab.refused("it is stopped", &["pause", &lab.id]).map(drop)
}

fn delete_paused(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    lab.ok(&["pause", &lab.id])?;
    lab.ok(&["delete", "--force", &lab.id])?;
    same("status", lab.status()?.as_str(), "gone")
}

fn ps_json(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    lab.ok(&["exec", "--detach", "--pid-file", &lab.text("pid"), &lab.id, "/probe", "wait"])?;
    let second: u32 = fs::read_to_string(lab.path("pid"))?.trim().parse()?;
    let mut pids: Vec<u32> = serde_json::from_str(&lab.ok(&["ps", "--format", "json", &lab.id])?.out)?;
    pids.sort_unstable();
    let mut want = [lab.pid()?, second];
    want.sort_unstable();
    same("pids", pids, want)
}

fn ps_table(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let done = lab.ok(&["ps", &lab.id])?;
    let lines: Vec<&str> = done.out.lines().collect();
    check(lines.first().is_some_and(|head| head.contains("PID")), || format!("no head: {:?}", done.out))?;
    let pid = lab.pid()?.to_string();
    check(lines.len() == 2 && lines[1].split_whitespace().any(|word| word == pid), || {
        format!("want one row of {pid}: {:?}", done.out)
    })
}

fn events_stats(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let event = parse(&lab.ok(&["events", "--stats", &lab.id])?)?;
    same("type", &event["type"], &json!("stats"))?;
    same("id", &event["id"], &json!(lab.id))?;
    let data = &event["data"];
    check(data["memory"]["usage"]["usage"].as_u64().is_some_and(|usage| usage > 0), || {
        format!("memory is {}", data["memory"]["usage"])
    })?;
    check(data["cpu"]["usage"]["total"].as_u64().is_some_and(|total| total > 0), || {
        format!("cpu is {}", data["cpu"]["usage"])
    })?;
    same("pids", &data["pids"]["current"], &json!(event_pids(lab)?))
}

fn event_pids(lab: &Lab) -> Verdict<u64> {
    let pid = lab.pid()?;
    Ok(fs::read_dir(format!("/proc/{pid}/task"))?.count() as u64)
}

fn spec(lab: &Lab, options: &[&str]) -> Verdict<Value> {
    let mut args = vec!["spec"];
    args.extend(options);
    let mut command = lab.command(&args);
    command.current_dir(lab.path("bundle"));
    let done = lab.finish(command)?;
    check(done.code == 0, || done.told())?;
    Ok(serde_json::from_slice(&fs::read(lab.path("bundle/config.json"))?)?)
}

fn spec_is_usable(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.config = spec(lab, &[])?;
    check(bundle.config["ociVersion"].is_string(), || "no ociVersion".to_owned())?;
    same("root", &bundle.config["root"]["path"], &json!("rootfs"))?;
    bundle.set("/process/terminal", json!(false)).set("/linux/cgroupsPath", json!(lab.cgroup()));
    let report = lab.probe(&mut bundle, &["pid"])?;
    same("pid", &report["pid"]["pid"], &json!(1))
}

fn spec_does_not_overwrite(lab: &Lab) -> Verdict {
    lab.control()?;
    let bundle = lab.bundle()?;
    bundle.write()?;
    let mut command = lab.command(&["spec"]);
    command.current_dir(&bundle.dir);
    let done = lab.finish(command)?;
    check(done.code != 0, || "spec overwrote config.json".to_owned())?;
    same(
        "config.json",
        &serde_json::from_slice::<Value>(&fs::read(bundle.dir.join("config.json"))?)?,
        &bundle.config,
    )
}

fn spec_rootless(lab: &Lab) -> Verdict {
    lab.bundle()?;
    let config = spec(lab, &["--rootless"])?;
    let kinds: Vec<_> = config["linux"]["namespaces"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| item["type"].clone())
        .collect();
    check(kinds.contains(&json!("user")), || format!("namespaces are {kinds:?}"))?;
    check(config["linux"]["uidMappings"].as_array().is_some_and(|maps| !maps.is_empty()), || {
        "no uidMappings".to_owned()
    })
}
