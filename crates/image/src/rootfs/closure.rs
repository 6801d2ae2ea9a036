//! Programs, and all that the kernel and the loader read before their first own instruction.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::collection::Collection;
use super::elf::{Elf, elf};
use super::loader::{self, Line, Places};
use crate::{Context as _, Error, ErrorKind, Result};

/// Finds what programs need and collects it.
#[derive(Debug)]
pub(super) struct Closure<'a> {
    pub(super) files: Collection<'a>,
    places: Places,
    search: &'a [PathBuf],
    /// Files whose needs are known already, by real path.
    done: BTreeSet<PathBuf>,
    /// Whether a library was found by the loader's cache, which then must come along.
    cache_needed: bool,
    /// Whether anything is loaded by glibc.
    pub(super) glibc: bool,
    /// What was not found, and is needed perhaps.
    pub(super) missing: Vec<String>,
}

/// As many interpreters in a row as the kernel takes.
const MAX_INTERPRETERS: u32 = 5;
const CACHE: &str = "/etc/ld.so.cache";
const CONFIGURATION: &str = "/etc/ld.so.conf";

impl<'a> Closure<'a> {
    /// `search` are the directories in which programs are looked up.
    pub(super) fn new(files: Collection<'a>, search: &'a [PathBuf]) -> Self {
        let mut closure = Self {
            files,
            places: Places::default(),
            search,
            done: BTreeSet::new(),
            cache_needed: false,
            glibc: false,
            missing: Vec::new(),
        };
        closure.places.cache = loader::cache(&closure.bytes(Path::new(CACHE)).unwrap_or_default());
        if closure.places.cache.is_empty() {
            closure.configured(Path::new(CONFIGURATION), 0);
        }
        closure
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = self.files.root().open(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        std::fs::File::from(file)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::from_io(error, format!("read({path:?})")))?;
        Ok(bytes)
    }

    fn configured(&mut self, path: &Path, depth: u32) {
        let text = String::from_utf8_lossy(&self.bytes(path).unwrap_or_default()).into_owned();
        for line in loader::configuration(&text) {
            match line {
                Line::Directory(directory) => self.places.configured.push(PathBuf::from(directory)),
                Line::Include(pattern) if depth < 4 => {
                    for file in self.matching(Path::new(pattern)) {
                        self.configured(&file, depth + 1);
                    }
                }
                Line::Include(_) => {}
            }
        }
    }

    /// Files whose last component matches `*.conf`.
    fn matching(&self, pattern: &Path) -> Vec<PathBuf> {
        let (Some(directory), Some(name)) =
            (pattern.parent(), pattern.file_name().and_then(|name| name.to_str()))
        else {
            return Vec::new();
        };
        let Some((before, after)) = name.split_once('*') else { return vec![pattern.to_owned()] };
        let opened = self.files.root().open(directory, OFlags::RDONLY | OFlags::DIRECTORY);
        let Some(entries) = opened.ok().and_then(|opened| rustix::fs::Dir::read_from(&opened).ok()) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned));
        let mut found: Vec<PathBuf> = names
            .filter(|name| {
                name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
            })
            .map(|name| directory.join(name))
            .collect();
        found.sort();
        found
    }

    /// Adds a program, by path or by the name that a shell would look up; returns its path.
    pub(super) fn program(&mut self, name: &str) -> Result<PathBuf> {
        let path = self.find(name)?;
        self.executable(&path, 0)?;
        Ok(path)
    }

    fn find(&self, name: &str) -> Result<PathBuf> {
        let runs = |path: &Path| {
            self.files.root().stat(path).is_ok_and(|stat| {
                rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() && stat.st_mode & 0o111 != 0
            })
        };
        let candidates: Vec<PathBuf> = if name.contains('/') {
            vec![Path::new("/").join(name)]
        } else {
            self.search.iter().map(|directory| directory.join(name)).collect()
        };
        candidates.iter().find(|path| runs(path)).cloned().ok_or_else(|| {
            let error = Error::new(
                ErrorKind::NotFound,
                format!("program {name:?}: there is no executable file of that name"),
            );
            if name.contains('/') {
                error
            } else {
                error.hint("it is looked up in PATH; give its path where it lies elsewhere")
            }
        })
    }

    fn executable(&mut self, path: &Path, depth: u32) -> Result<()> {
        let Some(real) = self.files.add(path)? else {
            return Err(Error::new(ErrorKind::NotFound, format!("{path:?}: no such file")));
        };
        if !self.done.insert(real.clone()) {
            return Ok(());
        }
        let bytes = self.bytes(&real)?;
        if let Some(line) = bytes.strip_prefix(b"#!") {
            return self.script(line, depth).context(|| format!("script {path:?}"));
        }
        let Some(elf) = elf(&bytes) else {
            return Err(Error::invalid(format!(
                "{path:?} is neither an ELF program nor a script with a #! line"
            )));
        };
        drop(bytes);
        let Some(interpreter) = elf.interpreter.clone() else { return Ok(()) };
        if self.files.add(&interpreter)?.is_none() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{path:?}: its loader {interpreter:?} is not there"),
            )
            .hint("the program is for another distribution or architecture"));
        }
        self.glibc |=
            interpreter.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"));
        let mut seen = BTreeSet::new();
        self.libraries(&mut vec![(path.to_owned(), elf)], &mut seen)
    }

    /// The interpreter of a script; of `env`, the program that it is told to run too.
    fn script(&mut self, line: &[u8], depth: u32) -> Result<()> {
        if depth >= MAX_INTERPRETERS {
            return Err(Error::invalid("too many interpreters in a row"));
        }
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let mut words = line.split_whitespace();
        let Some(interpreter) = words.next() else { return Err(Error::invalid("its #! line is empty")) };
        self.executable(Path::new(interpreter), depth + 1)?;
        if interpreter.ends_with("/env") {
            let program = words.find(|word| !word.starts_with('-') && !word.contains('='));
            if let Some(program) = program {
                let path = self.find(program)?;
                self.executable(&path, depth + 1)?;
            }
        }
        Ok(())
    }

    /// What the last file of the chain needs, and what that needs.
    fn libraries(&mut self, chain: &mut Vec<(PathBuf, Elf)>, seen: &mut BTreeSet<String>) -> Result<()> {
        let Some((_, last)) = chain.last() else { return Ok(()) };
        for name in last.needed.clone() {
            // One library of a name serves a whole process.
            if !seen.insert(name.clone()) {
                continue;
            }
            let user = chain.last().map(|(path, _)| path.clone()).unwrap_or_default();
            match self.library(&name, chain)? {
                Some((path, elf)) => {
                    chain.push((path, elf));
                    self.libraries(chain, seen)?;
                    chain.pop();
                }
                None => {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        format!("{user:?} needs {name}, which is not found"),
                    )
                    .hint("install the package it belongs to, or see what ldconfig -p says"));
                }
            }
        }
        Ok(())
    }

    /// Finds a library that fits the program and adds it, with its variants for newer processors.
    fn library(&mut self, name: &str, chain: &[(PathBuf, Elf)]) -> Result<Option<(PathBuf, Elf)>> {
        let views: Vec<(&Path, &Elf)> = chain.iter().map(|(path, elf)| (path.as_path(), elf)).collect();
        let Some((_, program)) = views.first() else { return Ok(None) };
        for path in self.places.candidates(name, &views) {
            let Ok(bytes) = self.bytes(&path) else { continue };
            let Some(elf) =
                elf(&bytes).filter(|elf| (elf.wide, elf.machine) == (program.wide, program.machine))
            else {
                continue;
            };
            self.files.add(&path)?;
            self.cache_needed |= self.places.needs_cache(&path);
            self.variants(&path)?;
            return Ok(Some((path, elf)));
        }
        Ok(None)
    }

    /// `glibc-hwcaps/x86-64-v3/…` beside a library: the loader prefers what the processor can do.
    fn variants(&mut self, path: &Path) -> Result<()> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let Ok(levels) =
            self.files.root().open(&directory.join("glibc-hwcaps"), OFlags::RDONLY | OFlags::DIRECTORY)
        else {
            return Ok(());
        };
        let Ok(entries) = rustix::fs::Dir::read_from(&levels) else { return Ok(()) };
        for level in entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned)) {
            if !level.starts_with('.') {
                self.files.add(&directory.join("glibc-hwcaps").join(level).join(name))?;
            }
        }
        Ok(())
    }

    /// Adds a library that is loaded by name at run time, with what it needs; false when there is none.
    pub(super) fn optional(&mut self, name: &str, for_program: &Path) -> Result<bool> {
        let Some(program) = elf(&self.bytes(for_program)?) else { return Ok(false) };
        let mut chain =
            vec![(for_program.to_owned(), Elf { needed: Vec::new(), rpath: None, runpath: None, ..program })];
        let Some((path, elf)) = self.library(name, &chain)? else { return Ok(false) };
        chain.push((path, elf));
        match self.libraries(&mut chain, &mut BTreeSet::from([name.to_owned()])) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.missing.push(error.to_string());
                Ok(true)
            }
            result => result.map(|()| true),
        }
    }

    /// The loader's own files, where it does not find everything without them.
    pub(super) fn finish(mut self) -> Result<(Collection<'a>, Vec<String>)> {
        if self.cache_needed {
            self.files.add(Path::new(CACHE))?;
        }
        Ok((self.files, self.missing))
    }
}
