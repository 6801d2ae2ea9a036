//! `mounts` of the spec, as operations.

use std::path::PathBuf;

use super::input::{Input, NamespacePlan};
use super::mount::{Attributes, Mount, MountIds, Source};
use super::mount_options::{self, Effect};
use super::op::{Mark, Op};
use super::{Plan, create};
use crate::cgroup::{Group, Layout};
use crate::spec::{self, IdMapping, Linux, NamespaceKind};
use crate::{Error, Result};

/// The mounts of the spec, in order.
pub(super) fn from_spec(input: &Input<'_>, namespaces: &NamespacePlan) -> Result<Vec<Mount>> {
    let mut mounts = Vec::with_capacity(input.spec.mounts.len());
    for (index, mount) in input.spec.mounts.iter().enumerate() {
        if matches!(mount.kind.as_deref(), Some("cgroup" | "cgroup2")) {
            mounts.extend(cgroup_mounts(input, mount, namespaces)?);
        } else {
            mounts.push(one(input, mount).map_err(|error| error.context(format_args!("mounts[{index}]")))?);
        }
    }
    Ok(mounts)
}

/// A destination as an absolute path: the specification wants relative ones taken from `/`.
fn destination(mount: &spec::Mount<'_>) -> Result<String> {
    if mount.destination.is_empty() {
        return Err(Error::invalid("destination: is empty").hint("name the path inside the container"));
    }
    Ok(if mount.destination.starts_with('/') {
        mount.destination.to_string()
    } else {
        format!("/{}", mount.destination)
    })
}

fn one(input: &Input<'_>, mount: &spec::Mount<'_>) -> Result<Mount> {
    let kind = mount.kind.as_deref().unwrap_or_default();
    let mut result = Mount::new(Source::Existing { parameters: Vec::new() }, destination(mount)?);
    let mut parameters = Vec::new();
    let mut bind = (kind == "bind").then_some(false);
    let mut remount = false;
    let mut id_map = None;
    let mut fill = false;
    for option in
        mount.options.iter().flat_map(|option| option.split(',')).filter(|option| !option.is_empty())
    {
        match mount_options::effect(option) {
            Some(Effect::Attribute { bits, on }) => mount_options::apply(&mut result.attributes, bits, on),
            Some(Effect::Recursive { bits, on }) => {
                mount_options::apply(&mut result.recursive_attributes, bits, on);
            }
            Some(Effect::FileSystem(flag)) => parameters.push((flag.to_owned(), None)),
            Some(Effect::Propagation) => result.propagation.push(option.to_owned()),
            Some(Effect::Bind { recursive }) => bind = Some(recursive || bind == Some(true)),
            Some(Effect::CopyUp) => result.copy_up = true,
            Some(Effect::Fill) => fill = true,
            Some(Effect::IdMap { recursive }) => id_map = Some(recursive),
            Some(Effect::Remount) => remount = true,
            Some(Effect::Nothing) => {}
            None => parameters.push(parameter(option)),
        }
    }
    result.id_mapping = id_mapping(input, mount, id_map)?;
    if remount {
        result.source = Source::Existing { parameters };
        return Ok(result);
    }
    result.source = match bind {
        Some(recursive) => {
            result.owner = owner(&parameters)?;
            bind_source(input, mount, recursive, &parameters)?
        }
        None => new_source(input, mount, &result, parameters)?,
    };
    if result.id_mapping.is_some() && bind.is_none() {
        return Err(Error::unsupported(format!("uidMappings: the ids of a new {kind:?} cannot be mapped"))
            .hint("only bind mounts take id mappings: bind a directory, or leave them out"));
    }
    if result.copy_up && kind != "tmpfs" {
        return Err(Error::invalid(format!("options: tmpcopyup is for tmpfs, and the type is {kind:?}")));
    }
    result.copy_up |= fill && bind.is_some();
    Ok(result)
}

fn parameter(option: &str) -> (String, Option<String>) {
    match option.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (option.to_owned(), None),
    }
}

/// `X-barque.chown=UID:GID`.
fn owner(parameters: &[(String, Option<String>)]) -> Result<Option<(u32, u32)>> {
    let Some(text) = value_of(parameters, "X-barque.chown") else { return Ok(None) };
    let ids = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    ids.map(Some).ok_or_else(|| Error::invalid(format!("options: X-barque.chown={text}: write UID:GID")))
}

fn value_of<'p>(parameters: &'p [(String, Option<String>)], key: &str) -> Option<&'p str> {
    parameters.iter().find(|(known, _)| known == key).and_then(|(_, value)| value.as_deref())
}

fn bind_source(
    input: &Input<'_>,
    mount: &spec::Mount<'_>,
    recursive: bool,
    parameters: &[(String, Option<String>)],
) -> Result<Source> {
    let source = mount.source.as_deref().filter(|source| !source.is_empty());
    let source = source.ok_or_else(|| {
        Error::invalid(format!("source: missing for the bind mount on {:?}", &*mount.destination))
            .hint("name the file or directory of the host")
    })?;
    // mount(8)'s name for it.
    let subdirectory = value_of(parameters, "X-mount.subdir").map(str::to_owned);
    Ok(Source::Bind { path: create::host_path(input.bundle, source), recursive, subdirectory })
}

fn new_source(
    input: &Input<'_>,
    mount: &spec::Mount<'_>,
    result: &Mount,
    mut parameters: Vec<(String, Option<String>)>,
) -> Result<Source> {
    let kind = mount.kind.as_deref().filter(|kind| !kind.is_empty()).ok_or_else(|| {
        Error::invalid(format!("type: missing for the mount on {:?}", &*mount.destination))
            .hint("give a file system type, or the option bind")
    })?;
    if result.attributes.set & mount_options::RDONLY != 0 {
        parameters.push(("ro".to_owned(), None));
    }
    let label = input.spec.linux.as_ref().and_then(|linux| linux.mount_label.as_deref());
    if let Some(label) = label.filter(|label| !label.is_empty() && !matches!(kind, "proc" | "sysfs")) {
        parameters.push(("context".to_owned(), Some(label.to_owned())));
    }
    Ok(Source::New { kind: kind.to_owned(), source: mount.source.as_deref().map(str::to_owned), parameters })
}

/// Makes a read-only tmpfs on `/dev` one that can be written for now, and returns the change that ends that.
pub(super) fn split_readonly_dev(mount: &mut Mount) -> Option<Mount> {
    let Source::New { parameters, .. } = &mut mount.source else { return None };
    if mount.target.trim_end_matches('/') != "/dev" || mount.attributes.set & mount_options::RDONLY == 0 {
        return None;
    }
    parameters.retain(|(key, _)| key != "ro");
    mount.attributes.set &= !mount_options::RDONLY;
    let source = Source::Existing { parameters: Vec::new() };
    Some(Mount {
        attributes: Attributes { set: mount_options::RDONLY, clear: 0 },
        ..Mount::new(source, mount.target.clone())
    })
}

fn id_mapping(input: &Input<'_>, mount: &spec::Mount<'_>, option: Option<bool>) -> Result<Option<MountIds>> {
    let own = !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty();
    if !own && option.is_none() {
        return Ok(None);
    }
    let (uids, gids) = if own {
        (mount.uid_mappings.clone(), mount.gid_mappings.clone())
    } else {
        // The option without mappings takes those of the container's user namespace (runtime-spec 1.2).
        let linux = input.spec.linux.as_ref();
        linux.map(|linux| (linux.uid_mappings.clone(), linux.gid_mappings.clone())).unwrap_or_default()
    };
    if uids.is_empty() || gids.is_empty() {
        return Err(Error::invalid("uidMappings and gidMappings: an idmapped mount needs both").hint(
            "give the mount both lists, or the container a user namespace whose mappings it can take",
        ));
    }
    Ok(Some(MountIds { uids, gids, recursive: option.unwrap_or(false) }))
}

/// `cgroup` in the spec means "this container's part of the cgroup tree": one cgroup2 mount, or on v1 a small tmpfs
/// with one mount for each hierarchy and the links that controllers mounted together have.
fn cgroup_mounts(
    input: &Input<'_>,
    mount: &spec::Mount<'_>,
    namespaces: &NamespacePlan,
) -> Result<Vec<Mount>> {
    let target = destination(mount)?;
    let own_namespace = namespaces.is_own(NamespaceKind::Cgroup);
    let mut attributes = Attributes::default();
    let mut propagation = Vec::new();
    for option in mount.options.iter() {
        match mount_options::effect(option) {
            Some(Effect::Attribute { bits, on }) => mount_options::apply(&mut attributes, bits, on),
            Some(Effect::Propagation) => propagation.push(option.to_string()),
            _ => {}
        }
    }
    let mut mounts = Vec::new();
    for tree in &input.cgroup_trees {
        let source = if own_namespace {
            let parameters =
                tree.parameters.iter().map(|parameter| super::mounts::parameter(parameter)).collect();
            Source::New { kind: tree.kind.to_owned(), source: Some("cgroup".to_owned()), parameters }
        } else {
            Source::Bind { path: tree.directory.clone(), recursive: false, subdirectory: None }
        };
        let below = if tree.name.is_empty() { target.clone() } else { format!("{target}/{}", tree.name) };
        mounts.push(Mount { attributes, propagation: propagation.clone(), ..Mount::new(source, below) });
    }
    if input.cgroup_trees.iter().any(|tree| !tree.name.is_empty()) {
        mounts.insert(0, tmpfs_for_hierarchies(&target));
        let read_only = attributes.set & mount_options::RDONLY != 0;
        if read_only {
            mounts.push(Mount {
                attributes: Attributes { set: mount_options::RDONLY, clear: 0 },
                ..Mount::new(Source::Existing { parameters: Vec::new() }, target)
            });
        }
    }
    Ok(mounts)
}

fn tmpfs_for_hierarchies(target: &str) -> Mount {
    let mut attributes = Attributes::default();
    for option in ["nosuid", "nodev", "noexec"] {
        if let Some(Effect::Attribute { bits, on }) = mount_options::effect(option) {
            mount_options::apply(&mut attributes, bits, on);
        }
    }
    let parameters = vec![("mode".to_owned(), Some("755".to_owned()))];
    let source = Source::New { kind: "tmpfs".to_owned(), source: Some("tmpfs".to_owned()), parameters };
    Mount { attributes, ..Mount::new(source, target) }
}

/// Sources the creator makes ready: those with mapped ids, because that takes rights over the file system, and a process
/// whose id the host's procfs shows; with a user namespace that a privileged creator made all, because a directory closed
/// to the container's ids may be on the way to a source. Mounts that are attached outside of the root (`layers`) come
/// back as their number and place.
pub(super) fn prepared(
    plan: &mut Plan,
    mounts: Vec<Mount>,
    layers: Vec<Mount>,
    user_namespace: Option<&Linux<'_>>,
) -> (Vec<Mount>, Vec<(usize, PathBuf)>) {
    let mut slots = 0;
    let mut steps = Vec::new();
    let mut replace = |mut mount: Mount| {
        let path = match &mount.source {
            Source::Bind { path, .. } if user_namespace.is_some() || mount.id_mapping.is_some() => {
                path.clone()
            }
            Source::Device { .. } | Source::Program => PathBuf::from(&mount.target),
            _ => return mount,
        };
        steps.push(Op::PrepareMount { slot: slots, mount: by_creator(&mount, user_namespace) });
        mount.source = Source::Prepared { slot: slots, path };
        mount.id_mapping = None;
        slots += 1;
        mount
    };
    let mounts: Vec<Mount> = mounts.into_iter().map(&mut replace).collect();
    let layers = layers.into_iter().map(&mut replace).filter_map(|layer| match layer.source {
        Source::Prepared { slot, .. } => Some((slot, PathBuf::from(layer.target))),
        _ => None,
    });
    let layers = layers.collect();
    if !steps.is_empty() {
        for step in steps {
            plan.creator(step);
        }
        plan.creator_reaches(Mark::MountsPrepared);
    }
    (mounts, layers)
}

/// A mount as the creator prepares it: what it gives away goes to the ids of the host.
fn by_creator(mount: &Mount, user_namespace: Option<&Linux<'_>>) -> Mount {
    let map = |maps: &[IdMapping], id: u32| {
        let range =
            maps.iter().find(|map| id.checked_sub(map.container_id).is_some_and(|at| at < map.size))?;
        range.host_id.checked_add(id - range.container_id)
    };
    let owner = mount.owner.zip(user_namespace).and_then(|((uid, gid), linux)| {
        Some((map(&linux.uid_mappings, uid)?, map(&linux.gid_mappings, gid)?))
    });
    // With mapped ids they are not what the file system has: the container's own side does it.
    Mount { owner: owner.filter(|_| mount.id_mapping.is_none()), ..mount.clone() }
}

/// What is set on `/` before anything is mounted: nothing made inside may ever travel to the host, unless the
/// configuration asks for `shared`; then the host's side is cut all the same and the container's `/` is shared later.
pub(super) fn host_propagation(wanted: Option<&str>) -> &'static str {
    match wanted {
        Some("private" | "rprivate" | "unbindable" | "runbindable") => "rprivate",
        Some("shared" | "rshared") => "rshared",
        _ => "rslave",
    }
}

/// One cgroup tree as the container's `/sys/fs/cgroup` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupTree {
    /// Directory below the mount's destination; empty for a tree that is all there is.
    pub name: String,
    /// `cgroup` or `cgroup2`.
    pub kind: &'static str,
    /// Controllers, as mount parameters.
    pub parameters: Vec<String>,
    /// The container's own cgroup in it, on the host.
    pub directory: PathBuf,
}

impl CgroupTree {
    /// The trees of a machine, with a container's cgroup in each: one for v2, one for each hierarchy of v1.
    pub fn of(layout: &Layout, group: &Group) -> Vec<Self> {
        if let (true, Some(directory)) = (group.is_unified, &group.unified) {
            let tree = Self {
                name: String::new(),
                kind: "cgroup2",
                parameters: Vec::new(),
                directory: directory.clone(),
            };
            return vec![tree];
        }
        let name = |mount_point: &std::path::Path| {
            mount_point.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let v1 = layout.v1.iter().zip(&group.v1).map(|(hierarchy, directory)| Self {
            name: name(&hierarchy.tree.mount_point),
            kind: "cgroup",
            parameters: if hierarchy.is_named() {
                [vec!["none".to_owned()], hierarchy.controllers.clone()].concat()
            } else {
                hierarchy.controllers.clone()
            },
            directory: directory.dir.clone(),
        });
        let unified = layout.unified.as_ref().zip(group.unified.as_ref()).map(|(unified, directory)| Self {
            name: name(&unified.tree.mount_point),
            kind: "cgroup2",
            parameters: Vec::new(),
            directory: directory.clone(),
        });
        v1.chain(unified).collect()
    }
}
