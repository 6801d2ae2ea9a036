//! From flags to a container's definition: for `run`, `create` and `explain`.

use std::cell::RefCell;
use std::path::PathBuf;

use barque_engine::definition::{self, Network, Root};
use barque_engine::life::mounted_image;
use barque_engine::start::{INIT, Purpose, root_path};
use barque_engine::{Claim, Container, Containers, Definition, Places, Time, Volumes};
use barque_runtime::spec::{ConsoleSize, Spec, Str};

use super::archive;
use super::filter::filter;
use super::image::ImageRoot;
use super::rootfs::rootfs_file;
use crate::Result;
use crate::flags::Parsed;
use crate::run::{Caller, Machine, RootSource, RunRequest, request};

/// A container that is not written down yet.
#[derive(Debug)]
pub struct Prepared {
    /// What was asked for; its configuration and what the definition has are taken out.
    pub request: RunRequest,
    /// What it is; it has no name yet.
    pub definition: Definition,
    /// Its configuration, and that as text.
    pub spec: Spec<'static>,
    /// The same, as text.
    pub config: Vec<u8>,
    image: Option<ImageRoot>,
    /// The images that are mounted into it.
    mounted: Vec<ImageRoot>,
}

impl Prepared {
    /// Prepares a container. Nothing is made yet, but an image may be pulled, and is held.
    pub fn new(flags: &Parsed, places: &Places, purpose: Purpose) -> Result<Self> {
        let id = random_id()?;
        let directory = places.container(&id);
        let caller = Caller::discover(id, directory.to_string_lossy().into_owned())?;
        let users = archive::Users::new(flags);
        let image = image(flags, places, &caller, purpose)?;
        let read = |root: &RootSource, path: &str| match root {
            RootSource::Archive(archive) => users.read(archive, path),
            RootSource::Image(_) => image.as_ref().and_then(|image| image.read(path)),
            _ => rootfs_file(root, path),
        };
        let mounted = RefCell::new(Vec::new());
        let layers = |name: &str| mount_image(name, flags, places, &caller, purpose, &mounted);
        let execution = image.as_ref().map(ImageRoot::execution);
        let mut request = request(flags, &caller, &Machine::new(places, &read, &layers, execution))?;
        if purpose == Purpose::Explain {
            foresee_volumes(&mut request, places);
        }
        let mut spec = std::mem::take(&mut request.spec);
        let definition = define(&mut request, &spec, image.as_ref());
        let path = root_path(&definition, &directory, &spec);
        if let Some(configured) = &mut spec.root {
            configured.path = Str::from(path.to_string_lossy().into_owned());
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
        let config = serde_json::to_vec(&spec).unwrap_or_default();
        Ok(Self { request, definition, spec, config, image, mounted: mounted.into_inner() })
    }

    /// Writes the container down, under its name or one that is made up: from here on it is there, and its image stays.
    /// Nobody changes it as long as the claim lives.
    pub fn commit(&mut self, places: &Places) -> Result<(Container, Claim)> {
        let volumes = Volumes::new(places).claim(&self.request.volumes)?;
        let containers = Containers::new(places.clone());
        let mut claim = containers.claim(&self.definition.id, self.request.name.as_deref())?;
        claim.name().clone_into(&mut self.definition.name);
        let container = claim.commit(self.definition.clone(), &self.config)?;
        volumes.keep();
        self.image.take().into_iter().chain(self.mounted.drain(..)).for_each(ImageRoot::keep);
        Ok((container, claim))
    }
}

fn define(request: &mut RunRequest, spec: &Spec<'_>, image: Option<&ImageRoot>) -> Definition {
    let root = match &request.rootfs {
        RootSource::Host => Root::Host,
        RootSource::Directory(path) => {
            Root::Directory { path: PathBuf::from(path), writable: request.rw_rootfs }
        }
        RootSource::Archive(path) => Root::Archive { path: PathBuf::from(path) },
        RootSource::Image(_) => {
            Root::Image { layers: image.map(ImageRoot::lowers).unwrap_or_default().to_vec() }
        }
    };
    let process = spec.process.as_ref();
    Definition {
        version: definition::VERSION,
        id: request.id.clone(),
        name: String::new(),
        created: Time::now(),
        image: request.rootfs.as_typed(),
        image_id: image.map(ImageRoot::id),
        root,
        command: process
            .map(|process| process.args.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        entrypoint: request.entrypoint,
        interactive: request.interactive,
        tty: request.tty,
        auto_remove: request.rm,
        init: request.init,
        stop_signal: request.stop_signal,
        stop_timeout: request.stop_timeout,
        restart: request.restart,
        health: request.health.take(),
        timeout: request.timeout,
        labels: std::mem::take(&mut request.labels),
        log: std::mem::take(&mut request.log),
        network: Network {
            mode: std::mem::take(&mut request.network_mode),
            request: request.network.take(),
            exposed: std::mem::take(&mut request.exposed),
        },
        files: std::mem::take(&mut request.files),
        create_directories: std::mem::take(&mut request.create_directories),
        mounts: std::mem::take(&mut request.mounts),
        scratch_directories: std::mem::take(&mut request.scratch_directories),
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

/// An image that is mounted into the container: its layers. It is held for the container.
fn mount_image(
    name: &str,
    flags: &Parsed,
    places: &Places,
    caller: &Caller,
    purpose: Purpose,
    mounted: &RefCell<Vec<ImageRoot>>,
) -> Result<Vec<String>> {
    let mut mounted = mounted.borrow_mut();
    let key = mounted_image(&caller.id, mounted.len());
    let image = ImageRoot::prepare(name, flags, places, &key, purpose == Purpose::Explain)?;
    let layers = image.lowers().iter().map(|layer| layer.to_string_lossy().into_owned()).collect();
    mounted.push(image);
    Ok(layers)
}

/// Volumes that are not made, because nothing is, are directories to be made.
fn foresee_volumes(request: &mut RunRequest, places: &Places) {
    let volumes = Volumes::new(places);
    for name in request.volumes.iter().filter_map(|wanted| wanted.name.as_deref()) {
        if volumes.find(name).is_err() {
            request.create_directories.push(volumes.data(name).to_string_lossy().into_owned());
        }
    }
}

/// 64 hexadecimal digits.
fn random_id() -> Result<String> {
    let mut bytes = [0_u8; 32];
    barque_sys::random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
