//! A container cannot reach this program's file, nor anything else of the host (CVE-2019-5736, CVE-2024-21626).

use std::fs::OpenOptions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::lab::Lab;

/// A process of a created container is still this program: its file must not be writable through it.
#[test]
fn the_waiting_process_offers_a_file_that_cannot_be_written() {
    let Some(lab) = Lab::new() else { return };
    let before = std::fs::read(lab.barque()).unwrap();
    lab.ok(&["create", "demo"]);
    let exe = format!("/proc/{}/exe", lab.pid("demo"));
    let read = std::fs::File::open(&exe).unwrap();
    let refused = |path: &str| {
        let error = OpenOptions::new().write(true).open(path).expect_err(path);
        assert!(matches!(error.raw_os_error(), Some(30 | 26)), "{path}: {error}");
    };
    refused(&exe);
    lab.ok(&["delete", "--force", "demo"]);
    // The attack of CVE-2019-5736: once nobody executes the file, ETXTBSY protects it no more.
    refused(&format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&read)));
    assert!(std::fs::read(lab.barque()).unwrap() == before, "the program was changed");
    assert!(OpenOptions::new().write(true).open(lab.barque()).is_ok(), "the test could not have failed");
}

/// The container makes the runtime execute itself, inside.
#[test]
fn a_script_with_the_runtime_as_its_interpreter() {
    let Some(lab) = Lab::new() else { return };
    let before = std::fs::read(lab.barque()).unwrap();
    let script = lab.rootfs().join("evil");
    std::fs::write(&script, "#!/proc/self/exe\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    lab.configure("evil", &["/evil"]);
    assert!(!lab.run(&["run", "evil"]).status.success());
    lab.run(&["delete", "--force", "evil"]);
    lab.configure("sleeper", &["sleep", "100"]);
    lab.ok(&["run", "--detach", "sleeper"]);
    lab.run(&["exec", "sleeper", "/evil"]);
    lab.ok(&["delete", "--force", "sleeper"]);
    assert!(std::fs::read(lab.barque()).unwrap() == before, "the program was changed");
}

/// A created container's process waits with what it needs, and no file or directory of the host's.
#[test]
fn the_waiting_process_holds_nothing_of_the_host() {
    let Some(lab) = Lab::new() else { return };
    lab.ok(&["create", "demo"]);
    let directory = format!("/proc/{}/fd", lab.pid("demo"));
    let mut held = Vec::new();
    for entry in std::fs::read_dir(Path::new(&directory)).unwrap().flatten() {
        let number: u32 = entry.file_name().to_string_lossy().parse().unwrap();
        let target = std::fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned();
        if number > 2 && !target.starts_with("socket:") {
            held.push(target);
        }
    }
    assert!(held.is_empty(), "{held:?}");
}
