//! The names of objects there are. What cannot be read proposes nothing: a shell has no place for complaints.

use barque_engine::{Containers, Places, Volumes};
use barque_network::Networks;

use super::Proposal;
use super::place::Kind;
use crate::commands::image::{Images, repository_and_tag};
use crate::flags::Flag;

/// What a flag's value can be.
pub(super) fn of_flag(flag: &Flag, places: &Places) -> Vec<Proposal> {
    let fixed: &[&str] = match flag.long {
        "network" | "net" => &["bridge", "none", "host", "container:", "ns:"],
        "restart" => &["no", "on-failure", "always", "unless-stopped"],
        "pull" => &["missing", "always", "never"],
        "log-driver" => &["json-file", "local", "journald", "none", "passthrough"],
        "pid" | "ipc" | "uts" | "userns" | "cgroupns" => &["host", "container:"],
        "health-on-failure" => &["none", "kill", "restart", "stop"],
        "type" => &["container", "image", "network", "volume"],
        _ => &[],
    };
    let mut found: Vec<Proposal> = fixed.iter().map(|word| ((*word).to_owned(), String::new())).collect();
    let kind = match flag.long {
        "network" | "net" => Some(Kind::Network),
        "volume" => Some(Kind::Volume),
        "volumes-from" => Some(Kind::Container),
        _ => None,
    };
    found.extend(kind.into_iter().flat_map(|kind| of_kind(kind, places)));
    found
}

/// All objects of a kind.
pub(super) fn of_kind(kind: Kind, places: &Places) -> Vec<Proposal> {
    match kind {
        Kind::Container => containers(places, ""),
        Kind::ContainerPath => containers(places, ":"),
        Kind::Image => images(places),
        Kind::Network => {
            let networks = Networks::new(&places.root).list().unwrap_or_default();
            networks.into_iter().map(|it| (it.name, it.driver.name().to_owned())).collect()
        }
        Kind::Volume => {
            let volumes = Volumes::new(places).list().map(|listed| listed.volumes).unwrap_or_default();
            volumes.into_iter().map(|volume| (volume.name, "volume".to_owned())).collect()
        }
        Kind::Shell => ["bash", "zsh", "fish"].map(|name| (name.to_owned(), String::new())).to_vec(),
    }
}

fn containers(places: &Places, end: &str) -> Vec<Proposal> {
    let listed = Containers::new(places.clone()).list().map(|listed| listed.containers).unwrap_or_default();
    let one = |it: barque_engine::Container| {
        let about = it.now().map_or("", |now| now.status.name());
        (format!("{}{end}", it.name()), format!("{} ({about})", it.definition.image))
    };
    listed.into_iter().map(one).collect()
}

fn images(places: &Places) -> Vec<Proposal> {
    let listed = Images::open(places).ok().and_then(|images| images.store.list().ok()).unwrap_or_default();
    let names = listed.iter().flat_map(barque_image::store::Summary::tags);
    names
        .map(|name| match repository_and_tag(name) {
            (repository, Some(tag)) => (format!("{repository}:{tag}"), "image".to_owned()),
            (repository, None) => (repository, "image".to_owned()),
        })
        .collect()
}
