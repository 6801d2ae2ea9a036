//! The six kinds of hooks.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::case::Level::Must;
use crate::case::{Case, Verdict, case, check, differ, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "hooks::order",
        "runtime.md#lifecycle",
        Must,
        "prestart, createRuntime, createContainer, startContainer, poststart, poststop, each kind in the listed order",
        order,
    ),
    case(
        "hooks::prestart_at_create",
        "config.md#prestart",
        Must,
        "prestart, createRuntime and createContainer hooks run during create, before it returns",
        at_create,
    ),
    case(
        "hooks::start_container_at_start",
        "config.md#startcontainer-hooks",
        Must,
        "startContainer and poststart hooks run during start, not at create",
        at_start,
    ),
    case(
        "hooks::poststop_at_delete",
        "config.md#poststop",
        Must,
        "poststop hooks run during delete, after the container is gone",
        poststop_at_delete,
    ),
    case(
        "hooks::state_on_stdin",
        "config.md#posix-platform-hooks",
        Must,
        "every hook gets the state on standard input, with the status of its moment",
        state_on_stdin,
    ),
    case(
        "hooks::runtime_namespace",
        "config.md#posix-platform-hooks",
        Must,
        "prestart, createRuntime, poststart and poststop hooks run in the runtime's namespaces",
        runtime_namespace,
    ),
    case(
        "hooks::container_namespace",
        "config.md#posix-platform-hooks",
        Must,
        "createContainer and startContainer hooks run in the container's namespaces",
        container_namespace,
    ),
    case(
        "hooks::create_container_before_pivot",
        "config.md#createcontainer-hooks",
        Must,
        "createContainer hooks run before the pivot: their path is one of the host",
        create_container_before_pivot,
    ),
    case(
        "hooks::start_container_path",
        "config.md#startcontainer-hooks",
        Must,
        "the path of a startContainer hook resolves in the container",
        start_container_path,
    ),
    case(
        "hooks::args_and_env",
        "config.md#posix-platform-hooks",
        Must,
        "`args` is the hook's argv and `env` its environment, exactly",
        args_and_env,
    ),
    case(
        "hooks::create_time_failures",
        "runtime.md#lifecycle",
        Must,
        "a failing prestart, createRuntime or createContainer hook fails create, and nothing is left",
        create_time_failures,
    ),
    case(
        "hooks::start_container_failure",
        "runtime.md#lifecycle",
        Must,
        "a failing startContainer hook is an error, and the program does not run",
        start_container_failure,
    ),
    case(
        "hooks::poststart_failure",
        "runtime.md#lifecycle",
        Must,
        "a failing poststart hook is an error and stops the container",
        poststart_failure,
    ),
    case(
        "hooks::poststop_failure",
        "runtime.md#lifecycle",
        Must,
        "a failing poststop hook is only warned about: the others run and delete succeeds",
        poststop_failure,
    ),
    case(
        "hooks::poststop_after_create_failed",
        "runtime.md#lifecycle",
        Must,
        "after a failed createRuntime hook the poststop hooks run",
        poststop_after_create_failed,
    ),
    case(
        "hooks::timeout",
        "config.md#posix-platform-hooks",
        Must,
        "a hook that runs longer than its `timeout` is ended and counts as failed",
        timeout,
    ),
    case(
        "hooks::path_is_absolute",
        "config.md#posix-platform-hooks",
        Must,
        "a hook's path must be absolute",
        path_is_absolute,
    ),
    case(
        "hooks::missing_program",
        "config.md#posix-platform-hooks",
        Must,
        "a hook whose program does not exist fails",
        missing_program,
    ),
    case(
        "hooks::sees_the_environment",
        "config.md#createruntime-hooks",
        Must,
        "at createRuntime the namespaces are there: the state's pid has a network namespace of its own",
        sees_the_environment,
    ),
];

const KINDS: &[&str] =
    &["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// A hook of the kind that appends what it got to `log` (startContainer: in the container, at the same place by a
/// bind mount) and then does `more`.
fn hook(lab: &Lab, kind: &str, more: &[&str]) -> Value {
    let program = if kind == "startContainer" { "/probe".into() } else { lab.probe_path() };
    let log = if kind == "startContainer" { "/data/log".to_owned() } else { lab.text("hooks/log") };
    let mut args = vec!["probe".to_owned(), format!("hook={log}"), format!("label={kind}")];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    json!({"path": program, "args": args})
}

fn bundle(lab: &Lab) -> Verdict<Bundle> {
    let mut bundle = lab.bundle()?;
    bundle.mount("/data", "none", &lab.folder("hooks")?, &["bind"]);
    Ok(bundle)
}

/// A bundle with one hook of each kind.
fn all_kinds(lab: &Lab) -> Verdict<Bundle> {
    let mut bundle = bundle(lab)?;
    for kind in KINDS {
        bundle.push(&format!("/hooks/{kind}"), hook(lab, kind, &[]));
    }
    Ok(bundle)
}

/// What the hooks wrote so far.
fn log(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn entries(lab: &Lab) -> Vec<Value> {
    log(&lab.path("hooks/log"))
}

fn label(entry: &Value) -> String {
    let args = entry["args"].as_array().cloned().unwrap_or_default();
    let labels: Vec<&str> = args.iter().filter_map(|arg| arg.as_str()?.strip_prefix("label=")).collect();
    labels.join("+")
}

fn labels(lab: &Lab) -> Vec<String> {
    entries(lab).iter().map(label).collect()
}

fn lifecycle(lab: &Lab, bundle: &mut Bundle) -> Verdict {
    lab.start(bundle.probe(&["sleep=0.1"]))?;
    lab.until_status("stopped")?;
    lab.ok(&["delete", &lab.id]).map(drop)
}

fn order(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    for kind in KINDS {
        for number in ["label=1", "label=2", "label=3"] {
            bundle.push(&format!("/hooks/{kind}"), hook(lab, kind, &[number]));
        }
    }
    lifecycle(lab, &mut bundle)?;
    let want: Vec<String> =
        KINDS.iter().flat_map(|kind| ["1", "2", "3"].map(|number| format!("{kind}+{number}"))).collect();
    same("order", labels(lab), want)
}

fn at_create(lab: &Lab) -> Verdict {
    lab.create(all_kinds(lab)?.probe(&[]))?;
    same("at create", labels(lab), ["prestart", "createRuntime", "createContainer"])
}

fn at_start(lab: &Lab) -> Verdict {
    let mut bundle = all_kinds(lab)?;
    lab.create(bundle.probe(&["wait"]))?;
    check(!labels(lab).contains(&"startContainer".to_owned()), || "startContainer ran at create".to_owned())?;
    lab.ok(&["start", &lab.id])?;
    // Which of the two is first is another test's question.
    lab.until("startContainer", || labels(lab).contains(&"startContainer".to_owned()).then_some(()))?;
    check(labels(lab).contains(&"poststart".to_owned()), || format!("ran: {:?}", labels(lab)))
}

fn poststop_at_delete(lab: &Lab) -> Verdict {
    lab.start(all_kinds(lab)?.probe(&[]))?;
    lab.until_status("stopped")?;
    check(!labels(lab).contains(&"poststop".to_owned()), || "poststop ran before delete".to_owned())?;
    lab.ok(&["delete", &lab.id])?;
    same("last", labels(lab).last().map(String::as_str), Some("poststop"))
}

fn state_on_stdin(lab: &Lab) -> Verdict {
    let mut bundle = all_kinds(lab)?;
    bundle.set("/annotations", json!({"org.example": "value"}));
    lifecycle(lab, &mut bundle)?;
    same("hooks", entries(lab).len(), KINDS.len())?;
    for (entry, kind) in entries(lab).iter().zip(KINDS) {
        let state = &entry["state"];
        same(&format!("{kind}: id"), &state["id"], &json!(lab.id))?;
        same(&format!("{kind}: bundle"), &state["bundle"], &json!(lab.text("bundle")))?;
        check(state["ociVersion"].is_string(), || format!("{kind}: no ociVersion in {state}"))?;
        same(&format!("{kind}: annotations"), &state["annotations"]["org.example"], &json!("value"))?;
        let allowed: &[&str] = match *kind {
            "poststart" => &["running", "stopped"],
            "poststop" => &["stopped"],
            "startContainer" => &["created"],
            // `creating` by the text; runc and crun say `created` for the later two.
            _ => &["creating", "created"],
        };
        check(allowed.contains(&state["status"].as_str().unwrap_or_default()), || {
            format!("{kind}: status is {}", state["status"])
        })?;
    }
    Ok(())
}

fn in_namespaces(lab: &Lab, kinds: &[&str], own: bool) -> Verdict {
    lifecycle(lab, &mut all_kinds(lab)?)?;
    let ours = crate::probe::namespaces()?;
    let entries = entries(lab);
    for kind in kinds {
        let Some(entry) = entries.iter().find(|entry| label(entry) == *kind) else {
            return crate::case::fail(format!("{kind} did not run"));
        };
        for namespace in ["mnt", "net", "uts", "ipc"] {
            let what = format!("{kind}: {namespace} namespace");
            if own {
                same(&what, &entry["ns"][namespace], &ours[namespace])?;
            } else {
                differ(&what, &entry["ns"][namespace], &ours[namespace])?;
            }
        }
    }
    Ok(())
}

fn runtime_namespace(lab: &Lab) -> Verdict {
    in_namespaces(lab, &["prestart", "createRuntime", "poststart", "poststop"], true)
}

fn container_namespace(lab: &Lab) -> Verdict {
    in_namespaces(lab, &["createContainer", "startContainer"], false)
}

fn create_container_before_pivot(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    let inside = lab.text("bundle/rootfs/dev/shm");
    bundle.push("/hooks/createContainer", hook(lab, "createContainer", &[&format!("create={inside}/made")]));
    let report = lab.probe(&mut bundle, &["exists=/dev/shm/made"])?;
    // Seen on the container's tmpfs: the hook ran after its mounts were made, and named them from the host's root.
    same("a file made on the container's tmpfs", &report["exists=/dev/shm/made"], &json!(true))
}

fn start_container_path(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    bundle.push(
        "/hooks/startContainer",
        json!({"path": "/bin/probe", "args": ["probe", "create=/tmp/by-the-hook"]}),
    );
    let report = lab.probe(&mut bundle, &["exists=/tmp/by-the-hook"])?;
    same("a file of the hook", &report["exists=/tmp/by-the-hook"], &json!(true))
}

fn args_and_env(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    let log = format!("hook={}", lab.text("hooks/log"));
    bundle.push("/hooks/createRuntime", json!({"path": lab.probe_path(), "args": ["probe", log, "two words", ""], "env": ["ONE=1", "TWO=a b"]}));
    lab.create(&bundle)?;
    let entry = entries(lab).first().cloned().unwrap_or_default();
    same("args", &entry["args"], &json!(["probe", log, "two words", ""]))?;
    same("env", &entry["env"], &json!({"ONE": "1", "TWO": "a b"}))
}

fn create_time_failures(lab: &Lab) -> Verdict {
    for kind in ["prestart", "createRuntime", "createContainer"] {
        let mut bundle = lab.bundle_named(kind)?;
        bundle.mount("/data", "none", &lab.folder("hooks")?, &["bind"]);
        bundle.push(&format!("/hooks/{kind}"), hook(lab, kind, &["exit=3"])).probe(&["create=/tmp/ran"]);
        lab.create_refused(&format!("its {kind} hook failed"), &bundle)?;
        check(!bundle.root("/tmp/ran").exists(), || "the program ran".to_owned())?;
    }
    Ok(())
}

fn start_container_failure(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    bundle
        .push("/hooks/startContainer", hook(lab, "startContainer", &["exit=3"]))
        .probe(&["create=/tmp/ran", "wait"]);
    lab.create(&bundle)?;
    lab.refused("its startContainer hook failed", &["start", &lab.id])?;
    check(!bundle.root("/tmp/ran").exists(), || "the program ran".to_owned())?;
    check(lab.status()? != "running", || "the container runs".to_owned())
}

fn poststart_failure(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    bundle.push("/hooks/poststart", hook(lab, "poststart", &["exit=3"])).probe(&["wait"]);
    lab.create(&bundle)?;
    lab.refused("its poststart hook failed", &["start", &lab.id])?;
    lab.until("the container to stop", || (lab.status().ok()? != "running").then_some(()))
}

fn poststop_failure(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    bundle.push("/hooks/poststop", hook(lab, "poststop", &["label=1", "exit=3"]));
    bundle.push("/hooks/poststop", hook(lab, "poststop", &["label=2"]));
    lifecycle(lab, &mut bundle)?;
    same("hooks that ran", labels(lab), ["poststop+1", "poststop+2"])
}

fn poststop_after_create_failed(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    bundle.push("/hooks/createRuntime", hook(lab, "createRuntime", &["exit=3"]));
    bundle.push("/hooks/poststop", hook(lab, "poststop", &[]));
    lab.create_refused("its createRuntime hook failed", &bundle)?;
    same("hooks that ran", labels(lab), ["createRuntime", "poststop"])
}

fn timeout(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    let mut slow = hook(lab, "createRuntime", &["sleep=600"]);
    slow["timeout"] = json!(1);
    bundle.push("/hooks/createRuntime", slow);
    let begin = std::time::Instant::now();
    lab.create_refused("its hook ran out of time", &bundle)?;
    let took = begin.elapsed().as_secs_f32();
    check((0.9..8.0).contains(&took), || format!("create took {took} s"))
}

fn path_is_absolute(lab: &Lab) -> Verdict {
    lab.control()?;
    let mut bundle = bundle(lab)?;
    fs::hard_link(lab.probe_path(), bundle.dir.join("relative"))?;
    bundle.push("/hooks/createRuntime", json!({"path": "relative", "args": ["probe"]}));
    let mut command = lab.command(&["create", "--bundle", &bundle.write()?, &lab.id]);
    command.current_dir(&bundle.dir);
    let done = lab.finish(command)?;
    check(done.code != 0, || "a relative path was accepted".to_owned())
}

fn missing_program(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    bundle.push("/hooks/createRuntime", json!({"path": "/no/such/hook"}));
    lab.create_refused("the hook does not exist", &bundle).map(drop)
}

fn sees_the_environment(lab: &Lab) -> Verdict {
    let mut bundle = bundle(lab)?;
    let target = lab.text("hooks/net");
    let script = format!(
        "read -r state; pid=${{state#*\\\"pid\\\":}}; pid=${{pid%%[!0-9 ]*}}; readlink /proc/${{pid# }}/ns/net > {target}"
    );
    bundle.push(
        "/hooks/createRuntime",
        json!({"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]}),
    );
    lab.create(&bundle)?;
    let seen = fs::read_to_string(target)?;
    check(seen.starts_with("net:["), || format!("saw {seen:?}"))?;
    differ("network namespace", seen.trim(), fs::read_link("/proc/self/ns/net")?.to_string_lossy().as_ref())
}
