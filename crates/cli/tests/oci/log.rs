//! `--debug`, `--log`, `--log-format`: what was done, line by line.

use crate::lab::Lab;

/// `--debug` with a command; the output, and the lines of the log.
fn logged(lab: &Lab, format: &str, arguments: &[&str]) -> (std::process::Output, Vec<String>) {
    let file = lab.rootfs().join("../log");
    let global = ["--debug", "--log", file.to_str().unwrap(), "--log-format", format];
    let output = lab.run(&[&global[..], arguments].concat());
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    (output, text.lines().map(str::to_owned).collect())
}

fn bundle(lab: &Lab, id: &str) -> [String; 4] {
    let bundle = lab.rootfs().parent().unwrap().to_owned();
    let config = bundle.join(format!("{id}.json"));
    ["--bundle".into(), bundle.display().to_string(), "--config".into(), config.display().to_string()]
}

#[test]
fn every_step_has_a_line() {
    let Some(lab) = Lab::new() else { return };
    lab.configure("true", &["true"]);
    let bundle = bundle(&lab, "true");
    let arguments: Vec<&str> =
        ["run"].into_iter().chain(bundle.iter().map(String::as_str)).chain(["true"]).collect();
    let (output, lines) = logged(&lab, "json", &arguments);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let messages: Vec<String> = lines
        .iter()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["level"] == "debug" && line["time"].is_string(), "{line}");
            line["msg"].as_str().unwrap().to_owned()
        })
        .collect();
    for start in ["command: ", "creator clone ", "init attach-root ", "init pivot-root ", "exit code: 0"] {
        assert!(messages.iter().any(|message| message.starts_with(start)), "{start}: {messages:#?}");
    }
}

#[test]
fn a_start_that_fails_has_the_steps_before() {
    let Some(lab) = Lab::new() else { return };
    lab.configure("gone", &["/no/such/program"]);
    let bundle = bundle(&lab, "gone");
    let arguments: Vec<&str> =
        ["run"].into_iter().chain(bundle.iter().map(String::as_str)).chain(["gone"]).collect();
    let (output, lines) = logged(&lab, "text", &arguments);
    assert!(!output.status.success());
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("level=debug msg=\"init pivot-root"), "{lines:#?}");
    assert!(has("level=error msg=") && has("/no/such/program"), "{lines:#?}");
}
