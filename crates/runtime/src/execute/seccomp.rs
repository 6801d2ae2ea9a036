//! The system call filter, and handing its notifications over.
//!
//! A filter may refer calls to somebody who listens (`SCMP_ACT_NOTIFY`), and the call that would send the listener's
//! descriptor may be one of them. So the filtered process sends nothing: it says beforehand which number the descriptor
//! will get, the lowest that is free, and the creator takes it from there (`pidfd_getfd(2)`, Linux 5.6).

use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use barque_sys::channel;
use barque_sys::clone::Child;
use barque_sys::process as sys;
use serde::Serialize;

use super::init::Init;
use super::message::Message;
use crate::plan::process::LoadSeccomp;
use crate::spec::{State, Str};
use crate::{Error, ErrorKind, Result};

/// Loads the filter.
pub(super) fn load(init: &Init<'_, '_>, load: &LoadSeccomp) -> Result<()> {
    if load.program.has_listener() {
        Message::Listener(sys::lowest_free_fd()?).send(&init.channel)?;
    }
    // The listener's descriptor is close-on-exec; until then it must stay open for the creator to take.
    std::mem::forget(load.program.load()?);
    Ok(())
}

/// What the listener's other end is told, config-linux.md "The Container Process State".
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessState<'a> {
    oci_version: Str<'a>,
    fds: [&'a str; 1],
    pid: i32,
    metadata: &'a str,
    state: State<'a>,
}

/// Takes the listener's descriptor from the process as soon as its filter is loaded, and hands it over.
pub(super) fn hand_over(child: &Child, number: i32, load: &LoadSeccomp, state: &State<'_>) -> Result<()> {
    let Some(path) = &load.listener_path else { return Ok(()) };
    let pid = child.pid.as_raw_nonzero().get();
    let link = format!("/proc/{pid}/fd/{number}");
    let is_loaded =
        || std::fs::read_link(&link).is_ok_and(|target| target.to_string_lossy().contains("seccomp notify"));
    while !is_loaded() {
        if sys::has_ended(&child.pidfd)? {
            return Err(Error::new(ErrorKind::Internal, "the process ended before its filter was loaded"));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    let listener = sys::take_fd(&child.pidfd, number)?;
    let process = ProcessState {
        oci_version: state.oci_version.clone(),
        fds: ["seccompFd"],
        pid,
        metadata: &load.listener_metadata,
        state: State { pid: Some(pid), ..state.clone() },
    };
    let send = || {
        let socket = channel::connect_stream(Path::new(path))?;
        channel::send_fd(&socket, &serde_json::to_vec(&process).unwrap_or_default(), listener.as_fd())
    };
    send().map_err(|error| {
        let what = format_args!("linux.seccomp.listenerPath {path:?}: failed to connect with seccomp agent");
        Error::from(error).context(what)
    })
}
