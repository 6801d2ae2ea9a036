//! Lists: one line per object.

use serde_json::Value as Json;

use super::{Row, Template, aligned};
use crate::Result;

/// A column that a table can have.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The field: `CreatedSince`.
    pub field: &'static str,
    /// Its heading: `CREATED`.
    pub heading: &'static str,
}

/// How a list is shown.
#[derive(Debug)]
pub struct Listing {
    /// Every field that has a heading.
    pub columns: &'static [Column],
    /// The table's columns unless `--format` says otherwise: fields.
    pub shown: Vec<&'static str>,
    /// The field that `-q` shows.
    pub quiet: Option<&'static str>,
}

impl Listing {
    /// The list as text. `format` is what `--format` says.
    pub fn text(&self, format: Option<&str>, quiet: bool, rows: Vec<Row>) -> Result<String> {
        let format = format.map(str::trim_start).filter(|format| !format.is_empty() && *format != "table");
        match (format, self.quiet.filter(|_| quiet)) {
            (None, Some(field)) => self.each(&format!("{{{{.{field}}}}}"), rows),
            (None, None) => {
                let fields: Vec<String> =
                    self.shown.iter().map(|field| format!("{{{{.{field}}}}}")).collect();
                self.table(&fields.join("\t"), rows)
            }
            (Some("json"), _) => {
                Ok(rows.into_iter().map(|row| format!("{}\n", escaped(&Json::Object(row)))).collect())
            }
            (Some(format), quiet) => match (format.strip_prefix("table "), quiet) {
                // Docker: -q beside a table of one's own shows ids only.
                (Some(_), Some(field)) => self.each(&format!("{{{{.{field}}}}}"), rows),
                (Some(columns), None) => self.table(columns.trim_start(), rows),
                (None, _) => self.each(format, rows),
            },
        }
    }

    fn each(&self, template: &str, rows: Vec<Row>) -> Result<String> {
        let template = Template::strict(template)?;
        let mut text = String::new();
        for row in rows {
            text.push_str(&template.execute(&Json::Object(row))?);
            text.push('\n');
        }
        Ok(text)
    }

    fn table(&self, template: &str, rows: Vec<Row>) -> Result<String> {
        let headings = self.columns.iter().map(|column| (column.field.to_owned(), column.heading.into()));
        // Functions such as `lower` are about values, not about headings.
        let mut text =
            Template::strict(&fields_only(template))?.execute(&Json::Object(headings.collect()))?;
        text.push('\n');
        text.push_str(&self.each(template, rows)?);
        Ok(aligned(&text))
    }
}

/// JSON as Go writes it: safe in HTML.
fn escaped(row: &Json) -> String {
    // Outside of texts these characters do not occur in JSON.
    row.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The template with each action that shows a field reduced to the field, for the line of headings.
fn fields_only(template: &str) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((action, after)) = after.split_once("}}") else { break };
        text.push_str(before);
        let field = action.split([' ', '|', '(', ')']).find(|word| word.len() > 1 && word.starts_with('.'));
        match field {
            Some(field) => text.push_str(&format!("{{{{{field}}}}}")),
            None => text.push_str(&format!("{{{{{action}}}}}")),
        }
        rest = after;
    }
    text + rest
}
