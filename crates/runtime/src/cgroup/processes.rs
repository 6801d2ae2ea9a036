//! The processes of a cgroup: list, signal, freeze, thaw.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use barque_sys::{Call as _, ErrorKind, process};

use super::group::Group;
use super::io::{Io, errno, read, refused, write};
use crate::{Error, Result};

const SIGKILL: i32 = 9;

/// How long a freeze may take: a process in an uninterruptible sleep holds it up.
const FREEZE_PATIENCE: Duration = Duration::from_secs(5);

/// A cgroup and those below it, the innermost first. One that is gone has none.
pub(super) fn tree(dir: &Path) -> Io<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            result => result.call(|| format!("open({dir:?})"))?,
        };
        for entry in entries {
            let entry = entry.call(|| format!("getdents64({dir:?})"))?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
        }
        dirs.push(dir);
    }
    dirs.reverse();
    Ok(dirs)
}

/// The processes in one cgroup directory and those below it.
pub(super) fn pids(dir: &Path) -> Result<Vec<i32>> {
    let mut pids = BTreeSet::new();
    for dir in tree(dir)? {
        match read(&dir.join("cgroup.procs")) {
            Ok(text) => pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok())),
            // Gone meanwhile; or in threaded mode, where the domain above lists the processes.
            Err(error) if matches!(errno(&error), "ENOENT" | "ENODEV" | "EOPNOTSUPP") => {}
            Err(error) => return Err(error.into()),
        }
    }
    // A process of another pid namespace shows as 0, and kill(0) is for our own process group.
    pids.remove(&0);
    Ok(pids.into_iter().collect())
}

impl Group {
    /// Every process of the container, sub-cgroups included, by pid.
    pub fn pids(&self) -> Result<Vec<i32>> {
        self.primary().map_or_else(|| Ok(Vec::new()), pids)
    }

    /// Whether the cgroup is there.
    pub fn exists(&self) -> bool {
        self.primary().is_some_and(Path::exists)
    }

    /// Sends a signal to every process of the container.
    ///
    /// They are frozen meanwhile, so that none can be forked away from under the list. `SIGKILL` on a kernel
    /// with `cgroup.kill` (5.14) is one write instead.
    pub fn kill_all(&self, signal: i32) -> Result<()> {
        if signal == SIGKILL && self.kill_at_once()? {
            // On v1 the frozen die only when thawed. On v2 they die at once, but who enters next would freeze.
            return self.thaw();
        }
        let was_frozen = self.is_frozen()?;
        // Without a freezer the list is read again until nothing new comes; a pause is only the better way.
        let held = !was_frozen && self.freeze().is_ok();
        let signalled = self.signal_each(signal);
        if held || (was_frozen && signal == SIGKILL) {
            self.thaw()?;
        }
        signalled
    }

    fn signal_each(&self, signal: i32) -> Result<()> {
        let mut seen = BTreeSet::new();
        loop {
            let fresh: Vec<i32> = self.pids()?.into_iter().filter(|pid| seen.insert(*pid)).collect();
            if fresh.is_empty() {
                return Ok(());
            }
            for pid in fresh {
                signal_one(pid, signal)?;
            }
        }
    }

    /// True when `cgroup.kill` of v2 did it.
    fn kill_at_once(&self) -> Result<bool> {
        let Some(dir) = &self.unified else { return Ok(false) };
        let file = dir.join("cgroup.kill");
        match write(&file, "1") {
            Ok(()) => Ok(true),
            Err(error) if matches!(errno(&error), "ENOENT" | "EOPNOTSUPP" | "EACCES" | "EPERM") => Ok(false),
            Err(error) => Err(refused(&file, error)),
        }
    }

    /// Stops every process of the container where it is, and returns when all stand still.
    pub fn freeze(&self) -> Result<()> {
        let freezer = self.freezer()?;
        freezer.ask(true)?;
        let start = Instant::now();
        let mut pause = Duration::from_micros(100);
        while !freezer.stands()? {
            if start.elapsed() > FREEZE_PATIENCE {
                freezer.ask(false)?;
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    format!("cgroup {:?} did not freeze within {} s", freezer.dir(), FREEZE_PATIENCE.as_secs()),
                )
                .hint("a process of it is in an uninterruptible sleep: try again when its input or output is done"));
            }
            sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
            freezer.ask_again()?;
        }
        Ok(())
    }

    /// Lets every process of the container go on.
    pub fn thaw(&self) -> Result<()> {
        match self.freezer().and_then(|freezer| freezer.ask(false)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Whether the container is frozen, or on its way to be.
    pub fn is_frozen(&self) -> Result<bool> {
        match self.freezer() {
            Ok(freezer) => freezer.is_asked(),
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// v1's freezer where it is mounted, since that is where other programs look on such machines.
    fn freezer(&self) -> Result<Freezer<'_>> {
        let freezer = match (self.v1_dir("freezer"), &self.unified) {
            (Some(dir), _) => Freezer::V1(dir),
            (None, Some(dir)) => Freezer::V2(dir),
            (None, None) => {
                return Err(Error::unsupported("no cgroup hierarchy can freeze processes")
                    .hint("mount -t cgroup -o freezer freezer /sys/fs/cgroup/freezer"));
            }
        };
        if freezer.dir().exists() {
            return Ok(freezer);
        }
        Err(Error::new(ErrorKind::NotFound, format!("cgroup {:?} does not exist", freezer.dir())))
    }
}

/// The file of a cgroup that freezes it.
#[derive(Debug, Clone, Copy)]
enum Freezer<'a> {
    V1(&'a Path),
    V2(&'a Path),
}

impl Freezer<'_> {
    fn dir(&self) -> &Path {
        match self {
            Self::V1(dir) | Self::V2(dir) => dir,
        }
    }

    fn ask(&self, frozen: bool) -> Result<()> {
        let (file, value) = match (self, frozen) {
            (Self::V1(dir), true) => (dir.join("freezer.state"), "FROZEN"),
            (Self::V1(dir), false) => (dir.join("freezer.state"), "THAWED"),
            (Self::V2(dir), _) => (dir.join("cgroup.freeze"), if frozen { "1" } else { "0" }),
        };
        write(&file, value).map_err(|error| refused(&file, error))
    }

    /// v1 can stay `FREEZING` for ever when a task forked at the wrong moment; writing `FROZEN` again makes the
    /// kernel look at every task once more.
    fn ask_again(&self) -> Result<()> {
        match self {
            Self::V1(_) => self.ask(true),
            Self::V2(_) => Ok(()),
        }
    }

    fn stands(&self) -> Result<bool> {
        Ok(match self {
            Self::V1(dir) => read(&dir.join("freezer.state"))? == "FROZEN",
            Self::V2(dir) => read(&dir.join("cgroup.events"))?.lines().any(|line| line == "frozen 1"),
        })
    }

    fn is_asked(&self) -> Result<bool> {
        Ok(match self {
            Self::V1(dir) => read(&dir.join("freezer.state"))? != "THAWED",
            Self::V2(dir) => read(&dir.join("cgroup.freeze"))? == "1",
        })
    }
}

/// Sends a signal to a process of the list; that it is gone already is no failure.
fn signal_one(pid: i32, signal: i32) -> Result<()> {
    let sent = process::open_raw(pid).and_then(|pidfd| process::signal(&pidfd, signal));
    match sent {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => Ok(result?),
    }
}
