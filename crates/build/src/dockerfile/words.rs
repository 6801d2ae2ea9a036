//! Words of a line, apart at blanks that are neither quoted nor escaped.

/// The words as they are written: quotes and escapes stay.
pub(super) fn raw(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        word.push(c);
        match (quote, c) {
            // Nothing has a special meaning between single quotes.
            (Some('\''), _) | (_, '\'' | '"') if quote == Some(c) => quote = None,
            (Some('\''), _) => {}
            (_, c) if c == escape => word.extend(chars.next()),
            (None, '\'' | '"') => quote = Some(c),
            _ => {}
        }
    }
    words.extend(word);
    words
}

/// A word without its quotes and escapes.
pub(super) fn unquoted(word: &str, escape: char) -> String {
    let mut text = String::with_capacity(word.len());
    let mut quote = None;
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None | Some('"'), c) if c == escape => text.extend(chars.next()),
            (_, c) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_what_is_quoted() {
        for (text, expected) in [
            ("a b  c", vec!["a", "b", "c"]),
            (r#"a="b c" d='e f'"#, vec![r#"a="b c""#, "d='e f'"]),
            (r"a\ b c", vec![r"a\ b", "c"]),
            (r#""a\" b" c"#, vec![r#""a\" b""#, "c"]),
            (r"'a\' b", vec![r"'a\'", "b"]),
            ("\"'\" x", vec!["\"'\"", "x"]),
            ("", vec![]),
            ("x\\", vec!["x\\"]),
        ] {
            assert_eq!(raw(text, '\\'), expected, "{text}");
        }
        assert_eq!(unquoted(r#"a"b c"'d'\e"#, '\\'), "ab cde");
        assert_eq!(unquoted("`a`", '`'), "a");
    }
}
