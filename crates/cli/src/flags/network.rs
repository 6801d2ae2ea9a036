//! `barque network`.

use super::{Command, Flag, Grammar, Section};

const OPTIONS: &str = "Options";

/// The flags of `network create`.
pub static CREATE: Command = Command {
    path: "barque network create",
    usage: "[OPTIONS] NETWORK",
    about: "Make a network. Its bridge and rules are made with its first container.",
    sections: &[Section {
        title: OPTIONS,
        flags: &[
            Flag::value("driver", "DRIVER", "bridge (the default), macvlan or ipvlan").short('d'),
            Flag::list("subnet", "SUBNET", "A subnet, down to /30; one of each family (chosen)"),
            Flag::list("gateway", "ADDRESS", "The host's address in the subnet (its first)"),
            Flag::list("ip-range", "SUBNET", "The part that addresses are chosen from (all of it)"),
            Flag::list("aux-address", "NAME=ADDRESS", "An address that somebody else has"),
            Flag::switch("ipv6", "IPv6, too"),
            Flag::switch("internal", "Nothing of it goes to or comes from the outside"),
            Flag::list("label", "KEY[=VALUE]", "Label"),
            Flag::list("opt", "KEY=VALUE", "mtu=…, parent=DEVICE (macvlan, ipvlan), bridge=NAME").short('o'),
            Flag::switch("adopt", "The bridge of -o bridge=NAME is there, and used as it is"),
        ],
    }],
    grammar: Grammar::Mixed,
    notes: "",
};

/// The flags of `network ls`.
pub static LS: Command = Command {
    path: "barque network ls",
    usage: "[OPTIONS]",
    about: "List networks.",
    sections: &[Section {
        title: OPTIONS,
        flags: &[
            Flag::value("format", "FORMAT", "\"table\", \"json\", or a Go template"),
            Flag::switch("no-trunc", "Show whole ids"),
            Flag::switch("quiet", "Show ids only").short('q'),
        ],
    }],
    grammar: Grammar::Mixed,
    notes: "",
};

/// The flags of `network inspect`.
pub static INSPECT: Command = Command {
    path: "barque network inspect",
    usage: "[OPTIONS] NETWORK...",
    about: "Show networks, with the addresses of their containers.",
    sections: &[Section {
        title: OPTIONS,
        flags: &[Flag::value("format", "TEMPLATE", "A Go template, or \"json\"").short('f')],
    }],
    grammar: Grammar::Mixed,
    notes: "",
};

/// The flags of `network rm`.
pub static RM: Command = Command {
    path: "barque network rm",
    usage: "NETWORK...",
    about: "Remove networks that no container is in.",
    sections: &[Section {
        title: OPTIONS,
        flags: &[Flag::switch("force", "It is no error when a network is not there").short('f')],
    }],
    grammar: Grammar::Mixed,
    notes: "",
};

/// The flags of `network prune`.
pub static PRUNE: Command = Command {
    path: "barque network prune",
    usage: "[OPTIONS]",
    about: "Remove all networks that no container is in. The default one's bridge and rules go, too, until it is used again.",
    sections: &[Section {
        title: OPTIONS,
        flags: &[Flag::switch("force", "Do not ask: barque never does").short('f')],
    }],
    grammar: Grammar::Mixed,
    notes: "",
};
