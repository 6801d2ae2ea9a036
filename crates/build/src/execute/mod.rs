//! A build, carried out: from the deepest step whose result is there, one step after the other.
//!
//! A stage is only looked into when somebody needs its files. A step gets a place to write on the file system of layers
//! ([`Store::writable`]), above the layers of all steps before it; what it has written there is given a name and is the
//! next layer ([`Store::adopt_layer`]). The image up to the step is then pinned under the step's key. Whatever a killed
//! build leaves has no name, and goes with the next collection; containers that it leaves are found by the next build
//! ([`container::reap`]).

mod container;
mod copy;
mod mounts;
mod run;
mod tip;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use barque_engine::Places;
use barque_engine::definition::{NetworkRequest, OwnFile};
use barque_image::Reference;
use barque_image::layer::MountPoints;
use barque_image::spec::{Config, Descriptor, History, Platform, RootFs};
use barque_image::store::{Image, Pin, Scratch, Store, Written};
use barque_runtime::spec::Spec;

use crate::dockerfile::Dockerfile;
use crate::graph::{self, Action, Choices, Graph, Key, Network, Origin, Step};
use crate::progress::{Progress, Shown};
use crate::{Context, Result};
use tip::Tip;

pub use world::Images;

/// What a build is to be, beside the Dockerfile.
#[derive(Debug, Default)]
pub struct Wanted {
    /// What the graph is made from.
    pub choices: Choices,
    /// Whether nothing that was made before is taken.
    pub no_cache: bool,
    /// What the image runs on, where it has no base.
    pub platform: Option<Platform>,
    /// The image's names.
    pub names: Vec<Reference>,
    /// `--secret`, by their ids.
    pub secrets: BTreeMap<String, Vec<u8>>,
}

/// Makes the configuration of the container that a RUN is run in.
pub trait Sandbox {
    /// The configuration.
    fn configure(&self, command: &Command<'_>) -> Result<Configured>;
}

/// A command to be run.
#[derive(Debug)]
pub struct Command<'a> {
    /// The container's id.
    pub id: &'a str,
    /// Its directory.
    pub directory: &'a Path,
    /// The layers of its root filesystem, the uppermost first.
    pub lowers: &'a [PathBuf],
    /// What is executed.
    pub argv: &'a [String],
    /// Its variables.
    pub env: &'a [String],
    /// Who runs it.
    pub user: &'a str,
    /// Where.
    pub working_directory: &'a str,
    /// Its network.
    pub network: &'a Network,
    /// Without the limits of a container.
    pub insecure: bool,
}

/// How a command is run.
#[derive(Debug)]
pub struct Configured {
    /// The configuration.
    pub spec: Spec<'static>,
    /// Files of the container's own: `/etc/hosts` and its like.
    pub files: Vec<OwnFile>,
    /// What it wants of its network.
    pub network: Option<NetworkRequest>,
}

/// Who is asked for what, and where things are.
pub struct Surroundings<'a> {
    /// Images and layers.
    pub store: &'a Store,
    /// Where the rest lies.
    pub places: &'a Places,
    /// The context; none: there is none.
    pub context: Option<&'a Context>,
    /// Finds base images.
    pub images: &'a mut dyn Images,
    /// Configures containers.
    pub sandbox: &'a dyn Sandbox,
    /// Hears how it goes.
    pub progress: &'a mut dyn Progress,
    /// The time that new things are made at, RFC 3339.
    pub clock: &'a dyn Fn() -> String,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("places", self.places).finish_non_exhaustive()
    }
}

/// What came of a build.
#[derive(Debug)]
pub struct Built {
    /// The image.
    pub image: Image,
    /// Arguments that nobody asks for.
    pub unused: Vec<String>,
}

/// Builds an image. The caller must have one thread.
pub fn build(dockerfile: &Dockerfile, wanted: &Wanted, with: Surroundings<'_>) -> Result<Built> {
    container::reap(with.places)?;
    let (store, names) = (with.store, &wanted.names);
    let lease = store.lease()?;
    let mut world = world::World::new(with.images, with.context);
    let graph = graph::make(dockerfile, &wanted.choices, &mut world)?;
    let found = world.found();
    let mut builder = Builder {
        store,
        places: with.places,
        context: with.context,
        sandbox: with.sandbox,
        progress: with.progress,
        clock: with.clock,
        wanted,
        graph: &graph,
        found,
        done: BTreeMap::new(),
        told: 0,
    };
    let tip = builder.stage(graph.target)?;
    let image = builder.image(&tip)?;
    if names.is_empty() {
        store.list_image(&image, None)?;
    }
    for name in names {
        store.list_image(&image, Some(name))?;
    }
    store.touch(&image)?;
    drop(builder);
    drop(lease);
    store.collect_if_left()?;
    Ok(Built { image, unused: graph.unused.iter().cloned().collect() })
}

/// A stage that is made: its files, and when each of its steps was.
#[derive(Debug, Clone)]
struct Made {
    tip: Tip,
    times: Vec<String>,
}

struct Builder<'a> {
    store: &'a Store,
    places: &'a Places,
    context: Option<&'a Context>,
    sandbox: &'a dyn Sandbox,
    progress: &'a mut dyn Progress,
    clock: &'a dyn Fn() -> String,
    wanted: &'a Wanted,
    graph: &'a Graph,
    /// The images that the graph knows.
    found: BTreeMap<(String, Option<String>), Image>,
    done: BTreeMap<usize, Made>,
    /// How many steps were told.
    told: usize,
}

impl<'a> Builder<'a> {
    /// The files of a stage, made if they are not there.
    fn stage(&mut self, number: usize) -> Result<Tip> {
        if let Some(made) = self.done.get(&number) {
            return Ok(made.tip.clone());
        }
        let stage = &self.graph.stages[&number];
        let steps: Vec<(&Step, &Key)> =
            stage.steps.iter().filter_map(|step| Some((step, step.action.key()?))).collect();
        let cached = self.cached(&steps)?;
        let (mut tip, mut times, first) = match cached {
            Some((tip, times)) => {
                let first = times.len();
                (tip, times, first)
            }
            None => (self.origin(&stage.origin)?, Vec::new(), 0),
        };
        let count = steps.len() + 1;
        self.told += 1;
        let from = Shown { number: self.told, stage: &stage.name, index: 1, count, text: &stage.text };
        self.progress.cached(&from);
        for (at, (step, key)) in steps.iter().enumerate() {
            if at >= first {
                // What it takes from is made before it begins: its time is its own.
                for origin in step.action.origins() {
                    self.origin(origin)?;
                }
            }
            self.told += 1;
            let shown =
                Shown { number: self.told, stage: &stage.name, index: at + 2, count, text: &step.text };
            if at < first {
                self.progress.cached(&shown);
                continue;
            }
            let began = Instant::now();
            self.progress.begin(&shown);
            match self.step(step, key, &shown, &tip) {
                Ok((next, time)) => {
                    tip = next;
                    times.push(time);
                }
                Err(error) => {
                    self.progress.failed(&shown, &error.to_string());
                    return Err(error.in_step(step.lines));
                }
            }
            self.progress.done(&shown, began.elapsed());
        }
        self.done.insert(number, Made { tip: tip.clone(), times });
        Ok(tip)
    }

    /// The deepest step whose result is there, and when it and those before it were made.
    fn cached(&self, steps: &[(&Step, &Key)]) -> Result<Option<(Tip, Vec<String>)>> {
        if self.wanted.no_cache {
            return Ok(None);
        }
        for at in (0..steps.len()).rev() {
            let Some(pin) = self.store.pinned(steps[at].1.as_str())? else { continue };
            // One that is damaged is as good as none.
            let Ok(image) = self.store.image(&pin.manifest) else { continue };
            let mut times = Vec::with_capacity(at + 1);
            for (_, key) in &steps[..at] {
                let before = self.store.pinned(key.as_str())?;
                times.push(before.map_or_else(|| pin.created.clone(), |before| before.created));
                self.store.touch_pin(key.as_str())?;
            }
            self.store.touch_pin(steps[at].1.as_str())?;
            times.push(pin.created.clone());
            return Ok(Some((Tip::of(image), times)));
        }
        Ok(None)
    }

    /// What a stage begins with, or files are taken from.
    fn origin(&mut self, origin: &Origin) -> Result<Tip> {
        match origin {
            Origin::Scratch => Ok(Tip::default()),
            Origin::Stage(number) => self.stage(*number),
            Origin::Image(name, platform) => Ok(self
                .found
                .get(&(name.clone(), platform.clone()))
                .cloned()
                .map(Tip::of)
                .unwrap_or_default()),
        }
    }

    /// Does one step; gives the files after it, and when they were made.
    fn step(&mut self, step: &Step, key: &Key, shown: &Shown<'_>, tip: &Tip) -> Result<(Tip, String)> {
        let lowers = tip.lowers(self.store)?;
        let scratch = self.store.writable(&lowers)?;
        let mount_points = match &step.action {
            Action::Describe => MountPoints::default(),
            Action::Run(run, _) => self.run(run, shown, &lowers, &scratch)?,
            Action::Copy(copy, _) => {
                self.copy(copy, &lowers, &scratch)?;
                MountPoints::default()
            }
            Action::Directory(path, _) => {
                self.directory(path, &lowers, &scratch)?;
                MountPoints::default()
            }
        };
        self.keep(step, key, tip, (lowers, mount_points), &scratch)
    }

    /// Makes a layer of what a step has written, and pins the image up to it.
    fn keep(
        &self,
        step: &Step,
        key: &Key,
        tip: &Tip,
        (lowers, mount_points): (Vec<PathBuf>, MountPoints),
        scratch: &Scratch,
    ) -> Result<(Tip, String)> {
        let latest = self.wanted.choices.epoch;
        let written = Written { scratch, lowers: &lowers, mount_points, latest };
        let (layer, diff_id) = self.store.adopt_layer(&written)?;
        let time = (self.clock)();
        let config = self.config(tip, Some(diff_id.clone()), Some(time.clone()));
        let layers = tip.layers().iter().cloned().chain([layer]).collect::<Vec<Descriptor>>();
        let image = self.store.add_image(&config, layers)?;
        self.store.pin(key.as_str(), &Pin::new(&image, step.text.clone(), time.clone()))?;
        let above = self.store.layer_files(&diff_id);
        Ok((if latest.is_none() { Tip::above(image, above, lowers) } else { Tip::of(image) }, time))
    }

    /// A configuration with nothing but the layers.
    fn config(&self, tip: &Tip, above: Option<barque_image::Digest>, created: Option<String>) -> Config {
        let platform = tip.platform().or_else(|| self.wanted.platform.clone());
        let platform = platform.unwrap_or_else(Platform::of_this_machine);
        let mut diff_ids = tip.diff_ids().to_vec();
        diff_ids.extend(above);
        Config {
            created,
            author: None,
            architecture: platform.architecture,
            os: platform.os,
            variant: platform.variant,
            os_version: platform.os_version,
            os_features: platform.os_features,
            config: barque_image::spec::Execution::default(),
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids },
            history: Vec::new(),
            comment: String::new(),
        }
    }

    /// The image of the target.
    fn image(&mut self, tip: &Tip) -> Result<Image> {
        let target = self.graph.target;
        let (history, created) = self.history(target);
        let settings = &self.graph.stages[&target].settings;
        let mut config = self.config(tip, None, created);
        config.author.clone_from(&settings.author);
        config.config = settings.execution.clone();
        config.history = history;
        Ok(self.store.add_image(&config, tip.layers().to_vec())?)
    }

    /// How a stage came to be, and when. What only describes was made when the step before it was: a build that finds
    /// everything makes the same image again.
    fn history(&self, number: usize) -> (Vec<History>, Option<String>) {
        let stage = &self.graph.stages[&number];
        let (mut history, mut last) = match &stage.origin {
            Origin::Scratch => (Vec::new(), None),
            Origin::Stage(below) => self.history(*below),
            Origin::Image(name, platform) => match self.found.get(&(name.clone(), platform.clone())) {
                Some(image) => (image.config.history.clone(), image.config.created.clone()),
                None => (Vec::new(), None),
            },
        };
        let mut times = self.done.get(&number).map(|made| made.times.iter()).into_iter().flatten();
        for step in &stage.steps {
            let made_files = step.action.key().is_some();
            if made_files {
                last = times.next().cloned().or(last);
            }
            history.push(History {
                created: last.clone(),
                created_by: Some(step.history.clone()),
                empty_layer: !made_files,
                ..History::default()
            });
        }
        (history, last)
    }
}
