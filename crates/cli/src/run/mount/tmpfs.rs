//! `--tmpfs DST[:OPTIONS]`.

use barque_runtime::spec::Mount;

use super::{destination, kernel};
use crate::value::size;

/// What a tmpfs has unless its options say otherwise.
const DEFAULTS: [&str; 3] = ["noexec", "nosuid", "nodev"];
/// Options without a value that mount(8) knows for every file system.
const FLAGS: [&str; 18] = [
    "ro",
    "rw",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "sync",
    "async",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "tmpcopyup",
];
/// Options of tmpfs that have a value.
const VALUES: [&str; 8] = ["size", "nr_blocks", "nr_inodes", "mode", "uid", "gid", "mpol", "huge"];

/// A tmpfs from the flag's value.
pub(super) fn tmpfs(text: &str) -> Result<Mount<'static>, String> {
    let (path, options) = text.split_once(':').unwrap_or((text, ""));
    let destination = destination(path)?;
    let mut list: Vec<String> = DEFAULTS.iter().map(|option| (*option).to_owned()).collect();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        push(&mut list, option)?;
    }
    let options: Vec<&str> = list.iter().map(String::as_str).collect();
    Ok(kernel(&destination, "tmpfs", "tmpfs", &options))
}

/// Adds an option; it takes the place of its opposite, and of an earlier value.
fn push(list: &mut Vec<String>, option: &str) -> Result<(), String> {
    let (name, value) = match option.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (option, None),
    };
    match value {
        None if FLAGS.contains(&name) => {
            let stem = name.strip_prefix("no").unwrap_or(name);
            list.retain(|old| old.strip_prefix("no").unwrap_or(old) != stem);
            list.push(name.to_owned());
        }
        Some(value) if VALUES.contains(&name) && !value.is_empty() => {
            list.retain(|old| old.split_once('=').is_none_or(|(old, _)| old != name));
            list.push(match name {
                // A percentage of the memory is the kernel's to work out.
                "size" if !value.ends_with('%') => format!("size={}", size(value)?),
                _ => option.to_owned(),
            });
        }
        _ => return Err(format!("invalid tmpfs option {option:?}")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::tmpfs;

    #[test]
    fn merges_options_with_the_defaults() {
        for (text, expected) in [
            ("/t", "/t noexec,nosuid,nodev"),
            ("/t:rw,exec,size=64m", "/t nosuid,nodev,rw,exec,size=67108864"),
            ("/t//x/:size=50%,mode=1777,mode=700", "/t/x noexec,nosuid,nodev,size=50%,mode=700"),
        ] {
            let mount = tmpfs(text).unwrap();
            let options: Vec<&str> = mount.options.iter().map(|option| option.as_str()).collect();
            assert_eq!(format!("{} {}", mount.destination, options.join(",")), expected);
        }
        for (text, why) in [
            ("t", "invalid mount path: 't' mount path must be absolute"),
            ("/", "destination can't be '/'"),
            ("/t:bogus", "invalid tmpfs option \"bogus\""),
            ("/t:size=x", "invalid size: 'x'"),
            ("/t:size", "invalid tmpfs option \"size\""),
        ] {
            assert_eq!(tmpfs(text).unwrap_err(), why);
        }
    }
}
