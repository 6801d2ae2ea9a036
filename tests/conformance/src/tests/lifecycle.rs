//! create, start, kill, delete: what each does, and in which states it is refused.

use std::fs;

use serde_json::json;

use crate::case::Level::{Cli, Must};
use crate::case::{Case, Verdict, case, check, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "lifecycle::program_runs_only_at_start",
        "runtime.md#create",
        Must,
        "create does not run the user's program; start does",
        program_runs_only_at_start,
    ),
    case(
        "lifecycle::config_changes_after_create",
        "runtime.md#create",
        Must,
        "changes to config.json after create have no effect on the container",
        config_changes_after_create,
    ),
    case(
        "lifecycle::environment_exists_after_create",
        "runtime.md#lifecycle",
        Must,
        "create makes the environment: namespaces and mounts are there before start",
        environment_exists_after_create,
    ),
    case(
        "lifecycle::id_in_use",
        "runtime.md#create",
        Must,
        "an id that is in use is refused and the container that has it is untouched",
        id_in_use,
    ),
    case(
        "lifecycle::invalid_ids",
        "runtime.md#create",
        Must,
        "an id that is not valid is refused and nothing is created",
        invalid_ids,
    ),
    case(
        "lifecycle::id_reuse",
        "runtime.md#delete",
        Must,
        "the id of a deleted container can be used again",
        id_reuse,
    ),
    case(
        "lifecycle::create_without_arguments",
        "runtime.md#create",
        Must,
        "create without an id is an error",
        create_without_arguments,
    ),
    case(
        "lifecycle::create_with_a_missing_bundle",
        "runtime.md#create",
        Must,
        "create of a bundle that does not exist is an error",
        create_with_a_missing_bundle,
    ),
    case(
        "lifecycle::start_unknown",
        "runtime.md#start",
        Must,
        "start of an unknown container is an error",
        start_unknown,
    ),
    case(
        "lifecycle::start_running",
        "runtime.md#start",
        Must,
        "start of a running container is an error and has no effect",
        start_running,
    ),
    case(
        "lifecycle::start_stopped",
        "runtime.md#start",
        Must,
        "start of a stopped container is an error and has no effect",
        start_stopped,
    ),
    case(
        "lifecycle::start_without_process",
        "runtime.md#start",
        Must,
        "start is an error when `process` was not set",
        start_without_process,
    ),
    case(
        "lifecycle::delete_unknown",
        "runtime.md#delete",
        Must,
        "delete of an unknown container is an error",
        delete_unknown,
    ),
    case(
        "lifecycle::delete_running",
        "runtime.md#delete",
        Must,
        "delete of a running container is an error and has no effect",
        delete_running,
    ),
    case(
        "lifecycle::delete_created",
        "runc.8#delete",
        Cli,
        "delete of a created container kills it (an extension that all runtimes share)",
        delete_created,
    ),
    case(
        "lifecycle::delete_force",
        "runc.8#delete",
        Cli,
        "`delete --force` kills and deletes a running container",
        delete_force,
    ),
    case(
        "lifecycle::delete_force_unknown",
        "runc.8#delete",
        Cli,
        "`delete --force` of an unknown container succeeds",
        delete_force_unknown,
    ),
    case(
        "lifecycle::delete_removes_resources",
        "runtime.md#delete",
        Must,
        "delete removes what create made: cgroups, state, processes",
        delete_removes_resources,
    ),
    case(
        "lifecycle::delete_keeps_the_bundle",
        "runtime.md#delete",
        Must,
        "delete keeps what the container did not create: bundle, bind sources, joined namespaces",
        delete_keeps_the_bundle,
    ),
    case(
        "lifecycle::delete_after_create_failed",
        "runtime.md#errors",
        Must,
        "a failed create leaves the environment as if it had not been tried",
        delete_after_create_failed,
    ),
    case(
        "lifecycle::run_returns_the_exit_status",
        "runc.8#run",
        Cli,
        "`run` returns the program's exit status",
        run_returns_the_exit_status,
    ),
    case(
        "lifecycle::run_returns_128_plus_signal",
        "runc.8#run",
        Cli,
        "`run` returns 128 + n for a program that a signal n ended",
        run_returns_128_plus_signal,
    ),
    case(
        "lifecycle::run_deletes",
        "runc.8#run",
        Cli,
        "`run` deletes the container after its exit",
        run_deletes,
    ),
    case(
        "lifecycle::run_detached",
        "runc.8#run",
        Cli,
        "`run --detach` returns at once and leaves the container running",
        run_detached,
    ),
    case(
        "lifecycle::no_pivot",
        "runc.8#run",
        Cli,
        "`--no-pivot` isolates the root without pivot_root",
        no_pivot,
    ),
    case(
        "lifecycle::pid_file",
        "runc.8#create",
        Cli,
        "`--pid-file` gets the pid of the container's process",
        pid_file,
    ),
    case(
        "lifecycle::created_by_another_directory",
        "runtime.md#scope-of-a-container",
        Must,
        "whoever created a container can use every operation on it, from any directory",
        other_directory,
    ),
    case(
        "lifecycle::missing_program",
        "runtime.md#create",
        Must,
        "a program that does not exist is an error at create or start, and the container does not run",
        missing_program,
    ),
    case(
        "lifecycle::root_separates",
        "runc.8#",
        Cli,
        "`--root` separates sets of containers: another root does not know the id",
        root_separates,
    ),
    case(
        "lifecycle::log_file_json",
        "runc.8#",
        Cli,
        "`--log FILE --log-format json` writes errors as JSON lines with level and msg",
        log_file_json,
    ),
];

fn program_runs_only_at_start(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.probe(&["create=/tmp/ran"]);
    lab.create(&bundle)?;
    let marker = bundle.root("/tmp/ran");
    check(!marker.exists(), || "the program ran at create".to_owned())?;
    lab.ok(&["start", &lab.id])?;
    lab.until_status("stopped")?;
    check(marker.exists(), || "the program did not run at start".to_owned())
}

fn config_changes_after_create(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    lab.create(bundle.probe(&["create=/tmp/first"]))?;
    bundle.probe(&["create=/tmp/second"]).write()?;
    lab.ok(&["start", &lab.id])?;
    lab.until_status("stopped")?;
    check(bundle.root("/tmp/first").exists(), || {
        "the program of the first configuration did not run".to_owned()
    })?;
    check(!bundle.root("/tmp/second").exists(), || "the changed configuration took effect".to_owned())
}

fn environment_exists_after_create(lab: &Lab) -> Verdict {
    lab.create(lab.bundle()?.probe(&[]))?;
    let pid = lab.pid()?;
    for kind in ["pid", "net", "ipc", "uts", "mnt"] {
        let theirs = fs::read_link(format!("/proc/{pid}/ns/{kind}"))?;
        let ours = fs::read_link(format!("/proc/self/ns/{kind}"))?;
        check(theirs != ours, || format!("{kind} namespace is the host's after create"))?;
    }
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
    check(mounts.lines().any(|line| line.contains(" /dev/shm ")), || {
        "/dev/shm is not mounted after create".to_owned()
    })
}

fn id_in_use(lab: &Lab) -> Verdict {
    let bundle = lab.bundle()?;
    lab.create(&bundle)?;
    let pid = lab.pid()?;
    lab.refused("the id is in use", &["create", "--bundle", &bundle.write()?, &lab.id])?;
    same("status of the first", lab.status()?.as_str(), "created")?;
    same("pid of the first", lab.pid()?, pid)
}

fn invalid_ids(lab: &Lab) -> Verdict {
    let path = lab.bundle()?.write()?;
    for id in ["", "a/b", "..", ".", "../../escape"] {
        lab.refused(&format!("id {id:?} is not valid"), &["create", "--bundle", &path, id])?;
    }
    same("containers", lab.ok(&["list", "-q"])?.out.trim(), "")
}

fn id_reuse(lab: &Lab) -> Verdict {
    let bundle = lab.bundle()?;
    for _ in 0..3 {
        lab.create(&bundle)?;
        same("status", lab.status()?.as_str(), "created")?;
        lab.ok(&["delete", "--force", &lab.id])?;
    }
    Ok(())
}

fn create_without_arguments(lab: &Lab) -> Verdict {
    lab.control()?;
    let mut command = lab.command(&["create"]);
    lab.bundle()?.write()?;
    command.current_dir(lab.path("bundle"));
    let done = lab.finish(command)?;
    check(done.code != 0, || "create without an id succeeded".to_owned())
}

fn create_with_a_missing_bundle(lab: &Lab) -> Verdict {
    lab.refused("the bundle does not exist", &["create", "--bundle", &lab.text("nowhere"), &lab.id])?;
    same("status", lab.status()?.as_str(), "gone")
}

fn start_unknown(lab: &Lab) -> Verdict {
    lab.refused("there is no such container", &["start", "no-such-container"]).map(drop)
}

fn start_running(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let pid = lab.pid()?;
    lab.refused("it runs already", &["start", &lab.id])?;
    same("status", lab.status()?.as_str(), "running")?;
    same("pid", lab.pid()?, pid)
}

fn start_stopped(lab: &Lab) -> Verdict {
    lab.start(lab.bundle()?.probe(&[]))?;
    lab.until_status("stopped")?;
    lab.refused("it is stopped", &["start", &lab.id])?;
    same("status", lab.status()?.as_str(), "stopped")
}

fn start_without_process(lab: &Lab) -> Verdict {
    lab.control()?;
    let mut bundle = lab.bundle()?;
    bundle.remove("/process");
    // `process` is optional for create, and a runtime that does not support that may refuse at once.
    let done = lab.call(&["create", "--bundle", &bundle.write()?, &lab.id])?;
    if done.code == 0 {
        lab.refused("`process` was not set", &["start", &lab.id])?;
    }
    Ok(())
}

fn delete_unknown(lab: &Lab) -> Verdict {
    lab.refused("there is no such container", &["delete", "no-such-container"]).map(drop)
}

fn delete_running(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let pid = lab.pid()?;
    lab.refused("it runs", &["delete", &lab.id])?;
    same("status", lab.status()?.as_str(), "running")?;
    check(fs::metadata(format!("/proc/{pid}")).is_ok(), || "the refused delete ended the process".to_owned())
}

fn delete_created(lab: &Lab) -> Verdict {
    lab.create(&lab.bundle()?)?;
    lab.ok(&["delete", &lab.id])?;
    same("status", lab.status()?.as_str(), "gone")
}

fn delete_force(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let pid = lab.pid()?;
    lab.ok(&["delete", "--force", &lab.id])?;
    same("status", lab.status()?.as_str(), "gone")?;
    let alive = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
    check(!alive, || "the process lives after delete --force".to_owned())
}

fn delete_force_unknown(lab: &Lab) -> Verdict {
    lab.ok(&["delete", "--force", "no-such-container"]).map(drop)
}

fn delete_removes_resources(lab: &Lab) -> Verdict {
    lab.start(lab.bundle()?.probe(&[]))?;
    lab.until_status("stopped")?;
    lab.ok(&["delete", &lab.id])?;
    same("status", lab.status()?.as_str(), "gone")?;
    // The audit after every test looks for cgroups, mounts and state.
    lab.audit()
}

fn delete_keeps_the_bundle(lab: &Lab) -> Verdict {
    let source = lab.folder("source")?;
    lab.file("source/kept", "kept")?;
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "none", &source, &["rbind"]);
    lab.start(bundle.probe(&["create=/data/made", "create=/tmp/made"]))?;
    lab.until_status("stopped")?;
    lab.ok(&["delete", &lab.id])?;
    for path in [
        lab.path("source/kept"),
        lab.path("source/made"),
        bundle.root("/tmp/made"),
        bundle.dir.join("config.json"),
    ] {
        check(path.exists(), || format!("delete removed {}", path.display()))?;
    }
    Ok(())
}

fn delete_after_create_failed(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "no-such-filesystem", "none", &[]);
    lab.create_refused("the mount's type does not exist", &bundle)?;
    // No cgroup, mount or state: the audit looks. And the id is free:
    lab.create(&lab.bundle_named("good")?).map(drop)
}

fn run_returns_the_exit_status(lab: &Lab) -> Verdict {
    for code in [0, 1, 42, 255] {
        let mut bundle = lab.bundle_named(&format!("bundle{code}"))?;
        bundle.probe(&[&format!("exit={code}")]);
        let done = lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
        same("exit status", done.code, code)?;
    }
    Ok(())
}

fn run_returns_128_plus_signal(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    // In the host's pid namespace, where the process is no init that ignores its signals.
    bundle.without_namespace("pid").probe(&["wait"]);
    bundle.write()?;
    let (pid, out) = lab.spawn(lab.command(&["run", "--bundle", &lab.text("bundle"), &lab.id]))?;
    lab.until("the program", || {
        fs::read_to_string(&out).is_ok_and(|text| text.contains("ready")).then_some(())
    })?;
    lab.ok(&["kill", &lab.id, "KILL"])?;
    let code = lab.until("`run` to return", || lab.ended(pid))?;
    same("exit status", code, 128 + 9)
}

fn run_deletes(lab: &Lab) -> Verdict {
    lab.probe(&mut lab.bundle()?, &[])?;
    same("status", lab.status()?.as_str(), "gone")
}

fn run_detached(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.probe(&["wait"]);
    lab.ok(&["run", "--detach", "--bundle", &bundle.write()?, &lab.id])?;
    same("status", lab.status()?.as_str(), "running")
}

fn no_pivot(lab: &Lab) -> Verdict {
    let secret = lab.file("secret", "of the host")?;
    let mut bundle = lab.bundle()?;
    bundle.probe(&["read=/etc/issue", &format!("read={secret}"), "read=/../etc/issue"]);
    let done = lab.ok(&["run", "--no-pivot", "--bundle", &bundle.write()?, &lab.id])?;
    let report = crate::lab::parse(&done)?;
    same("a file", &report["read=/etc/issue"], &json!("the root filesystem\n"))?;
    same("`..`", &report["read=/../etc/issue"], &json!("the root filesystem\n"))?;
    same("a file of the host", &report[format!("read={secret}")]["error"], &json!("ENOENT"))
}

fn pid_file(lab: &Lab) -> Verdict {
    let path = lab.text("pid");
    lab.ok(&["create", "--bundle", &lab.bundle()?.write()?, "--pid-file", &path, &lab.id])?;
    same("pid file", fs::read_to_string(&path)?.trim(), lab.pid()?.to_string().as_str())
}

fn other_directory(lab: &Lab) -> Verdict {
    lab.create(lab.bundle()?.probe(&["wait"]))?;
    for args in [&["start", &lab.id][..], &["state", &lab.id], &["kill", &lab.id, "KILL"]] {
        let mut command = lab.command(args);
        command.current_dir("/");
        let done = lab.finish(command)?;
        check(done.code == 0, || done.told())?;
    }
    lab.until_status("stopped")
}

fn missing_program(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/args", json!(["/no/such/program"]));
    let done = lab.call(&["create", "--bundle", &bundle.write()?, &lab.id])?;
    let error =
        if done.code == 0 { lab.refused("the program does not exist", &["start", &lab.id])? } else { done };
    check(error.err.contains("/no/such/program"), || {
        format!("the message does not name the program: {}", error.err.trim())
    })?;
    check(lab.status()? != "running", || "the container runs".to_owned())
}

fn root_separates(lab: &Lab) -> Verdict {
    lab.create(&lab.bundle()?)?;
    let mut command = lab.runtime.command();
    command.args(["--root", &lab.folder("other")?, "state", &lab.id]);
    let done = lab.finish(command)?;
    check(done.code != 0, || "another --root knows the container".to_owned())
}

fn log_file_json(lab: &Lab) -> Verdict {
    let path = lab.text("log");
    let mut command = lab.runtime.command();
    command.args([
        "--root",
        &lab.text("state"),
        "--log",
        &path,
        "--log-format",
        "json",
        "state",
        "no-such-container",
    ]);
    let done = lab.finish(command)?;
    check(done.code != 0, || "the query succeeded".to_owned())?;
    let text = fs::read_to_string(&path)?;
    let last = text.lines().last().unwrap_or_default();
    let entry: serde_json::Value = serde_json::from_str(last)?;
    check(entry["msg"].is_string(), || format!("no msg in {last}"))?;
    same("level", &entry["level"], &json!("error"))
}
