//! The OCI runtime-spec restated as tests, run against any number of runtimes in one table.
//!
//! A plain harness of its own and not `libtest-mimic`: the unit of the result is a test *and* a runtime, and the
//! verdict depends on who gates and on what is declared of a peer; mapped on libtest's one-dimensional list that
//! would be more code than the loop in `run.rs`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program; its table is its output"
)]

mod args;
mod bundle;
mod case;
mod deviations;
mod host;
mod lab;
mod markdown;
mod probe;
mod run;
mod runtime;
mod sweep;
mod table;
mod tests;
mod wait;

use std::process::ExitCode;

use args::Args;
use case::Case;
use runtime::Runtime;

fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    if argv.first().is_some_and(|name| name.rsplit('/').next() == Some("probe")) {
        return probe::main(&argv);
    }
    match args::parse().and_then(|args| suite(&args)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("barque-conformance: {error}");
            ExitCode::from(2)
        }
    }
}

fn suite(args: &Args) -> Result<ExitCode, String> {
    if args.help {
        print!("{}", args::USAGE);
        return Ok(ExitCode::SUCCESS);
    }
    let cases = selected(&args.filters);
    if args.list {
        for case in &cases {
            println!("{}", case.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.list_markdown {
        print!("{}", markdown::render(&cases, None));
        return Ok(ExitCode::SUCCESS);
    }
    execute(args, &cases)
}

fn execute(args: &Args, cases: &[Case]) -> Result<ExitCode, String> {
    if !rustix::process::geteuid().is_root() {
        return Err("the suite must run as root: it makes cgroups, mounts and device nodes".to_owned());
    }
    let runtimes = args.runtimes.iter().map(|line| Runtime::new(line)).collect::<Result<Vec<_>, _>>()?;
    let results =
        run::run(&runtimes, cases, args).map_err(|error| format!("cannot prepare the run: {error}"))?;
    print!("{}", table::render(&results));
    if let Some(path) = &args.write_markdown {
        let text = markdown::render(cases, Some(&results));
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(if results.acceptable(args.keep_going) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn selected(filters: &[String]) -> Vec<Case> {
    let wanted =
        |case: &Case| filters.is_empty() || filters.iter().any(|filter| case.name.contains(filter.as_str()));
    tests::all().into_iter().filter(wanted).collect()
}
