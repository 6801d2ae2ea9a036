//! The commands about containers: one file for each, and a table by which they are found.

mod attach;
mod attached;
mod commit;
mod cp;
mod diff;
mod endpoints;
mod enter;
mod exec;
mod export;
mod healthcheck;
mod inspect;
mod kill;
mod logs;
mod pause;
mod port;
mod prune;
mod ps;
mod rename;
mod restart;
mod rm;
mod run;
mod start;
mod stats;
mod stop;
mod streams;
mod top;
mod update;
mod wait;
mod why;

pub(super) use inspect::object;
pub(super) use prune::stopped;
pub use run::exit_code;

use super::verb::{Group, MANY, Verb, each};
use crate::flags::{RUN, container as flags, files};

/// Exit code of `run` and `create` when barque itself fails; 126 and 127 are about the command.
pub const RUN_FAILED: i32 = 125;

/// The commands about containers.
pub(super) static GROUP: Group =
    Group { name: "container", about: "Containers, over their whole life.", verbs: VERBS };

/// The commands about health checks: podman's.
pub(super) static HEALTHCHECK: Group = Group {
    name: "healthcheck",
    about: "Health checks of containers.",
    verbs: &[Verb::plain(&flags::HEALTHCHECK, &["run"], &[], (1, 1), healthcheck::run)],
};

const VERBS: &[Verb] = &[
    Verb::entering(&RUN, &["run"], &["run"], (0, MANY), run::run).failing(RUN_FAILED),
    Verb::plain(&flags::CREATE, &["create"], &["create"], (0, MANY), run::create).failing(RUN_FAILED),
    Verb::entering(&flags::START, &["start"], &["start"], (1, MANY), start::start),
    Verb::plain(&flags::STOP, &["stop"], &["stop"], (1, MANY), stop::stop),
    Verb::entering(&flags::RESTART, &["restart"], &["restart"], (1, MANY), restart::restart),
    Verb::plain(&flags::KILL, &["kill"], &["kill"], (1, MANY), kill::kill),
    Verb::plain(&flags::RM, &["rm", "remove"], &["rm"], (1, MANY), rm::rm),
    Verb::plain(&flags::PS, &["ls", "list", "ps"], &["ps"], (0, 0), ps::ps),
    Verb::entering(&flags::EXEC, &["exec"], &["exec"], (2, MANY), exec::exec),
    Verb::entering(&flags::ENTER, &["enter"], &["enter"], (1, MANY), enter::enter),
    Verb::entering(&flags::DEBUG, &["debug"], &["debug"], (1, MANY), enter::debug),
    Verb::plain(&flags::INSPECT, &["inspect"], &[], (1, MANY), inspect::inspect),
    Verb::plain(&flags::TOP, &["top"], &["top"], (1, MANY), top::top),
    Verb::plain(&flags::STATS, &["stats"], &["stats"], (0, MANY), stats::stats),
    Verb::plain(&flags::PORT, &["port"], &["port"], (1, 2), port::port),
    Verb::plain(&flags::ATTACH, &["attach"], &["attach"], (1, 1), attach::attach),
    Verb::plain(&flags::LOGS, &["logs"], &["logs"], (1, 1), logs::logs),
    Verb::plain(&flags::WAIT, &["wait"], &["wait"], (1, MANY), wait::wait),
    Verb::plain(&flags::WHY, &["why"], &["why"], (1, 1), why::why),
    Verb::plain(&flags::UPDATE, &["update"], &["update"], (1, MANY), update::update),
    Verb::plain(&flags::PAUSE, &["pause"], &["pause"], (1, MANY), pause::pause),
    Verb::plain(&flags::UNPAUSE, &["unpause"], &["unpause"], (1, MANY), pause::unpause),
    Verb::plain(&flags::RENAME, &["rename"], &["rename"], (2, 2), rename::rename),
    Verb::plain(&crate::flags::system::CONTAINER_PRUNE, &["prune"], &[], (0, 0), prune::prune),
    Verb::plain(&files::CP, &["cp"], &["cp"], (2, 2), cp::cp),
    Verb::plain(&files::DIFF, &["diff"], &["diff"], (1, 1), diff::diff),
    Verb::plain(&files::COMMIT, &["commit"], &["commit"], (1, 2), commit::commit),
    Verb::plain(&files::EXPORT, &["export"], &["export"], (1, 1), export::export),
];
