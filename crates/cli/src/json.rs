//! JSON for people: indented.

use serde::Serialize;

/// A value as JSON, each level indented by `indent`, with a newline at the end.
pub fn indented<T: Serialize>(value: &T, indent: &str) -> String {
    // Our own types have string keys and no failing serializers.
    let mut text = indent_text(&serde_json::to_string(value).unwrap_or_default(), indent);
    text.push('\n');
    text
}

/// JSON without spaces, indented. As text: a serializer that indents would be compiled for each type once more, which is
/// 60 KB in all.
fn indent_text(compact: &str, indent: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut characters = compact.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            out.push(character);
            in_string = escaped || character != '"';
            escaped = character == '\\' && !escaped;
            continue;
        }
        match character {
            '{' | '[' => {
                out.push(character);
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, indent, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, indent, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                new_line(&mut out, indent, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                in_string = character == '"';
                out.push(character);
            }
        }
    }
    out
}

fn new_line(out: &mut String, indent: &str, depth: usize) {
    out.push('\n');
    (0..depth).for_each(|_| out.push_str(indent));
}

#[cfg(test)]
mod tests {
    use super::indent_text;

    #[test]
    fn as_serde_json_does() {
        for text in [
            "null",
            "{}",
            "[]",
            r#"{"a":[],"b":{},"c":[1,-2.5e3,true],"d":{"e":{"f":[[1],[{}]]}}}"#,
            r#""a, b: [c] {d}""#,
            r#"{"key: \"[{,":"\\","\\\"":"\u0000\\\\\"","ä→":["\n"]}"#,
        ] {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            let compact = serde_json::to_string(&value).unwrap();
            for indent in ["  ", "    ", "\t"] {
                let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
                let mut expected = Vec::new();
                let mut serializer = serde_json::Serializer::with_formatter(&mut expected, formatter);
                serde::Serialize::serialize(&value, &mut serializer).unwrap();
                assert_eq!(indent_text(&compact, indent), String::from_utf8(expected).unwrap(), "{text}");
            }
        }
    }
}
