//! Completion in real shells, and manual pages as man(1) reads them.

use std::process::{Command, Stdio};

use crate::lab::said;
use crate::scene::Scene;

/// What a shell proposes for a line.
fn proposals(scene: &Scene, shell: &str, line: &str) -> Vec<String> {
    let barque = scene.lab.barque();
    let program = barque.get_program().to_str().unwrap().to_owned();
    let places: Vec<_> = barque.get_args().map(|word| word.to_str().unwrap()).collect();
    let (script, line) = (scene.barque(&["completion", shell]), format!("{} {line}", places.join(" ")));
    let path = scene.lab.file(&format!("completion.{shell}"), script.ok());
    // The command is found in PATH, as a user's is.
    let bin = scene.lab.path("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(program, bin.join("barque")).unwrap();
    }
    let asks = match shell {
        "bash" => format!(
            "source {path}; COMP_LINE='barque {line}'; COMP_POINT=${{#COMP_LINE}}; _barque; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        ),
        "fish" => format!("source {path}; complete -C 'barque {line}' | string split -f1 \\t"),
        _ => unreachable!(),
    };
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(shell);
    command.args(["-c", &asks]).env("PATH", path).env("HOME", scene.lab.path("")).stdin(Stdio::null());
    said(&mut command).out.lines().map(str::to_owned).collect()
}

#[test]
fn shells_propose_commands_flags_and_names() {
    let Some(scene) = Scene::new() else { return };
    scene.run("weblog", &["-d"], "true").ok();
    scene.run("website", &["-d"], "true").ok();
    scene.barque(&["volume", "create", "webdata"]).ok();
    scene.barque(&["import", &scene.lab.text("rootfs"), "web/app:1.0"]).ok();
    for (line, expected) in [
        ("expo", vec!["export"]),
        ("image impo", vec!["import"]),
        ("rm web", vec!["website", "weblog"]),
        ("rm -f weblog webs", vec!["website"]),
        ("volume rm w", vec!["webdata"]),
        ("run --rm -it web", vec!["web/app:1.0"]),
        ("run --hostn", vec!["--hostname"]),
        ("run --restart un", vec!["unless-stopped"]),
    ] {
        for shell in ["bash", "fish"] {
            let mut found = proposals(&scene, shell, line);
            let mut expected = expected.clone();
            found.sort();
            expected.sort_unstable();
            assert_eq!(found, expected, "{shell}: {line}");
        }
    }
    // Bash takes words apart at colons and equal signs: what it has already is not proposed again.
    assert_eq!(proposals(&scene, "bash", "rmi web/app:1"), ["1.0"]);
    assert_eq!(proposals(&scene, "bash", "run --network=ho"), ["host"]);
    assert_eq!(proposals(&scene, "bash", "exec weblog "), [""]);
}

#[test]
fn zsh_reads_its_script() {
    let Some(scene) = Scene::new() else { return };
    let script = scene.lab.file("_barque", scene.barque(&["completion", "zsh"]).ok());
    // Loaded as a user does; without a terminal zsh proposes nothing.
    let load = format!(
        "autoload -U compinit; compinit -D -u; source {script}; whence -w _barque; echo $_comps[barque]"
    );
    let mut zsh = Command::new("zsh");
    let said = said(zsh.args(["-f", "-c", &load]).env("HOME", scene.lab.path("")).stdin(Stdio::null()));
    assert_eq!((said.ok(), said.err.as_str()), ("_barque: function\n_barque", ""));
    scene.barque(&["completion", "tcsh"]).fails(1, &["\"tcsh\"", "bash, zsh and fish"]);
}

#[test]
fn manual_pages_of_all_commands() {
    let Some(scene) = Scene::new() else { return };
    std::fs::create_dir(scene.lab.path("man1")).unwrap();
    scene.barque(&["man", "-o", &scene.lab.text("man1")]).ok();
    let pages: Vec<_> =
        std::fs::read_dir(scene.lab.path("man1")).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(pages.len() > 60, "{}", pages.len());
    let mut groff = Command::new("groff");
    let rendered = said(groff.args(["-man", "-ww", "-Tutf8", "-P-cbou"]).args(&pages));
    assert_eq!(rendered.err, "", "warnings of groff");
    assert!(rendered.ok().contains("barque-run - Run a command in a new container"));
    let run = scene.barque(&["man", "run"]);
    assert!(run.ok().contains("\\-\\-hostname"), "{run:#?}");
    scene.barque(&["man", "frob"]).fails(1, &["unknown command: barque frob"]);
}
