//! From a definition to what the runtime makes a process from.

mod archive;
mod network;
mod peer;
mod root;

use std::borrow::Cow;
use std::path::PathBuf;

use barque_runtime::container::{Connect, Creation, Options};
use barque_runtime::execute::Trace;
use barque_runtime::plan::HostFile;
use barque_runtime::plan::mount::RootSource;
use barque_runtime::spec::Spec;
use barque_sys::Call as _;

pub use network::{Joined, Leaving, from_image, from_network, names_in};
pub use peer::CONTAINER;
pub use root::root_path;
pub(crate) use root::{LAYER, UNPACKED_MARK, root as root_source};

use crate::definition::{NetworkRequest, Root};
use crate::{Definition, Places, Result};

/// Where the container finds our init (`--init`).
pub const INIT: &str = "/run/barque-init";

/// What a container is prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be run: what it needs of others is taken.
    Run,
    /// To be shown.
    Explain,
}

/// A container about to be started.
#[derive(Debug)]
pub struct Start<'a> {
    definition: &'a Definition,
    spec: Cow<'a, Spec<'a>>,
    config: Cow<'a, [u8]>,
    directory: PathBuf,
    root: RootSource,
    files: Vec<HostFile>,
    map_root_ids: bool,
    joined: Option<Joined>,
}

impl<'a> Start<'a> {
    /// Prepares a start: takes its places in its networks as they are by now (`request`), which [`Start::leave`] gives back. Nothing else is made yet.
    pub fn prepare(
        places: &Places,
        definition: &'a Definition,
        spec: &'a Spec<'a>,
        config: &'a [u8],
        request: Option<&NetworkRequest>,
        purpose: Purpose,
    ) -> Result<Self> {
        let directory = places.container(&definition.id);
        if purpose == Purpose::Run {
            root::clear_half_unpacked(definition, &directory)?;
        }
        let (spec, config) = match peer::resolve(places, spec)? {
            None => (Cow::Borrowed(spec), Cow::Borrowed(config)),
            Some(spec) => {
                let config = serde_json::to_vec(&spec).unwrap_or_default();
                (Cow::Owned(spec), Cow::Owned(config))
            }
        };
        let root = root::root(definition, &directory, &spec)?;
        let mut files = root::host_files(definition, &directory, &spec, &root, purpose);
        let map_root_ids = root::map_root_ids(&root, &spec);
        // The last that can fail: what is taken must be given back.
        let joined = match request {
            Some(request) => {
                let joined = Joined::new(places, request, definition, purpose)?;
                let hosts = directory.join("hosts");
                for file in &mut files {
                    if let HostFile::File(path, text) = file
                        && *path == hosts
                    {
                        text.push_str(&joined.hosts(request));
                    }
                }
                Some(joined)
            }
            None => None,
        };
        Ok(Self { definition, spec, config, directory, root, files, map_root_ids, joined })
    }

    /// What the user should know.
    pub fn warnings(&self) -> impl Iterator<Item = &String> {
        self.joined.iter().flat_map(Joined::warnings)
    }

    /// What the runtime makes the container from.
    pub fn creation(&self, trace: Trace) -> Creation<'_> {
        Creation {
            id: &self.definition.id,
            bundle: &self.directory,
            spec: &self.spec,
            config: &self.config,
            executable: None,
            root: Some(self.root.clone()),
            files: self.files.clone(),
            unpack: archive::unpack,
            connect: self.joined.as_ref().map(|joined| joined as &dyn Connect),
            console_socket: None,
            cgroups: self.spec.linux.as_ref().is_some_and(|linux| linux.cgroups_path.is_some()),
            options: Options {
                map_root_ids: self.map_root_ids,
                init: self.definition.init.then(|| INIT.to_owned()),
                connection: self.joined.as_ref().map(Joined::connection),
                ..Options::default()
            },
            trace,
        }
    }

    /// Says that its archive is unpacked, so that the next start does not do it again.
    pub(crate) fn unpacked(&self) -> Result<()> {
        if matches!(self.definition.root, Root::Archive { .. }) {
            let mark = self.directory.join(root::UNPACKED_MARK);
            std::fs::write(&mark, "").call(|| format!("write({mark:?})"))?;
        }
        Ok(())
    }

    /// Its name server, once it is connected.
    pub(crate) fn name_server(&self) -> Option<barque_network::NameServer> {
        self.joined.as_ref().and_then(Joined::name_server)
    }

    /// The container has ended, or never was: its ports are free when this returns.
    pub(crate) fn leave(&mut self) -> Option<Leaving> {
        self.joined.take().map(Joined::leave)
    }
}
