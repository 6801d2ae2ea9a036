//! `NOTIFY_SOCKET`: the container's word that it is ready reaches the service manager.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::lab::Lab;

/// A program that says by a file that it has seen its socket.
const PROGRAM: [&str; 3] = ["sh", "-c", "[ -S \"$NOTIFY_SOCKET\" ] && : > /seen; sleep 100"];

fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(10), "{path:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The manager's end, and what it hears next.
fn manager(lab: &Lab) -> (UnixDatagram, std::path::PathBuf) {
    let path = lab.rootfs().join("../manager.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    (socket, path)
}

fn hear(socket: &UnixDatagram) -> String {
    let mut message = [0; 100];
    let length = socket.recv(&mut message).unwrap();
    String::from_utf8_lossy(&message[..length]).into_owned()
}

/// As the container would say it.
fn say(lab: &Lab, text: &str) {
    let socket = lab.states().join("demo/notify/notify.sock");
    UnixDatagram::unbound().unwrap().send_to(text.as_bytes(), socket).unwrap();
}

#[test]
fn ready_is_passed_on() {
    for verbs in [&["run", "--detach"][..], &["create"], &["run"]] {
        let Some(lab) = Lab::new() else { return };
        lab.configure("demo", &PROGRAM);
        let (socket, path) = manager(&lab);
        let command = |arguments: &[&str]| {
            let mut command = lab.command(arguments);
            command.env("NOTIFY_SOCKET", &path).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let mut waiting = if verbs == ["create"] {
            assert!(command(&["create", "demo"]).status().unwrap().success());
            command(&["start", "demo"]).spawn().unwrap()
        } else {
            command(&[verbs, &["demo"]].concat()).spawn().unwrap()
        };
        wait_for(&lab.rootfs().join("seen"));
        say(&lab, "STATUS=almost\n");
        say(&lab, "STATUS=up\nREADY=1\n");
        assert_eq!(hear(&socket), "READY=1\n", "{verbs:?}");
        if verbs == ["run"] {
            // In the foreground the runtime itself is the service's process.
            lab.ok(&["kill", "demo", "KILL"]);
            assert_eq!(waiting.wait().unwrap().code(), Some(137));
        } else {
            assert_eq!(hear(&socket), format!("MAINPID={}\n", lab.pid("demo")), "{verbs:?}");
            assert!(waiting.wait().unwrap().success());
            lab.ok(&["delete", "--force", "demo"]);
        }
        // What takes the mounts away, and what has passed the word on, end by themselves after the command.
        let start = Instant::now();
        while !lab.leftovers().is_empty() && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(lab.leftovers(), Vec::<String>::new());
    }
}

#[test]
fn nobody_waits_for_a_container_that_has_ended() {
    let Some(lab) = Lab::new() else { return };
    lab.configure("demo", &["true"]);
    let (socket, path) = manager(&lab);
    let status = lab.command(&["run", "--detach", "demo"]).env("NOTIFY_SOCKET", &path).status().unwrap();
    assert!(status.success());
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 10]).is_err());
    lab.ok(&["delete", "--force", "demo"]);
}
