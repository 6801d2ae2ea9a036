//! Capabilities: Docker's default set, `--cap-add`, `--cap-drop`, `--privileged`.

use barque_runtime::spec::{Capabilities, Str};
use barque_sys::capability::NAMES;

use super::Caller;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result};

/// What a container has unless told otherwise.
pub const DEFAULT_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Those of a user that is not root: it has none, but what its programs may gain stays bounded as it was.
pub(crate) fn without_capabilities(sets: Capabilities<'_>) -> Capabilities<'_> {
    Capabilities { bounding: sets.bounding, ..Capabilities::default() }
}

/// All that this process has.
pub(crate) fn with_all_capabilities() -> Capabilities<'static> {
    let own = rustix::thread::capabilities(None).map_or(0, |sets| sets.permitted.bits());
    let names: Vec<Str<'static>> = barque_sys::capability::Capabilities(own).names().map(Str::from).collect();
    Capabilities {
        bounding: names.clone(),
        effective: names.clone(),
        permitted: names,
        ..Capabilities::default()
    }
}

/// The capabilities of the container's process. `new_user_namespace` lifts the caller's bounding set.
pub(super) fn capabilities(
    flags: &Parsed,
    caller: &Caller,
    new_user_namespace: bool,
) -> Result<Capabilities<'static>> {
    let set = mask(flags, caller, new_user_namespace)?;
    let names: Vec<Str<'static>> = barque_sys::capability::Capabilities(set).names().map(Str::from).collect();
    // Inheritable stays empty: otherwise a file with inheritable capabilities gives them to any user
    // (CVE-2022-24769).
    Ok(Capabilities {
        bounding: names.clone(),
        effective: names.clone(),
        permitted: names,
        ..Capabilities::default()
    })
}

/// The set as a mask.
fn mask(flags: &Parsed, caller: &Caller, new_user_namespace: bool) -> Result<u64> {
    let known = (1u64 << (caller.last_capability.min(62) + 1)) - 1;
    let possible = if new_user_namespace { known } else { known & caller.bounding };
    let add = given(flags, "cap-add", "invalid CapAdd")?;
    let drop = given(flags, "cap-drop", "invalid CapDrop")?;
    if flags.switch("privileged") {
        return Ok(possible);
    }
    if let Some(number) = add.single.iter().find(|number| possible & (1 << **number) == 0) {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            format!("cannot give the capability {}", NAMES[*number]),
        )
        .hint("the caller does not have it in its own bounding set (see `capsh --print`), so it cannot pass it on"));
    }
    let default = DEFAULT_CAPABILITIES.iter().filter_map(|name| number(name)).fold(0, |set, n| set | 1 << n);
    // `--cap-drop ALL` empties the set and leaves what is added by name; `--cap-add ALL` fills it and takes
    // away what is dropped by name.
    let mut set = match (add.all, drop.all) {
        (true, _) => possible,
        (false, true) => 0,
        (false, false) => default & possible,
    };
    for number in drop.single.iter().filter(|_| !drop.all) {
        set &= !(1 << number);
    }
    for number in add.single {
        set |= 1 << number;
    }
    Ok(set)
}

/// Capabilities named by a flag.
struct Given {
    all: bool,
    single: Vec<usize>,
}

fn given(flags: &Parsed, long: &str, what: &str) -> Result<Given> {
    let mut given = Given { all: false, single: Vec::new() };
    for text in flags.all(long).flat_map(|text| text.split(',')) {
        if text.eq_ignore_ascii_case("all") {
            given.all = true;
            continue;
        }
        given.single.push(number(text).ok_or_else(|| {
            Error::invalid(format!("{what}: unknown capability: \"CAP_{}\"", stem(text)))
                .hint("see capabilities(7) for the names")
        })?);
    }
    Ok(given)
}

/// The name in capitals, without `CAP_`.
fn stem(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
}

/// The number of a capability: `NET_ADMIN`, `net_admin`, `CAP_NET_ADMIN`.
fn number(text: &str) -> Option<usize> {
    let stem = stem(text);
    NAMES.iter().position(|name| name.strip_prefix("CAP_") == Some(stem.as_str()))
}
