//! A Go template.

use gotmpl::{MissingKey, TemplateError};
use serde_json::Value as Json;

use super::functions;
use crate::{Error, Result};

/// A parsed template.
pub struct Template(gotmpl::Template);

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").finish_non_exhaustive()
    }
}

impl Template {
    /// For lists: a field that there is not is an error, and functions leave headings as they are.
    pub(super) fn strict(text: &str) -> Result<Self> {
        Self::new(text, MissingKey::Error)
    }

    /// For objects: a field that there is not is `<no value>`.
    pub fn lenient(text: &str) -> Result<Self> {
        Self::new(text, MissingKey::Invalid)
    }

    fn new(text: &str, missing: MissingKey) -> Result<Self> {
        let mut template = gotmpl::Template::new("").missing_key(missing);
        for (name, function) in functions::FUNCTIONS {
            template = template.func(name, function);
        }
        // Docker's users write these with a backslash in single quotes.
        let text = text.replace("\\t", "\t").replace("\\n", "\n");
        template.parse(&text).map(Self).map_err(|error| {
            Error::invalid(format!("template parsing error: {error}"))
                .hint("--format takes a Go template such as '{{.ID}} {{.Size}}', or json")
        })
    }

    /// The template with a value for `.`.
    pub fn execute(&self, data: &Json) -> Result<String> {
        self.0.execute_to_string(&functions::value(data)).map_err(|error| failed(&error, data))
    }
}

/// What went wrong, with the fields there are.
fn failed(error: &TemplateError, data: &Json) -> Error {
    let wrong = Error::invalid(format!("template: {error}"));
    match (error, data) {
        (TemplateError::MissingKey { .. }, Json::Object(fields)) => {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            wrong.hint(format!("there is: {}", names.join(", ")))
        }
        _ => wrong,
    }
}
