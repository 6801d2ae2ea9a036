//! Looking whether everything is as it should be: every blob against its digest, every layer against its blob.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read as _, copy, sink};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::fingerprint::fingerprint;
use super::layers::{LayerRecord, layer_name};
use super::same::difference;
use super::{Image, Named, Store, names};
use crate::digest::HashingReader;
use crate::layer::remove_tree;
use crate::progress::{Phase, Progress};
use crate::spec::{Descriptor, media_type};
use crate::{Digest, Error, Result};

/// How to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Examination {
    /// What is damaged is taken away and, where the store has what it takes, made anew.
    pub repair: bool,
    /// Every layer is unpacked anew beside the one that is there, and all contents are compared.
    pub deep: bool,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What, and what of it.
    pub problem: String,
    /// Names of the images that need it, in full, or their digests.
    pub images: Vec<String>,
    /// What was done about it; nothing where only another pull or load can.
    pub repair: Option<&'static str>,
}

/// What [`Store::check`] has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Blobs and layers that nobody needs: what commands have left that were killed. No fault; a repair takes them away.
    pub orphans: Vec<String>,
    /// How many blobs and layers were looked at.
    pub checked: usize,
}

impl Store {
    /// Looks at everything. What containers use is never touched.
    pub fn check(&self, how: Examination, progress: &dyn Progress) -> Result<Report> {
        let repair = how.repair;
        let lease = self.lease()?;
        let mut report = Report { orphans: self.orphans()?, ..Report::default() };
        let images = self.check_documents(&mut report)?;
        self.check_blobs(&images, repair, progress, &mut report)?;
        self.check_layers(&images, how, progress, &mut report)?;
        drop(lease);
        if repair {
            self.collect()?;
            self.empty_trash()?;
        }
        Ok(report)
    }

    /// What nobody needs.
    fn orphans(&self) -> Result<Vec<String>> {
        let alive = self.alive()?;
        let blobs = self.layout.digests()?.into_iter().filter(|digest| !alive.blobs.contains(digest));
        let layers = self.layers.names()?.into_iter().filter(|name| !alive.layers.contains(name));
        Ok(blobs
            .map(|digest| format!("blob {digest}"))
            .chain(layers.map(|name| format!("layer {name}")))
            .collect())
    }

    /// Reads the documents of every name.
    fn check_documents(&self, report: &mut Report) -> Result<Vec<(String, Image)>> {
        let mut images = Vec::new();
        for entry in names::all(&self.layout)? {
            let name = title(&entry);
            // Other programs may have put indexes in, which are not ours to follow.
            if media_type::is_index(&entry.manifest.media_type) {
                continue;
            }
            match self.image(&entry.manifest) {
                Ok(image) => images.push((name, image)),
                Err(error) => {
                    let problem = format!("image {}: {error}", entry.manifest.digest);
                    report.findings.push(Finding { problem, images: vec![name], repair: None });
                }
            }
        }
        Ok(images)
    }

    /// Reads every blob. Those of layers that are not there at all are found, too.
    fn check_blobs(
        &self,
        images: &[(String, Image)],
        repair: bool,
        progress: &dyn Progress,
        report: &mut Report,
    ) -> Result<()> {
        let mut owners = BTreeMap::<&Digest, (Option<&Descriptor>, Vec<String>)>::new();
        let digests = self.layout.digests()?;
        for digest in &digests {
            owners.insert(digest, (None, Vec::new()));
        }
        for (name, image) in images {
            for descriptor in
                [&image.descriptor, &image.manifest.config].into_iter().chain(&image.manifest.layers)
            {
                let owner = owners.entry(&descriptor.digest).or_default();
                owner.0 = Some(descriptor);
                owner.1.push(name.clone());
            }
        }
        report.checked += owners.len();
        let (work, findings) = (Mutex::new(owners.into_iter()), Mutex::new(Vec::new()));
        let next = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
        let one = || {
            while let Some((digest, (descriptor, images))) = next() {
                let Err(error) = self.check_blob(digest, descriptor, progress) else { continue };
                let there = self.layout.contains(digest);
                let repair =
                    (repair && there && self.blob_trash().take(&self.layout.blob_path(digest)).is_ok())
                        .then_some("taken away: pull or load the image again");
                let finding = Finding { problem: error.to_string(), images, repair };
                findings.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
            }
        };
        if repair {
            barque_sys::file::make_directories(&self.layout.root().join("trash"), 0o711)?;
        }
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(one))));
        report.findings.extend(findings.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    fn check_blob(
        &self,
        digest: &Digest,
        descriptor: Option<&Descriptor>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let file = self.layout.open(digest)?;
        progress.phase(digest, Phase::Unpacking, descriptor.map(|descriptor| descriptor.size));
        let mut reader = HashingReader::new(file.take(u64::MAX), digest.algorithm());
        let read = copy(&mut reader, &mut sink());
        read.map_err(|error| Error::from_io(error, format!("read(blob {digest})")))?;
        let (found, size) = reader.finish();
        progress.advance(digest, size);
        progress.phase(digest, Phase::Done, None);
        if found != *digest {
            return Err(Error::invalid(format!("blob {digest} has the digest {found}")));
        }
        match descriptor {
            Some(descriptor) if descriptor.size != size => {
                Err(Error::invalid(format!("blob {digest} has {size} bytes instead of {}", descriptor.size)))
            }
            _ => Ok(()),
        }
    }

    /// Looks at every layer.
    fn check_layers(
        &self,
        images: &[(String, Image)],
        how: Examination,
        progress: &dyn Progress,
        report: &mut Report,
    ) -> Result<()> {
        let users = self.users()?;
        let mut seen = HashSet::new();
        for (name, image) in images {
            let used = users.iter().any(|user| user.manifest.digest == image.descriptor.digest);
            for (diff_id, descriptor) in image.diff_ids().iter().zip(&image.manifest.layers) {
                if !seen.insert(diff_id) || !self.layout.contains(&descriptor.digest) {
                    continue;
                }
                report.checked += 1;
                progress.phase(&descriptor.digest, Phase::Unpacking, Some(descriptor.size));
                let problem = self.check_layer(diff_id, descriptor, how.deep)?;
                progress.phase(&descriptor.digest, Phase::Done, None);
                let Some(problem) = problem else { continue };
                let repaired = how.repair && !used && self.unpack_again(image, diff_id).is_ok();
                report.findings.push(Finding {
                    problem,
                    images: vec![name.clone()],
                    repair: repaired.then_some("unpacked again"),
                });
            }
        }
        Ok(())
    }

    /// What is wrong with an unpacked layer. Where it does not look as it did when it was made, it is unpacked anew to see
    /// what differs.
    fn check_layer(&self, diff_id: &Digest, descriptor: &Descriptor, deep: bool) -> Result<Option<String>> {
        let Some(record) = self.layers.record(diff_id).ok().flatten() else {
            return Ok(Some(format!("layer {diff_id} is not unpacked, or its layer.json is damaged")));
        };
        let now = fingerprint(&self.layers.files(&layer_name(diff_id))).ok();
        let as_it_was = record.fingerprint.is_some() && record.fingerprint == now;
        if as_it_was && !deep {
            return Ok(None);
        }
        let found = self.compare(diff_id, descriptor, &record)?;
        let unclear = || format!("layer {diff_id} does not look as it did when it was unpacked");
        Ok(found.or_else(|| (record.fingerprint.is_some() && !as_it_was).then(unclear)))
    }

    /// Unpacks a layer anew, beside the one that is there: the first thing that differs.
    fn compare(
        &self,
        diff_id: &Digest,
        descriptor: &Descriptor,
        record: &LayerRecord,
    ) -> Result<Option<String>> {
        let scratch = self.scratch()?;
        let anew = scratch.join("fs");
        let blob = self.layout.open(&descriptor.digest)?;
        let found = match crate::layer::unpack(blob, &anew, &self.options) {
            Err(error) => Some(format!("layer {diff_id}: {error}")),
            Ok(unpacked) if unpacked.diff_id != *diff_id => {
                Some(format!("layer {diff_id}: its blob holds {}", unpacked.diff_id))
            }
            Ok(_) => difference(&anew, &self.layers.files(&layer_name(diff_id)), &record.pending.parents)?
                .map(|what| format!("layer {diff_id}: {what}")),
        };
        remove_tree(&scratch)?;
        Ok(found)
    }

    fn unpack_again(&self, image: &Image, diff_id: &Digest) -> Result<()> {
        if self.layers.contains(&layer_name(diff_id)) {
            self.layers.discard(&layer_name(diff_id))?;
        }
        self.rootfs(image).map(drop)
    }
}

/// What people call an entry.
fn title(entry: &Named) -> String {
    entry.name.clone().unwrap_or_else(|| entry.manifest.digest.to_string())
}
