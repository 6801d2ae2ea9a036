//! `barque build --check`: needs nothing of the machine.

use std::fs;

use crate::lab::{Lab, Said, said};

fn context(lab: &Lab, dockerfile: &str, ignore: &str) -> String {
    let directory = lab.path("context");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("Dockerfile"), dockerfile).unwrap();
    fs::write(directory.join(".dockerignore"), ignore).unwrap();
    directory.to_str().unwrap().to_owned()
}

fn build(lab: &Lab, arguments: &[&str]) -> Said {
    said(lab.barque().arg("build").args(arguments))
}

#[test]
fn a_dockerfile_without_faults() {
    let lab = Lab::new();
    let context = context(&lab, "FROM debian:12\nCOPY a /a\nCMD [\"/a\"]\n", "*.log\n");
    assert_eq!(build(&lab, &["--check", &context]).ok(), "Check complete, no warnings found.");
}

#[test]
fn what_is_found_is_shown_with_its_line_and_cure() {
    let lab = Lab::new();
    let context = context(&lab, "FROM debian:12\nCOPY x.log /\nCMD nginx\n", "*.log\n");
    let said = build(&lab, &[&context, "--check"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
    for words in ["2 warnings", "WARNING: CopyIgnoredFile", ">>> COPY x.log /", "CMD [\"nginx\"]"] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
}

#[test]
fn arguments_of_the_build_count() {
    let lab = Lab::new();
    let context = context(&lab, "ARG V\nFROM debian:${V:?must-be-given}\n", "");
    build(&lab, &["--check", &context]).fails(1, &["line 2", "must-be-given"]);
    assert!(build(&lab, &["--check", "--build-arg", "V=12", &context]).out.contains("Check complete"));
}

#[test]
fn what_cannot_be_read_is_said() {
    let lab = Lab::new();
    let context = context(&lab, "FROM a\nRNU b\n", "");
    build(&lab, &["--check", &context])
        .fails(1, &[">>> RNU b", "line 2: unknown instruction: RNU", "did you mean RUN?"]);
    build(&lab, &["--check", "/no/such"]).fails(1, &["/no/such"]);
    build(&lab, &["--check", "-f", "/no/such", &context])
        .fails(1, &["failed to read dockerfile", "/no/such"]);
    build(&lab, &["--check", "--target", "x", &context]).fails(1, &["unknown instruction"]);
    build(&lab, &[&context]).fails(1, &["--check"]);
}
