//! `update`: limits changed while the container runs.

use super::Container;
use crate::Result;
use crate::cgroup::{self, Layout};
use crate::spec::{Resources, Status};

impl Container {
    /// Changes the limits that `resources` names; the others stay. Returns what the user should know.
    pub fn update(&self, resources: &Resources<'_>) -> Result<Vec<String>> {
        match self.status() {
            Status::Running | Status::Created | Status::Paused => {}
            status => return Err(self.wrong_status("updated", status)),
        }
        let (ops, warnings) = cgroup::update(&Layout::read()?, self.cgroup()?, resources)?;
        for op in ops {
            op.execute()?;
        }
        Ok(warnings)
    }
}
