# Sourced by the scripts of this directory: namespaces of their own, a local image, and cases as functions.
#
# A client script defines `start_client` (and may define `stop_client`) and functions `case_NAME`, then calls `main "$@"`.
# Each case runs by itself in a shell of its own with `set -e`, 90 seconds long at most.

set -uo pipefail
CLIENT=$(basename "$0")
HERE=$(cd "$(dirname "$0")" && pwd)

die() { echo "$CLIENT: $*" >&2; exit 2; }

# Everything a client starts lives in PID, mount and network namespaces that end with this script, so no interface,
# mount, /run file or process of the machine is touched.
isolate() {
    [ "$(id -u)" = 0 ] || die "needs root"
    [ -n "${RUNTIME-}" ] || die "usage: RUNTIME=/path/to/runtime $0 [case…]"
    RUNTIME=$(command -v -- "$RUNTIME") || die "no such runtime: $RUNTIME"
    case $RUNTIME in /*) ;; *) RUNTIME=$PWD/$RUNTIME ;; esac
    export RUNTIME CLIENT_INSIDE=1
    exec unshare --net --mount --pid --ipc --fork --kill-child --mount-proc \
        "$HERE/../../scripts/private-host" --inside "$0" "$@"
}

prepare() {
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t tmpfs tmpfs /dev/shm
    ip link set lo up
    # Not on /tmp, which may be a tmpfs: overlay wants a disk with extended attributes.
    WORK=$(mktemp -d /var/tmp/barque-clients.XXXXXX)
    # conmon leaves a file "oom" in its working directory.
    cd "$WORK" || exit
    PARENT=barque-clients-${WORK##*.}
    export WORK PARENT
    trap clean_up EXIT
    "$HERE/../upstream/images" "$WORK/images"
    IMAGE_TAR=$WORK/images/busybox.tar
    export IMAGE_TAR
}

clean_up() {
    stop_client >"$WORK/stop.log" 2>&1
    # cgroups of ours only: the parent's name is this run's.
    find /sys/fs/cgroup -mindepth 2 -depth -type d -path "*/$PARENT*" -exec rmdir {} + 2>/dev/null
    awk -v work="$WORK" 'index($5, work) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r mounted; do
        umount -l "$mounted"
    done
    rm -rf "$WORK"
}

stop_client() { :; }

# is EXPECTED ACTUAL
is() { [ "$1" = "$2" ] || { echo "expected: $1"; echo "found:    $2"; return 1; }; }
# has PART TEXT
has() { case $2 in *"$1"*) ;; *) echo "expected to contain: $1"; echo "found: $2"; return 1 ;; esac; }
# exits CODE COMMAND…
exits() { local want=$1 code=0; shift; "$@" || code=$?; is "$want" "$code"; }
# eventually COMMAND…: within ten seconds
eventually() {
    local try
    for try in $(seq 100); do "$@" && return 0; sleep 0.1; done
    echo "still false after 10 s: $*"
    return 1
}
# on_terminal COMMAND: its output on a terminal of 33 by 99
on_terminal() { script -qec "stty rows 33 cols 99; $1" /dev/null </dev/null | tr -d '\r'; }

run_cases() {
    local name number=0 passed=0 failed=0 log=$WORK/case.log
    echo "# $CLIENT with $RUNTIME ($("$RUNTIME" --version | head -n 1))"
    for name in "$@"; do
        number=$((number + 1))
        # Functions are not inherited by `timeout`: run the script again for the one case.
        if CLIENT_CASE=$name timeout --foreground -k 5 90 "$0" >"$log" 2>&1 </dev/null; then
            passed=$((passed + 1))
            echo "ok $number - $name"
        else
            failed=$((failed + 1))
            echo "not ok $number - $name"
            tail -n 25 "$log" | sed 's/^/#   /'
        fi
    done
    echo "1..$number"
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

main() {
    if [ -n "${CLIENT_CASE-}" ]; then
        set -ex
        "case_$CLIENT_CASE"
        exit 0
    fi
    [ -n "${CLIENT_INSIDE-}" ] || isolate "$@"
    prepare
    start_client || die "the client did not start"
    # shellcheck disable=SC2046 # names of functions
    [ $# -gt 0 ] || set -- $(declare -F | sed -n 's/^declare -f case_//p')
    run_cases "$@"
}
