//! Where images come from.

use crate::Result;
use crate::content::Sink;
use crate::progress::Progress;
use crate::spec::Descriptor;

/// A place that has content by digest: a repository of a registry, an archive, a directory.
pub trait Source: Sync {
    /// Reads a document: a manifest, an index, a configuration. The caller looks at its digest.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>>;

    /// Writes what is missing of a blob, from [`Sink::written`] on. Reports the bytes it moves; an error of the sink ends it.
    fn blob(&self, descriptor: &Descriptor, sink: &mut dyn Sink, progress: &dyn Progress) -> Result<()>;
}
