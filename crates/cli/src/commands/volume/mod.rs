//! The commands about volumes.

mod contents;
mod create;
mod inspect;
mod list;
mod prune;
mod remove;

pub(super) use inspect::object;

use crate::commands::verb::{Group, MANY, Verb};
use crate::flags::volume as flags;

/// The commands about volumes.
pub(super) static GROUP: Group =
    Group { name: "volume", about: "Volumes: directories that outlive containers.", verbs: VERBS };

const VERBS: &[Verb] = &[
    Verb::plain(&flags::CREATE, &["create"], &[], (0, 1), create::create),
    Verb::plain(&flags::LS, &["ls", "list"], &[], (0, 0), list::list),
    Verb::plain(&flags::INSPECT, &["inspect"], &[], (1, MANY), inspect::inspect),
    Verb::plain(&flags::RM, &["rm", "remove"], &[], (1, MANY), remove::remove),
    Verb::plain(&flags::PRUNE, &["prune"], &[], (0, 0), prune::prune),
    Verb::plain(&flags::RENAME, &["rename"], &[], (2, 2), remove::rename),
    Verb::plain(&flags::CLONE, &["clone"], &[], (2, 2), contents::clone),
    Verb::plain(&flags::EXPORT, &["export"], &[], (1, 1), contents::export),
    Verb::plain(&flags::IMPORT, &["import"], &[], (1, 2), contents::import),
];
