//! Inputs to start from: one of each kind that a parser knows.

/// The seeds of a target.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match target {
        "bundle" => BUNDLES,
        "seccomp" => &[SECCOMP],
        "mountinfo" => &[MOUNTINFO],
        "cgroup-stats" => &[
            "8:0 Read 12\n8:0 Write 4\nTotal 16\n",
            "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n",
            "some avg10=0.00 avg60=1.25 avg300=0.01 total=34\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
            "cpu user system\n0 123 456\n1 7 8\n",
            "usage_usec 1\nuser_usec 2\nnr_periods 3\n",
            "0-3,5,7-9\n",
        ],
        "process-stat" => &["42 (a b) c) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 2\n"],
        "reference" => &[
            "alpine",
            "docker.io/library/alpine:3.20",
            "localhost:5000/a/b_c--d.e:tag@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "[::1]:80/x",
        ],
        "manifest" => MANIFESTS,
        "challenge" => &[
            "Bearer realm=\"https://auth.example/token\",service=\"reg\",scope=\"repository:a/b:pull,push\"",
            "Basic realm=\"a \\\"b\\\"\", Bearer realm=x",
            "</v2/_catalog?last=a&n=2>; rel=\"next\"",
        ],
        "ports" => &[
            "127.0.0.1:8080:80/tcp",
            "[::1]:1000-1010:2000-2010/udp",
            "80",
            "10.0.0.0/8",
            "fd00::/64",
            "{\"name\":\"a\"}",
        ],
        "names" => &[
            "\u{12}\u{34}\u{1}\0\0\u{1}\0\0\0\0\0\0\u{3}web\u{4}mine\0\0\u{1}\0\u{1}",
            "\u{12}\u{34}\u{1}\0\0\u{1}\0\0\0\0\0\u{1}\u{3}web\0\0\u{1c}\0\u{1}\0\0)\u{4}\0\0\0\0\0\0\0",
            "\0\u{1}\u{1}\0\0\u{1}\0\0\0\0\0\0\u{1}2\u{1}0\u{2}17\u{3}172\u{7}in-addr\u{4}arpa\0\0\u{c}\0\u{1}",
            "search a\nnameserver 10.0.0.1\nnameserver fd00::1\n",
        ],
        "dockerfile" => DOCKERFILES,
        "dockerignore" => &["# c\n*.txt\n!a/**/b?\n[a-c]*\n/x/\n\\#y\n", "**\n!ä/*\n"],
        "values" => &[
            "1h30m",
            "-1.5s",
            "10MiB",
            "1.5g",
            "0-3,7",
            "SIGTERM",
            "RTMIN+3",
            "2024-02-30T10:00:00.5Z",
            "true",
            "0x1f",
        ],
        "users" => &[
            "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/var/www:\n",
            "mail:x:8:web,root\n",
            "ann:100000:65536\n1000:1:2\n",
        ],
        "run-flags" => RUN_FLAGS,
        "oci-flags" => &[
            "--root\n/r\ncreate\n--bundle\n/b\n--pid-file=/p\nid",
            "exec\n-t\n--env\nA=b\n--user\n1:2\n--cap\nCAP_KILL\nid\nsh\n-c\nx",
            "update\n--memory\n1g\n--cpu-quota=5\n--cpuset-cpus\n0-1\nid",
            "kill\n--all\nid\nSIGTERM",
            "--log-format\njson\nps\n-f\njson\nid\n-ef",
        ],
        _ => return binary(target),
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn binary(target: &str) -> Vec<Vec<u8>> {
    match target {
        // A header of a netlink error, and a message of attributes.
        "netlink" => vec![
            [&36_u32.to_ne_bytes()[..], &2_u16.to_ne_bytes(), &[0; 10], &(-2_i32).to_ne_bytes(), &[0; 16]].concat(),
            attributes(),
        ],
        "rtnetlink" | "nftables" => {
            [8, 12, 16, 4].iter().map(|header| [&[2_u8; 16][..*header], &attributes()].concat()).collect()
        }
        "dns" => vec![
            b"\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01".to_vec(),
            b"\x02\x07example\x03org\0\0\x05\0\x01\0\0\0\x3c\0\x02\xc0\x0c".to_vec(),
            b"nameserver 1.2.3.4\nsearch a b\noptions ndots:2 timeout:1 attempts:3\n127.0.0.1 localhost x # c\n".to_vec(),
        ],
        "program" => {
            let mut far = elf();
            far[32..40].fill(0xff);
            vec![elf(), far]
        }
        "layer" => vec![archive()],
        _ => Vec::new(),
    }
}

fn attributes() -> Vec<u8> {
    let one = |kind: u16, value: &[u8]| {
        let length = u16::try_from(4 + value.len()).unwrap_or_default();
        let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let nested = one(1, &one(1, &[0, 0, 0, 3]));
    [
        one(1, &[127, 0, 0, 1]),
        one(2, &[127, 0, 0, 1]),
        one(3, b"eth0\0"),
        one(4, &nested),
        one(18, &one(1, b"veth\0")),
    ]
    .concat()
}

/// A 64-bit little-endian program with one segment, its interpreter's path.
fn elf() -> Vec<u8> {
    let mut head = vec![0_u8; 64];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (head[18], head[32], head[54], head[56]) = (62, 64, 56, 1);
    let mut segment = vec![0_u8; 56];
    (segment[0], segment[8], segment[32]) = (3, 120, 12);
    [head, segment, b"/lib/ld.so\0\0".to_vec()].concat()
}

/// A directory, a file in it, and a link: an archive by its bytes.
fn archive() -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, link, content) in [
        ("etc/", b'5', "", &b""[..]),
        ("etc/a", b'0', "", b"hello"),
        ("etc/b", b'2', "../../x", b""),
        ("c", b'1', "etc/a", b""),
    ] {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000755");
        header[108..115].copy_from_slice(b"0000000");
        header[116..123].copy_from_slice(b"0000000");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[136..147].copy_from_slice(b"00000000000");
        header[148..156].copy_from_slice(b"        ");
        header[156] = kind;
        header[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        bytes.extend(header);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

const BUNDLES: &[&str] = &[
    r#"{"ociVersion":"1.2.0","root":{"path":"rootfs","readonly":true},"hostname":"h","domainname":"d",
"process":{"terminal":true,"user":{"uid":0,"gid":0,"additionalGids":[1],"umask":18},"args":["sh"],"env":["PATH=/bin"],"cwd":"/",
"capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]},"rlimits":[{"type":"RLIMIT_NOFILE","hard":9,"soft":8}],
"oomScoreAdj":5,"noNewPrivileges":true,"scheduler":{"policy":"SCHED_RR","priority":3},"ioPriority":{"class":"IOPRIO_CLASS_BE","priority":3}},
"mounts":[{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/dev","type":"tmpfs","options":["nosuid","mode=755","size=64k"]},
{"destination":"a","type":"bind","source":"/srv","options":["rbind","rro","idmap","rslave"]},{"destination":"/sys/fs/cgroup","type":"cgroup","options":["ro"]}],
"linux":{"namespaces":[{"type":"mount"},{"type":"pid"},{"type":"user"},{"type":"network"},{"type":"time"},{"type":"cgroup","path":"/x"}],
"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],"gidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
"devices":[{"path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":438}],"cgroupsPath":"/a/b","sysctl":{"net.ipv4.ip_forward":"1"},
"timeOffsets":{"monotonic":{"secs":-5,"nanosecs":7}},"maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"],"rootfsPropagation":"rslave",
"intelRdt":{"closID":"g","l3CacheSchema":"L3:0=f","enableMonitoring":true},"personality":{"domain":"LINUX32"}}}"#,
    r#"{"ociVersion":"1.0.0","root":{"path":"rootfs"},"process":{"user":{"uid":1,"gid":1},"args":["true"],"cwd":"/"},
"hooks":{"prestart":[{"path":"/h","args":["a"],"env":["B=c"],"timeout":3}],"startContainer":[{"path":"/s"}],"poststop":[]},
"linux":{"namespaces":[{"type":"mount"},{"type":"pid"},{"type":"ipc"},{"type":"uts"}],"resources":{"devices":[{"allow":false,"access":"rwm"},
{"allow":true,"type":"c","major":1,"minor":3,"access":"rw"}],"memory":{"limit":1048576,"swap":-1,"reservation":9,"swappiness":7},
"cpu":{"shares":1024,"quota":5000,"period":10000,"burst":9,"cpus":"0-1","mems":"0","idle":1},"pids":{"limit":9},
"blockIO":{"weight":10,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":6}]},"hugepageLimits":[{"pageSize":"2MB","limit":9}],
"network":{"classID":1,"priorities":[{"name":"lo","priority":2}]},"rdma":{"mlx":{"hcaHandles":3}},"unified":{"memory.high":"5"}},
"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64"],"flags":["SECCOMP_FILTER_FLAG_LOG"],
"syscalls":[{"names":["read","write"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"valueTwo":2,"op":"SCMP_CMP_MASKED_EQ"}]}]}}}"#,
    r#"{"user":{"uid":0,"gid":0},"args":["a"],"cwd":"/","execCPUAffinity":{"initial":"0-1","final":"1"}}"#,
    r#"{"memory":{"limit":5},"cpu":{"quota":7},"pids":{"limit":-1}}"#,
];

const SECCOMP: &str = r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"archMap":[{"architecture":"SCMP_ARCH_X86_64",
"subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]}],"syscalls":[{"names":["read","clone","bogus"],"action":"SCMP_ACT_ALLOW",
"args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}],"includes":{"caps":["CAP_SYS_ADMIN"],"arches":["amd64"],"minKernel":"4.8"},
"excludes":{"caps":["CAP_KILL"]}},{"name":"ptrace","action":"SCMP_ACT_TRACE","errnoRet":3,"args":[{"index":5,"value":18446744073709551615,"op":"SCMP_CMP_GT"},
{"index":1,"value":1,"op":"SCMP_CMP_NE"},{"index":2,"value":4294967296,"op":"SCMP_CMP_LE"}]}]}"#;

const MOUNTINFO: &str = "4:pids:/a\n2:memory:/\n1:name=systemd:/\n0::/b\n\n\
33 23 0:33 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n\
36 23 0:36 /x /sys/fs/cgroup/pi\\040ds rw - cgroup cgroup rw,pids\n\
37 23 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
40 23 0:40 / /sys/fs/resctrl rw - resctrl resctrl rw\n";

const MANIFESTS: &[&str] = &[
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json",
"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",
"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":32,"urls":["http://x"]}],"annotations":{"a":"b"}}"#,
    r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
"size":2,"platform":{"architecture":"arm64","os":"linux","variant":"v8"}}]}"#,
    r#"{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","config":{"User":"1:2","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Entrypoint":["/x"],
"Cmd":["y"],"Volumes":{"/v":{}},"WorkingDir":"/w","Labels":{"l":"m"},"StopSignal":"SIGTERM","Healthcheck":{"Test":["CMD","x"],"Interval":1000000000}},
"rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"history":[{"created_by":"x","empty_layer":true}]}"#,
];

const DOCKERFILES: &[&str] = &[
    "# syntax=docker/dockerfile:1\n# escape=\\\nARG V=1\nFROM --platform=$BUILDPLATFORM alpine:${V:-3} AS b\nRUN --mount=type=cache,target=/c,sharing=locked \\\n  a && b\nCOPY --from=b --chown=1:2 [\"a b\", \"/c/\"]\nENV A=b C=\"d e\" F=g\n",
    "FROM scratch\nRUN <<EOF cat <<-'X'\nline\nEOF\n\tb\n\tX\nHEALTHCHECK --interval=3s CMD [\"x\"]\nONBUILD ADD http://x/y /z\nSHELL [\"/bin/sh\"]\nEXPOSE 80/tcp 90-99\nLABEL a=b \"c d\"=e\nSTOPSIGNAL 9\nUSER a:b\nVOLUME /x\nENTRYPOINT x ${A%%.*} ${A/a/b}\n",
    "from `\nfoo\n# escape=`\n",
];

const RUN_FLAGS: &[&str] = &[
    "-it\n--rm\n-v\n/srv/a:/b:ro,rslave\n--mount\ntype=bind,src=/srv,dst=/x,readonly,bind-propagation=rshared\n--tmpfs\n/t:size=1m,mode=1777\n@host\nsh",
    "-m\n64m\n--memory-swap\n-1\n--cpus\n0.5\n--cpuset-cpus\n0-1\n--pids-limit\n9\n--blkio-weight\n10\n--device-read-bps\n/dev/x:1mb\n--ulimit\nnofile=5:6\ndir:/srv",
    "--cap-add\nALL\n--cap-drop=KILL\n--security-opt\nno-new-privileges\n--security-opt\nlabel=disable\n--sysctl\nnet.ipv4.ip_forward=1\n--device\n/dev/fuse:/dev/f:rw\n--device-cgroup-rule\nc 1:* rwm\ntar:/srv/x",
    "--userns\nuidmap=0:1:2,gidmap=0:1:2\n--pid\nhost\n--ipc\nprivate\n--uts=host\n--network\nns:/proc/1/ns/net\n--time-offset\nboottime=1h30m\n--cgroupns\nhost\n@host",
    "-u\nweb:mail\n--group-add\n8\n-e\nA=b\n-e\nLANG\n-w\n/w\n-h\nhost\n--add-host\na:host-gateway\n--dns\n1.1.1.1\n-p\n127.0.0.1:80-81:90-91/udp\n--annotation\na=b\n-l\nc=d\n--stop-signal\nRTMIN+1\n--shm-size\n1g\n@host\na",
];
