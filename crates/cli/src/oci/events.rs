//! `events`: what a container uses, now or again and again, and when it ran out of memory.

use std::time::Instant;

use barque_runtime::cgroup::OomWatch;
use barque_runtime::spec::Status;
use serde::Serialize;

use super::Session;
use super::args::Events;
use crate::{Error, ErrorKind, Result, console};

/// One event, in runc's form.
#[derive(Serialize)]
struct Event<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
}

pub(super) fn events(session: &Session, args: &Events) -> Result<()> {
    let container = session.open(&args.id)?;
    if container.status() == Status::Stopped {
        return Err(Error::new(ErrorKind::Conflict, format!("container not running: {:?}", args.id)));
    }
    let group = container.cgroup()?;
    let print_stats = || -> Result<()> {
        print(&Event { kind: "stats", id: &args.id, data: Some(group.stats()?) });
        Ok(())
    };
    if args.stats {
        return print_stats();
    }
    // A kernel or a cgroup without memory events still has statistics.
    let watch = OomWatch::open(group).ok();
    let mut next = Instant::now() + args.interval;
    while container.status() != Status::Stopped {
        let left = next.saturating_duration_since(Instant::now()).min(std::time::Duration::from_millis(100));
        let oom = match &watch {
            Some(watch) => watch.wait(left)?,
            None => {
                std::thread::sleep(left);
                false
            }
        };
        if oom {
            print(&Event::<()> { kind: "oom", id: &args.id, data: None });
        }
        if Instant::now() >= next {
            print_stats()?;
            next += args.interval;
        }
    }
    Ok(())
}

fn print<T: Serialize>(event: &Event<'_, T>) {
    console::out(&format!("{}\n", serde_json::to_string(event).unwrap_or_default()));
}
