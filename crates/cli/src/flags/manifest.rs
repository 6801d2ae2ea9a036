//! `barque manifest`.

use super::Flag;

const INSECURE: Flag = Flag::switch("insecure", "Registries need not prove who they are, nor speak TLS");

command!(
    CREATE,
    "barque manifest create",
    "[OPTIONS] LIST IMAGE...",
    "Put images of several platforms together in a list, here: `push` gives it to the registry.",
    [Flag::switch("amend", "Add to a list that is there").short('a'), INSECURE],
    "The images are in the registry already, each pushed under a name of its own.\n\n  \
     barque manifest create quay.io/team/app:1 quay.io/team/app:1-amd64 quay.io/team/app:1-arm64\n  \
     barque manifest push quay.io/team/app:1"
);
command!(
    ANNOTATE,
    "barque manifest annotate",
    "[OPTIONS] LIST IMAGE",
    "Say for which platform an image of a list is.",
    [
        Flag::value("arch", "NAME", "Architecture, as Go names it: amd64, arm64"),
        Flag::value("os", "NAME", "Operating system"),
        Flag::list("os-features", "NAMES", "Features that the operating system must have"),
        Flag::value("os-version", "VERSION", "Version of the operating system"),
        Flag::value("variant", "NAME", "Variant of the architecture: v7"),
    ]
);
command!(
    INSPECT,
    "barque manifest inspect",
    "[OPTIONS] [LIST] IMAGE",
    "Show what a registry has under a name, or a list that is being put together; nothing is pulled.",
    [
        Flag::switch("verbose", "With digests, platforms and, for a list, each of its manifests").short('v'),
        INSECURE
    ]
);
command!(
    PUSH,
    "barque manifest push",
    "[OPTIONS] LIST",
    "Push a list to its registry, with what its repository lacks of the images.",
    [INSECURE, Flag::switch("purge", "Forget the list here afterwards").short('p')]
);
command!(RM, "barque manifest rm", "LIST...", "Forget lists that are being put together.", []);
