//! What a build does, as a value: stages, their steps in order, and the key by which each step's result is found again.
//!
//! A graph is a pure function of the Dockerfile, the caller's choices and answers of the [`World`]: what a base image is,
//! and what digest some files of the context have. Nothing is run for it, so the key of every step is known before the
//! first one is executed. A key is a digest of what the step does, of the files below it (by their own key) and of the
//! contents that come in. What only describes an image (ENV, LABEL, CMD …) has no key: it changes no files.

mod copy;
mod describe;
mod healthcheck;
mod key;
mod run;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use barque_image::spec::Execution;

pub use copy::{Copy, Document, Ownership};
pub use key::Key;
pub(crate) use run::SCRIPTS;
pub use run::{Mount, MountSource, Network, Run};

use crate::dockerfile::{Dockerfile, Instruction, Kind};
use crate::stages::{self, Stages};
use crate::{Error, Result};
use scope::Scope;

/// What a graph is made from, beside the Dockerfile.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// `--build-arg`.
    pub arguments: BTreeMap<String, String>,
    /// The variables that tell of platforms.
    pub platform: BTreeMap<String, String>,
    /// `--target`.
    pub target: Option<String>,
    /// `--label`, in order.
    pub labels: Vec<(String, String)>,
    /// The network of a RUN that does not say: `--network`.
    pub network: Network,
    /// `SOURCE_DATE_EPOCH`: no time is later, in seconds since 1970.
    pub epoch: Option<i64>,
}

/// What a stage begins with, where that is an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The image's id: the digest of its configuration.
    pub id: String,
    /// How it is run.
    pub execution: Execution,
    /// Who made it.
    pub author: Option<String>,
}

/// What a graph has to know of the world.
pub trait World {
    /// Finds an image, pulling it if need be.
    fn base(&mut self, name: &str, platform: Option<&str>) -> Result<Base>;
    /// The digest of what some patterns select in the context: contents, and the metadata that is copied.
    fn digest(&mut self, sources: &[String], excludes: &[String]) -> Result<String>;
    /// The digest of a tree of the context that is mounted into a RUN.
    fn tree(&mut self, path: &str) -> Result<String>;
}

/// All that a build does.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The stages that the target needs, by their numbers.
    pub stages: BTreeMap<usize, Stage>,
    /// The stage that becomes the image.
    pub target: usize,
    /// `--build-arg` that no ARG asks for.
    pub unused: BTreeSet<String>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// As messages call it: its name, or `stage-0`.
    pub name: String,
    /// The first and last line of its FROM.
    pub line: usize,
    /// What its FROM says.
    pub text: String,
    /// What it begins with.
    pub origin: Origin,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What the stage's image is, but for its layers.
    pub settings: Settings,
    /// The key of its files.
    pub files: Key,
    /// The values of its arguments, which a stage that begins with it inherits.
    arguments: BTreeMap<String, String>,
}

/// What a stage begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nothing.
    Scratch,
    /// An earlier stage.
    Stage(usize),
    /// An image, by the name that FROM gives it, and its platform.
    Image(String, Option<String>),
}

/// One instruction, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its first and last line.
    pub lines: (usize, usize),
    /// The instruction as progress shows it.
    pub text: String,
    /// The instruction as the history of the image shows it.
    pub history: String,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Only how the image is run, or what is said about it, changes.
    Describe,
    /// A command is run.
    Run(Box<Run>, Key),
    /// Files come in.
    Copy(Box<Copy>, Key),
    /// A directory is made where it is missing.
    Directory(String, Key),
}

impl Action {
    /// The key of what it makes; none where it makes no files.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Describe => None,
            Self::Run(_, key) | Self::Copy(_, key) | Self::Directory(_, key) => Some(key),
        }
    }
}

impl Action {
    /// The stages and images that it takes files from.
    pub fn origins(&self) -> Vec<&Origin> {
        match self {
            Self::Copy(copy, _) => copy.origin.iter().collect(),
            Self::Run(run, _) => run.mounts.iter().filter_map(Mount::origin).collect(),
            Self::Describe | Self::Directory(..) => Vec::new(),
        }
    }
}

/// What is known of an image beside its layers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// How it is run.
    pub execution: Execution,
    /// Who made it.
    pub author: Option<String>,
}

/// Makes the graph of a Dockerfile.
pub fn make(dockerfile: &Dockerfile, choices: &Choices, world: &mut dyn World) -> Result<Graph> {
    let stages = Stages::new(dockerfile, &choices.arguments, &choices.platform)?;
    let target = stages.target(choices.target.as_deref())?;
    let mut unused: BTreeSet<String> = choices.arguments.keys().cloned().collect();
    for instruction in stages.global {
        forget(&mut unused, instruction);
    }
    unused.retain(|name| !scope::ALWAYS.contains(&name.as_str()));
    let mut maker = Maker {
        stages: &stages,
        choices,
        world,
        escape: dockerfile.directives.escape,
        made: BTreeMap::new(),
        unused,
    };
    for number in stages.reachable(target) {
        let stage = maker.stage(number)?;
        maker.made.insert(number, stage);
    }
    let (mut made, unused) = (maker.made, maker.unused);
    if let Some(stage) = made.get_mut(&target) {
        stage.settings.execution.labels.extend(choices.labels.iter().cloned());
    }
    Ok(Graph { stages: made, target, unused })
}

fn forget(unused: &mut BTreeSet<String>, instruction: &Instruction) {
    if let Kind::Arg(variables) = &instruction.kind {
        for variable in variables {
            unused.remove(&variable.name);
        }
    }
}

struct Maker<'a> {
    stages: &'a Stages<'a>,
    choices: &'a Choices,
    world: &'a mut dyn World,
    escape: char,
    made: BTreeMap<usize, Stage>,
    unused: BTreeSet<String>,
}

/// A stage while its instructions are read.
struct Open {
    scope: Scope,
    settings: Settings,
    /// Whether this stage has a CMD of its own, which an ENTRYPOINT does not take away.
    has_command: bool,
    files: Key,
    steps: Vec<Step>,
}

impl Maker<'_> {
    fn stage(&mut self, number: usize) -> Result<Stage> {
        let stages = self.stages;
        let stage = &stages.stages[number];
        let (origin, mut open) =
            self.begin(stage).map_err(|error| error.in_step((stage.line, stage.line)))?;
        let triggers = std::mem::take(&mut open.settings.execution.on_build);
        for trigger in &triggers {
            let read = Dockerfile::parse(trigger)
                .map_err(|error| Error::invalid(format!("ONBUILD {trigger} of the base image: {error}")))?;
            for instruction in &read.instructions {
                let placed =
                    Instruction { first_line: stage.line, last_line: stage.line, ..instruction.clone() };
                self.instruction(&mut open, &placed)?;
            }
        }
        for instruction in stage.instructions {
            self.instruction(&mut open, instruction)?;
        }
        let name = stage.from.name.clone().unwrap_or_else(|| format!("stage-{number}"));
        let platform =
            stage.from.platform.as_ref().map_or(String::new(), |text| format!("--platform={text} "));
        Ok(Stage {
            name,
            line: stage.line,
            text: format!("FROM {platform}{}", stage.from.image),
            origin,
            steps: open.steps,
            settings: open.settings,
            files: open.files,
            arguments: open.scope.arguments,
        })
    }

    fn begin(&mut self, stage: &stages::Stage<'_>) -> Result<(Origin, Open)> {
        let open = |settings: Settings, files: Key, arguments| {
            let scope = Scope::new(&settings.execution.env, arguments);
            Open { scope, settings, has_command: false, files, steps: Vec::new() }
        };
        Ok(match &stage.base {
            stages::Base::Scratch => {
                let mut settings = Settings::default();
                settings.execution.env.push(scope::DEFAULT_PATH.to_owned());
                (Origin::Scratch, open(settings, Key::nothing(self.choices.epoch), BTreeMap::new()))
            }
            stages::Base::Stage(number) => {
                let below = &self.made[number];
                let opened = open(below.settings.clone(), below.files.clone(), below.arguments.clone());
                (Origin::Stage(*number), opened)
            }
            stages::Base::Image(name) => {
                let platform = stage.from.platform.as_deref();
                let known = scope::Layers(&self.stages.arguments, &self.choices.platform);
                let platform = platform.map(|text| crate::expand::expand(text, self.escape, &known));
                let platform = platform.transpose()?.map(|expanded| expanded.text);
                let base = self.world.base(name, platform.as_deref())?;
                let mut settings = Settings { execution: base.execution, author: base.author };
                if !settings.execution.env.iter().any(|text| text.starts_with("PATH=")) {
                    settings.execution.env.push(scope::DEFAULT_PATH.to_owned());
                }
                let files = Key::image(&base.id, self.choices.epoch);
                (Origin::Image(name.clone(), platform), open(settings, files, BTreeMap::new()))
            }
        })
    }

    fn instruction(&mut self, open: &mut Open, instruction: &Instruction) -> Result<()> {
        forget(&mut self.unused, instruction);
        let lines = (instruction.first_line, instruction.last_line);
        let step = self.step(open, instruction, lines).map_err(|error| error.in_step(lines))?;
        if let Some(key) = step.action.key() {
            open.files = key.clone();
        }
        open.steps.push(step);
        Ok(())
    }

    fn step(&mut self, open: &mut Open, instruction: &Instruction, lines: (usize, usize)) -> Result<Step> {
        let text = instruction.text.clone();
        let (history, action) = match &instruction.kind {
            Kind::Run(run) => {
                let (history, run) = self.run(open, run)?;
                let key = run.key(&open.files);
                (history, Action::Run(Box::new(run), key))
            }
            Kind::Copy(copy) => self.copy(open, copy, false)?,
            Kind::Add(copy) => self.copy(open, copy, true)?,
            Kind::Workdir(path) => {
                let path = open.scope.expand(path, self.escape)?;
                let directory = describe::directory(&open.settings.execution.working_dir, &path);
                open.settings.execution.working_dir.clone_from(&directory);
                let key = open.files.then("workdir").with(&directory).done();
                (format!("WORKDIR {directory}"), Action::Directory(directory, key))
            }
            Kind::Arg(variables) => {
                let given = [&self.choices.arguments, &self.stages.arguments, &self.choices.platform];
                (open.scope.declare(variables, given, self.escape)?, Action::Describe)
            }
            kind => (describe::describe(open, kind, self.escape)?, Action::Describe),
        };
        Ok(Step { lines, text, history, action })
    }

    /// The stage or image that `--from` names.
    fn source(&mut self, name: &str) -> Result<(Origin, Key)> {
        if let Some(number) = self.stages.find(name) {
            let made = self.made.get(&number).ok_or_else(|| {
                Error::invalid(format!("--from={name}: a stage cannot take from itself or a later one"))
            })?;
            return Ok((Origin::Stage(number), made.files.clone()));
        }
        let base = self.world.base(name, None)?;
        Ok((Origin::Image(name.to_owned(), None), Key::image(&base.id, self.choices.epoch)))
    }
}

#[cfg(test)]
mod tests;
