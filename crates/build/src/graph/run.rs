//! RUN: what is executed, and everything that its result depends on.

use super::describe::{argv, directory, json};
use super::{Key, Maker, Open, Origin, scope};
use crate::dockerfile::{self, Command, Heredoc, MountKind, Sharing};
use crate::{Error, Result};

/// A command that is run, and what it changes becomes a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What is executed.
    pub argv: Vec<String>,
    /// Its variables: the image's, and arguments.
    pub env: Vec<String>,
    /// Variables that no key and no history knows: of proxies.
    pub silent: Vec<String>,
    /// Who runs it.
    pub user: String,
    /// Where it is run.
    pub directory: String,
    /// Its network.
    pub network: Network,
    /// Without the limits of a container: `--security=insecure`.
    pub insecure: bool,
    /// A script that is executed by its first line (`#!`): its name and its text.
    pub script: Option<(String, String)>,
    /// What it sees beside its root filesystem.
    pub mounts: Vec<Mount>,
}

/// What a command may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Network {
    /// Whatever containers of builds get.
    #[default]
    Default,
    /// Nothing.
    None,
    /// All that this machine reaches.
    Host,
    /// A network by its name.
    Named(String),
}

impl Network {
    /// As flags name it.
    pub fn parse(text: &str) -> Self {
        match text {
            "" | "default" => Self::Default,
            "none" => Self::None,
            "host" => Self::Host,
            name => Self::Named(name.to_owned()),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Default => "default",
            Self::None => "none",
            Self::Host => "host",
            Self::Named(name) => name,
        }
    }
}

/// Something mounted for one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Mount {
    /// Where, an absolute path.
    pub target: String,
    /// What.
    pub source: MountSource,
    /// Whether it cannot be written to.
    pub read_only: bool,
    /// What its contents are, as a key or a digest; empty where the result does not depend on them.
    pub content: String,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq)]
pub enum MountSource {
    /// A path of the context.
    Context {
        /// The path in it.
        path: String,
    },
    /// A path of another stage or of an image.
    Files {
        /// Which.
        origin: Origin,
        /// The path in it.
        path: String,
    },
    /// A directory that outlives the build.
    Cache {
        /// By what it is found again.
        id: String,
        /// How several builds use it.
        sharing: Sharing,
        /// What it begins with.
        origin: Option<(Origin, String)>,
        /// Mode and owner when it is made.
        mode: (u32, u32, u32),
    },
    /// Memory, with so many bytes at most.
    Memory {
        /// As the kernel reads it.
        size: Option<String>,
    },
    /// A secret: a file, a variable, or both.
    Secret {
        /// Its name among the caller's.
        id: String,
        /// Whether the build fails without it.
        required: bool,
        /// The variable that gets it.
        env: Option<String>,
        /// Whether it is a file.
        file: bool,
        /// Mode and owner.
        mode: (u32, u32, u32),
    },
}

impl Mount {
    /// The stage or image that it shows, or begins with.
    pub fn origin(&self) -> Option<&Origin> {
        match &self.source {
            MountSource::Files { origin, .. } | MountSource::Cache { origin: Some((origin, _)), .. } => {
                Some(origin)
            }
            _ => None,
        }
    }
}

impl Run {
    /// The key of what it makes above some files. Secrets and caches count by their names alone.
    pub(super) fn key(&self, below: &Key) -> Key {
        let mut making = below
            .then("run")
            .with_all(&self.argv)
            .with_all(&self.env)
            .with(&self.user)
            .with(&self.directory)
            .with(self.network.name())
            .with(if self.insecure { "insecure" } else { "sandbox" })
            .with_some(self.script.as_ref().map(|(_, text)| text.as_str()));
        for mount in &self.mounts {
            making = making.with(&format!("{mount:?}"));
        }
        making.done()
    }
}

impl Maker<'_> {
    pub(super) fn run(&mut self, open: &Open, run: &dockerfile::Run) -> Result<(String, Run)> {
        let (argv, script) = command(open, run);
        let mut env = open.settings.execution.env.clone();
        let arguments: Vec<String> =
            open.scope.visible().map(|(name, value)| format!("{name}={value}")).collect();
        let shown = json_or_shell(&run.command, &argv);
        let history = match arguments.len() {
            0 => format!("RUN {shown}"),
            count => format!("RUN |{count} {} {shown}", arguments.join(" ")),
        };
        env.extend(arguments);
        let silent = scope::ALWAYS.iter().filter(|name| !env.iter().any(|text| is_of(text, name)));
        let silent = silent
            .filter_map(|name| Some(format!("{name}={}", self.choices.arguments.get(*name)?)))
            .collect();
        let execution = &open.settings.execution;
        let network = match run.network.as_deref() {
            None | Some("default") => self.choices.network.clone(),
            Some(name) => Network::parse(name),
        };
        if let Some(device) = run.devices.first() {
            return Err(Error::unsupported(format!(
                "RUN --device={device}: devices are not given to builds"
            )));
        }
        let mounts: Result<Vec<Mount>> = run.mounts.iter().map(|mount| self.mount(open, mount)).collect();
        let run = Run {
            argv,
            env,
            silent,
            user: execution.user.clone(),
            directory: directory("", &execution.working_dir),
            network,
            insecure: run.security.as_deref() == Some("insecure"),
            script,
            mounts: mounts?,
        };
        Ok((history, run))
    }

    fn mount(&mut self, open: &Open, mount: &dockerfile::Mount) -> Result<Mount> {
        let escape = self.escape;
        let expand =
            |text: &Option<String>| text.as_ref().map(|text| open.scope.expand(text, escape)).transpose();
        let (target, source, id) = (expand(&mount.target)?, expand(&mount.source)?, expand(&mount.id)?);
        let (from, size) = (expand(&mount.from)?, expand(&mount.size)?);
        let absolute = |path: &str| directory(&directory("", &open.settings.execution.working_dir), path);
        let path = source.clone().unwrap_or_else(|| "/".to_owned());
        let own = |default: u32| owner(mount, default);
        let (target, source, read_only) = match mount.kind {
            MountKind::Bind => {
                let source = match from {
                    Some(from) => {
                        let (origin, key) = self.source(&from)?;
                        (MountSource::Files { origin, path }, key.as_str().to_owned())
                    }
                    None => {
                        let digest = self.world.tree(&path)?;
                        (MountSource::Context { path }, digest)
                    }
                };
                (target, source, mount.read_only.unwrap_or(true))
            }
            MountKind::Cache => {
                let id = id.or_else(|| target.as_deref().map(absolute)).unwrap_or_default();
                let origin = from.map(|from| self.source(&from)).transpose()?;
                let key = origin.as_ref().map_or_else(String::new, |(_, key)| key.as_str().to_owned());
                let origin = origin.map(|(origin, _)| (origin, path));
                let source = MountSource::Cache { id, sharing: mount.sharing, origin, mode: own(0o755)? };
                (target, (source, key), mount.read_only.unwrap_or(false))
            }
            MountKind::Tmpfs => (target, (MountSource::Memory { size }, String::new()), false),
            MountKind::Secret => {
                let name = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
                let id = id.or(source).or_else(|| target.as_ref().map(name)).unwrap_or_default();
                if id.is_empty() {
                    return Err(Error::invalid("RUN --mount=type=secret needs an id"));
                }
                let env = expand(&mount.env)?;
                // With a variable alone there is no file.
                let file = target.is_some() || env.is_none();
                let target = target.or_else(|| Some(format!("/run/secrets/{id}")));
                let source =
                    MountSource::Secret { id, required: mount.required, env, file, mode: own(0o400)? };
                (target, (source, String::new()), true)
            }
            MountKind::Ssh => {
                return Err(Error::unsupported(
                    "RUN --mount=type=ssh is not there yet in this version of barque",
                )
                .hint(
                    "give a key as a secret: RUN --mount=type=secret,id=key … and --secret id=key,src=FILE",
                ));
            }
        };
        let (source, content) = source;
        Ok(Mount { target: absolute(&target.unwrap_or_default()), source, read_only, content })
    }
}

/// What is executed: the words, the shell with its text, or the heredoc that is the whole command.
fn command(open: &Open, run: &dockerfile::Run) -> (Vec<String>, Option<(String, String)>) {
    let (Command::Shell(text), [first, ..]) = (&run.command, &run.heredocs[..]) else {
        return (argv(open, &run.command), None);
    };
    if is_heredoc_alone(text, run.heredocs.len()) {
        if first.content.starts_with("#!") {
            let name = first.name.clone();
            return (vec![format!("{SCRIPTS}/{name}")], Some((name, first.content.clone())));
        }
        return (argv(open, &Command::Shell(first.content.clone())), None);
    }
    // The shell reads heredocs by itself.
    let whole = run.heredocs.iter().fold(text.clone(), |text, heredoc| {
        let Heredoc { content, name, .. } = heredoc;
        format!("{text}\n{content}{name}")
    });
    (argv(open, &Command::Shell(whole)), None)
}

/// Where a command finds a heredoc that is a program.
pub(crate) const SCRIPTS: &str = "/dev/pipes";

fn is_heredoc_alone(text: &str, count: usize) -> bool {
    let mut words = text.split_whitespace();
    count == 1 && words.next().is_some_and(|word| word.contains("<<")) && words.next().is_none()
}

fn json_or_shell(command: &Command, argv: &[String]) -> String {
    match command {
        Command::Exec(_) => json(argv),
        Command::Shell(_) => argv.join(" "),
    }
}

fn is_of(assignment: &str, name: &str) -> bool {
    assignment.split('=').next() == Some(name)
}

fn owner(mount: &dockerfile::Mount, default: u32) -> Result<(u32, u32, u32)> {
    let number = |what: &str, text: &Option<String>, radix: u32, default: u32| match text {
        Some(text) => u32::from_str_radix(text, radix)
            .map_err(|_| Error::invalid(format!("RUN --mount: invalid {what} {text:?}"))),
        None => Ok(default),
    };
    Ok((
        number("mode", &mount.mode, 8, default)?,
        number("uid", &mount.uid, 10, 0)?,
        number("gid", &mount.gid, 10, 0)?,
    ))
}
