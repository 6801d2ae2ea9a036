//! What is known of a run when it has ended, and would be gone with its cgroup.

use barque_runtime::spec::Spec;
use barque_sys::process::Exit;

use crate::oom::KernelLog;
use crate::state::{End, MemoryAtEnd};
use crate::{Container, Time};

/// A limit above this is none: v1 shows the highest number of pages.
const UNLIMITED: u64 = 1 << 60;

/// Opens the kernel's log where it may have to be asked for a reason: memory is limited. Where it may not be read, the
/// reason stays unknown.
pub(super) fn kernel_log(spec: &Spec<'_>) -> Option<KernelLog> {
    let resources = spec.linux.as_ref()?.resources.as_ref()?;
    resources.memory?.limit.filter(|limit| *limit > 0)?;
    KernelLog::open().ok()
}

/// How a run has ended. One that went well and leaves no record (`--rm`) is not looked at any closer.
pub(super) fn end(container: &Container, exit: Exit, log: Option<&KernelLog>) -> End {
    let code = exit.code();
    let signal = if let Exit::Signal(number) = exit { Some(number) } else { None };
    let mut end = End { time: Time::now(), code, signal, ..End::default() };
    if code == 0 && container.definition.auto_remove {
        return end;
    }
    // An exit code of 137 alone does not say whether the kernel killed it for lack of memory.
    end.memory = memory(container);
    end.oom = end.memory.is_some_and(|memory| memory.kills > 0);
    if end.oom {
        end.oom_report = log.and_then(|log| log.report(container.id()));
    }
    end
}

fn memory(container: &Container) -> Option<MemoryAtEnd> {
    let runtime = container.places().runtime().open(container.id()).ok()?;
    let group = runtime.cgroup().ok()?;
    let kills = group.oom_kills().ok()?;
    let usage = group.memory_usage().ok()?;
    let limit = Some(usage.limit).filter(|limit| (1..UNLIMITED).contains(limit));
    Some(MemoryAtEnd { peak: usage.max, limit, kills, hits: usage.failcnt })
}
