//! The options of `-v …:OPTIONS`.

use super::bind::PROPAGATIONS;
use super::{Builder, idmap};
use crate::run::security::selinux;
use crate::{Error, Result};

/// What they ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// As they were given.
    pub text: String,
    pub read_only: bool,
    pub propagation: Option<&'static str>,
    /// `exec`, `nosuid` …
    pub extra: Vec<&'static str>,
    pub idmap: Option<idmap::Mappings>,
    /// `nocopy`: an empty volume stays empty.
    pub no_copy: bool,
    /// `U`: it is given to the container's user.
    pub give: bool,
    /// `O`: what is written is thrown away with the run.
    pub throw_away: bool,
}

const EXTRA: [&str; 6] = ["exec", "noexec", "suid", "nosuid", "dev", "nodev"];

/// Reads them.
pub(super) fn options(text: &str, build: &mut Builder<'_>) -> Result<Options> {
    let mut options = Options { text: text.to_owned(), ..Options::default() };
    for option in text.split(',').filter(|option| !option.is_empty()) {
        apply(option, &mut options, build)?;
    }
    if options.throw_away && (options.give || options.idmap.is_some()) {
        return Err(Error::invalid(format!("invalid mode: {text}"))
            .hint("O shows the source with its own owners: leave U and idmap out"));
    }
    Ok(options)
}

fn apply(option: &str, options: &mut Options, build: &mut Builder<'_>) -> Result<()> {
    if let Some(propagation) = PROPAGATIONS.iter().find(|known| **known == option) {
        options.propagation = Some(propagation);
        return Ok(());
    }
    if let Some(known) = EXTRA.iter().find(|known| **known == option) {
        options.extra.push(known);
        return Ok(());
    }
    match option {
        "ro" => options.read_only = true,
        "nocopy" => options.no_copy = true,
        "U" => options.give = true,
        "O" => options.throw_away = true,
        "idmap" => options.idmap = Some((Vec::new(), Vec::new())),
        "z" | "Z" if selinux(build.scene.host) => {
            return Err(Error::unsupported(format!("relabelling for SELinux (:{option}) is not there yet"))
                .hint("relabel the directory yourself: chcon -Rt container_file_t DIR"));
        }
        "z" | "Z" => {
            let note = format!("the volume option :{option} does nothing: SELinux is off on this machine");
            if !build.mounts.warnings.contains(&note) {
                build.mounts.warnings.push(note);
            }
        }
        // The rest says what is so anyway.
        "rw" | "copy" | "consistent" | "cached" | "delegated" | "bind" | "rbind" => {}
        _ => match option.strip_prefix("idmap=") {
            Some(maps) => options.idmap = Some(idmap::mappings(maps).map_err(Error::invalid)?),
            None => return Err(unknown(option)),
        },
    }
    Ok(())
}

fn unknown(option: &str) -> Error {
    Error::invalid(format!("invalid mode: {option}")).hint(
        "options are ro, rw, nocopy, U, O, idmap[=…], z, Z, [no]exec, [no]suid, [no]dev, shared, slave, private, \
         rshared, rslave, rprivate",
    )
}
