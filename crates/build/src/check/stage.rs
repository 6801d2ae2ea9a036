//! Stages beside one another, and what they begin with.

use std::collections::BTreeMap;

use super::{Rule, Surroundings, Warning};
use crate::dockerfile::Kind;
use crate::expand::{Variables, expand};
use crate::stages::{Layered, Stage, Stages};

pub(super) fn check(
    stages: &Stages<'_>,
    target: usize,
    surroundings: &Surroundings,
    escape: char,
    warnings: &mut Vec<Warning>,
) {
    let reachable = stages.reachable(target);
    let mut names: Vec<String> = Vec::new();
    for (number, stage) in stages.stages.iter().enumerate() {
        let mut warn = |rule, message: String, cure: &str| {
            warnings.push(Warning { rule, lines: (stage.line, stage.line), message, cure: cure.to_owned() });
        };
        if let Some(name) = stage.from.name.as_ref().map(|name| name.to_lowercase()) {
            if names.contains(&name) {
                warn(
                    Rule::DuplicateStageName,
                    format!("Duplicate stage name {name:?}, stage names should be unique"),
                    "give one of them another name",
                );
            }
            if matches!(name.as_str(), "scratch" | "context") {
                warn(
                    Rule::ReservedStageName,
                    format!("Stage name should not use the same name as reserved stage {name:?}"),
                    "give it another name",
                );
            }
            names.push(name);
        }
        if !reachable.contains(&number) {
            warn(
                Rule::UnreachableStage,
                format!("Stage {} is not needed by the stage that is built", title(stage, number)),
                "remove it, copy from it, or build it with --target",
            );
        }
        platform(stage, &mut warn);
        base(stages, stage, surroundings, escape, &mut warn);
    }
}

fn title(stage: &Stage<'_>, number: usize) -> String {
    stage.from.name.as_ref().map_or_else(|| number.to_string(), |name| format!("{name:?}"))
}

fn platform(stage: &Stage<'_>, warn: &mut impl FnMut(Rule, String, &str)) {
    let Some(platform) = &stage.from.platform else { return };
    if matches!(platform.as_str(), "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
        warn(
            Rule::RedundantTargetPlatform,
            format!(
                "Setting platform to predefined {platform} in FROM is redundant as this is the default behavior"
            ),
            "leave --platform away",
        );
    } else if !platform.contains('$') {
        // A stage that has the platform in its name is one of several, by intent.
        let name = stage.from.name.as_deref().unwrap_or_default().to_lowercase();
        if !platform.split('/').any(|part| !part.is_empty() && name.contains(part)) {
            warn(
                Rule::FromPlatformFlagConstDisallowed,
                format!("FROM --platform flag should not use constant value {platform:?}"),
                "leave it away and build with --platform, or use $BUILDPLATFORM",
            );
        }
    }
}

/// The variables of FROM: declared, and with a default that names an image.
fn base(
    stages: &Stages<'_>,
    stage: &Stage<'_>,
    surroundings: &Surroundings,
    escape: char,
    warn: &mut impl FnMut(Rule, String, &str),
) {
    let declared: Vec<&str> = stages
        .global
        .iter()
        .flat_map(|instruction| match &instruction.kind {
            Kind::Arg(variables) => variables.iter().map(|variable| variable.name.as_str()).collect(),
            _ => Vec::new(),
        })
        .collect();
    let texts = [Some(&stage.from.image), stage.from.platform.as_ref()];
    let known = Layered(&stages.arguments, &surroundings.platform);
    for text in texts.into_iter().flatten() {
        let Ok(expanded) = expand(text, escape, &known) else { continue };
        for name in expanded.unset.iter().filter(|name| !declared.contains(&name.as_str())) {
            warn(
                Rule::UndefinedArgInFrom,
                format!("FROM argument '{name}' is not declared"),
                &format!("write ARG {name}=… before the first FROM"),
            );
        }
    }
    let defaults = defaults(stages, &surroundings.platform, escape);
    let without_caller = expand(&stage.from.image, escape, &Layered(&defaults, &surroundings.platform));
    if without_caller.is_ok_and(|expanded| !is_image(&expanded.text)) {
        warn(
            Rule::InvalidDefaultArgInFrom,
            format!("Default value for ARG {} results in empty or invalid base image name", stage.from.image),
            "give the ARG a default, or the variable one: ${NAME:-latest}",
        );
    }
}

/// The values before the first stage when the caller gives none.
fn defaults(stages: &Stages<'_>, platform: &dyn Variables, escape: char) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for instruction in stages.global {
        let Kind::Arg(variables) = &instruction.kind else { continue };
        for variable in variables {
            let Some(default) = &variable.default else { continue };
            if let Ok(value) = expand(default, escape, &Layered(&values, platform)) {
                values.insert(variable.name.clone(), value.text);
            }
        }
    }
    values
}

/// Whether a name could be that of an image: nothing is missing before, between or behind its marks.
fn is_image(name: &str) -> bool {
    let complete =
        |part: &str| !part.is_empty() && !part.starts_with([':', '@']) && !part.ends_with([':', '@']);
    name.split('/').all(complete)
}
