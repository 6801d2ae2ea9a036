//! A container cannot reach this program's file, nor anything else of the host (CVE-2019-5736, CVE-2024-21626).

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::lab::Lab;

/// A process of a created container is still this program: its file must not be writable through it.
#[test]
fn the_waiting_process_offers_a_file_that_cannot_be_written() {
    let Some(lab) = Lab::new() else { return };
    lab.ok(&["create", "demo"]);
    offers_nothing_to_write(&lab);
}

/// The same where the kernel refuses to move the program onto another file: it runs anew then.
#[test]
fn so_does_a_second_run() {
    let Some(lab) = Lab::new() else { return };
    let create = lab.command(&["create", "demo"]);
    let log = lab.states().with_extension("strace");
    let mut strace = std::process::Command::new("strace");
    // The first prctl of the process is the one that would move it; its children are not traced.
    strace.arg("-qq").arg("-o").arg(&log).args(["-e", "trace=prctl,execveat"]);
    strace.args(["-e", "inject=prctl:error=EPERM:when=1"]).arg(create.get_program()).args(create.get_args());
    strace.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    assert!(strace.status().unwrap().success());
    let calls = std::fs::read_to_string(&log).unwrap();
    assert!(calls.contains("prctl(PR_SET_MM") && calls.contains("execveat("), "{calls}");
    offers_nothing_to_write(&lab);
}

/// Tries to write the program by way of the process that waits in a created container, and deletes that.
fn offers_nothing_to_write(lab: &Lab) {
    let before = std::fs::read(lab.barque()).unwrap();
    let program = std::fs::metadata(lab.barque()).unwrap();
    let refused = |path: &Path, by: &[i32]| {
        let error = OpenOptions::new().write(true).open(path).expect_err(&path.to_string_lossy());
        assert!(error.raw_os_error().is_some_and(|number| by.contains(&number)), "{path:?}: {error}");
    };
    let process = PathBuf::from(format!("/proc/{}", lab.pid("demo")));
    let mappings = std::fs::read_dir(process.join("map_files")).unwrap().flatten().map(|entry| entry.path());
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|file| (file.dev(), file.ino()) == (program.dev(), program.ino()))
    };
    let offered: Vec<_> = mappings.chain([process.join("exe")]).filter(is_program).collect();
    assert!(offered.len() > 1, "{offered:?}");
    let mut held = Vec::new();
    for path in &offered {
        held.push(std::fs::File::open(path).unwrap());
        refused(path, &[ETXTBSY, EROFS]);
    }
    lab.ok(&["delete", "--force", "demo"]);
    // The attack of CVE-2019-5736: once nobody executes the file, ETXTBSY protects it no more.
    for file in &held {
        refused(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())), &[EROFS]);
    }
    assert!(std::fs::read(lab.barque()).unwrap() == before, "the program was changed");
    assert!(OpenOptions::new().write(true).open(lab.barque()).is_ok(), "the test could not have failed");
}

const ETXTBSY: i32 = 26;
const EROFS: i32 = 30;

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

/// A container whose procfs is a directory of its own: what is set through `/proc/self` must reach the kernel all the
/// same, for its first process and for others.
#[test]
fn a_faked_procfs_takes_nothing() {
    let Some(lab) = Lab::new() else { return };
    let fake = lab.rootfs().join("proc/self");
    std::fs::create_dir_all(&fake).unwrap();
    std::fs::write(fake.join("oom_score_adj"), "").unwrap();
    lab.change("demo", |config| {
        config["mounts"] = serde_json::json!([]);
        config["process"]["oomScoreAdj"] = 321.into();
    });
    lab.ok(&["run", "--detach", "demo"]);
    let score = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    assert_eq!(score(&lab.pid("demo").to_string()), "321\n");
    let file = lab.states().with_extension("pid");
    lab.ok(&["exec", "--detach", "--pid-file", &file.to_string_lossy(), "demo", "sleep", "100"]);
    assert_eq!(score(std::fs::read_to_string(&file).unwrap().trim()), "321\n");
    lab.ok(&["delete", "--force", "demo"]);
    assert_eq!(std::fs::read_to_string(fake.join("oom_score_adj")).unwrap(), "");
}
