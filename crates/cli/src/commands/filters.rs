//! `--filter`.

use crate::flags::Parsed;
use crate::{Error, Result};

/// The filters that were given, each with its values.
#[derive(Debug, Default)]
pub(crate) struct Filters(Vec<(String, String)>);

impl Filters {
    /// Reads `--filter KEY=VALUE`, for keys that are known; `KEY!=VALUE` is the key `KEY!`.
    pub(crate) fn read(flags: &Parsed, known: &[&str]) -> Result<Self> {
        let read = |text: &str| {
            let bad = || format!("bad format of filter (expected name=value): {text:?}");
            let (key, value) = text.split_once('=').ok_or_else(bad)?;
            let key = key.trim().to_lowercase();
            if known.contains(&key.as_str()) {
                Ok((key, value.trim().to_owned()))
            } else {
                Err(format!("invalid filter '{key}'"))
            }
        };
        let mut filters = Vec::new();
        for text in flags.all("filter") {
            filters.push(
                read(text).map_err(|why: String| {
                    Error::invalid(why).hint(format!("filters: {}", known.join(", ")))
                })?,
            );
        }
        Ok(Self(filters))
    }

    /// The values of a key.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The last value of a key.
    pub(crate) fn one(&self, key: &str) -> Option<&str> {
        self.0.iter().rfind(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The last value of a key that is yes or no.
    pub(crate) fn switch(&self, key: &str) -> Result<Option<bool>> {
        match self.one(key) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => {
                Err(Error::invalid(format!("invalid filter '{key}={other}': it is true or false")))
            }
        }
    }

    /// Whether nothing is filtered.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether labels have `KEY`, or `KEY=VALUE`.
pub(crate) fn has_label(labels: &std::collections::BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|own| own == value),
        None => labels.contains_key(wanted),
    }
}

/// Whether a name matches a shell's pattern: `*` and `?` stop at a slash, `[a-z]` is one of a range.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    let tail = |name: &str| name.chars().next().map(|c| name[c.len_utf8()..].to_owned());
    match first {
        '*' => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            let reach = name.find('/').unwrap_or(name.len());
            ends.filter(|at| *at <= reach).any(|at| matches(rest, &name[at..]))
        }
        '?' => name.starts_with(|c| c != '/') && tail(name).is_some_and(|name| matches(rest, &name)),
        '[' => {
            let Some((set, rest)) = rest.split_once(']') else { return false };
            let (negated, set) = set.strip_prefix(['^', '!']).map_or((false, set), |set| (true, set));
            name.chars().next().is_some_and(|c| in_set(set, c) != negated)
                && tail(name).is_some_and(|name| matches(rest, &name))
        }
        '\\' => match rest.chars().next() {
            Some(c) => name.starts_with(c) && matches(&rest[c.len_utf8()..], &name[c.len_utf8()..]),
            None => false,
        },
        _ => name.starts_with(first) && matches(rest, &name[first.len_utf8()..]),
    }
}

fn in_set(set: &str, c: char) -> bool {
    let set: Vec<char> = set.chars().collect();
    let mut at = 0;
    while let Some(from) = set.get(at) {
        let range = set.get(at + 1) == Some(&'-') && set.len() > at + 2;
        let to = if range { &set[at + 2] } else { from };
        if (*from..=*to).contains(&c) {
            return true;
        }
        at += if range { 3 } else { 1 };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("debian", "debian", true),
            ("deb*", "debian", true),
            ("*/app", "team/app", true),
            ("*", "team/app", false),
            ("*:1?", "app:12", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("", "", true),
            ("*a*b*", "xxaxxbxx", true),
            ("[a", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
