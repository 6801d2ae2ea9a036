# Tells what this container is like, in sections. Runs in the container, by its busybox.
section() { echo "== $1"; }

section mountinfo
cat /proc/self/mountinfo

section namespaces
for name in cgroup ipc mnt net pid time user uts; do
    echo "$name $(readlink "/proc/self/ns/$name")"
done

section 'ids and capabilities'
grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Umask):' /proc/self/status
cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups

section limits
cat /proc/self/limits

section process
cat /proc/self/oom_score_adj /proc/self/personality /proc/self/timens_offsets
grep -E '^(policy|prio)' /proc/self/sched 2> /dev/null
grep -E '^Cpus_allowed_list' /proc/self/status
pwd

section environment
env | sort

section names
hostname
cat /proc/sys/kernel/domainname

section network
ip addr show
ip route show
cat /proc/sys/net/ipv4/ip_forward

section 'cgroup paths'
cat /proc/self/cgroup

section 'cgroup values'
for file in memory.limit_in_bytes memory.memsw.limit_in_bytes memory.soft_limit_in_bytes memory.swappiness \
    cpu.cfs_quota_us cpu.cfs_period_us cpu.shares pids.max cpuset.cpus cpuset.mems blkio.throttle.read_bps_device \
    devices.list memory.max memory.swap.max memory.low cpu.max cpu.weight; do
    for path in /sys/fs/cgroup/*/"$file" /sys/fs/cgroup/"$file"; do
        [ ! -f "$path" ] || echo "$path: $(cat "$path")"
    done
done

section devices
for path in /dev/*; do
    stat -c '%n %F %a %u %g %t:%T %N' "$path"
done

section 'mounted files'
ls -A /data /srv /link/ 2>&1
for path in / /data /data/* /data/*/* /srv /srv/* /link/* /etc/extra /work; do
    [ ! -e "$path" ] || stat -c '%n %F %a %u %g' "$path"
    [ ! -d "$path" ] || { (: > "$path/.try") 2> /dev/null && echo "$path can be written to"; }
done

exit 37
