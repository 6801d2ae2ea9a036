//! Parsers of what comes from outside this program, as functions of bytes that must return whatever the bytes are. Run by
//! `tests/fuzz`.

use std::path::Path;

use crate::cgroup::{self, Access, Layout, Request};
use crate::plan::mount::RootSource;
use crate::plan::{self, CgroupTree, ExecInput, Host, Input, NAMESPACE_KINDS, Options};
use crate::spec::{self, Resources, Spec};
use crate::{Result, container, execute, explain, rdt, seccomp};

/// A parser and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("bundle", bundle),
    ("seccomp", seccomp),
    ("mountinfo", mountinfo),
    ("cgroup-stats", |bytes| text(bytes, cgroup::fuzz_stats)),
    ("program", execute::fuzz_program),
    ("process-stat", |bytes| text(bytes, container::fuzz_stat)),
];

fn text(bytes: &[u8], parser: impl Fn(&str)) {
    parser(&String::from_utf8_lossy(bytes));
}

/// A configuration, on its way to a plan and to the script of that.
fn bundle(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(process) = spec::process_from_json(&text) {
        drop(plan::make_exec(&ExecInput {
            process: &process,
            pid: 1,
            namespaces: NAMESPACE_KINDS.to_vec(),
            join: Vec::new(),
            rdt: None,
            clone_into: None,
            seccomp: None,
            personality: None,
            may_set_groups: true,
            keyring: None,
        }));
    }
    if let Ok(resources) = spec::resources_from_json(&text) {
        for layout in [layout(), unified()] {
            let request = Request {
                cgroups_path: None,
                id: "box",
                resources: &resources,
                access: Access::Full,
                systemd: None,
            };
            if let Ok(plan) = cgroup::plan(&layout, &request) {
                drop(cgroup::update(&layout, &plan.group, &resources));
            }
        }
    }
    let Ok(spec) = spec::spec_from_json(&text) else { return };
    for (privileged, layout) in [(true, layout()), (false, unified())] {
        if let Ok(plan) = planned(&spec, privileged, &layout) {
            drop(explain::script(&plan, &explain::Options { id: "box", seccomp_file: None }));
        }
    }
}

fn planned(spec: &Spec<'_>, privileged: bool, layout: &Layout) -> Result<plan::Plan> {
    let linux = spec.linux.as_ref();
    let none = Resources::default();
    let request = Request {
        cgroups_path: linux.and_then(|linux| linux.cgroups_path.as_deref()),
        id: "box",
        resources: linux.and_then(|linux| linux.resources.as_ref()).unwrap_or(&none),
        access: if privileged { Access::Full } else { Access::Delegated },
        systemd: None,
    };
    let group = cgroup::plan(layout, &request)?;
    let resctrl = Some(Path::new("/sys/fs/resctrl"));
    let rdt = linux.and_then(|linux| linux.intel_rdt.as_ref());
    plan::make(&Input {
        id: "box",
        bundle: Path::new("/bundle"),
        spec,
        root: RootSource::Directory { path: "/bundle/rootfs".into() },
        cgroup_trees: CgroupTree::of(layout, &group.group),
        cgroup: Some(group),
        rdt: rdt.map(|config| rdt::plan(config, "box", resctrl)).transpose()?,
        seccomp: linux.and_then(|linux| linux.seccomp.as_ref()).map(seccomp::compile).transpose()?,
        files: Vec::new(),
        options: Options { no_pivot: !privileged, start_later: privileged, ..Options::default() },
        host: Host { uid: u32::from(!privileged), gid: 0, privileged, rootfs_is_initramfs: false },
    })
}

fn layout() -> Layout {
    Layout::parse(
        "4:pids:/\n3:cpu,cpuacct:/\n2:memory:/\n1:devices:/\n0::/\n",
        "33 23 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
         34 23 0:34 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
         35 23 0:35 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n\
         36 23 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
         37 23 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        "",
    )
}

fn unified() -> Layout {
    Layout::parse(
        "0::/\n",
        "29 22 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "cpu cpuset io memory pids hugetlb",
    )
}

/// A profile, in Docker's form or in the specification's; what compiles keeps what the kernel asks of a filter.
fn seccomp(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let profile = seccomp::from_docker_json(&text, &["CAP_SYS_ADMIN"], seccomp::Arch::X86_64, (6, 1)).ok();
    let profile = profile.or_else(|| serde_json::from_str(&text).ok());
    if let Some(Ok(program)) = profile.as_ref().map(seccomp::compile) {
        let length = program.to_bytes().len();
        assert!(length > 0 && length % 8 == 0 && length / 8 <= 4096, "{length} bytes");
    }
}

fn mountinfo(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (cgroup, mountinfo) = text.split_once("\n\n").unwrap_or(("0::/\n", &text));
    let layout = Layout::parse(cgroup, mountinfo, "cpu memory pids");
    let resources = Resources::default();
    let request =
        Request { cgroups_path: None, id: "box", resources: &resources, access: Access::Full, systemd: None };
    drop(cgroup::plan(&layout, &request));
    drop(rdt::mount_point(mountinfo));
}
