//! System call names and numbers of every architecture, from kernel headers.
//!
//! Most come from the `linux-raw-sys` crate, which is bindgen's reading of a recent kernel's headers and is in
//! the dependency graph anyway. It lacks two 32-bit ABIs; Debian's cross header packages have those.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

const OUT: &str = "crates/runtime/src/seccomp/tables";

/// Our module of an architecture, and the directory of `linux-raw-sys` that has it.
const CRATE: &[(&str, &str)] = &[
    ("x86_64", "x86_64"),
    ("x86", "x86"),
    ("x32", "x32"),
    ("aarch64", "aarch64"),
    ("arm", "arm"),
    ("mips", "mips"),
    ("mips64", "mips64"),
    ("ppc", "powerpc"),
    ("ppc64", "powerpc64"),
    ("s390x", "s390x"),
    ("riscv64", "riscv64"),
    ("loongarch64", "loongarch64"),
];

/// Our module, Debian's header, the package that has it, and the sister ABI that has newer calls.
const HEADERS: &[(&str, &str, &str, &str)] = &[
    (
        "mips64n32",
        "/usr/mips64-linux-gnuabi64/include/asm/unistd_n32.h",
        "linux-libc-dev-mips64-cross",
        "mips64",
    ),
    ("s390", "/usr/s390x-linux-gnu/include/asm/unistd_32.h", "linux-libc-dev-s390x-cross", "s390x"),
];

/// Macros of the headers that name no system call.
const NOT_CALLS: &[&str] = &[
    "Linux",
    "Linux_syscalls",
    "64_Linux",
    "64_Linux_syscalls",
    "N32_Linux",
    "N32_Linux_syscalls",
    "O32_Linux",
    "O32_Linux_syscalls",
    "syscalls",
    "arch_specific_syscall",
    "SYSCALL_BASE",
    "OABI_SYSCALL_BASE",
    "SYSCALL_MASK",
    "BASE",
];

/// Calls are numbered alike on all architectures from here on (`pidfd_send_signal`).
const UNIFORM_FROM: u32 = 424;

/// The numbers of one ABI start here, so that `base + n` is call `n` of the uniform ones.
const MIPS_N32_BASE: u32 = 6000;
const MIPS_N64_BASE: u32 = 5000;

type Table = BTreeMap<String, u32>;

/// `cargo xtask syscalls`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let sources = raw_sys_sources()?;
    let mut tables: BTreeMap<&str, Table> = BTreeMap::new();
    for (module, directory) in CRATE {
        let text = std::fs::read_to_string(sources.join(directory).join("general.rs"))?;
        tables.insert(module, text.lines().filter_map(rust_constant).collect());
    }
    for (module, header, package, sister) in HEADERS {
        let given = arguments.iter().find_map(|argument| argument.strip_prefix(module)?.strip_prefix('='));
        let text = std::fs::read_to_string(given.unwrap_or(header))
            .map_err(|error| format!("{header}: {error}: apt-get install {package}"))?;
        let base = if *module == "mips64n32" { MIPS_N32_BASE } else { 0 };
        let mut table: Table = text.lines().filter_map(|line| c_macro(line, base)).collect();
        let sister_base = if *sister == "mips64" { MIPS_N64_BASE } else { 0 };
        for (name, number) in &tables[sister] {
            if number - sister_base >= UNIFORM_FROM {
                table.entry(name.clone()).or_insert(number - sister_base + base);
            }
        }
        tables.insert(module, table);
    }
    write(&tables)
}

/// Where cargo keeps the sources of `linux-raw-sys`.
fn raw_sys_sources() -> Result<PathBuf, Failure> {
    let output = Command::new(env!("CARGO")).args(["metadata", "--format-version=1"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    let package = packages.iter().find(|package| package["name"] == "linux-raw-sys");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.ok_or("linux-raw-sys is no longer a dependency of rustix")?;
    Ok(Path::new(manifest).with_file_name("src"))
}

/// `pub const __NR_read: u32 = 0;`
fn rust_constant(line: &str) -> Option<(String, u32)> {
    let line = line.strip_prefix("pub const __")?;
    let (name, value) =
        line.strip_prefix("ARM_").unwrap_or(line).strip_prefix("NR_")?.split_once(": u32 = ")?;
    named(name, value.strip_suffix(';')?.parse().ok()?)
}

/// `#define __NR_read (__NR_Linux + 0)` or `#define __NR_exit 1`
fn c_macro(line: &str, base: u32) -> Option<(String, u32)> {
    let (name, value) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
    let number = value.trim().trim_start_matches("(__NR_Linux +").trim_end_matches(')').trim();
    named(name, base + number.parse::<u32>().ok()?)
}

fn named(name: &str, number: u32) -> Option<(String, u32)> {
    let is_call = !NOT_CALLS.contains(&name) && !name.starts_with("unused") && !name.starts_with("reserved");
    is_call.then(|| (name.to_owned(), number))
}

fn write(tables: &BTreeMap<&str, Table>) -> Result<(), Failure> {
    let names: BTreeSet<&str> = tables.values().flat_map(|table| table.keys().map(String::as_str)).collect();
    let mut text = String::from(
        "//! The name of every system call of any architecture, sorted.\n\
         // Generated by `cargo xtask syscalls`; do not edit.\n\n",
    );
    writeln!(
        text,
        "/// How many names there are.\npub(in crate::seccomp) const COUNT: usize = {};\n",
        names.len()
    )?;
    writeln!(text, "/// The names; a name's place here is its place in every table of numbers.")?;
    writeln!(text, "pub(super) static NAMES: [&str; COUNT] = [")?;
    for name in &names {
        writeln!(text, "    \"{name}\",")?;
    }
    text.push_str("];\n");
    std::fs::write(Path::new(OUT).join("names.rs"), text)?;
    for (module, table) in tables {
        let mut text = format!(
            "//! System call numbers of {module}.\n\
             // Generated by `cargo xtask syscalls`; do not edit.\n\n\
             use super::{{COUNT, NONE}};\n\n\
             /// In the order of the names.\n\
             pub(crate) static NUMBERS: [u32; COUNT] = [\n"
        );
        for name in &names {
            match table.get(*name) {
                Some(number) => writeln!(text, "    {number}, // {name}")?,
                None => writeln!(text, "    NONE, // {name}")?,
            }
        }
        text.push_str("];\n");
        std::fs::write(Path::new(OUT).join(format!("{module}.rs")), text)?;
        println!("{module}: {} calls", table.len());
    }
    Ok(())
}
