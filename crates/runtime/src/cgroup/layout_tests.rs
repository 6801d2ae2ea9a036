use std::path::Path;

use super::*;

const HYBRID_CGROUP: &str = "\
5:devices:/
4:memory:/process_api/d6
2:cpu,cpuacct:/
1:name=systemd:/
0::/
";

const HYBRID_MOUNTS: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/with\\040space rw,relatime - cgroup cgroup rw,devices
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

fn names(hierarchy: &Hierarchy) -> String {
    hierarchy.controllers.join(",")
}

#[test]
fn a_hybrid_machine() {
    let layout = Layout::parse(HYBRID_CGROUP, HYBRID_MOUNTS, "hugetlb misc\n");
    assert_eq!(layout.mode(), Mode::Hybrid);
    let found: Vec<_> = layout.v1.iter().map(|h| (names(h), h.tree.mount_point.to_str().unwrap())).collect();
    assert_eq!(
        found,
        [
            ("devices".to_owned(), "/sys/fs/cgroup/with space"),
            ("memory".to_owned(), "/sys/fs/cgroup/memory"),
            ("cpu,cpuacct".to_owned(), "/sys/fs/cgroup/cpu,cpuacct"),
            ("name=systemd".to_owned(), "/sys/fs/cgroup/systemd"),
        ]
    );
    assert_eq!(layout.v1[1].tree.own, "/process_api/d6");
    let unified = layout.unified.unwrap();
    assert_eq!(unified.tree.mount_point, Path::new("/sys/fs/cgroup/unified"));
    assert_eq!(unified.controllers, ["hugetlb", "misc"]);
}

#[test]
fn modes() {
    let v2 = "29 22 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
    let named = "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";
    for (cgroup, mounts, mode) in [
        ("0::/\n", v2.to_owned(), Mode::Unified),
        ("1:name=systemd:/\n0::/\n", format!("{v2}{named}"), Mode::Unified),
        (HYBRID_CGROUP, HYBRID_MOUNTS.to_owned(), Mode::Hybrid),
        ("4:memory:/\n0::/\n", "35 31 0:32 / /m rw - cgroup cgroup rw,memory\n".to_owned(), Mode::V1),
    ] {
        assert_eq!(Layout::parse(cgroup, &mounts, "").mode(), mode);
    }
    assert!(Layout::parse("0::/\n", "", "").is_empty());
}

#[test]
fn the_search_ends_with_the_last_hierarchy() {
    let mut search = Search::new("0::/\n");
    assert!(!search.mount("22 27 0:21 / /proc rw - proc proc rw"));
    assert!(search.mount("29 22 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"));
}

#[test]
fn a_mount_of_a_part() {
    let tree = |root: &str| Tree { mount_point: "/cg".into(), root: root.into(), own: "/".into() };
    for (root, path, visible) in [
        ("/", "/", Some("/")),
        ("/", "/a/b", Some("/a/b")),
        ("/docker/x", "/docker/x/a", Some("/a")),
        ("/docker/x", "/docker/x", Some("/")),
        ("/docker/x", "/docker/xy", None),
        ("/docker/x", "/", None),
        ("/", "/../other", None),
    ] {
        assert_eq!(tree(root).visible(path), visible, "{path} through a mount of {root}");
    }
}

#[test]
fn this_machine_is_read_as_it_is_parsed() {
    let text = |path: &str| std::fs::read_to_string(path).unwrap();
    let read = Layout::read().unwrap();
    let controllers =
        read.unified.as_ref().map(|unified| unified.tree.mount_point.join("cgroup.controllers"));
    let controllers = controllers.map(|path| text(path.to_str().unwrap())).unwrap_or_default();
    assert_eq!(read, Layout::parse(&text("/proc/self/cgroup"), &text("/proc/self/mountinfo"), &controllers));
}
