//! `BARQUE_TRACE=1`: where the time of a start goes.

use barque_runtime::execute::Trace;

use crate::console;

/// Whether the environment asks for a trace.
pub(crate) fn from_environment() -> bool {
    std::env::var_os("BARQUE_TRACE").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Prints the steps on standard error: microseconds, side, operation.
pub(crate) fn print(trace: &Trace) {
    if !from_environment() || !trace.is_on() {
        return;
    }
    let steps = trace.steps();
    let text: String =
        steps.iter().map(|step| format!("{:>8} {:<8} {}\n", step.microseconds, step.by, step.what)).collect();
    console::err(&format!("{text}{:>8} total\n", trace.total().as_micros()));
}
