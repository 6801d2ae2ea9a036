//! A minimal root filesystem of some of this machine's programs.

use std::path::{Path, PathBuf};

use barque_sys::path::Root;

use super::accounts;
use super::closure::Closure;
use super::collection::Collection;
use super::write;
use crate::{Context as _, Error, Result};

/// What is wanted besides the programs themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// Descriptions of terminals, for programs that draw on them.
    Terminfo,
    /// Certificates of authorities, for programs that speak TLS.
    Certificates,
    /// Time zones, and the one of this machine.
    TimeZones,
}

impl Extra {
    fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Terminfo => &["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"],
            Self::Certificates => {
                &["/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/ca-certificates.conf"]
            }
            Self::TimeZones => &["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo"],
        }
    }
}

/// Programs of a root filesystem, and what else of it is wanted.
#[derive(Debug)]
pub struct HostSelection {
    /// The root filesystem to take from: `/`.
    pub root: PathBuf,
    /// Names or paths of programs.
    pub programs: Vec<String>,
    /// Directories in which names are looked up: `PATH`.
    pub search: Vec<PathBuf>,
    /// What else is wanted.
    pub extras: Vec<Extra>,
    /// Files and directories to take as they are.
    pub include: Vec<PathBuf>,
}

/// What was selected and copied.
#[derive(Debug, PartialEq, Eq)]
pub struct Selected {
    /// The programs' paths, in the order asked for.
    pub programs: Vec<PathBuf>,
    /// How many files.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// What may be missed, a sentence each.
    pub warnings: Vec<String>,
}

/// Directories that every root filesystem has, with their modes.
const DIRECTORIES: [(&str, u32); 12] = [
    ("/dev", 0o755),
    ("/etc", 0o755),
    ("/home", 0o755),
    ("/mnt", 0o755),
    ("/proc", 0o555),
    ("/root", 0o700),
    ("/run", 0o755),
    ("/sys", 0o555),
    ("/tmp", 0o1777),
    ("/usr", 0o755),
    ("/var", 0o755),
    ("/var/tmp", 0o1777),
];

/// glibc loads it when a thread is cancelled: no file names it.
const UNWINDER: &str = "libgcc_s.so.1";

impl HostSelection {
    /// Copies the programs and all that they need into an empty directory of the caller's own.
    pub fn copy_to(&self, target: &Path) -> Result<Selected> {
        let root = Root::open_host(&self.root)?;
        let mut closure = Closure::new(Collection::new(&root), &self.search);
        let mut programs = Vec::new();
        for name in &self.programs {
            programs.push(closure.program(name)?);
        }
        let text =
            |path: &str| barque_sys::file::read_regular(|flags| root.open(Path::new(path), flags)).ok();
        let names = text("/etc/nsswitch.conf");
        if let (true, Some(program)) = (closure.glibc, programs.first()) {
            closure.optional(UNWINDER, program)?;
            for service in names.iter().flat_map(|text| accounts::services(text)) {
                closure.optional(&format!("libnss_{service}.so.2"), program)?;
            }
        }
        // Where these are links into /usr, scripts and programs rely on them.
        for path in ["/bin", "/sbin", "/lib", "/lib64"] {
            if self.root.join(&path[1..]).is_symlink() {
                closure.files.add(Path::new(path))?;
            }
        }
        for path in ["/etc/os-release", "/etc/services", "/etc/protocols"] {
            closure.files.add(Path::new(path))?;
        }
        for path in self.extras.iter().flat_map(|extra| extra.paths()) {
            closure.files.add_tree(Path::new(path))?;
        }
        for path in &self.include {
            let found = closure.files.add_tree(path).context(|| format!("include {path:?}"))?;
            if !found {
                return Err(Error::new(
                    crate::ErrorKind::NotFound,
                    format!("include {path:?}: there is no such file"),
                ));
            }
        }
        let glibc = closure.glibc;
        let (files, missing) = closure.finish()?;
        let mut made = vec![
            ("etc/passwd", accounts::of_the_system(&text("/etc/passwd").unwrap_or_default())),
            ("etc/group", accounts::of_the_system(&text("/etc/group").unwrap_or_default())),
        ];
        if let (true, Some(names)) = (glibc, names) {
            made.push(("etc/nsswitch.conf", names));
        }
        let (count, bytes) = write::tree(&files, target, &DIRECTORIES, &made)?;
        let warnings = missing.iter().map(|what| format!("left out: {what}")).collect();
        Ok(Selected { programs, files: count, bytes, warnings })
    }
}
