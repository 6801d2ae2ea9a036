//! Lists of numbers, as the kernel writes sets of CPUs and memory nodes.

/// `0-2,4` as inclusive ranges. Nothing is said about which of them exist.
pub fn number_list(text: &str) -> Option<Vec<(u32, u32)>> {
    text.split(',')
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first <= last).then_some((first, last))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::number_list;

    #[test]
    fn reads_ranges() {
        assert_eq!(number_list("0-2,4"), Some(vec![(0, 2), (4, 4)]));
        for text in ["", "a", "3-1", "1,,2", "1-"] {
            assert_eq!(number_list(text), None, "{text:?}");
        }
    }
}
