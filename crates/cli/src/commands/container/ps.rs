//! `barque ps`.

use barque_engine::definition::NetworkRequest;
use barque_engine::health::HealthStatus;
use barque_engine::{Container, Containers, Definition, Now, Places, Status, Time};

use crate::commands::filters::{Filters, has_label};
use crate::flags::Parsed;
use crate::format::{Column, Listing, Row, ago, row};
use crate::value::{date_and_time, integer, now};
use crate::{Error, ErrorKind, Result, console};

const COLUMNS: &[Column] = &[
    Column { field: "ID", heading: "CONTAINER ID" },
    Column { field: "Image", heading: "IMAGE" },
    Column { field: "Command", heading: "COMMAND" },
    Column { field: "RunningFor", heading: "CREATED" },
    Column { field: "CreatedAt", heading: "CREATED AT" },
    Column { field: "Status", heading: "STATUS" },
    Column { field: "State", heading: "STATE" },
    Column { field: "Ports", heading: "PORTS" },
    Column { field: "Names", heading: "NAMES" },
    Column { field: "Labels", heading: "LABELS" },
    Column { field: "Networks", heading: "NETWORKS" },
    Column { field: "Mounts", heading: "MOUNTS" },
    Column { field: "LocalVolumes", heading: "LOCAL VOLUMES" },
];

/// A container with how it is now.
type Found = (Container, Now);

/// Lists containers.
pub(super) fn ps(flags: &Parsed, places: &Places) -> Result<i32> {
    let containers = Containers::new(places.clone());
    let filters = Filters::read(
        flags,
        &[
            "id", "name", "label", "exited", "status", "ancestor", "before", "since", "network", "volume",
            "health",
        ],
    )?;
    let listed = containers.list()?;
    for error in &listed.damaged {
        console::err(&console::complaint(error, None));
    }
    let last = if flags.switch("latest") { Some(1) } else { flags.read("last", integer::<usize>)? };
    let all = flags.switch("all")
        || last.is_some()
        || filters.one("status").is_some()
        || filters.one("exited").is_some();
    let mut found: Vec<Found> = Vec::new();
    for container in listed.containers {
        let now = match container.now() {
            Ok(now) => now,
            // It has gone meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                console::err(&console::complaint(&error, None));
                continue;
            }
        };
        if all || now.status.is_up() || now.status == Status::Restarting {
            found.push((container, now));
        }
    }
    filter(&containers, &filters, &mut found)?;
    found.truncate(last.unwrap_or(usize::MAX));
    let (at, whole) = (now(), flags.switch("no-trunc"));
    let rows = found.iter().map(|(container, now)| line(container, now, at, whole)).collect();
    let shown = vec!["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
    let listing = Listing { columns: COLUMNS, shown, quiet: Some("ID") };
    console::out(&listing.text(flags.value("format"), flags.switch("quiet"), rows)?);
    Ok(0)
}

fn filter(containers: &Containers, filters: &Filters, found: &mut Vec<Found>) -> Result<()> {
    let any = |key: &str, fits: &dyn Fn(&str) -> bool| {
        let mut values = filters.all(key).peekable();
        values.peek().is_none() || values.any(fits)
    };
    for status in filters.all("status") {
        if !["created", "running", "paused", "restarting", "removing", "exited", "dead"].contains(&status) {
            return Err(Error::invalid(format!("invalid filter 'status={status}'")));
        }
    }
    for health in filters.all("health") {
        if !["none", "starting", "healthy", "unhealthy"].contains(&health) {
            return Err(Error::invalid(format!("invalid filter 'health={health}'")));
        }
    }
    for key in ["before", "since"] {
        for name in filters.all(key) {
            let other = containers.find(name)?.definition.created;
            found.retain(|(it, _)| match key {
                "before" => it.definition.created < other,
                _ => it.definition.created > other,
            });
        }
    }
    found.retain(|(it, now)| {
        let definition = &it.definition;
        let code = now.state.end.as_ref().map(|end| end.code.to_string());
        let is_image = |name: &str| {
            definition.image == name
                || definition.image.split(':').next() == Some(name)
                || definition.image_id.as_deref().is_some_and(|id| {
                    id == name || id.strip_prefix("sha256:").is_some_and(|id| id.starts_with(name))
                })
        };
        any("id", &|id| definition.id.starts_with(id))
            && any("name", &|name| definition.name.contains(name.trim_start_matches('/')))
            && filters.all("label").all(|label| has_label(&definition.labels, label))
            && any("status", &|status| now.status.name() == status)
            && any("exited", &|wanted| !now.status.is_up() && code.as_deref() == Some(wanted))
            && any("ancestor", &is_image)
            && any("health", &|health| health_name(now) == health)
            && any("network", &|network| networks(definition).iter().any(|name| name == network))
            && any("volume", &|volume| {
                definition.mounts.iter().any(|mount| {
                    [mount.name.as_deref().unwrap_or(&mount.source), &mount.destination].contains(&volume)
                })
            })
    });
    Ok(())
}

fn line(container: &Container, now: &Now, at: i64, whole: bool) -> Row {
    let definition = &container.definition;
    let id = if whole { &definition.id[..] } else { definition.id.get(..12).unwrap_or_default() };
    let created = seconds(definition.created);
    let labels: Vec<String> = definition.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mounts: Vec<&str> =
        definition.mounts.iter().map(|mount| mount.name.as_deref().unwrap_or(&mount.source)).collect();
    let volumes = definition.mounts.iter().filter(|mount| mount.name.is_some()).count();
    row([
        ("ID", id.into()),
        ("Image", definition.image.clone().into()),
        ("Command", command(&definition.command, whole).into()),
        ("RunningFor", ago(at - created).into()),
        ("CreatedAt", date_and_time(created).into()),
        ("Status", status(now, at).into()),
        ("State", now.status.name().into()),
        ("Ports", super::port::summary(container.places(), &definition.id).into()),
        ("Names", definition.name.clone().into()),
        ("Labels", labels.join(",").into()),
        ("Networks", networks(definition).join(",").into()),
        ("Mounts", mounts.join(",").into()),
        ("LocalVolumes", volumes.to_string().into()),
    ])
}

/// The command in quotes; 20 characters of it, unless all is wanted.
fn command(words: &[String], whole: bool) -> String {
    let text = words.join(" ");
    if whole || text.chars().count() <= 20 {
        return format!("\"{text}\"");
    }
    format!("\"{}…\"", text.chars().take(19).collect::<String>())
}

/// Docker's words.
fn status(now: &Now, at: i64) -> String {
    let started = now.state.started.map_or(at, seconds);
    let ended = now.state.end.as_ref().map(|end| (end.code, ago(at - seconds(end.time))));
    match now.status {
        Status::Created => "Created".to_owned(),
        Status::Running => {
            let health = match now.health.as_ref().map(|health| health.status) {
                None => "",
                Some(HealthStatus::Starting) => " (health: starting)",
                Some(HealthStatus::Healthy) => " (healthy)",
                Some(HealthStatus::Unhealthy) => " (unhealthy)",
            };
            format!("Up {}{health}", ago(at - started).trim_end_matches(" ago"))
        }
        Status::Paused => format!("Up {} (Paused)", ago(at - started).trim_end_matches(" ago")),
        Status::Restarting => restarting(now, at),
        Status::Exited => match ended {
            Some((code, since)) => format!("Exited ({code}) {since}"),
            None => "Exited".to_owned(),
        },
    }
}

/// For the filter.
fn health_name(now: &Now) -> &'static str {
    now.health.as_ref().map_or("none", |health| health.status.name())
}

/// As Docker has it; and of one that fails again and again, how often it did and when the next try is.
fn restarting(now: &Now, at: i64) -> String {
    let (code, since) =
        now.state.end.as_ref().map_or((0, String::new()), |end| (end.code, ago(at - seconds(end.time))));
    let next = now.state.next_start.map_or(0, |next| (seconds(next) - at).max(0));
    match now.state.failures {
        0..=2 => format!("Restarting ({code}) {since}"),
        failures => format!("Restarting ({code}) {since}, {failures} failures, next try in {next}s"),
    }
}

fn seconds(time: Time) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// The networks of a container by name, or its way to do without.
fn networks(definition: &Definition) -> Vec<String> {
    let request = definition.network.request.as_ref();
    let names = |request: &NetworkRequest| request.memberships().into_iter().map(|one| one.name).collect();
    request.map_or_else(|| vec![definition.network.mode.clone()], names)
}
