//! Arguments to flags, by the rules of pflag (Docker) and of Go's `flag` (runc).
//!
//! Written out rather than taken from a crate, because of `-i=false`, `-force` and pflag's messages.

use super::{Command, Flag, Outcome, Parsed, Takes};
use crate::value::boolean;
use crate::{Error, Result};

/// Reads `args` (without the words that call the command) by the command's table.
pub fn parse(command: &'static Command, args: &[String]) -> Result<Outcome> {
    let mut reader = Reader {
        parsed: Parsed { command, given: Vec::with_capacity(16), positional: Vec::with_capacity(args.len()) },
        rest: args,
    };
    while let Some((arg, rest)) = reader.rest.split_first() {
        reader.rest = rest;
        if arg == "--" {
            break;
        }
        let asks_help = match arg.strip_prefix("--") {
            Some(long) => reader.long(long)?,
            None => match arg.strip_prefix('-') {
                Some(name) if !name.is_empty() => reader.single_dash(name)?,
                _ => {
                    reader.parsed.positional.push(arg.clone());
                    if command.grammar.stops() {
                        break;
                    }
                    false
                }
            },
        };
        if asks_help {
            return Ok(Outcome::Help);
        }
    }
    reader.parsed.positional.extend_from_slice(reader.rest);
    Ok(Outcome::Args(reader.parsed))
}

/// Where the parser stands. Its methods say whether help was asked for.
struct Reader<'a> {
    parsed: Parsed,
    rest: &'a [String],
}

impl Reader<'_> {
    /// `--name`, `--name=value`, `--name value`.
    fn long(&mut self, text: &str) -> Result<bool> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if let Some(flag) = self.lookup(name) {
            self.take(flag, value, || format!("flag needs an argument: --{name}"))?;
            return Ok(false);
        }
        if name == "help" {
            return Ok(true);
        }
        Err(self.unknown(format!("unknown flag: --{name}"), name))
    }

    /// The flag of that name; Go's `flag` knows no difference between names and letters.
    fn lookup(&self, name: &str) -> Option<&'static Flag> {
        let command = self.parsed.command;
        command.long(name).or_else(|| {
            let mut letters = name.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) if command.grammar.single_dash() => command.letter(letter),
                _ => None,
            }
        })
    }

    /// `-abc`, `-pVALUE`, `-p VALUE`, `-i=false`; `-name` where the grammar has it.
    fn single_dash(&mut self, text: &str) -> Result<bool> {
        let name = text.split_once('=').map_or(text, |(name, _)| name);
        if self.parsed.command.grammar.single_dash()
            && name.len() > 1
            && (name == "help" || self.parsed.command.long(name).is_some())
        {
            return self.long(text);
        }
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let after = &rest[letter.len_utf8()..];
            let Some(flag) = self.parsed.command.letter(letter) else {
                if letter == 'h' {
                    return Ok(true);
                }
                return Err(self.unknown(format!("unknown shorthand flag: '{letter}' in -{text}"), name));
            };
            match (flag.takes, after.strip_prefix('=')) {
                (Takes::Switch, None) => {
                    self.take(flag, None, String::new)?;
                    rest = after;
                }
                (_, value) => {
                    let value = value.or(Some(after)).filter(|value| !value.is_empty());
                    self.take(flag, value, || format!("flag needs an argument: '{letter}' in -{text}"))?;
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    /// Notes a flag, with the next argument when it needs a value and has none yet.
    fn take(&mut self, flag: &'static Flag, value: Option<&str>, missing: impl Fn() -> String) -> Result<()> {
        let value = match (flag.takes, value) {
            (Takes::Switch, None) => "true".to_owned(),
            (Takes::Switch, Some(text)) => match boolean(text) {
                Ok(on) => on.to_string(),
                Err(why) => return Err(self.parsed.invalid(flag.long, text, why)),
            },
            (_, Some(text)) => text.to_owned(),
            (_, None) => {
                let (next, rest) = self.rest.split_first().ok_or_else(|| Error::invalid(missing()))?;
                self.rest = rest;
                next.clone()
            }
        };
        match flag.later {
            Some(advice) if value != "false" => {
                Err(Error::unsupported(format!("--{} is not there yet in this version of barque", flag.long))
                    .hint(advice))
            }
            Some(_) => Ok(()),
            None => {
                self.parsed.given.push((flag, value));
                Ok(())
            }
        }
    }

    /// The complaint about an unknown flag, with the flag that was probably meant.
    fn unknown(&self, message: String, name: &str) -> Error {
        let near = self
            .parsed
            .command
            .flags()
            .filter(|flag| flag.later.is_none())
            .map(|flag| (distance(name, flag.long), flag.long))
            .filter(|(distance, long)| name.len() > 2 && *distance <= 2 && *distance < long.len())
            .min();
        match near {
            Some((_, long)) => Error::invalid(message).hint(format!("did you mean --{long}?")),
            None => Error::invalid(message),
        }
    }
}

/// Number of single-letter changes between two words (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::super::{Grammar, Section};
    use super::*;

    const FLAGS: &[Flag] = &[
        Flag::switch("interactive", "i").short('i'),
        Flag::switch("tty", "t").short('t'),
        Flag::list("publish", "p", "p").short('p'),
        Flag::value("memory", "m", "m").short('m'),
        Flag::switch("detach", "d").short('d').later("use &"),
    ];
    const SECTIONS: &[Section] = &[Section { title: "", flags: FLAGS }];
    static DOCKER: Command = command(Grammar::StopAtFirst);
    static MIXED: Command = command(Grammar::Mixed);
    static GO: Command = command(Grammar::GoMixed);

    const fn command(grammar: Grammar) -> Command {
        Command { path: "t", usage: "", about: "", sections: SECTIONS, grammar, notes: "" }
    }

    fn shown(command: &'static Command, line: &str) -> String {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match parse(command, &args) {
            Ok(Outcome::Help) => "help".to_owned(),
            Err(error) => format!("error: {error}"),
            Ok(Outcome::Args(parsed)) => {
                let mut words: Vec<String> =
                    parsed.given.iter().map(|(flag, value)| format!("{}={value}", flag.long)).collect();
                words.push("|".to_owned());
                words.extend(parsed.positional);
                words.join(" ")
            }
        }
    }

    #[test]
    fn reads_as_pflag() {
        for (line, expected) in [
            ("-it root sh -c x", "interactive=true tty=true | root sh -c x"),
            ("-p8080:80 -p 1:2 -p=3:4 r", "publish=8080:80 publish=1:2 publish=3:4 | r"),
            ("-itp8080:80 r", "interactive=true tty=true publish=8080:80 | r"),
            ("--memory=1g --memory 2g r", "memory=1g memory=2g | r"),
            ("--memory= r", "memory= | r"),
            ("--tty=false -i=0 r", "tty=false interactive=false | r"),
            ("--tty r --memory 1", "tty=true | r --memory 1"),
            ("-- --tty r", "| --tty r"),
            ("- x", "| - x"),
            ("-m -1 r", "memory=-1 | r"),
            ("--help --nonsense", "help"),
            ("-ih r", "help"),
            ("--detach=false r", "| r"),
        ] {
            assert_eq!(shown(&DOCKER, line), expected, "{line}");
        }
    }

    #[test]
    fn complains_as_pflag() {
        for (line, expected) in [
            ("--frob r", "error: unknown flag: --frob"),
            ("-ix r", "error: unknown shorthand flag: 'x' in -ix"),
            ("--memory", "error: flag needs an argument: --memory"),
            ("-im", "error: flag needs an argument: 'm' in -im"),
            ("-force", "error: unknown shorthand flag: 'f' in -force"),
            (
                "--tty=maybe",
                "error: invalid argument \"maybe\" for \"-t, --tty\" flag: \
                 strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            ("-d r", "error: --detach is not there yet in this version of barque"),
        ] {
            assert_eq!(shown(&DOCKER, line), expected, "{line}");
        }
    }

    #[test]
    fn flags_after_positionals_where_allowed() {
        assert_eq!(shown(&MIXED, "a --memory 1 b -t -- --x"), "memory=1 tty=true | a b --x");
    }

    #[test]
    fn go_names_and_letters_with_any_dashes() {
        for (line, expected) in [
            ("-memory 5 a", "memory=5 | a"),
            ("-memory=5 a", "memory=5 | a"),
            ("--m 5 a", "memory=5 | a"),
            ("-tty a -i", "tty=true interactive=true | a"),
            ("-help", "help"),
        ] {
            assert_eq!(shown(&GO, line), expected, "{line}");
        }
    }

    #[test]
    fn suggests_the_flag_that_was_meant() {
        let error = parse(&DOCKER, &["--memroy".to_owned()]).unwrap_err();
        assert_eq!(error.cure(), Some("did you mean --memory?"));
        let error = parse(&DOCKER, &["--xyzzy".to_owned()]).unwrap_err();
        assert_eq!(error.cure(), None);
    }
}
