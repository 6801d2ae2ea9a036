//! The commands about a container's files.

use super::{Command, Flag, Grammar, Section};

const OPTIONS: &str = "Options";

/// `barque cp`.
pub static CP: Command = Command {
    path: "barque cp",
    usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH",
    about: "Copy files between a container and this machine, or between containers, running or not.",
    sections: &[Section {
        title: OPTIONS,
        flags: &[
            Flag::switch(
                "archive",
                "Keep owners; otherwise a copy belongs to root in a container, to you here",
            )
            .short('a'),
            Flag::switch("follow-link", "Copy what a symbolic link at SRC_PATH leads to").short('L'),
            Flag::switch("quiet", "Do not say how much was copied").short('q'),
        ],
    }],
    grammar: Grammar::Mixed,
    notes: "- is a tar archive: read from standard input, which is unpacked with its owners into the directory\n\
            DEST_PATH, or written to standard output. SRC_PATH/. means what is in the directory. Paths of a container\n\
            start at its root; links never lead out of it.",
};

/// `barque diff`.
pub static DIFF: Command = Command {
    path: "barque diff",
    usage: "CONTAINER",
    about: "Show what a container has changed in its root filesystem: A added, C changed, D deleted.",
    sections: &[],
    grammar: Grammar::Mixed,
    notes: "What is mounted in it (volumes, /etc/hosts, /proc …) is no change.",
};

/// `barque commit`.
pub static COMMIT: Command = Command {
    path: "barque commit",
    usage: "[OPTIONS] CONTAINER [NAME]",
    about: "Make an image of a container: its image and what it has changed.",
    sections: &[Section {
        title: OPTIONS,
        flags: &[
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
    }],
    grammar: Grammar::Mixed,
    notes: "What is mounted in it is left out. Of a container on @host the image holds the changes alone; `barque run`\n\
            shows them over this machine's root filesystem again.",
};

/// `barque export`.
pub static EXPORT: Command = Command {
    path: "barque export",
    usage: "[OPTIONS] CONTAINER",
    about: "Write a container's root filesystem as a tar archive.",
    sections: &[Section {
        title: OPTIONS,
        flags: &[Flag::value("output", "FILE", "Write to this file instead of standard output").short('o')],
    }],
    grammar: Grammar::Mixed,
    notes: "What is mounted in it is an empty directory there. `barque import` makes an image of the archive.",
};
