//! `--change`: instructions of a Dockerfile that change how an image is run.

use crate::spec::{Empty, Execution};
use crate::{Error, Result};

/// Changes a configuration by one instruction: `CMD ["sh"]`, `ENV A=b`, `EXPOSE 80/tcp` …
pub fn change(config: &mut Execution, instruction: &str) -> Result<()> {
    let text = instruction.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let word = word.to_ascii_uppercase();
    if rest.is_empty() {
        return Err(bad(instruction, "it has no argument"));
    }
    match word.as_str() {
        "CMD" => config.cmd = command(config, rest),
        "ENTRYPOINT" => config.entrypoint = command(config, rest),
        "USER" => config.user = rest.to_owned(),
        "WORKDIR" => config.working_dir = working_directory(&config.working_dir, rest),
        "STOPSIGNAL" => config.stop_signal = Some(rest.to_owned()),
        "ONBUILD" => config.on_build.push(rest.to_owned()),
        "SHELL" => {
            config.shell =
                list(rest).ok_or_else(|| bad(instruction, "SHELL takes a JSON array of strings"))?;
        }
        "VOLUME" => {
            let paths = list(rest).map_or_else(|| words(rest), Ok).map_err(|why| bad(instruction, why))?;
            config.volumes.extend(paths.into_iter().map(|path| (path, Empty {})));
        }
        "EXPOSE" => {
            for port in words(rest).map_err(|why| bad(instruction, why))? {
                let (number, protocol) = port.split_once('/').unwrap_or((&port, "tcp"));
                let legal = number.split('-').all(|number| number.parse::<u16>().is_ok());
                if !legal || !matches!(protocol, "tcp" | "udp" | "sctp") {
                    return Err(bad(instruction, "a port is NUMBER[-NUMBER][/tcp|udp|sctp]"));
                }
                config.exposed_ports.insert(format!("{number}/{protocol}"), Empty {});
            }
        }
        "ENV" => {
            for (name, value) in pairs(rest).map_err(|why| bad(instruction, why))? {
                let prefix = format!("{name}=");
                config.env.retain(|other| !other.starts_with(&prefix));
                config.env.push(format!("{name}={value}"));
            }
        }
        "LABEL" => config.labels.extend(pairs(rest).map_err(|why| bad(instruction, why))?),
        _ => return Err(bad(instruction, "it is not one of those that can be given here")),
    }
    Ok(())
}

fn bad(instruction: &str, why: &str) -> Error {
    Error::invalid(format!("--change {instruction:?}: {why}")).hint(
        "CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME and WORKDIR can be changed",
    )
}

fn list(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

/// A list, or a line for the shell.
fn command(config: &Execution, text: &str) -> Vec<String> {
    list(text).unwrap_or_else(|| {
        let shell =
            if config.shell.is_empty() { vec!["/bin/sh".into(), "-c".into()] } else { config.shell.clone() };
        shell.into_iter().chain([text.to_owned()]).collect()
    })
}

fn working_directory(old: &str, new: &str) -> String {
    if new.starts_with('/') {
        return new.to_owned();
    }
    format!("{}/{new}", if old.is_empty() { "" } else { old.trim_end_matches('/') })
}

/// `A=b C="d e"`, or the old form `A b`.
fn pairs(text: &str) -> std::result::Result<Vec<(String, String)>, &'static str> {
    let words = words(text)?;
    if !words.first().is_some_and(|word| word.contains('=')) {
        let (name, value) = text.split_once(char::is_whitespace).ok_or("it needs NAME=VALUE")?;
        return Ok(vec![(name.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: &String| {
        let (name, value) =
            word.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("it needs NAME=VALUE")?;
        Ok((name.to_owned(), value.to_owned()))
    };
    words.iter().map(pair).collect()
}

/// Words with quotes and backslashes, as a Dockerfile has them.
fn words(text: &str) -> std::result::Result<Vec<String>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None | Some('"')) => {
                let next = characters.next().ok_or("it ends in a backslash")?;
                word.get_or_insert_default().push(next);
            }
            (quoting @ ('"' | '\''), None) => {
                word.get_or_insert_default();
                quote = Some(quoting);
            }
            (character, Some(quoting)) if character == quoting => quote = None,
            (character, None) if character.is_whitespace() => words.extend(word.take()),
            (character, _) => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err("a quotation has no end");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions() {
        let mut config = Execution { env: vec!["A=old".into(), "AB=1".into()], ..Execution::default() };
        for instruction in [
            r#"CMD ["sh", "-l"]"#,
            "entrypoint exec top -b",
            r#"ENV A=1 B="two words" C=it\'s"#,
            "ENV D old form",
            "EXPOSE 80 53/udp 8000-8010",
            "LABEL x=y",
            "USER 1000:1000",
            "WORKDIR /srv",
            "WORKDIR app",
            r#"VOLUME ["/data"]"#,
            "VOLUME /a /b",
            "STOPSIGNAL SIGINT",
            "ONBUILD RUN x",
        ] {
            change(&mut config, instruction).unwrap();
        }
        assert_eq!(config.cmd, ["sh", "-l"]);
        assert_eq!(config.entrypoint, ["/bin/sh", "-c", "exec top -b"]);
        assert_eq!(config.env, ["AB=1", "A=1", "B=two words", "C=it's", "D=old form"]);
        assert_eq!(config.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp", "8000-8010/tcp"]);
        assert_eq!((config.user.as_str(), config.working_dir.as_str()), ("1000:1000", "/srv/app"));
        assert_eq!(config.volumes.keys().collect::<Vec<_>>(), ["/a", "/b", "/data"]);
        assert_eq!((config.labels["x"].as_str(), config.stop_signal.as_deref()), ("y", Some("SIGINT")));
        assert_eq!(config.on_build, ["RUN x"]);
    }

    #[test]
    fn what_is_none() {
        for instruction in
            ["", "CMD", "RUN x", "ENV x", "ENV =x", "EXPOSE http", "EXPOSE 80/ip", "SHELL sh", "LABEL a=\"b"]
        {
            change(&mut Execution::default(), instruction).unwrap_err();
        }
    }
}
