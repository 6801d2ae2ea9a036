//! `update`: limits and the restart policy of a container, changed for now and for later starts.

use barque_runtime::container::merged_limits;
use barque_runtime::spec::{Memory, Resources, Status};
use barque_sys::file;
use serde_json::Value;

use crate::containers::CONFIG;
use crate::{Container, Error, ErrorKind, RestartPolicy, Result};

/// Changes the limits that are named, and the policy if there is one. A limit that the kernel refuses leaves everything as it
/// was. Returns what the user should know.
pub fn update(
    container: &Container,
    limits: &Resources<'_>,
    restart: Option<RestartPolicy>,
) -> Result<Vec<String>> {
    let (mut container, _lock) = container.lock()?;
    if restart.is_some_and(|policy| policy != RestartPolicy::No) && container.definition.auto_remove {
        return Err(Error::new(
            ErrorKind::Conflict,
            "Restart policy cannot be updated because AutoRemove is enabled for the container",
        ));
    }
    let mut warnings = Vec::new();
    if *limits != Resources::default() {
        warnings = set_limits(&container, limits)?;
    }
    if let Some(policy) = restart {
        // The monitor looks at it when the container ends.
        container.definition.restart = policy;
        container.write()?;
    }
    Ok(warnings)
}

fn set_limits(container: &Container, limits: &Resources<'_>) -> Result<Vec<String>> {
    let text = container.config()?;
    let spec = container.spec(&text)?;
    let Some(old) = spec.linux.and_then(|linux| linux.resources) else {
        return Err(Error::unsupported("its limits cannot be changed: it has no control group of its own")
            .hint("make it anew as root, or where a cgroup is delegated to this user"));
    };
    let merged = merged_limits(&old, limits);
    check(limits, &merged)?;
    let running = container.runtime()?.filter(|runtime| runtime.status() != Status::Stopped);
    let warnings = running.map(|runtime| runtime.update(limits)).transpose()?.unwrap_or_default();
    keep(container, &text, &merged).map_err(|error| {
        error
            .context("the limits are changed until it ends, but could not be written down for its next start")
    })?;
    Ok(warnings)
}

/// What must be true of limits together, in Docker's words.
fn check(new: &Resources<'_>, merged: &Resources<'_>) -> Result<()> {
    let (Some(new), Some(Memory { limit, reservation, swap, .. })) = (new.memory, merged.memory) else {
        return Ok(());
    };
    let limit = limit.filter(|limit| *limit > 0);
    match (limit, swap.filter(|swap| *swap > 0)) {
        (Some(limit), Some(swap)) if swap < limit && new.swap.is_none() => Err(Error::new(
            ErrorKind::Conflict,
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        )
        .hint("add --memory-swap: memory and swap together")),
        (Some(limit), Some(swap)) if swap < limit => {
            Err(Error::invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
                .hint("--memory-swap is memory and swap together: give it at least the size of --memory"))
        }
        (None, Some(_)) if new.swap.is_some() => Err(Error::invalid(
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        )
        .hint("add --memory")),
        _ if limit.is_some_and(|limit| reservation.is_some_and(|reservation| limit < reservation)) => {
            Err(Error::invalid(
                "Minimum memory limit can not be less than memory reservation limit, see usage",
            )
            .hint("give --memory a larger size than --memory-reservation"))
        }
        _ => Ok(()),
    }
}

/// Writes the limits into the configuration; members that this version does not know stay.
fn keep(container: &Container, text: &str, limits: &Resources<'_>) -> Result<()> {
    let broken = |error: serde_json::Error| Error::new(ErrorKind::Internal, error.to_string());
    let mut config: Value = serde_json::from_str(text).map_err(broken)?;
    let limits = serde_json::to_vec(limits).map_err(broken)?;
    config["linux"]["resources"] = serde_json::from_slice(&limits).map_err(broken)?;
    let text = serde_json::to_vec(&config).map_err(broken)?;
    let directory = file::open(&container.directory(), file::READ_DIRECTORY)?;
    Ok(file::replace(&directory, CONFIG, &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_fit_together() {
        for (old, new, complaint) in [
            (r#"{}"#, r#"{"limit":10}"#, ""),
            (r#"{"limit":10,"swap":20}"#, r#"{"limit":20}"#, ""),
            (r#"{"limit":10,"swap":20}"#, r#"{"limit":21}"#, "already set memoryswap limit"),
            (r#"{"limit":10,"swap":20}"#, r#"{"limit":21,"swap":30}"#, ""),
            (r#"{"limit":10,"swap":-1}"#, r#"{"limit":21}"#, ""),
            (r#"{"limit":10,"swap":20}"#, r#"{"swap":9}"#, "larger than memory limit"),
            (r#"{}"#, r#"{"swap":9}"#, "always set the Memory limit"),
            (r#"{}"#, r#"{"swap":-1}"#, ""),
            (r#"{"reservation":10}"#, r#"{"limit":9}"#, "less than memory reservation"),
            (r#"{"limit":9}"#, r#"{"reservation":10}"#, "less than memory reservation"),
        ] {
            let read = |text: &str| Resources {
                memory: Some(serde_json::from_str(text).unwrap()),
                ..Resources::default()
            };
            let (old, new) = (read(old), read(new));
            let result = check(&new, &merged_limits(&old, &new));
            let said = result.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(
                if complaint.is_empty() { said.is_empty() } else { said.contains(complaint) },
                "{new:?}: {said}"
            );
        }
    }
}
