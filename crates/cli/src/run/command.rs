//! What is executed, and where.

use crate::flags::Parsed;
use crate::{Error, Result};

/// The program's arguments: `--entrypoint` before COMMAND and ARGs; a shell when there is neither.
pub(super) fn arguments(flags: &Parsed) -> Vec<String> {
    let command = flags.positional().get(1..).unwrap_or_default();
    let entrypoint = flags.value("entrypoint").filter(|entrypoint| !entrypoint.is_empty());
    let args: Vec<String> =
        entrypoint.into_iter().map(str::to_owned).chain(command.iter().cloned()).collect();
    if args.is_empty() { vec!["/bin/sh".to_owned()] } else { args }
}

/// `--workdir`, which must be absolute.
pub(super) fn working_directory(flags: &Parsed) -> Result<String> {
    match flags.value("workdir") {
        None | Some("") => Ok("/".to_owned()),
        Some(path) if path.starts_with('/') => Ok(super::root::absolute(path, "/")),
        Some(path) => Err(Error::invalid(format!(
            "the working directory '{path}' is invalid, it needs to be an absolute path"
        ))),
    }
}
