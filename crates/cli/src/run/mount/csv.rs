//! Comma separated fields, with `"` around those that hold a comma (RFC 4180), as in `--mount`.

/// The fields of one line.
pub(super) fn fields(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut field = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next() {
                    Some('"') if chars.next_if_eq(&'"').is_some() => field.push('"'),
                    Some('"') => break,
                    Some(c) => field.push(c),
                    None => return Err("a quote is not closed".to_owned()),
                }
            }
        }
        while let Some(c) = chars.next_if(|c| *c != ',') {
            field.push(c);
        }
        fields.push(field);
        if chars.next().is_none() {
            return Ok(fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn splits_and_unquotes() {
        assert_eq!(fields("a=1,b=2").unwrap(), ["a=1", "b=2"]);
        assert_eq!(fields("\"a=1,2\",b=\"q\"").unwrap(), ["a=1,2", "b=\"q\""]);
        assert_eq!(fields("\"a\"\"b\"").unwrap(), ["a\"b"]);
        assert_eq!(fields("").unwrap(), [""]);
        assert_eq!(fields("a,").unwrap(), ["a", ""]);
        assert!(fields("\"a").is_err());
    }
}
