//! The house rules, applied to this workspace.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the workspace fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use barque_house_tests::{files, layers, text};

fn none(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}:\n  {}", complaints.join("\n  "));
}

fn read(path: &Path) -> String {
    fs::read_to_string(files::workspace_root().join(path)).unwrap_or_default()
}

fn own_files(extensions: &[&str]) -> Vec<PathBuf> {
    let found = files::source_files(&files::workspace_root()).unwrap();
    assert!(found.iter().any(|path| path.ends_with("crates/sys/src/lib.rs")), "not the workspace: {found:?}");
    found
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)))
        .collect()
}

fn workspace_metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(files::workspace_root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn dependencies_run_one_way() {
    let metadata = workspace_metadata();
    let mut complaints = Vec::new();
    let mut seen = 0;
    for package in metadata["packages"].as_array().unwrap() {
        if !package["manifest_path"].as_str().unwrap().contains("/crates/") {
            continue;
        }
        seen += 1;
        let uses: Vec<&str> =
            package["dependencies"].as_array().unwrap().iter().filter_map(|d| d["name"].as_str()).collect();
        complaints.extend(layers::wrong_direction(package["name"].as_str().unwrap(), &uses));
    }
    assert!(seen >= 3, "only {seen} crates found");
    none("a lower crate never names an upper one", &complaints);
}

#[test]
fn no_async_runtime_below_the_edge() {
    let packages = layers::locked_packages(&read(Path::new("Cargo.lock")));
    assert!(layers::reaches(&packages, "barque-runtime", "barque-sys"), "Cargo.lock was not understood");
    let complaints: Vec<String> = layers::SYNCHRONOUS
        .iter()
        .filter(|name| layers::reaches(&packages, name, "tokio"))
        .map(|name| format!("{name} depends on tokio"))
        .collect();
    none("async lives at the edge", &complaints);
}

#[test]
fn unsafe_code_is_forbidden_outside_of_sys() {
    assert!(
        read(Path::new("Cargo.toml")).contains("unsafe_code = \"forbid\""),
        "the workspace no longer forbids unsafe code"
    );
    let complaints: Vec<String> = own_files(&["toml"])
        .iter()
        .filter(|path| path.ends_with("Cargo.toml") && *path != Path::new("Cargo.toml"))
        .filter(|path| {
            // Of its own workspace, and libFuzzer's macro exports a symbol.
            let excepted = [Path::new("crates/sys/Cargo.toml"), Path::new("fuzz/Cargo.toml")];
            !excepted.contains(&path.as_path()) && !text::takes_workspace_lints(&read(path))
        })
        .map(|path| format!("{}: no `[lints] workspace = true`", path.display()))
        .collect();
    none("unsafe code only in sys", &complaints);
}

#[test]
fn files_stay_short() {
    let complaints: Vec<String> = own_files(&["rs", "sh", "py", "bash", "awk", "c"])
        .iter()
        .filter_map(|path| text::too_long(path, &read(path)))
        .collect();
    none("one purpose a file", &complaints);
}

#[test]
fn names_say_what_things_are_for() {
    let complaints: Vec<String> = files::source_files(&files::workspace_root())
        .unwrap()
        .iter()
        .filter(|path| !path.starts_with("fuzz/corpus"))
        .filter_map(|path| text::empty_name(path))
        .collect();
    none("names are the field's", &complaints);
}

#[test]
fn only_the_command_line_reads_its_environment() {
    let complaints: Vec<String> = own_files(&["rs"])
        .iter()
        .filter(|path| files::is_shipped_rust(path) && !path.starts_with("crates/cli"))
        .flat_map(|path| text::reads_environment(path, &read(path)))
        .collect();
    none("libraries neither read the environment nor know argv", &complaints);
}
