//! The commands about images.

use super::{FILTER, Flag};

const FORMAT: Flag = Flag::value(
    "format",
    "FORMAT",
    "\"table\", \"table TEMPLATE\", \"json\", or a Go template such as '{{.ID}}'",
);
const NO_TRUNC: Flag = Flag::switch("no-trunc", "Do not shorten ids and texts");
const QUIET: Flag = Flag::switch("quiet", "Say nothing while it goes on").short('q');
const IDS: Flag = Flag::switch("quiet", "Show ids only").short('q');
const PLATFORM: Flag =
    Flag::value("platform", "OS/ARCH[/VARIANT]", "The image for this platform (this machine's)");
const CHANGE: Flag = Flag::list(
    "change",
    "INSTRUCTION",
    "Configure the image: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR",
)
.short('c');
const MESSAGE: Flag = Flag::value("message", "TEXT", "Comment in the image's history").short('m');
const FORCE: Flag = Flag::switch("force", "Do not ask").short('f');
const DRY_RUN: Flag = Flag::switch("dry-run", "Only say what would be done");
const TRUST: Flag =
    Flag::switch("disable-content-trust", "").later("signatures are not checked: leave the flag out");

command!(
    PULL,
    "barque pull",
    "[OPTIONS] IMAGE...",
    "Download images from a registry and unpack them.",
    [
        Flag::switch("all-tags", "Every tag of the repository").short('a'),
        PLATFORM,
        Flag::switch("quiet", "Only say the image's name").short('q'),
        TRUST,
    ],
    "IMAGE is [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]; without a host it is Docker Hub's.\n\
     A download that was interrupted goes on where it was.\n\n  \
     barque pull debian:12\n  barque pull localhost:5000/team/app@sha256:…"
);
command!(
    PUSH,
    "barque push",
    "[OPTIONS] IMAGE",
    "Upload an image to its registry.",
    [Flag::switch("all-tags", "Every tag of the repository").short('a'), QUIET, TRUST]
);
command!(
    IMAGES,
    "barque images",
    "[OPTIONS] [REPOSITORY[:TAG]]",
    "List images.",
    [
        Flag::switch("all", "Intermediate images too: here there are none").short('a'),
        Flag::switch("digests", "Show digests"),
        FILTER,
        FORMAT,
        NO_TRUNC,
        IDS,
        Flag::switch("tree", "Draw the layers as a tree, as `barque image tree` does"),
    ],
    "Filters: dangling=true|false, label=KEY[=VALUE], before=IMAGE, since=IMAGE, until=TIME, reference=PATTERN.\n\
     Fields: ID, Repository, Tag, Digest, CreatedSince, CreatedAt, Size, Containers, SharedSize, UniqueSize, VirtualSize."
);
command!(
    RMI,
    "barque rmi",
    "[OPTIONS] IMAGE...",
    "Remove images: a name goes, and with the last name the image.",
    [
        Flag::switch("force", "Also an image of several names, or one that is in use").short('f'),
        Flag::switch("no-prune", "Keep untagged parents: here there are none"),
        Flag::value("platform", "PLATFORM", "").later("an image here has one platform: leave the flag out"),
    ]
);
command!(TAG, "barque tag", "IMAGE NAME", "Give an image one more name.", []);
command!(
    INSPECT,
    "barque image inspect",
    "[OPTIONS] IMAGE...",
    "Show all that is known about images, as JSON.",
    [
        Flag::value("format", "FORMAT", "\"json\", or a Go template such as '{{json .Config}}'").short('f'),
        Flag::value("platform", "PLATFORM", "").later("an image here has one platform: leave the flag out"),
    ]
);
command!(
    HISTORY,
    "barque history",
    "[OPTIONS] IMAGE",
    "Show how an image came to be, the last step first.",
    [
        FORMAT,
        Flag::switch("human", "Sizes and dates for people (true)").short('H'),
        NO_TRUNC,
        IDS,
        Flag::value("platform", "PLATFORM", "").later("an image here has one platform: leave the flag out"),
    ],
    "Fields: ID, CreatedSince, CreatedAt, CreatedBy, Size, Comment."
);
command!(
    SAVE,
    "barque save",
    "[OPTIONS] IMAGE...",
    "Write images to an archive that `load` reads, here and elsewhere.",
    [
        Flag::value("output", "FILE", "Write to this file instead of standard output").short('o'),
        Flag::value("format", "FORMAT", "docker-archive (the default), oci-archive, oci-dir or docker-dir"),
        Flag::value("platform", "PLATFORM", "").later("an image here has one platform: leave the flag out"),
    ],
    "docker-archive is read by docker, podman and skopeo, old and new; oci-dir and docker-dir write a directory."
);
command!(
    LOAD,
    "barque load",
    "[OPTIONS]",
    "Read images from an archive: of `docker save`, an OCI archive, or a directory of either.",
    [
        Flag::value("input", "FILE", "Read this file or directory instead of standard input").short('i'),
        PLATFORM,
        QUIET,
    ]
);
command!(
    IMPORT,
    "barque import",
    "[OPTIONS] DIRECTORY|TAR|- [NAME]",
    "Make an image of a root filesystem: a directory, or a tar archive, compressed or not.",
    [CHANGE, MESSAGE, PLATFORM],
    "  barque import --change 'CMD [\"/bin/sh\"]' rootfs.tar.zst demo:1"
);
command!(
    SEARCH,
    "barque search",
    "[OPTIONS] TERM",
    "Search a registry for repositories: Docker Hub's index, or HOST/TERM.",
    [
        FILTER,
        Flag::value("format", "FORMAT", "A Go template, or json"),
        Flag::value("limit", "NUMBER", "At most so many (25)"),
        NO_TRUNC,
    ],
    "Filters: is-official=true|false, stars=NUMBER.\nFields: Name, Description, StarCount, IsOfficial, IsAutomated."
);
command!(
    PRUNE,
    "barque image prune",
    "[OPTIONS]",
    "Remove images that have no name.",
    [
        Flag::switch("all", "Every image that no container uses").short('a'),
        Flag::list("filter", "KEY=VALUE", "Only those that match"),
        FORCE,
        DRY_RUN,
    ],
    "Filters: until=TIME (not used since: 24h, 2026-01-02T15:04:05, seconds), label=KEY[=VALUE], label!=KEY[=VALUE]."
);
command!(
    LOGIN,
    "barque login",
    "[OPTIONS] [REGISTRY]",
    "Log in to a registry: Docker Hub unless another is named.",
    [
        Flag::value("username", "NAME", "User name").short('u'),
        Flag::value(
            "password",
            "PASSWORD",
            "Password; others on this machine see it: rather --password-stdin"
        )
        .short('p'),
        Flag::switch("password-stdin", "Read the password from standard input"),
    ],
    "Credentials go where docker keeps them: the credential store that ~/.docker/config.json names, or that file."
);
command!(LOGOUT, "barque logout", "[REGISTRY]", "Forget the credentials for a registry.", []);
command!(
    TREE,
    "barque image tree",
    "[IMAGE...]",
    "Draw layers as a tree: what is shared by whom. Each layer's size is counted once.",
    [NO_TRUNC]
);
command!(
    MOUNT,
    "barque image mount",
    "[OPTIONS] [IMAGE...]",
    "Mount images read-only, for looking inside; without an image, list what is mounted.",
    [],
    "The mount's path is printed; `barque image unmount` takes it away."
);
command!(
    UNMOUNT,
    "barque image unmount",
    "[OPTIONS] [IMAGE...]",
    "Take mounts of images away.",
    [Flag::switch("all", "All of them").short('a')]
);
command!(
    DIFF,
    "barque image diff",
    "IMAGE IMAGE",
    "Show what differs between the files of two images: A added, C changed, D deleted.",
    []
);
command!(
    CHECK,
    "barque image check",
    "[OPTIONS]",
    "Check every blob against its digest, every layer against what it was when it was unpacked, and look for what belongs to nothing.",
    [
        Flag::switch("deep", "Unpack every layer again, and compare all contents"),
        Flag::switch("repair", "Remove what is broken or belongs to nothing"),
        QUIET,
    ],
    "Exit code: 1 when something is wrong and was not repaired."
);
command!(
    DF,
    "barque image df",
    "[OPTIONS]",
    "Show what images take on the disk.",
    [
        Flag::value("format", "FORMAT", "A Go template, or json"),
        Flag::switch("verbose", "Each image").short('v')
    ]
);
command!(
    FROM_HOST,
    "barque image from-host",
    "[OPTIONS] --name NAME PROGRAM...",
    "Make a minimal image of programs of this machine and all that they need to run:\n\
     loader and libraries (read from the files, nothing is executed), users, name services.",
    [
        Flag::value("name", "NAME", "The image's name").short('t'),
        Flag::switch("with-terminfo", "Descriptions of terminals too"),
        Flag::switch("with-certificates", "Certificates of authorities too, for TLS"),
        Flag::switch("with-time-zones", "Time zones too"),
        Flag::list("include", "PATH", "This file or directory too"),
        CHANGE,
        QUIET,
    ],
    "  barque image from-host --name demo bash ls ip ping\n  barque run --rm -it demo"
);
command!(
    BOOTSTRAP,
    "barque image bootstrap",
    "[OPTIONS] NAME",
    "Let mmdebstrap, debootstrap or dnf install a distribution, and make an image of it.",
    [
        Flag::value("suite", "NAME", "The release (bookworm; for dnf a number)"),
        Flag::list("include", "PACKAGES", "More packages, with commas between"),
        Flag::value("mirror", "URL", "Where packages come from"),
        Flag::value("variant", "NAME", "The set of packages to begin with (minbase)"),
        Flag::value("arch", "NAME", "Architecture, by the installer's name"),
        Flag::value("with", "PROGRAM", "mmdebstrap, debootstrap or dnf (the first that is installed)"),
        CHANGE,
        QUIET,
    ],
    "  barque image bootstrap --suite bookworm --include python3,curl debian:12"
);
