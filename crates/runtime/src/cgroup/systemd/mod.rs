//! The systemd driver: the container's cgroup is a transient scope that systemd makes, and delegates to us.
//!
//! systemd is asked over D-Bus, by a client of our own ([`wire`], [`bus`]) instead of `zbus`: that adds 2.2 MB to a
//! stripped static binary (measured with zbus 5.19: a third of what the whole binary may have) and 60 crates, and it
//! starts threads, while a process that forks containers and joins namespaces must have one only. What is needed of
//! D-Bus is six methods and one signal of one interface.
//!
//! Unlike with the cgroup file system, the process comes first and is moved: a scope must have one to be started.

mod bus;
mod properties;
mod unit;
mod wire;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::group::Group;
use super::layout::Layout;
use crate::plan::{Script, script::quote};
use crate::{Error, ErrorKind, Result};
use bus::{Bus, Failure};
use wire::Writer;

pub(super) use properties::of as properties;
pub use wire::Setting;

/// A systemd that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Systemd {
    /// The socket to reach it by.
    pub socket: PathBuf,
    /// Whether that is a message bus's; else it is systemd's own, which only its owner may use.
    pub is_bus: bool,
    /// Whether it is a user's own.
    pub is_user: bool,
    /// The cgroup its units are in, `""` for the machine's.
    pub control_group: String,
}

impl Systemd {
    /// The machine's.
    pub fn system() -> Result<Self> {
        let (socket, is_bus) = socket(Path::new("/run"), "dbus/system_bus_socket")?;
        Ok(Self { socket, is_bus, is_user: false, control_group: String::new() })
    }

    /// The user's own, found in `$XDG_RUNTIME_DIR`.
    pub fn user(runtime_dir: &Path) -> Result<Self> {
        let (socket, is_bus) = socket(runtime_dir, "bus")?;
        let control_group = Bus::connect(&socket, is_bus)?.property("ControlGroup")?;
        Ok(Self { socket, is_bus, is_user: true, control_group })
    }

    fn connect(&self) -> Result<Bus> {
        Bus::connect(&self.socket, self.is_bus)
    }
}

/// The bus, or systemd's own socket on a machine without one.
fn socket(run: &Path, bus: &str) -> Result<(PathBuf, bool)> {
    let sockets = [(run.join(bus), true), (run.join("systemd/private"), false)];
    let found = sockets.into_iter().find(|(path, _)| path.exists());
    found.filter(|_| run.join("systemd").exists()).ok_or_else(|| {
        Error::unsupported(format!("systemd does not run here: there is no {:?}", run.join("systemd")))
            .hint("use the cgroupfs driver")
    })
}

/// A container's scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Who keeps it.
    pub systemd: Systemd,
    /// Its name.
    pub unit: String,
    /// The slice it is in.
    pub slice: String,
}

/// A property of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: Setting,
    /// Whether a systemd that is older than v244 does not know it: then it goes without.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub newer: bool,
}

impl Property {
    const fn new(name: &'static str, value: Setting) -> Self {
        Self { name, value, newer: false }
    }

    const fn newer(name: &'static str, value: Setting) -> Self {
        Self { name, value, newer: true }
    }
}

/// A container's scope and cgroup, from `slice:prefix:name`.
pub(super) fn locate(
    layout: &Layout,
    systemd: &Systemd,
    cgroups_path: Option<&str>,
    id: &str,
) -> Result<Group> {
    let (slice, unit) = unit::names(cgroups_path, id, systemd.is_user)?;
    let path = format!("{}{}/{unit}", systemd.control_group, unit::path_of(&slice).unwrap_or_default());
    let scope = Scope { systemd: systemd.clone(), unit, slice };
    Group::at(layout, &path, Some(scope))
}

/// What every scope of ours is told beside the limits.
pub(super) fn basics(scope: &Scope, id: &str) -> Vec<Property> {
    vec![
        Property::new("Description", Setting::Text(format!("container {id}"))),
        Property::new("Slice", Setting::Text(scope.slice.clone())),
        // The cgroup and what is below it are ours to change from now on.
        Property::new("Delegate", Setting::Flag(true)),
        // Or it would be stopped, in the middle of a container's work, early in a shutdown.
        Property::new("DefaultDependencies", Setting::Flag(false)),
        // A scope whose process was killed for lack of memory must not stay as a failed unit.
        Property::newer("CollectMode", Setting::Text("inactive-or-failed".to_owned())),
    ]
}

impl Scope {
    /// Starts it, with a process inside.
    pub(super) fn start(&self, process: i32, properties: &[Property]) -> Result<()> {
        let pid = u32::try_from(process).map_err(|_| Error::invalid(format!("process id {process}")))?;
        let mut properties = properties.to_vec();
        properties.push(Property::new("PIDs", Setting::Numbers(vec![pid])));
        let mut bus = self.systemd.connect()?;
        let start = |bus: &mut Bus| {
            without_newer(&properties, |settings| {
                let mut body = self.named("fail");
                body.settings(settings);
                body.nothing();
                bus.run_job("StartTransientUnit", "ssa(sv)a(sa(sv))", &body)
            })
        };
        match start(&mut bus) {
            // A scope of the same name may have failed and stayed; one that runs is somebody else's.
            Err(Failure::Refused { name, .. }) if name.ends_with("UnitExists") => {
                self.forget_failure(&mut bus)?;
                Ok(start(&mut bus)?)
            }
            result => Ok(result?),
        }
    }

    /// Tells systemd of new limits.
    pub(super) fn set(&self, properties: &[Property]) -> Result<()> {
        let mut bus = self.systemd.connect()?;
        without_newer(properties, |settings| {
            let mut body = Writer::default();
            body.text(&self.unit);
            // Until the next boot, as the scope itself.
            body.number(1);
            body.settings(settings);
            bus.call("SetUnitProperties", "sba(sv)", &body).map(drop)
        })?;
        Ok(())
    }

    /// Stops it, and lets systemd forget it. That it is gone is no failure.
    pub(super) fn stop(&self) -> Result<()> {
        let mut bus = self.systemd.connect()?;
        match bus.run_job("StopUnit", "ss", &self.named("replace")) {
            Err(Failure::Refused { name, .. }) if name.ends_with("NoSuchUnit") => return Ok(()),
            result => result?,
        }
        self.forget_failure(&mut bus)
    }

    fn forget_failure(&self, bus: &mut Bus) -> Result<()> {
        let mut body = Writer::default();
        body.text(&self.unit);
        match bus.call("ResetFailedUnit", "s", &body) {
            Err(Failure::Broken(error)) => Err(error),
            // It has not failed, or is gone.
            _ => Ok(()),
        }
    }

    fn named(&self, mode: &str) -> Writer {
        let mut body = Writer::default();
        body.text(&self.unit);
        body.text(mode);
        body
    }

    /// The start as a person would type it. `$$` would be the outermost shell; the inner one asks a child for its parent's id.
    pub(super) fn start_script(&self, properties: &[Property], script: &mut Script) {
        let count = properties.len() + 1;
        let list = spelled(properties);
        self.call_script(
            script,
            &format!(
                "StartTransientUnit 'ssa(sv)a(sa(sv))' {} fail {count}{list} PIDs au 1 \"$(sh -c 'echo $PPID')\" 0",
                quote(&self.unit)
            ),
        );
    }

    /// The change of limits as a person would type it.
    pub(super) fn set_script(&self, properties: &[Property], script: &mut Script) {
        let (count, list) = (properties.len(), spelled(properties));
        self.call_script(
            script,
            &format!("SetUnitProperties 'sba(sv)' {} true {count}{list}", quote(&self.unit)),
        );
    }

    fn call_script(&self, script: &mut Script, call: &str) {
        let whose = if self.systemd.is_user { " --user" } else { "" };
        script.command(format!(
            "busctl{whose} call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
             org.freedesktop.systemd1.Manager {call}"
        ));
    }
}

/// Tries once more without the properties that an old systemd does not know: the cgroup's files get those values
/// anyway.
fn without_newer(
    properties: &[Property],
    mut call: impl FnMut(&[(&str, &Setting)]) -> std::result::Result<(), Failure>,
) -> std::result::Result<(), Failure> {
    let settings = |newer: bool| -> Vec<(&str, &Setting)> {
        let known = properties.iter().filter(|property| newer || !property.newer);
        known.map(|property| (property.name, &property.value)).collect()
    };
    match call(&settings(true)) {
        Err(Failure::Refused { name, .. })
            if properties.iter().any(|property| property.newer)
                && (name.ends_with("PropertyReadOnly") || name.ends_with("InvalidArgs")) =>
        {
            call(&settings(false))
        }
        result => result,
    }
}

/// Properties as words of `busctl`.
fn spelled(properties: &[Property]) -> String {
    let value = |setting: &Setting| match setting {
        Setting::Flag(flag) => flag.to_string(),
        Setting::Text(text) => quote(text),
        Setting::Number(number) => number.to_string(),
        Setting::Numbers(numbers) => counted(numbers.iter().map(ToString::to_string)),
        Setting::Bytes(bytes) => counted(bytes.iter().map(ToString::to_string)),
        Setting::Pairs(pairs) => {
            counted(pairs.iter().map(|(first, second)| format!("{} {}", quote(first), quote(second))))
        }
    };
    let one = |property: &Property| {
        format!(" {} {} {}", property.name, quote(property.value.signature()), value(&property.value))
    };
    properties.iter().map(one).collect()
}

fn counted(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    std::iter::once(words.len().to_string()).chain(words).collect::<Vec<_>>().join(" ")
}

/// The error for a scope whose process is not there yet: only a plan in a wrong order has one.
pub(super) fn no_process(scope: &Scope) -> Error {
    Error::new(ErrorKind::Internal, format!("scope {:?} is to be started before its process", scope.unit))
}

#[cfg(test)]
mod tests;
