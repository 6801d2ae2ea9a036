//! One joined line becomes an instruction.

use super::form::{self, Command, Flag};
use super::instruction::{
    Copy, Expose, From, Healthcheck, Instruction, Kind, Pair, PairForm, Run, Source, Variable,
};
use super::line::Line;
use super::{Heredoc, Mount, words};
use crate::{Error, Result};

/// All keywords, for a guess at what was meant.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

pub(super) fn instruction(line: &Line, escape: char) -> Result<Instruction> {
    let text = line.text.trim();
    let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let arguments = Arguments { keyword: keyword.to_ascii_uppercase(), rest: rest.trim(), line, escape };
    Ok(Instruction {
        first_line: line.first,
        last_line: line.last,
        keyword: keyword.to_owned(),
        text: text.to_owned(),
        kind: arguments.kind()?,
    })
}

/// What stands behind a keyword.
struct Arguments<'l> {
    keyword: String,
    rest: &'l str,
    line: &'l Line,
    escape: char,
}

impl Arguments<'_> {
    fn kind(&self) -> Result<Kind> {
        Ok(match self.keyword.as_str() {
            "FROM" => Kind::From(self.from()?),
            "RUN" => Kind::Run(self.run()?),
            "COPY" => Kind::Copy(self.copy(&COPY_FLAGS)?),
            "ADD" => Kind::Add(self.copy(&ADD_FLAGS)?),
            "ENV" => Kind::Env(self.pairs()?),
            "LABEL" => Kind::Label(self.pairs()?),
            "ARG" => Kind::Arg(self.variables()?),
            "WORKDIR" => Kind::Workdir(self.text()?),
            "USER" => Kind::User(self.text()?),
            "STOPSIGNAL" => Kind::StopSignal(self.text()?),
            "MAINTAINER" => Kind::Maintainer(self.text()?),
            "EXPOSE" => Kind::Expose(self.list()?.into_iter().map(|text| Expose { text }).collect()),
            "VOLUME" => Kind::Volume(self.volumes()?),
            "CMD" => Kind::Cmd(Command::parse(self.no_flags(self.rest)?)),
            "ENTRYPOINT" => Kind::Entrypoint(Command::parse(self.no_flags(self.rest)?)),
            "SHELL" => Kind::Shell(self.shell()?),
            "HEALTHCHECK" => Kind::Healthcheck(self.healthcheck()?),
            "ONBUILD" => Kind::OnBuild(Box::new(self.on_build()?)),
            _ => return Err(self.unknown()),
        })
    }

    fn unknown(&self) -> Error {
        let error = Error::invalid(format!("unknown instruction: {}", self.keyword));
        let near = KEYWORDS.iter().map(|known| (distance(&self.keyword, known), known)).min();
        match near {
            Some((0..=2, known)) => error.hint(format!("did you mean {known}?")),
            _ => {
                error.hint("is the line before it meant to go on? It must end with the escape character then")
            }
        }
    }

    fn required(&self) -> Error {
        Error::invalid(format!("{} requires an argument", self.keyword))
    }

    /// All of it, as one text.
    fn text(&self) -> Result<String> {
        let text = self.no_flags(self.rest)?;
        if text.is_empty() { Err(self.required()) } else { Ok(text.to_owned()) }
    }

    fn list(&self) -> Result<Vec<String>> {
        let list: Vec<String> = self.no_flags(self.rest)?.split_whitespace().map(str::to_owned).collect();
        if list.is_empty() { Err(self.required()) } else { Ok(list) }
    }

    fn volumes(&self) -> Result<Vec<String>> {
        let list = form::list(self.no_flags(self.rest)?);
        if list.is_empty() {
            return Err(self.required());
        }
        if list.iter().any(|path| path.trim().is_empty()) {
            return Err(Error::invalid("VOLUME specified can not be an empty string"));
        }
        Ok(list)
    }

    fn no_flags<'t>(&self, text: &'t str) -> Result<&'t str> {
        let (flags, rest) = form::flags(text, self.escape)?;
        flags.first().map_or(Ok(rest), |flag| Err(self.unknown_flag(flag)))
    }

    fn unknown_flag(&self, flag: &Flag) -> Error {
        Error::invalid(format!("unknown flag: {} of {}", flag.name, self.keyword))
    }

    fn from(&self) -> Result<From> {
        let (flags, rest) = form::flags(self.rest, self.escape)?;
        let mut platform = None;
        for flag in flags {
            match flag.name.as_str() {
                "platform" => platform = flag.value,
                _ => return Err(self.unknown_flag(&flag)),
            }
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (image, name, as_keyword) = match *words.as_slice() {
            [image] => (image, None, None),
            [image, keyword, name] if keyword.eq_ignore_ascii_case("as") => {
                (image, Some(name), Some(keyword))
            }
            _ => {
                return Err(Error::invalid("FROM requires either one or three arguments")
                    .hint("FROM IMAGE, or FROM IMAGE AS NAME"));
            }
        };
        if let Some(name) = name.filter(|name| !is_stage_name(&name.to_lowercase())) {
            return Err(Error::invalid(format!(
                "invalid name for build stage: {name:?}, name can't start with a number or contain symbols"
            )));
        }
        let own = |text: Option<&str>| text.map(str::to_owned);
        Ok(From { platform, image: image.to_owned(), name: own(name), as_keyword: own(as_keyword) })
    }

    fn run(&self) -> Result<Run> {
        let (flags, rest) = form::flags(self.rest, self.escape)?;
        let mut run = Run {
            command: Command::parse(rest),
            mounts: Vec::new(),
            network: None,
            security: None,
            devices: Vec::new(),
            heredocs: self.line.heredocs.clone(),
        };
        for flag in flags {
            match (flag.name.as_str(), &flag.value) {
                ("mount", Some(value)) => run.mounts.push(Mount::parse(value)?),
                ("network", Some(value)) => {
                    run.network = Some(self.one_of(&flag, value, &["default", "none", "host"])?);
                }
                ("security", Some(value)) => {
                    run.security = Some(self.one_of(&flag, value, &["sandbox", "insecure"])?);
                }
                ("device", Some(value)) => run.devices.push(value.clone()),
                _ => return Err(self.unknown_flag(&flag)),
            }
        }
        if run.command.is_empty() {
            return Err(self.required());
        }
        Ok(run)
    }

    fn one_of(&self, flag: &Flag, value: &str, allowed: &[&str]) -> Result<String> {
        if allowed.contains(&value) {
            return Ok(value.to_owned());
        }
        Err(Error::invalid(format!("invalid value {value:?} for --{} of {}", flag.name, self.keyword))
            .hint(format!("one of: {}", allowed.join(", "))))
    }

    fn copy(&self, allowed: &[&str]) -> Result<Copy> {
        let (flags, rest) = form::flags(self.rest, self.escape)?;
        let mut words = match form::json(rest) {
            Some(words) => words,
            None => words::raw(rest, self.escape),
        };
        let destination = words.pop().filter(|_| !words.is_empty()).ok_or_else(|| {
            Error::invalid(format!(
                "{} requires at least two arguments, but only {} provided",
                self.keyword,
                usize::from(!rest.is_empty())
            ))
            .hint("the last argument is where it goes")
        })?;
        let mut copy = Copy {
            sources: sources(words, &self.line.heredocs),
            destination,
            from: None,
            chown: None,
            chmod: None,
            link: false,
            parents: false,
            excludes: Vec::new(),
            checksum: None,
            keep_git_dir: false,
            unpack: None,
        };
        for flag in &flags {
            if !allowed.contains(&flag.name.as_str()) {
                return Err(self.unknown_flag(flag));
            }
            self.copy_flag(&mut copy, flag)?;
        }
        Ok(copy)
    }

    fn copy_flag(&self, copy: &mut Copy, flag: &Flag) -> Result<()> {
        let value = || {
            flag.value.clone().filter(|value| !value.is_empty()).ok_or_else(|| {
                Error::invalid(format!("--{} of {} requires a value", flag.name, self.keyword))
            })
        };
        let switch = || match flag.value.as_deref() {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => {
                Err(Error::invalid(format!("expecting boolean value for flag {}, not: {other}", flag.name)))
            }
        };
        match flag.name.as_str() {
            "from" => copy.from = Some(value()?),
            "chown" => copy.chown = Some(value()?),
            "chmod" => copy.chmod = Some(value()?),
            "exclude" => copy.excludes.push(value()?),
            "checksum" => copy.checksum = Some(value()?),
            "link" => copy.link = switch()?,
            "parents" => copy.parents = switch()?,
            "keep-git-dir" => copy.keep_git_dir = switch()?,
            _ => copy.unpack = Some(switch()?),
        }
        Ok(())
    }

    /// `name=value …`, or `name value` in the old way.
    fn pairs(&self) -> Result<Vec<Pair>> {
        let words = words::raw(self.no_flags(self.rest)?, self.escape);
        let first = words.first().ok_or_else(|| self.required())?;
        if !first.contains('=') {
            let Some((name, value)) = self.rest.split_once(char::is_whitespace) else {
                return Err(Error::invalid(format!("{} must have two arguments", self.keyword))
                    .hint(format!("{} {first}=value", self.keyword)));
            };
            return Ok(vec![Pair {
                name: name.to_owned(),
                value: value.trim().to_owned(),
                form: PairForm::Blank,
            }]);
        }
        words
            .iter()
            .map(|word| match word.split_once('=') {
                Some(("", _)) => Err(Error::invalid(format!("{} names can not be blank", self.keyword))),
                Some((name, value)) => {
                    Ok(Pair { name: name.to_owned(), value: value.to_owned(), form: PairForm::Equals })
                }
                None => Err(Error::invalid(format!(
                    "syntax error - can't find = in {word:?}. Must be of the form: name=value"
                ))
                .hint("a value with blanks in it must be quoted")),
            })
            .collect()
    }

    fn variables(&self) -> Result<Vec<Variable>> {
        let words = words::raw(self.no_flags(self.rest)?, self.escape);
        if words.is_empty() {
            return Err(self.required());
        }
        words
            .iter()
            .map(|word| {
                let (name, default) = match word.split_once('=') {
                    Some((name, default)) => (name, Some(default.to_owned())),
                    None => (word.as_str(), None),
                };
                if name.is_empty() {
                    return Err(Error::invalid("ARG names can not be blank"));
                }
                Ok(Variable { name: name.to_owned(), default })
            })
            .collect()
    }

    fn shell(&self) -> Result<Vec<String>> {
        match form::json(self.no_flags(self.rest)?) {
            Some(words) if !words.is_empty() => Ok(words),
            _ => Err(Error::invalid("SHELL requires the arguments to be in JSON form")
                .hint(r#"SHELL ["/bin/bash", "-c"]"#)),
        }
    }

    fn healthcheck(&self) -> Result<Option<Healthcheck>> {
        let (flags, rest) = form::flags(self.rest, self.escape)?;
        let known = ["interval", "timeout", "start-period", "start-interval", "retries"];
        if let Some(flag) = flags.iter().find(|flag| !known.contains(&flag.name.as_str())) {
            return Err(self.unknown_flag(flag));
        }
        let (kind, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        match kind.to_ascii_uppercase().as_str() {
            "" => Err(self.required()),
            "NONE" if command.is_empty() && flags.is_empty() => Ok(None),
            "NONE" => Err(Error::invalid("HEALTHCHECK NONE takes no arguments")),
            "CMD" => {
                let command = Command::parse(command.trim());
                if command.is_empty() {
                    return Err(Error::invalid("missing command after HEALTHCHECK CMD"));
                }
                Ok(Some(Healthcheck { command, flags }))
            }
            _ => Err(Error::invalid(format!("unknown type {kind:?} in HEALTHCHECK (try CMD)"))),
        }
    }

    fn on_build(&self) -> Result<Instruction> {
        let trigger = self.no_flags(self.rest)?;
        let keyword = trigger.split_whitespace().next().ok_or_else(|| self.required())?.to_ascii_uppercase();
        match keyword.as_str() {
            "ONBUILD" => Err(Error::invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")),
            "MAINTAINER" | "FROM" => {
                Err(Error::invalid(format!("{keyword} isn't allowed as an ONBUILD trigger")))
            }
            _ => instruction(&Line { text: trigger.to_owned(), ..self.line.clone() }, self.escape),
        }
    }
}

/// The flags of COPY.
const COPY_FLAGS: [&str; 6] = ["from", "chown", "chmod", "link", "parents", "exclude"];
/// The flags of ADD.
const ADD_FLAGS: [&str; 7] = ["chown", "chmod", "link", "exclude", "checksum", "keep-git-dir", "unpack"];

/// The words that announce heredocs become these, in their order.
fn sources(words: Vec<String>, heredocs: &[Heredoc]) -> Vec<Source> {
    let mut heredocs = heredocs.iter();
    let source = |word: String| match word.contains("<<").then(|| heredocs.next()).flatten() {
        Some(heredoc) => Source::Heredoc(heredoc.clone()),
        None => Source::Path(word),
    };
    words.into_iter().map(source).collect()
}

fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
}

/// How many letters must change, come, go or change places with their neighbours for one word to become the other.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { least.min(rows[i - 2][j - 2] + 1) } else { least }
            };
        }
    }
    rows[a.len()][b.len()]
}
