//! `barque stats`.

use std::collections::BTreeMap;
use std::time::Duration;

use barque_engine::stats::{Sample, sample};
use barque_engine::{Container, Containers, Places};
use rustix::termios::isatty;

use crate::flags::Parsed;
use crate::format::{Column, Listing, Row, binary_size, human_size, row};
use crate::{ErrorKind, Result, console};

const COLUMNS: &[Column] = &[
    Column { field: "Container", heading: "CONTAINER" },
    Column { field: "ID", heading: "CONTAINER ID" },
    Column { field: "Name", heading: "NAME" },
    Column { field: "CPUPerc", heading: "CPU %" },
    Column { field: "MemUsage", heading: "MEM USAGE / LIMIT" },
    Column { field: "MemPerc", heading: "MEM %" },
    Column { field: "NetIO", heading: "NET I/O" },
    Column { field: "BlockIO", heading: "BLOCK I/O" },
    Column { field: "PIDs", heading: "PIDS" },
];
const SHOWN: &[&str] = &["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"];

/// Between the two looks of which a share of the processors is made.
const SHORT: Duration = Duration::from_millis(500);
/// Between two tables.
const INTERVAL: Duration = Duration::from_secs(1);

/// How a container that was looked at is called by who asked for it.
type Subject = (String, Container);

/// Shows what containers use.
pub(super) fn stats(flags: &Parsed, places: &Places) -> Result<i32> {
    let containers = Containers::new(places.clone());
    let names = flags.positional();
    let listing = Listing { columns: COLUMNS, shown: SHOWN.to_vec(), quiet: None };
    // A format that cannot be is told before anybody waits.
    listing.text(flags.value("format"), false, vec![line("", None, false, None, None)])?;
    let mut before = look(&subjects(&containers, names, true)?)?;
    let once = flags.switch("no-stream");
    let redraws = !once && isatty(rustix::stdio::stdout());
    let mut pause = SHORT;
    loop {
        std::thread::sleep(pause);
        let subjects = subjects(&containers, names, false)?;
        if !names.is_empty() && subjects.is_empty() {
            return Ok(0);
        }
        let now = look(&subjects)?;
        let whole = flags.switch("no-trunc");
        // Those that were named are shown whether they run or not.
        let all = flags.switch("all") || !names.is_empty();
        let rows = subjects.iter().filter_map(|(name, container)| {
            let sample = now.get(container.id());
            let earlier = before.get(container.id());
            (all || sample.is_some()).then(|| line(name, Some(container), whole, sample, earlier))
        });
        let text = listing.text(flags.value("format"), false, rows.collect())?;
        console::out(&if redraws { redrawn(&text) } else { text });
        if once {
            return Ok(0);
        }
        (before, pause) = (now, INTERVAL);
    }
}

/// The containers that are meant. One that is not there is an error at first; later it has just gone.
fn subjects(containers: &Containers, names: &[String], first: bool) -> Result<Vec<Subject>> {
    if names.is_empty() {
        let named = |container: Container| (container.id().to_owned(), container);
        return Ok(containers.list()?.containers.into_iter().map(named).collect());
    }
    let mut found = Vec::new();
    for name in names {
        match containers.find(name) {
            Err(error) if !first && error.kind() == ErrorKind::NotFound => {}
            container => found.push((name.clone(), container?)),
        }
    }
    Ok(found)
}

fn look(subjects: &[Subject]) -> Result<BTreeMap<String, Sample>> {
    let mut samples = BTreeMap::new();
    for (_, container) in subjects {
        if let Some(sample) = sample(container)? {
            samples.insert(container.id().to_owned(), sample);
        }
    }
    Ok(samples)
}

fn line(
    name: &str,
    container: Option<&Container>,
    whole: bool,
    now: Option<&Sample>,
    before: Option<&Sample>,
) -> Row {
    let id = container.map_or("", Container::id);
    let percent = |share: f64| format!("{share:.2}%");
    let pair = |(one, other): (u64, u64)| format!("{} / {}", human_size(one, 3), human_size(other, 3));
    let cpu = now.zip(before).map_or(0.0, |(now, before)| now.cpu_percent(before));
    let memory = now.map_or((0, 0), |now| (now.memory, now.memory_limit));
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let share = if memory.1 == 0 { 0.0 } else { memory.0 as f64 / memory.1 as f64 * 100.0 };
    row([
        ("Container", name.into()),
        ("ID", if whole { id } else { id.get(..12).unwrap_or(id) }.into()),
        ("Name", container.map_or("", Container::name).into()),
        ("CPUPerc", percent(cpu).into()),
        ("MemUsage", format!("{} / {}", binary_size(memory.0), binary_size(memory.1)).into()),
        ("MemPerc", percent(share).into()),
        ("NetIO", pair(now.map_or((0, 0), |now| now.network)).into()),
        ("BlockIO", pair(now.map_or((0, 0), |now| now.block)).into()),
        ("PIDs", now.map_or(0, |now| now.pids).to_string().into()),
    ])
}

/// Written over what was there: without clearing the screen first, which flickers.
fn redrawn(text: &str) -> String {
    let lines: String = text.lines().map(|line| format!("{line}\x1b[K\n")).collect();
    format!("\x1b[H{lines}\x1b[J")
}
