//! The commands about images: one file for each, and a table by which they are found.

mod bootstrap;
mod check;
pub(super) mod config;
mod df;
mod diff;
mod from_host;
mod history;
mod images;
mod import;
mod inspect;
mod load;
mod login;
mod mount;
mod progress;
mod prune;
mod pull;
pub(super) mod push;
mod rmi;
mod root;
pub(super) mod save;
mod scene;
mod search;
mod tag;
mod tree;

pub(super) use mount::detached;
pub(super) use prune::until;
pub(super) use rmi::empty_trash_later;
pub(super) use root::ImageRoot;
pub(super) use scene::{Images, repository_and_tag};

pub(super) use barque_engine::start::from_image as told;

use super::verb::{Group, MANY, Verb, each};
use crate::flags;

/// The commands about images.
pub(super) static GROUP: Group =
    Group { name: "image", about: "Images: from registries, archives, and this machine.", verbs: VERBS };

const VERBS: &[Verb] = &[
    Verb::plain(&flags::PULL, &["pull"], &["pull"], (1, MANY), pull::pull),
    Verb::plain(&flags::PUSH, &["push"], &["push"], (1, 1), push::push),
    Verb::plain(&flags::IMAGES, &["ls", "list"], &["images"], (0, 1), images::list),
    Verb::plain(&flags::RMI, &["rm", "remove"], &["rmi"], (1, MANY), rmi::rmi),
    Verb::plain(&flags::TAG, &["tag"], &["tag"], (2, 2), tag::tag),
    Verb::plain(&flags::SAVE, &["save"], &["save"], (1, MANY), save::save),
    Verb::plain(&flags::LOAD, &["load"], &["load"], (0, 0), load::load),
    Verb::plain(&flags::PRUNE, &["prune"], &[], (0, 0), prune::prune),
    Verb::plain(&flags::DF, &["df"], &[], (0, 0), df::df),
    Verb::plain(&flags::MOUNT, &["mount"], &[], (0, MANY), mount::mount),
    Verb::plain(&flags::UNMOUNT, &["unmount", "umount"], &[], (0, MANY), mount::unmount),
    Verb::plain(&flags::SEARCH, &["search"], &["search"], (1, 1), search::search),
    Verb::plain(&flags::LOGIN, &["login"], &["login"], (0, 1), login::login),
    Verb::plain(&flags::LOGOUT, &["logout"], &["logout"], (0, 1), login::logout),
    Verb::plain(&flags::INSPECT, &["inspect"], &[], (1, MANY), inspect::inspect),
    Verb::plain(&flags::HISTORY, &["history"], &["history"], (1, 1), history::history),
    Verb::plain(&flags::TREE, &["tree"], &[], (0, MANY), tree::tree),
    Verb::plain(&flags::DIFF, &["diff"], &[], (2, 2), diff::diff),
    Verb::plain(&flags::CHECK, &["check"], &[], (0, 0), check::check),
    Verb::plain(&flags::IMPORT, &["import"], &["import"], (1, 2), import::import),
    Verb::plain(&flags::FROM_HOST, &["from-host"], &[], (1, MANY), from_host::from_host),
    Verb::plain(&flags::BOOTSTRAP, &["bootstrap"], &[], (1, 1), bootstrap::bootstrap),
];
