//! The command line of `bench`.

use std::path::PathBuf;

use lexopt::prelude::*;

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Flags {
    /// How often each contender runs.
    pub rounds: usize,
    /// The one scenario to run.
    pub only: Option<String>,
    /// More peers, by name and program, beside the installed crun and runc.
    pub peers: Vec<(String, PathBuf)>,
    /// The `barque` under test; otherwise the one built beside `bench`.
    pub barque: Option<PathBuf>,
    /// Whether a missed target makes the run fail.
    pub check: bool,
}

impl Flags {
    /// Reads the arguments.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut flags = Self { rounds: 100, only: None, peers: Vec::new(), barque: None, check: false };
        while let Some(argument) = parser.next()? {
            match argument {
                Long("rounds") => flags.rounds = parser.value()?.parse::<usize>()?.max(1),
                Long("only") => flags.only = Some(parser.value()?.string()?),
                Long("barque") => flags.barque = Some(parser.value()?.into()),
                Long("check") => flags.check = true,
                Long("peer") => {
                    let value = parser.value()?.string()?;
                    let (name, path) = value
                        .split_once('=')
                        .ok_or_else(|| format!("--peer {value:?}: expected NAME=PATH"))?;
                    flags.peers.push((name.to_owned(), path.into()));
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_flags() {
        let flags =
            Flags::parse(lexopt::Parser::from_args(["--rounds=5", "--peer", "crun-new=/x", "--check"]))
                .unwrap();
        assert_eq!(flags.rounds, 5);
        assert_eq!(flags.peers, [("crun-new".to_owned(), PathBuf::from("/x"))]);
        assert!(flags.check);
        Flags::parse(lexopt::Parser::from_args(["--peer", "crun"])).unwrap_err();
        Flags::parse(lexopt::Parser::from_args(["--surprise"])).unwrap_err();
    }
}
