//! `barque run`: Docker's flags, with Docker's meaning.

use super::{Command, Flag, Grammar, Section};

/// The flags of `run`.
pub static RUN: Command = Command {
    path: "barque run",
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    about: "Run a command in a new container.\n\n\
            IMAGE is its root filesystem:\n  \
            NAME[:TAG]   an image, pulled when it is not here yet\n  \
            @host        this machine's own programs and files, copy-on-write\n  \
            dir:PATH     a directory, copy-on-write unless --rw-rootfs\n  \
            tar:FILE     an archive, unpacked for this container",
    sections: &[
        IMAGE, LIFE, ATTACHED, PROCESS, FILES, LIMITS, SECURITY, NAMESPACES, NETWORK, IDENTITY, LOG, HEALTH,
        LATER,
    ],
    grammar: Grammar::StopAtFirst,
    notes: "Sizes are bytes, or have a unit: k, m, g, t (powers of 1024).\n\
            Exit code: the command's own; 125 barque failed, 126 the command cannot be executed,\n\
            127 it was not found, 128+N it was killed by signal N.",
};

pub(super) const IMAGE: Section = Section {
    title: "Image",
    flags: &[
        Flag::value("pull", "always|missing|never|newer", "When to ask the registry for the image (missing)"),
        Flag::value("platform", "OS/ARCH[/VARIANT]", "The image for this platform (this machine's)"),
        Flag::switch("quiet", "Say nothing while it is pulled").short('q'),
        Flag::switch("disable-content-trust", "").later("signatures are not checked: leave the flag out"),
    ],
};

pub(super) const LIFE: Section = Section {
    title: "Life",
    flags: &[
        Flag::switch("rm", "Remove the container when it exits"),
        Flag::value("restart", "POLICY", "no, on-failure[:N], always or unless-stopped (no)"),
        Flag::value("timeout", "SECONDS", "Stop it after so long"),
        Flag::switch("replace", "Remove a container that has the name already"),
    ],
};

/// For commands that stay with the container.
pub(super) const ATTACHED: Section = Section {
    title: "Attached or in the background",
    flags: &[
        Flag::switch("detach", "Run it in the background, and print its id").short('d'),
        Flag::list("attach", "STREAM", "Attach stdin, stdout or stderr only").short('a'),
        Flag::switch("sig-proxy", "Pass signals on to the command (true)"),
        Flag::value("detach-keys", "KEYS", "Keys that detach from the terminal (ctrl-p,ctrl-q)"),
    ],
};

pub(super) const PROCESS: Section = Section {
    title: "Process",
    flags: &[
        Flag::switch("interactive", "Keep standard input open").short('i'),
        Flag::switch("tty", "Give the command a terminal").short('t'),
        Flag::list("env", "NAME[=VALUE]", "Set an environment variable; without =VALUE, copy the caller's")
            .short('e'),
        Flag::list("env-file", "FILE", "Read environment variables from a file"),
        Flag::value("workdir", "DIR", "Working directory in the container").short('w'),
        Flag::value("user", "USER[:GROUP]", "Run as this user: names of the container, or numbers")
            .short('u'),
        Flag::list("group-add", "GROUP", "Add a supplementary group"),
        Flag::value("entrypoint", "COMMAND", "Execute this, with COMMAND and ARGs as its arguments"),
        Flag::switch("init", "Run an init as process 1 that forwards signals and reaps"),
        Flag::value("stop-signal", "SIGNAL", "Signal that asks the container to stop (TERM)"),
        Flag::value("stop-timeout", "SECONDS", "How long to wait before it is killed (10)"),
    ],
};

pub(super) const FILES: Section = Section {
    title: "Files",
    flags: &[
        Flag::list(
            "volume",
            "[SRC:]DST[:OPTS]",
            "Mount a volume, or a directory; OPTS: ro, rw, nocopy, U, O, idmap, z, Z, [r]shared, [r]slave, [r]private",
        )
        .short('v'),
        Flag::list(
            "mount",
            "KEY=VALUE,...",
            "Mount: type=volume|bind|tmpfs|image,src=…,dst=…,readonly,volume-nocopy,volume-subpath=…,volume-label=…,\
                   volume-opt=…,bind-propagation=…,bind-recursive=…,tmpfs-size=…,tmpfs-mode=…,idmap",
        ),
        Flag::list("volumes-from", "CONTAINER[:ro]", "Mount what another container has mounted"),
        Flag::value("volume-driver", "DRIVER", "Driver of new volumes (local)"),
        Flag::list("tmpfs", "DST[:OPTS]", "Mount a tmpfs"),
        Flag::switch("read-only", "Make the root filesystem read-only"),
        Flag::switch("rw-rootfs", "Write into the directory of dir:PATH itself, not into a throw-away copy"),
        Flag::value("shm-size", "SIZE", "Size of /dev/shm (64m)"),
        Flag::list("device", "SRC[:DST[:rwm]]", "Give it a device of the host"),
        Flag::value("cidfile", "FILE", "Write the container's id to this new file"),
    ],
};

pub(super) const LIMITS: Section = Section {
    title: "Limits",
    flags: &[
        Flag::value("memory", "SIZE", "Memory limit").short('m'),
        Flag::value("memory-swap", "SIZE", "Memory and swap together; -1: unlimited swap (twice the memory)"),
        Flag::value("memory-reservation", "SIZE", "Soft memory limit"),
        Flag::value("memory-swappiness", "0-100", "How eagerly to swap (cgroup v1)"),
        Flag::switch("oom-kill-disable", "Wait instead of killing when out of memory (cgroup v1)"),
        Flag::value("oom-score-adj", "-1000-1000", "Preference of the OOM killer"),
        Flag::value("cpus", "NUMBER", "Number of CPUs, such as 1.5"),
        Flag::value("cpu-period", "MICROSECONDS", "Length of a CFS period"),
        Flag::value("cpu-quota", "MICROSECONDS", "CPU time in each period"),
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
        Flag::list("ulimit", "NAME=SOFT[:HARD]", "Resource limit of the process"),
        Flag::value("cgroup-parent", "PATH", "Parent of its control group (/barque)"),
    ],
};

pub(super) const SECURITY: Section = Section {
    title: "Security",
    flags: &[
        Flag::switch("privileged", "All capabilities and devices, nothing masked, no seccomp filter"),
        Flag::list("cap-add", "CAPABILITY", "Add a capability, or ALL"),
        Flag::list("cap-drop", "CAPABILITY", "Drop a capability, or ALL"),
        Flag::list(
            "security-opt",
            "OPTION",
            "seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE, label=…,\
                   systempaths=unconfined, mask=PATH[:PATH…], unmask=ALL|PATH[:PATH…]",
        ),
        Flag::list("device-cgroup-rule", "RULE", "Device access rule, such as \"c 42:* rmw\""),
        Flag::list("sysctl", "NAME=VALUE", "Set a kernel parameter of its namespaces"),
    ],
};

pub(super) const NAMESPACES: Section = Section {
    title: "Namespaces",
    flags: &[
        Flag::value("pid", "private|host|container:NAME|ns:PATH", "Process ids"),
        Flag::value("ipc", "private|none|host|ns:PATH", "System V IPC, message queues, /dev/shm"),
        Flag::value("uts", "private|host|ns:PATH", "Host name"),
        Flag::value("cgroupns", "private|host|ns:PATH", "Root of the control groups"),
        Flag::value("userns", "MODE", "host, keep-id[:uid=N,gid=N], uidmap=C:H:N[,…][,gidmap=…], ns:PATH"),
        Flag::list("uidmap", "C:H:N", "Map N user ids from C in the container to H outside"),
        Flag::list("gidmap", "C:H:N", "Map N group ids from C in the container to H outside"),
        Flag::list(
            "time-offset",
            "CLOCK=OFFSET",
            "Move the monotonic or boottime clock: monotonic=86400,boottime=1h30m",
        ),
    ],
};

pub(super) const NETWORK: Section = Section {
    title: "Network",
    flags: &[
        Flag::list(
            "network",
            "NAME|bridge|none|host|container:NAME|ns:PATH",
            "A network, or several; none (the default without -p): loopback only; or name=NAME,alias=…,ip=…,ip6=…,\
                   mac-address=…",
        ),
        Flag::list("net", "NETWORK", ""),
        Flag::list("publish", "[ADDR:][HOST:]PORT[/PROTO]", "Publish a port, or a range, of the container")
            .short('p'),
        Flag::switch(
            "publish-all",
            "Publish the ports of the image and of --expose, at free ones of the host",
        )
        .short('P'),
        Flag::list("expose", "PORT[-PORT][/PROTO]", "A port that the container listens on"),
        Flag::value("ip", "ADDRESS", "Its IPv4 address in the network"),
        Flag::value("ip6", "ADDRESS", "Its IPv6 address in the network"),
        Flag::list("network-alias", "NAME", "Another name of it in its network"),
        Flag::value("mac-address", "ADDRESS", "Its hardware address"),
        Flag::value("hostname", "NAME", "Host name (the short id)").short('h'),
        Flag::value("domainname", "NAME", "NIS domain name"),
        Flag::list(
            "add-host",
            "NAME:ADDRESS",
            "Add a line to /etc/hosts; host-gateway is the host's address",
        ),
        Flag::list("dns", "ADDRESS", "Name server in /etc/resolv.conf"),
        Flag::list("dns-search", "DOMAIN", "Search domain in /etc/resolv.conf"),
        Flag::list("dns-option", "OPTION", "Resolver option in /etc/resolv.conf"),
    ],
};

pub(super) const IDENTITY: Section = Section {
    title: "Identity",
    flags: &[
        Flag::value("name", "NAME", "Name of the container"),
        Flag::list("label", "KEY[=VALUE]", "Label; kept as an annotation").short('l'),
        Flag::list("label-file", "FILE", "Read labels from a file"),
        Flag::list("annotation", "KEY=VALUE", "Annotation of the OCI configuration"),
    ],
};

pub(super) const LOG: Section = Section {
    title: "Log",
    flags: &[
        Flag::value(
            "log-driver",
            "DRIVER",
            "Where its output is kept: json-file, local, journald, none, passthrough (json-file)",
        ),
        Flag::list(
            "log-opt",
            "NAME=VALUE",
            "max-size=…, max-file=… (20m, 5); tag=…, labels=…, labels-regex=…, env=…, env-regex=…",
        ),
    ],
};

pub(super) const HEALTH: Section = Section {
    title: "Health",
    flags: &[
        Flag::value(
            "health-cmd",
            "COMMAND",
            "Ask with this shell command, or [\"CMD\",\"WORD\",…]: 0 is healthy",
        ),
        Flag::value(
            "health-tcp",
            "[ADDRESS:]PORT",
            "Ask by connecting, from within its network; needs no program",
        ),
        Flag::value(
            "health-http",
            "URL",
            "Ask for this page, from within its network: http://localhost:PORT/PATH",
        ),
        Flag::value("health-interval", "DURATION", "Time between two questions (30s)"),
        Flag::value("health-timeout", "DURATION", "How long an answer may take (30s)"),
        Flag::value("health-retries", "NUMBER", "Failures one after another that make it unhealthy (3)"),
        Flag::value(
            "health-start-period",
            "DURATION",
            "How long failures do not count at the beginning (0s)",
        ),
        Flag::value("health-start-interval", "DURATION", "Time between two questions in that period (5s)"),
        Flag::value(
            "health-on-failure",
            "ACTION",
            "What to do when it becomes unhealthy: none, kill, restart, stop (none)",
        ),
        Flag::switch("no-healthcheck", "Do not ask, whatever the image says"),
    ],
};

const NETWORKS: &str = "containers find each other by address; publish with -p PORT";
const STORAGE: &str = "a size limit of the root filesystem is not there yet: leave it out";

/// Docker's other flags: known, so that the answer is better than "unknown flag".
pub(super) const LATER: Section = Section {
    title: "Not there yet",
    flags: &[
        Flag::list("link", "NAME", "").later(NETWORKS),
        Flag::list("link-local-ip", "ADDRESS", "").later(NETWORKS),
        Flag::list("storage-opt", "OPTION", "").later(STORAGE),
        Flag::value("gpus", "REQUEST", "").later("use --device to give it device nodes"),
        Flag::value("runtime", "NAME", "").later("barque is its own runtime: leave the flag out"),
        Flag::value("isolation", "TECHNOLOGY", "").later("it is for Windows: leave the flag out"),
        Flag::value("cpu-rt-period", "MICROSECONDS", "").later("use --cpu-period"),
        Flag::value("cpu-rt-runtime", "MICROSECONDS", "").later("use --cpu-quota"),
        Flag::switch("use-api-socket", "").later("mount a socket with -v"),
    ],
};
