//! What was done, and where the time goes: a time stamp after every step, shown by `BARQUE_TRACE=1`, or told to a sink.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::plan::Op;

/// A record of the steps done, with the time each took. Off unless asked for: then it costs nothing.
#[derive(Debug, Default)]
pub struct Trace {
    times: Option<Times>,
    steps: Vec<TracedStep>,
    sink: Option<Sink>,
}

/// Who is told of each step of a start, also of one that fails, once it has ended.
#[derive(Clone)]
pub struct Sink(Rc<dyn Fn(&TracedStep)>);

impl Sink {
    /// A function that is told.
    pub fn new(told: impl Fn(&TracedStep) + 'static) -> Self {
        Self(Rc::new(told))
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy)]
struct Times {
    start: Instant,
    last: Instant,
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedStep {
    /// `creator` or `init`.
    pub by: String,
    /// The operation.
    pub what: String,
    /// Time since the step before, of the same side.
    pub microseconds: u64,
}

impl Trace {
    /// A trace that starts now.
    pub fn start() -> Self {
        let now = Instant::now();
        Self { times: Some(Times { start: now, last: now }), ..Self::default() }
    }

    /// A trace that starts now, and whose steps are told to a sink.
    pub fn told_to(sink: Sink) -> Self {
        Self { sink: Some(sink), ..Self::start() }
    }

    /// Another that starts now, where this one is on.
    pub(crate) fn again(&self) -> Self {
        if self.is_on() { Self { sink: self.sink.clone(), ..Self::start() } } else { Self::default() }
    }

    /// Tells the sink.
    pub(crate) fn tell(&self) {
        if let Some(Sink(told)) = &self.sink {
            self.steps.iter().for_each(|step| told(step));
        }
    }

    /// Whether it records.
    pub fn is_on(&self) -> bool {
        self.times.is_some()
    }

    /// What was recorded.
    pub fn steps(&self) -> &[TracedStep] {
        &self.steps
    }

    /// Time from the start to the last step.
    pub fn total(&self) -> Duration {
        self.times.map_or(Duration::ZERO, |times| times.last.duration_since(times.start))
    }

    /// Records that an operation is done.
    pub(crate) fn step(&mut self, by: &str, op: &Op) {
        if self.is_on() {
            self.record(by, &label(op));
        }
    }

    /// Records that something else is done.
    pub fn record(&mut self, by: &str, what: &str) {
        let Some(times) = &mut self.times else { return };
        let now = Instant::now();
        let microseconds = u64::try_from(now.duration_since(times.last).as_micros()).unwrap_or(u64::MAX);
        times.last = now;
        self.steps.push(TracedStep { by: by.to_owned(), what: what.to_owned(), microseconds });
    }

    /// Takes the steps away, to be sent.
    pub(crate) fn take_steps(&mut self) -> Vec<TracedStep> {
        std::mem::take(&mut self.steps)
    }

    /// Adds the steps of the other side.
    pub(crate) fn extend(&mut self, steps: Vec<TracedStep>) {
        self.steps.extend(steps);
    }
}

/// The operation's name with what tells it from its like.
fn label(op: &Op) -> String {
    let shorten = |text: String| match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    // By way of text: to serialize all operations straight into values would be 30 KB of code.
    let text = serde_json::to_vec(op).unwrap_or_default();
    match serde_json::from_slice(&text).unwrap_or_default() {
        serde_json::Value::String(name) => name,
        serde_json::Value::Object(map) => {
            map.iter().next().map(|(name, value)| shorten(format!("{name} {value}"))).unwrap_or_default()
        }
        _ => String::new(),
    }
}
