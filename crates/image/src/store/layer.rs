//! Bringing one layer in.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::Store;
use super::layers::{Claim, LayerRecord, layer_name};
use super::source::Source;
use crate::content::{Ingest, Sink};
use crate::progress::{Phase, Progress};
use crate::spec::Descriptor;
use crate::{Digest, Error, ErrorKind, Result};

/// One layer to be brought in.
pub(super) struct Task<'a> {
    pub(super) store: &'a Store,
    pub(super) source: &'a dyn Source,
    pub(super) descriptor: &'a Descriptor,
    pub(super) diff_id: &'a Digest,
    pub(super) progress: &'a dyn Progress,
    /// Somebody beside has failed: this need not be finished.
    pub(super) stop: &'a AtomicBool,
}

impl Task<'_> {
    pub(super) fn run(&self) -> Result<()> {
        let Descriptor { digest, size, .. } = self.descriptor;
        let waiting = || self.phase(Phase::Waiting);
        // The layer's lock before the blob's: an order that all keep.
        let claim = self.store.layers.claim(&layer_name(self.diff_id), waiting)?;
        let ingest = self.store.layout.begin(digest, Some(*size))?;
        let done = match (claim, ingest) {
            (None, None) => Phase::Present,
            (None, Some(mut ingest)) => {
                self.download(&mut ingest)?;
                ingest.commit()?;
                Phase::Done
            }
            (Some(claim), None) => {
                self.phase(Phase::Unpacking);
                let unpacked =
                    self.unpack(&claim, &Metered::new(self, true), self.store.layout.open(digest)?);
                if let Err(error) = unpacked {
                    self.begin_again(&claim, error)?;
                }
                claim.finish()?;
                Phase::Done
            }
            (Some(claim), Some(ingest)) => {
                self.pipeline(&claim, ingest)?;
                claim.finish()?;
                Phase::Done
            }
        };
        self.phase(done);
        Ok(())
    }

    fn phase(&self, phase: Phase) {
        self.progress.phase(&self.descriptor.digest, phase, Some(self.descriptor.size));
    }

    fn download(&self, ingest: &mut Ingest) -> Result<()> {
        let mut sink = Stoppable { ingest, stop: self.stop };
        self.source.blob(self.descriptor, &mut sink, self.progress)
    }

    /// What was there could not be unpacked: where that is because it is damaged, it is brought again.
    fn begin_again(&self, claim: &Claim<'_>, error: Error) -> Result<()> {
        let Descriptor { digest, size, .. } = self.descriptor;
        if self.stop.load(Ordering::Relaxed) || self.store.layout.is_right(digest)? {
            return Err(error);
        }
        self.store.layout.remove(digest)?;
        claim.clear()?;
        match self.store.layout.begin(digest, Some(*size))? {
            Some(ingest) => self.pipeline(claim, ingest),
            // Another process was faster.
            None => self.unpack(claim, &Metered::new(self, true), self.store.layout.open(digest)?),
        }
    }

    /// Unpacks what comes while it comes.
    fn pipeline(&self, claim: &Claim<'_>, mut ingest: Ingest) -> Result<()> {
        let follower = ingest.follow()?;
        let (meter, broken) = (Metered::new(self, false), AtomicBool::new(false));
        thread::scope(|scope| {
            let unpacking = scope.spawn(|| {
                let unpacked = self.unpack(claim, &meter, follower);
                if unpacked.is_err() {
                    // Nobody needs the rest of it then.
                    broken.store(true, Ordering::Relaxed);
                    self.stop.store(true, Ordering::Relaxed);
                }
                unpacked
            });
            let downloaded = self.download(&mut ingest);
            // Where the download has failed, the unpacker fails too, and what it says is only the consequence; but
            // where the unpacker was first, its words are the cause. Asked before the ingest ends, which wakes it.
            let first = broken.load(Ordering::Relaxed);
            let downloaded = downloaded.and_then(|()| {
                self.phase(Phase::Unpacking);
                meter.show();
                ingest.commit()
            });
            let unpacked = unpacking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match (downloaded, unpacked) {
                (Err(_), Err(cause)) if first => Err(cause),
                (Err(cause), _) => Err(cause),
                (Ok(()), unpacked) => unpacked,
            }
        })
    }

    /// Unpacks a layer and looks at its diff id.
    fn unpack(&self, claim: &Claim<'_>, meter: &Metered<'_>, source: impl Read + Send) -> Result<()> {
        let directory = claim.begin()?;
        let source = Reader { meter, source };
        let unpacked = crate::layer::unpack(source, &directory, &self.store.options)
            .map_err(|error| error.context(format!("layer {}", self.descriptor.digest)))?;
        if unpacked.diff_id != *self.diff_id {
            return Err(Error::invalid(format!(
                "layer {}: unpacked it has the digest {}, the configuration says {}",
                self.descriptor.digest, unpacked.diff_id, self.diff_id
            )));
        }
        claim.describe(&LayerRecord::of(unpacked, &directory)?)
    }
}

/// A blob on its way in, until somebody says stop.
struct Stoppable<'a> {
    ingest: &'a mut Ingest,
    stop: &'a AtomicBool,
}

impl Sink for Stoppable<'_> {
    fn written(&self) -> u64 {
        self.ingest.written()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Unavailable, "stopped, as another layer has failed"));
        }
        self.ingest.write(bytes)
    }
}

/// How far the unpacker has come; told only when the download, which goes before it, has nothing to tell any more.
struct Metered<'a> {
    task: &'a Task<'a>,
    shown: AtomicBool,
    hidden: AtomicU64,
}

impl<'a> Metered<'a> {
    fn new(task: &'a Task<'a>, shown: bool) -> Self {
        Self { task, shown: AtomicBool::new(shown), hidden: AtomicU64::new(0) }
    }

    fn show(&self) {
        self.shown.store(true, Ordering::Relaxed);
        self.add(0);
    }

    fn add(&self, bytes: u64) {
        if self.shown.load(Ordering::Relaxed) {
            let bytes = bytes + self.hidden.swap(0, Ordering::Relaxed);
            self.task.progress.advance(&self.task.descriptor.digest, bytes);
        } else {
            self.hidden.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

struct Reader<'a, R> {
    meter: &'a Metered<'a>,
    source: R,
}

impl<R: Read> Read for Reader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.task.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped, as another layer has failed"));
        }
        let count = self.source.read(buffer)?;
        self.meter.add(count as u64);
        Ok(count)
    }
}
