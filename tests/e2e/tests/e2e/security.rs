//! Capabilities, seccomp, what is masked.

use crate::lab::{Lab, require_root};

/// One line of `/proc/self/status`.
fn status(lab: &Lab, flags: &[&str], key: &str) -> String {
    let said = lab.run(flags, &["grep", &format!("^{key}:"), "/proc/self/status"]);
    said.ok().split_whitespace().last().unwrap_or_default().to_owned()
}

#[test]
fn capability_sets() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let bits = |flags: &[&str]| u64::from_str_radix(&status(&lab, flags, "CapEff"), 16).unwrap();
    // Docker's fourteen.
    assert_eq!(bits(&[]), 0xa804_25fb);
    assert_eq!(bits(&["--cap-add", "SYS_ADMIN"]), 0xa804_25fb | 1 << 21);
    assert_eq!(bits(&["--cap-add", "cap_sys_time"]), 0xa804_25fb | 1 << 25);
    assert_eq!(bits(&["--cap-drop", "CHOWN"]), 0xa804_25fb & !1);
    assert_eq!(bits(&["--cap-drop", "ALL"]), 0);
    assert_eq!(bits(&["--cap-drop", "ALL", "--cap-add", "KILL"]), 1 << 5);
    let all = u64::from_str_radix(&status(&lab, &["--privileged"], "CapBnd"), 16).unwrap();
    assert_eq!(bits(&["--privileged"]), all);
    assert_eq!(bits(&["--cap-add", "ALL"]), all);
    assert_eq!(bits(&["-u", "ann"]), 0);
    lab.run(&["--cap-add", "NO_SUCH"], &["true"]).fails(125, &["NO_SUCH"]);
}

#[test]
fn privileged_is_open() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let said = lab.sh(&["--privileged"], "grep Seccomp: /proc/self/status; mount -t tmpfs x /mnt 2>/dev/null || mkdir /m && mount -t tmpfs x /m && echo mounted; [ -w /proc/sys ] && ls /dev | wc -l");
    let text = said.ok();
    assert!(text.contains("Seccomp:\t0") && text.contains("mounted"), "{text}");
    let devices: u32 = text.split_whitespace().last().unwrap().parse().unwrap();
    assert!(devices > 20, "{text}");
}

#[test]
fn what_is_masked_cannot_be_read() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let said = lab.sh(&[], "cat /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/domainname");
    assert!(said.out.starts_with("0\n0\n"), "{said:?}");
    assert!(said.code != 0 && said.err.contains("Read-only"), "{said:?}");
    let said = lab
        .sh(&["--security-opt", "systempaths=unconfined"], "[ -s /proc/timer_list ] || wc -c < /proc/keys");
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn the_filter_is_on_unless_it_is_not_wanted() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    assert_eq!(status(&lab, &[], "Seccomp"), "2");
    assert_eq!(status(&lab, &["--security-opt", "seccomp=unconfined"], "Seccomp"), "0");
    lab.run(&[], &["unshare", "-U", "true"]).fails(1, &["Operation not permitted"]);
}

#[test]
fn a_filter_from_a_file() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}"#;
    let file = lab.file("profile.json", profile);
    let option = format!("seccomp={file}");
    lab.run(&["--security-opt", &option], &["mkdir", "/x"]).fails(1, &["not supported"]);
    let broken = format!("seccomp={}", lab.file("broken.json", "{\"defaultAction\": 7"));
    lab.run(&["--security-opt", &broken], &["true"]).fails(125, &["broken.json"]);
    let unknown = format!("seccomp={}", lab.file("unknown.json", r#"{"defaultAction":"SCMP_ACT_DANCE"}"#));
    lab.run(&["--security-opt", &unknown], &["true"]).fails(125, &["unknown.json", "SCMP_ACT_DANCE"]);
    lab.run(&["--security-opt", "seccomp=/no/such.json"], &["true"]).fails(125, &["/no/such.json"]);
}

#[test]
fn no_new_privileges() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    assert_eq!(status(&lab, &[], "NoNewPrivs"), "0");
    assert_eq!(status(&lab, &["--security-opt", "no-new-privileges"], "NoNewPrivs"), "1");
    assert_eq!(status(&lab, &["--security-opt", "no-new-privileges:true"], "NoNewPrivs"), "1");
}

#[test]
fn labels_where_there_is_no_module() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.run(&["--security-opt", "apparmor=unconfined", "--security-opt", "label=disable"], &["true"]).ok();
    let enabled = std::fs::read_to_string("/sys/module/apparmor/parameters/enabled").unwrap_or_default();
    if !enabled.starts_with('Y') {
        lab.run(&["--security-opt", "apparmor=strict"], &["true"])
            .fails(125, &["strict", "apparmor is not enabled"]);
    }
    lab.run(&["--security-opt", "nonsense=1"], &["true"]).fails(125, &["nonsense"]);
}

#[test]
fn kernel_parameters_of_the_namespaces() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let flags = ["--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmax=9000"];
    let said = lab.run(&flags, &["cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/msgmax"]);
    assert_eq!(said.ok(), "1\n9000");
    lab.run(&["--sysctl", "vm.swappiness=1"], &["true"]).fails(125, &["vm.swappiness"]);
    lab.run(&["--network", "host", "--sysctl", "net.ipv4.ip_forward=1"], &["true"])
        .fails(125, &["net.ipv4.ip_forward"]);
}
