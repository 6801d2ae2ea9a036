//! `bench`: Barque beside its peers, whole commands, interleaved in one run, as ratios with their spread.
//!
//! ```text
//! cargo run --release -p barque-benches --bin bench -- [--rounds N] [--only NAME] [--peer NAME=PATH]… [--barque PATH] [--check]
//! ```
//!
//! Every round runs each contender once, so that whatever else the machine does falls on all of them alike; a ratio
//! is of two runs of one round, and the table gives its median and quartiles.

mod bundle;
mod contender;
mod flags;
mod measure;
mod memory;
mod report;
mod scenario;
mod statistics;

use std::io::{self, Write};
use std::process::ExitCode;

use contender::Contender;
use flags::Flags;
use scenario::Scenario;

fn main() -> ExitCode {
    let flags = match Flags::parse(lexopt::Parser::from_env()) {
        Ok(flags) => flags,
        Err(error) => return complain(&error.to_string(), 2),
    };
    match bench(&flags, &mut io::stdout().lock()) {
        Ok(missed) if missed > 0 && flags.check => complain(&format!("{missed} targets missed"), 1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string(), 1),
    }
}

fn complain(message: &str, code: u8) -> ExitCode {
    // Nothing is left to do when standard error is closed.
    writeln!(io::stderr(), "bench: {message}").ok();
    ExitCode::from(code)
}

/// Runs what the flags ask for; the number of targets missed.
fn bench(flags: &Flags, out: &mut dyn Write) -> io::Result<usize> {
    let work = tempfile::Builder::new().prefix("barque-bench-").tempdir()?;
    let bundle = bundle::Bundle::make(&work.path().join("bundle"))?;
    let (contenders, absent) = contender::present(flags, work.path(), &bundle)?;
    report::head(out, &contenders, &absent)?;

    let mut missed = 0;
    for scenario in scenario::ALL.iter().filter(|s| flags.only.as_deref().is_none_or(|name| s.name == name)) {
        missed += run(scenario, flags, &contenders, &bundle, out)?;
        out.flush()?;
    }
    Ok(missed)
}

fn run(
    scenario: &Scenario,
    flags: &Flags,
    contenders: &[Contender],
    bundle: &bundle::Bundle,
    out: &mut dyn Write,
) -> io::Result<usize> {
    let missed = scenario.lines(contenders, bundle).and_then(|lines| match scenario.kind {
        scenario::Kind::Latency => {
            let results = measure::interleaved(&lines, flags.rounds)?;
            report::latency(out, scenario, &results)
        }
        scenario::Kind::Throughput { starts, at_a_time } => {
            let rounds = flags.rounds.div_ceil(20).clamp(1, 5);
            let results = measure::throughput(&lines, starts, at_a_time, rounds)?;
            report::throughput(out, scenario, &results)
        }
        scenario::Kind::Resident => {
            let results = memory::resident(contenders, bundle)?;
            report::resident(out, scenario, &results)
        }
    });
    // Also when a contender failed half-way: what runs was started by us.
    scenario.clean_up(contenders);
    missed
}
