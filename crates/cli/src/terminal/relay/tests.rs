//! Relays between pipes, terminals and invented processes.

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::pipe::pipe;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::Winsize;

use super::*;

/// A process that has ended when the second descriptor is dropped.
fn process() -> (OwnedFd, OwnedFd) {
    pipe().unwrap()
}

fn write(fd: &OwnedFd, text: &str) {
    assert_eq!(rustix::io::write(fd, text.as_bytes()), Ok(text.len()));
}

/// Everything until the end of file.
fn read_all(fd: &OwnedFd) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = rustix::io::read(fd, &mut buffer) {
        all.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(all).unwrap()
}

fn terminal() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let main = openpt(flags).unwrap();
    unlockpt(&main).unwrap();
    let other = ioctl_tiocgptpeer(&main, flags).unwrap();
    (main, other)
}

#[test]
fn output_written_before_the_end_is_not_lost() {
    let (ended, alive) = process();
    let signals = Signals::take(&[]).unwrap();
    let (out, container) = pipe().unwrap();
    let (local, sink) = pipe().unwrap();
    // More than one write of ours, and the writing end stays open, as with a background process.
    let text = "x".repeat(50_000);
    write(&container, &text);
    drop(alive);
    let reader = std::thread::spawn(move || read_all(&local));
    let ending =
        Relay::new(ended.as_fd(), &signals).output(out, sink.as_fd()).unwrap().run(&mut |_| {}).unwrap();
    assert_eq!(ending, Ending::Exited);
    drop(sink);
    assert_eq!(reader.join().unwrap(), text);
}

#[test]
fn the_end_of_input_closes_the_containers_pipe() {
    let (ended, alive) = process();
    let signals = Signals::take(&[]).unwrap();
    let (local, typed) = pipe().unwrap();
    let (container, into) = pipe().unwrap();
    write(&typed, "hello\n");
    drop(typed);
    // The "process" reads its input to the end, and exits then.
    let reader = std::thread::spawn(move || {
        let text = read_all(&container);
        drop(alive);
        text
    });
    let ending =
        Relay::new(ended.as_fd(), &signals).input(local.as_fd(), into).unwrap().run(&mut |_| {}).unwrap();
    assert_eq!(ending, Ending::Exited);
    assert_eq!(reader.join().unwrap(), "hello\n");
}

#[test]
fn the_detach_keys_end_it() {
    let (ended, _alive) = process();
    let signals = Signals::take(&[]).unwrap();
    let (main, other) = terminal();
    let (local, typed) = pipe().unwrap();
    let (_screen, output) = pipe().unwrap();
    write(&typed, "ls\n\x10\x11");
    let relay = Relay::new(ended.as_fd(), &signals)
        .terminal(main, output.as_fd(), Some(local.as_fd()), DetachKeys::default())
        .unwrap();
    assert_eq!(relay.run(&mut |_| {}).unwrap(), Ending::Detached);
    drop(other);
}

#[test]
fn a_terminal_gets_the_size_the_echo_and_the_end_of_input() {
    let (ended, alive) = process();
    let signals = Signals::take(&[]).unwrap();
    let (main, other) = terminal();
    let (local_main, local) = terminal();
    let size = Winsize { ws_row: 33, ws_col: 99, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&local_main, size).unwrap();
    write(&local_main, "hi\n");
    // The local terminal is not raw here: ctrl-d ends its input.
    write(&local_main, "\x04");
    let (screen, output) = pipe().unwrap();
    let program = std::thread::spawn(move || {
        let text = read_all(&other);
        let size = tcgetwinsize(&other).unwrap();
        drop(alive);
        (text, size.ws_row, size.ws_col)
    });
    let relay = Relay::new(ended.as_fd(), &signals)
        .terminal(main, output.as_fd(), Some(local.as_fd()), DetachKeys::default())
        .unwrap();
    assert_eq!(relay.run(&mut |_| {}).unwrap(), Ending::Exited);
    assert_eq!(program.join().unwrap(), ("hi\n".to_owned(), 33, 99));
    drop(output);
    assert!(read_all(&screen).contains("hi\r\n"));
}

#[test]
fn signals_are_passed_on() {
    let (ended, alive) = process();
    let signals = Signals::take(&[10, WINCH]).unwrap();
    let mut seen = Vec::new();
    let mut alive = Some(alive);
    barque_sys::signal::raise(10).unwrap();
    let ending = Relay::new(ended.as_fd(), &signals).run(&mut |number| {
        seen.push(number);
        alive = None;
    });
    assert_eq!((ending.unwrap(), seen), (Ending::Exited, vec![10]));
}
