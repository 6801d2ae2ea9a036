//! `--security-opt seccomp=…`: which filter.

use std::path::Path;

use barque_runtime::seccomp;
use barque_runtime::spec::{Seccomp, Spec};

use crate::run::SeccompChoice;
use crate::{Error, Result};

/// The filter that a configuration with these capabilities gets.
pub(super) fn filter(choice: &SeccompChoice, spec: &Spec<'_>) -> Result<Option<Seccomp<'static>>> {
    let capabilities = spec.process.as_ref().and_then(|process| process.capabilities.as_ref());
    let names: Vec<&str> =
        capabilities.map(|sets| sets.bounding.iter().map(|name| name.as_str()).collect()).unwrap_or_default();
    match choice {
        SeccompChoice::Unconfined => Ok(None),
        SeccompChoice::Default => Ok(Some(seccomp::default_profile(&names))),
        SeccompChoice::File(path) => {
            let text = barque_sys::file::read(Path::new(path))?;
            let arch = seccomp::Arch::NATIVE.ok_or_else(|| {
                Error::unsupported("seccomp profiles are not supported on this architecture")
            })?;
            let profile = seccomp::from_docker_json(&text, &names, arch, kernel_version())
                .map_err(|error| error.context(format_args!("--security-opt seccomp={path}")))?;
            // Compiled again for the plan, but only here the name of the file is known.
            seccomp::compile(&profile)
                .map_err(|error| error.context(format_args!("--security-opt seccomp={path}")))?;
            Ok(Some(profile.into_static()))
        }
    }
}

/// Major and minor version of the kernel.
fn kernel_version() -> (u32, u32) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut parts = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
