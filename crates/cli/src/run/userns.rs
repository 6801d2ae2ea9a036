//! `--userns`, `--uidmap`, `--gidmap`: the user namespace and what its ids stand for.

use barque_runtime::spec::{IdMapping, Namespace, NamespaceKind};

use super::{Caller, Host, IdRange, subordinate_ids};
use crate::flags::Parsed;
use crate::{Error, Result};

/// How the container's ids relate to the host's.
#[derive(Debug, Default, PartialEq)]
pub(super) struct UserNamespace {
    /// The namespace to make or join; none shares the caller's.
    pub namespace: Option<Namespace<'static>>,
    /// User ids of a new namespace.
    pub uids: Vec<IdMapping>,
    /// Group ids of a new namespace.
    pub gids: Vec<IdMapping>,
    /// The user the process runs as unless `--user` says otherwise (`keep-id`).
    pub default_user: Option<(u32, u32)>,
}

impl UserNamespace {
    /// Whether a new user namespace is made.
    pub(super) fn is_new(&self) -> bool {
        self.namespace.as_ref().is_some_and(|namespace| namespace.path.is_none())
    }

    /// Whether the container is in another user namespace than the caller.
    pub(super) fn is_foreign(&self) -> bool {
        self.namespace.is_some()
    }

    /// Whether the group id means anything inside.
    pub(super) fn has_gid(&self, gid: u32) -> bool {
        !self.is_new() || self.gids.iter().any(|range| contains(range, gid))
    }

    /// Whether the user id means anything inside.
    pub(super) fn has_uid(&self, uid: u32) -> bool {
        !self.is_new() || self.uids.iter().any(|range| contains(range, uid))
    }
}

fn contains(range: &IdMapping, id: u32) -> bool {
    id.checked_sub(range.container_id).is_some_and(|offset| offset < range.size)
}

/// Decides the user namespace. An unprivileged caller always gets one: nothing else is possible.
pub(super) fn user_namespace(flags: &Parsed, caller: &Caller, host: &dyn Host) -> Result<UserNamespace> {
    let mode = flags.value("userns").unwrap_or("");
    let given = Given { uids: flags.read_all("uidmap", mapping)?, gids: flags.read_all("gidmap", mapping)? };
    if !given.uids.is_empty() || !given.gids.is_empty() {
        if !matches!(mode, "" | "private") {
            return Err(Error::invalid(format!(
                "conflicting options: --userns {mode} and --uidmap or --gidmap"
            )));
        }
        return given.namespace(caller);
    }
    match mode {
        "" | "host" if caller.privileged => Ok(UserNamespace::default()),
        "" | "host" | "private" | "nomap" if !caller.privileged => Ok(rootless(caller, host)),
        "private" => Err(Error::invalid("--userns private needs to know which ids to map")
            .hint("add --uidmap 0:100000:65536, or write --userns uidmap=0:100000:65536")),
        "auto" => Err(Error::unsupported("--userns auto is not there yet in this version of barque")
            .hint("choose the ids yourself: --userns uidmap=0:100000:65536")),
        _ => match mode.split_once([':', '=']) {
            Some(("ns", path)) => Ok(joined(path)),
            Some(("container", _)) => Err(Error::unsupported("--userns container:… is not there yet")
                .hint("join the namespace by its file: --userns ns:/proc/PID/ns/user")),
            Some(("uidmap", _)) => {
                Given::parse(mode).map_err(|why| flags.invalid("userns", mode, why))?.namespace(caller)
            }
            Some(("keep-id", options)) => {
                keep_id(caller, host, options).map_err(|why| flags.invalid("userns", mode, why))
            }
            None if mode == "keep-id" => {
                keep_id(caller, host, "").map_err(|why| flags.invalid("userns", mode, why))
            }
            _ => Err(flags
                .invalid("userns", mode, "invalid USER mode")
                .hint("one of host, keep-id[:uid=N,gid=N], uidmap=CONTAINER:HOST:SIZE[,gidmap=…], ns:PATH")),
        },
    }
}

fn private() -> Option<Namespace<'static>> {
    Some(Namespace { kind: NamespaceKind::User, path: None })
}

fn joined(path: &str) -> UserNamespace {
    let namespace = Namespace { kind: NamespaceKind::User, path: Some(path.to_owned().into()) };
    UserNamespace { namespace: Some(namespace), ..UserNamespace::default() }
}

/// Ranges as given by the user.
struct Given {
    uids: Vec<IdMapping>,
    gids: Vec<IdMapping>,
}

impl Given {
    /// `uidmap=0:1000:1,uidmap=…,gidmap=…`; a range without a name continues the list before it.
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut given = Self { uids: Vec::new(), gids: Vec::new() };
        let mut groups = false;
        for part in text.split(',') {
            let range = match part.split_once('=') {
                Some(("uidmap", range)) => {
                    groups = false;
                    range
                }
                Some(("gidmap", range)) => {
                    groups = true;
                    range
                }
                Some((key, _)) => return Err(format!("unexpected key '{key}'")),
                None => part,
            };
            let list = if groups { &mut given.gids } else { &mut given.uids };
            list.push(mapping(range)?);
        }
        Ok(given)
    }

    fn namespace(self, caller: &Caller) -> Result<UserNamespace> {
        let uids = if self.uids.is_empty() { self.gids.clone() } else { self.uids };
        let gids = if self.gids.is_empty() { uids.clone() } else { self.gids };
        for (what, list) in [("uidmap", &uids), ("gidmap", &gids)] {
            overlap(what, list)?;
            if !caller.privileged && !list.iter().any(|range| contains(range, 0)) {
                return Err(Error::invalid(format!("--{what} maps no id to 0 in the container"))
                    .hint("the container is set up as its root: add a range that starts with 0:"));
            }
        }
        Ok(UserNamespace { namespace: private(), uids, gids, default_user: None })
    }
}

/// The kernel refuses overlapping ranges with a bare EINVAL; say which.
fn overlap(what: &str, list: &[IdMapping]) -> Result<()> {
    let meet = |a: u32, b: u32, x: &IdMapping, y: &IdMapping| {
        u64::from(a) < u64::from(b) + u64::from(y.size) && u64::from(b) < u64::from(a) + u64::from(x.size)
    };
    for (index, x) in list.iter().enumerate() {
        for y in &list[index + 1..] {
            if meet(x.container_id, y.container_id, x, y) || meet(x.host_id, y.host_id, x, y) {
                return Err(Error::invalid(format!(
                    "--{what}: {}:{}:{} and {}:{}:{} overlap",
                    x.container_id, x.host_id, x.size, y.container_id, y.host_id, y.size
                )));
            }
        }
    }
    Ok(())
}

/// `CONTAINER:HOST:SIZE`; the size is 1 when it is left out.
fn mapping(text: &str) -> std::result::Result<IdMapping, String> {
    let bad = || "an id mapping is CONTAINER:HOST:SIZE, three numbers".to_owned();
    let numbers: Vec<u32> =
        text.split(':').map(str::parse).collect::<std::result::Result<_, _>>().map_err(|_| bad())?;
    let (container_id, host_id, size) = match numbers[..] {
        [container, host] => (container, host, 1),
        [container, host, size] => (container, host, size),
        _ => return Err(bad()),
    };
    match size {
        0 => Err("an id mapping cannot be empty".to_owned()),
        _ if container_id.checked_add(size - 1).is_none() || host_id.checked_add(size - 1).is_none() => {
            Err("an id mapping ends beyond the last id".to_owned())
        }
        _ => Ok(IdMapping { container_id, host_id, size }),
    }
}

/// Ids of the caller, and those subordinate to it.
struct Owned {
    uids: Vec<IdRange>,
    gids: Vec<IdRange>,
}

impl Owned {
    fn of(caller: &Caller, host: &dyn Host) -> Self {
        // Missing or unreadable files mean no subordinate ids: the caller still has its own id to map.
        let read = |path: &str| host.read(path).unwrap_or_default();
        let login = caller.login.as_deref();
        let uids = subordinate_ids(&read("/etc/subuid"), login, caller.uid);
        let gids = subordinate_ids(&read("/etc/subgid"), login, caller.uid);
        // Both are needed, as most images have files of other groups wherever they have those of other users.
        if uids.is_empty() || gids.is_empty() {
            Self { uids: vec![], gids: vec![] }
        } else {
            Self { uids, gids }
        }
    }
}

/// Root in the container is the caller; the other ids are its subordinate ones.
fn rootless(caller: &Caller, host: &dyn Host) -> UserNamespace {
    let owned = Owned::of(caller, host);
    UserNamespace {
        namespace: private(),
        uids: around(0, caller.uid, &owned.uids),
        gids: around(0, caller.gid, &owned.gids),
        default_user: None,
    }
}

/// The caller keeps its ids in the container.
fn keep_id(caller: &Caller, host: &dyn Host, options: &str) -> std::result::Result<UserNamespace, String> {
    if caller.privileged {
        return Err("keep-id is for unprivileged users: root keeps its id without it".to_owned());
    }
    let (mut uid, mut gid) = (caller.uid, caller.gid);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("uid", number)) => uid = number.parse().map_err(|_| format!("invalid uid '{number}'"))?,
            Some(("gid", number)) => gid = number.parse().map_err(|_| format!("invalid gid '{number}'"))?,
            _ => return Err(format!("unknown option '{option}': only uid=N and gid=N")),
        }
    }
    let owned = Owned::of(caller, host);
    Ok(UserNamespace {
        namespace: private(),
        uids: around(uid, caller.uid, &owned.uids),
        gids: around(gid, caller.gid, &owned.gids),
        default_user: Some((uid, gid)),
    })
}

/// A mapping with `inside` → `outside`, and subordinate ids on the places before and after it, from 0 up.
fn around(inside: u32, outside: u32, ranges: &[IdRange]) -> Vec<IdMapping> {
    let mut list = Vec::with_capacity(ranges.len() + 2);
    let mut next = 0u32;
    let mut own = Some(IdMapping { container_id: inside, host_id: outside, size: 1 });
    for range in ranges {
        let (mut start, mut count) = (range.start, range.count);
        if own.is_some() && next + count > inside {
            let before = inside - next;
            push(&mut list, next, start, before);
            list.extend(own.take());
            (start, count, next) = (start + before, count - before, inside + 1);
        }
        push(&mut list, next, start, count);
        next = next.saturating_add(count);
    }
    list.extend(own);
    list
}

fn push(list: &mut Vec<IdMapping>, container_id: u32, host_id: u32, size: u32) {
    if size > 0 {
        list.push(IdMapping { container_id, host_id, size });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(list: &[IdMapping]) -> String {
        let one = |m: &IdMapping| format!("{}:{}:{}", m.container_id, m.host_id, m.size);
        list.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn fills_around_the_callers_id() {
        let one = [IdRange { start: 100_000, count: 65_536 }];
        let two = [IdRange { start: 10, count: 5 }, IdRange { start: 50, count: 5 }];
        for (inside, ranges, expected) in [
            (0, &one[..], "0:1000:1 1:100000:65536"),
            (1000, &one, "0:100000:1000 1000:1000:1 1001:101000:64536"),
            (0, &[], "0:1000:1"),
            (5, &[], "5:1000:1"),
            (7, &two, "0:10:5 5:50:2 7:1000:1 8:52:3"),
            (99, &two, "0:10:5 5:50:5 99:1000:1"),
        ] {
            assert_eq!(shown(&around(inside, 1000, ranges)), expected);
        }
    }

    #[test]
    fn reads_mappings() {
        assert_eq!(shown(&[mapping("0:1000:5").unwrap(), mapping("3:4").unwrap()]), "0:1000:5 3:4:1");
        for text in ["", "1", "a:b:c", "0:0:0", "4294967295:0:2", "1:2:3:4", "-1:0:1"] {
            assert!(mapping(text).is_err(), "{text}");
        }
        let given = Given::parse("uidmap=0:1:1,5:6:7,gidmap=0:2:3").unwrap();
        assert_eq!((shown(&given.uids).as_str(), shown(&given.gids).as_str()), ("0:1:1 5:6:7", "0:2:3"));
    }
}
