//! `history`.

use super::failure::{Failure, Result};
use super::format::{Format, HELP_OF_LISTINGS, Listing, ellipsis, row};
use super::ui;
use super::ui::template::Value;
use super::ui::time::{ago, local_rfc3339};
use super::ui::units::human_size;
use super::verb::{Context, Verb};
use crate::engine::image::HistoryLine;

#[derive(Debug, clap::Args)]
pub struct History {
    #[arg(long, value_name = "string", help = HELP_OF_LISTINGS)]
    format: Option<String>,
    /// Print sizes and dates in human readable format
    #[arg(short = 'H', long, action = clap::ArgAction::SetFalse)]
    human: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string", hide = true)]
    platform: Option<String>,
    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
}

const LISTING: Listing = Listing {
    kind: "*formatter.historyContext",
    headings: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
};

const TABLE: &str = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
const PLAIN_TABLE: &str = "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";

impl Verb for History {
    const NAMES: &'static [&'static str] = &["image history", "history"];
    const USAGE: &'static str = "[OPTIONS] IMAGE";
    const ABOUT: &'static str = "Show the history of an image";

    fn run(self, context: &Context) -> Result<u8> {
        let format = match (self.quiet, self.format.as_deref().unwrap_or_default()) {
            (true, "" | "table") => Format::parse("{{.ID}}", "")?,
            (_, format) => Format::parse(format, if self.human { TABLE } else { PLAIN_TABLE })?,
        };
        let engine = context.engine()?;
        if let Some(text) = &self.platform {
            let wanted = super::flags::platform(Some(text)).map_err(|f| Failure { status: 1, ..f })?;
            let config = engine.find_image(&self.image)?.config;
            let offered =
                crate::image::Platform::new(&config.os, &config.architecture, config.variant.as_deref());
            if wanted.is_some_and(|wanted| wanted.rank(&offered).is_none()) {
                return Err(Failure::daemon(format!(
                    "image with reference {} was found but does not provide the specified platform ({text})",
                    self.image
                )));
            }
        }
        let rows: Vec<Value> = engine.history(&self.image)?.iter().map(|line| self.describe(line)).collect();
        ui::out(&format.render(&LISTING, &rows)?)?;
        Ok(0)
    }
}

impl History {
    fn describe(&self, line: &HistoryLine) -> Value {
        let id = match line.id {
            Some(id) if self.no_trunc => id.to_string(),
            Some(id) => id.short(),
            None => "<missing>".to_owned(),
        };
        let created: Option<jiff::Timestamp> = line.created.as_deref().and_then(|text| text.parse().ok());
        let by = line.created_by.replace('\t', " ");
        Value::fields(row(vec![
            ("Comment", line.comment.clone()),
            ("CreatedAt", created.map(local_rfc3339).unwrap_or_default()),
            ("CreatedBy", if self.no_trunc { by } else { ellipsis(&by, 45) }),
            (
                "CreatedSince",
                if self.human { created.map(ago) } else { created.map(local_rfc3339) }.unwrap_or_default(),
            ),
            ("ID", id),
            ("Size", if self.human { human_size(line.size, 3) } else { line.size.to_string() }),
        ]))
    }
}
