//! Options of Docker's `local` driver: `type=`, `device=`, `o=`.

use std::collections::BTreeMap;

use crate::{Error, Result};

/// What is mounted in the place of a volume's directory: in each container by itself, in its mount namespace. Nothing is
/// ever mounted on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What.
    pub kind: Kind,
    /// Options as `mount(8)` has them.
    pub options: Vec<String>,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory of the host.
    Bind {
        /// Its absolute path.
        path: String,
        /// With the mounts below it.
        recursive: bool,
    },
    /// A file system.
    FileSystem {
        /// `tmpfs`, `nfs` …
        kind: String,
        /// The device, or whatever stands for it.
        device: String,
    },
}

impl Options {
    /// What options of a volume mean; none where there are none.
    pub fn read(options: &BTreeMap<String, String>) -> Result<Option<Self>> {
        if let Some(unknown) = options.keys().find(|key| !matches!(key.as_str(), "type" | "device" | "o")) {
            return Err(Error::invalid(format!("invalid option: {unknown:?}"))
                .hint("options of the local driver are type, device and o"));
        }
        let get = |key: &str| options.get(key).map(String::as_str).unwrap_or_default();
        let (kind, device) = (get("type"), get("device"));
        let mut list: Vec<String> =
            get("o").split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
        if kind.is_empty() && device.is_empty() && list.is_empty() {
            return Ok(None);
        }
        let bind = list.iter().any(|option| option == "bind");
        let rbind = list.iter().any(|option| option == "rbind");
        if bind || rbind || kind == "bind" {
            if !device.starts_with('/') {
                return Err(missing("device", "the directory of the host, an absolute path"));
            }
            list.retain(|option| !matches!(option.as_str(), "bind" | "rbind"));
            let kind = Kind::Bind { path: device.to_owned(), recursive: rbind };
            return Ok(Some(Self { kind, options: list }));
        }
        if kind.is_empty() {
            return Err(missing("type", "a file system, such as tmpfs or nfs"));
        }
        if device.is_empty() {
            return Err(missing("device", "what is mounted: tmpfs, for example, or :/path for nfs"));
        }
        if kind.starts_with("nfs") {
            address(&list)?;
        }
        let kind = Kind::FileSystem { kind: kind.to_owned(), device: device.to_owned() };
        Ok(Some(Self { kind, options: list }))
    }
}

fn missing(what: &str, cure: &str) -> Error {
    Error::invalid(format!("missing required option: {what:?}")).hint(format!("--opt {what}= names {cure}"))
}

/// The kernel takes addresses, no names, and there is no resolver here that it could ask.
fn address(options: &[String]) -> Result<()> {
    let address = options.iter().find_map(|option| option.strip_prefix("addr="));
    match address {
        Some(address) if address.parse::<std::net::IpAddr>().is_ok() => Ok(()),
        Some(name) => Err(Error::invalid(format!("option addr={name}: it is not an IP address"))
            .hint(format!("ask for it: getent ahosts {name}"))),
        None => Err(Error::invalid("missing option: addr").hint("--opt o=addr=ADDRESS names the NFS server")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<Options>> {
        Options::read(&pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn what_they_mean() {
        assert_eq!(read(&[]).unwrap(), None);
        let tmpfs = read(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m,uid=5")]).unwrap().unwrap();
        let kind = Kind::FileSystem { kind: "tmpfs".into(), device: "tmpfs".into() };
        assert_eq!((tmpfs.kind, tmpfs.options), (kind, vec!["size=1m".to_owned(), "uid=5".to_owned()]));
        let bind = read(&[("type", "none"), ("device", "/srv"), ("o", "bind,ro")]).unwrap().unwrap();
        let kind = Kind::Bind { path: "/srv".into(), recursive: false };
        assert_eq!((bind.kind, bind.options), (kind, vec!["ro".to_owned()]));
        assert!(read(&[("type", "nfs"), ("device", ":/x"), ("o", "addr=192.0.2.1,nfsvers=4")]).is_ok());
    }

    #[test]
    fn what_is_refused() {
        for (pairs, why) in [
            (&[("size", "1m")][..], "invalid option: \"size\""),
            (&[("type", "tmpfs")], "missing required option: \"device\""),
            (&[("device", "tmpfs")], "missing required option: \"type\""),
            (&[("o", "bind"), ("device", "srv")], "missing required option: \"device\""),
            (&[("type", "nfs"), ("device", ":/x")], "missing option: addr"),
            (&[("type", "nfs"), ("device", ":/x"), ("o", "addr=server")], "addr=server: it is not an IP"),
        ] {
            let error = read(pairs).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
