//! Health checks: what is asked, what is shown of the answers, and what they lead to.

use std::time::{Duration, Instant};

use crate::lab::wait_until;
use crate::scene::{OBEDIENT, Scene};

/// `run -d` of a script; of [`OBEDIENT`] until it heeds signals.
fn background(scene: &Scene, name: &str, flags: &[&str], script: &str) {
    scene.run(name, &[&["-d"], flags].concat(), script).ok();
    if script == OBEDIENT {
        scene.heeds(name);
    }
}

fn health(scene: &Scene, name: &str) -> String {
    scene.inspect(name, "{{.State.Health.Status}} {{.State.Health.FailingStreak}}")
}

#[test]
fn a_container_becomes_healthy_and_ill() {
    let Some(scene) = Scene::new() else { return };
    let flags = ["--health-cmd", "echo asked; test -e /tmp/well", "--health-interval", "100ms"];
    background(
        &scene,
        "web",
        &[&flags[..], &["--health-retries", "2", "--health-start-period", "1m"]].concat(),
        OBEDIENT,
    );
    assert_eq!(health(&scene, "web"), "starting 0");
    assert!(scene.barque(&["ps"]).ok().contains("(health: starting)"));
    // In its first minute failures do not count, and it is asked every five seconds; by hand at any time.
    let by_hand = scene.barque(&["healthcheck", "run", "web"]);
    assert_eq!((by_hand.code, by_hand.out.trim_end()), (1, "asked"), "{by_hand:?}");
    assert_eq!(health(&scene, "web"), "starting 0");
    scene.barque(&["exec", "web", "touch", "/tmp/well"]).ok();
    scene.barque(&["healthcheck", "run", "web"]).ok();
    assert_eq!(scene.barque(&["wait", "--condition", "healthy", "web"]).ok(), "-1");
    assert!(scene.barque(&["ps"]).ok().contains("(healthy)"));
    assert_eq!(scene.barque(&["ps", "--filter", "health=healthy", "--format", "{{.Names}}"]).ok(), "web");
    scene.barque(&["exec", "web", "rm", "/tmp/well"]).ok();
    scene.barque(&["wait", "--condition", "unhealthy", "web"]).ok();
    assert!(scene.barque(&["ps"]).ok().contains("(unhealthy)"));
    assert_eq!(scene.barque(&["ps", "-q", "--filter", "health=healthy"]).ok(), "");
    let answers = "{{len .State.Health.Log}} {{(index .State.Health.Log 0).Output}}";
    assert!(
        wait_until(|| scene.inspect("web", answers).starts_with("5 asked")),
        "{}",
        scene.inspect("web", answers)
    );
    assert_eq!(scene.inspect("web", "{{(index .Config.Healthcheck.Test 0)}}"), "CMD-SHELL");
    // How it was when it ended stays to be seen, and the next run begins anew.
    scene.barque(&["stop", "web"]).ok();
    assert!(health(&scene, "web").starts_with("unhealthy"));
    scene.barque(&["start", "web"]).ok();
    assert_eq!(health(&scene, "web"), "starting 0");
}

#[test]
fn probes_that_need_no_program() {
    let Some(scene) = Scene::new() else { return };
    let often = ["--health-interval", "50ms", "--health-retries", "1"];
    let run = |name: &str, flags: &[&str], script: &str| {
        background(&scene, name, &[&often, flags].concat(), script);
    };
    let serve = "echo fine >/tmp/index.html; exec httpd -f -p 8080 -h /tmp";
    run("http", &["--health-http", "http://localhost:8080/index.html"], &format!("sleep 0.3; {serve}"));
    run("missing", &["--health-http", "http://localhost:8080/nothing"], serve);
    run("tcp", &["--health-tcp", "8080", "--user", "1000"], serve);
    run("deaf", &["--health-tcp", "127.0.0.1:81"], OBEDIENT);
    for (name, status, output) in [
        ("http", "healthy", "HTTP/1.1 200 OK"),
        ("missing", "unhealthy", "HTTP/1.1 404"),
        ("tcp", "healthy", ""),
        ("deaf", "unhealthy", "connect to 127.0.0.1:81: Connection refused"),
    ] {
        scene.barque(&["wait", "--condition", status, name]).ok();
        let last = scene.inspect(name, "{{range .State.Health.Log}}{{.Output}};{{end}}");
        assert!(last.contains(output), "{name}: {last}");
    }
}

/// Neither what it has started nor a monitor that waits for it stays behind.
#[test]
fn a_probe_that_takes_too_long() {
    let Some(scene) = Scene::new() else { return };
    let flags = ["--health-cmd", "echo slow; sleep 4321; true", "--health-interval", "50ms"];
    background(
        &scene,
        "web",
        &[&flags[..], &["--health-timeout", "200ms", "--health-retries", "1"]].concat(),
        OBEDIENT,
    );
    scene.barque(&["wait", "--condition", "unhealthy", "web"]).ok();
    let answer = scene.inspect("web", "{{with index .State.Health.Log 0}}{{.ExitCode}} {{.Output}}{{end}}");
    assert_eq!(answer, "-1 Health check exceeded timeout (200ms): slow");
    let streak = || scene.inspect("web", "{{.State.Health.FailingStreak}}").parse::<u32>().unwrap();
    assert!(wait_until(|| streak() >= 8), "{}", streak());
    // One at a time is asked, which is a shell and its sleep; those before may still be on their way out.
    let processes = scene.barque(&["exec", "web", "ps"]).ok().to_owned();
    assert!(processes.lines().filter(|line| line.contains("4321")).count() <= 4, "{processes}");
    // A question that is being asked holds nobody up.
    background(&scene, "slow", &["--health-cmd", "sleep 4321", "--health-interval", "1ms"], OBEDIENT);
    assert!(wait_until(|| scene.barque(&["exec", "slow", "ps"]).ok().contains("sleep 4321")));
    assert_eq!(scene.barque(&["exec", "slow", "echo", "still"]).ok(), "still");
    let began = Instant::now();
    scene.barque(&["stop", "slow", "web"]).ok();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    scene.barque(&["rm", "slow", "web"]).ok();
    assert_eq!(scene.lab.leftovers(), Vec::<String>::new());
}

#[test]
fn what_a_failure_leads_to() {
    let Some(scene) = Scene::new() else { return };
    let run = |action: &str, restart: &str| {
        let fixed = ["--health-cmd", "false", "--health-interval", "1s", "--health-retries", "2"];
        let own = ["--health-on-failure", action, "--restart", restart];
        background(&scene, action, &[&fixed[..], &own].concat(), OBEDIENT);
    };
    run("kill", "no");
    run("stop", "always");
    run("restart", "no");
    run("none", "no");
    assert_eq!(scene.barque(&["wait", "kill", "stop"]).ok(), "137\n5");
    assert_eq!(scene.inspect("stop", "{{.RestartCount}}"), "0");
    assert!(wait_until(|| scene.inspect("restart", "{{.RestartCount}}").parse::<u32>().unwrap() >= 2));
    scene.barque(&["stop", "restart"]).ok();
    assert_eq!(scene.status("restart"), "exited");
    assert_eq!(scene.status("none"), "running");
}

#[test]
fn what_cannot_be_asked() {
    let Some(scene) = Scene::new() else { return };
    background(&scene, "plain", &[], OBEDIENT);
    scene.barque(&["healthcheck", "run", "plain"]).fails(1, &["has no health check"]);
    scene.barque(&["wait", "--condition", "healthy", "plain"]).fails(1, &["has no health check"]);
    assert_eq!(scene.inspect("plain", "{{json .State.Health}}"), "null");
    scene.barque(&["ps", "--filter", "health=good"]).fails(1, &["invalid filter 'health=good'"]);
    let check = ["--health-cmd", "true"];
    background(&scene, "short", &check, "sleep 0.5; exit 3");
    scene.barque(&["wait", "--condition", "healthy", "short"]).fails(1, &["ended before it was healthy"]);
    scene.barque(&["healthcheck", "run", "short"]).fails(1, &["container short is not running"]);
    background(&scene, "web", &check, OBEDIENT);
    scene.barque(&["pause", "web"]).ok();
    scene.barque(&["healthcheck", "run", "web"]).fails(1, &["container web is paused"]);
    scene.barque(&["unpause", "web"]).ok();
    scene.barque(&["healthcheck", "run", "web"]).ok();
    background(&scene, "lost", &["--health-cmd", "nosuchprogram"], OBEDIENT);
    assert_eq!(scene.barque(&["healthcheck", "run", "lost"]).code, 1);
    assert_eq!(scene.inspect("lost", "{{(index .State.Health.Log 0).ExitCode}}"), "127");
}
