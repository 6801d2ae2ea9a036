//! This process's image, moved from one file to another that holds the same bytes.
//!
//! What an exec would do, without the start-up of a program: every mapping of the program is replaced by the same part of the
//! other file, and the kernel is told that this is the program now (`prctl(PR_SET_MM, PR_SET_MM_MAP)`). It agrees only
//! when no mapping of the old file is left, so `/proc/PID/exe` and `/proc/PID/map_files` lead to the new one alone.

use std::ffi::c_void;
use std::mem::offset_of;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, MremapFlags, ProtFlags};

use crate::{Call as _, Error, Result};

/// Moves this process, which must have one thread, onto a file that holds the bytes it runs from, open to be read. An
/// error may leave the mappings moved and the name not: all is as before but for `/proc/PID/exe`.
pub(super) fn move_onto(file: &OwnedFd) -> Result<()> {
    // Read before anything is changed, because it can fail.
    let map = MemoryMap::of_this_process(file)?;
    let program = Program::of_this_process()?;
    for segment in program.segments()? {
        // SAFETY: the segment is one of this program's, and the file holds its bytes: `protect` has opened it by
        // `/proc/self/exe`. One thread, so nobody writes meanwhile.
        unsafe { segment.move_onto(file)? };
    }
    if let Some((start, length)) = program.read_only_after_relocation() {
        // SAFETY: a range of this program's that libc has made read-only in the same way at start-up.
        unsafe { rustix::mm::mprotect(start, length, MprotectFlags::READ) }.call(|| "mprotect(relro)")?;
    }
    map.set()
}

/// The kernel's page size on every machine this code is built for; larger ones take the way of an exec.
const PAGE: usize = 4096;

fn page_start(address: usize) -> usize {
    address & !(PAGE - 1)
}

fn page_end(address: usize) -> usize {
    page_start(address + PAGE - 1)
}

/// The program headers, as they lie in memory, and how far from their addresses the program was loaded.
struct Program {
    headers: &'static [libc::Elf64_Phdr],
    base: usize,
}

impl Program {
    fn of_this_process() -> Result<Self> {
        let mut program = Self { headers: &[], base: 0 };
        // SAFETY: called back before it returns, with a pointer to `program`.
        unsafe { libc::dl_iterate_phdr(Some(first_object), (&raw mut program).cast()) };
        // SAFETY: reads what the kernel has told this process at its start.
        let page = unsafe { libc::getauxval(libc::AT_PAGESZ) };
        if program.headers.is_empty() || usize::try_from(page) != Ok(PAGE) {
            return Err(Error::new("dl_iterate_phdr()", Errno::NOSYS));
        }
        Ok(program)
    }

    /// The parts that are mapped from the file.
    fn segments(&self) -> Result<Vec<Segment>> {
        let loaded = self.headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        loaded.map(|header| Segment::new(header, self.base)).collect()
    }

    fn read_only_after_relocation(&self) -> Option<(*mut c_void, usize)> {
        let relro = self.headers.iter().find(|header| header.p_type == libc::PT_GNU_RELRO)?;
        let start = self.base + usize::try_from(relro.p_vaddr).ok()?;
        let end = page_start(start + usize::try_from(relro.p_memsz).ok()?);
        let start = page_start(start);
        Some((std::ptr::with_exposed_provenance_mut(start), end.checked_sub(start)?))
    }
}

/// The first object is the program itself, `dl_iterate_phdr(3)`.
unsafe extern "C" fn first_object(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    program: *mut c_void,
) -> libc::c_int {
    // SAFETY: libc passes a valid structure whose headers are a part of the mapped program, which stays; `program` is
    // what `of_this_process` has passed.
    unsafe {
        let info = &*info;
        let program = &mut *program.cast::<Program>();
        program.base = usize::try_from(info.dlpi_addr).unwrap_or_default();
        program.headers = std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into());
    }
    1
}

/// Whole pages that are mapped from the file.
struct Segment {
    start: *mut c_void,
    length: usize,
    offset: u64,
    flags: u32,
}

impl Segment {
    fn new(header: &libc::Elf64_Phdr, base: usize) -> Result<Self> {
        let number = |value: u64| usize::try_from(value).map_err(|_| Error::new("mmap()", Errno::OVERFLOW));
        let first = base + number(header.p_vaddr)?;
        // Beyond what the file has lies memory without a file, which stays.
        let end = page_end(first + number(header.p_filesz)?);
        let before = first - page_start(first);
        Ok(Self {
            start: std::ptr::with_exposed_provenance_mut(page_start(first)),
            length: end - page_start(first),
            offset: header.p_offset - before as u64,
            flags: header.p_flags,
        })
    }

    /// # Safety
    ///
    /// The segment must be one of this program's, `file` must hold the same bytes there, and no other thread may run.
    unsafe fn move_onto(&self, file: &OwnedFd) -> Result<()> {
        if self.length == 0 {
            return Ok(());
        }
        let failed = || format!("mmap({:?}, {}, MAP_FIXED)", self.start, self.length);
        if self.flags & libc::PF_W != 0 {
            // What was written since the start lies here: a copy takes its place, in memory without a file.
            // SAFETY: new memory, filled from the readable pages of the segment before it replaces them in one call.
            // What runs between the two calls writes nothing but its own stack frame.
            return unsafe {
                let copy = rustix::mm::mmap_anonymous(
                    std::ptr::null_mut(),
                    self.length,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::PRIVATE,
                )
                .call(failed)?;
                std::ptr::copy_nonoverlapping(self.start.cast::<u8>(), copy.cast(), self.length);
                rustix::mm::mremap_fixed(copy, self.length, self.length, MremapFlags::MAYMOVE, self.start)
                    .map(drop)
                    .call(failed)
            };
        }
        let mut protection = ProtFlags::READ;
        protection.set(ProtFlags::EXEC, self.flags & libc::PF_X != 0);
        // SAFETY: the kernel exchanges the mapping in one call, for one with the same bytes: code that runs there goes on.
        unsafe {
            rustix::mm::mmap(
                self.start,
                self.length,
                protection,
                MapFlags::PRIVATE | MapFlags::FIXED,
                file,
                self.offset,
            )
        }
        .map(drop)
        .call(failed)
    }
}

/// `struct prctl_mm_map`.
#[repr(C)]
#[derive(Default)]
struct MemoryMap {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
    auxv: u64,
    auxv_size: u32,
    exe_fd: u32,
}

impl MemoryMap {
    /// As the kernel has it, but for the file.
    fn of_this_process(file: &OwnedFd) -> Result<Self> {
        let failed = || Error::new("read(\"/proc/self/stat\")", Errno::PROTO);
        let stat = crate::file::read(Path::new("/proc/self/stat"))?;
        let fields: Vec<u64> = stat
            .rfind(')')
            .map(|name| stat[name + 1..].split_ascii_whitespace().skip(1))
            .ok_or_else(failed)?
            .map(|field| field.parse().unwrap_or_default())
            .collect();
        // Numbered as in proc_pid_stat(5), where the first one after the name and the state is 4.
        let field =
            |number: usize| fields.get(number - 4).copied().filter(|value| *value != 0).ok_or_else(failed);
        // SAFETY: asks where the heap ends and changes nothing.
        let brk = unsafe { libc::sbrk(0) };
        Ok(Self {
            start_code: field(26)?,
            end_code: field(27)?,
            start_stack: field(28)?,
            start_data: field(45)?,
            end_data: field(46)?,
            start_brk: field(47)?,
            brk: brk.expose_provenance() as u64,
            arg_start: field(48)?,
            arg_end: field(49)?,
            env_start: field(50)?,
            env_end: field(51)?,
            exe_fd: u32::try_from(file.as_raw_fd()).unwrap_or(u32::MAX),
            ..Self::default()
        })
    }

    fn set(&self) -> Result<()> {
        // The kernel takes the structure by its size, and has no other one.
        const { assert!(size_of::<Self>() == 104 && offset_of!(Self, exe_fd) == 100) };
        // SAFETY: the structure has the size given and outlives the call. Its addresses are those the kernel has, so
        // nothing changes but the file.
        let result = unsafe {
            libc::prctl(libc::PR_SET_MM, libc::PR_SET_MM_MAP, &raw const *self, size_of::<Self>(), 0)
        };
        if result == 0 {
            return Ok(());
        }
        Err(std::io::Error::last_os_error())
            .call(|| format!("prctl(PR_SET_MM, PR_SET_MM_MAP, {{exe_fd={}}})", self.exe_fd))
    }
}
