//! How a build is told: plain lines.

use std::time::{Duration, Instant};

use barque_build::progress::{Progress, Shown};
use barque_image::Reference;

use crate::flags::Parsed;
use crate::{Result, console};

/// Lines on standard error, as `docker build --progress=plain` writes them.
pub(super) struct Lines {
    quiet: bool,
    began: Instant,
    /// When the step that runs began.
    step: Instant,
    /// The beginning of a line of output whose end has not come yet.
    open: Vec<u8>,
    /// What a step has written, its end: shown when it fails and nobody has seen it.
    last: Vec<u8>,
}

/// How much of the output of a quiet build is kept to be shown.
const KEPT: usize = 16 << 10;

/// The way that is chosen by `--progress` and `--quiet`.
pub(super) fn chosen(flags: &Parsed) -> Result<Lines> {
    let quiet = match flags.value("progress").unwrap_or("auto") {
        "auto" | "plain" | "tty" => flags.switch("quiet"),
        "quiet" => true,
        other => return Err(flags.invalid("progress", other, "it is auto, plain or quiet")),
    };
    let now = Instant::now();
    Ok(Lines { quiet, began: now, step: now, open: Vec::new(), last: Vec::new() })
}

impl Lines {
    fn say(&self, text: &str) {
        if !self.quiet {
            console::err(text);
        }
    }

    fn heading(&self, step: &Shown<'_>) {
        let Shown { number, stage, index, count, text } = step;
        self.say(&format!("#{number} [{stage} {index}/{count}] {text}\n"));
    }

    /// Writes what is there as lines, each with the time since the step began.
    fn lines(&mut self, step: &Shown<'_>, all: bool) {
        while let Some(end) = self.open.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.open.drain(..=end).collect();
            self.line(step, &line[..end]);
        }
        if all && !self.open.is_empty() {
            let line = std::mem::take(&mut self.open);
            self.line(step, &line);
        }
    }

    fn line(&self, step: &Shown<'_>, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
        self.say(&format!("#{} {:.3} {text}\n", step.number, self.step.elapsed().as_secs_f64()));
    }

    /// The image is there.
    pub(super) fn end(&mut self, id: &str, names: &[Reference]) {
        self.say(&format!("writing image {id} done\n"));
        for name in names {
            self.say(&format!("naming to {name} done\n"));
        }
        self.say(&format!("built in {:.2}s\n", self.began.elapsed().as_secs_f64()));
    }
}

impl Progress for Lines {
    fn begin(&mut self, step: &Shown<'_>) {
        self.step = Instant::now();
        (self.open, self.last) = (Vec::new(), Vec::new());
        self.heading(step);
    }

    fn cached(&mut self, step: &Shown<'_>) {
        self.heading(step);
        let what = if step.index == 1 { "DONE" } else { "CACHED" };
        self.say(&format!("#{} {what}\n\n", step.number));
    }

    fn output(&mut self, step: &Shown<'_>, bytes: &[u8]) {
        self.last.extend_from_slice(bytes);
        if self.last.len() > 2 * KEPT {
            self.last.drain(..self.last.len() - KEPT);
        }
        self.open.extend_from_slice(bytes);
        self.lines(step, false);
    }

    fn done(&mut self, step: &Shown<'_>, time: Duration) {
        self.lines(step, true);
        self.say(&format!("#{} DONE {:.1}s\n\n", step.number, time.as_secs_f64()));
    }

    fn failed(&mut self, step: &Shown<'_>, why: &str) {
        self.lines(step, true);
        self.say(&format!("#{} ERROR: {why}\n", step.number));
        let Shown { stage, index, count, text, .. } = step;
        let last = String::from_utf8_lossy(&self.last);
        let lines: Vec<&str> = last.lines().collect();
        let mut excerpt = format!("------\n > [{stage} {index}/{count}] {text}:\n");
        for line in &lines[lines.len().saturating_sub(10)..] {
            excerpt.push_str(&format!("{line}\n"));
        }
        // Also of a quiet build: what went wrong is never kept back.
        console::err(&format!("{excerpt}------\n"));
    }
}
