//! Instructions, as values. Variables in them are not expanded yet.

use super::{Command, Flag, Heredoc, Mount};

/// One instruction and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its first line, counted from 1.
    pub first_line: usize,
    /// Its last line, heredocs included.
    pub last_line: usize,
    /// The keyword as it is written: `run`.
    pub keyword: String,
    /// The whole of it as one line, as the history of an image shows it.
    pub text: String,
    /// What it says.
    pub kind: Kind,
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A stage begins.
    From(From),
    /// A command is run, and what it changes becomes a layer.
    Run(Run),
    /// Files come in from the context, a stage or an image.
    Copy(Copy),
    /// Files come in from the context, archives are unpacked, addresses fetched.
    Add(Copy),
    /// Variables of builds and of containers.
    Env(Vec<Pair>),
    /// Variables of builds.
    Arg(Vec<Variable>),
    /// What is said about the image.
    Label(Vec<Pair>),
    /// The directory that what follows is run in.
    Workdir(String),
    /// Who runs what follows.
    User(String),
    /// Ports that the image listens on.
    Expose(Vec<Expose>),
    /// Paths that get a volume.
    Volume(Vec<String>),
    /// What a container runs before its arguments.
    Entrypoint(Command),
    /// What a container runs, or the arguments of its entry point.
    Cmd(Command),
    /// What runs commands in the shell form.
    Shell(Vec<String>),
    /// The signal that asks a container to end.
    StopSignal(String),
    /// How its health is looked at; nothing turns it off.
    Healthcheck(Option<Healthcheck>),
    /// An instruction for builds on top of this one.
    OnBuild(Box<Instruction>),
    /// Who made it; a label today.
    Maintainer(String),
}

/// `FROM [--platform=P] IMAGE [AS NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// `--platform`.
    pub platform: Option<String>,
    /// A reference, an earlier stage, or `scratch`.
    pub image: String,
    /// The name of the stage, as it is written.
    pub name: Option<String>,
    /// `AS` as it is written.
    pub as_keyword: Option<String>,
}

/// `RUN [flags] COMMAND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The command; where it is nothing but `<<NAME`, the heredoc is the script.
    pub command: Command,
    /// `--mount`, in order. Left as text where a variable is in it.
    pub mounts: Vec<Mount>,
    /// `--network`: `default`, `none` or `host`.
    pub network: Option<String>,
    /// `--security`: `sandbox` or `insecure`.
    pub security: Option<String>,
    /// `--device`, in order.
    pub devices: Vec<String>,
    /// The heredocs of the command.
    pub heredocs: Vec<Heredoc>,
}

/// `COPY` and `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// What is copied.
    pub sources: Vec<Source>,
    /// Where to.
    pub destination: String,
    /// `--from`: a stage, an image, a named context. Of COPY.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`.
    pub chmod: Option<String>,
    /// `--link`: a layer that does not depend on those below it.
    pub link: bool,
    /// `--parents`: with the directories named. Of COPY.
    pub parents: bool,
    /// `--exclude`, in order.
    pub excludes: Vec<String>,
    /// `--checksum`. Of ADD.
    pub checksum: Option<String>,
    /// `--keep-git-dir`. Of ADD.
    pub keep_git_dir: bool,
    /// `--unpack`: whether archives are unpacked; said of neither, those of the context are. Of ADD.
    pub unpack: Option<bool>,
}

impl Copy {
    /// The sources that are no heredocs.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().filter_map(|source| match source {
            Source::Path(path) => Some(path.as_str()),
            Source::Heredoc(_) => None,
        })
    }
}

/// One thing to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path, a pattern, an address.
    Path(String),
    /// A file whose text stands in the Dockerfile.
    Heredoc(Heredoc),
}

/// `name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name, quotes and variables left as they are.
    pub name: String,
    /// The value, quotes and variables left as they are.
    pub value: String,
    /// How it was written.
    pub form: PairForm,
}

/// How a pair is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairForm {
    /// `name=value`.
    Equals,
    /// `name value`: the old way.
    Blank,
}

/// `ARG name[=default]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, where the caller gives none; quotes and variables left as they are.
    pub default: Option<String>,
}

/// A port as EXPOSE names it: `80`, `80/tcp`, `8000-8010/udp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expose {
    /// As it is written.
    pub text: String,
}

/// `HEALTHCHECK [flags] CMD COMMAND`; durations as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// What is run.
    pub command: Command,
    /// `--interval`, `--timeout`, `--start-period`, `--start-interval`, `--retries`.
    pub flags: Vec<Flag>,
}
