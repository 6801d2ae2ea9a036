//! `process`: arguments, environment, directory, user.

use std::fs;

use serde_json::json;

use crate::case::Level::{Must, Should};
use crate::case::{Case, Verdict, case, check, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "process::args",
        "config.md#process",
        Must,
        "`args` is the program's argv, empty and odd arguments too",
        args,
    ),
    case("process::args_required", "config.md#process", Must, "`args` has at least one entry", args_required),
    case(
        "process::path_lookup",
        "config.md#process",
        Must,
        "the first of `args` is looked up as execvp does, in the PATH of the container's environment",
        path_lookup,
    ),
    case(
        "process::path_lookup_fails",
        "config.md#process",
        Must,
        "a program that is not in the PATH is an error",
        path_lookup_fails,
    ),
    case(
        "process::relative_program",
        "config.md#process",
        Must,
        "a program with a slash is relative to `cwd`",
        relative_program,
    ),
    case("process::env", "config.md#process", Must, "`env` is the environment, exactly", env),
    case(
        "process::env_is_not_inherited",
        "config.md#process",
        Should,
        "the caller's environment is not inherited",
        env_is_not_inherited,
    ),
    case("process::cwd", "config.md#process", Must, "`cwd` is the working directory", cwd),
    case("process::cwd_required", "config.md#process", Must, "`cwd` is required", cwd_required),
    case("process::cwd_absolute", "config.md#process", Must, "`cwd` must be an absolute path", cwd_absolute),
    case(
        "process::cwd_on_a_mount",
        "config.md#process",
        Must,
        "`cwd` may be on a mount of the configuration",
        cwd_on_a_mount,
    ),
    case(
        "process::cwd_is_made",
        "config.md#process",
        Should,
        "a `cwd` that does not exist is made (the runtimes agree)",
        cwd_is_made,
    ),
    case(
        "process::user",
        "config.md#posix-platform-user",
        Must,
        "`uid` and `gid` are the process's real, effective, saved and filesystem ids",
        user,
    ),
    case(
        "process::additional_gids",
        "config.md#posix-platform-user",
        Must,
        "`additionalGids` are its supplementary groups, and no others",
        additional_gids,
    ),
    case(
        "process::no_groups_of_the_caller",
        "config.md#posix-platform-user",
        Should,
        "without `additionalGids` there are no supplementary groups of the caller",
        no_groups,
    ),
    case("process::umask", "config.md#posix-platform-user", Must, "`umask` is set", umask),
    case(
        "process::umask_default",
        "config.md#posix-platform-user",
        Should,
        "without `umask` the caller's is kept (runc: 0022)",
        umask_default,
    ),
    case(
        "process::stdio",
        "runtime-linux.md#file-descriptors",
        Must,
        "only standard input, output and error are open",
        stdio,
    ),
    case(
        "process::no_leaked_descriptors",
        "runtime-linux.md#file-descriptors",
        Must,
        "descriptors that the caller left open do not reach the program",
        no_leaked_descriptors,
    ),
    case(
        "process::preserve_fds",
        "runc.8#run",
        crate::case::Level::Cli,
        "`--preserve-fds N` passes N further descriptors from 3 on",
        preserve_fds,
    ),
    case("process::session", "config.md#process", Should, "the program leads a session of its own", session),
    case(
        "process::signals",
        "config.md#process",
        Should,
        "no signal is blocked, and none ignored that the caller did not ignore",
        signals,
    ),
    case(
        "process::non_executable",
        "config.md#process",
        Must,
        "a program that is not executable is an error",
        non_executable,
    ),
    case(
        "process::pid_one",
        "config-linux.md#namespaces",
        Should,
        "in a new pid namespace the program is process 1",
        pid_one,
    ),
];

fn args(lab: &Lab) -> Verdict {
    let report =
        lab.probe(&mut lab.bundle()?, &["args", "label=two words", "", "label=\"$HOME\" 'x' \\ ü", "--"])?;
    same(
        "argv",
        &report["args"],
        &json!(["/probe", "args", "label=two words", "", "label=\"$HOME\" 'x' \\ ü", "--"]),
    )
}

fn args_required(lab: &Lab) -> Verdict {
    lab.control()?;
    let mut bundle = lab.bundle()?;
    bundle.set("/process/args", json!([]));
    let done = lab.call(&["create", "--bundle", &bundle.write()?, &lab.id])?;
    if done.code == 0 {
        lab.refused("`args` is empty", &["start", &lab.id])?;
    }
    Ok(())
}

fn path_lookup(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/args", json!(["probe", "args"])).set("/process/env", json!(["PATH=/nowhere:/bin"]));
    let done = lab.ok(&["run", "--bundle", &bundle.write()?, &lab.id])?;
    same("argv", &crate::lab::parse(&done)?["args"], &json!(["probe", "args"]))
}

fn path_lookup_fails(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/args", json!(["probe"])).set("/process/env", json!(["PATH=/etc"]));
    lab.refused("the program is not in the PATH", &["run", "--bundle", &bundle.write()?, &lab.id]).map(drop)
}

fn relative_program(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/args", json!(["./probe", "cwd"])).set("/process/cwd", json!("/bin"));
    let done = lab.ok(&["run", "--bundle", &bundle.write()?, &lab.id])?;
    same("cwd", &crate::lab::parse(&done)?["cwd"], &json!("/bin"))
}

fn env(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set(
        "/process/env",
        json!(["PATH=/bin", "EMPTY=", "HOME=/data", "EQUALS=a=b", "BLANK=a b\nc", "ÜNI=ö"]),
    );
    let report = lab.probe(&mut bundle, &["env"])?;
    let want =
        json!({"PATH": "/bin", "EMPTY": "", "HOME": "/data", "EQUALS": "a=b", "BLANK": "a b\nc", "ÜNI": "ö"});
    same("environment", &report["env"], &want)
}

fn env_is_not_inherited(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.probe(&["env"]);
    let mut command = lab.command(&["run", "--bundle", &bundle.write()?, &lab.id]);
    command.env("OF_THE_CALLER", "1");
    let done = lab.finish(command)?;
    check(done.code == 0, || done.told())?;
    let report = crate::lab::parse(&done)?;
    check(report["env"]["OF_THE_CALLER"].is_null(), || "the caller's environment is there".to_owned())
}

fn cwd(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/cwd", json!("/data"));
    same("cwd", &lab.probe(&mut bundle, &["cwd"])?["cwd"], &json!("/data"))
}

fn cwd_required(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.remove("/process/cwd");
    lab.create_refused("`cwd` is missing", &bundle)?;
    bundle.set("/process/cwd", json!(""));
    lab.create_refused("`cwd` is empty", &bundle).map(drop)
}

fn cwd_absolute(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/cwd", json!("data"));
    lab.create_refused("`cwd` is relative", &bundle).map(drop)
}

fn cwd_on_a_mount(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let source = lab.folder("source")?;
    lab.folder("source/sub")?;
    bundle.mount("/data", "none", &source, &["bind"]).set("/process/cwd", json!("/data/sub"));
    same("cwd", &lab.probe(&mut bundle, &["cwd"])?["cwd"], &json!("/data/sub"))
}

fn cwd_is_made(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/cwd", json!("/not/there/yet"));
    same("cwd", &lab.probe(&mut bundle, &["cwd"])?["cwd"], &json!("/not/there/yet"))
}

fn user(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/user", json!({"uid": 1234, "gid": 5678}));
    let report = lab.probe(&mut bundle, &["status", "stat=/proc/self"])?;
    same("uids", &report["status"]["Uid"], &json!("1234 1234 1234 1234"))?;
    same("gids", &report["status"]["Gid"], &json!("5678 5678 5678 5678"))
}

fn additional_gids(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/user", json!({"uid": 1, "gid": 2, "additionalGids": [5, 6, 70000]}));
    let report = lab.probe(&mut bundle, &["status"])?;
    let groups = report["status"]["Groups"].as_str().unwrap_or_default().to_owned();
    let extra: Vec<&str> = groups.split(' ').filter(|group| *group != "2").collect();
    same("groups", extra, ["5", "6", "70000"])
}

fn no_groups(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/user", json!({"uid": 0, "gid": 0})).probe(&["status"]);
    bundle.write()?;
    let mut command = std::process::Command::new("setpriv");
    let inner = lab.command(&["run", "--bundle", &lab.text("bundle"), &lab.id]);
    command.args(["--groups", "4,5"]).arg(inner.get_program()).args(inner.get_args());
    let done = lab.finish(command)?;
    check(done.code == 0, || done.told())?;
    let report = crate::lab::parse(&done)?;
    let groups = report["status"]["Groups"].as_str().unwrap_or_default().to_owned();
    check(groups.split(' ').all(|group| group.is_empty() || group == "0"), || {
        format!("groups are {groups:?}")
    })
}

fn umask(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/user/umask", json!(0o027));
    let report = lab.probe(&mut bundle, &["status", "create=/tmp/made", "stat=/tmp/made"])?;
    same("umask", &report["status"]["Umask"], &json!("0027"))?;
    same("mode of a new file", &report["stat=/tmp/made"]["mode"], &json!(0o640))
}

fn umask_default(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["status"])?;
    same("umask", &report["status"]["Umask"], &json!("0022"))
}

fn stdio(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["fds"])?;
    let open: Vec<&String> = report["fds"].as_object().map(|fds| fds.keys().collect()).unwrap_or_default();
    same("descriptors", open, ["0", "1", "2"])
}

/// `sh` opens further descriptors: Rust's `Command` closes all it does not know of.
fn with_descriptors(lab: &Lab, options: &[&str]) -> Verdict<serde_json::Value> {
    lab.bundle()?.probe(&["fds"]).write()?;
    let leaked = lab.file("leaked", "secret")?;
    let path = lab.text("bundle");
    let mut args = vec!["run"];
    args.extend(options);
    args.extend(["--bundle", &path, &lab.id]);
    let inner = lab.command(&args);
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", &format!("exec \"$@\" 3<{leaked} 4</ 5<{leaked}"), "sh"]);
    command.arg(inner.get_program()).args(inner.get_args());
    let done = lab.finish(command)?;
    check(done.code == 0, || done.told())?;
    crate::lab::parse(&done)
}

fn no_leaked_descriptors(lab: &Lab) -> Verdict {
    let report = with_descriptors(lab, &[])?;
    let open: Vec<&String> = report["fds"].as_object().map(|fds| fds.keys().collect()).unwrap_or_default();
    check(open == ["0", "1", "2"], || format!("open: {}", report["fds"]))
}

fn preserve_fds(lab: &Lab) -> Verdict {
    let report = with_descriptors(lab, &["--preserve-fds", "1"])?;
    let open: Vec<&String> = report["fds"].as_object().map(|fds| fds.keys().collect()).unwrap_or_default();
    check(open == ["0", "1", "2", "3"], || format!("open: {}", report["fds"]))?;
    check(report["fds"]["3"].as_str().is_some_and(|path| path.ends_with("leaked")), || {
        format!("3 is {}", report["fds"]["3"])
    })
}

fn session(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["stat", "pid"])?;
    same("session", &report["stat"]["session"], &json!(report["pid"]["pid"].to_string()))
}

fn signals(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    if !bundle.root("/bin/busybox").exists() {
        return Err(crate::case::Outcome::Skip("needs /bin/busybox (Debian: busybox-static)".to_owned()));
    }
    // Not the probe: Rust's own start-up ignores SIGPIPE.
    bundle.set("/process/args", json!(["/bin/busybox", "cat", "/proc/self/status"]));
    let done = lab.ok(&["run", "--bundle", &bundle.write()?, &lab.id])?;
    for line in done.out.lines().filter(|line| line.starts_with("SigBlk") || line.starts_with("SigIgn")) {
        let mask =
            line.split('\t').nth(1).and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(u64::MAX);
        // 32 and 33 are the C library's own; callers' libraries leave them ignored.
        check(mask & !0x1_8000_0000 == 0, || line.to_owned())?;
    }
    check(done.out.contains("SigBlk"), || "no status".to_owned())
}

fn non_executable(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    fs::write(bundle.root("/data/plain"), "no program")?;
    bundle.set("/process/args", json!(["/data/plain"]));
    lab.refused("the file is not executable", &["run", "--bundle", &bundle.write()?, &lab.id]).map(drop)
}

fn pid_one(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["pid"])?;
    same("pid", &report["pid"]["pid"], &json!(1))
}
