//! A process that cannot be mistaken for another that has got its id later.

use std::path::Path;

use barque_sys::file;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A process id, with what makes it unique: ids are used again, after a while and after a boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The id, as the host numbers it.
    pub pid: i32,
    /// When it started, in clock ticks since boot (`proc_pid_stat(5)`, field 22).
    pub start_time: u64,
    /// Of which boot (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
}

impl Identity {
    /// Reads the identity of a process that lives.
    pub fn of(pid: i32) -> Result<Self> {
        let stat = file::read(Path::new(&format!("/proc/{pid}/stat")))?;
        let start_time = parse_stat(&stat).map(|(_, start_time)| start_time).unwrap_or_default();
        Ok(Self { pid, start_time, boot_id: boot_id()? })
    }

    /// Whether that very process lives: not ended, not waiting to be reaped.
    pub fn is_alive(&self) -> bool {
        let Ok(stat) = file::read(Path::new(&format!("/proc/{}/stat", self.pid))) else { return false };
        let Some((state, start_time)) = parse_stat(&stat) else { return false };
        !matches!(state, 'Z' | 'X')
            && start_time == self.start_time
            && boot_id().is_ok_and(|id| id == self.boot_id)
    }
}

/// Which boot this is (`/proc/sys/kernel/random/boot_id`).
pub fn boot_id() -> Result<String> {
    Ok(file::read(Path::new("/proc/sys/kernel/random/boot_id"))?.trim().to_owned())
}

/// State and start time from the text of `/proc/PID/stat`. The name before them may hold anything, parentheses too, so
/// fields are counted from the last one.
fn parse_stat(text: &str) -> Option<(char, u64)> {
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some((state, start_time))
}

/// Reads a text as `/proc/PID/stat` (`crate::fuzz`).
pub(crate) fn fuzz(text: &str) {
    let _ = parse_stat(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "12 (a) (b c) S 1 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 0 0";
        assert_eq!(parse_stat(text), Some(('S', 4242)));
        assert_eq!(parse_stat("12 (sh"), None);
    }

    #[test]
    fn this_process_lives_and_one_with_another_start_time_does_not() {
        let me = Identity::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(me.is_alive());
        assert!(!Identity { start_time: me.start_time + 1, ..me.clone() }.is_alive());
        assert!(!Identity { boot_id: "another".to_owned(), ..me }.is_alive());
    }
}
