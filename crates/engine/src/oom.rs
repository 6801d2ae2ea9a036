//! What the kernel says when memory has run out and it has killed a process: in its log only, from where it is taken as
//! soon as a run has ended that lost one. The counters of the cgroup say that it happened, but not to whom.

use std::os::fd::OwnedFd;

use barque_sys::Call as _;
use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::Result;

/// What the kernel has said of one kill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Whose memory had run out.
    pub whose: Whose,
    /// The process that was killed.
    pub victim: Process,
    /// The biggest processes at that moment, the biggest first.
    pub processes: Vec<Process>,
}

/// Whose memory had run out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Whose {
    /// The container's, at its own limit.
    #[default]
    Container,
    /// That of a group of which the container is a part.
    Parent,
    /// The whole machine's.
    Machine,
}

/// A process at the moment when memory had run out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Process {
    /// Its id, as the host numbers it.
    pub pid: i32,
    /// Its name, of which the kernel keeps 15 characters.
    pub name: String,
    /// What it had of memory, in bytes.
    pub memory: u64,
}

/// How many processes are kept.
const KEPT: usize = 5;

/// The kernel's log from a moment on.
#[derive(Debug)]
pub(crate) struct KernelLog(OwnedFd);

impl KernelLog {
    /// From now on. It needs privileges where `kernel.dmesg_restrict` is set.
    pub(crate) fn open() -> Result<Self> {
        const PATH: &str = "/dev/kmsg";
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let log =
            rustix::fs::open(PATH, flags, Mode::empty()).call(|| format!("open({PATH:?}, O_RDONLY)"))?;
        rustix::fs::seek(&log, SeekFrom::End(0)).call(|| format!("lseek({PATH:?}, SEEK_END)"))?;
        Ok(Self(log))
    }

    /// The last report about the container with this id.
    pub(crate) fn report(&self, id: &str) -> Option<Report> {
        let mut lines = Vec::new();
        // One record each; the kernel's are at most a kilobyte or so.
        let mut buffer = [0; 8192];
        loop {
            match rustix::io::read(&self.0, &mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    let record = String::from_utf8_lossy(&buffer[..count]);
                    // `priority,sequence,time,flags;text`, and fields of devices on lines of their own.
                    let text = record.split_once(';').map_or("", |(_, text)| text);
                    lines.push(text.lines().next().unwrap_or_default().to_owned());
                }
                // Records were overwritten meanwhile: what is left is read on.
                Err(Errno::PIPE | Errno::INTR) => {}
                Err(_) => break,
            }
        }
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        last_report(lines.iter().map(String::as_str), id, page)
    }
}

/// The last report about a container, among the lines of the kernel's log.
fn last_report<'a>(lines: impl Iterator<Item = &'a str>, id: &str, page: u64) -> Option<Report> {
    let (mut columns, mut table, mut last) = (0, Vec::new(), None::<Report>);
    for line in lines {
        if let Some(header) = line.trim_start().strip_prefix("[  pid  ]") {
            columns = header.split_whitespace().count();
            table.clear();
        } else if let Some(fields) = line.strip_prefix("oom-kill:") {
            last = told(fields, id, &mut table).or(last);
        } else if let (Some((_, killed)), Some(report)) = (line.split_once("Killed process "), &mut last) {
            if let Some(process) = killed_process(killed).filter(|it| it.pid == report.victim.pid) {
                report.victim = process;
            }
        } else if let Some(process) = row(line, columns, page) {
            table.push(process);
        }
    }
    last
}

/// `constraint=CONSTRAINT_MEMCG,…,oom_memcg=/…,task_memcg=/…,task=NAME,pid=N,uid=N`.
fn told(fields: &str, id: &str, table: &mut Vec<Process>) -> Option<Report> {
    let field = |name: &str| {
        let (_, rest) = fields.split_once(name)?;
        Some(rest.split(',').next().unwrap_or_default())
    };
    if !field(",task_memcg=")?.contains(id) {
        return None;
    }
    let whose = match field(",oom_memcg=") {
        Some(group) if group.contains(id) => Whose::Container,
        Some(_) => Whose::Parent,
        None => Whose::Machine,
    };
    let pid = fields.rsplit_once(",pid=")?.1.split(',').next()?.parse().ok()?;
    let name = fields.split_once(",task=")?.1.rsplit_once(",pid=")?.0.to_owned();
    let mut processes = std::mem::take(table);
    // What the whole machine runs is nobody's business here.
    processes.retain(|_| whose == Whose::Container);
    processes.sort_by_key(|process| std::cmp::Reverse(process.memory));
    processes.truncate(KEPT);
    let memory = processes.iter().find(|process| process.pid == pid).map_or(0, |process| process.memory);
    Some(Report { whose, victim: Process { pid, name, memory }, processes })
}

/// `1234 (NAME) total-vm:…kB, anon-rss:…kB, file-rss:…kB, shmem-rss:…kB, …`.
fn killed_process(text: &str) -> Option<Process> {
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let kilobytes = rest.split(", ").filter_map(|field| {
        let (_, size) = field.split_once("-rss:")?;
        size.split_once("kB")?.0.parse::<u64>().ok()
    });
    Some(Process { pid: pid.parse().ok()?, name: name.to_owned(), memory: kilobytes.sum::<u64>() * 1024 })
}

/// `[   1234]     0  1234     4538      316 … NAME`: the fourth column is its memory in pages, the last its name.
fn row(line: &str, columns: usize, page: u64) -> Option<Process> {
    let (pid, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let pid = pid.trim().parse().ok()?;
    let mut words = rest.split_whitespace();
    let pages: u64 = words.nth(3)?.parse().ok()?;
    let name: Vec<&str> = words.skip(columns.checked_sub(5)?).collect();
    Some(Process { pid, name: name.join(" "), memory: pages * page })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
tail invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
[   1900]     0  1900      999      100       50       50         0    57344        0             0 my program
[   1927]     0  1927     4538     4300     4000      300         0    73728        0             0 tail
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=abc,mems_allowed=0,oom_memcg=/p/abc,task_memcg=/p/abc,task=tail,pid=1927,uid=0
Memory cgroup out of memory: Killed process 1927 (tail) total-vm:18152kB, anon-rss:16000kB, file-rss:1264kB, shmem-rss:0kB, UID:0 pgtables:72kB oom_score_adj:0
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=def,mems_allowed=0,oom_memcg=/p,task_memcg=/p/def,task=a,b,pid=7,uid=0
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=ghi,mems_allowed=0,global_oom,task_memcg=/p/ghi,task=x,pid=8,uid=0
";

    fn process(pid: i32, name: &str, memory: u64) -> Process {
        Process { pid, name: name.into(), memory }
    }

    #[test]
    fn reports_are_found() {
        let find = |id| last_report(LOG.lines(), id, 4096);
        let own = find("abc").unwrap();
        assert_eq!(own.victim, process(1927, "tail", (16_000 + 1_264) << 10));
        assert_eq!(
            own.processes,
            [process(1927, "tail", 4300 * 4096), process(1900, "my program", 100 * 4096)]
        );
        let parent = find("def").unwrap();
        assert_eq!((parent.whose, parent.victim), (Whose::Parent, process(7, "a,b", 0)));
        assert_eq!(find("ghi").unwrap().whose, Whose::Machine);
        assert_eq!(find("other"), None);
    }

    #[test]
    fn older_kernels_have_fewer_columns() {
        let log = LOG.replace(" rss_anon rss_file rss_shmem", "").replace("     4000      300         0", "");
        let report = last_report(log.lines(), "abc", 4096).unwrap();
        assert_eq!(report.processes[0], process(1927, "tail", 4300 * 4096));
    }

    #[test]
    fn any_text_is_read() {
        for text in [
            "[",
            "[1]",
            "[x] 1 2 3 4",
            "oom-kill:",
            "oom-kill:,task_memcg=abc",
            "Killed process ",
            "[  pid  ]\n[1] 1 2 3 4",
        ] {
            assert_eq!(last_report(text.lines(), "abc", 4096), None, "{text}");
        }
    }
}
