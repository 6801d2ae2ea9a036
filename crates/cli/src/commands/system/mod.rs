//! The commands about all of it.

mod boot;
mod check;
mod df;
mod events;
mod info;
mod prune;

use super::verb::{Group, Verb};
use crate::flags::system as flags;

/// The commands about all of it.
pub(super) static GROUP: Group =
    Group { name: "system", about: "All of Barque's things on this machine.", verbs: VERBS };

/// What is printed for other programs.
pub(super) static GEN: Group = Group {
    name: "gen",
    about: "Files for other programs of this machine.",
    verbs: &[Verb::plain(&flags::GEN_BOOT, &["boot"], &[], (0, 1), boot::generate)],
};

const VERBS: &[Verb] = &[
    Verb::plain(&flags::DF, &["df"], &[], (0, 0), df::df),
    Verb::plain(&flags::PRUNE, &["prune"], &[], (0, 0), prune::prune),
    Verb::plain(&flags::INFO, &["info"], &["info"], (0, 0), info::info),
    Verb::plain(&flags::EVENTS, &["events"], &["events"], (0, 0), events::events),
    Verb::plain(&flags::CHECK, &["check"], &[], (0, 0), check::check),
    Verb::entering(&flags::BOOT, &["boot"], &[], (0, 0), boot::boot),
];
