//! The rules by name, and which of them are asked for.

use crate::{Error, Result};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule { $($(#[$doc])* $name,)* }

        impl Rule {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As `# check=` names it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

rules! {
    /// Keywords are all in uppercase, or all in lowercase.
    ConsistentInstructionCasing,
    /// What is copied is not left out by `.dockerignore`.
    CopyIgnoredFile,
    /// No two stages have one name.
    DuplicateStageName,
    /// EXPOSE names ports of the container, not addresses or ports of the host.
    ExposeInvalidFormat,
    /// Protocols are in lowercase.
    ExposeProtoCasing,
    /// `AS` is written like `FROM`.
    FromAsCasing,
    /// `--platform` of FROM is not the same on every machine.
    FromPlatformFlagConstDisallowed,
    /// Without values from outside, FROM still names an image.
    InvalidDefaultArgInFrom,
    /// CMD and ENTRYPOINT are in the exec form, so that signals reach the program.
    JSONArgsRecommended,
    /// Pairs are written with an equals sign.
    LegacyKeyValueFormat,
    /// MAINTAINER is a label today.
    MaintainerDeprecated,
    /// Of some instructions only the last in a stage counts.
    MultipleInstructionsDisallowed,
    /// No empty line in the middle of an instruction.
    NoEmptyContinuation,
    /// `--platform=$TARGETPLATFORM` is what FROM does anyway.
    RedundantTargetPlatform,
    /// `scratch` and `context` are no names for stages.
    ReservedStageName,
    /// Secrets are not in variables: these stay in the image.
    SecretsUsedInArgOrEnv,
    /// Names of stages are in lowercase.
    StageNameCasing,
    /// Variables of FROM are declared before it.
    UndefinedArgInFrom,
    /// Variables are declared before they are used.
    UndefinedVar,
    /// Every stage is needed by the one that is built (Barque's own).
    UnreachableStage,
    /// WORKDIR does not depend on that of the base image.
    WorkdirRelativePath,
}

/// What `# check=skip=A,B;error=true` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    skip_all: bool,
    skipped: Vec<String>,
    /// Whether a warning is an error.
    pub error: bool,
}

impl Selection {
    /// Reads the value of the directive.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        let mut selection = Self::default();
        for part in
            text.into_iter().flat_map(|text| text.split(';')).map(str::trim).filter(|part| !part.is_empty())
        {
            match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("skip", "all")) => selection.skip_all = true,
                Some(("skip", names)) => {
                    selection.skipped.extend(names.split(',').map(|name| name.trim().to_owned()));
                }
                Some(("error", value @ ("true" | "false"))) => selection.error = value == "true",
                // Of rules that this version has switched on already.
                Some(("experimental", _)) => {}
                _ => {
                    return Err(Error::invalid(format!("invalid check directive {part:?}"))
                        .hint("# check=skip=RULE,RULE;error=true"));
                }
            }
        }
        Ok(selection)
    }

    /// Whether a rule is left out.
    pub fn skips(&self, rule: Rule) -> bool {
        self.skip_all || self.skipped.iter().any(|name| name.eq_ignore_ascii_case(rule.name()))
    }
}
