//! The commands about all of it.

use super::{FILTER, Flag};

const FORMAT: Flag = Flag::value("format", "FORMAT", "\"table\", \"json\", or a Go template");
const JSON: Flag = Flag::value("format", "FORMAT", "\"json\", or a Go template").short('f');
const PRUNED: Flag = Flag::list("filter", "KEY=VALUE", "until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]");
const FORCE: Flag = Flag::switch("force", "Do not ask").short('f');
const DRY_RUN: Flag = Flag::switch("dry-run", "Only say what would be done");

command!(
    DF,
    "barque system df",
    "[OPTIONS]",
    "Show what takes space on the disk.",
    [FORMAT, Flag::switch("verbose", "Each image, container and volume").short('v')]
);
command!(
    PRUNE,
    "barque system prune",
    "[OPTIONS]",
    "Remove what nobody uses: containers that do not run, networks, images without a name.",
    [
        Flag::switch("all", "Images with a name, too").short('a'),
        PRUNED,
        FORCE,
        Flag::switch("volumes", "Volumes without a name, too"),
        DRY_RUN,
    ]
);
command!(
    CONTAINER_PRUNE,
    "barque container prune",
    "[OPTIONS]",
    "Remove containers that do not run.",
    [PRUNED, FORCE, DRY_RUN]
);
command!(INFO, "barque info", "[OPTIONS]", "Show what there is, and what this machine has.", [JSON]);
command!(
    EVENTS,
    "barque events",
    "[OPTIONS]",
    "Show what happens to containers, images and volumes.",
    [
        FILTER,
        Flag::value("format", "FORMAT", "\"json\", or a Go template"),
        Flag::value(
            "since",
            "TIME",
            "What has happened since: a distance (10m), a date with a time, or seconds"
        ),
        Flag::value("until", "TIME", "Not longer"),
    ],
    "Filters: type=, event=, container=, image=, volume=, label=KEY[=VALUE]."
);
command!(
    CHECK,
    "barque system check",
    "[OPTIONS]",
    "Look for damaged records, for what killed commands have left, and for damaged images.",
    [Flag::switch("repair", "Take away what is left, put damaged records aside, mend images")],
    "Exit code: 0 all is well, or was repaired; 1 something is wrong."
);
command!(
    BOOT,
    "barque system boot",
    "",
    "Start the containers that their restart policies want to run after the machine has started.",
    []
);
command!(
    GEN_BOOT,
    "barque gen boot",
    "[systemd|openrc|cron]",
    "Print what makes this machine call `barque system boot` when it starts.",
    []
);
