use super::*;
use crate::plan::Script;

const HYBRID: (&str, &str, &str) = (
    "9:cpuset:/\n8:pids:/\n7:blkio:/\n5:devices:/\n4:memory:/\n1:cpu,cpuacct:/\n0::/\n",
    "\
31 23 0:31 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 23 0:32 / /cg/cpuset rw - cgroup cgroup rw,cpuset
33 23 0:33 / /cg/memory rw - cgroup cgroup rw,memory
34 23 0:34 / /cg/devices rw - cgroup cgroup rw,devices
35 23 0:35 / /cg/blkio rw - cgroup cgroup rw,blkio
36 23 0:36 / /cg/pids rw - cgroup cgroup rw,pids
37 23 0:37 / /cg/unified rw - cgroup2 cgroup2 rw
",
    "hugetlb rdma",
);

const UNIFIED: (&str, &str, &str) = (
    "0::/user.slice\n",
    "29 22 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    "cpuset cpu io memory hugetlb pids rdma",
);

const EVERYTHING: &str = r#"{
    "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}],
    "memory": {"limit": 10485760, "swap": 20971520, "reservation": 5242880, "kernel": 1},
    "cpu": {"shares": 2048, "quota": 50000, "period": 100000, "burst": 1000, "cpus": "0-1", "mems": "0"},
    "pids": {"limit": 32},
    "blockIO": {"weight": 500, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1048576}]},
    "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]
}"#;

fn planned(machine: (&str, &str, &str), json: &str) -> Result<Plan> {
    let resources: Resources<'_> = serde_json::from_str(json).unwrap();
    let request = Request {
        cgroups_path: Some("/p/c1"),
        id: "c1",
        resources: &resources,
        access: Access::Full,
        systemd: None,
    };
    plan(&Layout::parse(machine.0, machine.1, machine.2), &request)
}

fn script(plan: &Plan) -> String {
    let mut script = Script::new();
    for op in plan.ops.iter().chain(&plan.joins) {
        op.script(&mut script);
    }
    script.as_str().to_owned()
}

fn refusal(machine: (&str, &str, &str), json: &str) -> String {
    let error = planned(machine, json).unwrap_err();
    assert!(error.cure().is_some(), "{error} has no cure");
    error.to_string()
}

#[test]
fn everything_on_a_hybrid_machine() {
    let plan = planned(HYBRID, EVERYTHING).unwrap();
    insta::assert_snapshot!(script(&plan));
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
}

#[test]
fn everything_on_v2() {
    let plan = planned(UNIFIED, EVERYTHING).unwrap();
    insta::assert_snapshot!(script(&plan));
}

#[test]
fn a_plan_is_data() {
    let plan = planned(UNIFIED, r#"{"pids": {"limit": 0}, "devices": [{"allow": true}]}"#).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan.ops).unwrap());
}

#[test]
fn unified_comes_last_and_line_by_line() {
    let plan = planned(
        UNIFIED,
        r#"{"memory": {"limit": 4096}, "unified": {"memory.max": "8192", "io.max": "8:0 rbps=1\n8:16 rbps=2\n", "cgroup.max.depth": "3"}}"#,
    )
    .unwrap();
    let values: Vec<String> = plan
        .ops
        .iter()
        .filter_map(|op| match op {
            Op::Write { values } => Some(
                values
                    .iter()
                    .map(|v| format!("{} {}", v.file.file_name().unwrap().display(), v.value))
                    .collect(),
            ),
            _ => None,
        })
        .collect();
    assert_eq!(
        values,
        [
            "memory.max 4096",
            "cgroup.max.depth 3",
            "io.max 8:0 rbps=1",
            "io.max 8:16 rbps=2",
            "memory.max 8192"
        ]
    );
    let enabled = plan.ops.iter().find_map(|op| match op {
        Op::Enable { required, .. } => Some(required.join(" ")),
        _ => None,
    });
    assert_eq!(enabled.as_deref(), Some("io memory"));
}

#[test]
fn what_cannot_be_is_said() {
    let machine_v1 = (HYBRID.0, HYBRID.1.rsplit_once("37 ").unwrap().0, "");
    for (machine, json, start) in [
        (
            machine_v1,
            r#"{"unified": {"memory.high": "1"}}"#,
            "linux.resources.unified[\"memory.high\"] without cgroup v2",
        ),
        (HYBRID, r#"{"unified": {"hugetlb.2MB.max": "1"}}"#, "linux.resources.unified"),
        (UNIFIED, r#"{"unified": {"../memory.high": "1"}}"#, "linux.resources.unified has the key"),
        (UNIFIED, r#"{"unified": {"a/b.c": "1"}}"#, "linux.resources.unified has the key"),
        (
            UNIFIED,
            r#"{"unified": {"misc.max": "x 1"}}"#,
            "linux.resources.unified[\"misc.max\"]: no cgroup hierarchy",
        ),
        (
            machine_v1,
            r#"{"rdma": {"mlx5_0": {"hcaHandles": 1}}}"#,
            "linux.resources.rdma: no cgroup hierarchy",
        ),
        (HYBRID, r#"{"network": {"classID": 1}}"#, "linux.resources.network: no v1 hierarchy has net_cls"),
        (UNIFIED, r#"{"cpu": {"realtimeRuntime": 1}}"#, "linux.resources.cpu.realtimeRuntime"),
        (
            UNIFIED,
            r#"{"hugepageLimits": [{"pageSize": "../x2MB", "limit": 1}]}"#,
            "linux.resources.hugepageLimits[0].pageSize",
        ),
        (UNIFIED, r#"{"memory": {"swap": 100}}"#, "linux.resources.memory.swap 100 without"),
        (HYBRID, r#"{"memory": {"limit": 100, "swap": 50}}"#, "linux.resources.memory.swap 50 is below"),
        (HYBRID, r#"{"memory": {"swappiness": 101}}"#, "linux.resources.memory.swappiness is 101"),
    ] {
        let text = refusal(machine, json);
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn without_limits_only_the_cgroup_is_made() {
    let resources = Resources::default();
    let request = Request {
        cgroups_path: None,
        id: "c1",
        resources: &resources,
        access: Access::Delegated,
        systemd: None,
    };
    let plan = plan(&Layout::parse(UNIFIED.0, UNIFIED.1, ""), &request).unwrap();
    assert_eq!(plan.ops, [Op::Create { dir: "/sys/fs/cgroup/c1".into() }]);
}

#[test]
fn a_user_without_limits_can_do_without() {
    let layout = Layout::parse(UNIFIED.0, UNIFIED.1, UNIFIED.2);
    for (access, json, optional) in [
        (Access::Delegated, "{}", true),
        (Access::Delegated, r#"{"devices": [{"allow": false, "access": "rwm"}]}"#, true),
        (Access::Delegated, r#"{"memory": {}, "cpu": {}}"#, true),
        (Access::Delegated, r#"{"pids": {"limit": 7}}"#, false),
        (Access::Delegated, r#"{"unified": {"memory.high": "1"}}"#, false),
        (Access::Full, "{}", false),
    ] {
        let resources: Resources<'_> = serde_json::from_str(json).unwrap();
        let request = Request { cgroups_path: None, id: "c1", resources: &resources, access, systemd: None };
        assert_eq!(plan(&layout, &request).unwrap().optional, optional, "{access:?} {json}");
    }
}
