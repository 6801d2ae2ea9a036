//! Shell functions of the inner script.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// Finds where a path of the container is on the host.
    Inside,
    /// Makes a directory of the container.
    Dir,
    /// Makes a file of the container.
    File,
    /// Makes a mount point of the same kind as what is mounted.
    Like,
    /// Changes attributes of a mount.
    Attributes,
    /// The same, of all mounts below too.
    AttributesBelow,
    /// Hides a path.
    Mask,
    /// Makes a path read-only.
    Readonly,
    /// Sets a resource limit.
    Limit,
}

/// Those that are called before those that call them.
pub(super) const PREAMBLE_ORDER: [Function; 9] = [
    Function::Inside,
    Function::Dir,
    Function::File,
    Function::Like,
    Function::Attributes,
    Function::AttributesBelow,
    Function::Mask,
    Function::Readonly,
    Function::Limit,
];

impl Function {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Dir => "dir",
            Self::File => "file",
            Self::Like => "like",
            Self::Attributes => "attributes",
            Self::AttributesBelow => "attributes_below",
            Self::Mask => "mask",
            Self::Readonly => "readonly_path",
            Self::Limit => "limit",
        }
    }

    pub(super) fn needs(self) -> &'static [Self] {
        match self {
            Self::Dir | Self::File | Self::Mask => &[Self::Inside],
            Self::Like => &[Self::Dir, Self::File],
            Self::AttributesBelow => &[Self::Attributes],
            Self::Readonly => &[Self::Inside, Self::AttributesBelow],
            Self::Inside | Self::Attributes | Self::Limit => &[],
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Inside => INSIDE,
            Self::Dir => DIR,
            Self::File => FILE,
            Self::Like => LIKE,
            Self::Attributes => ATTRIBUTES,
            Self::AttributesBelow => ATTRIBUTES_BELOW,
            Self::Mask => MASK,
            Self::Readonly => READONLY,
            Self::Limit => LIMIT,
        }
    }
}

/// A link of the root filesystem must not lead to the host: the shell follows it as the container will.
const INSIDE: &str = r#"# inside PATH: $at is where PATH of the container is now. Its links are followed as the container will follow
# them: what they name lies below the container's root, too.
inside() {
    at= rest=$1 links=0
    while [ -n "$rest" ]; do
        name=${rest%%/*}
        rest=${rest#"$name"} rest=${rest#/}
        case $name in
        '' | .) ;;
        ..) at=${at%/*} ;;
        *)
            if [ -L "$root$at/$name" ]; then
                links=$((links + 1))
                [ "$links" -le 40 ] || { echo "$1: too many links" >&2; return 1; }
                link=$(readlink "$root$at/$name")
                case $link in /*) at= ;; esac
                rest=$link/$rest
            else
                at=$at/$name
            fi
            ;;
        esac
    done
    at=$root$at
}"#;

const DIR: &str = r#"# dir PATH: the same, and a directory is there.
dir() { inside "$1" && mkdir -p "$at"; }"#;

const FILE: &str = r#"# file PATH: the same, and something is there, if only an empty file to mount on.
file() {
    inside "$1"
    [ -e "$at" ] || { mkdir -p "${at%/*}" && : > "$at"; }
}"#;

const LIKE: &str = r#"# like SOURCE PATH: the same, and what is there is of the kind of SOURCE.
like() { if [ -d "$1" ]; then dir "$2"; else file "$2"; fi; }"#;

/// `mount(8)` before util-linux 2.39 knows only `mount(2)`, whose remount replaces all attributes.
const ATTRIBUTES: &str = r#"# attributes MOUNTPOINT OPTIONS: changes these; a remount would switch off all that it does not name.
attributes() {
    mount -o "remount,bind,$(findmnt --noheadings --output VFS-OPTIONS --mountpoint "$1" | tail -n 1),$2" "$1"
}"#;

const ATTRIBUTES_BELOW: &str = r#"# attributes_below MOUNTPOINT OPTIONS: of all mounts below, too.
attributes_below() {
    findmnt --submounts --noheadings --raw --output TARGET "$1" |
        while read -r below; do attributes "$below" "$2"; done
}"#;

const MASK: &str = r#"# mask PATH
mask() {
    inside "$1"
    if [ -d "$at" ]; then
        mount -t tmpfs -o ro tmpfs "$at"
    elif [ -e "$at" ]; then
        mount --bind /dev/null "$at"
    fi
}"#;

const READONLY: &str = r#"# readonly_path PATH
readonly_path() {
    inside "$1"
    [ -e "$at" ] || return 0
    mount --rbind "$at" "$at" && attributes_below "$at" ro
}"#;

const LIMIT: &str = r#"# limit NAME SOFT HARD: without CAP_SYS_RESOURCE the hard limit cannot be raised; then it stays.
limit() {
    $loader ./bin/prlimit --pid $$ --"$1=$2:$3" 2> /dev/null && return
    hard=$($loader ./bin/prlimit --pid $$ --raw --noheadings --output HARD --"$1")
    [ "$2" != unlimited ] && [ "$2" -lt "$hard" ] && hard=$2:$hard
    $loader ./bin/prlimit --pid $$ --"$1=$hard"
}"#;
