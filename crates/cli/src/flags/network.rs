//! `barque network`.

use super::Flag;

command!(
    CREATE,
    "barque network create",
    "[OPTIONS] NETWORK",
    "Make a network. Its bridge and rules are made with its first container.",
    [
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
    ]
);

command!(
    LS,
    "barque network ls",
    "[OPTIONS]",
    "List networks.",
    [
        Flag::value("format", "FORMAT", "\"table\", \"json\", or a Go template"),
        Flag::switch("no-trunc", "Show whole ids"),
        Flag::switch("quiet", "Show ids only").short('q'),
    ]
);

command!(
    INSPECT,
    "barque network inspect",
    "[OPTIONS] NETWORK...",
    "Show networks, with the addresses of their containers.",
    [Flag::value("format", "TEMPLATE", "A Go template, or \"json\"").short('f')]
);

command!(
    RM,
    "barque network rm",
    "NETWORK...",
    "Remove networks that no container is in.",
    [Flag::switch("force", "It is no error when a network is not there").short('f')]
);

command!(
    PRUNE,
    "barque network prune",
    "[OPTIONS]",
    "Remove all networks that no container is in. The default one's bridge and rules go, too, until it is used again.",
    [Flag::switch("force", "Do not ask: barque never does").short('f')]
);

command!(
    CONNECT,
    "barque network connect",
    "[OPTIONS] NETWORK CONTAINER",
    "Put a container into a network, while it runs or for its next start.",
    [
        Flag::value("ip", "ADDRESS", "Its IPv4 address in the network"),
        Flag::value("ip6", "ADDRESS", "Its IPv6 address in the network"),
        Flag::value("mac-address", "ADDRESS", "Its hardware address there"),
        Flag::list("alias", "NAME", "Another name of it in the network"),
        Flag::list("link", "NAME", "").later("containers of a network find each other by name"),
        Flag::list("link-local-ip", "ADDRESS", "").later("give it addresses of the network: --ip, --ip6"),
        Flag::list("driver-opt", "KEY=VALUE", "").later("a network's options are given to network create"),
    ]
);

command!(
    DISCONNECT,
    "barque network disconnect",
    "[OPTIONS] NETWORK CONTAINER",
    "Take a container out of a network.",
    [Flag::switch("force", "It is no error when the container is not there").short('f')]
);

command!(
    RELOAD,
    "barque network reload",
    "",
    "Make the firewall rules of all networks and published ports anew.",
    [Flag::switch("all", "All of them, as always").short('a')]
);
