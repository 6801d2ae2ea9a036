//! What a bad flag is told.

use super::fake::{ann, root, run};

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn bad_values_are_named() {
    for (line, message) in [
        ("", "\"barque run\" requires at least 1 argument"),
        ("@ubuntu", "unknown root filesystem \"@ubuntu\""),
        ("-m 1x", "invalid argument \"1x\" for \"-m, --memory\" flag: invalid suffix: 'x'"),
        ("-m 1m", "Minimum memory limit allowed is 6MB"),
        ("--memory-swap 1g", "You should always set the Memory limit when using Memoryswap limit, see usage"),
        (
            "-m 1g --memory-swap 512m",
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (
            "-m 8m --memory-reservation 9m",
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ),
        ("--memory-swappiness 101", "Invalid value: 101, valid memory swappiness range is 0-100"),
        ("--cpus 3", "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
        ("--cpus x", "invalid argument \"x\" for \"--cpus\" flag: failed to parse x as a rational number"),
        ("--cpus 1 --cpu-period 5000", "conflicting options: Nano CPUs and CPU Period cannot both be set"),
        ("--cpus 1 --cpu-quota 5000", "conflicting options: Nano CPUs and CPU Quota cannot both be set"),
        (
            "--cpu-period 5",
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ),
        ("--cpu-quota 5", "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        ("--cpuset-cpus 0-2", "Requested CPUs are not available - requested 0-2, available: 0-1"),
        ("--cpuset-mems x", "Invalid value x for cpuset mems"),
        (
            "--pids-limit x",
            "invalid argument \"x\" for \"--pids-limit\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        ("--blkio-weight 5", "Range of blkio weight is from 10 to 1000"),
        (
            "--device-read-bps sda:1",
            "invalid argument \"sda:1\" for \"--device-read-bps\" flag: bad format for device path: sda:1",
        ),
        ("--device-read-bps /dev/fuse:1", "/dev/fuse is not a block device"),
        (
            "--ulimit files=1",
            "invalid argument \"files=1\" for \"--ulimit\" flag: invalid ulimit type: files",
        ),
        (
            "--ulimit nofile=2:1",
            "invalid argument \"nofile=2:1\" for \"--ulimit\" flag: ulimit soft limit must be less than or equal to hard limit: 2 > 1",
        ),
        (
            "--device /dev/nope",
            "error gathering device information while adding custom device \"/dev/nope\": entity not found",
        ),
        (
            "--device-cgroup-rule x",
            "invalid argument \"x\" for \"--device-cgroup-rule\" flag: invalid device cgroup format 'x'",
        ),
        ("--cap-add CHWON", "invalid CapAdd: unknown capability: \"CAP_CHWON\""),
        ("--cap-add sys_resource", "cannot give the capability CAP_SYS_RESOURCE"),
        ("--security-opt nope", "invalid --security-opt: \"nope\""),
        ("--sysctl kernel.panic=1", "sysctl 'kernel.panic=1' is not allowed"),
        ("--network host --sysctl net.a=1", "sysctl 'net.a=1' not allowed in host network namespace"),
        (
            "--network frob:web",
            "invalid argument \"frob:web\" for \"--network\" flag: it is no way to a network",
        ),
        ("--network container:gone", "No such container: gone"),
        ("--network container:web -h x", "conflicting options: hostname and the network mode"),
        (
            "--network container:web -p 80",
            "conflicting options: port publishing and the container type network mode",
        ),
        (
            "--network container:web --expose 80",
            "conflicting options: port exposing and the container type network mode",
        ),
        ("--network container:web --dns 10.0.0.1", "conflicting options: dns and the network mode"),
        (
            "--expose 80:80",
            "invalid argument \"80:80\" for \"--expose\" flag: invalid range format for --expose",
        ),
        ("--network none --add-host a:host-gateway", "--add-host with host-gateway needs a network"),
        ("--uts host -h x", "conflicting options: hostname and the UTS mode"),
        ("--pid hots", "invalid argument \"hots\" for \"--pid\" flag: invalid PID mode"),
        ("-u bob", "unable to find user bob: no matching entries in passwd file"),
        ("-w x", "the working directory 'x' is invalid, it needs to be an absolute path"),
        ("--name -", "Invalid container name (-), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
        ("--env-file bad.env", "invalid env file (bad.env): variable 'NO SPACE' contains whitespaces"),
        ("--env-file nope", "open nope: entity not found"),
        ("-e =x", "invalid argument \"=x\" for \"-e, --env\" flag: invalid environment variable: =x"),
        (
            "-v /a:b",
            "invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute",
        ),
        (
            "-v /a:/",
            "invalid volume specification: '/a:/': invalid mount config for type \"bind\": destination can't be '/'",
        ),
        ("-v /a:/b:rx", "invalid volume specification: '/a:/b:rx': invalid mode: rx"),
        (
            "-v a?b:/b",
            "invalid volume specification: 'a?b:/b': create a?b: \"a?b\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed",
        ),
        (
            "-v a:/b",
            "invalid volume specification: 'a:/b': volume name is too short, names should be at least two alphanumeric characters",
        ),
        (
            "-v db:b",
            "invalid volume specification: 'db:b': invalid mount config for type \"volume\": invalid mount path: 'b' mount path must be absolute",
        ),
        ("-v db:/b:O,U", "invalid volume specification: 'db:/b:O,U': invalid mode: O,U"),
        (
            "-v memory:/b:U",
            "invalid volume specification: 'memory:/b:U': a part, other owners or a layer of a volume of type tmpfs",
        ),
        ("-v db:/a --mount type=volume,src=other,dst=/a", "Duplicate mount point: /a"),
        (
            "--mount type=volume,src=db,dst=/a,volume-subpath=../x",
            "invalid argument \"type=volume,src=db,dst=/a,volume-subpath=../x\" for \"--mount\" flag: subpath must be a relative path within the volume",
        ),
        (
            "--mount type=volume,dst=/a,volume-driver=nfs",
            "invalid argument \"type=volume,dst=/a,volume-driver=nfs\" for \"--mount\" flag: there is no volume driver 'nfs': it is local",
        ),
        (
            "--mount type=image,dst=/a",
            "invalid argument \"type=image,dst=/a\" for \"--mount\" flag: source is required",
        ),
        (
            "--mount type=bind,src=/srv,dst=/a,volume-nocopy",
            "invalid argument \"type=bind,src=/srv,dst=/a,volume-nocopy\" for \"--mount\" flag: cannot mix 'volume-nocopy' with mount type 'bind'",
        ),
        ("--volume-driver nfs", "error looking up volume plugin nfs: plugin \"nfs\" not found"),
        ("--volumes-from nobody", "No such container: nobody"),
        ("--volumes-from web:rx", "invalid mode: rx"),
        ("-v /srv:/a --tmpfs /a", "Duplicate mount point: /a"),
        (
            "--mount type=bind,src=/nope,dst=/a",
            "invalid argument \"type=bind,src=/nope,dst=/a\" for \"--mount\" flag: bind source path does not exist: /nope",
        ),
        (
            "--mount type=tmpfs,dst=/a,bind-propagation=shared",
            "invalid argument \"type=tmpfs,dst=/a,bind-propagation=shared\" for \"--mount\" flag: cannot mix 'bind-propagation' with mount type 'tmpfs'",
        ),
        (
            "--mount type=bind,src=/srv,dst=/a,bogus=1",
            "invalid argument \"type=bind,src=/srv,dst=/a,bogus=1\" for \"--mount\" flag: unexpected key 'bogus' in 'bogus=1'",
        ),
        (
            "--mount type=bind,src=/srv",
            "invalid argument \"type=bind,src=/srv\" for \"--mount\" flag: target is required",
        ),
        ("--shm-size 0", "SHM size can not be less than 0"),
        (
            "--detach-keys alt-x",
            "invalid argument \"alt-x\" for \"--detach-keys\" flag: unknown character: 'alt-x'",
        ),
        ("--stop-signal FOO", "invalid signal: FOO"),
        (
            "--time-offset realtime=1",
            "invalid argument \"realtime=1\" for \"--time-offset\" flag: no clock \"realtime\": it is monotonic or boottime",
        ),
        ("--userns uidmap=0:5:9,gidmap=1:5:9", "user 0:0: gid 0 is not mapped in the user namespace"),
        ("--oom-score-adj 2000", "Invalid value 2000, range for oom score adj is [-1000, 1000]"),
        (
            "--cidfile /srv/file",
            "container ID file found, make sure the other container isn't running or delete /srv/file",
        ),
        (
            "--add-host x:y",
            "invalid argument \"x:y\" for \"--add-host\" flag: invalid IP address in add-host: \"y\"",
        ),
        ("--rw-rootfs @host", "conflicting options: --rw-rootfs is for dir:PATH only"),
        ("--annotation x", "invalid argument \"x\" for \"--annotation\" flag: an annotation is KEY=VALUE"),
    ] {
        let line =
            if line.is_empty() || line == "ubuntu" { line.to_owned() } else { format!("{line} dir:/srv") };
        match run(&root(), &line) {
            Err(error) => assert_eq!(error.to_string(), message, "{line}"),
            Ok(_) => panic!("{line}: accepted, expected {message}"),
        }
    }
}

#[test]
fn an_unprivileged_user_is_told_what_it_cannot_have() {
    for (line, message) in [
        ("-m 1g", "--memory cannot be kept: no control group is usable here"),
        ("-u 70000", "user 70000:0: uid 70000 is not mapped in the user namespace"),
        ("--userns uidmap=5:1000:1", "--uidmap maps no id to 0 in the container"),
    ] {
        let error = run(&ann(), &format!("{line} dir:/srv")).unwrap_err();
        assert_eq!(error.to_string(), message, "{line}");
        assert!(error.cure().is_some(), "{line}");
    }
}

#[test]
fn the_last_terminal_check_is_dockers() {
    let caller = crate::run::Caller { stdin_terminal: false, ..root() };
    let error = run(&caller, "-it dir:/srv").unwrap_err();
    assert_eq!(error.to_string(), "the input device is not a TTY");
}

#[test]
fn limits_above_the_callers_are_lowered_with_a_warning() {
    let request = run(&root(), "--ulimit nofile=30000 dir:/srv").unwrap();
    let limit = &request.spec.process.unwrap().rlimits[0];
    assert_eq!((limit.soft, limit.hard), (20_000, 20_000));
    assert_eq!(request.warnings.len(), 1, "{:?}", request.warnings);
}
