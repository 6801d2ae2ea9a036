//! Single instructions, and those of one stage beside one another.

use super::{Rule, Warning};
use crate::dockerfile::{Command, Dockerfile, Expose, Instruction, Kind, Pair, PairForm};
use crate::ignore::Ignore;
use crate::stages::context_paths;

pub(super) fn check(dockerfile: &Dockerfile, ignore: &Ignore, warnings: &mut Vec<Warning>) {
    for line in &dockerfile.empty_continuations {
        warnings.push(Warning {
            rule: Rule::NoEmptyContinuation,
            lines: (*line, *line),
            message: "Empty continuation line".to_owned(),
            cure: "remove the line, or put a comment on it".to_owned(),
        });
    }
    let mut stage = InStage::default();
    for instruction in &dockerfile.instructions {
        let mut warn = |rule, message: String, cure: String| {
            warnings.push(Warning {
                rule,
                lines: (instruction.first_line, instruction.last_line),
                message,
                cure,
            });
        };
        stage.check(instruction, &mut warn);
        match &instruction.kind {
            Kind::Maintainer(name) => warn(
                Rule::MaintainerDeprecated,
                "Maintainer instruction is deprecated in favor of using label".to_owned(),
                format!("LABEL org.opencontainers.image.authors=\"{name}\""),
            ),
            Kind::Env(pairs) | Kind::Label(pairs) => pairs_are_new(instruction, pairs, &mut warn),
            Kind::Expose(ports) => ports.iter().for_each(|port| expose(port, &mut warn)),
            Kind::Copy(_) | Kind::Add(_) => copied(instruction, ignore, &mut warn),
            _ => {}
        }
    }
}

/// What an instruction of a stage means depends on those before it.
#[derive(Default)]
struct InStage {
    absolute_workdir: bool,
    shell: bool,
    seen: Vec<&'static str>,
}

impl InStage {
    fn check(&mut self, instruction: &Instruction, warn: &mut impl FnMut(Rule, String, String)) {
        match &instruction.kind {
            Kind::From(_) => *self = Self::default(),
            Kind::Shell(_) => self.shell = true,
            Kind::Workdir(path) if path.starts_with('/') || path.starts_with('$') => {
                self.absolute_workdir = true;
            }
            Kind::Workdir(path) if !self.absolute_workdir => warn(
                Rule::WorkdirRelativePath,
                format!("Relative workdir {path:?} can have unexpected results if the base image changes"),
                format!("write it from the root: /{path}"),
            ),
            Kind::Cmd(command) => {
                self.json(command, "CMD", warn);
                self.once("CMD", warn);
            }
            Kind::Entrypoint(command) => {
                self.json(command, "ENTRYPOINT", warn);
                self.once("ENTRYPOINT", warn);
            }
            Kind::Healthcheck(_) => self.once("HEALTHCHECK", warn),
            _ => {}
        }
    }

    fn json(&self, command: &Command, keyword: &str, warn: &mut impl FnMut(Rule, String, String)) {
        let Command::Shell(text) = command else { return };
        // Who sets the shell means it.
        if !self.shell {
            warn(
                Rule::JSONArgsRecommended,
                format!(
                    "JSON arguments recommended for {keyword} to prevent unintended behavior related to OS signals"
                ),
                format!("{keyword} {}", in_json(text)),
            );
        }
    }

    fn once(&mut self, keyword: &'static str, warn: &mut impl FnMut(Rule, String, String)) {
        if self.seen.contains(&keyword) {
            warn(
                Rule::MultipleInstructionsDisallowed,
                format!(
                    "Multiple {keyword} instructions should not be used in the same stage because only the last one will be used"
                ),
                format!("remove the {keyword} before this one"),
            );
        }
        self.seen.push(keyword);
    }
}

/// The exec form of a command of simple words; one that needs a shell calls it by name.
fn in_json(text: &str) -> String {
    let simple = text.bytes().all(|b| b.is_ascii_alphanumeric() || b" _-./:=@%+,".contains(&b));
    let words = if simple { text.split_whitespace().collect() } else { vec!["/bin/sh", "-c", text] };
    serde_json::to_string(&words).unwrap_or_default()
}

fn pairs_are_new(instruction: &Instruction, pairs: &[Pair], warn: &mut impl FnMut(Rule, String, String)) {
    for pair in pairs.iter().filter(|pair| pair.form == PairForm::Blank) {
        let keyword = instruction.keyword.to_uppercase();
        let quote = if pair.value.contains(char::is_whitespace) && !pair.value.starts_with(['"', '\'']) {
            "\""
        } else {
            ""
        };
        warn(
            Rule::LegacyKeyValueFormat,
            format!(
                "\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format"
            ),
            format!("{keyword} {}={quote}{}{quote}", pair.name, pair.value),
        );
    }
}

fn expose(port: &Expose, warn: &mut impl FnMut(Rule, String, String)) {
    let (numbers, protocol) = port.text.split_once('/').unwrap_or((&port.text, "tcp"));
    if numbers.contains(':') {
        warn(
            Rule::ExposeInvalidFormat,
            format!(
                "EXPOSE instruction should not define an IP address or host-port mapping, found '{}'",
                port.text
            ),
            format!("EXPOSE {}", port.text.rsplit(':').next().unwrap_or_default()),
        );
    }
    if protocol.chars().any(|c| c.is_ascii_uppercase()) {
        warn(
            Rule::ExposeProtoCasing,
            format!("Defined protocol '{}' in EXPOSE instruction should be lowercase", port.text),
            format!("EXPOSE {numbers}/{}", protocol.to_lowercase()),
        );
    }
}

fn copied(instruction: &Instruction, ignore: &Ignore, warn: &mut impl FnMut(Rule, String, String)) {
    // What has a variable, a pattern or an address in it is known to the build only.
    let plain = |path: &&str| !path.contains(['$', '*', '?', '[']) && !path.contains("://");
    for path in context_paths(&instruction.kind).into_iter().filter(plain) {
        let relative = path.trim_start_matches("./").trim_matches('/');
        if !relative.is_empty() && relative != "." && ignore.matches(relative) {
            warn(
                Rule::CopyIgnoredFile,
                format!(
                    "Attempting to {} file {path:?} that is excluded by .dockerignore",
                    instruction.keyword
                ),
                format!("add the line !{relative} to .dockerignore, or do not copy it"),
            );
        }
    }
}
