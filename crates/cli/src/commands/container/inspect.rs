//! `barque inspect`, as far as it is about containers.

use barque_engine::definition::MountPoint;
use barque_engine::health::{Check, Health};
use barque_engine::{Container, Containers, Definition, Now, Places, Status, Time, execs};
use barque_runtime::spec::Spec;
use serde_json::{Value, json};

use super::{each, endpoints};
use crate::Result;
use crate::commands::inspect::show;
use crate::flags::Parsed;
use crate::value::rfc3339;

/// Shows all that is known about containers.
pub(super) fn inspect(flags: &Parsed, places: &Places) -> Result<i32> {
    let containers = Containers::new(places.clone());
    let mut found = Vec::new();
    let code = each(flags.positional(), |name| {
        found.push(object(&containers.find(name)?)?);
        Ok(())
    });
    show(flags, found)?;
    Ok(code)
}

/// A container as Docker shows it, as far as there is something to show.
pub(in crate::commands) fn object(container: &Container) -> Result<Value> {
    let definition = &container.definition;
    let now = container.now()?;
    let config = container.config()?;
    let spec = container.spec(&config)?;
    let path = definition.command.first().cloned().unwrap_or_default();
    let file = |name: &str| container.directory().join(name).display().to_string();
    Ok(json!({
        "Id": definition.id,
        "Created": time(Some(definition.created)),
        "Path": path,
        "Args": definition.command.get(1..).unwrap_or_default(),
        "State": state(&now),
        "Image": definition.image_id.clone().unwrap_or_else(|| definition.image.clone()),
        "ResolvConfPath": file("resolv.conf"),
        "HostnamePath": file("hostname"),
        "HostsPath": file("hosts"),
        "LogPath": definition.log.file(&container.directory()).map(|(path, _)| path.display().to_string()).unwrap_or_default(),
        "Name": format!("/{}", definition.name),
        "RestartCount": now.state.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "ExecIDs": exec_ids(container),
        "HostConfig": host_config(container, &spec),
        "Mounts": mounts(definition),
        "Config": own_config(container, &spec),
        "NetworkSettings": endpoints::settings(container),
    }))
}

/// What `exec -d` has started and still runs; null where there is nothing, as with Docker.
fn exec_ids(container: &Container) -> Value {
    let ids: Vec<String> = execs::running(container).into_iter().map(|exec| exec.id).collect();
    if ids.is_empty() { Value::Null } else { ids.into() }
}

fn state(now: &Now) -> Value {
    let mut state = end_and_status(now);
    if now.state.end.is_some() && !now.status.is_up() {
        state["Why"] = super::why::facts(now);
    }
    if let (Some(health), Value::Object(state)) = (&now.health, &mut state) {
        state.insert("Health".to_owned(), self::health(health));
    }
    state
}

pub(super) fn health(health: &Health) -> Value {
    let log = health.log.iter().map(|probed| {
        json!({
            "Start": time(Some(probed.start)),
            "End": time(Some(probed.end)),
            "ExitCode": probed.exit_code,
            "Output": probed.output,
        })
    });
    json!({
        "Status": health.status.name(),
        "FailingStreak": health.failing_streak,
        "Log": log.collect::<Vec<_>>(),
    })
}

/// As Docker shows the check; what is done when it fails has podman's name.
fn check(check: &Check) -> Value {
    json!({
        "Test": check.probe.words(),
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
        "Retries": check.retries,
    })
}

fn end_and_status(now: &Now) -> Value {
    let end = now.state.end.clone().unwrap_or_default();
    let up = now.status.is_up();
    json!({
        "Status": now.status.name(),
        "Running": up,
        "Paused": now.status == Status::Paused,
        "Restarting": now.status == Status::Restarting,
        "OOMKilled": !up && end.oom,
        "Dead": false,
        "Pid": now.pid.unwrap_or(0),
        "ExitCode": if up { 0 } else { end.code },
        "Error": if up { "" } else { &end.error },
        "StartedAt": time(now.state.started),
        "FinishedAt": time(now.state.end.as_ref().map(|end| end.time)),
    })
}

/// RFC 3339 with nanoseconds; Go's zero where there is none.
pub(super) fn time(time: Option<Time>) -> String {
    match time {
        Some(Time(seconds, nanoseconds)) => {
            let whole = rfc3339(i64::try_from(seconds).unwrap_or(i64::MAX));
            format!("{}.{nanoseconds:09}Z", whole.trim_end_matches('Z'))
        }
        None => "0001-01-01T00:00:00Z".to_owned(),
    }
}

fn host_config(container: &Container, spec: &Spec<'_>) -> Value {
    let definition = &container.definition;
    let linux = spec.linux.as_ref();
    let resources = linux.and_then(|linux| linux.resources.as_ref());
    let memory = resources.and_then(|resources| resources.memory.as_ref());
    let cpu = resources.and_then(|resources| resources.cpu.as_ref());
    let retries = match definition.restart {
        barque_engine::RestartPolicy::OnFailure(most) => most,
        _ => 0,
    };
    json!({
        "NetworkMode": definition.network.mode,
        "RestartPolicy": { "Name": definition.restart.name(), "MaximumRetryCount": retries },
        "AutoRemove": definition.auto_remove,
        "LogConfig": { "Type": definition.log.driver.name(), "Config": definition.log.options },
        "ReadonlyRootfs": spec.root.as_ref().is_some_and(|root| root.readonly),
        "Init": definition.init,
        "Memory": memory.and_then(|memory| memory.limit).unwrap_or(0),
        "MemoryReservation": memory.and_then(|memory| memory.reservation).unwrap_or(0),
        "MemorySwap": memory.and_then(|memory| memory.swap).unwrap_or(0),
        "CpuShares": cpu.and_then(|cpu| cpu.shares).unwrap_or(0),
        "CpuPeriod": cpu.and_then(|cpu| cpu.period).unwrap_or(0),
        "CpuQuota": cpu.and_then(|cpu| cpu.quota).unwrap_or(0),
        "CpusetMems": cpu.and_then(|cpu| cpu.mems.as_ref()).map(ToString::to_string).unwrap_or_default(),
        "PidsLimit": resources.and_then(|all| all.pids?.limit),
        "BlkioWeight": resources.and_then(|all| all.block_io.as_ref()?.weight).unwrap_or(0),
        "CpusetCpus": cpu.and_then(|cpu| cpu.cpus.as_ref()).map(ToString::to_string).unwrap_or_default(),
        "CgroupParent": linux.and_then(|linux| linux.cgroups_path.as_ref()).map(ToString::to_string),
    })
}

/// What users have mounted into it.
fn mounts(definition: &Definition) -> Vec<Value> {
    let one = |mount: &MountPoint| {
        let mut shown = json!({
            "Type": mount.kind.name(),
            "Source": mount.source,
            "Destination": mount.destination,
            "Mode": mount.mode,
            "RW": mount.rw,
            "Propagation": mount.propagation,
        });
        if let Some(name) = &mount.name {
            shown["Name"] = name.clone().into();
            shown["Driver"] = mount.driver.clone().into();
        }
        shown
    };
    definition.mounts.iter().map(one).collect()
}

fn own_config(container: &Container, spec: &Spec<'_>) -> Value {
    let definition = &container.definition;
    let process = spec.process.clone().unwrap_or_default();
    let (entrypoint, command) =
        definition.command.split_at(definition.entrypoint.min(definition.command.len()));
    let mut config = json!({
        "Hostname": spec.hostname.as_ref().map(ToString::to_string).unwrap_or_default(),
        "User": format!("{}:{}", process.user.uid, process.user.gid),
        "Tty": definition.tty,
        "OpenStdin": definition.interactive,
        "Env": process.env.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "Cmd": command,
        "Entrypoint": entrypoint,
        "Image": definition.image,
        "ExposedPorts": exposed(container),
        "WorkingDir": process.cwd.to_string(),
        "Labels": definition.labels,
        "StopSignal": definition.stop_signal,
        "StopTimeout": definition.stop_timeout,
    });
    if let (Some(own), Value::Object(config)) = (&definition.health, &mut config) {
        config.insert("Healthcheck".to_owned(), check(own));
        config.insert("HealthcheckOnFailureAction".to_owned(), own.on_failure.name().into());
    }
    config
}

/// The ports it is said to listen on, and those that are published, as Docker counts them.
fn exposed(container: &Container) -> Value {
    let network = &container.definition.network;
    let published = network.request.iter().flat_map(|request| &request.ports);
    let published = published.map(|port| format!("{}/{}", port.container_port, port.protocol));
    Value::Object(network.exposed.iter().cloned().chain(published).map(|port| (port, json!({}))).collect())
}
