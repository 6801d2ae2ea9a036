# Sourced by `podman` and `docker`, whose command lines agree. They define `line`, the client's command line, and
# `run_line`, the same up to the flags of `run` with the tested runtime; $IMAGE is the local image.

# shellcheck disable=SC2046 # command lines without blanks in their words
engine() {
    case $1 in
    run) $(run_line) "${@:2}" ;;
    *) $(line) "$@" ;;
    esac
}
run() { engine run --rm --network none "$@"; }
# A container in the background that stops at once on SIGTERM.
background() { engine run -d --network none --name "$1" "${@:2}" "$IMAGE" sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'; }
forget() { engine rm -f "$1" >/dev/null; }
running() { engine inspect -f '{{.State.Running}}' "$1"; }
status() { engine inspect -f '{{.State.Status}}' "$1"; }
is_ready() { [ "$(engine logs "$1" 2>/dev/null)" = ready ]; }

case_true() { run "$IMAGE" true; }
case_exit_code() { exits 7 run "$IMAGE" sh -c 'exit 7'; }
case_program_not_found() { exits 127 run "$IMAGE" /no/such/program; }
case_program_not_executable() { exits 126 run "$IMAGE" /etc/passwd; }
case_output() { is 'hello world' "$(run "$IMAGE" echo hello world)"; }
case_error_output() { is '' "$(run "$IMAGE" sh -c 'echo oops >&2' 2>"$WORK/err")"; has oops "$(cat "$WORK/err")"; }
case_input() { is 3 "$(printf 'a\nb\nc\n' | run -i "$IMAGE" wc -l)"; }
# After a second: podman 4.3 loses what a program on a terminal writes in its first milliseconds, with any runtime.
case_terminal() { has /dev/ "$(on_terminal "$(run_line) --rm --network none -it $IMAGE sh -c 'sleep 1; tty'")"; }
case_terminal_size() { has '33 99' "$(on_terminal "$(run_line) --rm --network none -it $IMAGE sh -c 'sleep 1; stty size'")"; }
case_environment() { is 'b /tmp' "$(run -e A=b -w /tmp "$IMAGE" sh -c 'echo $A $(pwd)')"; }
case_user() { is '1000 1001' "$(run -u 1000:1001 "$IMAGE" sh -c 'echo $(id -u) $(id -g)')"; }
case_hostname() { is boat "$(run --hostname boat "$IMAGE" hostname)"; }
case_read_only() { exits 1 run --read-only "$IMAGE" touch /file; }
case_volume() {
    mkdir -p "$WORK/volume"
    run -v "$WORK/volume:/data" "$IMAGE" sh -c 'echo kept >/data/file'
    is kept "$(cat "$WORK/volume/file")"
    exits 1 run -v "$WORK/volume:/data:ro" "$IMAGE" rm /data/file
}
case_tmpfs() { has tmpfs "$(run --tmpfs /scratch:size=1m "$IMAGE" df /scratch)"; }
case_memory_limit() {
    is 67108864 "$(run -m 64m "$IMAGE" sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max')"
}
case_out_of_memory() {
    exits 137 engine run --network none --name oom -m 16m --memory-swap 16m "$IMAGE" sh -c 'tail /dev/zero & wait; exit 137'
    forget oom
}
case_pids_limit() { is 33 "$(run --pids-limit 33 "$IMAGE" sh -c 'cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max')"; }
case_cpus() { has 50000 "$(run --cpus 0.5 "$IMAGE" sh -c 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/cpu.max')"; }
case_cap_drop() { is 0000000000000000 "$(run --cap-drop all "$IMAGE" awk '/CapEff/ { print $2 }' /proc/self/status)"; }
case_cap_add() { exits 0 run --cap-add SYS_ADMIN --security-opt seccomp=unconfined "$IMAGE" mount -t tmpfs none /tmp; }
case_no_new_privileges() { is 1 "$(run --security-opt no-new-privileges "$IMAGE" awk '/NoNewPrivs/ { print $2 }' /proc/self/status)"; }
case_seccomp() { is 2 "$(run "$IMAGE" awk '/^Seccomp:/ { print $2 }' /proc/self/status)"; }
case_masked_paths() { is 0 "$(run "$IMAGE" sh -c 'cat /proc/kcore 2>/dev/null | wc -c')"; }
case_ulimit() { is 321 "$(run --ulimit nofile=321:321 --ulimit "nproc=$(ulimit -Hu):$(ulimit -Hu)" "$IMAGE" sh -c 'ulimit -n')"; }
case_sysctl() { is 12345 "$(run --sysctl kernel.msgmax=12345 "$IMAGE" cat /proc/sys/kernel/msgmax)"; }
case_device() { has 'c' "$(run --device /dev/null:/dev/nothing "$IMAGE" stat -c %F /dev/nothing)"; }
case_host_pid() { is "$(readlink /proc/self/ns/pid)" "$(run --pid host "$IMAGE" readlink /proc/self/ns/pid)"; }
case_detach_and_logs() {
    engine run -d --network none --name logs "$IMAGE" sh -c 'echo one; echo two'
    exits 0 engine wait logs
    is 'one two' "$(engine logs logs | tr '\n' ' ' | sed 's/ $//')"
    forget logs
}
case_exec() {
    background exec
    is inside "$(engine exec exec echo inside)"
    exits 5 engine exec exec sh -c 'exit 5'
    is 1000 "$(engine exec -u 1000 exec id -u)"
    is 'x /tmp' "$(engine exec -e V=x -w /tmp exec sh -c 'echo $V $(pwd)')"
    is 2 "$(printf 'a\nb\n' | engine exec -i exec wc -l)"
    forget exec
}
case_exec_terminal() {
    background exec-tty
    has '33 99' "$(on_terminal "$(line) exec -it exec-tty sh -c 'sleep 1; stty size'")"
    forget exec-tty
}
case_exec_not_found() {
    background exec-missing
    local code=0
    engine exec exec-missing /no/such/program || code=$?
    # dockerd tells 127 from 126 by the text of the runtime's message, and does not know all of runc's own.
    case $code in 126 | 127) ;; *) is '126 or 127' "$code" ;; esac
    forget exec-missing
}
case_kill() {
    background kill
    eventually is_ready kill
    engine kill -s TERM kill
    is 3 "$(engine wait kill)"
    forget kill
}
case_stop() {
    background stop
    eventually is_ready stop
    engine stop -t 5 stop
    is 'exited 3' "$(engine inspect -f '{{.State.Status}} {{.State.ExitCode}}' stop)"
    forget stop
}
case_stop_stubborn() {
    engine run -d --network none --name stubborn "$IMAGE" sh -c 'trap "" TERM; while :; do sleep 1; done'
    engine stop -t 1 stubborn
    is 137 "$(engine inspect -f '{{.State.ExitCode}}' stubborn)"
    forget stubborn
}
case_start_again() {
    background again
    engine stop -t 5 again
    engine start again
    is true "$(running again)"
    engine restart -t 5 again
    is true "$(running again)"
    forget again
}
case_pause() {
    background pause
    engine pause pause
    is paused "$(status pause)"
    engine unpause pause
    is running "$(status pause)"
    is still "$(engine exec pause echo still)"
    forget pause
}
case_stats() {
    background stats
    has stats "$(engine stats --no-stream --format '{{.Name}} {{.MemUsage}}' stats)"
    forget stats
}
case_top() {
    background top
    has sleep "$(eventually sh -c "$(line) top top | grep sleep")"
    forget top
}
case_update() {
    background update -m 64m
    engine update -m 96m --memory-swap 96m update
    is 100663296 "$(engine exec update sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max')"
    forget update
}
case_rm_force() {
    background force
    is true "$(running force)"
    engine rm -f force
    if engine inspect force; then return 1; fi
}
case_init() { has init "$(run --init "$IMAGE" cat /proc/1/cmdline | tr '\0' ' ')"; }
case_side_by_side() {
    local number pids=''
    for number in $(seq 8); do
        run "$IMAGE" true &
        pids="$pids $!"
    done
    # shellcheck disable=SC2086 # a list of process ids
    for number in $pids; do wait "$number"; done
}
