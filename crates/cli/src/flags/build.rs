//! `barque build` and `barque builder`.

use super::Flag;

command!(
    BUILD,
    "barque build",
    "[OPTIONS] PATH | -",
    "Build an image from a Dockerfile.",
    [
        Flag::list("tag", "NAME[:TAG]", "Name of the image").short('t'),
        Flag::value("file", "FILE", "The Dockerfile (PATH/Dockerfile); -: standard input").short('f'),
        Flag::list("build-arg", "NAME[=VALUE]", "Set a variable of the build; without =VALUE, the caller's"),
        Flag::value("target", "STAGE", "The stage to build (the last one)"),
        Flag::value("platform", "PLATFORM", "What the image is to run on (this machine's)"),
        Flag::list("label", "NAME=VALUE", "Say something about the image"),
        Flag::list("secret", "id=NAME[,src=FILE|,env=VAR]", "A secret for RUN --mount=type=secret"),
        Flag::switch("no-cache", "Take nothing that was made before"),
        Flag::switch("pull", "Ask registries for newer base images"),
        Flag::value("network", "NETWORK", "Network of RUN: host (the default), none, or a network's name"),
        Flag::list("add-host", "NAME:ADDRESS", "A line more in /etc/hosts of RUN"),
        Flag::value("shm-size", "SIZE", "Size of /dev/shm of RUN"),
        Flag::list("ulimit", "NAME=SOFT[:HARD]", "Resource limits of RUN"),
        Flag::value("cgroup-parent", "PATH", "Control group of RUN"),
        Flag::list("output", "OUTPUT", "What comes of it besides: type=local|tar|oci|docker,dest=PATH")
            .short('o'),
        Flag::switch("push", "Push the image under its names"),
        Flag::value("metadata-file", "FILE", "Write digests and names to a file, as JSON"),
        Flag::value("iidfile", "FILE", "Write the image's id to a file"),
        Flag::value("progress", "FORM", "How the build is told: auto, plain or quiet"),
        Flag::switch("quiet", "Print nothing but the image's id").short('q'),
        Flag::switch("check", "Check the Dockerfile, build nothing; exit code 1 when there is a warning"),
        Flag::switch("load", ""),
        Flag::list("ssh", "AGENT", "").later("give a key as a secret: --secret id=key,src=FILE"),
    ],
    "Rules of --check have the names that BuildKit gives them. A line `# check=skip=RULE,RULE` at the top of the\n\
     Dockerfile leaves some out; `# check=skip=all` leaves all out.",
);

command!(DU, "barque builder du", "[OPTIONS]", "List what builds have kept.", []);

command!(
    PRUNE,
    "barque builder prune",
    "[OPTIONS]",
    "Remove what builds have kept.",
    [
        Flag::switch("all", "Cache mounts as well").short('a'),
        Flag::list("filter", "KEY=VALUE", "Only what matches"),
        Flag::switch("force", "Do not ask").short('f'),
        Flag::value("keep-storage", "SIZE", "So much may stay"),
    ],
    "Filters: until=TIME (24h, 2026-01-01): what was of no use since then.",
);
