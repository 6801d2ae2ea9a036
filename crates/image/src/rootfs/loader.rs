//! Where the loader finds libraries: glibc's rules (`ld.so(8)`), and musl's, which are simpler.

use std::path::{Path, PathBuf};

use super::elf::Elf;

/// What a library is looked up in, besides what the programs say themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// `/etc/ld.so.cache`: names with their paths, in the order in which they are tried.
    pub(super) cache: Vec<(String, PathBuf)>,
    /// Directories of `/etc/ld.so.conf`, for a machine without the cache.
    pub(super) configured: Vec<PathBuf>,
}

/// Directories that are built into loaders. A distribution's loader knows some of them only; that a library lies in one
/// of the others is no harm, since it is looked at last.
const BUILT_IN: [&str; 5] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];

/// The magic of the cache's current form, and of an older one that may precede it.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0\0";

/// Reads `/etc/ld.so.cache`; empty when it is damaged or of a form that is not known.
pub(super) fn cache(bytes: &[u8]) -> Vec<(String, PathBuf)> {
    entries(bytes).unwrap_or_default()
}

fn entries(bytes: &[u8]) -> Option<Vec<(String, PathBuf)>> {
    let start = match bytes.strip_prefix(OLD_MAGIC) {
        Some(rest) => {
            let count = usize::try_from(number(rest, 0)?).ok()?;
            (OLD_MAGIC.len() + 4).checked_add(count.checked_mul(12)?)?.next_multiple_of(8)
        }
        None => 0,
    };
    let bytes = bytes.get(start..)?.strip_prefix(MAGIC).map(|_| &bytes[start..])?;
    let count = usize::try_from(number(bytes, MAGIC.len())?).ok()?;
    let text = |offset: u32| {
        let text = bytes.get(usize::try_from(offset).ok()?..)?.split(|byte| *byte == 0).next()?;
        std::str::from_utf8(text).ok()
    };
    let entry = |index: usize| {
        let at = index.checked_mul(24)?.checked_add(48)?;
        let (name, path) = (number(bytes, at.checked_add(4)?)?, number(bytes, at.checked_add(8)?)?);
        Some((text(name)?.to_owned(), PathBuf::from(text(path)?)))
    };
    // Each takes 24 bytes: a count that is too large ends at the first that is not there.
    (0..count).map(entry).collect()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A line of `/etc/ld.so.conf`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A directory.
    Directory(&'a str),
    /// Files to read in its place; the last component may hold `*`.
    Include(&'a str),
}

/// The lines of `/etc/ld.so.conf` that mean something.
pub(super) fn configuration(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter_map(|line| {
        let line = line.split('#').next().unwrap_or("").trim();
        match line.split_once(char::is_whitespace) {
            Some(("include", pattern)) => Some(Line::Include(pattern.trim())),
            Some(("hwcap", _)) => None,
            _ if line.is_empty() => None,
            _ => Some(Line::Directory(line.split('=').next().unwrap_or(line))),
        }
    })
}

impl Places {
    /// The paths at which a library may lie, in the order in which the loader tries them. `chain` are the files that led
    /// to it, with their paths: the one that names it last.
    pub(super) fn candidates(&self, name: &str, chain: &[(&Path, &Elf)]) -> Vec<PathBuf> {
        if name.contains('/') {
            return vec![PathBuf::from(name)];
        }
        let mut paths = Vec::new();
        let mut below = |list: &str, file: &Path| {
            for directory in list.split(':').filter(|directory| !directory.is_empty()) {
                paths.extend(expand(directory, file).map(|directory| directory.join(name)));
            }
        };
        if let Some((file, elf)) = chain.last() {
            if elf.runpath.is_none() {
                // The library's own, then that of who loaded it, up to the program.
                for (file, elf) in chain.iter().rev() {
                    if let (Some(rpath), None) = (&elf.rpath, &elf.runpath) {
                        below(rpath, file);
                    }
                }
            }
            if let Some(runpath) = &elf.runpath {
                below(runpath, file);
            }
        }
        paths.extend(self.cache.iter().filter(|(known, _)| known == name).map(|(_, path)| path.clone()));
        paths.extend(self.configured.iter().map(|directory| directory.join(name)));
        paths.extend(BUILT_IN.iter().map(|directory| Path::new(directory).join(name)));
        paths
    }

    /// Whether the loader finds a path by the cache only.
    pub(super) fn needs_cache(&self, path: &Path) -> bool {
        let built_in =
            path.parent().is_some_and(|parent| BUILT_IN.iter().any(|known| parent == Path::new(known)));
        !built_in && self.cache.iter().any(|(_, known)| known == path)
    }
}

/// The directories that an entry of a search path stands for: none when a variable is not known.
fn expand(directory: &str, file: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let origin = file.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
    let expanded = directory.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
    // What $LIB and $PLATFORM are is built into the loader.
    let libraries = ["lib64", "lib", &format!("lib/{}-linux-gnu", std::env::consts::ARCH)]
        .map(|lib| expanded.replace("${LIB}", lib).replace("$LIB", lib));
    let several = expanded.contains("$LIB") || expanded.contains("${LIB}");
    libraries
        .into_iter()
        .take(if several { 3 } else { 1 })
        .map(|path| {
            path.replace("${PLATFORM}", std::env::consts::ARCH).replace("$PLATFORM", std::env::consts::ARCH)
        })
        .filter(|path| !path.contains('$'))
        .map(PathBuf::from)
}
