//! Keys: what names the result of a step before it is executed.

use barque_image::digest::{Algorithm, Hasher};

/// The name of some files by how they come to be: hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);

/// Of this form of keys; another one finds nothing that was kept under this one.
const VERSION: &str = "barque build 1";

impl Key {
    /// No files.
    pub fn nothing(epoch: Option<i64>) -> Self {
        Making::new("scratch").with_epoch(epoch).done()
    }

    /// The files of an image.
    pub fn image(id: &str, epoch: Option<i64>) -> Self {
        Making::new("image").with(id).with_epoch(epoch).done()
    }

    /// Begins the key of what one kind of step makes above these files.
    pub(super) fn then(&self, kind: &str) -> Making {
        Making::new(kind).with(&self.0)
    }

    /// As text, fit for the name of a file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key in the making. Each part is preceded by its length: no two lists of parts are the same bytes.
pub(super) struct Making(Hasher);

impl Making {
    fn new(kind: &str) -> Self {
        Self(Hasher::new(Algorithm::Sha256)).with(VERSION).with(kind)
    }

    pub(super) fn with(mut self, part: &str) -> Self {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part.as_bytes());
        self
    }

    pub(super) fn with_all<'p>(self, parts: impl IntoIterator<Item = &'p String>) -> Self {
        let parts: Vec<&String> = parts.into_iter().collect();
        let counted = self.with(&parts.len().to_string());
        parts.into_iter().fold(counted, |making, part| making.with(part))
    }

    pub(super) fn with_some(self, part: Option<&str>) -> Self {
        match part {
            Some(part) => self.with("some").with(part),
            None => self.with("none"),
        }
    }

    fn with_epoch(self, epoch: Option<i64>) -> Self {
        self.with_some(epoch.map(|epoch| epoch.to_string()).as_deref())
    }

    pub(super) fn done(self) -> Key {
        Key(self.0.finish().hex().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_one_another() {
        let base = Key::nothing(None);
        let one = base.then("x").with("ab").with("c").done();
        let other = base.then("x").with("a").with("bc").done();
        assert!(one != other && one == base.then("x").with("ab").with("c").done());
        let list = |parts: &[&str]| {
            let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            base.then("x").with_all(&parts).with("z").done()
        };
        assert_ne!(list(&["a", "b"]), list(&["a"]));
        assert_ne!(Key::nothing(None), Key::nothing(Some(0)));
    }
}
