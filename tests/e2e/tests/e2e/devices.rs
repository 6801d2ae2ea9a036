//! Devices: which are there, and which may be used.

use crate::lab::{Lab, require_root};

#[test]
fn the_default_devices_and_no_more() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let said =
        lab.sh(&[], "cd /dev; for d in *; do [ -c $d -o -b $d ] && [ ! -L $d ] && echo $d; done; true");
    assert_eq!(said.ok(), "full\nnull\nrandom\ntty\nurandom\nzero");
}

#[test]
fn a_device_of_the_host_under_any_name() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let script = "ls -l /dev/nothing | tr -s ' ' | cut -d' ' -f1,5,6; echo > /dev/nothing && echo written; \
                  cat /dev/nothing 2>&1";
    let said = lab.sh(&["--device", "/dev/kmsg:/dev/nothing:w"], script);
    assert!(said.out.starts_with("crw") && said.out.contains("1, 11"), "{said:?}");
    assert!(said.out.contains("written") && said.out.contains("not permitted"), "{said:?}");
    lab.run(&["--device", "/dev/no-such-device"], &["true"]).fails(125, &["/dev/no-such-device"]);
}

#[test]
fn a_rule_allows_a_node_made_inside() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    // A device that anybody may open, on this machine at least.
    if std::fs::File::open("/dev/fuse").is_err() {
        println!("skipped: this machine has no /dev/fuse that could be opened");
        return;
    }
    let script = "mknod /tmp/fuse c 10 229 && head -c 0 /tmp/fuse && echo open";
    let said = lab.sh(&[], script);
    assert!(said.code != 0 && said.err.contains("not permitted"), "{said:?}");
    let said = lab.sh(&["--device-cgroup-rule", "c 10:229 rwm"], script);
    assert_eq!(said.ok(), "open");
    lab.run(&["--device-cgroup-rule", "x 1:1 r"], &["true"]).fails(125, &["x 1:1 r"]);
}
