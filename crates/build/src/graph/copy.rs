//! COPY and ADD: what comes in, from where, and as what.

use super::describe::directory;
use super::{Action, Maker, Open, Origin};
use crate::dockerfile::{self, Heredoc, Source};
use crate::{Error, Result};

/// Files that come in.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// Paths and patterns, from the root of what they are taken from.
    pub sources: Vec<String>,
    /// Files whose text stands in the Dockerfile.
    pub documents: Vec<Document>,
    /// Where they are taken from; none: the context.
    pub origin: Option<Origin>,
    /// Where they go, an absolute path.
    pub destination: String,
    /// Whether that is a directory whatever is there.
    pub into_directory: bool,
    /// `--chown`.
    pub ownership: Ownership,
    /// `--chmod`.
    pub mode: Option<u32>,
    /// `--exclude`.
    pub excludes: Vec<String>,
    /// `--parents`: with the directories that are named.
    pub parents: bool,
    /// Whether archives are unpacked: ADD of the context.
    pub unpack: bool,
}

/// A file whose text stands in the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Whose the files are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// As they are where they come from.
    Kept,
    /// Root's.
    Root,
    /// `USER[:GROUP]`, names or numbers.
    Given(String),
}

impl Maker<'_> {
    /// The step's line of the history, and what it does.
    pub(super) fn copy(
        &mut self,
        open: &Open,
        copy: &dockerfile::Copy,
        add: bool,
    ) -> Result<(String, Action)> {
        let escape = self.escape;
        let expand = |text: &str| open.scope.expand(text, escape);
        let keyword = if add { "ADD" } else { "COPY" };
        let mut sources = Vec::new();
        let mut documents = Vec::new();
        for source in &copy.sources {
            match source {
                Source::Path(path) => sources.push(expand(path)?),
                Source::Heredoc(heredoc) => documents.push(self.document(open, heredoc)?),
            }
        }
        if let Some(address) = sources.iter().find(|source| add && is_remote(source)) {
            return Err(Error::unsupported(format!(
                "ADD {address}: what is not in the context is not fetched in this version of barque"
            ))
            .hint("fetch it before the build, or with curl in a RUN"));
        }
        let target = expand(&copy.destination)?;
        let count = sources.len() + documents.len();
        let slash = target.ends_with('/') || target == "." || target.ends_with("/.");
        if count > 1 && !slash {
            return Err(Error::invalid(format!(
                "When using {keyword} with more than one source file, the destination must be a directory and end with a /"
            )));
        }
        let from = copy.from.as_deref().map(expand).transpose()?;
        let (origin, content) = match &from {
            Some(name) => {
                let (origin, key) = self.source(name)?;
                (Some(origin), key.as_str().to_owned())
            }
            None if sources.is_empty() => (None, String::new()),
            None => (None, self.world.digest(&sources, &copy.excludes)?),
        };
        let given = copy.chown.as_deref().map(expand).transpose()?;
        let ownership = match (&given, &origin) {
            (Some(owner), _) => Ownership::Given(owner.clone()),
            (None, Some(_)) => Ownership::Kept,
            (None, None) => Ownership::Root,
        };
        let chmod = copy.chmod.as_deref().map(expand).transpose()?;
        let mode = chmod.as_deref().map(mode).transpose()?;
        let destination = directory(&directory("", &open.settings.execution.working_dir), &target);
        let unpack = add && copy.unpack.unwrap_or(origin.is_none());
        let copied = Copy {
            into_directory: slash,
            unpack,
            parents: copy.parents,
            excludes: copy.excludes.clone(),
            sources,
            documents,
            origin,
            destination,
            ownership,
            mode,
        };
        let key = open.files.then("copy").with(&content).with(&format!("{copied:?}")).done();
        let names = copied.sources.iter().cloned().chain(copied.documents.iter().map(|one| one.name.clone()));
        let mut history = keyword.to_owned();
        for (flag, value) in [("from", &from), ("chown", &given), ("chmod", &chmod)] {
            history.extend(value.iter().map(|value| format!(" --{flag}={value}")));
        }
        names.chain([target]).for_each(|name| history.extend([" ", &name]));
        Ok((history, Action::Copy(Box::new(copied), key)))
    }

    fn document(&self, open: &Open, heredoc: &Heredoc) -> Result<Document> {
        let text = if heredoc.expand {
            // Quotes mean nothing in a heredoc: it is expanded line by line as the inside of a quotation would be.
            crate::expand::expand_text(&heredoc.content, self.escape, &open.scope)?
        } else {
            heredoc.content.clone()
        };
        Ok(Document { name: heredoc.name.clone(), text })
    }
}

fn is_remote(source: &str) -> bool {
    ["http://", "https://", "git://", "git@", "ssh://"].iter().any(|scheme| source.starts_with(scheme))
}

/// `644`, `0755`.
fn mode(text: &str) -> Result<u32> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(|| {
        Error::invalid(format!("invalid chmod parameter: {text:?}")).hint("write it in octal: --chmod=644")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        assert_eq!((mode("644").unwrap(), mode("04755").unwrap()), (0o644, 0o4755));
        for text in ["", "rwx", "99999", "888", "-1"] {
            mode(text).unwrap_err();
        }
    }
}
