//! `-t`: a real terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::termios::{LocalModes, Winsize};

use crate::lab::{Lab, require_root};

/// A terminal of the test, and the command that runs on it.
struct Screen {
    keyboard: File,
    shown: Receiver<Vec<u8>>,
    text: String,
    child: Child,
    /// The terminal's modes before the command began.
    modes: LocalModes,
}

impl Screen {
    fn new(lab: &Lab, flags: &[&str], command: &[&str]) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let terminal: OwnedFd =
            ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
                .unwrap();
        rustix::termios::tcsetwinsize(&terminal, size(24, 80)).unwrap();
        let modes = rustix::termios::tcgetattr(&terminal).unwrap().local_modes;
        let root = format!("dir:{}", lab.rootfs().display());
        let mut run = lab.run_command(flags, &root, command);
        let stream = || Stdio::from(terminal.try_clone().unwrap());
        let child = run.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut bytes) {
                if sender.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        // The test keeps no terminal end open: reading ends when the command's side is closed.
        drop(terminal);
        Self { keyboard, shown, text: String::new(), child, modes }
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until words are shown.
    #[track_caller]
    fn shows(&mut self, words: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.text.contains(words) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{words:?} never came; the screen: {:?}", self.text),
            }
        }
    }

    #[track_caller]
    fn ends_with(mut self, code: i32) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                panic!("it did not end; the screen: {:?}", self.text);
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        while let Ok(bytes) = self.shown.recv_timeout(Duration::from_millis(100)) {
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
        assert_eq!(status.code(), Some(code), "{:?}", self.text);
        self.text
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

#[test]
fn the_program_has_a_terminal_of_its_container() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let mut screen = Screen::new(
        &lab,
        &["-it"],
        &["sh", "-c", "tty; ls -l /dev/console | cut -c1; stty size; echo $TERM; exit 9"],
    );
    screen.shows("xterm");
    let text = screen.ends_with(9);
    assert!(text.starts_with("/dev/pts/0\r\nc\r\n24 80\r\nxterm\r\n"), "{text:?}");
}

#[test]
fn the_size_follows_the_window() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let script = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done";
    let mut screen = Screen::new(&lab, &["-it"], &["sh", "-c", script]);
    screen.shows("ready");
    rustix::termios::tcsetwinsize(&screen.keyboard, size(50, 132)).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(screen.child.id()).unwrap()).unwrap();
    // A terminal that is not the command's controlling one sends no signal by itself.
    rustix::process::kill_process(pid, rustix::process::Signal::WINCH).unwrap();
    screen.shows("50 132");
    screen.ends_with(0);
}

#[test]
fn keys_go_to_the_containers_terminal_and_are_echoed_once() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let mut screen = Screen::new(&lab, &["-it"], &["sh", "-c", "echo ready; read line; echo got $line"]);
    screen.shows("ready");
    screen.types("words\r");
    screen.shows("got words");
    let text = screen.ends_with(0);
    assert_eq!(text.matches("words").count(), 2, "{text:?}");
}

#[test]
fn control_c_and_control_d_are_the_programs() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let mut screen = Screen::new(
        &lab,
        &["-it"],
        &["sh", "-c", "trap 'exit 33' INT; echo ready; while :; do sleep 0.05; done"],
    );
    screen.shows("ready");
    screen.types("\u{3}");
    screen.ends_with(33);
    let mut screen = Screen::new(&lab, &["-it"], &["sh", "-c", "echo ready; cat; echo end"]);
    screen.shows("ready");
    screen.types("\u{4}");
    screen.shows("end");
    screen.ends_with(0);
}

#[test]
fn the_callers_terminal_is_as_before_afterwards() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let mut screen = Screen::new(&lab, &["-it"], &["sh", "-c", "echo ready; read line; stty -echo; exit 0"]);
    screen.shows("ready");
    let during = rustix::termios::tcgetattr(&screen.keyboard).unwrap();
    assert!(!during.local_modes.contains(LocalModes::ICANON), "it is not in raw mode");
    let (keyboard, before) = (screen.keyboard.try_clone().unwrap(), screen.modes);
    screen.types("\r");
    screen.ends_with(0);
    let after = rustix::termios::tcgetattr(&keyboard).unwrap();
    assert_eq!(after.local_modes, before);
}

#[test]
fn t_wants_a_terminal() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    lab.run(&["-it"], &["true"]).fails(125, &["the input device is not a TTY", "leave out -t"]);
}

#[test]
fn t_alone_joins_both_outputs() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let said = lab.sh(&["-t"], "echo out; echo err >&2");
    assert_eq!((said.ok(), said.err.as_str()), ("out\r\nerr\r", ""), "{said:?}");
}
