//! `--format` of listings: the default table, `table TEMPLATE`, `json`, a template; one line per row.

use super::failure::{Failure, Result};
use super::ui::table;
use super::ui::template::{Template, TemplateError, Unknown, Value};

/// Help of `--format` of listings.
pub const HELP_OF_LISTINGS: &str = "Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

/// Help of `--format` of single objects.
pub const HELP_OF_OBJECTS: &str = "Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

/// What a listing can show: its rows' type in Docker's code (for errors) and the heading of every field.
pub struct Listing {
    pub kind: &'static str,
    pub headings: &'static [(&'static str, &'static str)],
}

/// How it is shown.
pub struct Format {
    template: Template,
    is_table: bool,
    has_heading: bool,
}

/// A template's error as commands tell it.
pub fn template_failure(error: TemplateError) -> Failure {
    Failure::new(format!("template parsing error: {error}"))
}

/// `--format` of commands that show one object and by default a text of their own: nothing means that.
pub fn object_template(format: Option<&str>) -> Result<Option<Template>> {
    let text = match format.unwrap_or_default() {
        "" => return Ok(None),
        "json" => "{{json .}}",
        text => text,
    };
    Template::parse(text).map(Some).map_err(|e| Failure { status: 64, ..template_failure(e) })
}

impl Format {
    /// `format` as typed (nothing and `table` alone mean `default`, a table's template).
    pub fn parse(format: &str, default: &str) -> Result<Format> {
        let (is_table, text) = match format {
            "" | "table" => (true, default),
            "json" => (false, "{{json .}}"),
            other => match other.strip_prefix("table") {
                Some(rest) => (true, rest),
                None => (false, other),
            },
        };
        let text = text.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n");
        let template = Template::parse(&text)
            .map_err(|error| Failure::new(format!("failed to parse template: {error}")))?;
        Ok(Format { template, is_table, has_heading: is_table })
    }

    /// A table's rows alone, where that is asked for.
    pub fn without_heading(self, without: bool) -> Format {
        Format { has_heading: self.has_heading && !without, ..self }
    }

    /// Whether there are headings.
    pub fn is_table(&self) -> bool {
        self.is_table
    }

    /// Whether the template names a field; what is dear to compute is left out otherwise.
    pub fn names(&self, field: &str) -> bool {
        self.template.mentions(field)
    }

    /// Complains of a field that no row has even where there are no rows, as Docker's `ps` does.
    pub fn check_fields(&self, listing: &Listing) -> Result<()> {
        let fields = listing.headings.iter().map(|(field, _)| (*field, String::new()));
        let mut fields = row(fields.collect());
        fields.push(("Label".to_owned(), label_method(std::collections::BTreeMap::default())));
        match self.template.execute(&Value::fields(fields), Unknown::Field(listing.kind)) {
            Err(error) if error.to_string().contains("can't evaluate field") => {
                Err(Failure::new(format!("failed to execute template: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// The whole text.
    pub fn render(&self, listing: &Listing, rows: &[Value]) -> Result<String> {
        let mut text = String::new();
        if self.has_heading {
            let headings =
                listing.headings.iter().map(|(field, title)| ((*field).to_owned(), Value::str(title)));
            let mut headings: Vec<(String, Value)> = headings.collect();
            headings.push(("Label".to_owned(), label_heading()));
            text = self.template.headings(&Value::fields(headings)).map_err(template_failure)?;
            text.push('\n');
        }
        for row in rows {
            let unknown = Unknown::Field(listing.kind);
            text.push_str(&self.template.execute(row, unknown).map_err(template_failure)?);
            text.push('\n');
        }
        Ok(if self.is_table { table::align(&text) } else { text })
    }
}

/// The heading of `{{.Label "com.example.team-name"}}` is `team name`.
fn label_heading() -> Value {
    Value::Method(std::rc::Rc::new(|arguments| match arguments {
        [Value::Str(name)] => {
            Ok(Value::str(name.rsplit('.').next().unwrap_or_default().replace(['-', '_'], " ")))
        }
        _ => Err("wrong number of args for Label: want 1".to_owned()),
    }))
}

/// A row: text fields in the order JSON shows them.
pub fn row(fields: Vec<(&str, String)>) -> Vec<(String, Value)> {
    fields.into_iter().map(|(name, text)| (name.to_owned(), Value::str(text))).collect()
}

/// The method `.Label "key"` of rows.
pub fn label_method(labels: std::collections::BTreeMap<String, String>) -> Value {
    Value::Method(std::rc::Rc::new(move |arguments| match arguments {
        [Value::Str(name)] => Ok(Value::str(labels.get(&**name).map_or("", String::as_str))),
        _ => Err(format!("wrong number of args for Label: want 1 got {}", arguments.len())),
    }))
}

/// Shortens to `width` columns with an ellipsis (Docker's formatter.Ellipsis).
pub fn ellipsis(text: &str, width: usize) -> String {
    use unicode_width::UnicodeWidthChar;
    let columns = |c: char| c.width().unwrap_or(0);
    if text.chars().map(columns).sum::<usize>() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += columns(c);
        if used > width.saturating_sub(1) {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: Listing = Listing {
        kind: "*formatter.ContainerContext",
        headings: &[("ID", "CONTAINER ID"), ("Names", "NAMES")],
    };

    fn rows() -> Vec<Value> {
        let labels = [("a.b".to_owned(), "x".to_owned())].into();
        let mut fields = row(vec![("ID", "0123456789ab".to_owned()), ("Names", "web".to_owned())]);
        fields.push(("Label".to_owned(), label_method(labels)));
        vec![Value::fields(fields)]
    }

    fn render(format: &str) -> Result<String> {
        Format::parse(format, "table {{.ID}}\t{{.Names}}".trim_start_matches("table "))?
            .render(&LISTING, &rows())
    }

    #[test]
    fn every_kind_of_format() {
        for (format, want) in [
            ("", "CONTAINER ID   NAMES\n0123456789ab   web\n"),
            ("table", "CONTAINER ID   NAMES\n0123456789ab   web\n"),
            ("table {{.Names}}", "NAMES\nweb\n"),
            ("table {{upper .Names}}\\t{{.Label \"a.b\"}}", "NAMES     b\nWEB       x\n"),
            ("json", "{\"ID\":\"0123456789ab\",\"Names\":\"web\"}\n"),
            ("{{.ID}}\\t{{.Names}}", "0123456789ab\tweb\n"),
            ("{{.Label \"a.b\"}}", "x\n"),
            ("x", "x\n"),
        ] {
            assert_eq!(render(format).unwrap(), want, "{format}");
        }
        assert_eq!(
            render("{{.Foo}}").unwrap_err().text,
            "template parsing error: template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext"
        );
        assert!(render("{{").is_err());
    }

    #[test]
    fn long_text_ends_in_an_ellipsis() {
        assert_eq!(ellipsis("abcdef", 6), "abcdef");
        assert_eq!(ellipsis("abcdefg", 6), "abcde…");
        assert_eq!(ellipsis("漢字漢字", 5), "漢字…");
    }
}
