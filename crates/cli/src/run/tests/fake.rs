//! An invented caller on an invented machine.

use std::io::{Error as IoError, ErrorKind as IoErrorKind};

use crate::flags::{Outcome, Parsed, RUN, parse};
use barque_engine::definition::{MountKind, MountPoint};
use barque_runtime::spec::Mount;

use crate::run::{
    Attributes, Caller, CgroupVersion, DeviceNode, Host, PathKind, Peer, RootSource, RunRequest, VolumePlace,
    request,
};

/// Root on a machine with two CPUs and cgroup v1, without CAP_SYS_RESOURCE.
pub(super) fn root() -> Caller {
    Caller {
        id: "0123456789abcdef".repeat(4),
        directory: "/run/barque/0123".into(),
        cwd: "/work".into(),
        uid: 0,
        gid: 0,
        login: Some("root".into()),
        privileged: true,
        bounding: ((1 << 41) - 1) & !(1 << 24),
        last_capability: 40,
        cgroups: CgroupVersion::V1,
        stdin_terminal: true,
    }
}

/// An ordinary user without a delegated cgroup.
pub(super) fn ann() -> Caller {
    Caller {
        uid: 1000,
        gid: 1000,
        login: Some("ann".into()),
        privileged: false,
        cgroups: CgroupVersion::Unavailable,
        ..root()
    }
}

#[derive(Debug)]
pub(in crate::run) struct Machine;

impl Host for Machine {
    fn env(&self, name: &str) -> Option<String> {
        (name == "LANG").then(|| "C.UTF-8".to_owned())
    }

    fn read(&self, path: &str) -> std::io::Result<String> {
        Ok(match path {
            "/etc/subuid" | "/etc/subgid" => "ann:100000:65536\n",
            "/etc/resolv.conf" => "nameserver 192.0.2.1\nsearch example.org\n",
            "/etc/hosts" => "127.0.0.1\tlocalhost\n192.0.2.7\tmachine\n",
            "/proc/sys/kernel/hostname" => "machine\n",
            "app.env" => "\u{feff}# settings\nMODE=fast lane\n  INDENTED=1\nLANG\nUNSET\n",
            "bad.env" => "NO SPACE=1\n",
            "/sys/devices/system/cpu/online" => "0-1\n",
            "/sys/devices/system/node/online" => "0\n",
            "labels" => "# labels\na=1\nb\n",
            _ => return Err(IoError::from(IoErrorKind::NotFound)),
        }
        .to_owned())
    }

    fn path_kind(&self, path: &str) -> PathKind {
        match path {
            "/srv" | "/work" | "/work/src" | "/dev/mqueue" | "/dev/shm" => PathKind::Directory,
            "/srv/file" | "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes" => PathKind::File,
            _ => PathKind::Missing,
        }
    }

    fn devices(&self, path: &str) -> std::io::Result<Vec<DeviceNode>> {
        let node = |path: &str, kind, major, minor, mode, gid| DeviceNode {
            path: path.to_owned(),
            kind,
            major,
            minor,
            mode,
            uid: 0,
            gid,
        };
        let all = [
            node("/dev/fuse", 'c', 10, 229, 0o666, 0),
            node("/dev/sda", 'b', 8, 0, 0o660, 6),
            node("/dev/snd/seq", 'c', 116, 1, 0o660, 29),
            node("/dev/snd/timer", 'c', 116, 33, 0o660, 29),
            node("/dev/pts/0", 'c', 136, 0, 0o620, 5),
        ];
        let found: Vec<DeviceNode> = all
            .into_iter()
            .filter(|node| node.path == path || node.path.starts_with(&format!("{path}/")))
            .collect();
        if found.is_empty() { Err(IoError::from(IoErrorKind::NotFound)) } else { Ok(found) }
    }

    fn rlimit(&self, name: &str) -> Option<(u64, u64)> {
        (name == "RLIMIT_NOFILE").then_some((1024, 20_000))
    }

    fn volume(&self, name: &str) -> crate::Result<VolumePlace> {
        let options = match name {
            "memory" => Some([("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m")].as_slice()),
            "elsewhere" => Some([("type", "none"), ("device", "/srv"), ("o", "bind,ro")].as_slice()),
            "db" => Some([].as_slice()),
            _ => None,
        };
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        Ok(VolumePlace { data: format!("/volumes/{name}/data"), options: options.map(owned) })
    }

    fn made_up_name(&self) -> crate::Result<String> {
        Ok("f".repeat(64))
    }

    fn peer(&self, container: &str) -> crate::Result<Peer> {
        match container {
            "web" => Ok(Peer {
                id: "ab".repeat(32),
                hostname: "webhost".to_owned(),
                files: vec![("/etc/hosts".to_owned(), "/containers/ab/hosts".to_owned())],
            }),
            _ => {
                Err(crate::Error::new(crate::ErrorKind::NotFound, format!("No such container: {container}")))
            }
        }
    }

    fn container_mounts(&self, container: &str) -> crate::Result<Vec<(MountPoint, Mount<'static>)>> {
        if container != "web" {
            return Err(crate::Error::new(
                crate::ErrorKind::NotFound,
                format!("No such container: {container}"),
            ));
        }
        let one = |kind, name: Option<&str>, path: &str, source: &str| {
            let point = MountPoint {
                kind,
                name: name.map(str::to_owned),
                source: source.to_owned(),
                destination: path.to_owned(),
                rw: true,
                anonymous: name.is_some_and(|name| name != "db"),
                ..MountPoint::default()
            };
            let mount = Mount {
                destination: path.to_owned().into(),
                kind: Some("bind".into()),
                source: Some(source.to_owned().into()),
                options: vec!["rbind".into(), "rprivate".into()],
                ..Mount::default()
            };
            (point, mount)
        };
        Ok(vec![
            one(MountKind::Volume, Some("db"), "/data", "/volumes/db/data"),
            one(MountKind::Volume, Some("ab"), "/log", "/volumes/ab/data"),
            one(MountKind::Bind, None, "/srv", "/srv"),
            one(MountKind::Tmpfs, None, "/tmp", ""),
        ])
    }

    fn image_layers(&self, image: &str) -> crate::Result<Vec<String>> {
        match image {
            "tools" => Ok(vec!["/layers/b:2".to_owned(), "/layers/a".to_owned()]),
            _ => Ok(vec!["/layers/a".to_owned()]),
        }
    }

    fn attributes(&self, path: &str) -> Option<Attributes> {
        (path == "/srv").then_some(Attributes { mode: 0o1770, uid: 7, gid: 8 })
    }

    fn rootfs_file(&self, _: &RootSource, path: &str) -> Option<String> {
        match path {
            "/etc/passwd" => Some("root:x:0:0::/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n".into()),
            "/etc/group" => Some("root:x:0:\nweb:x:33:\nmail:x:8:web\n".into()),
            _ => None,
        }
    }
}

/// The flags of a line; words are separated by spaces, `~` inside a word stands for a space.
pub(in crate::run) fn flags(line: &str) -> crate::Result<Parsed> {
    let args: Vec<String> = line.split_whitespace().map(|word| word.replace('~', " ")).collect();
    match parse(&RUN, &args)? {
        Outcome::Args(parsed) => Ok(parsed),
        Outcome::Help => panic!("help was asked for"),
    }
}

/// The request of a line.
pub(super) fn run(caller: &Caller, line: &str) -> crate::Result<RunRequest> {
    request(&flags(line)?, caller, &Machine)
}
