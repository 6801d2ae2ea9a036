//! From a request to what the runtime needs: a root filesystem, files, a configuration.

use std::path::{Path, PathBuf};

use barque_runtime::container::{Creation, Options};
use barque_runtime::execute::Trace;
use barque_runtime::plan::HostFile;
use barque_runtime::plan::mount as planned;
use barque_runtime::seccomp;
use barque_runtime::spec::{ConsoleSize, Mount, Seccomp, Spec, Str};
use barque_sys::path::Root;

use super::archive;
use crate::flags::Parsed;
use crate::run::{Caller, Machine, RootSource, RunRequest, SeccompChoice, request};
use crate::{Error, Result};

/// Where Barque keeps things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// What lasts over a boot (`--root`).
    pub root: PathBuf,
    /// What does not (`--run-root`).
    pub run_root: PathBuf,
}

impl Places {
    /// Those of the command line, or of this user.
    pub fn new(root: Option<&str>, run_root: Option<&str>) -> Self {
        let (default_root, default_run_root) = Self::defaults();
        Self {
            root: root.map_or(default_root, PathBuf::from),
            run_root: run_root.map_or(default_run_root, PathBuf::from),
        }
    }

    fn defaults() -> (PathBuf, PathBuf) {
        let uid = rustix::process::geteuid();
        if uid.is_root() {
            return (PathBuf::from("/var/lib/barque"), PathBuf::from("/run/barque"));
        }
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = variable("HOME").unwrap_or_else(|| PathBuf::from("/"));
        let data = variable("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
        let run = variable("XDG_RUNTIME_DIR")
            .unwrap_or_else(|| PathBuf::from(format!("/tmp/barque-{}", uid.as_raw())));
        (data.join("barque"), run.join("barque"))
    }
}

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
    config: Vec<u8>,
    root: planned::RootSource,
    files: Vec<HostFile>,
    cgroups: bool,
    map_root_ids: bool,
}

/// Where an archive is unpacked, in the container's directory.
const UNPACKED: &str = "rootfs";

/// Where `--init` puts the init process.
const INIT: &str = "/run/barque-init";

impl Prepared {
    /// Prepares `run` or `explain`. Nothing is made yet.
    pub fn new(flags: &Parsed, places: Places) -> Result<Self> {
        let id = random_id()?;
        let directory = std::path::absolute(places.root.join("containers").join(&id))
            .map_err(|error| Error::invalid(format!("--root {:?}: {error}", places.root)))?;
        let caller = Caller::discover(id, directory.to_string_lossy().into_owned())?;
        let users = archive::Users::new(flags);
        let read = |root: &RootSource, path: &str| match root {
            RootSource::Archive(archive) => users.read(archive, path),
            _ => rootfs_file(root, path),
        };
        let mut request = request(flags, &caller, &Machine::new(&read))?;
        let mut spec = std::mem::take(&mut request.spec);
        let root = root(&request, &directory, &spec);
        if let Some(configured) = &mut spec.root {
            let path = match &root {
                planned::RootSource::Directory { path } => path,
                planned::RootSource::Overlay { mount_point, .. } => mount_point,
            };
            configured.path = Str::from(path.to_string_lossy().into_owned());
        }
        if request.init {
            add_init(&mut spec, &directory);
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
        let files = host_files(&request, &directory, &spec, &root);
        let map_root_ids = map_root_ids(&root, &spec);
        Ok(Self { request, places, directory, spec, config, root, files, cgroups, map_root_ids })
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
            console_socket: None,
            cgroups: self.cgroups,
            options: Options { map_root_ids: self.map_root_ids, ..Options::default() },
            trace,
        }
    }
}

/// Whether the files below the writable layer must be shown with the container's ids: root's own user namespaces have
/// other ids than the files, unless somebody has changed their owners already.
fn map_root_ids(root: &planned::RootSource, spec: &Spec<'_>) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Some(linux) = spec.linux.as_ref().filter(|linux| !linux.uid_mappings.is_empty()) else {
        return false;
    };
    let planned::RootSource::Overlay { lower, .. } = root else { return false };
    let owner = lower.first().and_then(|lower| std::fs::metadata(lower).ok()).map(|metadata| metadata.uid());
    let shifted = |uid: u32| {
        linux
            .uid_mappings
            .iter()
            .any(|range| uid.checked_sub(range.host_id).is_some_and(|at| at < range.size))
    };
    rustix::process::geteuid().is_root() && !owner.is_some_and(shifted)
}

/// 64 hexadecimal digits.
fn random_id() -> Result<String> {
    let mut bytes = [0_u8; 32];
    barque_sys::random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A text file of the container's root filesystem, before there is a container.
fn rootfs_file(root: &RootSource, path: &str) -> Option<String> {
    let directory = root_directory(root)?;
    let root = Root::open_host(Path::new(&directory)).ok()?;
    barque_sys::file::read_regular(|flags| root.open(Path::new(path), flags)).ok()
}

fn root_directory(root: &RootSource) -> Option<String> {
    match root {
        RootSource::Host => Some("/".to_owned()),
        RootSource::Directory(path) => Some(path.clone()),
        RootSource::Archive(_) => None,
    }
}

/// The root filesystem: the directory itself, or a throw-away layer over it.
fn root(request: &RunRequest, directory: &Path, spec: &Spec<'_>) -> planned::RootSource {
    let lower = root_directory(&request.rootfs).map_or_else(|| directory.join(UNPACKED), PathBuf::from);
    let ids_differ = rustix::process::geteuid().is_root()
        && spec.linux.as_ref().is_some_and(|linux| !linux.uid_mappings.is_empty());
    // What was unpacked for this container alone needs no layer above it, but for the ids to be mapped.
    let own = matches!(request.rootfs, RootSource::Archive(_)) && !ids_differ;
    if request.rw_rootfs || own {
        return planned::RootSource::Directory { path: lower };
    }
    // overlayfs refuses an upper directory that lies below its lower one.
    let upper = if is_below(directory, &lower) {
        planned::Upper::Memory
    } else {
        planned::Upper::Directory { path: directory.join("layer"), volatile: request.rm }
    };
    planned::RootSource::Overlay { lower: vec![lower], upper, mount_point: directory.join("merged") }
}

/// Whether a directory that may not exist yet will lie below another, on the same file system.
fn is_below(directory: &Path, above: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let existing = directory.ancestors().find_map(|ancestor| std::fs::metadata(ancestor).ok());
    let device = |metadata: std::fs::Metadata| metadata.dev();
    directory.starts_with(above) && existing.map(device) == std::fs::metadata(above).ok().map(device)
}

/// The program runs as the child of an init, which is this program under another name.
fn add_init(spec: &mut Spec<'static>, directory: &Path) {
    spec.mounts.push(Mount {
        destination: Str::from(INIT),
        kind: Some(Str::from("bind")),
        source: Some(Str::from(directory.join("init").to_string_lossy().into_owned())),
        options: ["bind", "ro", "nosuid", "nodev"].map(Str::from).to_vec(),
        ..Mount::default()
    });
    if let Some(process) = &mut spec.process {
        process.args.insert(0, Str::from(INIT));
    }
}

fn filter(choice: &SeccompChoice, spec: &Spec<'_>) -> Result<Option<Seccomp<'static>>> {
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

/// The container's own directory with what lies in it, and the directories that `-v` asks for. What the container writes
/// belongs to the user its root is outside.
fn host_files(
    request: &RunRequest,
    directory: &Path,
    spec: &Spec<'_>,
    root: &planned::RootSource,
) -> Vec<HostFile> {
    let mut files: Vec<_> =
        request.create_directories.iter().map(|path| HostFile::Shared(PathBuf::from(path))).collect();
    let owner = spec.linux.as_ref().and_then(|linux| {
        let host_id = |mappings: &[barque_runtime::spec::IdMapping]| {
            mappings.iter().find(|mapping| mapping.container_id == 0).map(|mapping| mapping.host_id)
        };
        Some((host_id(&linux.uid_mappings)?, host_id(&linux.gid_mappings)?))
    });
    let mut own = |path: PathBuf| files.push(HostFile::Directory { path, mode: 0o711, owner });
    own(directory.to_owned());
    let layered = matches!(root, planned::RootSource::Overlay { .. });
    if layered {
        own(directory.join("merged"));
        own(directory.join("layer"));
    }
    if request.init {
        files.push(HostFile::Program(directory.join("init")));
    }
    if let RootSource::Archive(archive) = &request.rootfs {
        let unpacked = directory.join(UNPACKED);
        files.push(HostFile::Directory { path: unpacked.clone(), mode: 0o755, owner: None });
        files.push(HostFile::Archive { archive: PathBuf::from(archive), directory: unpacked });
    }
    files.extend(
        request.files.iter().map(|file| HostFile::File(directory.join(file.name), file.text.clone())),
    );
    files
}
