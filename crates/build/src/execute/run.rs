//! RUN, carried out: a container of our own runtime, whose writable layer becomes the layer.

use std::path::PathBuf;

use barque_image::layer::MountPoints;
use barque_image::store::Scratch;

use super::container::{Container, Parts};
use super::{Builder, Command};
use crate::graph::Run;
use crate::progress::Shown;
use crate::{Error, ErrorKind, Result};

/// What the runtime mounts over what a configuration's own mounts may not have.
const ALWAYS: [&str; 3] = ["/dev", "/proc", "/sys"];

impl Builder<'_> {
    /// Runs the command; gives what is in the layer for mounts alone.
    pub(super) fn run(
        &mut self,
        run: &Run,
        shown: &Shown<'_>,
        lowers: &[PathBuf],
        scratch: &Scratch,
    ) -> Result<MountPoints> {
        let id = container_id()?;
        let mounts = self.mounts(run, &id, scratch)?;
        let env: Vec<String> = run.env.iter().chain(&run.silent).chain(&mounts.env).cloned().collect();
        let configured = self.sandbox.configure(&Command {
            id: &id,
            directory: scratch.directory(),
            lowers,
            argv: &run.argv,
            env: &env,
            user: &run.user,
            working_directory: &run.directory,
            network: &run.network,
            insecure: run.insecure,
        })?;
        let own = configured.spec.mounts.iter().map(|mount| PathBuf::from(mount.destination.as_str()));
        let files = configured.files.iter().map(|file| PathBuf::from(&file.path));
        let always = ALWAYS.iter().map(PathBuf::from);
        let mount_points = MountPoints::new(own.chain(files).chain(mounts.targets()).chain(always));
        let parts =
            Parts { id: &id, places: self.places, scratch, lowers, configured: &configured, mounts: &mounts };
        let container = Container::start(&parts)?;
        let progress = &mut *self.progress;
        let code = container.finish(|bytes| progress.output(shown, bytes))?;
        if code != 0 {
            let words: Vec<&str> = run.argv.iter().map(String::as_str).collect();
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("process {:?} did not complete successfully: exit code: {code}", words.join(" ")),
            ));
        }
        Ok(mount_points)
    }
}

/// 64 hexadecimal digits.
fn container_id() -> Result<String> {
    let mut bytes = [0_u8; 32];
    barque_sys::random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
