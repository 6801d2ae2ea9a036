//! `state`, `list` and `ps`.

use std::process::{Command, Stdio};

use barque_runtime::container::Container;
use barque_runtime::spec::State;
use serde::Serialize;

use super::args::{List, ListFormat, Ps};
use super::{Session, is_missing};
use crate::{Error, ErrorKind, Result, console, json};

/// A state with what runc adds to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    oci_version: String,
    id: String,
    pid: i32,
    status: String,
    bundle: String,
    rootfs: String,
    created: String,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    annotations: std::collections::BTreeMap<String, String>,
    owner: String,
}

impl Shown {
    fn of(container: &Container) -> Self {
        let State { oci_version, id, status, pid, bundle, annotations } = container.state();
        let record = container.record.as_ref();
        let (seconds, nanoseconds) = record.map_or((0, 0), |record| record.created);
        Self {
            oci_version: oci_version.into_string(),
            id: id.into_string(),
            pid: pid.unwrap_or(0),
            status: status.to_string(),
            bundle: bundle.into_string(),
            rootfs: record.map(|record| record.rootfs.to_string_lossy().into_owned()).unwrap_or_default(),
            created: super::log::timestamp_nanoseconds(seconds, nanoseconds),
            annotations: annotations.into_iter().map(|(k, v)| (k.into_string(), v.into_string())).collect(),
            owner: record.map(|record| owner(record.owner)).unwrap_or_default(),
        }
    }
}

/// The name of a user of the host, or its number; never by NSS.
fn owner(uid: u32) -> String {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = crate::run::passwd(&text).find(|entry| entry.uid == uid).map(|entry| entry.name.to_owned());
    found.unwrap_or_else(|| format!("#{uid}"))
}

pub(super) fn state(session: &Session, id: &str) -> Result<()> {
    console::out(&json::indented(&Shown::of(&session.open(id)?), "  "));
    Ok(())
}

pub(super) fn list(session: &Session, args: &List) -> Result<()> {
    let mut shown = Vec::new();
    for id in session.store.ids()? {
        match session.open(&id) {
            Ok(container) => shown.push(Shown::of(&container)),
            // Deleted since the directory was read.
            Err(error) if is_missing(&error) => {}
            // One damaged record does not hide the others.
            Err(error) => session.warn(&error.to_string()),
        }
    }
    if args.quiet {
        console::out(&shown.iter().map(|one| format!("{}\n", one.id)).collect::<String>());
        return Ok(());
    }
    match args.format {
        ListFormat::Json => console::out(&format!("{}\n", serde_json::to_string(&shown).unwrap_or_default())),
        ListFormat::Table => console::out(&table(&shown)),
    }
    Ok(())
}

fn table(shown: &[Shown]) -> String {
    let header = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let row = |one: &Shown| {
        [&one.id, &one.pid.to_string(), &one.status, &one.bundle, &one.created, &one.owner]
            .map(|cell| cell.to_owned())
    };
    let rows: Vec<_> = std::iter::once(header).chain(shown.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0).max(9) + 3;
    let widths: Vec<_> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

/// `ps`: the container's processes, as `ps(1)` shows them.
pub(super) fn ps(session: &Session, args: &Ps) -> Result<()> {
    let pids = session.open(&args.id)?.cgroup()?.pids()?;
    if args.format == ListFormat::Json {
        console::out(&format!("{}\n", serde_json::to_string(&pids).unwrap_or_default()));
        return Ok(());
    }
    console::out(&host_ps(&pids, &args.args)?);
    Ok(())
}

/// What the host's `ps` says of these processes; options of its own may be given.
pub(crate) fn host_ps(pids: &[i32], options: &[String]) -> Result<String> {
    let given = if options.is_empty() { vec!["-ef".to_owned()] } else { options.to_vec() };
    let output = Command::new("ps").args(&given).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| {
        Error::new(ErrorKind::Unsupported, format!("ps: {error}"))
            .hint("install procps, or use --format json")
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let column = header.split_whitespace().position(|name| name == "PID").ok_or_else(|| {
        Error::invalid(format!("ps {}: its output has no column PID", given.join(" ")))
            .hint("add it: ps -o pid,…")
    })?;
    let ours = |line: &&str| {
        let pid = line.split_whitespace().nth(column).and_then(|word| word.parse::<i32>().ok());
        pid.is_some_and(|pid| pids.contains(&pid))
    };
    let shown: String = lines.filter(ours).map(|line| format!("{line}\n")).collect();
    Ok(format!("{header}\n{shown}"))
}
