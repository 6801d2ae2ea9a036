//! `state`: what the runtime says of a container.

use std::fs;

use serde_json::json;

use crate::case::Level::{Cli, Must};
use crate::case::{Case, Verdict, case, check, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "state::required_fields",
        "runtime.md#state",
        Must,
        "the state has ociVersion, id, status, pid and bundle of the right types",
        required_fields,
    ),
    case(
        "state::bundle_is_absolute",
        "runtime.md#state",
        Must,
        "`bundle` is the absolute path, also when create was given a relative one",
        bundle_is_absolute,
    ),
    case(
        "state::annotations",
        "runtime.md#state",
        Must,
        "the annotations of the configuration are in the state, empty values too",
        annotations,
    ),
    case(
        "state::created",
        "runtime.md#state",
        Must,
        "after create and before start the status is `created` with the pid of a live process",
        created,
    ),
    case(
        "state::running",
        "runtime.md#state",
        Must,
        "after start the status is `running`, with the same pid",
        running,
    ),
    case(
        "state::stopped",
        "runtime.md#state",
        Must,
        "after the process has exited the status is `stopped`",
        stopped,
    ),
    case(
        "state::unknown_id",
        "runtime.md#query-state",
        Must,
        "querying a container that does not exist is an error",
        unknown_id,
    ),
    case("state::no_id", "runtime.md#query-state", Must, "a query without an id is an error", no_id),
    case(
        "state::version_is_semver",
        "runtime.md#state",
        Must,
        "`ociVersion` is a SemVer version",
        version_is_semver,
    ),
    case(
        "state::list",
        "runc.8#list",
        Cli,
        "`list --format json` has id, pid, status, bundle and created of each container",
        list,
    ),
    case("state::list_quiet", "runc.8#list", Cli, "`list -q` prints ids only", list_quiet),
];

fn required_fields(lab: &Lab) -> Verdict {
    lab.create(lab.bundle()?.probe(&[]))?;
    let state = lab.state()?;
    same("id", &state["id"], &json!(lab.id))?;
    check(state["ociVersion"].is_string(), || format!("ociVersion is {}", state["ociVersion"]))?;
    check(state["status"].is_string(), || format!("status is {}", state["status"]))?;
    check(state["pid"].as_u64().is_some_and(|pid| pid > 1), || format!("pid is {}", state["pid"]))?;
    same("bundle", &state["bundle"], &json!(lab.text("bundle")))
}

fn bundle_is_absolute(lab: &Lab) -> Verdict {
    lab.bundle()?.probe(&[]).write()?;
    let mut command = lab.command(&["create", "--bundle", "bundle", &lab.id]);
    command.current_dir(&lab.dir);
    let done = lab.finish(command)?;
    same("create's status", done.code, 0)?;
    same("bundle", &lab.state()?["bundle"], &json!(lab.text("bundle")))
}

fn annotations(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set(
        "/annotations",
        json!({"org.example.one": "1", "org.example.empty": "", "key with blanks": "ü"}),
    );
    lab.create(bundle.probe(&[]))?;
    let state = lab.state()?;
    same("one", &state["annotations"]["org.example.one"], &json!("1"))?;
    same("empty", &state["annotations"]["org.example.empty"], &json!(""))?;
    same("non-ASCII", &state["annotations"]["key with blanks"], &json!("ü"))
}

fn created(lab: &Lab) -> Verdict {
    lab.create(lab.bundle()?.probe(&[]))?;
    same("status", lab.status()?.as_str(), "created")?;
    let pid = lab.pid()?;
    check(fs::metadata(format!("/proc/{pid}")).is_ok(), || format!("no process {pid}"))
}

fn running(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    lab.create(bundle.probe(&["wait"]))?;
    let before = lab.pid()?;
    lab.ok(&["start", &lab.id])?;
    same("status", lab.status()?.as_str(), "running")?;
    same("pid after start", lab.pid()?, before)
}

fn stopped(lab: &Lab) -> Verdict {
    lab.start(lab.bundle()?.probe(&["exit=3"]))?;
    lab.until_status("stopped")?;
    let pid = &lab.state()?["pid"];
    // OPTIONAL once stopped; a number here must not be a live process's.
    check(pid.is_null() || pid == 0, || format!("pid of a stopped container is {pid}"))
}

fn unknown_id(lab: &Lab) -> Verdict {
    lab.refused("there is no such container", &["state", "no-such-container"]).map(drop)
}

fn no_id(lab: &Lab) -> Verdict {
    lab.control()?;
    same("failed", lab.call(&["state"])?.code != 0, true)
}

fn version_is_semver(lab: &Lab) -> Verdict {
    lab.create(lab.bundle()?.probe(&[]))?;
    let state = lab.state()?;
    let version = state["ociVersion"].as_str().unwrap_or_default();
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<_> = core.split('.').map(str::parse::<u32>).collect();
    check(numbers.len() == 3 && numbers.iter().all(Result::is_ok), || format!("ociVersion is {version:?}"))
}

fn list(lab: &Lab) -> Verdict {
    lab.create(lab.bundle()?.probe(&[]))?;
    let list = crate::lab::parse(&lab.ok(&["list", "--format", "json"])?)?;
    let entry = &list[0];
    same("id", &entry["id"], &json!(lab.id))?;
    same("status", &entry["status"], &json!("created"))?;
    same("bundle", &entry["bundle"], &json!(lab.text("bundle")))?;
    same("pid", &entry["pid"], &json!(lab.pid()?))?;
    check(entry["created"].as_str().is_some_and(|time| time.contains('T')), || {
        format!("created is {}", entry["created"])
    })
}

fn list_quiet(lab: &Lab) -> Verdict {
    same("without containers", lab.ok(&["list", "-q"])?.out.trim(), "")?;
    lab.create(lab.bundle()?.probe(&[]))?;
    same("with one", lab.ok(&["list", "-q"])?.out.trim(), lab.id.as_str())
}
