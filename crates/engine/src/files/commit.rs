//! `commit`: what a container has changed becomes an image.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::fd::OwnedFd;

use barque_image::Digest;
use barque_image::layer::write_writable_layer;
use barque_image::reference::{Reference, ShortNames};
use barque_image::spec::{Config, Execution, History, Platform, RootFs};
use barque_image::store::{self, Image, Store};
use barque_runtime::spec::Spec;
use barque_sys::Call as _;

use super::layer::Layer;
use super::thaw::Frozen;
use super::view::{self, Subject};
use super::{aside, export};
use crate::definition::Root;
use crate::start::from_image as told;
use crate::{Container, Error, ErrorKind, Result, Status};

/// What the new image is to be.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Its name; none makes a dangling image.
    pub name: Option<Reference>,
    /// Who made it.
    pub author: String,
    /// What is said about it.
    pub message: String,
    /// Instructions of a Dockerfile that change how it is run.
    pub changes: Vec<String>,
    /// The container is frozen meanwhile, if it runs.
    pub pause: bool,
    /// When it was made, RFC 3339.
    pub created: String,
}

/// The label of an image that holds changes only: what they are changes of.
pub const BASE_LABEL: &str = "barque.base";
/// Changes of the machine's own root filesystem.
pub const HOST: &str = "@host";

/// Makes an image of a container: its image's layers, and one of what it has changed. Of one on this machine's own root
/// filesystem only the changes are kept; of one on a directory or an archive all files. The caller must have one thread.
/// Returns the image's id.
pub fn commit(container: &Container, store: &Store, wanted: &Commit) -> Result<Digest> {
    let subject = Subject::of(container)?;
    let spec = subject.container.spec(&subject.config)?;
    let lease = store.lease().map_err(told)?;
    let base = base(&subject.container, store)?;
    let mut execution = execution(&subject.container, &spec, base.as_ref());
    for instruction in &wanted.changes {
        store::change(&mut execution, instruction).map_err(told)?;
    }
    let frozen = match subject.container.runtime()? {
        Some(runtime)
            if wanted.pause && subject.now.status == Status::Running && runtime.cgroup().is_ok() =>
        {
            Some(Frozen::freeze(&runtime)?)
        }
        _ => None,
    };
    let added = add_layer(&subject, &spec, store);
    drop(frozen);
    let (layer, diff_id) = added?;
    // Changes of this machine's root are together in one layer, those of the image too.
    let below = base.as_ref().filter(|_| subject.container.definition.root.changes_of_host().is_none());
    let mut layers = below.map(|base| base.manifest.layers.clone()).unwrap_or_default();
    layers.push(layer);
    let config = config(&subject.container, below, execution, diff_id, wanted);
    let image = store.add_image(&config, layers).map_err(told)?;
    store.list_image(&image, wanted.name.as_ref()).map_err(told)?;
    store.touch(&image).map_err(told)?;
    drop(lease);
    store.collect_if_left().map_err(told)?;
    Ok(image.id().clone())
}

/// The image that the container was made from.
fn base(container: &Container, store: &Store) -> Result<Option<Image>> {
    if !matches!(container.definition.root, Root::Image { .. }) {
        return Ok(None);
    }
    // It may have lost its names meanwhile.
    let used = store.users().map_err(told)?.into_iter().find(|user| user.key == container.id());
    let image = match (used, &container.definition.image_id) {
        (Some(user), _) => store.image(&user.manifest),
        (None, Some(id)) => store.find(id, &ShortNames::default()),
        (None, None) => {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("the image of container {} is not known", container.name()),
            ));
        }
    };
    image.map(Some).map_err(told)
}

/// The layer is packed by another process while this one unpacks and hashes it: nothing is written twice.
fn add_layer(
    subject: &Subject,
    spec: &Spec<'_>,
    store: &Store,
) -> Result<(barque_image::spec::Descriptor, Digest)> {
    let (read, write) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)")?;
    let whole = matches!(subject.container.definition.root, Root::Directory { .. } | Root::Archive { .. });
    let read = Cell::new(Some(read));
    let packing = aside::start(|| {
        // With a copy of its own it would never hear that nobody reads any more.
        drop(read.take());
        if whole { export::write(subject, &write) } else { changes(subject, spec, &write) }
    })?;
    drop(write);
    let layer = match read.into_inner() {
        Some(read) => store.add_layer(File::from(read)).map_err(told),
        None => Err(Error::new(ErrorKind::Internal, "the archive of the layer is lost")),
    };
    let packed: Result<()> = packing.finish();
    match (packed, layer) {
        // It could not write any more, because nobody read any more.
        (Err(error), Err(cause)) if aside::is_broken_pipe(&error) => Err(cause),
        (packed, layer) => packed.and(layer),
    }
}

fn changes(subject: &Subject, spec: &Spec<'_>, sink: &OwnedFd) -> Result<()> {
    let inside = view::enter_user_namespace(spec, subject.now.pid)?;
    let sink = rustix::io::fcntl_dupfd_cloexec(sink, 0).call(|| "fcntl(F_DUPFD_CLOEXEC)")?;
    let sink = BufWriter::with_capacity(1 << 18, File::from(sink));
    let mut sink = match Layer::open(&subject.container, spec, subject.now.pid, inside)? {
        Some(layer) => {
            let owners = |uid: u32, gid: u32| layer.owners.inside((uid, gid));
            let Layer { upper, lowers, form, mount_points, .. } = &layer;
            write_writable_layer(upper, lowers, mount_points, sink, *form, &owners).map_err(told)?
        }
        None => {
            let mut sink = sink;
            // An archive of nothing.
            sink.write_all(&[0; 1024]).call(|| "write(archive)")?;
            sink
        }
    };
    Ok(sink.flush().call(|| "write(archive)")?)
}

/// How the image is run: as its base was, with what was said about the container.
fn execution(container: &Container, spec: &Spec<'_>, base: Option<&Image>) -> Execution {
    let definition = &container.definition;
    let mut execution = base.map(|base| base.config.config.clone()).unwrap_or_default();
    let (entrypoint, command) =
        definition.command.split_at(definition.entrypoint.min(definition.command.len()));
    (execution.entrypoint, execution.cmd) = (entrypoint.to_vec(), command.to_vec());
    if let Some(process) = &spec.process {
        execution.env = environment(&process.env, &execution.env);
        if process.cwd.as_str() != "/" || !execution.working_dir.is_empty() {
            execution.working_dir = process.cwd.to_string();
        }
        let user = &process.user;
        if base.is_none() && (user.uid, user.gid) != (0, 0) {
            execution.user = format!("{}:{}", user.uid, user.gid);
        }
    }
    execution.labels.extend(definition.labels.clone());
    if matches!(definition.root, Root::Host) {
        execution.labels.insert(BASE_LABEL.to_owned(), HOST.to_owned());
    }
    if definition.stop_signal != TERMINATE {
        execution.stop_signal = Some(definition.stop_signal.to_string());
    }
    let ports = definition.network.request.iter().flat_map(|request| &request.ports);
    execution.exposed_ports.extend(ports.map(|port| (exposed(port), barque_image::spec::Empty {})));
    execution
}

const TERMINATE: i32 = 15;

fn exposed(port: &barque_network::PortMapping) -> String {
    format!("{}/{}", port.container_port, port.protocol)
}

/// Without what every container gets by itself, unless the image says it.
fn environment(container: &[barque_runtime::spec::Str<'_>], image: &[String]) -> Vec<String> {
    let name = |assignment: &str| assignment.split('=').next().unwrap_or_default().to_owned();
    let own = |assignment: &str| {
        let name = name(assignment);
        matches!(name.as_str(), "HOSTNAME" | "HOME" | "TERM")
            && !image.iter().any(|said| said.split('=').next() == Some(name.as_str()))
    };
    container.iter().map(ToString::to_string).filter(|assignment| !own(assignment)).collect()
}

fn config(
    container: &Container,
    base: Option<&Image>,
    execution: Execution,
    diff_id: Digest,
    wanted: &Commit,
) -> Config {
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let platform = base.map_or_else(Platform::of_this_machine, |base| base.config.platform());
    let mut diff_ids = base.map(|base| base.diff_ids().to_vec()).unwrap_or_default();
    diff_ids.push(diff_id);
    let mut history = base.map(|base| base.config.history.clone()).unwrap_or_default();
    history.push(History {
        created: Some(wanted.created.clone()),
        created_by: Some(container.definition.command.join(" ")),
        author: said(&wanted.author),
        comment: said(&wanted.message),
        empty_layer: false,
    });
    Config {
        created: Some(wanted.created.clone()),
        author: said(&wanted.author),
        architecture: platform.architecture,
        os: platform.os,
        variant: platform.variant,
        os_version: platform.os_version,
        os_features: platform.os_features,
        config: execution,
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids },
        history,
        comment: wanted.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_container_has_is_not_the_images() {
        let container = ["PATH=/bin", "HOSTNAME=c1", "HOME=/root", "A=1", "TERM=xterm"].map(Into::into);
        assert_eq!(environment(&container, &[]), ["PATH=/bin", "A=1"]);
        assert_eq!(environment(&container, &["HOME=/srv".to_owned()]), ["PATH=/bin", "HOME=/root", "A=1"]);
    }
}
