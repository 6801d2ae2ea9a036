//! `terminal`, the console socket and `consoleSize`.

use std::fs::{self, File};
use std::io::{IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::json;

use crate::bundle::Bundle;
use crate::case::Level::{Cli, Must, Should};
use crate::case::{Case, Outcome, Verdict, case, check, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "terminal::streams",
        "config.md#process",
        Must,
        "with `terminal` the standard streams are a pseudoterminal of the container",
        streams,
    ),
    case(
        "terminal::no_terminal",
        "config.md#process",
        Must,
        "without it they are what the caller gave",
        no_terminal,
    ),
    case(
        "terminal::console",
        "config-linux.md#default-devices",
        Must,
        "/dev/console is the pseudoterminal",
        console,
    ),
    case("terminal::size", "config.md#process", Must, "`consoleSize` is the terminal's size", size),
    case(
        "terminal::size_is_ignored_without_terminal",
        "config.md#process",
        Must,
        "`consoleSize` is ignored when `terminal` is not true",
        size_ignored,
    ),
    case(
        "terminal::controlling",
        "config.md#process",
        Should,
        "it is the controlling terminal: /dev/tty can be opened",
        controlling,
    ),
    case(
        "terminal::socket_required",
        "runc.8#create",
        Cli,
        "create with `terminal` and without a console socket is an error",
        socket_required,
    ),
    case(
        "terminal::socket_not_wanted",
        "runc.8#create",
        Cli,
        "a console socket without `terminal` is an error",
        socket_not_wanted,
    ),
    case(
        "terminal::exec",
        "runc.8#exec",
        Cli,
        "`exec --tty --detach --console-socket` gives the new process a terminal",
        exec,
    ),
];

/// Listens at a path of the test.
pub(super) fn listen(lab: &Lab, name: &str) -> Verdict<UnixListener> {
    let listener = UnixListener::bind(lab.path(name))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Takes one connection.
pub(super) fn accept(lab: &Lab, listener: &UnixListener) -> Verdict<UnixStream> {
    let (stream, _) = lab.until("a connection to the socket", || listener.accept().ok())?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    Ok(stream)
}

/// Receives data and descriptors of one message.
pub(super) fn receive(stream: &UnixStream) -> Verdict<(Vec<u8>, Vec<OwnedFd>)> {
    let mut data = vec![0; 65536];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(stream, &mut [IoSliceMut::new(&mut data)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    data.truncate(message.bytes);
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok((data, descriptors))
}

fn master(lab: &Lab, listener: &UnixListener) -> Verdict<File> {
    let (_, descriptors) = receive(&accept(lab, listener)?)?;
    let descriptor = descriptors
        .into_iter()
        .next()
        .ok_or_else(|| Outcome::Fail("no descriptor came through the socket".to_owned()))?;
    Ok(File::from(descriptor))
}

/// Creates with a console socket, starts, and reads the probe's report from the terminal.
fn with_terminal(lab: &Lab, bundle: &mut Bundle, facts: &[&str]) -> Verdict<serde_json::Value> {
    let listener = listen(lab, "c.sock")?;
    bundle.set("/process/terminal", json!(true)).probe(facts);
    lab.ok(&["create", "--bundle", &bundle.write()?, "--console-socket", &lab.text("c.sock"), &lab.id])?;
    let master = master(lab, &listener)?;
    lab.ok(&["start", &lab.id])?;
    report(master)
}

fn report(mut master: File) -> Verdict<serde_json::Value> {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    // EIO is a terminal's end of file: the other side is closed.
    while let Ok(length @ 1..) = master.read(&mut chunk) {
        text.extend_from_slice(&chunk[..length]);
    }
    let text = String::from_utf8_lossy(&text);
    serde_json::from_str(text.trim())
        .map_err(|error| Outcome::Fail(format!("{error}: the terminal said {text:?}")))
}

fn streams(lab: &Lab) -> Verdict {
    let report = with_terminal(lab, &mut lab.bundle()?, &["tty", "list=/dev/pts"])?;
    same("isatty", &report["tty"]["is"], &json!([true, true, true]))?;
    same("name", &report["tty"]["name"], &json!("/dev/pts/0"))?;
    same("/dev/pts", &report["list=/dev/pts"], &json!(["0", "ptmx"]))
}

fn no_terminal(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["tty"])?;
    same("isatty", &report["tty"]["is"], &json!([false, false, false]))
}

fn console(lab: &Lab) -> Verdict {
    let report = with_terminal(
        lab,
        &mut lab.bundle()?,
        &["stat=/dev/console", "stat=/dev/pts/0", "device=/dev/console"],
    )?;
    let (console, terminal) = (&report["stat=/dev/console"], &report["stat=/dev/pts/0"]);
    same("type", &console["type"], &json!("c"))?;
    same("numbers", (&console["major"], &console["minor"]), (&terminal["major"], &terminal["minor"]))?;
    same("open", &report["device=/dev/console"], &json!(true))
}

fn size(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/consoleSize", json!({"height": 33, "width": 111}));
    let report = with_terminal(lab, &mut bundle, &["tty"])?;
    same("size", &report["tty"]["size"], &json!({"rows": 33, "columns": 111}))
}

fn size_ignored(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/consoleSize", json!({"height": 33, "width": 111}));
    same("isatty", &lab.probe(&mut bundle, &["tty"])?["tty"]["is"], &json!([false, false, false]))
}

fn controlling(lab: &Lab) -> Verdict {
    let report = with_terminal(lab, &mut lab.bundle()?, &["device=/dev/tty"])?;
    same("/dev/tty", &report["device=/dev/tty"], &json!(true))
}

fn socket_required(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/process/terminal", json!(true));
    lab.create_refused("there is no console socket", &bundle).map(drop)
}

fn socket_not_wanted(lab: &Lab) -> Verdict {
    let _listener = listen(lab, "c.sock")?;
    let path = lab.bundle()?.write()?;
    lab.refused(
        "`terminal` is false",
        &["create", "--bundle", &path, "--console-socket", &lab.text("c.sock"), &lab.id],
    )
    .map(drop)
}

fn exec(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let listener = listen(lab, "c.sock")?;
    lab.ok(&[
        "exec",
        "--tty",
        "--detach",
        "--console-socket",
        &lab.text("c.sock"),
        "--pid-file",
        &lab.text("pid"),
        &lab.id,
        "/probe",
        "tty",
    ])?;
    let report = report(master(lab, &listener)?)?;
    same("isatty", &report["tty"]["is"], &json!([true, true, true]))?;
    check(fs::read_to_string(lab.path("pid"))?.trim().parse::<u32>().is_ok(), || {
        "no pid in the pid file".to_owned()
    })
}
