//! A layer's bytes on their way: read and decompressed by one thread, hashed by a second, made into files by a third.
//!
//! Pieces are large, shared by the two that look at them, and used again: no byte is copied between the decompressor and
//! `write(2)`, and memory does not grow with the layer.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::compression::decompress;
use crate::digest::{Algorithm, Hasher};
use crate::{Digest, Error, ErrorKind, Result};

/// The size of a piece. Two fit into the second-level cache of common processors.
const PIECE: usize = 256 << 10;
/// How many pieces may wait for each of the two that look at them: less than 5 MiB a layer.
const PIECES: usize = 8;

/// A part of the uncompressed stream.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    length: usize,
}

/// Runs `consume` beside the decompression of a source. Returns what it has returned, and what was read: digest and length
/// of the uncompressed stream, which is read to its end. All threads have ended then.
pub(super) fn run<T: Send>(
    source: impl Read + Send,
    limit: u64,
    consume: impl FnOnce(&mut Stream) -> Result<T> + Send,
) -> Result<(T, Digest, u64)> {
    let (files, pieces) = sync_channel(PIECES);
    let (hashes, hashed) = sync_channel(PIECES);
    let (spare, spares) = channel();
    let mut stream = Stream::new(pieces, spare.clone());
    thread::scope(|scope| {
        scope.spawn(move || inflate(source, limit, &Exits { files, hashes, spares }));
        // A thread of its own, as it changes its umask.
        let consumer = scope.spawn(move || {
            let done = consume(&mut stream)?;
            stream.drain()?;
            Ok::<T, Error>(done)
        });
        let (digest, length) = hash(&hashed, &spare);
        match consumer.join() {
            Ok(done) => Ok((done?, digest, length)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Where pieces go, and where used ones come from.
struct Exits {
    files: SyncSender<Result<Arc<Piece>>>,
    hashes: SyncSender<Arc<Piece>>,
    spares: Receiver<Vec<u8>>,
}

/// The first thread. It ends with the stream, with the first error, or when nobody takes its pieces any more.
fn inflate(source: impl Read, limit: u64, exits: &Exits) {
    if let Err(error) = try_inflate(source, limit, exits) {
        // The consumer may have gone away with an error of its own: then that one is told.
        drop(exits.files.send(Err(error)));
    }
}

fn try_inflate(source: impl Read, limit: u64, exits: &Exits) -> Result<()> {
    let mut reader = decompress(source).map_err(unreadable)?;
    let mut total = 0_u64;
    loop {
        let mut bytes = exits.spares.try_recv().unwrap_or_else(|_| vec![0; PIECE]);
        let length = fill(&mut reader, &mut bytes).map_err(unreadable)?;
        if length == 0 {
            return Ok(());
        }
        total += length as u64;
        if total > limit {
            return Err(too_large(limit));
        }
        let piece = Arc::new(Piece { bytes, length });
        if exits.hashes.send(piece.clone()).is_err() || exits.files.send(Ok(piece)).is_err() {
            return Ok(());
        }
    }
}

pub(super) fn too_large(limit: u64) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the layer is larger than the {limit} bytes a layer may have"))
        .hint("a small file that unpacks to so much is made to fill disks; look where the image comes from")
}

fn unreadable(error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::InvalidArgument,
    };
    let errno = error.raw_os_error();
    Error::new(
        if errno.is_some() { kind } else { ErrorKind::InvalidArgument },
        format!("it cannot be read: {error}"),
    )
}

fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < bytes.len() {
        match reader.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// The second thread.
fn hash(pieces: &Receiver<Arc<Piece>>, spare: &Sender<Vec<u8>>) -> (Digest, u64) {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut length = 0;
    for piece in pieces {
        hasher.update(&piece.bytes[..piece.length]);
        length += piece.length as u64;
        give_back(piece, spare);
    }
    (hasher.finish(), length)
}

/// The last one to let a piece go makes its memory free for the next.
fn give_back(piece: Arc<Piece>, spare: &Sender<Vec<u8>>) {
    if let Some(piece) = Arc::into_inner(piece) {
        // Nobody wants it when the stream has ended.
        drop(spare.send(piece.bytes));
    }
}

/// The consumer's end: a window on the stream that moves.
#[derive(Debug)]
pub(super) struct Stream {
    pieces: Receiver<Result<Arc<Piece>>>,
    spare: Sender<Vec<u8>>,
    piece: Option<Arc<Piece>>,
    at: usize,
    /// Bytes at the end of one piece together with those that follow in the next, where a header lies across.
    carry: Vec<u8>,
    carry_at: usize,
}

impl Stream {
    fn new(pieces: Receiver<Result<Arc<Piece>>>, spare: Sender<Vec<u8>>) -> Self {
        Self { pieces, spare, piece: None, at: 0, carry: Vec::new(), carry_at: 0 }
    }

    /// What can be seen without waiting.
    fn window(&self) -> &[u8] {
        if self.carry_at < self.carry.len() {
            return &self.carry[self.carry_at..];
        }
        self.piece.as_ref().map_or(&[], |piece| &piece.bytes[self.at..piece.length])
    }

    /// At least so many bytes in one, if the stream has them: fewer only at its end.
    pub(super) fn look(&mut self, least: usize) -> Result<&[u8]> {
        if self.window().len() < least {
            self.gather(least)?;
        }
        Ok(self.window())
    }

    /// Goes on to the next piece; whether there is one.
    fn next(&mut self) -> Result<bool> {
        if let Some(piece) = self.piece.take() {
            give_back(piece, &self.spare);
        }
        self.at = 0;
        match self.pieces.recv() {
            Ok(piece) => {
                self.piece = Some(piece?);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    fn rest_of_piece(&self) -> usize {
        self.piece.as_ref().map_or(0, |piece| piece.length - self.at)
    }

    fn gather(&mut self, least: usize) -> Result<()> {
        self.carry.drain(..self.carry_at);
        self.carry_at = 0;
        while self.carry.len() < least {
            let rest = self.rest_of_piece();
            if rest == 0 {
                if !self.next()? {
                    return Ok(());
                }
                if self.carry.is_empty() && self.rest_of_piece() >= least {
                    return Ok(());
                }
                continue;
            }
            let take = rest.min(least - self.carry.len());
            if let Some(piece) = &self.piece {
                self.carry.extend_from_slice(&piece.bytes[self.at..self.at + take]);
            }
            self.at += take;
        }
        Ok(())
    }

    /// Moves the window on.
    pub(super) fn advance(&mut self, count: usize) {
        if self.carry_at < self.carry.len() {
            self.carry_at += count;
            if self.carry_at >= self.carry.len() {
                self.carry.clear();
                self.carry_at = 0;
            }
        } else {
            self.at += count;
        }
    }

    /// Shows the next `count` bytes, in as few parts as they come in.
    pub(super) fn take(&mut self, mut count: u64, mut see: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        while count > 0 {
            let window = self.look(1)?;
            if window.is_empty() {
                return Err(Error::invalid("the archive ends in the middle of it"));
            }
            let part = window.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            see(&window[..part])?;
            self.advance(part);
            count -= part as u64;
        }
        Ok(())
    }

    /// Leaves the next `count` bytes out. Where the stream ends before, that is its end: layers that umoci's `insert` makes
    /// lack the zeros after their last file, and Go's reader, which others read them with, does not miss those.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<()> {
        while count > 0 {
            let part = self.look(1)?.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            if part == 0 {
                break;
            }
            self.advance(part);
            count -= part as u64;
        }
        Ok(())
    }

    /// Reads what follows the end of the archive: it belongs to the digest.
    fn drain(&mut self) -> Result<()> {
        self.carry.clear();
        while self.next()? {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
    }

    #[test]
    fn windows_across_pieces_show_every_byte_once() {
        let all = bytes(PIECE * 3 + 777);
        for step in [512, 1000, 65537, PIECE + 1] {
            let (seen, digest, length) = run(&all[..], u64::MAX, |stream| {
                let mut seen = Vec::new();
                loop {
                    let window = stream.look(step)?;
                    if window.is_empty() {
                        return Ok(seen);
                    }
                    let part = window.len().min(step);
                    seen.extend_from_slice(&window[..part]);
                    stream.advance(part);
                    stream.take(100.min(all.len() - seen.len()) as u64, |bytes| {
                        seen.extend_from_slice(bytes);
                        Ok(())
                    })?;
                }
            })
            .unwrap();
            assert!(seen == all, "{step}");
            assert_eq!((digest, length), (Digest::of(&all), all.len() as u64));
        }
    }

    #[test]
    fn what_the_consumer_leaves_is_hashed_too() {
        let all = bytes(PIECE * 40);
        let ((), digest, length) = run(&all[..], u64::MAX, |_| Ok(())).unwrap();
        assert_eq!((digest, length), (Digest::of(&all), all.len() as u64));
    }

    #[test]
    fn errors_of_both_sides_end_it() {
        let all = bytes(PIECE * 40);
        let error = run(&all[..], u64::MAX, |_| Err::<(), _>(Error::invalid("mine"))).unwrap_err();
        assert_eq!(error.to_string(), "mine");
        let error = run(&all[..], 1000, |stream| stream.take(5000, |_| Ok(()))).unwrap_err();
        assert!(error.to_string().contains("larger than the 1000 bytes"), "{error}");
        let error = run(&[0x1f, 0x8b, 9, 9][..], 1000, |stream| stream.take(1, |_| Ok(()))).unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }
}
