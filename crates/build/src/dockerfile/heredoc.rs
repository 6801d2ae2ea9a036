//! Heredocs: text that stands in the lines after an instruction.

use super::words;

/// A heredoc of an instruction: `<<NAME`, with what it says about itself and the lines up to `NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it, and the file's name where it becomes a file.
    pub name: String,
    /// The lines, each with its end.
    pub content: String,
    /// Whether variables in it are expanded: not when the name was quoted.
    pub expand: bool,
    /// `<<-`: whether tabs at the beginning of lines are taken away.
    pub strip_tabs: bool,
    /// The descriptor it is given to: `3<<NAME`.
    pub descriptor: Option<u32>,
}

/// The heredocs that an instruction announces. Only those that run or copy can have any.
pub(super) fn announced(text: &str, escape: char) -> Vec<Heredoc> {
    let mut words = text.split_ascii_whitespace().map(str::to_ascii_uppercase);
    let keyword = match words.next().as_deref() {
        Some("ONBUILD") => words.next(),
        other => other.map(str::to_owned),
    };
    if !matches!(keyword.as_deref(), Some("RUN" | "COPY" | "ADD")) {
        return Vec::new();
    }
    words::raw(text, escape).iter().filter_map(|word| heredoc(word, escape)).collect()
}

/// Reads `[descriptor]<<[-]NAME`.
fn heredoc(word: &str, escape: char) -> Option<Heredoc> {
    let (descriptor, rest) = word.split_once("<<")?;
    if !descriptor.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (strip_tabs, quoted) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let name = words::unquoted(quoted, escape);
    if name.is_empty() || name.contains('<') {
        return None;
    }
    let expand = name == quoted;
    Some(Heredoc { name, content: String::new(), expand, strip_tabs, descriptor: descriptor.parse().ok() })
}
