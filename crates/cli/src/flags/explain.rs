//! `barque explain`.

use super::{Command, Flag, Grammar, Section, run};

/// The flags of `explain`: its own and those of `run`.
pub static EXPLAIN: Command = Command {
    path: "barque explain",
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]\n       barque explain [--format FORMAT] [--seccomp-out FILE] CONTAINER\n       barque explain [--format FORMAT] [--seccomp-out FILE] --bundle DIR [ID]",
    about: "Print what `barque run` with the same flags would do, as a shell script of stock tools.\n\
            Nothing on this machine is changed.",
    sections: &[
        Section {
            title: "Output",
            flags: &[
                Flag::value(
                    "format",
                    "FORMAT",
                    "\"sh\" (a commented script, the default) or \"json\" (the plan as data)",
                ),
                Flag::value(
                    "seccomp-out",
                    "FILE",
                    "Write the system call filter, which no stock tool can load, to this file",
                ),
                Flag::value("bundle", "DIR", "Explain `barque oci run` of this OCI bundle instead"),
            ],
        },
        run::IMAGE,
        run::LIFE,
        run::ATTACHED,
        run::PROCESS,
        run::FILES,
        run::LIMITS,
        run::SECURITY,
        run::NAMESPACES,
        run::NETWORK,
        run::IDENTITY,
        run::LOG,
        run::HEALTH,
        run::LATER,
    ],
    grammar: Grammar::StopAtFirst,
    notes: "See `barque run --help` for the syntax of IMAGE and of the flags' values.",
};
