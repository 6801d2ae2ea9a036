//! `BARQUE_TRACE=1`: where the time of a start goes.

use barque_runtime::execute::{Trace, TracedStep};

use crate::console;

/// Whether the environment asks for a trace.
pub(crate) fn from_environment() -> bool {
    std::env::var_os("BARQUE_TRACE").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Prints the steps of a trace.
pub(crate) fn print(trace: &Trace) {
    print_steps(trace.steps(), u64::try_from(trace.total().as_micros()).unwrap_or(u64::MAX));
}

/// Prints steps on standard error: microseconds, side, operation; and how long all took.
pub(crate) fn print_steps(steps: &[TracedStep], total: u64) {
    if !from_environment() || steps.is_empty() {
        return;
    }
    let text: String =
        steps.iter().map(|step| format!("{:>8} {:<8} {}\n", step.microseconds, step.by, step.what)).collect();
    console::err(&format!("{text}{total:>8} total\n"));
}
