//! The commands about a container's files.

use super::Flag;

command!(
    CP,
    "barque cp",
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH",
    "Copy files between a container and this machine, or between containers, running or not.",
    [
        Flag::switch("archive", "Keep owners; otherwise a copy belongs to root in a container, to you here",)
            .short('a'),
        Flag::switch("follow-link", "Copy what a symbolic link at SRC_PATH leads to").short('L'),
        Flag::switch("quiet", "Do not say how much was copied").short('q'),
    ],
    "- is a tar archive: read from standard input, which is unpacked with its owners into the directory\n\
            DEST_PATH, or written to standard output. SRC_PATH/. means what is in the directory. Paths of a container\n\
            start at its root; links never lead out of it."
);

command!(
    DIFF,
    "barque diff",
    "CONTAINER",
    "Show what a container has changed in its root filesystem: A added, C changed, D deleted.",
    [],
    "What is mounted in it (volumes, /etc/hosts, /proc …) is no change."
);

command!(
    COMMIT,
    "barque commit",
    "[OPTIONS] CONTAINER [NAME]",
    "Make an image of a container: its image and what it has changed.",
    [
        Flag::value("author", "TEXT", "Who made it").short('a'),
        Flag::list(
            "change",
            "INSTRUCTION",
            "Configure the image: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR",
        )
        .short('c'),
        Flag::value("message", "TEXT", "Comment in the image's history").short('m'),
        Flag::switch("no-pause", "Let it go on meanwhile"),
        Flag::switch("pause", "Freeze it meanwhile (true)").short('p'),
    ],
    "What is mounted in it is left out. Of a container on @host the image holds the changes alone; `barque run`\n\
            shows them over this machine's root filesystem again."
);

command!(
    EXPORT,
    "barque export",
    "[OPTIONS] CONTAINER",
    "Write a container's root filesystem as a tar archive.",
    [Flag::value("output", "FILE", "Write to this file instead of standard output").short('o')],
    "What is mounted in it is an empty directory there. `barque import` makes an image of the archive."
);
