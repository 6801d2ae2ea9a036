//! Where its output goes: `--log-driver`, `--log-opt`.

use barque_engine::log::{Config, Driver, JOURNAL};

use super::{Host, PathKind};
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result};

/// The log's driver and options, checked; what has no effect becomes a warning.
pub(super) fn log(flags: &Parsed, host: &dyn Host, warnings: &mut Vec<String>) -> Result<Config> {
    let config = Config::parse(flags.value("log-driver"), flags.all("log-opt"))?;
    if config.driver == Driver::Passthrough && flags.switch("tty") {
        return Err(Error::invalid("conflicting options: --log-driver passthrough and --tty")
            .hint("a terminal's output passes through Barque: use --log-driver none"));
    }
    if config.driver == Driver::Journald && host.path_kind(JOURNAL) == PathKind::Missing {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "failed to initialize logging driver: journald is not enabled on this host",
        )
        .hint(format!("{JOURNAL} is not there; use --log-driver json-file or local")));
    }
    warnings.extend(config.notes());
    Ok(config)
}
