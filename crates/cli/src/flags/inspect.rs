//! `barque inspect`.

use super::Flag;

command!(
    INSPECT,
    "barque inspect",
    "[OPTIONS] NAME|ID...",
    "Show all that is known about containers, images, networks and volumes, as JSON.",
    [
        Flag::value("format", "FORMAT", "\"json\", or a Go template such as '{{.State.Pid}}'").short('f'),
        Flag::value("type", "TYPE", "Only container, image, network or volume: the first that has the name"),
        Flag::switch("size", "Show how much a container has written").short('s'),
    ]
);
