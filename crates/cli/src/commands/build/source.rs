//! The Dockerfile, and what the caller says about its build.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use barque_build::ignore::Ignore;
use barque_image::spec::Platform;

use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// A Dockerfile's text and where it is from.
pub(super) struct Source {
    name: String,
    pub(super) text: String,
    /// Absent for standard input.
    path: Option<PathBuf>,
    /// Absent where there is none.
    pub(super) context: Option<PathBuf>,
}

impl Source {
    pub(super) fn find(file: Option<&str>, context: &str) -> Result<Self> {
        let from_input = file == Some("-") || (file.is_none() && context == "-");
        let context = (context != "-").then(|| PathBuf::from(context));
        if let Some(context) = context.as_ref().filter(|context| !context.is_dir()) {
            return Err(Error::new(ErrorKind::NotFound, format!("path {context:?} is not a directory"))
                .hint("name the directory that holds what is copied"));
        }
        if from_input {
            let text = std::io::read_to_string(std::io::stdin())
                .map_err(|error| Error::invalid(format!("standard input: {error}")))?;
            return Ok(Self { name: "Dockerfile".to_owned(), text, path: None, context });
        }
        let path = match (file, &context) {
            (Some(file), _) => PathBuf::from(file),
            (None, Some(context)) => in_context(context),
            (None, None) => PathBuf::from("Dockerfile"),
        };
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Error::new(
                ErrorKind::NotFound,
                format!("failed to read dockerfile: open {}: {error}", path.display()),
            )
            .hint("name it with --file (-f)")
        })?;
        Ok(Self { name: path.display().to_string(), text, path: Some(path), context })
    }

    /// The `.dockerignore` beside the Dockerfile and of its name, or that of the context.
    pub(super) fn ignore(&self) -> Result<Ignore> {
        let own = self.path.as_ref().map(|path| PathBuf::from(format!("{}.dockerignore", path.display())));
        let of_context = self.context.as_ref().map(|context| context.join(".dockerignore"));
        for path in [own, of_context].into_iter().flatten() {
            match std::fs::read_to_string(&path) {
                Ok(text) => return Ok(Ignore::parse(&text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::invalid(format!("open {}: {error}", path.display()))),
            }
        }
        Ok(Ignore::default())
    }

    /// Lines with what is around them.
    pub(super) fn excerpt(&self, lines: (usize, usize)) -> String {
        excerpt(&self.name, &self.text, lines)
    }

    /// Shows the lines that an error is about, and gives the error as this crate has it.
    pub(super) fn told(&self, error: barque_build::Error) -> Error {
        if let Some(lines) = error.lines() {
            console::err(&self.excerpt(lines));
        }
        plain(error)
    }
}

/// An error of a build as this crate has it.
#[expect(clippy::needless_pass_by_value, reason = "to be given to map_err")]
pub(super) fn plain(error: barque_build::Error) -> Error {
    // A program that is missing in a RUN is no reason for docker's exit codes of `run`.
    let kind = match error.kind() {
        ErrorKind::ProgramNotFound | ErrorKind::ProgramNotExecutable => ErrorKind::InvalidArgument,
        kind => kind,
    };
    let told = Error::new(kind, error.to_string());
    match error.cure() {
        Some(cure) => told.hint(cure),
        None => told,
    }
}

fn in_context(context: &Path) -> PathBuf {
    let names = ["Dockerfile", "Containerfile"].map(|name| context.join(name));
    names.iter().find(|path| path.exists()).unwrap_or(&names[0]).clone()
}

/// `--build-arg`; of a name alone, the caller's variable where it has one.
pub(super) fn given(flags: &Parsed) -> BTreeMap<String, String> {
    let pair = |text: &str| match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(text).ok().map(|value| (text.to_owned(), value)),
    };
    flags.all("build-arg").filter_map(pair).collect()
}

/// The variables that tell of platforms.
pub(super) fn platforms(target: Option<&str>) -> Result<BTreeMap<String, String>> {
    let build = Platform::of_this_machine();
    let target = match target {
        Some(text) => text.parse::<Platform>().map_err(|error| Error::invalid(error.to_string()))?,
        None => build.clone(),
    };
    let of = |prefix: &str, platform: &Platform| {
        [
            (format!("{prefix}PLATFORM"), platform.to_string()),
            (format!("{prefix}OS"), platform.os.clone()),
            (format!("{prefix}ARCH"), platform.architecture.clone()),
            (format!("{prefix}VARIANT"), platform.variant.clone().unwrap_or_default()),
        ]
    };
    Ok(of("BUILD", &build).into_iter().chain(of("TARGET", &target)).collect())
}

/// Lines with two on either side, as `docker build` shows them.
fn excerpt(name: &str, text_of: &str, (first, last): (usize, usize)) -> String {
    const AROUND: usize = 2;
    const RULER: &str = "--------------------\n";
    let mut text = format!("{name}:{first}\n{RULER}");
    let lines = text_of.lines().enumerate().map(|(index, line)| (index + 1, line));
    for (number, line) in lines.filter(|(number, _)| *number + AROUND >= first && *number <= last + AROUND) {
        let mark = if (first..=last).contains(&number) { ">>>" } else { "   " };
        text.push_str(format!("{number:4} | {mark} {line}").trim_end());
        text.push('\n');
    }
    text.push_str(RULER);
    text
}
