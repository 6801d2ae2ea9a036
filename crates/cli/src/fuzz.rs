//! Parsers of what comes from outside this program, as functions of bytes that must return whatever the bytes are. Run by
//! `tests/fuzz`.

use std::io::{Error as IoError, ErrorKind as IoErrorKind};

use barque_engine::definition::MountPoint;
use barque_runtime::spec::Mount;

use crate::flags::{self, Outcome};
use crate::run::{
    Attributes, Caller, CgroupVersion, DeviceNode, Host, PathKind, Peer, RootSource, VolumePlace, groups,
    passwd, request, subordinate_ids,
};
use crate::{oci, value};

/// A parser and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] =
    &[("values", values), ("users", users), ("run-flags", run_flags), ("oci-flags", oci_flags)];

fn values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    drop((value::boolean(&text), value::duration(&text), value::number_list(&text), value::size(&text)));
    drop((value::integer::<u16>(&text), value::integer::<i64>(&text), value::signal_number(&text)));
    drop((value::timestamp(&text), value::point(&text, 1_700_000_000)));
}

fn users(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = (passwd(&text).count(), groups(&text).count());
    drop(subordinate_ids(&text, Some("ann"), 1000));
}

/// The words of a command line: lines.
fn words(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).split('\n').map(str::to_owned).collect()
}

fn run_flags(bytes: &[u8]) {
    let Ok(Outcome::Args(parsed)) = flags::parse(&flags::RUN, &words(bytes)) else { return };
    for privileged in [true, false] {
        let caller = Caller {
            id: "0123456789abcdef".repeat(4),
            directory: "/run/barque/0123".into(),
            cwd: "/work".into(),
            uid: if privileged { 0 } else { 1000 },
            gid: if privileged { 0 } else { 1000 },
            login: Some("ann".into()),
            privileged,
            bounding: (1 << 41) - 1,
            last_capability: 40,
            cgroups: if privileged { CgroupVersion::V1 } else { CgroupVersion::Unavailable },
            stdin_terminal: false,
        };
        drop(request(&parsed, &caller, &Nowhere));
    }
}

fn oci_flags(bytes: &[u8]) {
    drop(oci::args::read(&words(bytes)));
}

/// A machine whose files are few and always the same.
#[derive(Debug)]
struct Nowhere;

impl Host for Nowhere {
    fn env(&self, name: &str) -> Option<String> {
        (name == "LANG").then(|| "C.UTF-8".to_owned())
    }

    fn read(&self, path: &str) -> std::io::Result<String> {
        let text = match path {
            "/etc/subuid" | "/etc/subgid" => "ann:100000:65536\n",
            "/etc/resolv.conf" => "nameserver 192.0.2.1\n",
            "/etc/hosts" => "127.0.0.1\tlocalhost\n",
            "/proc/sys/kernel/hostname" => "machine\n",
            "/sys/devices/system/cpu/online" => "0-1\n",
            "/sys/devices/system/node/online" => "0\n",
            _ => return Err(IoError::from(IoErrorKind::NotFound)),
        };
        Ok(text.to_owned())
    }

    fn path_kind(&self, path: &str) -> PathKind {
        if path.starts_with("/srv") { PathKind::Directory } else { PathKind::Missing }
    }

    fn devices(&self, path: &str) -> std::io::Result<Vec<DeviceNode>> {
        let (path, kind) = (path.to_owned(), 'c');
        Ok(vec![DeviceNode { path, kind, major: 10, minor: 229, mode: 0o666, uid: 0, gid: 0 }])
    }

    fn rlimit(&self, _: &str) -> Option<(u64, u64)> {
        Some((1024, 20_000))
    }

    fn volume(&self, name: &str) -> crate::Result<VolumePlace> {
        Ok(VolumePlace { data: format!("/volumes/{name}/data"), options: None })
    }

    fn made_up_name(&self) -> crate::Result<String> {
        Ok("f".repeat(64))
    }

    fn peer(&self, container: &str) -> crate::Result<Peer> {
        Ok(Peer { id: container.to_owned(), ..Peer::default() })
    }

    fn container_mounts(&self, _: &str) -> crate::Result<Vec<(MountPoint, Mount<'static>)>> {
        Ok(Vec::new())
    }

    fn image_layers(&self, image: &str) -> crate::Result<Vec<String>> {
        Ok(vec![format!("/layers/{image}"), "/layers/lower".to_owned()])
    }

    fn attributes(&self, path: &str) -> Option<Attributes> {
        path.starts_with("/srv").then_some(Attributes { mode: 0o755, uid: 0, gid: 0 })
    }

    fn rootfs_file(&self, _: &RootSource, path: &str) -> Option<String> {
        let text = match path {
            "/etc/passwd" => "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n",
            "/etc/group" => "root:x:0:\nmail:x:8:web\n",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
