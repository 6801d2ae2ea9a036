//! Users and groups of the container, from the text of its own `/etc/passwd` and `/etc/group`. Never NSS.

use barque_runtime::spec::User;

use crate::{Error, Result};

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passwd<'a> {
    /// Login name.
    pub name: &'a str,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home directory.
    pub home: &'a str,
}

/// A line of `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<'a> {
    /// Name.
    pub name: &'a str,
    /// Group id.
    pub gid: u32,
    /// Names of the members, comma separated.
    pub members: &'a str,
}

/// The readable lines of `/etc/passwd`.
pub fn passwd(text: &str) -> impl Iterator<Item = Passwd<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let mut numbers = fields.by_ref().skip(1);
        let (uid, gid) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        Some(Passwd { name, uid, gid, home: fields.nth(1).unwrap_or("") })
    })
}

/// The readable lines of `/etc/group`.
pub fn groups(text: &str) -> impl Iterator<Item = Group<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some(Group { name, gid, members: fields.next().unwrap_or("") })
    })
}

/// Who the process runs as.
#[derive(Debug, PartialEq)]
pub(super) struct Identity {
    /// Its ids.
    pub user: User<'static>,
    /// Its home directory.
    pub home: String,
}

/// Ids above this are refused, as everywhere in the field: some interfaces treat them as negative.
const MAX_ID: u32 = i32::MAX as u32;

/// The ids and the home directory of `exec --user`. `read` gives the text of a file of the container.
pub(crate) fn exec_user(
    user: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Result<(User<'static>, String)> {
    let identity = resolve(user, std::iter::empty(), read)?;
    Ok((identity.user, identity.home))
}

/// Resolves `--user` and `--group-add`. `read` gives the text of a file of the container.
pub(super) fn resolve<'a>(
    user: &str,
    extra: impl Iterator<Item = &'a str>,
    read: impl Fn(&str) -> Option<String>,
) -> Result<Identity> {
    let passwd_text = read("/etc/passwd").unwrap_or_default();
    let group_text = read("/etc/group").unwrap_or_default();
    let (user, group) = user.split_once(':').unwrap_or((user, ""));
    let user = if user.is_empty() { "0" } else { user };
    let number = id(user)?;
    // A name wins over a number, so that a user called "1000" is found.
    let entry = passwd(&passwd_text)
        .find(|entry| entry.name == user)
        .or_else(|| passwd(&passwd_text).find(|entry| Some(entry.uid) == number));
    let uid = entry.as_ref().map(|entry| entry.uid).or(number).ok_or_else(|| {
        Error::invalid(format!("unable to find user {user}: no matching entries in passwd file"))
            .hint("give a name from the container's /etc/passwd, or a number")
    })?;
    let gid = match group {
        "" => entry.as_ref().map_or(0, |entry| entry.gid),
        group => group_id(group, &group_text)?,
    };
    // The primary group is listed too: a process that drops it from its credentials must not slip past a
    // file's negative group permissions (CVE-2022-36109).
    let mut additional_gids = vec![gid];
    if let (Some(entry), "") = (&entry, group) {
        additional_gids.extend(
            groups(&group_text)
                .filter(|group| group.members.split(',').any(|m| m == entry.name))
                .map(|g| g.gid),
        );
    }
    for group in extra {
        additional_gids.push(group_id(group, &group_text)?);
    }
    let mut seen = Vec::with_capacity(additional_gids.len());
    additional_gids.retain(|gid| {
        !seen.contains(gid) && {
            seen.push(*gid);
            true
        }
    });
    let home = entry.map(|entry| entry.home).filter(|home| !home.is_empty()).unwrap_or("/").to_owned();
    Ok(Identity { user: User { uid, gid, additional_gids, ..User::default() }, home })
}

/// A group by name or number.
fn group_id(group: &str, text: &str) -> Result<u32> {
    if let Some(entry) = groups(text).find(|entry| entry.name == group) {
        return Ok(entry.gid);
    }
    id(group)?.ok_or_else(|| {
        Error::invalid(format!("unable to find group {group}: no matching entries in group file"))
            .hint("give a name from the container's /etc/group, or a number")
    })
}

/// A number, when the text is one.
fn id(text: &str) -> Result<Option<u32>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<u32>() {
        Ok(number) if number <= MAX_ID => Ok(Some(number)),
        _ => Err(Error::invalid(format!("{text}: uids and gids must be in range 0-{MAX_ID}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nbroken line\nann:x:1000:100:Ann,,,:/home/ann:/bin/sh\n\
                          77:x:5:6::/seven:\nnohome:x:9:9:::\n";
    const GROUP: &str =
        "root:x:0:\nusers:x:100:\nwheel:x:10:ann,bob\naudio:x:29:ann\nbad:x:y:ann\nninety:x:90:\n";

    fn run(user: &str, extra: &[&str]) -> Result<(u32, u32, Vec<u32>, String)> {
        let read = |path: &str| Some(if path == "/etc/passwd" { PASSWD } else { GROUP }.to_owned());
        let Identity { user, home } = resolve(user, extra.iter().copied(), read)?;
        Ok((user.uid, user.gid, user.additional_gids, home))
    }

    #[test]
    fn finds_users_and_groups() {
        for (user, extra, expected) in [
            ("", &[][..], (0, 0, vec![0], "/root")),
            ("root", &[], (0, 0, vec![0], "/root")),
            ("ann", &[], (1000, 100, vec![100, 10, 29], "/home/ann")),
            ("1000", &[], (1000, 100, vec![100, 10, 29], "/home/ann")),
            ("ann:wheel", &[], (1000, 10, vec![10], "/home/ann")),
            ("ann:5555", &[], (1000, 5555, vec![5555], "/home/ann")),
            (":users", &[], (0, 100, vec![100], "/root")),
            ("4242", &[], (4242, 0, vec![0], "/")),
            ("77", &[], (5, 6, vec![6], "/seven")),
            ("nohome", &[], (9, 9, vec![9], "/")),
            ("ann:wheel", &["audio", "10", "90", "7"], (1000, 10, vec![10, 29, 90, 7], "/home/ann")),
        ] {
            let (uid, gid, gids, home) = expected;
            assert_eq!(run(user, extra).unwrap(), (uid, gid, gids, home.to_owned()), "{user}");
        }
    }

    #[test]
    fn refuses_unknown_names_and_numbers_out_of_range() {
        for (user, extra, message) in [
            ("bob", &[][..], "unable to find user bob: no matching entries in passwd file"),
            ("ann:nobody", &[], "unable to find group nobody: no matching entries in group file"),
            ("ann", &["staff"], "unable to find group staff: no matching entries in group file"),
            ("2147483648", &[], "2147483648: uids and gids must be in range 0-2147483647"),
            ("-1", &[], "-1: uids and gids must be in range 0-2147483647"),
        ] {
            assert_eq!(run(user, extra).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn needs_no_files() {
        let identity = resolve("12:34", std::iter::empty(), |_| None).unwrap();
        assert_eq!((identity.user.uid, identity.user.gid, identity.home.as_str()), (12, 34, "/"));
    }
}
