//! From a request to what the runtime needs: a root filesystem, files, a configuration.

use std::path::PathBuf;

use barque_runtime::container::{Connect, Creation, Options};
use barque_runtime::execute::Trace;
use barque_runtime::plan::HostFile;
use barque_runtime::plan::mount as planned;
use barque_runtime::spec::{ConsoleSize, Spec, Str};

use super::filter::filter;
use super::image::ImageRoot;
use super::rootfs::{host_files, map_root_ids, root, rootfs_file};
use super::{Joined, Places, Purpose, archive};
use crate::flags::Parsed;
use crate::run::{Caller, Machine, RootSource, RunRequest, request};
use crate::{Error, Result};

/// A request with everything the runtime needs.
#[derive(Debug)]
pub struct Prepared {
    /// The request, its configuration taken out.
    pub request: RunRequest,
    /// Where things are kept.
    pub places: Places,
    /// The container's own directory.
    pub directory: PathBuf,
    /// Its configuration, and that as text.
    pub spec: Spec<'static>,
    /// The image that it is made from, held for it.
    pub(super) image: Option<ImageRoot>,
    config: Vec<u8>,
    root: planned::RootSource,
    files: Vec<HostFile>,
    cgroups: bool,
    map_root_ids: bool,
    /// Its place in a network.
    pub joined: Option<Joined>,
}

/// Takes its place in a network, and tells it of that in `/etc/hosts`. The last that can fail: what is taken must be
/// given back.
fn join(request: &mut RunRequest, places: &Places, purpose: Purpose) -> Result<Option<Joined>> {
    let Some(network) = &request.network else { return Ok(None) };
    let joined = Joined::new(places, network, &request.id, purpose)?;
    request.warnings.extend_from_slice(joined.warnings());
    if let Some(hosts) = request.files.iter_mut().find(|file| file.name == "hosts") {
        hosts.text.push_str(&joined.hosts(network));
    }
    Ok(Some(joined))
}

/// Where `--init` puts the init process.
const INIT: &str = "/run/barque-init";

impl Prepared {
    /// Prepares `run` or `explain`. Nothing is made yet.
    pub fn new(flags: &Parsed, places: Places, purpose: Purpose) -> Result<Self> {
        let id = random_id()?;
        let directory = std::path::absolute(places.root.join("containers").join(&id))
            .map_err(|error| Error::invalid(format!("--root {:?}: {error}", places.root)))?;
        let caller = Caller::discover(id, directory.to_string_lossy().into_owned())?;
        let users = archive::Users::new(flags);
        let image = image(flags, &places, &caller, purpose)?;
        let read = |root: &RootSource, path: &str| match root {
            RootSource::Archive(archive) => users.read(archive, path),
            RootSource::Image(_) => image.as_ref().and_then(|image| image.read(path)),
            _ => rootfs_file(root, path),
        };
        let mut request =
            request(flags, &caller, &Machine::new(&read, image.as_ref().map(ImageRoot::execution)))?;
        let mut spec = std::mem::take(&mut request.spec);
        let lowers = image.as_ref().map(ImageRoot::lowers);
        let root = root(&request, &directory, &spec, lowers, caller.privileged)?;
        if let Some(configured) = &mut spec.root {
            configured.path = Str::from(root.path().to_string_lossy().into_owned());
        }
        if let Some(process) = spec.process.as_mut().filter(|_| request.init) {
            // The program runs as the child of an init, which is this program under another name.
            process.args.insert(0, Str::from(INIT));
        }
        if let Some(process) = spec.process.as_mut().filter(|process| process.terminal) {
            // From the start: the program may ask for the size before it hears of a change.
            process.console_size = rustix::termios::tcgetwinsize(rustix::stdio::stdin())
                .ok()
                .map(|size| ConsoleSize { height: size.ws_row, width: size.ws_col });
        }
        let filter = filter(&request.seccomp, &spec)?;
        if let Some(linux) = &mut spec.linux {
            linux.seccomp = filter;
        }
        let cgroups = spec.linux.as_ref().is_some_and(|linux| linux.cgroups_path.is_some());
        let config = serde_json::to_vec(&spec).unwrap_or_default();
        let joined = join(&mut request, &places, purpose)?;
        let files = host_files(&request, &directory, &spec, &root);
        let map_root_ids = map_root_ids(&root, &spec);
        Ok(Self {
            request,
            places,
            directory,
            spec,
            image,
            config,
            root,
            files,
            cgroups,
            map_root_ids,
            joined,
        })
    }

    /// What the runtime makes the container from.
    pub fn creation(&self, trace: Trace) -> Creation<'_> {
        Creation {
            id: &self.request.id,
            bundle: &self.directory,
            spec: &self.spec,
            config: &self.config,
            executable: None,
            root: Some(self.root.clone()),
            files: self.files.clone(),
            unpack: archive::unpack,
            connect: self.joined.as_ref().map(|joined| joined as &dyn Connect),
            console_socket: None,
            cgroups: self.cgroups,
            options: Options {
                map_root_ids: self.map_root_ids,
                init: self.request.init.then(|| INIT.to_owned()),
                connection: self.joined.as_ref().map(Joined::connection),
                ..Options::default()
            },
            trace,
        }
    }
}

/// The image that is named, if the root filesystem is one.
fn image(flags: &Parsed, places: &Places, caller: &Caller, purpose: Purpose) -> Result<Option<ImageRoot>> {
    let Some(root) = flags.positional().first() else { return Ok(None) };
    match RootSource::parse(root, &caller.cwd) {
        Ok(RootSource::Image(name)) => {
            ImageRoot::prepare(&name, flags, places, &caller.id, purpose == Purpose::Explain).map(Some)
        }
        // What is wrong with it is said later, in its turn.
        _ => Ok(None),
    }
}

/// 64 hexadecimal digits.
fn random_id() -> Result<String> {
    let mut bytes = [0_u8; 32];
    barque_sys::random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
