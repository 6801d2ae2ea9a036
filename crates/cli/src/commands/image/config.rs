//! How registries are reached, from the environment and the files that docker, podman and Barque keep that in.

use std::path::PathBuf;

use barque_image::registry::{Client, Credentials, Hosts, Proxies, Settings};

use super::told;
use crate::{Error, Result};

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A path in a directory that a variable names, or else in one of the user's home.
fn below(name: &str, home: &str, rest: &str) -> Option<PathBuf> {
    let base = variable(name).map(PathBuf::from);
    let base = base.or_else(|| variable("HOME").map(|directory| PathBuf::from(directory).join(home)));
    base.map(|base| base.join(rest))
}

/// Which registries are reached how: the first of these files that there is.
pub(super) fn hosts() -> Result<Hosts> {
    let own = below("XDG_CONFIG_HOME", ".config", "barque/registries.json");
    let files =
        own.into_iter().chain(["/etc/barque/registries.json", "/etc/docker/daemon.json"].map(PathBuf::from));
    let mut hosts = Hosts::default();
    for path in files {
        match std::fs::read(&path) {
            Ok(bytes) => {
                hosts = Hosts::parse(&bytes).map_err(|error| told(error.context(path.display())))?;
                break;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::invalid(format!("{}: {error}", path.display()))),
        }
    }
    hosts.certificates.extend(below("XDG_CONFIG_HOME", ".config", "containers/certs.d"));
    let system = ["/etc/barque/certs.d", "/etc/docker/certs.d", "/etc/containers/certs.d"];
    hosts.certificates.extend(system.map(PathBuf::from));
    Ok(hosts)
}

/// Where logins are kept: where docker has them, then where podman has them.
fn credentials() -> Credentials {
    let mut files: Vec<PathBuf> = variable("REGISTRY_AUTH_FILE").map(PathBuf::from).into_iter().collect();
    files.extend(below("DOCKER_CONFIG", ".docker", "config.json"));
    files.extend(
        variable("XDG_RUNTIME_DIR").map(|directory| PathBuf::from(directory).join("containers/auth.json")),
    );
    let path = variable("PATH").unwrap_or_default();
    Credentials { files, path: std::env::split_paths(&path).collect() }
}

/// A client of registries.
pub(in crate::commands) fn client() -> Result<Client> {
    client_of(hosts()?)
}

/// A client that does not look at certificates of these registries.
pub(in crate::commands) fn insecure_client(registries: impl IntoIterator<Item = String>) -> Result<Client> {
    let mut hosts = hosts()?;
    hosts.insecure_registries.extend(registries);
    client_of(hosts)
}

fn client_of(hosts: Hosts) -> Result<Client> {
    let either = |name: &str| variable(&name.to_lowercase()).or_else(|| variable(name));
    let all = either("ALL_PROXY");
    let proxies = Proxies {
        // In upper case a server could set it through a header named Proxy (httpoxy); here it is docker's habit.
        http: either("HTTP_PROXY").or_else(|| all.clone()),
        https: either("HTTPS_PROXY").or(all),
        none: either("NO_PROXY"),
    };
    Ok(Client::new(Settings {
        hosts,
        credentials: credentials(),
        proxies,
        roots: variable("SSL_CERT_FILE").map(PathBuf::from),
        ..Settings::default()
    }))
}

/// `SOURCE_DATE_EPOCH`: when images are said to be made, for the same bytes each time.
pub(in crate::commands) fn source_date() -> Result<Option<i64>> {
    let number = |text: String| {
        text.parse()
            .map_err(|_| Error::invalid(format!("SOURCE_DATE_EPOCH {text:?} is no number of seconds")))
    };
    variable("SOURCE_DATE_EPOCH").map(number).transpose()
}

/// `--platform`, or what `DOCKER_DEFAULT_PLATFORM` says.
pub(super) fn platform(flags: &crate::flags::Parsed) -> Result<Option<barque_image::spec::Platform>> {
    let given = flags.value("platform").map(str::to_owned).or_else(|| variable("DOCKER_DEFAULT_PLATFORM"));
    given.map(|text| text.parse()).transpose().map_err(told)
}
