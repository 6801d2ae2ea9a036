use std::path::Path;

use super::*;
use crate::cgroup::layout::Layout;

fn unified(own: &str) -> Layout {
    let mounts = "29 22 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    Layout::parse(&format!("0::{own}\n"), mounts, "cpu memory")
}

fn hybrid() -> Layout {
    let mounts = "\
32 31 0:29 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /cg/pids rw - cgroup cgroup rw,pids
41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw
";
    Layout::parse("2:cpu,cpuacct:/x\n1:pids:/y\n0::/\n", mounts, "")
}

#[test]
fn where_a_container_goes() {
    let session = "/user.slice/app.slice/run.scope";
    for (own, path, access, dir) in [
        ("/", None, Access::Full, "/sys/fs/cgroup/c1"),
        ("/", Some(""), Access::Full, "/sys/fs/cgroup/c1"),
        ("/", Some("/a/./b//c/"), Access::Full, "/sys/fs/cgroup/a/b/c"),
        (session, Some("a/b"), Access::Full, "/sys/fs/cgroup/a/b"),
        (session, None, Access::Delegated, "/sys/fs/cgroup/user.slice/app.slice/c1"),
        (session, Some("a"), Access::Delegated, "/sys/fs/cgroup/user.slice/app.slice/a"),
        (session, Some("/a"), Access::Delegated, "/sys/fs/cgroup/a"),
        ("/", None, Access::Delegated, "/sys/fs/cgroup/c1"),
    ] {
        let group = Group::locate(&unified(own), path, "c1", access).unwrap();
        assert_eq!(group.unified.as_deref(), Some(Path::new(dir)), "{own} {path:?} {access:?}");
        assert_eq!(format!("/sys/fs/cgroup{}", group.path), dir);
    }
}

#[test]
fn paths_that_are_refused() {
    for path in ["/", "//", ".", "/a/../../b", "..", "a\nb"] {
        let error = Group::locate(&unified("/"), Some(path), "c1", Access::Full).unwrap_err();
        assert!(error.to_string().starts_with("linux.cgroupsPath"), "{error}");
        assert!(error.cure().is_some());
    }
    let error = Group::locate(&Layout::default(), None, "c1", Access::Full).unwrap_err();
    assert_eq!(error.to_string(), "no cgroup file system is mounted");
}

#[test]
fn the_same_path_in_every_hierarchy() {
    let group = Group::locate(&hybrid(), Some("/p/c"), "c", Access::Full).unwrap();
    let dirs: Vec<_> = group.dirs().collect();
    assert_eq!(dirs, ["/cg/cpu,cpuacct/p/c", "/cg/pids/p/c", "/cg/unified/p/c"].map(Path::new));
    assert_eq!(group.primary(), Some(Path::new("/cg/pids/p/c")));
    let names: Vec<_> = group.paths().into_keys().collect();
    assert_eq!(names, ["", "cpu", "cpuacct", "pids"]);
}

#[test]
fn the_cgroup_of_a_process() {
    let group = Group::of_process(&hybrid(), "2:cpu,cpuacct:/p/c\n1:pids:/p/c/sub\n0::/p/c\n");
    let dirs: Vec<_> = group.dirs().collect();
    assert_eq!(dirs, ["/cg/cpu,cpuacct/p/c", "/cg/pids/p/c/sub", "/cg/unified/p/c"].map(Path::new));
}
