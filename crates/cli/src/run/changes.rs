//! `update`: limits that are changed. What is not given stays, so nothing is derived from what is.

use barque_runtime::spec::{Memory, Pids, Resources};

use super::limits::{LEAST_MEMORY, cpu};
use super::{Host, throttle};
use crate::flags::Parsed;
use crate::value::{integer, size};
use crate::{Error, Result};

/// The limits that are named.
pub(crate) fn changed_limits(flags: &Parsed, host: &dyn Host) -> Result<Resources<'static>> {
    Ok(Resources {
        memory: memory(flags)?,
        cpu: cpu(flags, host)?,
        pids: pids(flags)?,
        block_io: throttle::block_io(flags, host)?,
        ..Resources::default()
    })
}

fn memory(flags: &Parsed) -> Result<Option<Memory>> {
    let bytes = |long: &str| -> Result<Option<i64>> {
        let given = flags.read(long, |text| if text == "-1" { Ok(-1) } else { size(text) })?;
        Ok(given.filter(|given| *given != 0))
    };
    let (limit, reservation) = (bytes("memory")?, bytes("memory-reservation")?);
    if limit.is_some_and(|limit| (0..LEAST_MEMORY).contains(&limit)) {
        return Err(Error::invalid("Minimum memory limit allowed is 6MB").hint("give --memory 6m or more"));
    }
    if reservation.is_some_and(|size| (0..LEAST_MEMORY).contains(&size)) {
        return Err(Error::invalid("Minimum memory reservation allowed is 6MB")
            .hint("give --memory-reservation 6m or more"));
    }
    let memory = Memory { limit, reservation, swap: bytes("memory-swap")?, ..Memory::default() };
    Ok((memory != Memory::default()).then_some(memory))
}

/// −1 takes a limit away.
fn pids(flags: &Parsed) -> Result<Option<Pids>> {
    let limit = flags.read("pids-limit", integer::<i64>)?;
    Ok(limit.filter(|limit| *limit != 0).map(|limit| Pids { limit: Some(limit.max(-1)) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Outcome, container::UPDATE, parse};
    use crate::run::tests::fake::Machine;

    fn read(line: &str) -> Result<Resources<'static>> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let Outcome::Args(flags) = parse(&UPDATE, &words)? else { panic!("{line} asks for help") };
        changed_limits(&flags, &Machine)
    }

    #[test]
    fn only_what_is_given() {
        for (line, expected) in [
            ("c", "{}"),
            ("-m 8m c", r#"{"memory":{"limit":8388608}}"#),
            ("--memory-swap -1 c", r#"{"memory":{"swap":-1}}"#),
            ("--pids-limit -1 c", r#"{"pids":{"limit":-1}}"#),
            ("--pids-limit 7 c", r#"{"pids":{"limit":7}}"#),
            ("--cpus 1.5 c", r#"{"cpu":{"quota":150000,"period":100000}}"#),
            ("--cpu-quota -1 c", r#"{"cpu":{"quota":-1}}"#),
            ("--cpuset-cpus 0-1 c", r#"{"cpu":{"cpus":"0-1"}}"#),
            ("--blkio-weight 300 c", r#"{"blockIO":{"weight":300}}"#),
        ] {
            assert_eq!(serde_json::to_string(&read(line).unwrap()).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn complaints() {
        for (line, words) in [
            ("-m 1m c", "Minimum memory limit allowed is 6MB"),
            ("--memory-reservation 1k c", "Minimum memory reservation allowed is 6MB"),
            ("--blkio-weight 5 c", "Range of blkio weight is from 10 to 1000"),
            ("--cpus 1 --cpu-quota 1000 c", "conflicting options"),
            ("--cpuset-cpus 9 c", "Requested CPUs are not available"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
