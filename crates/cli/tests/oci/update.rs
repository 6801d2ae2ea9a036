//! `update`: what a limit becomes, in the kernel and in the container's configuration.

use std::path::PathBuf;

use crate::lab::Lab;

/// A container that runs, and its directory of a v1 controller or of v2.
fn running(lab: &Lab) -> impl Fn(&str) -> PathBuf {
    lab.ok(&["create", "demo"]);
    lab.ok(&["start", "demo"]);
    let table = std::fs::read_to_string(format!("/proc/{}/cgroup", lab.pid("demo"))).unwrap();
    move |controller| {
        let on_v1 = table.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (names, path) = rest.split_once(':')?;
            names
                .split(',')
                .any(|name| name == controller)
                .then(|| format!("/sys/fs/cgroup/{controller}{path}"))
        });
        let unified = || table.lines().find_map(|line| line.strip_prefix("0::")).unwrap();
        PathBuf::from(on_v1.unwrap_or_else(|| format!("/sys/fs/cgroup{}", unified())))
    }
}

fn resources(lab: &Lab) -> serde_json::Value {
    let text = std::fs::read_to_string(lab.states().join("demo/config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    config["linux"]["resources"].take()
}

#[test]
fn leaves_what_it_does_not_name_and_is_kept() {
    let Some(lab) = Lab::new() else { return };
    let directory = running(&lab);
    lab.ok(&["update", "--pids-limit", "20", "--memory", "64m", "demo"]);
    lab.ok(&["update", "--pids-limit", "30", "demo"]);
    lab.ok(&["update", "--cpu-quota", "20000", "--cpu-period", "50000", "demo"]);
    assert_eq!(
        resources(&lab),
        serde_json::json!({
            "memory": { "limit": 64 << 20 }, "pids": { "limit": 30 }, "cpu": { "quota": 20000, "period": 50000 },
        })
    );
    let pids = std::fs::read_to_string(directory("pids").join("pids.max")).unwrap();
    assert_eq!(pids.trim(), "30");
    let memory = directory("memory");
    let limit = [memory.join("memory.limit_in_bytes"), memory.join("memory.max")]
        .iter()
        .find_map(|file| std::fs::read_to_string(file).ok());
    assert_eq!(limit.unwrap().trim(), (64 << 20).to_string());
    lab.ok(&["delete", "--force", "demo"]);
}

#[test]
fn raises_and_lowers_memory_and_swap_together() {
    let Some(lab) = Lab::new() else { return };
    let _directory = running(&lab);
    // Each order of writing the two values is refused by the kernel for one of these.
    for (memory, swap) in [("32m", "48m"), ("64m", "96m"), ("16m", "24m")] {
        lab.ok(&["update", "--memory", memory, "--memory-swap", swap, "demo"]);
    }
    assert_eq!(resources(&lab)["memory"], serde_json::json!({ "limit": 16 << 20, "swap": 24 << 20 }));
    let refused = lab.run(&["update", "--memory", "64m", "demo"]);
    assert!(!refused.status.success());
    let text = String::from_utf8_lossy(&refused.stdout);
    assert!(text.contains("memory.swap 25165824 is below linux.resources.memory.limit"), "{text}");
    lab.ok(&["update", "--memory", "-1", "demo"]);
    assert_eq!(resources(&lab)["memory"], serde_json::json!({ "limit": -1, "swap": -1 }));
    lab.ok(&["delete", "--force", "demo"]);
}

#[test]
fn says_why_the_kernel_refuses() {
    let Some(lab) = Lab::new() else { return };
    let _directory = running(&lab);
    let file = lab.states().join("../resources.json");
    std::fs::write(&file, r#"{"memory": {"limit": 4096, "checkBeforeUpdate": true}}"#).unwrap();
    let refused = lab.run(&["update", "-r", file.to_str().unwrap(), "demo"]);
    let text = String::from_utf8_lossy(&refused.stdout);
    assert!(!refused.status.success() && text.contains("below the present use"), "{text}");
    assert_eq!(resources(&lab), serde_json::Value::Null);
    lab.ok(&["delete", "--force", "demo"]);
}
