//! `update`.

use barque_runtime::spec::{BlockIo, Cpu, IntelRdt, Memory, Pids, Resources};

use super::{id, options, table};
use crate::Result;
use crate::flags::{Command, Flag, Parsed};
use crate::value::{integer, size};

/// `update`.
pub(super) static UPDATE: Command = table(
    "barque oci update",
    "[OPTIONS] ID",
    "Change a container's limits",
    &[options(&[
        Flag::value("resources", "FILE", "Read the limits from a JSON file, or - for standard input")
            .short('r'),
        Flag::value("blkio-weight", "10-1000", "Relative block I/O weight"),
        Flag::value("cpu-period", "MICROSECONDS", "Length of a CFS period"),
        Flag::value("cpu-quota", "MICROSECONDS", "CPU time in each period"),
        Flag::value("cpu-burst", "MICROSECONDS", "CPU time that may be saved up"),
        Flag::value("cpu-share", "WEIGHT", "Relative CPU weight"),
        Flag::value("cpu-shares", "WEIGHT", ""),
        Flag::value("cpu-rt-period", "MICROSECONDS", "Length of a real-time period"),
        Flag::value("cpu-rt-runtime", "MICROSECONDS", "Real-time CPU time in each period"),
        Flag::value("cpu-idle", "0|1", "1: run only when nothing else wants to"),
        Flag::value("cpuset-cpus", "LIST", "CPUs"),
        Flag::value("cpuset-mems", "LIST", "Memory nodes"),
        Flag::value("memory", "SIZE", "Memory limit"),
        Flag::value("memory-reservation", "SIZE", "Soft memory limit"),
        Flag::value("memory-swap", "SIZE", "Memory and swap together; -1: unlimited swap"),
        Flag::value("kernel-memory", "SIZE", "Ignored: kernels have no such limit any more"),
        Flag::value("kernel-memory-tcp", "SIZE", "Memory of TCP buffers"),
        Flag::value("pids-limit", "NUMBER", "Number of tasks; -1: unlimited"),
        Flag::value("l3-cache-schema", "SCHEMA", "Intel RDT: L3 cache"),
        Flag::value("mem-bw-schema", "SCHEMA", "Intel RDT: memory bandwidth"),
    ])],
);

/// `update`.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The container's id.
    pub id: String,
    /// A file with the limits, `-` for standard input; the other flags count only without it.
    pub file: Option<String>,
    /// The limits given by flags.
    pub resources: Resources<'static>,
    /// Intel RDT schemata given by flags.
    pub intel_rdt: Option<IntelRdt<'static>>,
}

impl Update {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        let text = |long| flags.value(long).filter(|text| !text.is_empty()).map(str::to_owned);
        let rdt = IntelRdt {
            l3_cache_schema: text("l3-cache-schema").map(Into::into),
            mem_bw_schema: text("mem-bw-schema").map(Into::into),
            ..IntelRdt::default()
        };
        Ok(Self {
            id: id(flags)?,
            file: text("resources"),
            resources: Resources {
                memory: memory(flags)?,
                cpu: cpu(flags)?,
                pids: flags.read("pids-limit", integer)?.map(|limit| Pids { limit: Some(limit) }),
                block_io: flags
                    .read("blkio-weight", integer)?
                    .map(|weight| BlockIo { weight: Some(weight), ..BlockIo::default() }),
                ..Resources::default()
            },
            intel_rdt: (rdt != IntelRdt::default()).then_some(rdt),
        })
    }
}

fn memory(flags: &Parsed) -> Result<Option<Memory>> {
    let bytes = |long| flags.read(long, |text| if text == "-1" { Ok(-1) } else { size(text) });
    let memory = Memory {
        limit: bytes("memory")?,
        reservation: bytes("memory-reservation")?,
        swap: bytes("memory-swap")?,
        kernel: bytes("kernel-memory")?,
        kernel_tcp: bytes("kernel-memory-tcp")?,
        ..Memory::default()
    };
    Ok((memory != Memory::default()).then_some(memory))
}

fn cpu(flags: &Parsed) -> Result<Option<Cpu<'static>>> {
    let text = |long| flags.value(long).filter(|text| !text.is_empty()).map(|text| text.to_owned().into());
    let shares = flags.read("cpu-share", integer)?;
    let cpu = Cpu {
        shares: if shares.is_some() { shares } else { flags.read("cpu-shares", integer)? },
        quota: flags.read("cpu-quota", integer)?,
        burst: flags.read("cpu-burst", integer)?,
        period: flags.read("cpu-period", integer)?,
        realtime_runtime: flags.read("cpu-rt-runtime", integer)?,
        realtime_period: flags.read("cpu-rt-period", integer)?,
        cpus: text("cpuset-cpus"),
        mems: text("cpuset-mems"),
        idle: flags.read("cpu-idle", integer)?,
    };
    Ok((cpu != Cpu::default()).then_some(cpu))
}
