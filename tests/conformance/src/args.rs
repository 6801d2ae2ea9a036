//! The suite's own command line.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

/// How to use it.
pub(crate) const USAGE: &str = "usage: barque-conformance [options] [FILTER…]

Runs the requirements of the OCI runtime-spec against runtimes with runc's command line, as root.

  --runtime LINE          a runtime (several times; default: $BARQUE_CONFORMANCE_RUNTIMES, separated by commas,
                          else runc and crun)
  --gate LINE             a runtime of which every failure and every skip fails the run (also added to --runtime)
  --jobs N                tests at a time (default: number of CPUs)
  --timeout SECONDS       for one test on one runtime (default 30)
  --list                  the names of the tests
  --list-markdown         the table of requirements and tests, without running them
  --write-markdown FILE   the same with the results of this run
  --keep-going            no exit status for peers' undeclared failures (to collect them)
  FILTER                  only tests whose names contain one of these
";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Args {
    /// Runtimes to test, in the table's order.
    pub(crate) runtimes: Vec<String>,
    /// Those that gate.
    pub(crate) gates: Vec<String>,
    /// Tests at a time.
    pub(crate) jobs: usize,
    /// For one test.
    pub(crate) timeout: Duration,
    /// Only names.
    pub(crate) list: bool,
    /// Only the table of requirements.
    pub(crate) list_markdown: bool,
    /// Where the table with results goes.
    pub(crate) write_markdown: Option<PathBuf>,
    /// Peers' failures do not count.
    pub(crate) keep_going: bool,
    /// Help was asked for.
    pub(crate) help: bool,
    /// Parts of names.
    pub(crate) filters: Vec<String>,
}

/// Parses the command line.
pub(crate) fn parse() -> Result<Args, String> {
    let mut args = Args {
        runtimes: Vec::new(),
        gates: Vec::new(),
        jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        timeout: Duration::from_secs(30),
        list: false,
        list_markdown: false,
        write_markdown: None,
        keep_going: false,
        help: false,
        filters: Vec::new(),
    };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--runtime" => args.runtimes.push(value()?),
            "--gate" => args.gates.push(value()?),
            "--jobs" => args.jobs = number(&word, &value()?)?,
            "--timeout" => args.timeout = Duration::from_secs(number(&word, &value()?)?),
            "--list" => args.list = true,
            "--list-markdown" => args.list_markdown = true,
            "--write-markdown" => args.write_markdown = Some(value()?.into()),
            "--keep-going" => args.keep_going = true,
            "-h" | "--help" => args.help = true,
            option if option.starts_with('-') => return Err(format!("no option {option:?}; see --help")),
            filter => args.filters.push(filter.to_owned()),
        }
    }
    complete(&mut args);
    Ok(args)
}

fn number<T: std::str::FromStr>(option: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{option}: {text:?} is no number"))
}

fn complete(args: &mut Args) {
    if args.runtimes.is_empty() && args.gates.is_empty() {
        let list = env::var("BARQUE_CONFORMANCE_RUNTIMES").unwrap_or_else(|_| "runc,crun".to_owned());
        args.runtimes =
            list.split(',').map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    }
    for (place, gate) in args.gates.iter().enumerate() {
        if !args.runtimes.contains(gate) {
            args.runtimes.insert(place, gate.clone());
        }
    }
}
