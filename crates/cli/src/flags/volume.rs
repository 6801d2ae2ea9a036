//! The commands about volumes.

use super::{FILTER, Flag};

command!(
    CREATE,
    "barque volume create",
    "[OPTIONS] [VOLUME]",
    "Make a volume, if there is none of that name.",
    [
        Flag::value("driver", "DRIVER", "Its driver (local)").short('d'),
        Flag::list("label", "KEY[=VALUE]", "Label"),
        Flag::list("opt", "KEY=VALUE", "type=…, device=…, o=…: what is mounted in its place").short('o'),
        Flag::value("name", "NAME", ""),
    ],
    "What the options name is mounted in each container that has the volume, never on the host.\n\n  \
     barque volume create db\n  \
     barque volume create -o type=tmpfs -o device=tmpfs -o o=size=64m scratch\n  \
     barque volume create -o type=nfs -o device=:/export -o o=addr=192.0.2.1,nfsvers=4 shared"
);
command!(
    LS,
    "barque volume ls",
    "[OPTIONS]",
    "List volumes.",
    [
        FILTER,
        Flag::value("format", "FORMAT", "\"table\", \"table TEMPLATE\", \"json\", or a Go template"),
        Flag::switch("quiet", "Show names only").short('q'),
        Flag::switch("cluster", "").later("there are only this machine's volumes: leave the flag out"),
    ],
    "Filters: dangling=true|false, driver=local, label=KEY[=VALUE], name=PART."
);
command!(
    INSPECT,
    "barque volume inspect",
    "[OPTIONS] VOLUME...",
    "Show all that is known about volumes.",
    [Flag::value("format", "TEMPLATE", "A Go template, or \"json\"").short('f')]
);
command!(
    RM,
    "barque volume rm",
    "[OPTIONS] VOLUME...",
    "Remove volumes that no container uses, with all that is in them.",
    [Flag::switch("force", "It is no error when a volume is not there").short('f')]
);
command!(
    PRUNE,
    "barque volume prune",
    "[OPTIONS]",
    "Remove volumes that no container uses: those without a name.",
    [
        Flag::switch("all", "Those with a name, too").short('a'),
        Flag::list("filter", "KEY=VALUE", "label=KEY[=VALUE], label!=KEY[=VALUE], all=1"),
        Flag::switch("force", "Do not ask").short('f'),
        Flag::switch("dry-run", "Only say what would be done"),
    ]
);
command!(
    RENAME,
    "barque volume rename",
    "VOLUME NAME",
    "Give a volume that no container uses another name.",
    []
);
command!(
    CLONE,
    "barque volume clone",
    "VOLUME NAME",
    "Make a volume with the content of another. Blocks are shared where the file system can.",
    [],
    "Containers that write meanwhile are not stopped: stop them, or have their program write all it has first."
);
command!(
    EXPORT,
    "barque volume export",
    "[OPTIONS] VOLUME",
    "Write what is in a volume as a tar archive.",
    [Flag::value("output", "FILE", "Write to this file (standard output)").short('o')]
);
command!(
    IMPORT,
    "barque volume import",
    "VOLUME [FILE|-]",
    "Fill a new or an empty volume from a tar archive, plain or compressed with gzip or zstd.",
    []
);
