//! The commands about networks.

mod connect;
mod create;
mod reload;
mod remove;
mod show;

pub(super) use remove::unused;
pub(super) use show::object;

use super::verb::{Group, MANY, Verb};
use crate::flags::network as flags;

/// The commands about networks.
pub(super) static GROUP: Group = Group {
    name: "network",
    about: "Networks: containers that reach each other, and the outside.",
    verbs: VERBS,
};

const VERBS: &[Verb] = &[
    Verb::plain(&flags::CREATE, &["create"], &[], (1, 1), create::create),
    Verb::plain(&flags::LS, &["ls", "list"], &[], (0, 0), show::list),
    Verb::plain(&flags::INSPECT, &["inspect"], &[], (1, MANY), show::inspect),
    Verb::plain(&flags::CONNECT, &["connect"], &[], (2, 2), connect::connect),
    Verb::plain(&flags::DISCONNECT, &["disconnect"], &[], (2, 2), connect::disconnect),
    Verb::plain(&flags::RELOAD, &["reload"], &[], (0, 0), reload::reload),
    Verb::plain(&flags::RM, &["rm", "remove"], &[], (1, MANY), remove::remove),
    Verb::plain(&flags::PRUNE, &["prune"], &[], (0, 0), remove::prune),
];
