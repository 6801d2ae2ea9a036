//! The limits of one container, each sent to where its controller is.

use super::devices;
use super::group::{Group, Place};
use super::layout::Layout;
use super::op::{Op, Value};
use super::{v1, v2};
use crate::spec::{Cpu, HugepageLimit, Memory, Network, Rdma, Resources};
use crate::{Error, Result};

/// The limits planned so far.
#[derive(Debug)]
pub(super) struct Limits<'a> {
    layout: &'a Layout,
    group: &'a Group,
    /// What to do.
    pub(super) ops: Vec<Op>,
    /// What cannot be had.
    pub(super) warnings: Vec<String>,
    /// The v2 controllers that the operations need.
    pub(super) needs: Vec<String>,
}

impl<'a> Limits<'a> {
    pub(super) fn new(layout: &'a Layout, group: &'a Group) -> Self {
        Self { layout, group, ops: Vec::new(), warnings: Vec::new(), needs: Vec::new() }
    }

    pub(super) fn warn(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }

    /// Adds values that depend on each other.
    pub(super) fn write(&mut self, values: Vec<Value>) {
        if !values.is_empty() {
            self.ops.push(Op::Write { values });
        }
    }

    /// All but devices and `unified`.
    pub(super) fn resources(&mut self, resources: &Resources<'_>) -> Result<()> {
        if let Some(cpu) = &resources.cpu {
            self.cpu(cpu)?;
        }
        if let Some(memory) = &resources.memory {
            self.memory(memory)?;
        }
        if let Some(limit) = resources.pids.and_then(|pids| pids.limit) {
            let field = "linux.resources.pids.limit";
            let (Place::V1(dir) | Place::V2(dir)) = self.place("pids", "pids", field)?;
            let value = if limit > 0 { limit.to_string() } else { "max".to_owned() };
            self.write(vec![Value::new(field, dir.join("pids.max"), value)]);
        }
        if let Some(io) = resources.block_io.as_ref().filter(|io| **io != crate::spec::BlockIo::default()) {
            match self.place("blkio", "io", "linux.resources.blockIO")? {
                Place::V1(dir) => v1::block_io(io, dir, self),
                Place::V2(dir) => v2::block_io(io, dir, self),
            }
        }
        for (index, limit) in resources.hugepage_limits.iter().enumerate() {
            self.hugetlb(limit, index)?;
        }
        for (device, limits) in &resources.rdma {
            self.rdma(device.as_str(), *limits)?;
        }
        resources.network.as_ref().map_or(Ok(()), |network| self.network(network))
    }

    /// Where a controller keeps its files: on v1 when a hierarchy has it, else on v2, where it is then needed.
    fn place(&mut self, on_v1: &str, on_v2: &str, field: &str) -> Result<Place<'a>> {
        if let Some(dir) = self.group.v1_dir(on_v1) {
            return Ok(Place::V1(dir));
        }
        let has = |name: &str| {
            self.layout
                .unified
                .as_ref()
                .is_some_and(|unified| unified.controllers.iter().any(|known| known == name))
        };
        match &self.group.unified {
            Some(dir) if has(on_v2) => {
                if !self.needs.iter().any(|known| known == on_v2) {
                    self.needs.push(on_v2.to_owned());
                }
                Ok(Place::V2(dir))
            }
            _ => Err(Error::unsupported(format!(
                "{field}: no cgroup hierarchy here has the controller {on_v1:?}"
            ))
            .hint(
                "mount it, take it off the kernel's cgroup_disable=, have it delegated, or drop the limit",
            )),
        }
    }

    fn cpu(&mut self, cpu: &Cpu<'_>) -> Result<()> {
        let time = Cpu { cpus: None, mems: None, ..cpu.clone() };
        if time != Cpu::default() {
            match self.place("cpu", "cpu", "linux.resources.cpu")? {
                Place::V1(dir) => v1::cpu(&time, dir, self),
                Place::V2(dir) => v2::cpu(&time, dir, self)?,
            }
        }
        let lists = [
            ("linux.resources.cpu.cpus", "cpuset.cpus", &cpu.cpus),
            ("linux.resources.cpu.mems", "cpuset.mems", &cpu.mems),
        ];
        for (field, file, list) in lists {
            if let Some(list) = list.as_deref().filter(|list| !list.is_empty()) {
                let (Place::V1(dir) | Place::V2(dir)) = self.place("cpuset", "cpuset", field)?;
                self.write(vec![Value::new(field, dir.join(file), list)]);
            }
        }
        Ok(())
    }

    fn memory(&mut self, memory: &Memory) -> Result<()> {
        if memory.kernel.unwrap_or(0) != 0 {
            self.warn("linux.resources.memory.kernel is left out: kernels since 5.16 do not limit kernel memory apart");
        }
        let rest = Memory { kernel: None, use_hierarchy: None, check_before_update: None, ..*memory };
        if rest == Memory::default() {
            return Ok(());
        }
        match self.place("memory", "memory", "linux.resources.memory")? {
            Place::V1(dir) => v1::memory(memory, dir, self),
            Place::V2(dir) => v2::memory(memory, dir, self),
        }
    }

    fn hugetlb(&mut self, limit: &HugepageLimit<'_>, index: usize) -> Result<()> {
        let size = limit.page_size.as_str();
        // It becomes part of a file's name.
        let digits = size.trim_end_matches("KB").trim_end_matches("MB").trim_end_matches("GB");
        if digits.len() + 2 != size.len() || digits.starts_with('0') || digits.parse::<u64>().is_err() {
            return Err(Error::invalid(format!(
                "linux.resources.hugepageLimits[{index}].pageSize is {size:?}"
            ))
            .hint("write it like \"2MB\"; the kernel's sizes are in /sys/kernel/mm/hugepages"));
        }
        match self.place("hugetlb", "hugetlb", "linux.resources.hugepageLimits")? {
            Place::V1(dir) => v1::hugetlb(limit, dir, self),
            Place::V2(dir) => v2::hugetlb(limit, dir, self),
        }
        Ok(())
    }

    fn rdma(&mut self, device: &str, limits: Rdma) -> Result<()> {
        let field = "linux.resources.rdma";
        let (Place::V1(dir) | Place::V2(dir)) = self.place("rdma", "rdma", field)?;
        if device.is_empty() || device.contains(char::is_whitespace) {
            return Err(Error::invalid(format!("{field} names the device {device:?}"))
                .hint("the devices are in /sys/class/infiniband"));
        }
        let mut value = device.to_owned();
        for (key, limit) in [("hca_handle", limits.hca_handles), ("hca_object", limits.hca_objects)] {
            if let Some(limit) = limit {
                value.push_str(&format!(" {key}={limit}"));
            }
        }
        self.write(vec![Value::new(field, dir.join("rdma.max"), value)]);
        Ok(())
    }

    fn network(&mut self, network: &Network<'_>) -> Result<()> {
        let class = network.class_id.is_some_and(|class| class != 0);
        for (asked, controller, set) in [
            (class, "net_cls", v1::net_cls as fn(&Network<'_>, &std::path::Path, &mut Self)),
            (!network.priorities.is_empty(), "net_prio", v1::net_prio),
        ] {
            if !asked {
                continue;
            }
            let Some(dir) = self.group.v1_dir(controller) else {
                return Err(Error::unsupported(format!(
                    "linux.resources.network: no v1 hierarchy has {controller}"
                ))
                .hint("cgroup v2 has none: match the cgroup in nftables (socket cgroupv2) instead"));
            };
            set(network, dir, self);
        }
        Ok(())
    }

    /// Devices: always limited, because a container that may open every disk is no container.
    pub(super) fn devices(&mut self, resources: &Resources<'_>) -> Result<()> {
        let rules = devices::policy(&resources.devices)?;
        match (self.group.v1_dir("devices"), &self.group.unified) {
            (Some(dir), _) => {
                let rules = devices::for_v1(&rules)?;
                self.ops.push(Op::DeviceList { dir: dir.to_owned(), rules });
            }
            (None, Some(dir)) => self.ops.push(Op::DeviceFilter { dir: dir.to_owned(), rules }),
            (None, None) if resources.devices.is_empty() => {
                self.warn("devices are not limited: no v1 hierarchy has the controller \"devices\"");
            }
            (None, None) => {
                return Err(Error::unsupported("linux.resources.devices: no hierarchy can limit devices")
                    .hint("mount -t cgroup -o devices devices /sys/fs/cgroup/devices"));
            }
        }
        Ok(())
    }

    /// v2 files by name, after everything else so that they win.
    pub(super) fn unified(&mut self, resources: &Resources<'_>) -> Result<()> {
        for (name, text) in &resources.unified {
            let name = name.as_str();
            let Some(dir) = self.group.unified.as_ref().filter(|_| self.group.is_unified) else {
                return Err(Error::unsupported(format!(
                    "linux.resources.unified[{name:?}] without cgroup v2"
                ))
                .hint("here the controllers are on v1: use linux.resources' own fields"));
            };
            let controller =
                name.split_once('.').map(|(controller, _)| controller).filter(|name| !name.is_empty());
            let Some(controller) = controller.filter(|_| !name.contains(['/', '\0'])) else {
                return Err(Error::invalid(format!("linux.resources.unified has the key {name:?}"))
                    .hint("keys are names of cgroup v2 files, like \"memory.high\""));
            };
            if controller != "cgroup" {
                self.place("", controller, &format!("linux.resources.unified[{name:?}]"))?;
            }
            // The kernel takes one line in each write.
            for line in text.as_str().lines().filter(|line| !line.trim().is_empty()) {
                self.write(vec![Value::new("linux.resources.unified", dir.join(name), line)]);
            }
        }
        Ok(())
    }
}
