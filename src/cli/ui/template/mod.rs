//! Go's text/template, as Docker's `--format` speaks it (golang.org/pkg/text/template plus Docker's own
//! `json`, `split`, `join`, `title`, `lower`, `upper`, `pad`, `truncate`).
//!
//! `lex` cuts the text into tokens, `parse` makes the tree, `exec` walks it over a [`Value`], `functions`
//! and `printf` hold the built-ins. Positions are kept so that errors read as Go's:
//! `template: :1:2: executing "" at <.Foo>: ...`.

mod exec;
mod functions;
mod lex;
mod parse;
mod printf;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use printf::quote;
pub use value::Value;

/// What went wrong, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

/// What an unknown field of a struct is called in the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Objects decoded from JSON: `map has no entry for key "X"`.
    Key,
    /// Rows of a listing: `can't evaluate field X in type T`.
    Field(&'static str),
}

/// A parsed template with what it defines.
#[derive(Debug, Clone)]
pub struct Template {
    text: String,
    root: parse::List,
    defined: BTreeMap<String, parse::List>,
}

impl Template {
    /// Parses `text`; the error is Go's parse error (`template: :1: unexpected ...`).
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let (root, defined) = parse::parse(text)?;
        Ok(Template { text: text.to_owned(), root, defined })
    }

    /// Runs it over `data`.
    pub fn execute(&self, data: &Value, unknown: Unknown) -> Result<String, TemplateError> {
        exec::run(self, data, unknown, functions::Set::Docker)
    }

    /// Runs it over the headings of a table: the functions that change text leave it alone.
    pub fn headings(&self, headings: &Value) -> Result<String, TemplateError> {
        exec::run(self, headings, Unknown::Key, functions::Set::Headings)
    }

    /// Whether a field of this name is used anywhere; listings skip what is dear to compute.
    pub fn mentions(&self, field: &str) -> bool {
        let needle = format!(".{field}");
        self.text.match_indices(&needle).any(|(at, _)| {
            let next = self.text[at + needle.len()..].chars().next();
            !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    }
}
