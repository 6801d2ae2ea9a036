//! What can be said about a Dockerfile without running it.
//!
//! Rules have the names that BuildKit gives them, so that `# check=skip=…` of existing files means the same here.

mod casing;
mod form;
mod rule;
mod stage;
mod variable;

pub use rule::{Rule, Selection};

use std::collections::BTreeMap;

use crate::Result;
use crate::dockerfile::Dockerfile;
use crate::ignore::Ignore;
use crate::stages::Stages;

/// Something that a rule has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Which rule.
    pub rule: Rule,
    /// The first and the last line it is about, counted from 1.
    pub lines: (usize, usize),
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub cure: String,
}

/// What a build knows beside the Dockerfile.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// `--build-arg`.
    pub given: BTreeMap<String, String>,
    /// `TARGETPLATFORM` and its like.
    pub platform: BTreeMap<String, String>,
    /// `.dockerignore`.
    pub ignore: Ignore,
    /// `--target`: stages that it does not need are reported.
    pub target: Option<String>,
}

/// Looks at a Dockerfile with every rule that is not skipped; warnings in the order of lines.
pub fn check(dockerfile: &Dockerfile, surroundings: &Surroundings) -> Result<Vec<Warning>> {
    let selection = Selection::parse(dockerfile.directives.check.as_deref())?;
    let stages = Stages::new(dockerfile, &surroundings.given, &surroundings.platform)?;
    let target = stages.target(surroundings.target.as_deref())?;
    let mut warnings = Vec::new();
    casing::check(dockerfile, &mut warnings);
    form::check(dockerfile, &surroundings.ignore, &mut warnings);
    stage::check(&stages, target, surroundings, dockerfile.directives.escape, &mut warnings);
    variable::check(&stages, surroundings, dockerfile.directives.escape, &mut warnings);
    warnings.retain(|warning| !selection.skips(warning.rule));
    warnings.sort_by_key(|warning| (warning.lines, warning.rule));
    Ok(warnings)
}

#[cfg(test)]
mod tests;
