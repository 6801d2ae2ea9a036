//! Who has an address or a port, told so that it can be asked whether it still is there.

use std::path::Path;

use barque_sys::file;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A container, the process that started it, and the device it is reached by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The container's id.
    pub container: String,
    /// The device on the host that is there as long as the container's network namespace; empty when there is none.
    pub interface: String,
    /// The process that made it, or the container's own where no device tells.
    pub pid: i32,
    /// When that process started, in clock ticks since boot.
    pub start_time: u64,
    /// Of which boot.
    pub boot_id: String,
}

impl Owner {
    /// A container made by a process that lives.
    pub fn new(container: &str, interface: &str, pid: i32) -> Result<Self> {
        let start_time = started(pid).unwrap_or_default();
        let boot_id = boot_id()?;
        Ok(Self {
            container: container.to_owned(),
            interface: interface.to_owned(),
            pid,
            start_time,
            boot_id,
        })
    }

    /// Whether the container may be there: whoever makes it lives, or its device is there. Of another boot nothing is.
    pub fn is_alive(&self, has_link: &dyn Fn(&str) -> bool) -> bool {
        boot_id().is_ok_and(|boot_id| boot_id == self.boot_id)
            && (started(self.pid) == Some(self.start_time)
                || (!self.interface.is_empty() && has_link(&self.interface)))
    }
}

fn boot_id() -> Result<String> {
    Ok(file::read(Path::new("/proc/sys/kernel/random/boot_id"))?.trim().to_owned())
}

/// When a process that lives has started: field 22 of `/proc/PID/stat`, counted from the name's last parenthesis. A
/// zombie has ended.
fn started(pid: i32) -> Option<u64> {
    let text = file::read(Path::new(&format!("/proc/{pid}/stat"))).ok()?;
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(start_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_while_its_process_or_its_device_does() {
        let own = Owner::new("c", "bq0", std::process::id().cast_signed()).unwrap();
        assert!(own.is_alive(&|_| false));
        let later = Owner { start_time: own.start_time + 1, ..own.clone() };
        assert!(!later.is_alive(&|_| false), "another process has the id");
        assert!(later.is_alive(&|name| name == "bq0"), "the device is there");
        let other_boot = Owner { boot_id: "x".to_owned(), ..own.clone() };
        assert!(!other_boot.is_alive(&|_| true));
        assert!(!Owner { interface: String::new(), ..later }.is_alive(&|_| true));
    }
}
