//! Doing and undoing the operations.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use barque_sys::{Call as _, ErrorKind};

use super::io::{errno, open, read, refused, write, write_open};
use super::op::{Done, Op, Value};
use super::{device_filter, devices, remove, systemd};
use crate::error::Context as _;
use crate::{Error, Result};

impl Op {
    /// Does it, where no process of the container is concerned.
    pub fn execute(&self) -> Result<Done> {
        self.execute_with(None)
    }

    /// Does it, with the container's process, once it is there: a scope is started around it.
    pub fn execute_with(&self, process: Option<i32>) -> Result<Done> {
        match self {
            Self::Create { dir } => return create(dir),
            Self::StartScope { scope, properties } => {
                scope.start(process.ok_or_else(|| systemd::no_process(scope))?, properties)?;
            }
            Self::SetProperties { scope, properties } => scope.set(properties)?,
            Self::Enable { dir, required, optional } => enable(dir, required, optional)?,
            Self::Inherit { file } => inherit(file)?,
            Self::CheckUsage { file, limit } => check_usage(file, *limit)?,
            Self::Write { values } => write_together(values)?,
            Self::WriteFirst { choices } => write_first(choices)?,
            Self::DeviceList { dir, rules } => device_list(dir, rules)?,
            Self::DeviceFilter { dir, rules } => device_filter::attach(dir, rules)?,
            Self::Join { file } => write(file, "0").map_err(|error| refused(file, error))?,
        }
        Ok(Done::default())
    }

    /// Takes back what it changed: removes the directories it made, so far as nobody else uses them now.
    /// Limits and filters go with their directory.
    pub fn undo(&self, done: &Done) -> Result<()> {
        if let Self::StartScope { scope, .. } = self {
            return scope.stop();
        }
        let mut made = done.made.iter().rev();
        if let Some(leaf) = made.next() {
            remove::remove_dir(leaf)?;
        }
        for shared in made {
            // One try: if another container has moved in meanwhile, the directory is that one's now.
            drop(fs::remove_dir(shared));
        }
        Ok(())
    }
}

/// Makes a cgroup; takes back what it made when it cannot finish.
fn create(dir: &Path) -> Result<Done> {
    let mut done = Done::default();
    let result = match make(dir, &mut done.made) {
        Ok(true) => Ok(()),
        Ok(false) => taken(dir),
        Err(error) => Err(error),
    };
    if result.is_err() {
        for dir in done.made.drain(..).rev() {
            drop(fs::remove_dir(dir));
        }
    }
    result.map(|()| done)
}

/// Makes a directory and what is missing above it; the last one first, because in nearly every case only that
/// one is missing. False when it was there already.
fn make(dir: &Path, made: &mut Vec<PathBuf>) -> Result<bool> {
    let mut result = fs::create_dir(dir);
    if matches!(&result, Err(error) if error.kind() == io::ErrorKind::NotFound) {
        if let Some(parent) = dir.parent() {
            make(parent, made)?;
        }
        result = fs::create_dir(dir);
    }
    if matches!(&result, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
        return Ok(false);
    }
    result.call(|| format!("mkdir({dir:?})")).map_err(|error| refused(dir, error))?;
    made.push(dir.to_owned());
    Ok(true)
}

/// A cgroup that is there already may be used when it is empty: its limits and its end would hit others. In one that is
/// frozen the container's process would never get anywhere, and could not even be killed.
fn taken(dir: &Path) -> Result<()> {
    let is = |name: &str, frozen: &str| read(&dir.join(name)).is_ok_and(|text| text.trim() == frozen);
    if is("freezer.state", "FROZEN") || is("cgroup.freeze", "1") {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("container's cgroup unexpectedly frozen: {dir:?} was there before, and is frozen"),
        )
        .hint("thaw or remove it, or choose another linux.cgroupsPath"));
    }
    let pids = super::processes::pids(dir)?;
    let Some(pid) = pids.first() else { return Ok(()) };
    Err(Error::new(
        ErrorKind::Conflict,
        format!("cgroup {dir:?} has processes of somebody else, pid {pid} for one"),
    )
    .hint("choose another linux.cgroupsPath, or end those processes"))
}

/// Enables all in one write; controller by controller when the kernel takes offence at one of them.
fn enable(dir: &Path, required: &[String], optional: &[String]) -> Result<()> {
    let file = dir.join("cgroup.subtree_control");
    let line = |controller: &String| format!("+{controller}");
    let all: Vec<String> = required.iter().chain(optional).map(line).collect();
    if all.is_empty() || write(&file, &all.join(" ")).is_ok() {
        return Ok(());
    }
    // Above a delegated subtree nothing may be written, and what is handed down there already is enough.
    let present = read(&file)?;
    let is_missing = |controller: &&String| !present.split_whitespace().any(|name| name == *controller);
    // A controller nobody asked for may stay away: it is not delegated, or its v1 hierarchy is in use.
    for controller in optional.iter().filter(is_missing) {
        drop(write(&file, &line(controller)));
    }
    for controller in required.iter().filter(is_missing) {
        write(&file, &line(controller))
            .map_err(|error| refused(&file, error))
            .context(|| format!("the container's limits need the cgroup controller {controller:?}"))?;
    }
    Ok(())
}

fn inherit(file: &Path) -> Result<()> {
    if !read(file)?.is_empty() {
        return Ok(());
    }
    let above: Option<PathBuf> =
        || -> Option<PathBuf> { Some(file.parent()?.parent()?.join(file.file_name()?)) }();
    let Some(above) = above.filter(|above| above.exists()) else {
        return Err(Error::unsupported(format!("{file:?} is empty and so is everything above it"))
            .hint("write a list into that file of the outermost cgroup"));
    };
    inherit(&above)?;
    write(file, &read(&above)?).map_err(|error| refused(file, error))
}

fn check_usage(file: &Path, limit: u64) -> Result<()> {
    let text = read(file)?;
    match text.parse::<u64>() {
        Ok(usage) if usage > limit => Err(Error::new(
            ErrorKind::Conflict,
            format!("linux.resources.memory.limit {limit} is below the present use of {usage} bytes"),
        )
        .hint("ask for more, or leave out checkBeforeUpdate")),
        _ => Ok(()),
    }
}

fn write_together(values: &[Value]) -> Result<()> {
    let mut left: Vec<&Value> = values.iter().collect();
    loop {
        let mut refusals = Vec::new();
        for value in &left {
            match write(&value.file, &value.value) {
                Err(error) if value.optional && errno(&error) == "ENOENT" => {}
                Err(error) => refusals.push((*value, error)),
                Ok(()) => {}
            }
        }
        let progress = refusals.len() < left.len();
        let retry = progress && refusals.iter().all(|(_, error)| matches!(errno(error), "EINVAL" | "EBUSY"));
        match refusals.first() {
            None => return Ok(()),
            Some(_) if retry => left = refusals.into_iter().map(|(value, _)| value).collect(),
            Some((value, error)) => return Err(value.refused(error)),
        }
    }
}

fn write_first(choices: &[Value]) -> Result<()> {
    let mut missing = None;
    for value in choices {
        match write(&value.file, &value.value) {
            Err(error) if errno(&error) == "ENOENT" => missing = Some((value, error)),
            result => return result.map_err(|error| value.refused(&error)),
        }
    }
    match missing {
        Some((value, error)) if !value.optional => Err(value.refused(&error)),
        _ => Ok(()),
    }
}

impl Value {
    fn refused(&self, error: &barque_sys::Error) -> Error {
        refused(&self.file, error.clone()).context(self.field)
    }
}

/// Rule by rule through two files that stay open: a dozen opens would cost more than the writes.
fn device_list(dir: &Path, rules: &[devices::Rule]) -> Result<()> {
    let mut files = [("devices.allow", None), ("devices.deny", None)];
    for (name, line) in devices::v1_lines(rules) {
        let path = dir.join(name);
        for (_, slot) in files.iter_mut().filter(|(file, _)| *file == name) {
            let file = match slot {
                Some(file) => file,
                None => slot.insert(open(&path, &line)?),
            };
            write_open(file, &path, &line)
                .map_err(|error| refused(&path, error))
                .context(|| "linux.resources.devices")?;
        }
    }
    Ok(())
}
