//! Instructions that say how an image is run: what they make of its configuration, by Docker's rules.

use barque_image::spec::Empty;

use super::{Open, healthcheck};
use crate::dockerfile::{Command, Kind, Pair};
use crate::{Error, Result};

/// What runs commands in the shell form, unless SHELL says otherwise.
pub(super) const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Changes the configuration by one instruction; gives its line of the history.
pub(super) fn describe(open: &mut Open, kind: &Kind, escape: char) -> Result<String> {
    Ok(match kind {
        Kind::Env(pairs) => {
            // Variables in the values are those from before the instruction.
            let pairs = expanded(open, pairs, escape)?;
            for (name, value) in &pairs {
                set(&mut open.settings.execution.env, name, value);
                open.scope.set(name, value);
            }
            history("ENV", &pairs)
        }
        Kind::Label(pairs) => {
            let pairs = expanded(open, pairs, escape)?;
            let line = history("LABEL", &pairs);
            open.settings.execution.labels.extend(pairs);
            line
        }
        Kind::User(user) => {
            let user = open.scope.expand(user, escape)?;
            open.settings.execution.user.clone_from(&user);
            format!("USER {user}")
        }
        Kind::Expose(ports) => {
            let texts: Vec<&str> = ports.iter().map(|port| port.text.as_str()).collect();
            let words = open.scope.expanded(&texts.join(" "), escape)?.words;
            for word in &words {
                for port in expose(word)? {
                    open.settings.execution.exposed_ports.insert(port, Empty {});
                }
            }
            format!("EXPOSE {}", words.join(" "))
        }
        Kind::Volume(paths) => {
            let paths: Result<Vec<String>> =
                paths.iter().map(|path| open.scope.expand(path, escape)).collect();
            let paths = paths?;
            let line = format!("VOLUME {}", json(&paths));
            open.settings.execution.volumes.extend(paths.into_iter().map(|path| (path, Empty {})));
            line
        }
        Kind::Entrypoint(command) => {
            let words = argv(open, command);
            if !open.has_command {
                open.settings.execution.cmd.clear();
            }
            let line = format!("ENTRYPOINT {}", json(&words));
            open.settings.execution.entrypoint = words;
            line
        }
        Kind::Cmd(command) => {
            let words = argv(open, command);
            open.has_command = true;
            let line = format!("CMD {}", json(&words));
            open.settings.execution.cmd = words;
            line
        }
        Kind::Shell(words) => {
            open.settings.execution.shell.clone_from(words);
            format!("SHELL {}", json(words))
        }
        Kind::StopSignal(signal) => {
            let signal = open.scope.expand(signal, escape)?;
            open.settings.execution.stop_signal = Some(signal.clone());
            format!("STOPSIGNAL {signal}")
        }
        Kind::Healthcheck(check) => {
            let shell = shell(open);
            let (check, line) = healthcheck::read(check.as_ref(), &shell)?;
            open.settings.execution.healthcheck = Some(check);
            line
        }
        Kind::OnBuild(instruction) => {
            let trigger = trigger(&instruction.text);
            open.settings.execution.on_build.push(trigger.clone());
            format!("ONBUILD {trigger}")
        }
        Kind::Maintainer(name) => {
            open.settings.author = Some(name.clone());
            format!("MAINTAINER {name}")
        }
        Kind::From(_) | Kind::Run(_) | Kind::Copy(_) | Kind::Add(_) | Kind::Workdir(_) | Kind::Arg(_) => {
            return Err(Error::new(
                crate::error::ErrorKind::Internal,
                "the instruction does more than describe",
            ));
        }
    })
}

/// The shell that runs commands here.
pub(super) fn shell(open: &Open) -> Vec<String> {
    let own = &open.settings.execution.shell;
    if own.is_empty() { SHELL.map(str::to_owned).to_vec() } else { own.clone() }
}

/// The words that are executed.
pub(super) fn argv(open: &Open, command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(text) => shell(open).into_iter().chain([text.clone()]).collect(),
    }
}

/// The instruction inside of an ONBUILD; its text may begin with that word.
fn trigger(text: &str) -> String {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) if word.eq_ignore_ascii_case("onbuild") => rest.trim_start().to_owned(),
        _ => text.to_owned(),
    }
}

fn expanded(open: &Open, pairs: &[Pair], escape: char) -> Result<Vec<(String, String)>> {
    let expand = |text: &str| open.scope.expand(text, escape);
    pairs.iter().map(|pair| Ok((expand(&pair.name)?, expand(&pair.value)?))).collect()
}

fn history(keyword: &str, pairs: &[(String, String)]) -> String {
    pairs.iter().fold(keyword.to_owned(), |line, (name, value)| format!("{line} {name}={value}"))
}

/// Each name once; a value replaces the one before at its place.
fn set(env: &mut Vec<String>, name: &str, value: &str) {
    let assignment = format!("{name}={value}");
    let same = |text: &&mut String| text.split('=').next() == Some(name);
    match env.iter_mut().find(same) {
        Some(text) => *text = assignment,
        None => env.push(assignment),
    }
}

pub(super) fn json(words: &[String]) -> String {
    serde_json::to_string(words).unwrap_or_default()
}

/// `80`, `80/udp`, `8000-8010/tcp`: each port by itself.
fn expose(text: &str) -> Result<Vec<String>> {
    let wrong = || {
        Error::invalid(format!("invalid containerPort: {text}"))
            .hint("a port is NUMBER[-NUMBER][/tcp|udp|sctp]")
    };
    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(wrong());
    }
    let number = |text: &str| text.parse::<u16>().map_err(|_| wrong());
    let (first, last) = match numbers.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(numbers)?, number(numbers)?),
    };
    if first > last {
        return Err(wrong());
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

/// A working directory after another, absolute and without `.`, `..` and empty names.
pub(super) fn directory(old: &str, new: &str) -> String {
    let base = if new.starts_with('/') { "" } else { old };
    let mut names: Vec<&str> = Vec::new();
    for name in base.split('/').chain(new.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        for (text, ports) in
            [("80", &["80/tcp"][..]), ("53/UDP", &["53/udp"]), ("1-3/sctp", &["1/sctp", "2/sctp", "3/sctp"])]
        {
            assert_eq!(expose(text).unwrap(), ports, "{text}");
        }
        for text in ["", "http", "80/ip", "3-1", "70000", "127.0.0.1:80:80"] {
            expose(text).unwrap_err();
        }
    }

    #[test]
    fn directories() {
        for (old, new, expected) in [
            ("", "a", "/a"),
            ("/", "a/../b/.", "/b"),
            ("/srv", "app", "/srv/app"),
            ("/srv", "/x//y/", "/x/y"),
            ("/srv", "../../..", "/"),
        ] {
            assert_eq!(directory(old, new), expected, "{old} {new}");
        }
    }

    #[test]
    fn variables_keep_their_place() {
        let mut env = vec!["A=1".to_owned(), "AB=2".to_owned()];
        set(&mut env, "A", "3=4");
        set(&mut env, "C", "");
        assert_eq!(env, ["A=3=4", "AB=2", "C="]);
    }
}
