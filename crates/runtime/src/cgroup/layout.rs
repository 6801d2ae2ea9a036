//! Where the machine keeps its control groups: v1, v2 or both.

use std::fs::File;
use std::io::{ErrorKind as IoKind, Read as _};
use std::path::{Path, PathBuf};

use barque_sys::Call as _;

use super::io::read;
use crate::Result;

/// The cgroup trees of this machine, as this process sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The mounted v1 hierarchies, in the order of `/proc/self/cgroup`.
    pub v1: Vec<Hierarchy>,
    /// The cgroup v2 tree, where it is mounted.
    pub unified: Option<Unified>,
}

/// One mounted v1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its controllers; one `name=…` for a named hierarchy without any.
    pub controllers: Vec<String>,
    /// Where it is.
    pub tree: Tree,
}

/// The cgroup v2 tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unified {
    /// Where it is.
    pub tree: Tree,
    /// What the root's `cgroup.controllers` lists: on a hybrid machine, what no v1 hierarchy took.
    pub controllers: Vec<String>,
}

/// A mounted cgroup file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// Which of its directories is mounted there: `/`, or less inside another container.
    pub root: String,
    /// The cgroup of this process, from the hierarchy's root.
    pub own: String,
}

/// Which kinds of hierarchies a machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Controllers are on v1, and there is no v2.
    V1,
    /// Controllers are on v1, with a v2 tree beside them.
    Hybrid,
    /// Everything is on v2.
    Unified,
}

impl Layout {
    /// Reads `/proc/self/cgroup` and as much of `/proc/self/mountinfo` as is needed.
    pub fn read() -> Result<Self> {
        let own = read(Path::new("/proc/self/cgroup"))?;
        let mut search = Search::new(&own);
        search_mounts(&mut search)?;
        let mut layout = search.finish();
        if let Some(unified) = &mut layout.unified {
            let listed = read(&unified.tree.mount_point.join("cgroup.controllers"))?;
            unified.controllers = listed.split_whitespace().map(str::to_owned).collect();
        }
        Ok(layout)
    }

    /// The same from the files' texts, and that of the v2 root's `cgroup.controllers`.
    pub fn parse(cgroup: &str, mountinfo: &str, controllers: &str) -> Self {
        let mut search = Search::new(cgroup);
        for line in mountinfo.lines() {
            search.mount(line);
        }
        let mut layout = search.finish();
        if let Some(unified) = &mut layout.unified {
            unified.controllers = controllers.split_whitespace().map(str::to_owned).collect();
        }
        layout
    }

    /// Which kinds of hierarchies there are. A named v1 hierarchy alone (systemd's) does not count.
    pub fn mode(&self) -> Mode {
        let v1 = self.v1.iter().any(|hierarchy| !hierarchy.is_named());
        match (&self.unified, v1) {
            (Some(_), false) => Mode::Unified,
            (Some(_), true) => Mode::Hybrid,
            (None, _) => Mode::V1,
        }
    }

    /// Whether no cgroup file system is mounted at all.
    pub fn is_empty(&self) -> bool {
        self.v1.is_empty() && self.unified.is_none()
    }
}

impl Hierarchy {
    /// Whether it only has a name, and no controller.
    pub fn is_named(&self) -> bool {
        self.controllers.iter().all(|controller| controller.starts_with("name="))
    }
}

impl Tree {
    /// The directory of a cgroup given by its path from the mount point.
    pub fn dir(&self, path: &str) -> PathBuf {
        self.mount_point.join(path.trim_start_matches('/'))
    }

    /// A hierarchy's path as a path from the mount point; `None` when the mount does not reach it.
    pub fn visible<'p>(&self, path: &'p str) -> Option<&'p str> {
        let below = path.strip_prefix(self.root.trim_end_matches('/'))?;
        let whole = below.is_empty() || below.starts_with('/');
        (whole && !below.split('/').any(|part| part == "..")).then_some(if below.is_empty() {
            "/"
        } else {
            below
        })
    }
}

/// The mounts still looked for: reading `mountinfo` ends when all are found, because on a host with thousands
/// of containers it is long, while the cgroup mounts, made at boot, are at its beginning.
struct Search<'t> {
    wanted: Vec<(Vec<&'t str>, &'t str, Option<Tree>)>,
}

impl<'t> Search<'t> {
    /// From the lines `4:memory:/path` and `0::/path` of `/proc/self/cgroup`.
    fn new(cgroup: &'t str) -> Self {
        let line = |line: &'t str| {
            let mut fields = line.splitn(3, ':').skip(1);
            let controllers = fields.next()?.split(',').filter(|name| !name.is_empty()).collect();
            Some((controllers, fields.next()?, None))
        };
        Self { wanted: cgroup.lines().filter_map(line).collect() }
    }

    /// Looks at one line of `mountinfo`; true when nothing is left to look for.
    fn mount(&mut self, line: &str) -> bool {
        if let Some((point, root, options)) = cgroup_mount(line) {
            let found = |(controllers, _, tree): &&mut (Vec<&str>, &str, Option<Tree>)| {
                tree.is_none()
                    && match options {
                        None => controllers.is_empty(),
                        Some(options) => {
                            !controllers.is_empty()
                                && controllers
                                    .iter()
                                    .all(|name| options.split(',').any(|option| option == *name))
                        }
                    }
            };
            if let Some((_, own, tree)) = self.wanted.iter_mut().find(found) {
                let mount_point = PathBuf::from(unescape(point));
                *tree = Some(Tree { mount_point, root: unescape(root), own: (*own).to_owned() });
            }
        }
        self.wanted.iter().all(|(_, _, tree)| tree.is_some())
    }

    fn finish(self) -> Layout {
        let mut layout = Layout::default();
        for (controllers, _, tree) in self.wanted {
            let Some(tree) = tree else { continue };
            if controllers.is_empty() {
                layout.unified = Some(Unified { tree, controllers: Vec::new() });
            } else {
                let controllers = controllers.into_iter().map(str::to_owned).collect();
                layout.v1.push(Hierarchy { controllers, tree });
            }
        }
        layout
    }
}

/// Mount point, root and, on v1, options of a `mountinfo` line, if it is a cgroup file system's.
fn cgroup_mount(line: &str) -> Option<(&str, &str, Option<&str>)> {
    let (before, after) = line.split_once(" - cgroup")?;
    let mut fields = before.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    match after.strip_prefix("2 ") {
        Some(_) => Some((point, root, None)),
        None => Some((point, root, Some(after.strip_prefix(' ')?.split(' ').nth(1)?))),
    }
}

/// Undoes the `\040` of `mountinfo`.
fn unescape(field: &str) -> String {
    if !field.contains('\\') {
        return field.to_owned();
    }
    let octal = |code: &str| code.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match octal(part) {
            Some(byte) => {
                text.push(byte);
                text.extend_from_slice(&part.as_bytes()[3..]);
            }
            None => text.extend(b"\\".iter().chain(part.as_bytes())),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Feeds `mountinfo` line by line and stops as soon as everything is found.
fn search_mounts(search: &mut Search<'_>) -> Result<()> {
    let path = Path::new("/proc/self/mountinfo");
    let mut file = File::open(path).call(|| format!("open({path:?})"))?;
    let mut buffer = vec![0; 8192];
    let mut held = 0;
    loop {
        if held == buffer.len() {
            buffer.resize(held * 2, 0);
        }
        let count = match file.read(&mut buffer[held..]) {
            Err(error) if error.kind() == IoKind::Interrupted => continue,
            result => result.call(|| format!("read({path:?})"))?,
        };
        held += count;
        let mut start = 0;
        while let Some(length) = buffer[start..held].iter().position(|byte| *byte == b'\n') {
            if search.mount(&String::from_utf8_lossy(&buffer[start..start + length])) {
                return Ok(());
            }
            start += length + 1;
        }
        if count == 0 {
            return Ok(());
        }
        buffer.copy_within(start..held, 0);
        held -= start;
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
