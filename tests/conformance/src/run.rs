//! Runs every test on every runtime, a few at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::args::Args;
use crate::case::{Case, Outcome, Verdict};
use crate::deviations;
use crate::lab::{self, Lab};
use crate::runtime::Runtime;
use crate::sweep;
use crate::wait::Deadline;

/// How one test ended on one runtime, after the table of deviations was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The requirement held.
    Pass,
    /// It held, though a deviation is declared: the declaration is stale.
    Stale(&'static str),
    /// It did not.
    Fail(String),
    /// It did not, as declared for this peer: (reason, message).
    Deviation(&'static str, String),
    /// Could not be tested here.
    Skip(String),
    /// Not of this kind of host.
    NotApplicable(String),
}

/// The table.
#[derive(Debug)]
pub(crate) struct Results {
    /// Columns.
    pub(crate) runtimes: Vec<Runtime>,
    /// Which columns gate.
    pub(crate) gating: Vec<bool>,
    /// Rows: the test and a cell for each runtime.
    pub(crate) rows: Vec<(Case, Vec<Cell>)>,
}

impl Results {
    /// Whether the run as a whole is accepted: gates have neither failures nor skips, peers only declared failures.
    pub(crate) fn acceptable(&self, keep_going: bool) -> bool {
        self.rows.iter().flat_map(|(_, cells)| cells.iter().zip(&self.gating)).all(
            |(cell, gating)| match cell {
                Cell::Fail(_) => !gating && keep_going,
                Cell::Skip(_) => !gating,
                _ => true,
            },
        )
    }
}

/// Where the run keeps its files: the probe, and a directory for each test.
fn prepare() -> io::Result<PathBuf> {
    let seed = std::env::temp_dir().join(format!("barque-conformance-{}", std::process::id()));
    fs::create_dir_all(&seed)?;
    // Searchable by mapped users, or a user namespace's root could not reach its root filesystem.
    fs::set_permissions(&seed, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    fs::copy(std::env::current_exe()?, seed.join("probe"))?;
    if Path::new("/bin/busybox").exists() {
        fs::copy("/bin/busybox", seed.join("busybox"))?;
    }
    Ok(seed)
}

/// Runs all of it.
pub(crate) fn run(runtimes: &[Runtime], cases: &[Case], args: &Args) -> io::Result<Results> {
    let seed = prepare()?;
    // Told to end, the tests under way time out at once and clean up, and no other begins.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let total = cases.len() * runtimes.len();
    let cells: Mutex<Vec<Option<Cell>>> = Mutex::new(vec![None; total]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.clamp(1, 16) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let (case, column) = (&cases[number / runtimes.len()], number % runtimes.len());
                    let gating = args.gates.contains(&runtimes[column].line);
                    let deadline = Deadline::new(args.timeout, &stop);
                    let cell = one(&runtimes[column], case, &seed, number, gating, deadline);
                    if let Ok(mut cells) = cells.lock() {
                        cells[number] = Some(cell);
                    }
                }
            });
        }
    });
    sweep::sweep_run(&seed, &lab::cgroup_parent());
    let cells = cells.into_inner().unwrap_or_default();
    let mut cells =
        cells.into_iter().map(|cell| cell.unwrap_or_else(|| Cell::Fail("did not run".to_owned())));
    Ok(Results {
        runtimes: runtimes.to_vec(),
        gating: runtimes.iter().map(|runtime| args.gates.contains(&runtime.line)).collect(),
        rows: cases.iter().map(|case| (*case, cells.by_ref().take(runtimes.len()).collect())).collect(),
    })
}

fn one(runtime: &Runtime, case: &Case, seed: &Path, number: usize, gating: bool, deadline: Deadline) -> Cell {
    let id = format!("bconf{}x{number}", std::process::id());
    let verdict = match Lab::new(runtime, seed, id, deadline) {
        Ok(lab) => (case.run)(&lab).and_then(|()| lab.audit()),
        Err(error) => Err(error.into()),
    };
    judge(verdict, if gating { None } else { deviations::of(runtime, case.name) })
}

fn judge(verdict: Verdict, declared: Option<&'static str>) -> Cell {
    match (verdict, declared) {
        (Ok(()), None) => Cell::Pass,
        (Ok(()), Some(reason)) => Cell::Stale(reason),
        (Err(Outcome::Fail(message)), None) => Cell::Fail(message),
        (Err(Outcome::Fail(message)), Some(reason)) => Cell::Deviation(reason, message),
        (Err(Outcome::Skip(reason)), _) => Cell::Skip(reason),
        (Err(Outcome::NotApplicable(reason)), _) => Cell::NotApplicable(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_accept_neither_failures_nor_skips() {
        let row = |cell: &Cell, gating: bool| Results {
            runtimes: Vec::new(),
            gating: vec![gating],
            rows: vec![(crate::tests::all()[0], vec![cell.clone()])],
        };
        let (fail, skip) = (Cell::Fail(String::new()), Cell::Skip(String::new()));
        assert!(!row(&fail, true).acceptable(true));
        assert!(!row(&skip, true).acceptable(true));
        assert!(!row(&fail, false).acceptable(false));
        assert!(row(&fail, false).acceptable(true));
        assert!(row(&skip, false).acceptable(false));
        assert!(row(&Cell::NotApplicable(String::new()), true).acceptable(false));
    }

    #[test]
    fn declared_failures_are_deviations() {
        let failed = || Err(Outcome::Fail("m".to_owned()));
        assert_eq!(judge(failed(), None), Cell::Fail("m".to_owned()));
        assert_eq!(judge(failed(), Some("r")), Cell::Deviation("r", "m".to_owned()));
        assert_eq!(judge(Ok(()), Some("r")), Cell::Stale("r"));
    }
}
