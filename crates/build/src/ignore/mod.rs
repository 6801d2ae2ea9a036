//! `.dockerignore`: which files of a context are left out.
//!
//! A pattern is matched against the path from the context's root and against each directory above it. The last pattern that
//! matches decides; `!` takes back. `*` and `?` stop at slashes, `**` does not.

mod pattern;

pub(crate) use pattern::Pattern;

/// The patterns of a file.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: Pattern,
    /// How many names the pattern has: a directory above a path is as deep.
    depth: usize,
    keep: bool,
}

impl Ignore {
    /// Reads the text of a `.dockerignore`.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim);
        Self { rules: lines.filter(|line| !line.is_empty()).map(Rule::parse).collect() }
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether something below a directory may be kept though the directory is left out.
    pub fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.keep)
    }

    /// Whether a path is left out; it is relative to the context, with slashes and without `.` and `..`.
    pub fn matches(&self, path: &str) -> bool {
        let mut ignored = false;
        for rule in &self.rules {
            // A rule that would change nothing need not be looked at.
            if rule.keep == ignored && rule.matches(path) {
                ignored = !rule.keep;
            }
        }
        ignored
    }
}

impl Rule {
    fn parse(line: &str) -> Self {
        let (keep, text) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        let text = clean(text);
        Self { depth: text.split('/').count(), pattern: Pattern::parse(&text), keep }
    }

    fn matches(&self, path: &str) -> bool {
        if self.pattern.matches(path) {
            return true;
        }
        let slashes = path.match_indices('/').map(|(at, _)| at);
        slashes.skip(self.depth.saturating_sub(1)).take(1).any(|at| self.pattern.matches(&path[..at]))
    }
}

/// Without empty names, `.`, and `..` where there is something to go back from; without a slash in front.
fn clean(text: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => drop(names.pop()),
            ".." if text.starts_with('/') => {}
            name => names.push(name),
        }
    }
    if names.is_empty() { ".".to_owned() } else { names.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out() {
        for (text, ignored, kept) in [
            ("a", vec!["a", "a/b", "a/b/c"], vec!["b", "b/a", "ab"]),
            ("*.md\n!README.md", vec!["x.md"], vec!["README.md", "a/x.md", "xmd"]),
            ("!README.md\n*.md", vec!["README.md"], vec![]),
            ("**/*.o", vec!["x.o", "a/x.o", "a/b/x.o"], vec!["x.oo", "a/o"]),
            ("a/**", vec!["a/b", "a/b/c"], vec!["a", "b/a/c"]),
            ("**", vec!["a", "a/b"], vec![]),
            ("a/**/b", vec!["a/b", "a/x/b", "a/x/y/b", "a/x/b/c"], vec!["b", "a/c"]),
            ("/a/", vec!["a", "a/b"], vec!["b/a"]),
            ("./a/../b", vec!["b"], vec!["a"]),
            ("a?c", vec!["abc"], vec!["ac", "a/c"]),
            ("[a-c]x", vec!["ax", "cx"], vec!["dx", "x"]),
            ("[^a-c]x", vec!["dx"], vec!["ax"]),
            (r"\*", vec!["*"], vec!["a"]),
            (r"\#a\n", vec![], vec!["#a"]),
            ("# a\n  b  ", vec!["b"], vec!["# a", "a"]),
            ("*\n!src\n!Cargo.*", vec!["target", "target/x"], vec!["src", "src/main.rs", "Cargo.toml"]),
            ("a\n!a/b", vec!["a", "a/c"], vec!["a/b", "a/b/c"]),
            ("**/a/**/b", vec!["a/b", "x/a/y/b"], vec!["ab"]),
            ("", vec![], vec!["a"]),
        ] {
            let ignore = Ignore::parse(text);
            for path in ignored {
                assert!(ignore.matches(path), "{path} is left out by {text:?}");
            }
            for path in kept {
                assert!(!ignore.matches(path), "{path} is kept by {text:?}");
            }
        }
    }

    #[test]
    fn no_pattern_takes_forever() {
        let ignore = Ignore::parse(&"**/*a".repeat(200));
        assert!(!ignore.matches(&"b/".repeat(500)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[\\PC\n]{0,80}", path in "[a-z./]{0,20}") {
            let ignore = Ignore::parse(&text);
            let _ = ignore.matches(&path);
        }

        #[test]
        fn a_name_is_itself(path in "[a-z]{1,4}(/[a-z]{1,4}){0,3}") {
            proptest::prop_assert!(Ignore::parse(&path).matches(&path));
        }
    }
}
