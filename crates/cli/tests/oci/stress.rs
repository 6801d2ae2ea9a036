//! Many at once, and killed at any moment: nothing stays behind.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::lab::Lab;

const CONTAINERS: usize = 200;
const AT_ONCE: usize = 8;

#[test]
fn two_hundred_containers_eight_at_a_time() {
    let Some(lab) = Lab::new() else { return };
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let number @ ..CONTAINERS = next.fetch_add(1, Ordering::Relaxed) {
                    let id = &format!("c{number}");
                    lab.configure(id, &["sleep", "100"]);
                    lab.ok(&["create", id]);
                    lab.ok(&["start", id]);
                    lab.ok(&["kill", id, "KILL"]);
                    wait_for_end(&lab, id);
                    lab.ok(&["delete", id]);
                }
            });
        }
    });
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

fn wait_for_end(lab: &Lab, id: &str) {
    let start = Instant::now();
    while !lab.ok(&["state", id]).contains("\"stopped\"") {
        assert!(start.elapsed() < Duration::from_secs(20), "{id} does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The runtime is killed at moments spread over the whole of what it does; then one `delete --force` must do.
#[test]
fn killed_at_any_moment() {
    let Some(lab) = Lab::new() else { return };
    for (round, verb) in ["create", "run"].iter().cycle().take(80).enumerate() {
        let id = &format!("k{round}");
        lab.configure(id, &["sleep", "100"]);
        let mut child = lab.command(&[verb, id]).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(150 * u64::try_from(round).unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        lab.ok(&["delete", "--force", id]);
    }
    // A process that was being made ends by itself when it finds its creator gone.
    let start = Instant::now();
    while !lab.leftovers().is_empty() && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
