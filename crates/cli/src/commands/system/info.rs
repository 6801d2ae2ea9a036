//! `barque info`.

use barque_engine::{Containers, Places, Status};
use barque_image::store::Store;
use barque_runtime::cgroup::{Layout, Mode};
use barque_sys::file;
use serde_json::{Value, json};

use crate::commands::image::told;
use crate::flags::Parsed;
use crate::format::{Template, binary_size};
use crate::{Result, console};

/// Shows what there is, and what the machine has.
pub(super) fn info(flags: &Parsed, places: &Places) -> Result<i32> {
    let info = facts(places)?;
    match flags.value("format") {
        None | Some("") => console::out(&text(&info)),
        Some("json") => console::out(&format!("{info}\n")),
        Some(template) => console::out(&format!("{}\n", Template::lenient(template)?.execute(&info)?)),
    }
    Ok(0)
}

/// By Docker's names, and more.
fn facts(places: &Places) -> Result<Value> {
    let mut counts = [0_usize; 3];
    let listed = Containers::new(places.clone()).list()?;
    for container in &listed.containers {
        let place = match container.now().map(|now| now.status) {
            Ok(Status::Running) => 0,
            Ok(Status::Paused) => 1,
            _ => 2,
        };
        counts[place] += 1;
    }
    let layout = Layout::read()?;
    let (version, mode) = match layout.mode() {
        Mode::V1 => ("1", "v1"),
        Mode::Hybrid => ("1", "hybrid"),
        Mode::Unified => ("2", "v2"),
    };
    let mut controllers: Vec<&String> = layout.v1.iter().flat_map(|tree| &tree.controllers).collect();
    controllers.extend(layout.unified.iter().flat_map(|tree| &tree.controllers));
    controllers.sort();
    let names = rustix::system::uname();
    let name = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let read = |path: &str| file::read(path.as_ref()).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let memory = memory.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024;
    let system = read("/etc/os-release");
    let system = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux");
    let there = |path: &str| std::path::Path::new(path).exists();
    Ok(json!({
        "Containers": listed.containers.len(),
        "ContainersRunning": counts[0],
        "ContainersPaused": counts[1],
        "ContainersStopped": counts[2],
        "ContainersDamaged": listed.damaged.len(),
        "Images": Store::new(&places.root).list().map_err(told)?.len(),
        "ServerVersion": env!("CARGO_PKG_VERSION"),
        "Driver": "overlayfs",
        "DockerRootDir": places.root,
        "RunRoot": places.run_root,
        "CgroupVersion": version,
        "CgroupDriver": "cgroupfs",
        "CgroupMode": mode,
        "CgroupControllers": controllers,
        "DefaultNetwork": "bridge",
        "KernelVersion": name(names.release()),
        "KernelFeatures": {
            "overlayfs": read("/proc/filesystems").lines().any(|line| line.ends_with("overlay")),
            "seccomp": there("/proc/sys/kernel/seccomp"),
            "userNamespaces": there("/proc/self/ns/user"),
            "timeNamespaces": there("/proc/self/ns/time"),
            "cgroupNamespaces": there("/proc/self/ns/cgroup"),
            "pressure": there("/proc/pressure"),
        },
        "OperatingSystem": system.trim_matches('"'),
        "OSType": "linux",
        "Architecture": name(names.machine()),
        "Name": name(names.nodename()),
        "NCPU": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        "MemTotal": memory,
    }))
}

/// For people: a line for each fact.
fn text(info: &Value) -> String {
    let mut text = String::new();
    for (key, value) in info.as_object().into_iter().flatten() {
        let shown = match (key.as_str(), value) {
            ("MemTotal", memory) => binary_size(memory.as_u64().unwrap_or(0)),
            (_, Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            (_, Value::Object(items)) => {
                let has = |(name, there): (&String, &Value)| (there == true).then(|| name.clone());
                items.iter().filter_map(has).collect::<Vec<_>>().join(" ")
            }
            (_, Value::String(text)) => text.clone(),
            (_, other) => other.to_string(),
        };
        text.push_str(&format!("{key}: {shown}\n"));
    }
    text
}
