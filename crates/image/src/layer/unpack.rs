//! Unpacking an archive into a directory.

use std::io::Read;
use std::path::{Path, PathBuf};

use barque_sys::Call as _;
use rustix::fs::{Mode, OFlags};
use tar_core::parse::{Limits as ParserLimits, ParseEvent, Parser};

use super::directories::Directories;
use super::entry::{self, Entry, Kind, Sparse};
use super::make::{Maker, Means};
use super::stream::{self, Stream, too_large};
use super::{Options, Pending, Rights, finish, path};
use crate::{Context as _, Digest, Error, Result};

/// What has become of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The digest of the uncompressed archive: the layer's name in an image's configuration.
    pub diff_id: Digest,
    /// Bytes of the uncompressed archive.
    pub size: u64,
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of its files.
    pub content: u64,
    /// What it needs from the layers below.
    pub pending: Pending,
    /// What could not be made.
    pub lost: Lost,
}

/// What an archive has and the caller may not make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Files of other owners that became the caller's.
    pub owners: u64,
    /// Devices left out.
    pub devices: u64,
}

impl Lost {
    fn note(&mut self, entry: &Entry, means: &Means) {
        let rights = means.options.rights;
        let device = matches!(entry.kind, Kind::Character(..) | Kind::Block(..));
        self.devices += u64::from(device && rights != Rights::All);
        // Archives of one user have its ids, or 0, which becomes the caller too.
        let owner = (entry.facts.uid, entry.facts.gid);
        let foreign = owner != means.own && owner != (0, 0);
        self.owners += u64::from(!device && foreign && rights == Rights::Own);
    }
}

/// Unpacks a layer, plain or compressed with gzip or zstd, into a directory that must be empty and out of everybody else's
/// reach. Nothing outside the directory is touched, whatever the archive holds: `..`, absolute names and links mean what
/// they would mean with the directory as `/`. The source is read to its end, in another thread; when this returns, nobody
/// reads it any more. After an error the directory holds rubbish.
pub fn unpack(source: impl Read + Send, target: &Path, options: &Options) -> Result<Unpacked> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root =
        rustix::fs::open(target, flags, Mode::empty()).call(|| format!("open({target:?}, {flags:?})"))?;
    let ((entries, content, lost, pending), diff_id, size) =
        stream::run(source, options.limits.size, move |stream| {
            // Modes are given with the call that makes a file: no umask may take bits away. It is this thread's alone.
            let exact_modes = barque_sys::process::set_own_umask(0).is_ok();
            // Whatever the directory was made with, files in it belong to who makes them.
            rustix::fs::fchmod(&root, Mode::from_raw_mode(0o755))
                .call(|| format!("fchmod({target:?}, 0755)"))?;
            let mut maker = Maker {
                directories: Directories::new(root, options.limits.names),
                links: Vec::new(),
                means: Means { options: *options, own: barque_sys::process::effective_ids(), exact_modes },
            };
            let (mut entries, mut content, mut lost) = (0, 0, Lost::default());
            each(stream, |entry, stream| {
                entries += 1;
                content += entry.sparse.as_ref().map_or(entry.size, |sparse| sparse.length);
                if entries > options.limits.entries || content > options.limits.size {
                    return Err(too_large(options.limits.size));
                }
                lost.note(entry, &maker.means);
                maker.make(entry, stream)
            })?;
            Ok((entries, content, lost, finish::finish(maker)?))
        })?;
    Ok(Unpacked { diff_id, size, entries, content, pending, lost })
}

/// More than any honest file of users has.
const MAX_TEXT: u64 = 4 << 20;

/// The text of regular files of an archive, found by their paths without unpacking; where one is there twice, the last.
pub fn find_files(archive: &Path, paths: &[&str]) -> Result<Vec<Option<String>>> {
    let wanted: Vec<PathBuf> = paths.iter().map(|path| PathBuf::from(path.trim_start_matches('/'))).collect();
    let file =
        std::fs::File::open(archive).map_err(|error| Error::from_io(error, format!("open({archive:?})")))?;
    let (found, ..) = stream::run(file, u64::MAX, |stream| {
        let mut found = vec![None; wanted.len()];
        each(stream, |entry, stream| {
            let path = super::pending::path_buf(&entry.path);
            let Some(index) = wanted.iter().position(|wanted| *wanted == path) else {
                return stream.take(entry.size, |_| Ok(()));
            };
            let mut text = Vec::new();
            stream.take(entry.size, |bytes| {
                if text.len() as u64 + bytes.len() as u64 <= MAX_TEXT {
                    text.extend_from_slice(bytes);
                }
                Ok(())
            })?;
            found[index] = (entry.kind == Kind::File).then(|| String::from_utf8_lossy(&text).into_owned());
            Ok(())
        })?;
        Ok(found)
    })
    .context(|| format!("archive {archive:?}"))?;
    Ok(found)
}

/// Names and attributes of one entry, all together.
const MAX_METADATA: u32 = 8 << 20;
/// Parts of one sparse file.
const MAX_PARTS: usize = 100_000;

/// Shows every entry to a function, which takes the content from the stream, all of it.
pub(super) fn each(
    stream: &mut Stream,
    mut see: impl FnMut(&Entry, &mut Stream) -> Result<()>,
) -> Result<()> {
    let limits =
        ParserLimits { max_metadata_size: MAX_METADATA, max_sparse_entries: MAX_PARTS, ..Default::default() };
    let mut parser = Parser::new(limits);
    // Times before 1970 are no numbers to the parser; what else is none is found in `entry`.
    parser.set_ignore_pax_errors(true);
    let mut number = 0_u64;
    while let Some(header) = header(stream, &mut parser).context(|| format!("entry {}", number + 1))? {
        number += 1;
        let Some((padded, entry)) = header else { continue };
        let size = entry.size;
        see(&entry, stream).context(|| format!("entry {number}, {}", path::shown(&entry.path)))?;
        stream.skip(padded - size).context(|| format!("after entry {number}"))?;
    }
    Ok(())
}

/// The next header: none at the end of the archive, nothing in it for one that makes nothing; else the entry and how many
/// bytes follow until the next.
fn header(stream: &mut Stream, parser: &mut Parser) -> Result<Option<Option<(u64, Entry)>>> {
    let mut least = 512;
    loop {
        let window = stream.look(least)?;
        let (available, broken) = (window.len(), |error: tar_core::parse::ParseError| {
            Error::invalid(format!("it is not what a tar archive has there: {error}"))
        });
        let (consumed, parsed, sparse) = match parser.parse(window).map_err(broken)? {
            ParseEvent::NeedData { min_bytes } if available >= min_bytes.max(least) => {
                // It wants more than it says.
                least = available + 512;
                continue;
            }
            ParseEvent::NeedData { min_bytes } => {
                if available < least {
                    return if available == 0 || window.iter().all(|byte| *byte == 0) {
                        Ok(None)
                    } else {
                        Err(Error::invalid("the archive ends in the middle of a header"))
                    };
                }
                least = min_bytes;
                if least > usize::try_from(MAX_METADATA).unwrap_or(usize::MAX) * 2 {
                    return Err(Error::invalid("a header that is far too long"));
                }
                continue;
            }
            ParseEvent::End { .. } => return Ok(None),
            ParseEvent::GlobalExtensions { consumed, .. } => {
                stream.advance(consumed);
                return Ok(Some(None));
            }
            ParseEvent::Entry { consumed, entry } => (consumed, entry, None),
            ParseEvent::SparseEntry { consumed, entry, sparse_map, real_size } => {
                (consumed, entry, Some(Sparse { parts: sparse_map, length: real_size }))
            }
        };
        let size = parsed.size;
        let understood = entry::read(&parsed, sparse).context(|| path::shown(&parsed.path))?;
        stream.advance(consumed);
        return match understood {
            Some(entry) => {
                let padded = entry.size.checked_next_multiple_of(512);
                let padded = padded.ok_or_else(|| Error::invalid("an entry of impossible size"))?;
                Ok(Some(Some((padded, entry))))
            }
            None => {
                let padded = size.checked_next_multiple_of(512);
                stream
                    .take(padded.ok_or_else(|| Error::invalid("an entry of impossible size"))?, |_| Ok(()))?;
                Ok(Some(None))
            }
        };
    }
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
