//! What is executed, and where.

use barque_image::spec::Execution;

use crate::flags::Parsed;
use crate::{Error, Result};

/// The program's arguments: `--entrypoint`, or the image's, before COMMAND and ARGs, or the image's. What is no image has
/// a shell when there is neither.
pub(super) fn arguments(flags: &Parsed, image: Option<&Execution>) -> Result<Vec<String>> {
    let command = flags.positional().get(1..).unwrap_or_default();
    // An entrypoint of one's own, even an empty one, takes the image's command away too.
    let args: Vec<String> = match (flags.value("entrypoint"), image) {
        (Some(entrypoint), _) => {
            let entrypoint = Some(entrypoint.to_owned()).filter(|entrypoint| !entrypoint.is_empty());
            entrypoint.into_iter().chain(command.iter().cloned()).collect()
        }
        (None, Some(image)) => {
            let command = if command.is_empty() { &image.cmd[..] } else { command };
            image.entrypoint.iter().chain(command).cloned().collect()
        }
        (None, None) => command.to_vec(),
    };
    match (args.is_empty(), image) {
        (false, _) => Ok(args),
        (true, None) => Ok(vec!["/bin/sh".to_owned()]),
        (true, Some(_)) => {
            Err(Error::invalid("no command specified").hint("the image names none: write one after it"))
        }
    }
}

/// How many words of the command are the entrypoint's.
pub(super) fn entrypoint_words(flags: &Parsed, image: Option<&Execution>) -> usize {
    match flags.value("entrypoint") {
        Some(entrypoint) => usize::from(!entrypoint.is_empty()),
        None => image.map_or(0, |image| image.entrypoint.len()),
    }
}

/// `--workdir`, which must be absolute, or the image's.
pub(super) fn working_directory(flags: &Parsed, image: Option<&Execution>) -> Result<String> {
    match flags.value("workdir") {
        None | Some("") => {
            let own = image.map_or("", |image| image.working_dir.as_str());
            Ok(super::root::absolute(own, "/"))
        }
        Some(path) if path.starts_with('/') => Ok(super::root::absolute(path, "/")),
        Some(path) => Err(Error::invalid(format!(
            "the working directory '{path}' is invalid, it needs to be an absolute path"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::fake::flags;

    #[test]
    fn the_image_fills_what_is_not_given() {
        let list = |words: &str| words.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (line, entrypoint, command, expected) in [
            ("i", "", "sh -l", Some("sh -l")),
            ("i ls /", "", "sh -l", Some("ls /")),
            ("i", "run", "now", Some("run now")),
            ("i later", "run", "now", Some("run later")),
            ("--entrypoint cat i /x", "run", "now", Some("cat /x")),
            ("--entrypoint cat i", "run", "now", Some("cat")),
            ("--entrypoint= i", "run", "now", None),
            ("--entrypoint= i ls", "run", "now", Some("ls")),
            ("i", "", "", None),
        ] {
            let image =
                Execution { entrypoint: list(entrypoint), cmd: list(command), ..Execution::default() };
            let found = arguments(&flags(line).unwrap(), Some(&image)).ok();
            assert_eq!(found, expected.map(list), "{line} on {entrypoint:?} {command:?}");
        }
        assert_eq!(arguments(&flags("@host").unwrap(), None).unwrap(), ["/bin/sh"]);
        let image = Execution { working_dir: "srv/app".into(), ..Execution::default() };
        let directory = |line: &str| working_directory(&flags(line).unwrap(), Some(&image)).unwrap();
        assert_eq!((directory("i").as_str(), directory("-w /x i").as_str()), ("/srv/app", "/x"));
    }
}
