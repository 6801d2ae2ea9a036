//! Instructions as stages, and which stage needs which.

use std::collections::{BTreeMap, BTreeSet};

use crate::dockerfile::{Dockerfile, From, Instruction, Kind};
use crate::expand::{Variables, expand};
use crate::{Error, Result};

/// One stage: a FROM and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage<'d> {
    /// Its FROM.
    pub from: &'d From,
    /// The line of its FROM, counted from 1.
    pub line: usize,
    /// What it begins with.
    pub base: Base,
    /// What follows its FROM.
    pub instructions: &'d [Instruction],
    /// The stages that it needs, by their numbers.
    pub needs: BTreeSet<usize>,
}

/// What a stage begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage, by its number.
    Stage(usize),
    /// An image.
    Image(String),
}

/// All stages of a Dockerfile, and the variables before the first.
#[derive(Debug, Clone)]
pub struct Stages<'d> {
    /// The instructions before the first FROM: all are ARG.
    pub global: &'d [Instruction],
    /// The values of those, with what the caller gave.
    pub arguments: BTreeMap<String, String>,
    /// The stages, in order.
    pub stages: Vec<Stage<'d>>,
}

/// Looks in two places, the first of them first.
#[derive(Clone, Copy)]
pub(crate) struct Layered<'v>(pub(crate) &'v dyn Variables, pub(crate) &'v dyn Variables);

impl Variables for Layered<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).or_else(|| self.1.get(name))
    }
}

impl<'d> Stages<'d> {
    /// Puts instructions into stages. `given` are the caller's values (`--build-arg`), `platform` those of the platforms
    /// (`TARGETPLATFORM` and its like), which FROM knows without an ARG.
    pub fn new(
        dockerfile: &'d Dockerfile,
        given: &BTreeMap<String, String>,
        platform: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let escape = dockerfile.directives.escape;
        let starts: Vec<usize> = (0..dockerfile.instructions.len())
            .filter(|at| matches!(dockerfile.instructions[*at].kind, Kind::From(_)))
            .collect();
        let Some(first) = starts.first() else {
            return Err(
                Error::invalid("no build stage in current context").hint("a Dockerfile begins with FROM")
            );
        };
        let global = &dockerfile.instructions[..*first];
        let arguments = global_arguments(global, escape, given, platform)?;
        let mut stages = Self { global, arguments, stages: Vec::with_capacity(starts.len()) };
        for (number, start) in starts.iter().enumerate() {
            let end = starts.get(number + 1).copied().unwrap_or(dockerfile.instructions.len());
            let instruction = &dockerfile.instructions[*start];
            let Kind::From(from) = &instruction.kind else { continue };
            let instructions = &dockerfile.instructions[start + 1..end];
            let base =
                stages.base(from, escape, platform).map_err(|error| error.on_line(instruction.first_line))?;
            let mut stage =
                Stage { from, line: instruction.first_line, base, instructions, needs: BTreeSet::new() };
            stages.find_needs(&mut stage)?;
            stages.stages.push(stage);
        }
        Ok(stages)
    }

    fn base(&self, from: &From, escape: char, platform: &BTreeMap<String, String>) -> Result<Base> {
        let image = expand(&from.image, escape, &Layered(&self.arguments, platform))?.text;
        if image.is_empty() {
            return Err(Error::invalid(format!("base name ({}) should not be blank", from.image))
                .hint("give its variable a default before FROM, or a value with --build-arg"));
        }
        if image == "scratch" {
            return Ok(Base::Scratch);
        }
        Ok(self.named(&image).map_or(Base::Image(image), Base::Stage))
    }

    /// The number of an earlier stage with this name; of several, the last.
    pub fn named(&self, name: &str) -> Option<usize> {
        let is =
            |stage: &Stage<'_>| stage.from.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name));
        self.stages.iter().rposition(is)
    }

    /// The stage that `--from` or `--target` names, by its name or its number.
    pub fn find(&self, name: &str) -> Option<usize> {
        let number = name.parse::<usize>().ok().filter(|number| *number < self.stages.len());
        self.named(name).or(number)
    }

    /// The stage to build: the one named, or the last.
    pub fn target(&self, name: Option<&str>) -> Result<usize> {
        match name {
            None => Ok(self.stages.len().saturating_sub(1)),
            Some(name) => self.find(name).ok_or_else(|| {
                let names: Vec<&str> =
                    self.stages.iter().filter_map(|stage| stage.from.name.as_deref()).collect();
                Error::invalid(format!("target stage {name:?} could not be found"))
                    .hint(format!("the stages with a name are: {}", names.join(", ")))
            }),
        }
    }

    /// The stages that a stage needs, itself among them.
    pub fn reachable(&self, target: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut open = vec![target];
        while let Some(number) = open.pop() {
            if reached.insert(number) {
                open.extend(self.stages.get(number).into_iter().flat_map(|stage| &stage.needs));
            }
        }
        reached
    }

    fn find_needs(&self, stage: &mut Stage<'_>) -> Result<()> {
        if let Base::Stage(number) = stage.base {
            stage.needs.insert(number);
        }
        for instruction in stage.instructions {
            for name in sources(&instruction.kind) {
                match self.find(name) {
                    Some(number) => drop(stage.needs.insert(number)),
                    None if name.parse::<usize>().is_ok() => {
                        return Err(Error::invalid(format!(
                            "invalid from flag value {name}: no stage before this one has that number"
                        ))
                        .on_line(instruction.first_line));
                    }
                    // An image, or a context that has a name.
                    None => {}
                }
            }
        }
        Ok(())
    }
}

/// Where an instruction takes files from, beside the context.
pub(crate) fn sources(kind: &Kind) -> Vec<&str> {
    match kind {
        Kind::Copy(copy) => copy.from.iter().map(String::as_str).collect(),
        Kind::Run(run) => run.mounts.iter().filter_map(|mount| mount.from.as_deref()).collect(),
        _ => Vec::new(),
    }
}

/// The paths of the context that an instruction copies.
pub(crate) fn context_paths(kind: &Kind) -> Vec<&str> {
    match kind {
        Kind::Copy(copy) | Kind::Add(copy) if copy.from.is_none() => copy.paths().collect(),
        _ => Vec::new(),
    }
}

/// The values of the variables before the first stage.
fn global_arguments(
    global: &[Instruction],
    escape: char,
    given: &BTreeMap<String, String>,
    platform: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut arguments = BTreeMap::new();
    for instruction in global {
        let Kind::Arg(variables) = &instruction.kind else {
            return Err(Error::invalid("no build stage in current context")
                .hint("before the first FROM there is only ARG")
                .on_line(instruction.first_line));
        };
        for variable in variables {
            let value = match (given.get(&variable.name), &variable.default) {
                (Some(value), _) => Some(value.clone()),
                (None, Some(default)) => {
                    let expanded = expand(default, escape, &Layered(&arguments, platform));
                    Some(expanded.map_err(|error| error.on_line(instruction.first_line))?.text)
                }
                (None, None) => None,
            };
            arguments.extend(value.map(|value| (variable.name.clone(), value)));
        }
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, look: impl FnOnce(Result<Stages<'_>>) -> T) -> T {
        let dockerfile = Dockerfile::parse(text).unwrap();
        let given = BTreeMap::from([("GIVEN".to_owned(), "mine".to_owned())]);
        let platform = BTreeMap::from([("BUILDPLATFORM".to_owned(), "linux/amd64".to_owned())]);
        look(Stages::new(&dockerfile, &given, &platform))
    }

    const TEXT: &str = "ARG V=12\nARG GIVEN=theirs\nFROM debian:$V AS Base\nRUN a\nFROM base AS one\nFROM scratch AS two\n\
        COPY --from=one /a /b\nRUN --mount=from=0,target=/x b\nFROM $GIVEN\nCOPY --from=nginx:1 /etc /etc\n";

    #[test]
    fn what_begins_with_what() {
        with(TEXT, |stages| {
            let stages = stages.unwrap();
            let bases: Vec<Base> = stages.stages.iter().map(|stage| stage.base.clone()).collect();
            let expected =
                [Base::Image("debian:12".into()), Base::Stage(0), Base::Scratch, Base::Image("mine".into())];
            assert_eq!(bases, expected);
            assert_eq!(stages.reachable(stages.target(Some("TWO")).unwrap()), [0, 1, 2].into());
            assert_eq!(stages.reachable(stages.target(None).unwrap()), [3].into());
            assert_eq!(stages.target(Some("1")).unwrap(), 1);
            assert!(stages.target(Some("none")).unwrap_err().cure().unwrap().contains("two"));
        });
    }

    #[test]
    fn what_is_refused() {
        for (text, line, why) in [
            ("RUN a\n", None, "no build stage"),
            ("RUN a\nFROM b\n", Some(1), "no build stage"),
            ("ARG X\nFROM $X\n", Some(2), "should not be blank"),
            ("FROM a\nCOPY --from=0 /a /b\n", Some(2), "invalid from flag value 0"),
            ("FROM ${X\n", Some(1), "missing '}'"),
        ] {
            let error = with(text, |stages| stages.unwrap_err());
            assert_eq!(error.line(), line, "{text}");
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
