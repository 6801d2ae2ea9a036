//! Plans of specifications, without privileges.

use std::path::Path;

use super::mount::{RootSource, Source};
use super::{Actor, Host, Input, Mark, Op, Options, Plan, ProcessOp, make};
use crate::spec::{Spec, from_json};
use crate::{Error, seccomp};

const ROOT: Host = Host { uid: 0, gid: 0, privileged: true, rootfs_is_initramfs: false };

/// A configuration with `extra` members beside what every one here has, and `linux` members.
fn config(extra: &str, linux: &str) -> String {
    format!(
        r#"{{"ociVersion": "1.2.0", "root": {{"path": "rootfs"}}, {extra}
            "process": {{"args": ["true"], "cwd": "/", "user": {{"uid": 0, "gid": 0}}}},
            "linux": {{"namespaces": [{{"type": "mount"}}, {{"type": "pid"}}] {linux}}}}}"#
    )
}

fn plan_with(text: &str, options: Options, host: Host) -> Result<Plan, Error> {
    let spec: Spec<'_> = from_json(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let profile = spec.linux.as_ref().and_then(|linux| linux.seccomp.as_ref());
    make(&Input {
        id: "c",
        bundle: Path::new("/bundle"),
        spec: &spec,
        root: RootSource::Directory { path: "/bundle/rootfs".into() },
        cgroup: None,
        cgroup_trees: Vec::new(),
        rdt: None,
        seccomp: profile.map(|profile| seccomp::compile(profile).unwrap()),
        files: Vec::new(),
        options,
        host,
    })
}

fn plan(text: &str) -> Plan {
    plan_with(text, Options::default(), ROOT).unwrap()
}

fn position(plan: &Plan, what: impl Fn(&Op) -> bool) -> Option<usize> {
    plan.steps.iter().position(|step| what(&step.op))
}

/// The mounts of `"mounts": [MOUNT]`.
fn mounts(mount: &str) -> Result<Vec<super::mount::Mount>, Error> {
    let plan = plan_with(&config(&format!(r#""mounts": [{mount}],"#), ""), Options::default(), ROOT)?;
    let mount = |step: super::Step| match step.op {
        Op::Mount(mount) => Some(mount),
        _ => None,
    };
    Ok(plan.steps.into_iter().filter_map(mount).collect())
}

#[test]
fn volumes() {
    let mount = |options: &str| {
        let text = format!(r#"{{"destination": "/a", "source": "/v", "options": ["rbind", {options}]}}"#);
        mounts(&text).map(|mut mounts| mounts.remove(0))
    };
    let filled = mount(r#""X-barque.copyup", "X-barque.chown=33:34""#).unwrap();
    assert_eq!((filled.copy_up, filled.owner), (true, Some((33, 34))));
    let below = mount(r#""X-mount.subdir=a/b""#).unwrap();
    let source = Source::Bind { path: "/v".into(), recursive: true, subdirectory: Some("a/b".into()) };
    assert_eq!((below.source, below.copy_up, below.owner), (source, false, None));
    assert!(mount(r#""X-barque.chown=me""#).unwrap_err().to_string().contains("write UID:GID"));
}

#[test]
fn what_the_creator_gives_away_goes_to_ids_of_the_host() {
    let linux = r#", "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 9}],
        "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 9}]"#;
    let mount =
        r#""mounts": [{"destination": "/a", "source": "/v", "options": ["bind", "X-barque.chown=5:6"]}],"#;
    let text = config(mount, linux).replace(r#"{"type": "pid"}"#, r#"{"type": "pid"}, {"type": "user"}"#);
    let owner = |step: &super::Step| match &step.op {
        Op::PrepareMount { mount, .. } | Op::Mount(mount) => mount.owner,
        _ => None,
    };
    let owners: Vec<_> = plan(&text).steps.iter().filter_map(owner).collect();
    assert_eq!(owners, [(1005, 2006), (5, 6)], "the creator's, then the container's own");
}

#[test]
fn mount_sources() {
    let new = |kind: &str, source: Option<&str>, parameters: &[(&str, Option<&str>)]| Source::New {
        kind: kind.to_owned(),
        source: source.map(str::to_owned),
        parameters: parameters.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect(),
    };
    let bind = |path: &str, recursive| Source::Bind { path: path.into(), recursive, subdirectory: None };
    for (mount, source) in [
        (r#"{"destination": "/a", "type": "proc"}"#, new("proc", None, &[])),
        (
            r#"{"destination": "/a", "type": "tmpfs", "source": "x", "options": ["size=64k,mode=700", "sync"]}"#,
            new("tmpfs", Some("x"), &[("size", Some("64k")), ("mode", Some("700")), ("sync", None)]),
        ),
        (r#"{"destination": "/a", "type": "tmpfs", "options": ["ro"]}"#, new("tmpfs", None, &[("ro", None)])),
        (r#"{"destination": "/a", "type": "bind", "source": "/s"}"#, bind("/s", false)),
        (r#"{"destination": "/a", "source": "/s", "options": ["rbind"]}"#, bind("/s", true)),
        (
            r#"{"destination": "/a", "type": "none", "source": "s", "options": ["bind"]}"#,
            bind("/bundle/s", false),
        ),
        (
            r#"{"destination": "/a", "options": ["remount", "size=1m", "ro"]}"#,
            Source::Existing { parameters: vec![("size".to_owned(), Some("1m".to_owned()))] },
        ),
    ] {
        let made = mounts(mount).unwrap();
        assert_eq!(made.len(), 1, "{mount}");
        assert_eq!((&*made[0].target, &made[0].source), ("/a", &source), "{mount}");
    }
    assert_eq!(mounts(r#"{"destination": "a/b", "type": "proc"}"#).unwrap()[0].target, "/a/b");
}

#[test]
fn mounts_that_cannot_be() {
    for (mount, message) in [
        (r#"{"destination": "", "type": "proc"}"#, "mounts[0]: destination: is empty"),
        (r#"{"destination": "/a"}"#, "type: missing"),
        (r#"{"destination": "/a", "type": "bind"}"#, "source: missing"),
        (
            r#"{"destination": "/a", "source": "/s", "options": ["bind", "idmap"]}"#,
            "uidMappings and gidMappings: an idmapped mount needs both",
        ),
        (
            r#"{"destination": "/a", "type": "tmpfs", "options": ["idmap"],
                "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}],
                "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}"#,
            "the ids of a new \"tmpfs\" cannot be mapped",
        ),
        (
            r#"{"destination": "/a", "source": "/s", "options": ["bind", "tmpcopyup"]}"#,
            "tmpcopyup is for tmpfs",
        ),
    ] {
        let error = mounts(mount).unwrap_err();
        assert!(error.to_string().contains(message), "{mount}: {error}");
    }
}

#[test]
fn mounts_with_mapped_ids_are_prepared_by_the_creator() {
    let mappings = r#"[{"containerID": 0, "hostID": 4000, "size": 10}]"#;
    let plan = plan(&config(
        &format!(
            r#""mounts": [{{"destination": "/a", "type": "bind", "source": "/s"}},
                {{"destination": "/b", "type": "bind", "source": "/s", "options": ["idmap"],
                  "uidMappings": {mappings}, "gidMappings": {mappings}}}],"#
        ),
        "",
    ));
    let prepared = |op: &Op| matches!(op, Op::PrepareMount { slot: 0, mount } if mount.target == "/b");
    let sent = |op: &Op| *op == Op::Signal(Mark::MountsPrepared);
    let plain =
        |op: &Op| matches!(op, Op::Mount(m) if m.target == "/a" && matches!(m.source, Source::Bind { .. }));
    let mapped = |op: &Op| matches!(op, Op::Mount(m) if m.target == "/b" && matches!(m.source, Source::Prepared { slot: 0, .. }) && m.id_mapping.is_none());
    assert!(position(&plan, prepared).unwrap() < position(&plan, sent).unwrap());
    assert!(position(&plan, plain).is_some() && position(&plan, mapped).is_some());
    assert!(plan.of(Actor::Creator).any(prepared));
}

const USER: &str = r#", "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 100}],
    "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 100}]"#;

fn with_user_namespace(linux: &str) -> String {
    config("", &format!("{USER}{linux}"))
        .replace(r#"{"type": "pid"}"#, r#"{"type": "pid"}, {"type": "user"}"#)
}

#[test]
fn devices_of_a_user_namespace_are_made_by_the_creator_with_mapped_owners() {
    let device = |uid: u32| {
        format!(
            r#", "devices": [{{"path": "/dev/x", "type": "b", "major": 1, "minor": 5, "uid": {uid}, "gid": 7}}]"#
        )
    };
    let plan = plan(&with_user_namespace(&device(5)));
    let node = Source::Device { kind: 'b', major: 1, minor: 5, mode: 0o666, uid: 1005, gid: 2007 };
    assert!(
        plan.of(Actor::Creator)
            .any(|op| matches!(op, Op::PrepareMount { mount, .. } if mount.source == node))
    );
    assert!(!plan.of(Actor::Init).any(|op| matches!(op, Op::MakeDevice { path, .. } if path == "/dev/x")));
    let error = plan_with(&with_user_namespace(&device(100)), Options::default(), ROOT).unwrap_err();
    assert!(error.to_string().contains("linux.devices[0]: its owner 100:7 is not mapped"), "{error}");
}

#[test]
fn groups_are_given_up_unless_they_are_to_be_kept() {
    let keep = r#""annotations": {"run.oci.keep_original_groups": "1"},"#;
    let groups = |plan: &Plan| {
        plan.of(Actor::Init).find_map(|op| match op {
            Op::Process(ProcessOp::SetUser { groups, .. }) => Some(groups.clone()),
            _ => None,
        })
    };
    assert_eq!(groups(&plan(&config("", ""))), Some(Some(Vec::new())));
    assert_eq!(groups(&plan(&config(keep, ""))), Some(None));
    let dropped = |op: &Op| *op == Op::DropGroups;
    assert!(position(&plan(&with_user_namespace("")), dropped).is_some());
    let joined =
        config("", "").replace(r#"{"type": "pid"}"#, r#"{"type": "user", "path": "/proc/1/ns/user"}"#);
    let plan = plan(&joined);
    let join = |op: &Op| matches!(op, Op::Join { kind: crate::spec::NamespaceKind::User, .. });
    assert!(position(&plan, dropped).unwrap() < position(&plan, join).unwrap());
}

#[test]
fn a_listener_is_taken_before_the_program_runs() {
    let text = config(
        "",
        r#", "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/s",
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}"#,
    );
    for start_later in [false, true] {
        let plan = plan_with(&text, Options { start_later, ..Options::default() }, ROOT).unwrap();
        let at = |what: &dyn Fn(&Op) -> bool| plan.of(Actor::Init).position(what).unwrap();
        let load = at(&|op| matches!(op, Op::Process(ProcessOp::LoadSeccomp(_))));
        let taken = at(&|op| *op == Op::Await(Mark::ListenerTaken));
        assert!(
            load < taken && taken < at(&|op| matches!(op, Op::Exec { .. })),
            "start later: {start_later}"
        );
    }
}

#[test]
fn every_mark_that_is_awaited_is_reached_by_the_other_side() {
    for text in [config("", ""), with_user_namespace(""), with_network(&config("", ""))] {
        for start_later in [false, true] {
            let plan = plan_with(&text, Options { start_later, ..Options::default() }, ROOT).unwrap();
            for (waits, reaches) in [(Actor::Init, Actor::Creator), (Actor::Creator, Actor::Init)] {
                for op in plan.of(waits) {
                    let Op::Await(mark) = op else { continue };
                    assert!(plan.of(reaches).any(|op| *op == Op::Signal(*mark)), "{mark:?}, {start_later}");
                }
            }
        }
    }
}

fn with_network(text: &str) -> String {
    text.replace(r#"{"type": "pid"}"#, r#"{"type": "pid"}, {"type": "network"}"#)
}

/// The creator makes it beside the first mounts; sysfs shows the network namespace that it is mounted in.
#[test]
fn the_network_namespace_is_there_before_sysfs() {
    let mounts = r#""mounts": [{"destination": "/proc", "type": "proc"}, {"destination": "/sys", "type": "sysfs"},
        {"destination": "/tmp", "type": "tmpfs"}],"#;
    let plan = plan(&with_network(&config(mounts, "")));
    let steps: Vec<_> = plan
        .of(Actor::Init)
        .filter_map(|op| match op {
            Op::Mount(mount) => Some(mount.target.as_str()),
            Op::JoinNetwork => Some("network"),
            Op::Unshare { kinds } => {
                assert!(!kinds.contains(&crate::spec::NamespaceKind::Network));
                None
            }
            _ => None,
        })
        .collect();
    assert_eq!(steps, ["/proc", "network", "/sys", "/tmp"]);
    let made = position(&plan, |op| *op == Op::MakeNetwork).unwrap();
    assert!(made < position(&plan, |op| *op == Op::Signal(Mark::NetworkMade)).unwrap());
}

/// It belongs to the container's user namespace, and devices find it by the process that is in it.
#[test]
fn some_containers_make_their_network_namespace_themselves() {
    let unprivileged = Host { uid: 1000, gid: 1000, privileged: false, rootfs_is_initramfs: false };
    let devices = config("", r#", "netDevices": {"eth9": {}}"#);
    for (text, host) in
        [(with_user_namespace(""), ROOT), (with_user_namespace(""), unprivileged), (devices, ROOT)]
    {
        let plan = plan_with(&with_network(&text), Options::default(), host).unwrap();
        let by_itself = |op: &Op| matches!(op, Op::Unshare { kinds } if kinds.contains(&crate::spec::NamespaceKind::Network));
        assert!(plan.of(Actor::Init).any(by_itself), "{text}");
        assert!(plan.of(Actor::Init).any(|op| *op == Op::LoopbackUp), "{text}");
        assert!(position(&plan, |op| *op == Op::MakeNetwork).is_none(), "{text}");
    }
}

/// The init of `--init` is a mount of the program's own file, but for containers that could make that writable again.
#[test]
fn the_init_is_shared_where_nobody_can_write_to_it() {
    let admin = r#""capabilities": {"bounding": ["CAP_KILL", "CAP_SYS_ADMIN"]}, "cwd""#;
    let kill = r#""capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"]}, "cwd""#;
    let joined = config("", "").replace(r#"{"type": "pid"}"#, r#"{"type": "pid", "path": "/proc/1/ns/pid"}"#);
    let unprivileged = Host { uid: 1000, gid: 1000, privileged: false, rootfs_is_initramfs: false };
    let cases = [
        (config("", ""), ROOT, true),
        (config("", "").replace(r#""cwd""#, kill), ROOT, true),
        (config("", "").replace(r#""cwd""#, admin), ROOT, false),
        (joined, ROOT, false),
        (with_user_namespace(""), unprivileged, false),
    ];
    for (text, host, shared) in cases {
        let options = Options { init: Some("/run/init".to_owned()), ..Options::default() };
        let plan = plan_with(&text, options, host).unwrap();
        let copied = position(&plan, |op| *op == Op::CopyProgram { path: "/bundle/init".into() });
        let prepared = plan.of(Actor::Creator).find_map(|op| match op {
            Op::PrepareMount { mount, .. } if mount.source == Source::Program => Some(mount),
            _ => None,
        });
        assert_eq!(copied.is_none(), shared, "{text}");
        assert_eq!(prepared.is_some(), shared, "{text}");
        let is_init = |op: &Op| matches!(op, Op::Mount(mount) if mount.target == "/run/init" && mount.attributes.set & 1 != 0);
        assert!(position(&plan, is_init).is_some(), "{text}");
        // It is still held then.
        assert!(
            position(&plan, |op| matches!(op, Op::PrepareMount { .. }))
                < position(&plan, |op| *op == Op::ReleaseExecutable)
                || !shared
        );
        let last = plan.steps.last().map(|step| &step.op);
        assert_eq!(last, Some(&Op::ForkUnderInit { arguments: Vec::new() }), "{text}");
    }
}

/// The container's own procfs could be a fake: what goes through `/proc/self` is written while the host's is in sight.
#[test]
fn the_containers_procfs_gets_nothing() {
    let process = r#""oomScoreAdj": 5, "apparmorProfile": "p", "selinuxLabel": "l", "cwd""#;
    let hooks = r#""hooks": {"createContainer": [{"path": "/bin/hook"}]},"#;
    for text in [config(hooks, ""), with_user_namespace("")] {
        for no_pivot in [false, true] {
            let text = text.replace(r#""cwd""#, process);
            let plan = plan_with(&text, Options { no_pivot, ..Options::default() }, ROOT).unwrap();
            let at = |what: &dyn Fn(&Op) -> bool| plan.of(Actor::Init).position(what);
            let switch = at(&|op| matches!(op, Op::HideHostViews | Op::PivotRoot { .. })).unwrap();
            assert_eq!(at(&|op| *op == Op::HideHostViews).is_some(), no_pivot);
            let is_written = |op: &Op| {
                matches!(op, Op::Process(ProcessOp::SetOomScore { .. } | ProcessOp::SetLabel { .. }))
            };
            assert_eq!(plan.of(Actor::Init).filter(|op| is_written(op)).count(), 3);
            assert_eq!(plan.of(Actor::Init).take(switch).filter(|op| is_written(op)).count(), 3);
            // A hook would be executed with the program's label.
            let label = at(&|op| matches!(op, Op::Process(ProcessOp::SetLabel { .. })));
            assert!(at(&|op| matches!(op, Op::RunHooks { .. })) < label);
        }
    }
}
