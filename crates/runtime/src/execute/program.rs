//! The program: found, and become; and why not, when not.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use barque_sys::process::{self as sys, Program};

use super::init::Init;
use crate::{Error, ErrorKind, Result};

/// Where programs are looked up when the environment has no `PATH`.
const DEFAULT_SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Finds a program in the container, as `execvp(3)` does. Called in the container's root, as the container's user.
pub(super) fn find(name: &str, search: &str) -> Result<PathBuf> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        check(&path).map_err(|error| error.context(format_args!("exec {name:?}")))?;
        return Ok(path);
    }
    let search = if search.is_empty() { DEFAULT_SEARCH } else { search };
    let mut denied = None;
    for directory in search.split(':') {
        let directory = if directory.is_empty() { "." } else { directory };
        let path = Path::new(directory).join(name);
        match check(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::ProgramNotExecutable => denied = Some(error),
            Err(_) => {}
        }
    }
    Err(denied.map_or_else(
        || {
            Error::new(
                ErrorKind::ProgramNotFound,
                format!("exec {name:?}: executable file not found in $PATH"),
            )
            .hint(format!("PATH is {search}"))
        },
        |error| error.context(format_args!("exec {name:?}")),
    ))
}

fn check(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            Error::new(ErrorKind::ProgramNotExecutable, format!("stat {path:?}: permission denied"))
        }
        _ => Error::new(ErrorKind::ProgramNotFound, format!("stat {path:?}: no such file or directory")),
    })?;
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::ProgramNotExecutable, format!("{path:?} is a directory")));
    }
    if metadata.permissions().mode() & 0o111 == 0 || !sys::may_execute(path) {
        return Err(Error::new(ErrorKind::ProgramNotExecutable, format!("{path:?}: permission denied"))
            .hint("the file is not executable for this user: chmod +x it, or see the mount's noexec"));
    }
    Ok(())
}

/// Becomes the program. Returns only on failure, with the cause as far as it can be known.
pub(super) fn exec(
    init: &mut Init<'_, '_>,
    arguments: &[String],
    environment: &[String],
    home_of: Option<u32>,
) -> Error {
    let Some(path) = init.program.take() else {
        return Error::new(ErrorKind::Internal, "the program was not looked up");
    };
    let home = home_of.map(|uid| format!("HOME={}", home(uid)));
    let environment = environment.iter().map(String::as_str).chain(home.as_deref());
    let program = match Program::new(&path, arguments, environment) {
        Ok(program) => program,
        Err(error) => return error.into(),
    };
    if let Err(error) = sys::close_on_exec_from(3 + init.context.preserve_fds) {
        return error.into();
    }
    sys::reset_signals();
    explain(&path, &program.exec())
}

/// The home directory of a user in the container's own `/etc/passwd`; `/` where it has none.
fn home(uid: u32) -> String {
    let open = |flags| barque_sys::file::open(Path::new("/etc/passwd"), flags);
    let text = barque_sys::file::read_regular(open).unwrap_or_default();
    let of_user = |line: &str| {
        let mut fields = line.split(':');
        let id = fields.nth(2)?.parse::<u32>().ok()?;
        let home = fields.nth(2)?;
        (id == uid && !home.is_empty()).then(|| home.to_owned())
    };
    text.lines().find_map(of_user).unwrap_or_else(|| "/".to_owned())
}

/// Why an exec of a file that is there and executable failed. The kernel's number alone misleads: `ENOENT` is about the
/// interpreter, `ENOEXEC` about the format.
fn explain(path: &Path, error: &barque_sys::Error) -> Error {
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(4096).read_to_end(&mut head));
    let kind = match error.kind() {
        ErrorKind::NotFound => ErrorKind::ProgramNotFound,
        _ => ErrorKind::ProgramNotExecutable,
    };
    let told = |message: String| Error::new(kind, format!("exec {path:?}: {message}"));
    if read.is_ok() {
        if let Some(line) = head.strip_prefix(b"#!") {
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let interpreter = String::from_utf8_lossy(line).trim_start_matches([' ', '\t']).to_owned();
            let interpreter = interpreter.split([' ', '\t']).next().unwrap_or_default();
            if kind == ErrorKind::ProgramNotFound {
                let error = told(format!("interpreter {interpreter:?} not found: no such file or directory"));
                return if interpreter.ends_with('\r') {
                    error.hint("the file has Windows line endings: dos2unix it")
                } else {
                    error.hint("the script's first line names a program that the root filesystem lacks")
                };
            }
        } else if let Some(interpreter) =
            elf_interpreter(&head).filter(|_| kind == ErrorKind::ProgramNotFound)
        {
            return told(format!("its dynamic linker {interpreter:?} not found: no such file or directory"))
                .hint("the program was built for another C library, or the root filesystem is incomplete");
        } else if let Some(machine) = elf_machine(&head).filter(|machine| *machine != OWN_MACHINE) {
            return told(format!("exec format error: it is built for {}", machine_name(machine)))
                .hint("take the variant for this machine's architecture");
        } else if error.errno_name() == Some("ENOEXEC") {
            return told("exec format error: it is neither an ELF program nor a script with #!".to_owned());
        }
    }
    Error::from(error.clone()).with_kind(kind)
}

/// `e_machine` of this build.
const OWN_MACHINE: u16 = if cfg!(target_arch = "aarch64") {
    183
} else if cfg!(target_arch = "riscv64") {
    243
} else {
    62
};

fn machine_name(machine: u16) -> String {
    match machine {
        3 => "x86".to_owned(),
        40 => "arm".to_owned(),
        62 => "x86-64".to_owned(),
        183 => "arm64".to_owned(),
        243 => "riscv64".to_owned(),
        21 => "ppc64le".to_owned(),
        22 => "s390x".to_owned(),
        other => format!("ELF machine {other}"),
    }
}

fn elf_machine(head: &[u8]) -> Option<u16> {
    head.starts_with(b"\x7fELF").then(|| head.get(18..20).map(|b| u16::from_le_bytes([b[0], b[1]])))?
}

/// The path in the `PT_INTERP` segment of a 64-bit little-endian ELF file, as far as it lies in its first page.
fn elf_interpreter(head: &[u8]) -> Option<String> {
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let word = |at: usize| Some(usize::from(u16::from_le_bytes(head.get(at..)?.get(..2)?.try_into().ok()?)));
    let long =
        |at: usize| usize::try_from(u64::from_le_bytes(head.get(at..)?.get(..8)?.try_into().ok()?)).ok();
    let (table, size, count) = (long(32)?, word(54)?, word(56)?);
    (0..count).find_map(|index| {
        let at = table.checked_add(index.checked_mul(size)?)?;
        let kind = u32::from_le_bytes(head.get(at..)?.get(..4)?.try_into().ok()?);
        if kind != 3 {
            return None;
        }
        let (start, length) = (long(at + 8)?, long(at + 32)?);
        let text = head.get(start..start.checked_add(length)?)?;
        Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
    })
}

/// Reads bytes as the start of a program (`crate::fuzz`).
pub(crate) fn fuzz(head: &[u8]) {
    drop(elf_machine(head).map(machine_name));
    drop(elf_interpreter(head));
}
