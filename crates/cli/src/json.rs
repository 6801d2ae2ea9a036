//! JSON for people: indented.

use serde::Serialize;

/// A value as JSON, each level indented by `indent`, with a newline at the end.
pub fn indented<T: Serialize>(value: &T, indent: &str) -> String {
    let mut text = Vec::with_capacity(4096);
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    // Our own types have string keys and no failing serializers, and memory takes all writes.
    drop(value.serialize(&mut serializer));
    text.push(b'\n');
    String::from_utf8(text).unwrap_or_default()
}
