//! One question, asked by a process of its own: whoever waits for the answer is never held up by it.
//!
//! The process is a fork of the monitor. It runs a program in the container, as `exec` does, or joins the container's network
//! namespace and connects; it keeps to the time that the check allows, and its exit code is the answer. What it or its program
//! prints comes through a pipe. It is killed with the monitor, and the program with it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use barque_runtime::container::{self, Execution};
use barque_runtime::execute::Trace;
use barque_runtime::spec::{Spec, Str};
use barque_sys::clone::{Child, Clone as Fork, Forked};
use barque_sys::namespace::{self, Namespaces};
use barque_sys::{Call as _, file, process};
use rustix::fs::OFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, getpid, getppid, kill_process, kill_process_group};

use super::{Check, Endpoint, Probe, Probed, Url};
use crate::{Container, Error, ErrorKind, Result, Time};

/// How much of what a probe prints is kept: as much as Docker keeps.
const KEPT: usize = 4096;
/// The exit code of an answer that did not come in time.
const LATE: i32 = -1;
/// How much longer than the check allows the asking process has, to end what it has started.
const GRACE: Duration = Duration::from_secs(3);

/// A question that is being asked.
#[derive(Debug)]
pub(crate) struct Probing {
    child: Child,
    /// None when nobody can write to it any more.
    output: Option<OwnedFd>,
    printed: Vec<u8>,
    start: Time,
    timeout: Duration,
    /// When it is killed, however it goes on.
    pub(crate) deadline: Instant,
}

impl Probing {
    /// Asks. The caller must have one thread.
    pub(crate) fn start(container: &Container, spec: &Spec<'_>, check: &Check) -> Result<Self> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)")?;
        rustix::fs::fcntl_setfl(&ours, OFlags::NONBLOCK).call(|| "fcntl(pipe, O_NONBLOCK)")?;
        let timeout = Duration::from_nanos(check.timeout);
        let asker = getpid();
        match (Fork::default().fork())? {
            Forked::Child => {
                let answer = begin(&theirs, asker).and_then(|()| ask(container, spec, &check.probe, timeout));
                let code = answer.unwrap_or_else(|error| {
                    // Nobody but the one who reads the answer can be told.
                    said(&error.to_string(), code_of(&error))
                });
                if code == LATE {
                    let _ = kill_process(getpid(), Signal::KILL);
                }
                process::exit_now(code)
            }
            Forked::Parent(child) => {
                let deadline = Instant::now() + timeout + GRACE;
                let (output, printed) = (Some(ours), Vec::new());
                Ok(Self { child, output, printed, start: Time::now(), timeout, deadline })
            }
        }
    }

    /// What becomes readable when there is something to do: at the end of the question, and with what is printed.
    pub(crate) fn descriptors(&self) -> [Option<BorrowedFd<'_>>; 2] {
        [Some(self.child.pidfd.as_fd()), self.output.as_ref().map(OwnedFd::as_fd)]
    }

    /// Takes what has been printed; true when the answer is there.
    pub(crate) fn advance(&mut self) -> bool {
        let ended = process::has_ended(&self.child.pidfd).unwrap_or(true);
        let mut buffer = [0; KEPT];
        while let Some(output) = &self.output {
            match rustix::io::read(output, &mut buffer) {
                Ok(0) => self.output = None,
                Ok(count) => {
                    // One more than is kept: whether there was more is then known.
                    let room = (KEPT + 1).saturating_sub(self.printed.len());
                    self.printed.extend_from_slice(&buffer[..count.min(room)]);
                    // Who prints without end is read again later, as long as it may live.
                    if count < buffer.len() || !ended {
                        break;
                    }
                    if self.printed.len() > KEPT {
                        self.output = None;
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => self.output = None,
            }
        }
        ended
    }

    /// Ends it: the answer is then that it took too long.
    pub(crate) fn kill(&self) {
        // It may have ended meanwhile.
        drop(process::signal(&self.child.pidfd, 9));
    }

    /// The answer of one that has ended, or is about to.
    pub(crate) fn answer(self) -> Probed {
        let (exit_code, output) = match process::wait(&self.child.pidfd) {
            Ok(process::Exit::Code(code)) => (code, shown(&self.printed)),
            _ => (LATE, late(self.timeout, &self.printed)),
        };
        Probed { start: self.start, end: Time::now(), exit_code, output }
    }
}

fn late(timeout: Duration, printed: &[u8]) -> String {
    let text = format!("Health check exceeded timeout ({timeout:?})");
    if printed.is_empty() { text } else { format!("{text}: {}", shown(printed)) }
}

/// At most as much as is kept, and a mark where there was more.
fn shown(printed: &[u8]) -> String {
    let kept = String::from_utf8_lossy(printed.get(..KEPT).unwrap_or(printed));
    if printed.len() > KEPT { format!("{kept}...") } else { kept.into_owned() }
}

/// Docker's codes of what cannot be executed.
fn code_of(error: &Error) -> i32 {
    match error.kind() {
        ErrorKind::ProgramNotFound => 127,
        ErrorKind::ProgramNotExecutable => 126,
        _ => 1,
    }
}

/// Makes the fork a process that only asks.
fn begin(output: &OwnedFd, asker: Pid) -> Result<()> {
    process::set_parent_death_signal(Some(Signal::KILL))?;
    // It may have been killed before that was asked for.
    if getppid() != Some(asker) {
        process::exit_now(1);
    }
    process::close_input()?;
    rustix::stdio::dup2_stdout(output).call(|| "dup2(pipe, 1)")?;
    rustix::stdio::dup2_stderr(output).call(|| "dup2(pipe, 2)")?;
    // The monitor's lock, its sockets and the container's streams are its alone.
    Ok(process::close_all_but(3, &[])?)
}

/// Asks, and returns the exit code.
fn ask(container: &Container, spec: &Spec<'_>, probe: &Probe, timeout: Duration) -> Result<i32> {
    let end = Instant::now() + timeout;
    match probe {
        Probe::Command(_) | Probe::Shell { .. } => {
            execute(container, spec, probe.program().unwrap_or_default(), end)
        }
        Probe::Tcp(endpoint) => {
            join_network(container)?;
            Ok(connect(*endpoint, end).map_or_else(|refused| said(&refused, 1), |_| 0))
        }
        Probe::Http(url) => {
            join_network(container)?;
            Ok(match fetch(url, end) {
                Ok((status, text)) => said(&text, i32::from(!(200..400).contains(&status))),
                Err(text) => said(&text, 1),
            })
        }
    }
}

/// Writes into the pipe; who does not read it has gone.
fn said(text: &str, code: i32) -> i32 {
    let _ = file::write_all(rustix::stdio::stdout(), text.as_bytes());
    code
}

/// Runs a program in the container; whatever it has started is killed when it takes too long.
fn execute(container: &Container, spec: &Spec<'_>, program: Vec<String>, end: Instant) -> Result<i32> {
    let mut own = spec.process.clone().unwrap_or_default();
    own.args = program.into_iter().map(Str::from).collect();
    (own.terminal, own.console_size) = (false, None);
    let execution = Execution {
        process: &own,
        console_socket: None,
        preserve_fds: 0,
        sub_cgroups: &[],
        ignore_paused: false,
        executable: None,
        trace: Trace::default(),
    };
    let created = container::exec(&container.running()?, execution)?;
    let child = created.child;
    if !process::ends_within(&child.pidfd, end.saturating_duration_since(Instant::now()))? {
        // It leads a session, and so a group, of its own: what a shell has started goes with it.
        let _ = kill_process_group(child.pid, Signal::KILL);
        drop(process::signal(&child.pidfd, 9));
        // One that is frozen ends later.
        process::ends_within(&child.pidfd, GRACE / 2)?;
        return Ok(LATE);
    }
    Ok(process::wait(&child.pidfd)?.code())
}

/// Moves into the container's network namespace, where that is another one.
fn join_network(container: &Container) -> Result<()> {
    let runtime = container.running()?;
    let pid = runtime.process.as_ref().map_or(0, |process| process.pid);
    let inode = |process: &str| {
        let path = format!("/proc/{process}/ns/net");
        std::fs::metadata(&path).call(|| format!("stat({path:?})")).map(|stat| stat.ino())
    };
    if inode("self")? == inode(&pid.to_string())? {
        return Ok(());
    }
    let pidfd = process::open_raw(pid)?;
    // Without privileges on this machine it is the container's user namespace that gives the right to.
    let joined = namespace::join(&pidfd, Namespaces::NETWORK);
    Ok(joined.or_else(|_| namespace::join(&pidfd, Namespaces::USER | Namespaces::NETWORK))?)
}

fn connect(endpoint: Endpoint, end: Instant) -> std::result::Result<TcpStream, String> {
    let mut failure = String::new();
    for address in endpoint.addresses() {
        match TcpStream::connect_timeout(&address, left(end)) {
            Ok(stream) => return Ok(stream),
            Err(error) if failure.is_empty() => failure = format!("connect to {address}: {error}"),
            Err(_) => {}
        }
    }
    Err(failure)
}

/// Never nothing at all: that would be no limit.
fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

/// The status and the beginning of what came.
fn fetch(url: &Url, end: Instant) -> std::result::Result<(u16, String), String> {
    let mut stream = connect(url.endpoint, end)?;
    let failed = |what: &str, error: std::io::Error| format!("{what} {url}: {error}");
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: barque-health\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.path, url.endpoint
    );
    stream.set_write_timeout(Some(left(end))).map_err(|error| failed("write to", error))?;
    stream.write_all(request.as_bytes()).map_err(|error| failed("write to", error))?;
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    // As much as is kept is enough: the status comes first.
    while text.len() < KEPT {
        stream.set_read_timeout(Some(left(end))).map_err(|error| failed("read from", error))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // What came before is enough when it has the status.
            Err(error) if status(&text).is_none() => return Err(failed("read from", error)),
            Err(_) => break,
        }
    }
    let status = status(&text).ok_or_else(|| format!("{url} does not speak HTTP"))?;
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

/// The status of an answer, once its first line is there.
fn status(text: &[u8]) -> Option<u16> {
    let line = text.split(|byte| *byte == b'\n').next().filter(|line| line.len() < text.len())?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.0 404\n\n", Some(404)),
            ("HTTP/1.1 200 OK", None),
            ("SSH-2.0-x\r\n", None),
            ("HTTP/1.1 ok\r\n", None),
            ("", None),
        ] {
            assert_eq!(status(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn output_is_bounded() {
        assert_eq!(shown(b"fine"), "fine");
        assert_eq!(shown(&[b'x'; KEPT]).len(), KEPT);
        let more = shown(&[b'x'; KEPT + 1]);
        assert_eq!((more.len(), more.ends_with("x...")), (KEPT + 3, true));
        assert_eq!(late(Duration::from_secs(2), b""), "Health check exceeded timeout (2s)");
    }

    #[test]
    fn pages_are_fetched() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let count = client.read(&mut request).unwrap();
            client.write_all(b"HTTP/1.1 503 Later\r\n\r\nbusy").unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        });
        let url = Url::parse(&format!("http://127.0.0.1:{port}/health?all")).unwrap();
        let (status, text) = fetch(&url, Instant::now() + Duration::from_secs(5)).unwrap();
        assert_eq!((status, text.ends_with("busy")), (503, true), "{text}");
        assert!(server.join().unwrap().starts_with("GET /health?all HTTP/1.1\r\nHost: 127.0.0.1:"));
    }

    /// One that accepts and then says nothing.
    #[test]
    fn who_is_silent_is_not_waited_for() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
        let began = Instant::now();
        assert!(fetch(&url, began + Duration::from_millis(100)).is_err());
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
