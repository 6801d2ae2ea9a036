//! Timing of whole commands, from spawn to reaped.

use std::io;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::scenario::Line;

/// The runs of one contender, one a round.
#[derive(Debug)]
pub(crate) struct Series {
    /// The contender.
    pub name: String,
    /// Its times.
    pub times: Vec<Duration>,
    /// How many runs did not end with 0.
    pub failures: usize,
}

impl Series {
    fn new(line: &Line) -> Self {
        Self { name: line.name.clone(), times: Vec::new(), failures: 0 }
    }
}

/// Runs A B C, B C A, C A B, …: each contender once a round, no one always behind the same other one.
pub(crate) fn interleaved(lines: &[Line], rounds: usize) -> io::Result<Vec<Series>> {
    let mut all: Vec<Series> = lines.iter().map(Series::new).collect();
    for round in 0..rounds + WARM_UP {
        for step in 0..lines.len() {
            let at = (round + step) % lines.len();
            let (time, ok) = timed(&lines[at], round)?;
            if round >= WARM_UP {
                all[at].times.push(time);
                all[at].failures += usize::from(!ok);
            }
        }
    }
    Ok(all)
}

/// Rounds that only fill the page cache.
const WARM_UP: usize = 2;

fn timed(line: &Line, index: usize) -> io::Result<(Duration, bool)> {
    let words = line.words(index);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    Ok((start.elapsed(), status.success()))
}

/// Starts `starts` containers, `at_a_time` side by side, a few times for each contender.
pub(crate) fn throughput(
    lines: &[Line],
    starts: usize,
    at_a_time: usize,
    rounds: usize,
) -> io::Result<Vec<Series>> {
    let mut all: Vec<Series> = lines.iter().map(Series::new).collect();
    for round in 0..rounds {
        for (line, series) in lines.iter().zip(&mut all) {
            let (time, failures) = side_by_side(line, starts, at_a_time, round * starts)?;
            series.times.push(time);
            series.failures += failures;
        }
    }
    Ok(all)
}

fn side_by_side(line: &Line, starts: usize, at_a_time: usize, first: usize) -> io::Result<(Duration, usize)> {
    let next = AtomicUsize::new(0);
    let worker = || -> io::Result<usize> {
        let mut failures = 0;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= starts {
                return Ok(failures);
            }
            failures += usize::from(!timed(line, first + index)?.1);
        }
    };
    let start = Instant::now();
    let failures = thread::scope(|scope| {
        let workers: Vec<_> = (0..at_a_time).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .map(|w| w.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked"))))
            .sum::<io::Result<usize>>()
    })?;
    Ok((start.elapsed(), failures))
}
