//! Whole specifications, as snapshots.

use super::fake::{ann, root, run};
use crate::run::Caller;

/// The specification as JSON.
fn spec(caller: &Caller, line: &str) -> String {
    serde_json::to_string_pretty(&run(caller, line).unwrap().spec).unwrap()
}

/// Everything else of the request.
fn rest(caller: &Caller, line: &str) -> String {
    let mut request = run(caller, line).unwrap();
    request.spec = barque_runtime::spec::Spec::default();
    format!("{request:#?}")
}

#[test]
fn defaults() {
    insta::assert_snapshot!(spec(&root(), "@host bash"));
    insta::assert_snapshot!(rest(&root(), "@host bash"));
}

#[test]
fn limits() {
    insta::assert_snapshot!(spec(
        &root(),
        "-m 512m --memory-reservation 256m --cpus 1.5 --cpuset-cpus 0-1 --pids-limit 100 -c 512 \
         --device-read-bps /dev/sda:1mb --device-write-iops /dev/sda:50 --blkio-weight 300 \
         --ulimit nofile=1000:50000 --ulimit core=-1 --memory-swappiness 10 --oom-score-adj 500 dir:/srv"
    ));
}

#[test]
fn everything_about_the_process() {
    insta::assert_snapshot!(spec(
        &root(),
        "-it -u web --group-add mail --env-file app.env -e A=b~c -e LANG -e NOPE -w /var//www --entrypoint env \
         -h box --domainname example.org --init --stop-signal INT --annotation a.b=c -l tier=web \
         --security-opt no-new-privileges dir:/srv -0 x"
    ));
}

#[test]
fn privileged() {
    insta::assert_snapshot!(spec(&root(), "--privileged --pid host --network host --ipc host dir:/srv"));
}

#[test]
fn mounts_and_devices() {
    insta::assert_snapshot!(spec(
        &root(),
        "-v ./src:/src:ro -v /srv:/deep/er/srv:rslave,nosuid -v /new:/new --tmpfs /scratch:size=1g,exec \
         --mount type=bind,src=/srv,dst=/a,readonly,bind-recursive=writable --shm-size 1g --read-only \
         --mount type=bind,src=/srv,dst=/b,bind-recursive=disabled,bind-propagation=shared,idmap \
         --mount type=tmpfs,dst=/t,tmpfs-size=10m,tmpfs-mode=700 -v /srv/file:/etc/hosts \
         --device /dev/fuse:rw --device /dev/snd --device-cgroup-rule c~42:*~rm dir:/srv"
    ));
}

#[test]
fn an_unprivileged_user() {
    insta::assert_snapshot!(spec(&ann(), "dir:/srv id"));
    insta::assert_snapshot!(spec(&ann(), "--userns keep-id --network host --pid host dir:/srv id"));
}

#[test]
fn namespaces_and_clocks() {
    insta::assert_snapshot!(spec(
        &root(),
        "--userns uidmap=0:100000:65536 --network ns:/run/netns/blue --uts host --cgroupns host --ipc none \
         --time-offset monotonic=86400,boottime=-1h30m --sysctl net.core.somaxconn=99 \
         --security-opt unmask=/proc/asound:/sys/* --security-opt mask=/x --cgroup-parent barque.slice dir:/srv"
    ));
}
