//! After the machine has started: which containers are to run.

use crate::state::{Asked, Request};
use crate::{Container, Containers, RestartPolicy, Result, State};

/// The containers that ran, or were to run, when the machine went down, and that their policies want to run again.
pub fn wanted(containers: &Containers) -> Result<Vec<Container>> {
    let boot = barque_runtime::container::boot_id()?;
    let mut wanted = Vec::new();
    for container in containers.list()?.containers {
        let now = container.now()?;
        if !now.status.is_up() && !now.watched && starts(container.definition.restart, &now.state, &boot) {
            wanted.push(container);
        }
    }
    Ok(wanted)
}

/// Whether one that does not run is started in this boot. Docker's rules.
fn starts(policy: RestartPolicy, state: &State, boot: &str) -> bool {
    // One that never ran, or ran in this boot already, is its user's business.
    if state.started.is_none() || state.boot == boot {
        return false;
    }
    let stopped = state
        .asked
        .as_ref()
        .is_some_and(|Asked { what, .. }| what.rests() && *what != Request::Restart && state.end.is_some());
    let went_down = state.end.is_none() || state.next_start.is_some();
    match policy {
        RestartPolicy::No => false,
        RestartPolicy::Always => true,
        RestartPolicy::UnlessStopped => !stopped,
        RestartPolicy::OnFailure(_) => went_down,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;
    use crate::state::End;

    #[test]
    fn as_the_policy_says() {
        let asked = |what| Some(Asked { what, signal: 15, time: Time::default(), overdue: false });
        let state = |boot: &str, ended: bool, asked| State {
            started: Some(Time(1, 0)),
            boot: boot.to_owned(),
            end: ended.then(End::default),
            asked,
            ..State::default()
        };
        let unless = RestartPolicy::UnlessStopped;
        for (policy, state, expected) in [
            (RestartPolicy::No, state("old", false, None), false),
            (RestartPolicy::Always, state("old", false, None), true),
            (RestartPolicy::Always, state("old", true, asked(Request::Stop)), true),
            (RestartPolicy::Always, state("this", false, None), false),
            (RestartPolicy::Always, State::default(), false),
            (unless, state("old", true, asked(Request::Stop)), false),
            (unless, state("old", true, None), true),
            (unless, state("old", false, asked(Request::Kill)), true),
            (RestartPolicy::OnFailure(0), state("old", false, None), true),
            (RestartPolicy::OnFailure(0), state("old", true, None), false),
        ] {
            assert_eq!(starts(policy, &state, "this"), expected, "{policy} {state:?}");
        }
    }
}
