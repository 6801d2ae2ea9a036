//! Blobs, fetched: resumed where an attempt broke off, whole and of the right length or not at all.

use std::io::{self, Read as _};
use std::thread;
use std::time::Instant;

use ureq::http::Method;

use super::auth::Scope;
use super::client::{Body, Call, Client, Target};
use super::endpoint::Endpoint;
use super::failure::{Failure, of_exchange};
use super::manifest::repository_at;
use super::retry::Attempts;
use super::settings::LEAST;
use super::transport::{Response, Time};
use crate::content::{Layout, Sink};
use crate::digest::Hasher;
use crate::progress::{Phase, Progress};
use crate::spec::Descriptor;
use crate::{Context as _, Digest, Error, ErrorKind, Reference, Result};

/// One read of the network.
const BUFFER: usize = 256 << 10;
/// An attempt that has brought so much counts as progress, after which failures are counted anew.
const PROGRESS: u64 = 1 << 20;

/// A small blob in memory.
#[derive(Debug)]
pub(super) struct Memory {
    digest: Digest,
    bytes: Vec<u8>,
}

impl Memory {
    pub(super) fn new(descriptor: &Descriptor) -> Self {
        Self { digest: descriptor.digest.clone(), bytes: Vec::new() }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>> {
        let mut hasher = Hasher::new(self.digest.algorithm());
        hasher.update(&self.bytes);
        match hasher.finish() {
            found if found == self.digest => Ok(self.bytes),
            found => Err(Error::invalid(format!("blob {} has the digest {found}", self.digest))),
        }
    }
}

impl Sink for Memory {
    fn written(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// One transfer.
struct Transfer<'a> {
    descriptor: &'a Descriptor,
    sink: &'a mut dyn Sink,
    progress: &'a dyn Progress,
    /// Errors of the sink are not the network's: no other attempt and no other place helps.
    sink_failed: bool,
}

impl Client {
    /// Fetches a blob into a sink, behind what is there already. The length is checked here, the digest by whoever has the
    /// sink (`Ingest::commit`).
    pub fn fetch(
        &self,
        repository: &Reference,
        descriptor: &Descriptor,
        sink: &mut dyn Sink,
        progress: &dyn Progress,
    ) -> Result<()> {
        progress.phase(&descriptor.digest, Phase::Downloading, Some(descriptor.size));
        progress.advance(&descriptor.digest, sink.written());
        let mut transfer = Transfer { descriptor, sink, progress, sink_failed: false };
        let mut fatal = None;
        let done =
            self.read_from(repository, |endpoint| match self.fetch_at(endpoint, repository, &mut transfer) {
                Err(failure) if transfer.sink_failed => {
                    fatal = Some(failure.error);
                    Ok(())
                }
                result => result,
            });
        match fatal {
            Some(error) => Err(error),
            None => done.context(|| format!("blob {}", descriptor.digest)),
        }
    }

    fn fetch_at(
        &self,
        endpoint: &Endpoint,
        repository: &Reference,
        transfer: &mut Transfer<'_>,
    ) -> std::result::Result<(), Failure> {
        let mut attempts = Attempts::new(self.settings.attempts, &self.settings.timeouts);
        let mut counted = transfer.sink.written();
        while transfer.sink.written() < transfer.descriptor.size || transfer.descriptor.size == 0 {
            let Err(failure) = self.fetch_once(endpoint, repository, transfer) else { break };
            if transfer.sink.written() >= counted + PROGRESS {
                attempts.refill();
                counted = transfer.sink.written();
            }
            match attempts.after(&failure).filter(|_| !transfer.sink_failed) {
                Some(pause) => thread::sleep(pause),
                None => return Err(failure),
            }
        }
        Ok(())
    }

    fn fetch_once(
        &self,
        endpoint: &Endpoint,
        repository: &Reference,
        transfer: &mut Transfer<'_>,
    ) -> std::result::Result<(), Failure> {
        let digest = &transfer.descriptor.digest;
        let start = transfer.sink.written();
        let range = format!("bytes={start}-");
        let headers: &[(&'static str, &str)] = if start > 0 { &[("range", &range)] } else { &[] };
        let name = repository_at(endpoint, repository);
        let call = Call {
            method: &Method::GET,
            target: Target::Path(&format!("/v2/{name}/blobs/{digest}")),
            headers,
            body: Body::None,
            scope: &Scope::repository(&name, "pull"),
            repository: repository.repository(),
            time: Time::Transfer,
        };
        let wanted: &[u16] = if start > 0 { &[200, 206] } else { &[200] };
        let response = self.attempt(endpoint, &call, wanted)?;
        transfer.receive(response, start, &self.settings.timeouts.stall)
    }

    /// Fetches a blob into a layout; whether there was anything to do.
    pub fn pull_blob(
        &self,
        repository: &Reference,
        descriptor: &Descriptor,
        layout: &Layout,
        progress: &dyn Progress,
    ) -> Result<bool> {
        let mut stale = true;
        loop {
            let begun = layout.begin(&descriptor.digest, Some(descriptor.size))?;
            let Some(mut ingest) = begun else {
                progress.phase(&descriptor.digest, Phase::Present, Some(descriptor.size));
                return Ok(false);
            };
            stale &= ingest.written() > 0;
            self.fetch(repository, descriptor, &mut ingest, progress)?;
            match ingest.commit() {
                // What an earlier attempt has left may have been damaged since: once more, from the beginning.
                Err(_) if stale => stale = false,
                result => {
                    result?;
                    progress.phase(&descriptor.digest, Phase::Done, Some(descriptor.size));
                    return Ok(true);
                }
            }
        }
    }

    /// Whether a blob is there, and how long it is.
    pub fn exists(&self, repository: &Reference, digest: &Digest) -> Result<Option<u64>> {
        let endpoint = self.origin(repository);
        let call = Call {
            method: &Method::HEAD,
            target: Target::Path(&format!("/v2/{}/blobs/{digest}", repository.repository())),
            headers: &[],
            body: Body::None,
            scope: &Scope::repository(repository.repository(), "pull,push"),
            repository: repository.repository(),
            time: Time::Answer,
        };
        match self.call(&endpoint, &call, &[200, 404]) {
            Ok(response) if response.status == 404 => Ok(None),
            Ok(response) => Ok(Some(response.length().unwrap_or(0))),
            Err(failure) => Err(failure.error).context(|| format!("blob {digest}")),
        }
    }
}

impl Transfer<'_> {
    /// Takes what comes: a rest, or all of it, of which the beginning is skipped.
    fn receive(
        &mut self,
        mut response: Response,
        start: u64,
        stall: &std::time::Duration,
    ) -> std::result::Result<(), Failure> {
        let mut skip = match response.status {
            206 => start - self.range_start(&response, start)?,
            // Whoever knows of no ranges gives all of it. A reader may be at what is there: it stays.
            _ => start,
        };
        self.check_length(&response, start - skip)?;
        let what = super::transport::without_query(&response.url);
        let mut reader = response.reader();
        let mut buffer = vec![0; BUFFER];
        let mut since = Instant::now();
        let mut brought = 0;
        loop {
            let count = match reader.read(&mut buffer) {
                // Said below, with how far it has got.
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                result => result.map_err(|error| of_exchange(&what, error.into()))?,
            };
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(count);
            skip -= skipped as u64;
            self.take(&buffer[skipped..count])?;
            brought += count as u64;
            if since.elapsed() >= *stall {
                if brought < LEAST {
                    return Err(Failure::passing(Error::new(
                        ErrorKind::Unavailable,
                        format!("{what}: only {brought} bytes in {} s", stall.as_secs()),
                    )));
                }
                (since, brought) = (Instant::now(), 0);
            }
        }
        self.finished(&what)
    }

    fn take(&mut self, bytes: &[u8]) -> std::result::Result<(), Failure> {
        let Descriptor { digest, size, .. } = self.descriptor;
        if self.sink.written() + bytes.len() as u64 > *size {
            let error = Error::invalid(format!("it is longer than the {size} bytes it should have"));
            return Err(Failure::lasting(error));
        }
        if let Err(error) = self.sink.write(bytes) {
            self.sink_failed = true;
            return Err(Failure::lasting(error));
        }
        self.progress.advance(digest, bytes.len() as u64);
        Ok(())
    }

    fn finished(&self, what: &str) -> std::result::Result<(), Failure> {
        let (written, size) = (self.sink.written(), self.descriptor.size);
        if written == size {
            return Ok(());
        }
        let text = format!("{what}: the registry has hung up after {written} of {size} bytes");
        Err(Failure::passing(Error::new(ErrorKind::Unavailable, text)))
    }

    /// Where a partial answer begins: at what was asked for, or before it.
    fn range_start(&self, response: &Response, start: u64) -> Result<u64> {
        let range = response.header("content-range").unwrap_or_default();
        let begin = range.strip_prefix("bytes ").and_then(|range| range.split_once('-'));
        match begin.and_then(|(begin, _)| begin.parse::<u64>().ok()) {
            Some(begin) if begin <= start => Ok(begin),
            _ => Err(Error::invalid(format!(
                "the registry gives the range {:?} in place of bytes {start}-",
                super::failure::plain(range)
            ))),
        }
    }

    /// A wrong length is known before it has come.
    fn check_length(&self, response: &Response, from: u64) -> Result<()> {
        let Descriptor { size, .. } = self.descriptor;
        match response.length() {
            Some(length) if length.checked_add(from) != Some(*size) => Err(Error::invalid(format!(
                "it has {} bytes instead of {size}, says the registry",
                length.saturating_add(from)
            ))),
            _ => Ok(()),
        }
    }
}
