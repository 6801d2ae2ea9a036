//! `--device`, `--device-cgroup-rule`: device nodes, and which may be used.

use barque_runtime::spec::{DeviceRule, LinuxDevice, Mount};

use super::{Caller, DeviceNode, Host};
use crate::flags::Parsed;
use crate::{Error, Result};

/// Device nodes to make, and the access rules.
#[derive(Debug, Default)]
pub(super) struct Devices {
    /// Nodes.
    pub nodes: Vec<LinuxDevice<'static>>,
    /// Rules, in order. The runtime adds the default devices' own.
    pub rules: Vec<DeviceRule<'static>>,
    /// Nodes under other names than the host's, for callers that may make none: bind mounts.
    pub binds: Vec<Mount<'static>>,
}

/// Paths of `/dev` that every container makes itself.
const OWN: [&str; 6] = ["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/console", "/dev/fd", "/dev/.udev"];

/// The devices that the flags ask for.
pub(super) fn devices(flags: &Parsed, caller: &Caller, host: &dyn Host) -> Result<Devices> {
    let mut devices = Devices::default();
    if flags.switch("privileged") {
        let all = host.devices("/dev").map_err(|error| Error::invalid(format!("/dev: {error}")))?;
        let own = |path: &str| OWN.iter().any(|own| path == *own || path.starts_with(&format!("{own}/")));
        devices.nodes =
            all.iter().filter(|device| !own(&device.path)).map(|device| node(device, &device.path)).collect();
        devices.rules = vec![DeviceRule { allow: true, access: Some("rwm".into()), ..DeviceRule::default() }];
    } else {
        devices.rules =
            vec![DeviceRule { allow: false, access: Some("rwm".into()), ..DeviceRule::default() }];
    }
    for text in flags.all("device") {
        let request = Request::parse(text).map_err(|why| flags.invalid("device", text, why))?;
        request.add(host, !caller.privileged, &mut devices)?;
    }
    for text in flags.all("device-cgroup-rule") {
        let rule = rule(text).ok_or_else(|| {
            flags
                .invalid("device-cgroup-rule", text, format!("invalid device cgroup format '{text}'"))
                .hint("write TYPE MAJOR:MINOR ACCESS, such as \"c 42:* rmw\"")
        })?;
        devices.rules.push(rule);
    }
    Ok(devices)
}

/// `SRC[:DST[:ACCESS]]`.
struct Request<'a> {
    source: &'a str,
    destination: &'a str,
    access: &'a str,
}

impl<'a> Request<'a> {
    fn parse(text: &'a str) -> std::result::Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, destination, access) = match parts[..] {
            [source] => (source, source, "rwm"),
            [source, second] if valid_access(second) => (source, source, second),
            [source, destination] => (source, destination, "rwm"),
            [source, destination, access] => {
                (source, if destination.is_empty() { source } else { destination }, access)
            }
            _ => return Err("bad format for path: it is SRC[:DST[:rwm]]".to_owned()),
        };
        if !valid_access(access) {
            return Err(format!("bad mode specified: {access}"));
        }
        if source.is_empty() || !destination.starts_with('/') {
            return Err(format!("{destination} is not an absolute path"));
        }
        Ok(Self { source, destination, access })
    }

    fn add(&self, host: &dyn Host, binds: bool, devices: &mut Devices) -> Result<()> {
        let failed = |why: &dyn std::fmt::Display| {
            Error::invalid(format!(
                "error gathering device information while adding custom device \"{}\": {why}",
                self.source
            ))
        };
        let found = host.devices(self.source).map_err(|error| failed(&error))?;
        if found.is_empty() {
            return Err(failed(&"not a device node"));
        }
        for device in &found {
            let below = device.path.strip_prefix(self.source).unwrap_or("");
            let path = format!("{}{below}", self.destination);
            devices.nodes.retain(|node| node.path.as_str() != path);
            if binds && path != device.path {
                devices.binds.push(bind(&device.path, &path));
            } else {
                devices.nodes.push(node(device, &path));
            }
            devices.rules.push(DeviceRule {
                allow: true,
                kind: Some(device.kind.to_string().into()),
                major: Some(device.major),
                minor: Some(device.minor),
                access: Some(self.access.to_owned().into()),
            });
        }
        Ok(())
    }
}

fn valid_access(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.chars().all(|c| "rwm".contains(c))
}

fn bind(source: &str, path: &str) -> Mount<'static> {
    Mount {
        destination: path.to_owned().into(),
        kind: Some("bind".into()),
        source: Some(source.to_owned().into()),
        options: ["bind", "nosuid", "noexec"].map(Into::into).to_vec(),
        ..Mount::default()
    }
}

fn node(device: &DeviceNode, path: &str) -> LinuxDevice<'static> {
    LinuxDevice {
        path: path.to_owned().into(),
        kind: device.kind.to_string().into(),
        major: device.major,
        minor: device.minor,
        file_mode: Some(device.mode & 0o7777),
        uid: Some(device.uid),
        gid: Some(device.gid),
    }
}

/// `TYPE MAJOR:MINOR ACCESS`; `*` means any.
fn rule(text: &str) -> Option<DeviceRule<'static>> {
    let mut words = text.split(' ');
    let (kind, numbers, access) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !matches!(kind, "a" | "b" | "c") || !valid_access(access) {
        return None;
    }
    let (major, minor) = numbers.split_once(':')?;
    let number = |text: &str| if text == "*" { Some(-1) } else { text.parse::<u32>().ok().map(i64::from) };
    Some(DeviceRule {
        allow: true,
        kind: Some(kind.to_owned().into()),
        major: Some(number(major)?),
        minor: Some(number(minor)?),
        access: Some(access.to_owned().into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rules() {
        let rule_of = |text| rule(text).map(|r| (r.major, r.minor, r.access.map(|a| a.into_string())));
        assert_eq!(rule_of("c 42:* rmw"), Some((Some(42), Some(-1), Some("rmw".to_owned()))));
        for text in
            ["", "c", "c 1:2", "d 1:2 r", "c 1 r", "c 1:2 x", "c 1:2 rwmr", "c 1:2 r extra", "c -1:2 r"]
        {
            assert!(rule(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn reads_requests() {
        for (text, expected) in [
            ("/dev/fuse", Ok(("/dev/fuse", "/dev/fuse", "rwm"))),
            ("/dev/fuse:r", Ok(("/dev/fuse", "/dev/fuse", "r"))),
            ("/dev/a:/dev/b", Ok(("/dev/a", "/dev/b", "rwm"))),
            ("/dev/a:/dev/b:rw", Ok(("/dev/a", "/dev/b", "rw"))),
            ("/dev/a::rw", Ok(("/dev/a", "/dev/a", "rw"))),
            ("/dev/a:/dev/b:x", Err("bad mode specified: x")),
            ("/dev/a:b", Err("b is not an absolute path")),
            ("a:b:c:d", Err("bad format for path: it is SRC[:DST[:rwm]]")),
        ] {
            let parsed = Request::parse(text).map(|r| (r.source, r.destination, r.access));
            assert_eq!(parsed, expected.map_err(str::to_owned), "{text}");
        }
    }
}
