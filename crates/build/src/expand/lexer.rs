//! Character by character.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

use super::{Expanded, Variables, pattern};
use crate::{Error, Result};

/// Variables inside of the words of variables, at most: each level is a call.
const MAX_DEPTH: usize = 64;

pub(super) struct Lexer<'t> {
    text: &'t str,
    chars: Peekable<Chars<'t>>,
    escape: char,
    variables: &'t dyn Variables,
    unset: BTreeSet<String>,
    used: BTreeSet<String>,
    depth: usize,
    /// Whether escapes stay, because a pattern is read: there they have a meaning of their own.
    in_pattern: bool,
}

/// What is being put together.
#[derive(Default)]
struct Output {
    text: String,
    words: Vec<String>,
    /// Whether the last word still grows.
    open: bool,
}

impl Output {
    /// Text that belongs together, whatever is in it.
    fn whole(&mut self, text: &str) {
        self.text.push_str(text);
        if !self.open {
            self.words.push(String::new());
            self.open = true;
        }
        if let Some(word) = self.words.last_mut() {
            word.push_str(text);
        }
    }

    fn character(&mut self, c: char) {
        self.whole(c.encode_utf8(&mut [0; 4]));
    }

    fn blank(&mut self, c: char) {
        self.text.push(c);
        self.open = false;
    }

    /// Text whose blanks part words.
    fn split(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() { self.blank(c) } else { self.character(c) }
        }
    }
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str, escape: char, variables: &'t dyn Variables) -> Self {
        Self {
            text,
            chars: text.chars().peekable(),
            escape,
            variables,
            unset: BTreeSet::new(),
            used: BTreeSet::new(),
            depth: 0,
            in_pattern: false,
        }
    }

    pub(super) fn run(mut self) -> Result<Expanded> {
        let output = self.until(None)?;
        Ok(Expanded { text: output.text, words: output.words, unset: self.unset, used: self.used })
    }

    /// The text of a heredoc: quotes are text, and an escape counts before a dollar sign and another escape only.
    pub(super) fn document(mut self) -> Result<String> {
        let mut text = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                '$' => text.push_str(&self.variable()?),
                c if c == self.escape => {
                    match self.chars.next_if(|next| *next == '$' || *next == self.escape) {
                        Some(next) => text.push(next),
                        None => text.push(c),
                    }
                }
                c => text.push(c),
            }
        }
        Ok(text)
    }

    fn wrong(&self, what: &str) -> Error {
        Error::invalid(format!("failed to process {:?}: {what}", self.text))
    }

    /// Up to an end that is not quoted; it is taken.
    fn until(&mut self, end: Option<char>) -> Result<Output> {
        let mut output = Output::default();
        while let Some(c) = self.chars.next() {
            match c {
                c if Some(c) == end => return Ok(output),
                '\'' => self.single_quoted(&mut output)?,
                '"' => self.double_quoted(&mut output)?,
                '$' => {
                    let value = self.variable()?;
                    output.split(&value);
                }
                c if c == self.escape => match self.chars.next() {
                    Some(c) if self.in_pattern => output.whole(&format!("\\{c}")),
                    Some(c) => output.character(c),
                    // At the very end it stands for itself.
                    None => output.character(c),
                },
                c if c.is_whitespace() => output.blank(c),
                c => output.character(c),
            }
        }
        match end {
            None => Ok(output),
            Some('}') => Err(self.wrong("syntax error: missing '}'")),
            Some(end) => Err(self.wrong(&format!("syntax error: missing {end:?}"))),
        }
    }

    fn single_quoted(&mut self, output: &mut Output) -> Result<()> {
        let mut text = String::new();
        loop {
            match self.chars.next() {
                Some('\'') => break,
                Some(c) => text.push(c),
                None => {
                    return Err(
                        self.wrong("unexpected end of statement while looking for matching single-quote")
                    );
                }
            }
        }
        output.whole(&text);
        Ok(())
    }

    fn double_quoted(&mut self, output: &mut Output) -> Result<()> {
        let mut text = String::new();
        loop {
            match self.chars.next() {
                Some('"') => break,
                Some('$') => text.push_str(&self.variable()?),
                Some(c) if c == self.escape => match self.chars.next() {
                    Some(c) if c == '"' || c == '$' || c == self.escape => text.push(c),
                    // Before anything else it stands for itself.
                    Some(other) => text.extend([c, other]),
                    None => return Err(self.no_end_of_quotes()),
                },
                Some(c) => text.push(c),
                None => return Err(self.no_end_of_quotes()),
            }
        }
        output.whole(&text);
        Ok(())
    }

    fn no_end_of_quotes(&self) -> Error {
        self.wrong("unexpected end of statement while looking for matching double-quote")
    }

    /// What stands for a variable; the dollar sign is taken already.
    fn variable(&mut self) -> Result<String> {
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            // Of nothing that could be a variable, the dollar sign is meant.
            return Ok(if name.is_empty() { "$".to_owned() } else { self.value(&name).unwrap_or_default() });
        }
        let name = self.name();
        if name.is_empty() {
            return Err(self.wrong("syntax error: bad substitution"));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("too many variables inside of one another"));
        }
        let value = self.modified(&name);
        self.depth -= 1;
        value
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.chars.peek() {
            // A parameter of a shell: one character.
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                name.extend(self.chars.next());
                return name;
            }
            Some(c) if c.is_ascii_digit() => {
                while let Some(c) = self.chars.next_if(char::is_ascii_digit) {
                    name.push(c);
                }
                return name;
            }
            _ => {}
        }
        while let Some(c) = self.chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
            name.push(c);
        }
        name
    }

    fn value(&mut self, name: &str) -> Option<String> {
        let value = self.variables.get(name).map(str::to_owned);
        if value.is_some() { &mut self.used } else { &mut self.unset }.insert(name.to_owned());
        value
    }

    /// The rest of `${name…}`.
    fn modified(&mut self, name: &str) -> Result<String> {
        match self.chars.next() {
            Some('}') => Ok(self.value(name).unwrap_or_default()),
            None => Err(self.wrong("syntax error: missing '}'")),
            Some(':') => match self.chars.next() {
                Some(kind @ ('-' | '+' | '?')) => self.alternative(name, kind, true),
                _ => Err(self.wrong(&format!("unsupported modifier in ${{{name}:…}}"))),
            },
            Some(kind @ ('-' | '+' | '?')) => self.alternative(name, kind, false),
            Some(kind @ ('#' | '%')) => self.cut(name, kind),
            Some('/') => self.replaced(name),
            _ => Err(self.wrong(&format!("unsupported modifier in ${{{name}…}}"))),
        }
    }

    fn alternative(&mut self, name: &str, kind: char, empty_is_unset: bool) -> Result<String> {
        // Having one, it may be unset without anybody being warned.
        let value = self.variables.get(name).map(str::to_owned);
        if value.is_some() {
            self.used.insert(name.to_owned());
        }
        let outer = std::mem::replace(&mut self.in_pattern, false);
        let word = self.until(Some('}'));
        self.in_pattern = outer;
        let word = word?.text;
        let value = value.filter(|value| !(empty_is_unset && value.is_empty()));
        match (kind, value) {
            ('-', value) => Ok(value.unwrap_or(word)),
            ('+', value) => Ok(value.map_or_else(String::new, |_| word)),
            (_, Some(value)) => Ok(value),
            (_, None) if word.is_empty() => Err(self.wrong(&format!(
                "{name}: is not allowed to be {}",
                if empty_is_unset { "empty" } else { "unset" }
            ))),
            (_, None) => Err(self.wrong(&format!("{name}: {word}"))),
        }
    }

    /// `#` takes from the front, `%` from the back; doubled, as much as it can.
    fn cut(&mut self, name: &str, kind: char) -> Result<String> {
        let greedy = self.chars.next_if_eq(&kind).is_some();
        let pattern = self.pattern('}')?;
        let value = self.value(name).unwrap_or_default();
        Ok(if kind == '#' {
            pattern::without_prefix(&value, &pattern, greedy).to_owned()
        } else {
            pattern::without_suffix(&value, &pattern, greedy).to_owned()
        })
    }

    fn pattern(&mut self, end: char) -> Result<String> {
        let outer = std::mem::replace(&mut self.in_pattern, true);
        let pattern = self.until(Some(end));
        self.in_pattern = outer;
        Ok(pattern?.text)
    }

    fn replaced(&mut self, name: &str) -> Result<String> {
        let all = self.chars.next_if_eq(&'/').is_some();
        let pattern = self.pattern('/')?;
        let with = self.until(Some('}'))?.text;
        let value = self.value(name).unwrap_or_default();
        Ok(pattern::replace(&value, &pattern, &with, all))
    }
}
