//! Progress: a bar for each layer on a terminal, lines elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use barque_image::Digest;
use barque_image::progress::{Phase, Progress, Silent};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console;

/// Where progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// Nowhere.
    Nothing,
    /// On standard output, as `pull` does.
    Output,
    /// On standard error, where standard output belongs to something else.
    Errors,
}

/// Somebody who shows it.
pub(super) fn progress(show: Show) -> Box<dyn Progress> {
    let terminal = match show {
        Show::Nothing => return Box::new(Silent),
        Show::Output => rustix::termios::isatty(rustix::stdio::stdout()),
        Show::Errors => rustix::termios::isatty(rustix::stdio::stderr()),
    };
    if terminal { Box::new(Bars::new(show)) } else { Box::new(Lines { show, seen: Mutex::default() }) }
}

fn say(show: Show, text: &str) {
    match show {
        Show::Nothing => {}
        Show::Output => console::out(text),
        Show::Errors => console::err(text),
    }
}

fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "Waiting",
        Phase::Downloading => "Downloading",
        Phase::Uploading => "Pushing",
        Phase::Unpacking => "Extracting",
        Phase::Done => "Complete",
        Phase::Present => "Already exists",
        Phase::Mounted => "Mounted from another repository",
    }
}

/// A line whenever something enters a phase.
struct Lines {
    show: Show,
    seen: Mutex<BTreeMap<Digest, Phase>>,
}

impl Progress for Lines {
    fn phase(&self, what: &Digest, phase: Phase, _: Option<u64>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.insert(what.clone(), phase) != Some(phase) {
            say(self.show, &format!("{}: {}\n", what.short(), words(phase)));
        }
    }

    fn advance(&self, _: &Digest, _: u64) {}

    fn say(&self, line: &str) {
        say(self.show, &format!("{line}\n"));
    }
}

/// A bar for each blob or layer.
struct Bars {
    all: MultiProgress,
    bars: Mutex<BTreeMap<Digest, ProgressBar>>,
}

/// With a known length, without, and at the end.
const MOVING: &str = "{prefix}: {msg:11} [{bar:50}] {decimal_bytes}/{decimal_total_bytes}";
const WAITING: &str = "{prefix}: {msg}";

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}

impl Bars {
    fn new(show: Show) -> Self {
        let target =
            if show == Show::Output { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::stderr() };
        Self { all: MultiProgress::with_draw_target(target), bars: Mutex::default() }
    }

    fn bar(&self, what: &Digest) -> ProgressBar {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let bar = self.all.add(ProgressBar::no_length().with_prefix(what.short().to_owned()));
            bar.set_style(style(WAITING));
            bar
        };
        bars.entry(what.clone()).or_insert_with(make).clone()
    }
}

impl Progress for Bars {
    fn phase(&self, what: &Digest, phase: Phase, total: Option<u64>) {
        let bar = self.bar(what);
        let ended = matches!(phase, Phase::Done | Phase::Present | Phase::Mounted);
        match total.filter(|_| !ended && phase != Phase::Waiting) {
            Some(total) => {
                bar.set_length(total);
                bar.set_position(0);
                bar.set_style(style(MOVING));
            }
            None => bar.set_style(style(WAITING)),
        }
        bar.set_message(words(phase));
        if ended {
            bar.abandon();
        }
    }

    fn advance(&self, what: &Digest, bytes: u64) {
        self.bar(what).inc(bytes);
    }

    fn say(&self, line: &str) {
        // A terminal that went away is no failure of ours.
        drop(self.all.println(line));
    }
}
