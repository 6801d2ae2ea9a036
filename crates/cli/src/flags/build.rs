//! `barque build`.

use super::{Command, Flag, Grammar, Section};

/// What a flag of a real build answers until there is one.
const LATER_ADVICE: &str = "this version only checks: barque build --check";

/// The flags of `build`.
pub static BUILD: Command = Command {
    path: "barque build",
    usage: "--check [OPTIONS] PATH | -",
    about: "Check a Dockerfile without running it: errors, and what is likely to be one, with its cure.",
    sections: &[
        Section {
            title: "Options",
            flags: &[
                Flag::switch("check", "Check the Dockerfile; exit code 1 when there is a warning"),
                Flag::value("file", "FILE", "The Dockerfile (PATH/Dockerfile); -: standard input").short('f'),
                Flag::list(
                    "build-arg",
                    "NAME[=VALUE]",
                    "Set a variable of the build; without =VALUE, the caller's",
                ),
                Flag::value("target", "STAGE", "The stage to build (the last one)"),
                Flag::value("platform", "PLATFORM", "What the image is to run on (this machine's)"),
            ],
        },
        Section {
            title: "Not there yet",
            flags: &[
                Flag::list("tag", "REF", "").short('t').later(LATER_ADVICE),
                Flag::list("output", "OUTPUT", "").short('o').later(LATER_ADVICE),
                Flag::switch("push", "").later(LATER_ADVICE),
                Flag::switch("load", "").later(LATER_ADVICE),
                Flag::switch("no-cache", "").later(LATER_ADVICE),
                Flag::switch("pull", "").later(LATER_ADVICE),
                Flag::list("secret", "SECRET", "").later(LATER_ADVICE),
                Flag::list("ssh", "AGENT", "").later(LATER_ADVICE),
                Flag::switch("quiet", "").short('q').later(LATER_ADVICE),
                Flag::value("progress", "FORM", "").later(LATER_ADVICE),
            ],
        },
    ],
    grammar: Grammar::Mixed,
    notes: "Rules have the names that BuildKit gives them. A line `# check=skip=RULE,RULE` at the top of the\n\
            Dockerfile leaves some out; `# check=skip=all` leaves all out.",
};
