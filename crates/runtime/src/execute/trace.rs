//! Where the time goes: a time stamp after every step, shown by `BARQUE_TRACE=1`.

use std::cell::RefCell;
use std::time::Instant;

use crate::plan::Op;

/// A record of the steps done, with the time each took. Off unless asked for: then it costs nothing.
#[derive(Debug, Default)]
pub struct Trace {
    last: Option<Instant>,
    steps: RefCell<Vec<(String, u128)>>,
}

impl Trace {
    /// A trace that starts now.
    pub fn start() -> Self {
        Self { last: Some(Instant::now()), steps: RefCell::default() }
    }

    /// Whether it records.
    pub fn is_on(&self) -> bool {
        self.last.is_some()
    }

    /// Records that an operation is done.
    pub(crate) fn step(&mut self, op: &Op) {
        if self.last.is_some() {
            self.record(&label(op));
        }
    }

    /// Records that something else is done.
    pub fn record(&mut self, what: &str) {
        let Some(last) = self.last else { return };
        let now = Instant::now();
        self.steps.borrow_mut().push((what.to_owned(), now.duration_since(last).as_micros()));
        self.last = Some(now);
    }

    /// What was recorded, in order: a name and microseconds.
    pub fn steps(&self) -> Vec<(String, u128)> {
        self.steps.borrow().clone()
    }
}

/// The operation's name with what tells it from its like.
fn label(op: &Op) -> String {
    let json = serde_json::to_value(op).unwrap_or_default();
    let short = |value: &serde_json::Value| {
        let text = value.to_string();
        if text.len() > 70 { format!("{}…", text.chars().take(69).collect::<String>()) } else { text }
    };
    match json {
        serde_json::Value::String(name) => name,
        serde_json::Value::Object(map) => {
            map.iter().next().map(|(name, value)| format!("{name} {}", short(value))).unwrap_or_default()
        }
        _ => String::new(),
    }
}
