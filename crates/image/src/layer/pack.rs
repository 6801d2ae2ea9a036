//! Packing an archive: digests on both sides of the compression, on all processors.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use flate2::{Compress, Crc, FlushCompress, Status};

use super::Compression;
use crate::Digest;
use crate::digest::{Algorithm, Hasher};

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The digest of what was written to the packer: of a layer, its diff id.
    pub diff_id: Digest,
    /// How many bytes that were.
    pub uncompressed: u64,
    /// The digest of what came out: the blob's name.
    pub digest: Digest,
    /// How many bytes that are.
    pub size: u64,
}

/// Compresses what is written to it, on several threads, and says the digests of both sides. What comes out depends on what
/// goes in alone: not on how many threads there are, nor on how it was cut into writes.
#[derive(Debug)]
pub struct Packer<W: Write> {
    encoder: Encoder<W>,
    hasher: Hasher,
    uncompressed: u64,
}

#[derive(Debug)]
enum Encoder<W: Write> {
    None(Output<W>),
    Gzip(Gzip<W>),
    Zstd(Zstd<W>),
}

struct Zstd<W: Write>(zstd::stream::write::Encoder<'static, Output<W>>);

impl<W: Write> fmt::Debug for Zstd<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Zstd")
    }
}

impl<W: Write> Packer<W> {
    /// Packs into a sink, on so many threads (at least one).
    pub fn new(sink: W, compression: Compression, threads: usize) -> io::Result<Self> {
        let output = Output { sink, hasher: Hasher::new(Algorithm::Sha256), size: 0 };
        let encoder = match compression {
            Compression::None => Encoder::None(output),
            Compression::Gzip => Encoder::Gzip(Gzip::new(output, threads.max(1))?),
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(output, 3)?;
                encoder.include_checksum(true)?;
                // With one worker or many the bytes are the same; with none they are others.
                encoder.multithread(u32::try_from(threads.max(1)).unwrap_or(1))?;
                Encoder::Zstd(Zstd(encoder))
            }
        };
        Ok(Self { encoder, hasher: Hasher::new(Algorithm::Sha256), uncompressed: 0 })
    }

    /// Ends the stream and returns the sink.
    pub fn finish(self) -> io::Result<(W, Packed)> {
        let mut output = match self.encoder {
            Encoder::None(output) => output,
            Encoder::Gzip(gzip) => gzip.finish()?,
            Encoder::Zstd(encoder) => encoder.0.finish()?,
        };
        output.sink.flush()?;
        let packed = Packed {
            diff_id: self.hasher.finish(),
            uncompressed: self.uncompressed,
            digest: output.hasher.finish(),
            size: output.size,
        };
        Ok((output.sink, packed))
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.encoder {
            Encoder::None(output) => output.write_all(bytes)?,
            Encoder::Gzip(gzip) => gzip.write(bytes)?,
            Encoder::Zstd(encoder) => encoder.0.write_all(bytes)?,
        }
        self.hasher.update(bytes);
        self.uncompressed += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The sink, with the digest of what goes to it.
#[derive(Debug)]
struct Output<W> {
    sink: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// How much of a stream is compressed as one part.
const PART: usize = 256 << 10;
/// How far back deflate looks: the end of one part is the dictionary of the next.
const WINDOW: usize = 32 << 10;
/// zlib's own default.
const LEVEL: u32 = 6;
/// RFC 1952: deflate, no name, no time, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A part on its way to a thread.
struct Job {
    window: Vec<u8>,
    bytes: Vec<u8>,
    last: bool,
    reply: Sender<io::Result<Done>>,
}

struct Done {
    compressed: Vec<u8>,
    crc: Crc,
}

/// One gzip member whose parts are compressed side by side, as `pigz` does it: each ends on a byte boundary (a sync flush)
/// and knows the end of the one before it as its dictionary.
#[derive(Debug)]
struct Gzip<W> {
    output: Output<W>,
    jobs: SyncSender<Job>,
    threads: Vec<JoinHandle<()>>,
    waiting: VecDeque<Receiver<io::Result<Done>>>,
    window: Vec<u8>,
    part: Vec<u8>,
    crc: Crc,
}

impl<W: Write> Gzip<W> {
    fn new(mut output: Output<W>, threads: usize) -> io::Result<Self> {
        output.write_all(&HEADER)?;
        let (jobs, taken) = sync_channel(threads * 2);
        let taken = Arc::new(Mutex::new(taken));
        let work = |taken: Arc<Mutex<Receiver<Job>>>| {
            std::thread::spawn(move || {
                while let Some(job) = next(&taken) {
                    // Nobody waits for it when the packer was dropped.
                    drop(job.reply.send(deflate(&job)));
                }
            })
        };
        let threads = (0..threads).map(|_| work(taken.clone())).collect();
        let (window, part) = (Vec::new(), Vec::with_capacity(PART));
        Ok(Self { output, jobs, threads, waiting: VecDeque::new(), window, part, crc: Crc::new() })
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.part.len() == PART {
                self.send(false)?;
            }
            let take = bytes.len().min(PART - self.part.len());
            self.part.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
        }
        Ok(())
    }

    fn send(&mut self, last: bool) -> io::Result<()> {
        if self.waiting.len() >= self.threads.len() * 2 {
            self.receive()?;
        }
        let bytes = std::mem::replace(&mut self.part, Vec::with_capacity(if last { 0 } else { PART }));
        let end = bytes[bytes.len().saturating_sub(WINDOW)..].to_vec();
        let window = std::mem::replace(&mut self.window, end);
        let (reply, answer) = channel();
        self.waiting.push_back(answer);
        self.jobs
            .send(Job { window, bytes, last, reply })
            .map_err(|_| io::Error::other("the compressor has ended"))
    }

    fn receive(&mut self) -> io::Result<()> {
        if let Some(answer) = self.waiting.pop_front() {
            let done = answer.recv().map_err(|_| io::Error::other("the compressor has ended"))??;
            self.output.write_all(&done.compressed)?;
            self.crc.combine(&done.crc);
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Output<W>> {
        self.send(true)?;
        while !self.waiting.is_empty() {
            self.receive()?;
        }
        let Self { mut output, jobs, threads, crc, .. } = self;
        drop(jobs);
        for thread in threads {
            thread.join().map_err(|_| io::Error::other("the compressor has failed"))?;
        }
        output.write_all(&crc.sum().to_le_bytes())?;
        output.write_all(&crc.amount().to_le_bytes())?;
        Ok(output)
    }
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().ok()?.recv().ok()
}

fn deflate(job: &Job) -> io::Result<Done> {
    let mut crc = Crc::new();
    crc.update(&job.bytes);
    let mut deflate = Compress::new(flate2::Compression::new(LEVEL), false);
    if !job.window.is_empty() {
        deflate.set_dictionary(&job.window).map_err(io::Error::other)?;
    }
    let flush = if job.last { FlushCompress::Finish } else { FlushCompress::Sync };
    let mut compressed = Vec::with_capacity(job.bytes.len() / 2 + 1024);
    loop {
        let done = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
        let status =
            deflate.compress_vec(&job.bytes[done..], &mut compressed, flush).map_err(io::Error::other)?;
        // A flush is complete when it has left room.
        if status == Status::StreamEnd || !job.last && compressed.len() < compressed.capacity() {
            return Ok(Done { compressed, crc });
        }
        compressed.reserve(job.bytes.len() / 2 + 1024);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn text(length: usize) -> Vec<u8> {
        let mut seed = 12345_u32;
        let mut text = Vec::with_capacity(length);
        while text.len() < length {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12345);
            text.extend_from_slice(format!("{} some words ", seed >> 20).as_bytes());
        }
        text.truncate(length);
        text
    }

    fn pack(bytes: &[u8], compression: Compression, threads: usize, write: usize) -> (Vec<u8>, Packed) {
        let mut packer = Packer::new(Vec::new(), compression, threads).unwrap();
        for piece in bytes.chunks(write) {
            packer.write_all(piece).unwrap();
        }
        packer.finish().unwrap()
    }

    #[test]
    fn the_same_bytes_whatever_the_threads_and_writes() {
        for length in [0, 1, PART - 1, PART, PART + 1, 3 * PART + 777] {
            let bytes = text(length);
            for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
                let (first, packed) = pack(&bytes, compression, 1, 1 << 20);
                for (threads, write) in [(2, 4096), (5, 100_001)] {
                    assert_eq!(pack(&bytes, compression, threads, write), (first.clone(), packed.clone()));
                }
                assert_eq!(
                    Compression::of(&first),
                    if length == 0 { Compression::of(&first) } else { compression }
                );
                assert_eq!((packed.diff_id, packed.uncompressed), (Digest::of(&bytes), length as u64));
                assert_eq!((packed.digest, packed.size), (Digest::of(&first), first.len() as u64));
                let mut read = Vec::new();
                super::super::compression::decompress(&first[..]).unwrap().read_to_end(&mut read).unwrap();
                assert!(read == bytes, "{compression:?} {length}");
            }
        }
    }

    #[test]
    fn a_single_member_that_other_programs_read() {
        let bytes = text(PART * 2 + 5);
        let (packed, _) = pack(&bytes, Compression::Gzip, 2, 5000);
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut read).unwrap();
        assert!(read == bytes);
    }

    #[test]
    fn a_sink_that_is_full_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let packed = Packer::new(Full, compression, 2).and_then(|mut packer| {
                packer.write_all(&text(PART * 8))?;
                packer.finish()
            });
            assert!(packed.is_err(), "{compression:?}");
        }
    }
}
