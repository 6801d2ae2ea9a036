//! The commands about containers.

use super::run::{
    FILES, HEALTH, IDENTITY, IMAGE, LATER, LIFE, LIMITS, LOG, NAMESPACES, NETWORK, PROCESS, SECURITY,
};
use super::{Command, FILTER, Flag, Grammar, Section};

/// `barque create`.
pub static CREATE: Command = Command {
    path: "barque create",
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    about: "Make a container that is not started yet.\n\nIts flags are those of `barque run`, and so is IMAGE.",
    sections: &[
        IMAGE, LIFE, CREATED, PROCESS, FILES, LIMITS, SECURITY, NAMESPACES, NETWORK, IDENTITY, LOG, HEALTH,
        LATER,
    ],
    grammar: Grammar::StopAtFirst,
    notes: "Exit code: 125 when it cannot be made.",
};

/// What `run` has for the command that stays with the container: kept for scripts that give the same flags to both.
const CREATED: Section = Section {
    title: "When it is started",
    flags: &[
        Flag::list("attach", "STREAM", "").short('a'),
        Flag::switch("sig-proxy", ""),
        Flag::value("detach-keys", "KEYS", ""),
    ],
};

const SIGNAL: Flag = Flag::value("signal", "SIGNAL", "The signal to send").short('s');
const TIMEOUT: Flag = Flag::value(
    "timeout",
    "SECONDS",
    "How long to wait before it is killed; -1: for ever (the container's own, or 10)",
)
.short('t');
/// Its old name.
const TIME: Flag = Flag::value("time", "SECONDS", "");
const DETACH_KEYS: Flag =
    Flag::value("detach-keys", "KEYS", "Keys that detach from the terminal (ctrl-p,ctrl-q)");
const FORMAT: Flag = Flag::value("format", "FORMAT", "\"table\", \"json\", or a Go template");

command!(
    START,
    "barque start",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Start containers that have ended or were never started.",
    [
        Flag::switch("attach", "Stay: show its output, pass signals on, return its exit code").short('a'),
        Flag::switch("interactive", "Stay, and pass standard input on").short('i'),
        Flag::switch("sig-proxy", "Pass signals on to it (true)"),
        DETACH_KEYS,
        Flag::value("checkpoint", "NAME", "").later("checkpoints are not there yet"),
    ]
);

command!(
    STOP,
    "barque stop",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Stop containers: with their stop signal, and after a while by killing them.",
    [SIGNAL, TIMEOUT, TIME]
);

command!(
    RESTART,
    "barque restart",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Stop containers that run, and start them.",
    [SIGNAL, TIMEOUT, TIME]
);

command!(
    KILL,
    "barque kill",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Send a signal to containers: KILL, unless another is given.",
    [SIGNAL]
);

command!(
    RM,
    "barque rm",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Remove containers.",
    [
        Flag::switch("force", "Kill it first, if it runs; one that is not there is no failure").short('f'),
        Flag::switch("volumes", "Remove its anonymous volumes").short('v'),
        Flag::switch("link", "").short('l').later("there are no links: name the container itself"),
    ]
);

command!(
    PS,
    "barque ps",
    "[OPTIONS]",
    "List containers.",
    [
        Flag::switch("all", "Those that do not run as well").short('a'),
        FILTER,
        FORMAT,
        Flag::value("last", "N", "The last N that were made").short('n'),
        Flag::switch("latest", "The last that was made").short('l'),
        Flag::switch("no-trunc", "Show whole ids and commands"),
        Flag::switch("quiet", "Only ids").short('q'),
        Flag::switch("size", "Show how much they have written").short('s'),
    ]
);

command!(
    ATTACH,
    "barque attach",
    "[OPTIONS] CONTAINER",
    "Attach standard input, output and error to a container that runs.",
    [
        Flag::switch("no-stdin", "Only look on"),
        Flag::switch("sig-proxy", "Pass signals on to it (true)"),
        DETACH_KEYS,
    ]
);

command!(
    LOGS,
    "barque logs",
    "[OPTIONS] CONTAINER",
    "Show what a container has printed.",
    [
        Flag::switch("follow", "Go on with what it prints from now on, until it ends").short('f'),
        Flag::value(
            "since",
            "TIME",
            "Not older: a distance (10m, 1h30m), a date with a time, or seconds since 1970",
        ),
        Flag::value("until", "TIME", "Not newer"),
        Flag::value("tail", "N", "The last N lines (all)").short('n'),
        Flag::switch("timestamps", "Show when each line was printed").short('t'),
        Flag::switch("details", "Show what --log-opt says about the container"),
    ]
);

command!(
    WAIT,
    "barque wait",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Wait until containers have ended, and print their exit codes.",
    [Flag::value("condition", "CONDITION", "exited, next-exit, removed, healthy or unhealthy (exited)")]
);

command!(
    WHY,
    "barque why",
    "[OPTIONS] CONTAINER",
    "Say why a container ended.\n\nWho or what ended it, its memory, its health, its restarts, the end of its log.",
    [Flag::value("format", "FORMAT", "json: the facts, for machines")]
);

command!(
    UPDATE,
    "barque update",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Change limits and restart policies of containers, whether they run or not.\n\n\
     What is not given stays as it is. What the kernel refuses changes nothing.",
    [
        Flag::value("memory", "SIZE", "Memory limit; -1: none").short('m'),
        Flag::value("memory-swap", "SIZE", "Memory and swap together; -1: unlimited swap"),
        Flag::value("memory-reservation", "SIZE", "Soft memory limit"),
        Flag::value("cpus", "NUMBER", "Number of CPUs, such as 1.5"),
        Flag::value("cpu-period", "MICROSECONDS", "Length of a CFS period"),
        Flag::value("cpu-quota", "MICROSECONDS", "CPU time in each period; -1: no limit"),
        Flag::value("cpu-shares", "WEIGHT", "Relative CPU weight").short('c'),
        Flag::value("cpuset-cpus", "LIST", "CPUs it may run on, such as 0-2,4"),
        Flag::value("cpuset-mems", "LIST", "Memory nodes it may use"),
        Flag::value("pids-limit", "NUMBER", "Number of tasks; -1: unlimited"),
        Flag::value("blkio-weight", "10-1000", "Relative block I/O weight"),
        Flag::list("blkio-weight-device", "DEVICE:WEIGHT", "Block I/O weight on one device"),
        Flag::list("device-read-bps", "DEVICE:SIZE", "Bytes read per second"),
        Flag::list("device-write-bps", "DEVICE:SIZE", "Bytes written per second"),
        Flag::list("device-read-iops", "DEVICE:NUMBER", "Reads per second"),
        Flag::list("device-write-iops", "DEVICE:NUMBER", "Writes per second"),
        Flag::value("restart", "POLICY", "no, on-failure[:N], always, unless-stopped"),
        Flag::value("kernel-memory", "SIZE", "").later("kernels have no such limit any more: leave it out"),
        Flag::value("cpu-rt-period", "MICROSECONDS", "").later("use --cpu-period"),
        Flag::value("cpu-rt-runtime", "MICROSECONDS", "").later("use --cpu-quota"),
    ]
);

command!(
    HEALTHCHECK,
    "barque healthcheck run",
    "CONTAINER",
    "Ask a container at once how healthy it is.\n\nThe answer counts like any other.\n\n\
     Exit code: 0 it is well, 1 it is not.",
    []
);

command!(PAUSE, "barque pause", "CONTAINER [CONTAINER...]", "Freeze all processes of containers.", []);

command!(UNPAUSE, "barque unpause", "CONTAINER [CONTAINER...]", "Let frozen containers go on.", []);

command!(RENAME, "barque rename", "CONTAINER NAME", "Give a container another name.", []);

/// `barque exec`.
pub static EXEC: Command = Command {
    path: "barque exec",
    usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
    about: "Run one more command in a container that runs.",
    sections: &[Section {
        title: "Options",
        flags: &[
            Flag::switch("interactive", "Keep standard input open").short('i'),
            Flag::switch("tty", "Give the command a terminal").short('t'),
            Flag::switch("detach", "Do not wait for it").short('d'),
            Flag::list(
                "env",
                "NAME[=VALUE]",
                "Set an environment variable; without =VALUE, copy the caller's",
            )
            .short('e'),
            Flag::list("env-file", "FILE", "Read environment variables from a file"),
            Flag::value("user", "USER[:GROUP]", "Run as this user: names of the container, or numbers")
                .short('u'),
            Flag::value("workdir", "DIR", "Working directory in the container").short('w'),
            Flag::switch("privileged", "With all capabilities"),
            DETACH_KEYS,
        ],
    }],
    grammar: Grammar::StopAtFirst,
    notes: "Exit code: the command's own; 126 it cannot be executed, 127 it was not found, 1 barque failed.",
};

command!(
    INSPECT,
    "barque container inspect",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Show all that is known about containers, as JSON.",
    [
        Flag::value("format", "FORMAT", "\"json\", or a Go template such as '{{.State.Pid}}'").short('f'),
        Flag::switch("size", "Show how much they have written").short('s'),
    ]
);

/// `barque top`.
pub static TOP: Command = Command {
    path: "barque top",
    usage: "CONTAINER [PS OPTIONS]",
    about: "List the processes of a container.",
    sections: &[],
    grammar: Grammar::StopAtFirst,
    notes: "With options of ps(1), the host's ps is asked (-ef without them).",
};

command!(
    STATS,
    "barque stats",
    "[OPTIONS] [CONTAINER...]",
    "Show what containers use, anew each second: those that run, or those that are named.",
    [
        Flag::switch("all", "Those that do not run as well").short('a'),
        FORMAT,
        Flag::switch("no-stream", "Only once"),
        Flag::switch("no-trunc", "Show whole ids"),
    ],
    "Memory is without pages of files that have not been touched for a while. 100% are one processor."
);

command!(PORT, "barque port", "CONTAINER [PORT[/PROTOCOL]]", "List the published ports of a container.", []);

/// `barque enter`.
pub static ENTER: Command = Command {
    path: "barque enter",
    usage: "[OPTIONS] CONTAINER [COMMAND] [ARG...]",
    about: "Run a program of this machine in namespaces of a container that runs.\n\nWithout a command it is your shell.",
    sections: &[Section {
        title: "Options",
        flags: &[Flag::value(
            "ns",
            "LIST",
            "net, pid, mnt, ipc, uts, user, cgroup, time, or all (all but mnt and user)",
        )],
    }],
    grammar: Grammar::StopAtFirst,
    notes: "With pid it has the container's /proc, with net the container's /sys; other files are this machine's, or with\n\
            mnt the container's. It has your rights and no limits of the container.\n\n  \
            barque enter --ns net web ss -lntp\n  barque enter --ns net web tcpdump -i eth0\n  barque enter --ns pid web ps -ef",
};

/// `barque debug`.
pub static DEBUG: Command = Command {
    path: "barque debug",
    usage: "CONTAINER|IMAGE [COMMAND] [ARG...]",
    about: "Run a program of this machine with the files of a container or an image in /mnt.\n\nWithout a command it is your shell.",
    sections: &[],
    grammar: Grammar::StopAtFirst,
    notes: "The container need not run, and needs no shell. Of one that runs the program is in all namespaces but those of\n\
            mounts and users; what is written to /mnt the container has. An image cannot be written to.\n\n  \
            barque debug web\n  barque debug web strace -p 1\n  barque debug alpine:3 find . -perm -4000",
};
