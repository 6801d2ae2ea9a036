//! `bpf(2)`, as far as the cgroup v2 device filter needs it: load, attach, query, replace.
//!
//! Man page `bpf(2)`; `BPF_PROG_TYPE_CGROUP_DEVICE` is in Linux 4.15, `BPF_F_REPLACE` in 5.6.

use std::ffi::c_long;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Call, Result};

/// One instruction of the extended BPF machine, as the kernel reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Insn {
    /// Operation: class, mode, source.
    pub code: u8,
    /// Destination register in the low four bits, source register in the high four.
    pub registers: u8,
    /// Distance of a jump, or the offset of a load.
    pub offset: i16,
    /// Immediate operand.
    pub immediate: i32,
}

/// A program attached to a cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The kernel's id of the program.
    pub id: u32,
    /// The name it was loaded under; empty when it has none.
    pub name: String,
}

const PROG_LOAD: c_long = 5;
const PROG_ATTACH: c_long = 8;
const PROG_DETACH: c_long = 9;
const PROG_GET_FD_BY_ID: c_long = 13;
const OBJ_GET_INFO_BY_FD: c_long = 15;
const PROG_QUERY: c_long = 16;

const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_TYPE_CGROUP_DEVICE: u32 = 6;
const F_ALLOW_MULTI: u32 = 1 << 1;
const F_REPLACE: u32 = 1 << 2;

/// Longest name of a program, without the NUL: `BPF_OBJ_NAME_LEN` − 1.
const NAME_MAX: usize = 15;

/// The kernel takes at most 64 programs on one cgroup (`BPF_CGROUP_MAX_PROGS`).
const MAX_PROGS: usize = 64;

#[repr(C)]
#[derive(Default)]
struct LoadAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

#[repr(C)]
#[derive(Default)]
struct AttachAttr {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
    replace_bpf_fd: u32,
}

#[repr(C)]
#[derive(Default)]
struct QueryAttr {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    padding: u32,
}

#[repr(C)]
#[derive(Default)]
struct GetFdAttr {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct InfoAttr {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// The head of `struct bpf_prog_info`, as far as the name.
#[repr(C)]
#[derive(Default)]
struct ProgInfo {
    prog_type: u32,
    id: u32,
    tag: [u8; 8],
    jited_prog_len: u32,
    xlated_prog_len: u32,
    jited_prog_insns: u64,
    xlated_prog_insns: u64,
    load_time: u64,
    created_by_uid: u32,
    nr_map_ids: u32,
    map_ids: u64,
    name: [u8; 16],
}

/// Loads a cgroup device program.
///
/// Kernels before 5.11 count the program against `RLIMIT_MEMLOCK`, so the limit is raised for the length of a
/// second try when the first is refused; it is put back, because the container would inherit it.
pub fn load_device_program(name: &str, program: &[Insn]) -> Result<OwnedFd> {
    let first = load(name, program);
    if !matches!(first, Err(Errno::PERM)) {
        return first.call(|| load_call(name, program));
    }
    let before = getrlimit(Resource::Memlock);
    let raised = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
    let second = if raised.is_ok() { load(name, program) } else { first };
    if raised.is_ok() {
        setrlimit(Resource::Memlock, before).call(|| "setrlimit(RLIMIT_MEMLOCK, …)")?;
    }
    second.call(|| load_call(name, program))
}

fn load_call(name: &str, program: &[Insn]) -> String {
    format!("bpf(BPF_PROG_LOAD, {{BPF_PROG_TYPE_CGROUP_DEVICE, {} instructions, {name:?}}})", program.len())
}

fn load(name: &str, program: &[Insn]) -> std::result::Result<OwnedFd, Errno> {
    let mut prog_name = [0_u8; 16];
    for (to, from) in prog_name.iter_mut().zip(name.bytes().take(NAME_MAX)) {
        *to = from;
    }
    let attr = LoadAttr {
        prog_type: PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: u32::try_from(program.len()).map_err(|_| Errno::TOOBIG)?,
        insns: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        prog_name,
        ..LoadAttr::default()
    };
    // SAFETY: `attr` is a BPF_PROG_LOAD attribute whose pointers (the instructions and the licence) live until
    // the call returns, and the kernel only reads them.
    let fd = unsafe { bpf(PROG_LOAD, &attr) }?;
    owned(fd)
}

/// Attaches a device program to a cgroup v2 directory, beside programs that others attached
/// (all of them must allow an access).
pub fn attach(cgroup: impl AsFd, program: impl AsFd) -> Result<()> {
    attach_with(cgroup.as_fd(), program.as_fd(), None)
}

/// Puts a device program in the place of another in one step: no moment with both or neither.
pub fn replace(cgroup: impl AsFd, program: impl AsFd, old: impl AsFd) -> Result<()> {
    attach_with(cgroup.as_fd(), program.as_fd(), Some(old.as_fd()))
}

fn attach_with(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>, old: Option<BorrowedFd<'_>>) -> Result<()> {
    let attr = AttachAttr {
        target_fd: raw(cgroup),
        attach_bpf_fd: raw(program),
        attach_type: ATTACH_TYPE_CGROUP_DEVICE,
        attach_flags: F_ALLOW_MULTI | old.map_or(0, |_| F_REPLACE),
        replace_bpf_fd: old.map_or(0, raw),
    };
    // SAFETY: `attr` is a BPF_PROG_ATTACH attribute without pointers.
    unsafe { bpf(PROG_ATTACH, &attr) }
        .call(|| format!("bpf(BPF_PROG_ATTACH, {{BPF_CGROUP_DEVICE, cgroup {}}})", raw(cgroup)))
        .map(drop)
}

/// Takes a device program off a cgroup.
pub fn detach(cgroup: impl AsFd, program: impl AsFd) -> Result<()> {
    let attr = AttachAttr {
        target_fd: raw(cgroup.as_fd()),
        attach_bpf_fd: raw(program.as_fd()),
        attach_type: ATTACH_TYPE_CGROUP_DEVICE,
        ..AttachAttr::default()
    };
    // SAFETY: `attr` is a BPF_PROG_DETACH attribute without pointers.
    unsafe { bpf(PROG_DETACH, &attr) }
        .call(|| format!("bpf(BPF_PROG_DETACH, {{BPF_CGROUP_DEVICE, cgroup {}}})", attr.target_fd))
        .map(drop)
}

/// The device programs attached to a cgroup itself, without those of its ancestors.
pub fn attached(cgroup: impl AsFd) -> Result<Vec<Attached>> {
    let mut ids = [0_u32; MAX_PROGS];
    let mut attr = QueryAttr {
        target_fd: raw(cgroup.as_fd()),
        attach_type: ATTACH_TYPE_CGROUP_DEVICE,
        prog_ids: ids.as_mut_ptr() as u64,
        prog_cnt: 64,
        ..QueryAttr::default()
    };
    // SAFETY: `attr` is a BPF_PROG_QUERY attribute; the kernel writes at most `prog_cnt` ids into `ids`, which
    // has that many and outlives the call, and the count back into `attr`.
    unsafe { bpf_mut(PROG_QUERY, &mut attr) }
        .call(|| format!("bpf(BPF_PROG_QUERY, {{BPF_CGROUP_DEVICE, cgroup {}}})", attr.target_fd))?;
    let count = usize::try_from(attr.prog_cnt).unwrap_or(MAX_PROGS).min(MAX_PROGS);
    ids.iter().take(count).map(|&id| Ok(Attached { id, name: program_name(by_id(id)?)? })).collect()
}

/// A descriptor of the program with this id.
pub fn by_id(id: u32) -> Result<OwnedFd> {
    let attr = GetFdAttr { id, ..GetFdAttr::default() };
    // SAFETY: `attr` is a BPF_PROG_GET_FD_BY_ID attribute without pointers.
    unsafe { bpf(PROG_GET_FD_BY_ID, &attr) }
        .and_then(owned)
        .call(|| format!("bpf(BPF_PROG_GET_FD_BY_ID, {id})"))
}

fn program_name(program: impl AsFd) -> Result<String> {
    let mut info = ProgInfo::default();
    let mut attr = InfoAttr {
        bpf_fd: raw(program.as_fd()),
        info_len: u32::try_from(size_of::<ProgInfo>()).unwrap_or(0),
        info: (&raw mut info) as u64,
    };
    // SAFETY: `attr` is a BPF_OBJ_GET_INFO_BY_FD attribute; the kernel writes at most `info_len` bytes into
    // `info`, which is exactly that long and outlives the call.
    unsafe { bpf_mut(OBJ_GET_INFO_BY_FD, &mut attr) }.call(|| "bpf(BPF_OBJ_GET_INFO_BY_FD, …)")?;
    let name = info.name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    u32::try_from(fd.as_raw_fd()).unwrap_or(u32::MAX)
}

fn owned(fd: c_long) -> std::result::Result<OwnedFd, Errno> {
    let fd = i32::try_from(fd).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel has just made this descriptor for us; nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// # Safety
/// `attr` must be the attribute of `command`, its pointers valid for reading until the call returns.
unsafe fn bpf<T>(command: c_long, attr: &T) -> std::result::Result<c_long, Errno> {
    // SAFETY: as the caller promises; commands that take a shared reference write nothing back.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attr), size_of::<T>()) };
    if result < 0 { Err(last_errno()) } else { Ok(result) }
}

/// # Safety
/// As [`bpf`], and what its pointers point to must be valid for writing.
unsafe fn bpf_mut<T>(command: c_long, attr: &mut T) -> std::result::Result<c_long, Errno> {
    // SAFETY: as the caller promises.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) };
    if result < 0 { Err(last_errno()) } else { Ok(result) }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
