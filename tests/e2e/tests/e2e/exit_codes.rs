//! What `barque run` exits with.

use crate::lab::{Lab, require_root};

#[test]
fn the_programs_own_code() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    for code in [0, 1, 7, 124, 255] {
        assert_eq!(lab.sh(&[], &format!("exit {code}")).code, code);
    }
}

#[test]
fn a_signal_is_128_and_its_number() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    // Process 1 does not feel signals it sends itself; its child does.
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("SEGV", 139)] {
        let said = lab.run(&["--init"], &["sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!(said.code, code, "{said:#?}");
    }
}

#[test]
fn a_program_that_is_not_there_is_127() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.run(&[], &["/no/such/program"]).fails(127, &["/no/such/program", "no such file"]);
    lab.run(&[], &["nosuchprogram"]).fails(127, &["nosuchprogram", "not found in $PATH", "hint: PATH is"]);
    lab.run(&["--init"], &["nosuchprogram"]).fails(127, &["nosuchprogram"]);
}

#[test]
fn a_program_that_cannot_be_executed_is_126() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.run(&[], &["/etc/passwd"]).fails(126, &["/etc/passwd", "permission denied", "chmod +x"]);
    lab.run(&[], &["/etc"]).fails(126, &["/etc"]);
    lab.run(&["-v", &format!("{}:/data", lab.path("data").display())], &["/data"]).fails(126, &["/data"]);
}

#[test]
fn the_reason_an_interpreter_fails_is_told() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let script = lab.rootfs().join("bin/script");
    std::fs::write(&script, "#!/bin/bash\r\nexit 0\r\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let said = lab.run(&[], &["script"]);
    assert!(matches!(said.code, 126 | 127), "{said:#?}");
    assert!(said.err.contains("/bin/bash\\r") && said.err.contains("Windows line endings"), "{said:#?}");
}

#[test]
fn barques_own_failures_are_125() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.run(&["--no-such-flag"], &["true"]).fails(125, &["unknown flag: --no-such-flag"]);
    lab.run_on(&[], "dir:/no/such/dir", &["true"]).fails(125, &["/no/such/dir", "hint"]);
}
