//! `barque build --check`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use barque_build::check::{Surroundings, Warning, check};
use barque_build::dockerfile::Dockerfile;
use barque_build::ignore::Ignore;
use barque_image::spec::Platform;

use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// Checks a Dockerfile; returns the exit code: 1 when something was found.
pub fn build(flags: &Parsed) -> Result<i32> {
    if !flags.switch("check") {
        return Err(Error::unsupported("building is not there yet in this version of barque")
            .hint("barque build --check looks at the Dockerfile; run on @host, dir:PATH or tar:FILE"));
    }
    let [context] = flags.positional() else {
        return Err(Error::invalid("\"barque build\" requires exactly 1 argument")
            .hint("name the directory of the context: barque build --check ."));
    };
    let source = Source::find(flags.value("file"), context)?;
    let ignore = source.ignore()?;
    let surroundings = Surroundings {
        given: given(flags),
        platform: platforms(flags.value("platform"))?,
        ignore,
        target: flags.value("target").map(str::to_owned),
    };
    let found = Dockerfile::parse(&source.text).and_then(|dockerfile| check(&dockerfile, &surroundings));
    match found {
        Ok(warnings) => {
            console::out(&report(&source, &warnings));
            Ok(i32::from(!warnings.is_empty()))
        }
        Err(error) => {
            if let Some(line) = error.line() {
                console::err(&excerpt(&source, (line, line)));
            }
            let told = Error::new(error.kind(), error.to_string());
            Err(match error.cure() {
                Some(cure) => told.hint(cure),
                None => told,
            })
        }
    }
}

/// A Dockerfile's text and where it is from.
struct Source {
    name: String,
    text: String,
    /// Absent for standard input.
    path: Option<PathBuf>,
    /// Absent where there is none.
    context: Option<PathBuf>,
}

impl Source {
    fn find(file: Option<&str>, context: &str) -> Result<Self> {
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
    fn ignore(&self) -> Result<Ignore> {
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
}

fn in_context(context: &Path) -> PathBuf {
    let names = ["Dockerfile", "Containerfile"].map(|name| context.join(name));
    names.iter().find(|path| path.exists()).unwrap_or(&names[0]).clone()
}

/// `--build-arg`; of a name alone, the caller's variable where it has one.
fn given(flags: &Parsed) -> BTreeMap<String, String> {
    let pair = |text: &str| match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(text).ok().map(|value| (text.to_owned(), value)),
    };
    flags.all("build-arg").filter_map(pair).collect()
}

/// The variables that tell of platforms.
fn platforms(target: Option<&str>) -> Result<BTreeMap<String, String>> {
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

fn report(source: &Source, warnings: &[Warning]) -> String {
    let mut text = match warnings.len() {
        0 => "Check complete, no warnings found.\n".to_owned(),
        1 => "Check complete, 1 warning has been found!\n".to_owned(),
        count => format!("Check complete, {count} warnings have been found!\n"),
    };
    for warning in warnings {
        text.push_str(&format!("\nWARNING: {}\n{}\n", warning.rule.name(), warning.message));
        text.push_str(&excerpt(source, warning.lines));
        text.push_str(&format!("hint: {}\n", warning.cure));
    }
    text
}

/// Lines with two on either side, as `docker build` shows them.
fn excerpt(source: &Source, (first, last): (usize, usize)) -> String {
    const AROUND: usize = 2;
    const RULER: &str = "--------------------\n";
    let mut text = format!("{}:{first}\n{RULER}", source.name);
    let lines = source.text.lines().enumerate().map(|(index, line)| (index + 1, line));
    for (number, line) in lines.filter(|(number, _)| *number + AROUND >= first && *number <= last + AROUND) {
        let mark = if (first..=last).contains(&number) { ">>>" } else { "   " };
        text.push_str(format!("{number:4} | {mark} {line}").trim_end());
        text.push('\n');
    }
    text.push_str(RULER);
    text
}
