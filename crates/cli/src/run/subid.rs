//! `/etc/subuid` and `/etc/subgid`: ids that a user may map into its containers (`subuid(5)`).

/// Consecutive ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first.
    pub start: u32,
    /// How many.
    pub count: u32,
}

/// The ranges that the file gives to a user, named by login or by number.
pub fn subordinate_ids(text: &str, login: Option<&str>, uid: u32) -> Vec<IdRange> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            let (start, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            let ours = Some(owner) == login || owner.parse() == Ok(uid);
            (ours && count > 0 && fields.next().is_none()).then_some(IdRange { start, count })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_users_own_lines() {
        let text = "ann:100000:65536\nbob:165536:65536\n# ann:1:1\n1000:300000:10\nann:x:5\nann:7\nann:9:0\n";
        let range = |start, count| IdRange { start, count };
        assert_eq!(subordinate_ids(text, Some("ann"), 1000), [range(100_000, 65_536), range(300_000, 10)]);
        assert_eq!(subordinate_ids(text, Some("bob"), 1001), [range(165_536, 65_536)]);
        assert_eq!(subordinate_ids(text, None, 1002), []);
    }
}
