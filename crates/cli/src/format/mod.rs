//! `--format`: Go templates, JSON, and tables as Docker prints them.

mod columns;
mod functions;
mod human;
mod listing;
mod template;
#[cfg(test)]
mod tests;

pub use columns::aligned;
pub use human::{ago, binary_size, human_size};
pub use listing::{Column, Listing};
pub use template::Template;

/// What one line of a list, or one object, is made from: names of Go fields and their values.
pub type Row = serde_json::Map<String, serde_json::Value>;

/// Makes a row of names and values.
pub fn row<const N: usize>(fields: [(&str, serde_json::Value); N]) -> Row {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
