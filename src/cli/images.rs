//! `images`.

use super::failure::{Failure, Result, chain};
use super::filter::{self, Filters};
use super::format::{Format, HELP_OF_LISTINGS, Listing, row};
use super::tree;
use super::ui;
use super::ui::template::Value;
use super::ui::time::{ago, local};
use super::ui::units::human_size;
use super::verb::{Context, Verb};
use crate::engine::Engine;
use crate::image::{Image, Reference};

#[derive(Debug, clap::Args)]
pub struct Images {
    /// Show all images (default hides intermediate images)
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", help = HELP_OF_LISTINGS)]
    format: Option<String>,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Do not print the column headings
    #[arg(short = 'n', long)]
    noheading: bool,
    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,
    /// Sort by "created" (newest first), "id", "repository", "size" or "tag"
    #[arg(long, value_name = "string", value_parser = sort_key)]
    sort: Option<SortKey>,
    /// List multi-platform images as a tree
    #[arg(long)]
    tree: bool,
    #[arg(value_name = "REPOSITORY")]
    pattern: Option<String>,
}

/// podman's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SortKey {
    Created,
    Id,
    Repository,
    Size,
    Tag,
}

fn sort_key(text: &str) -> Result<SortKey, String> {
    Ok(match text {
        "created" => SortKey::Created,
        "id" => SortKey::Id,
        "repository" => SortKey::Repository,
        "size" => SortKey::Size,
        "tag" => SortKey::Tag,
        _ => return Err("want one of created, id, repository, size or tag".to_owned()),
    })
}

pub const FILTERS: &[&str] = &["before", "dangling", "label", "label!", "reference", "since", "until"];

const LISTING: Listing = Listing {
    kind: "*formatter.imageContext",
    headings: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("VirtualSize", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
    ],
};

const TABLE: &str =
    "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}";
const TABLE_WITH_DIGESTS: &str = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}";

impl Verb for Images {
    const NAMES: &'static [&'static str] = &["image ls", "image list", "images"];
    const USAGE: &'static str = "[OPTIONS] [REPOSITORY[:TAG]]";
    const ABOUT: &'static str = "List images";

    fn run(self, context: &Context) -> Result<u8> {
        if self.tree {
            self.check_tree()?;
        }
        let filters = Filters::new(&self.filter, FILTERS)?;
        let configured = if self.quiet { None } else { context.client_config()?.images_format };
        let format = self.format.clone().or(configured).unwrap_or_default();
        let format = match (self.quiet, format.as_str()) {
            (true, "" | "table" | "json") => Format::parse("{{.ID}}", "")?,
            (_, format) => Format::parse(format, if self.digests { TABLE_WITH_DIGESTS } else { TABLE })?,
        };
        let format = format.without_heading(self.noheading);
        let engine = context.engine()?;
        let check = Check::new(&engine, &filters, self.pattern.as_deref())?;
        if self.tree {
            let images = engine.images()?;
            let images: Vec<&Image> = images.iter().filter(|image| check.passes(image)).collect();
            ui::out(&tree::draw(&engine, &images, |name| check.shows(name))?)?;
            return Ok(0);
        }
        let with_digests = self.digests || format.names("Digest");
        let images = engine.images()?;
        let mut rows: Vec<(&Image, Called)> = Vec::new();
        for image in images.iter().filter(|image| check.passes(image)) {
            let called = names(image, with_digests, |name| check.shows(name));
            rows.extend(called.into_iter().map(|called| (image, called)));
        }
        match self.sort {
            None => {}
            Some(SortKey::Created) => rows.sort_by_key(|(image, _)| std::cmp::Reverse(created(image))),
            Some(SortKey::Id) => rows.sort_by_cached_key(|(image, _)| image.id.to_string()),
            Some(SortKey::Repository) => rows.sort_by(|a, b| a.1.repository.cmp(&b.1.repository)),
            Some(SortKey::Size) => rows.sort_by_key(|(image, _)| image.size),
            Some(SortKey::Tag) => rows.sort_by(|a, b| a.1.tag.cmp(&b.1.tag)),
        }
        let rows: Vec<Value> = rows.into_iter().map(|(image, called)| self.describe(image, called)).collect();
        ui::out(&format.render(&LISTING, &rows)?)?;
        Ok(0)
    }
}

/// One row of the table: what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Called {
    repository: String,
    tag: String,
    digest: String,
}

impl Images {
    /// What does not go with a tree, in Docker's words.
    fn check_tree(&self) -> Result<()> {
        let flags = [
            (self.quiet, "quiet"),
            (self.no_trunc, "no-trunc"),
            (self.digests, "show-digest"),
            (self.format.is_some(), "format"),
        ];
        match flags.iter().find(|(given, _)| *given) {
            Some((_, flag)) => Err(Failure::new(format!("--{flag} is not yet supported with --tree"))),
            None => Ok(()),
        }
    }

    fn describe(&self, image: &Image, called: Called) -> Value {
        let id = if self.no_trunc { image.id.to_string() } else { image.id.short() };
        let created = created(image);
        Value::fields(row(vec![
            ("Containers", "N/A".to_owned()),
            ("CreatedAt", created.map(local).unwrap_or_default()),
            ("CreatedSince", created.map(ago).unwrap_or_default()),
            ("Digest", called.digest),
            ("ID", id),
            ("Repository", called.repository),
            ("SharedSize", "N/A".to_owned()),
            ("Size", human_size(image.size, 3)),
            ("Tag", called.tag),
            ("UniqueSize", "N/A".to_owned()),
            ("VirtualSize", human_size(image.size, 3)),
        ]))
    }
}

fn created(image: &Image) -> Option<jiff::Timestamp> {
    image.config.created.as_deref()?.parse().ok()
}

/// A row for every tag; digests fill their own column, or make a row where a repository has no tag.
fn names(image: &Image, with_digests: bool, shows: impl Fn(&Reference) -> bool) -> Vec<Called> {
    const NONE: &str = "<none>";
    let mut rows = Vec::new();
    let shown: Vec<&Reference> = image.names.iter().filter(|name| shows(name)).collect();
    for name in shown.iter().filter(|name| name.tag.is_some()) {
        let digest =
            shown.iter().find(|other| other.digest.is_some() && other.repository() == name.repository());
        rows.push(Called {
            repository: name.familiar_name(),
            tag: name.tag.clone().unwrap_or_default(),
            digest: digest.and_then(|name| name.digest).map_or(NONE.to_owned(), |digest| digest.to_string()),
        });
    }
    for name in shown.iter().filter(|name| name.tag.is_none()) {
        let tagged = shown.iter().any(|other| other.tag.is_some() && other.repository() == name.repository());
        let digest = name.digest.map_or(NONE.to_owned(), |digest| digest.to_string());
        if !tagged && (with_digests || rows.is_empty()) {
            rows.push(Called { repository: name.familiar_name(), tag: NONE.to_owned(), digest });
        }
    }
    if rows.is_empty() {
        let none = || NONE.to_owned();
        rows.push(Called { repository: none(), tag: none(), digest: none() });
    }
    rows
}

/// The filters with what they refer to looked up.
struct Check<'a> {
    filters: &'a Filters,
    dangling: Option<bool>,
    before: Option<jiff::Timestamp>,
    since: Option<jiff::Timestamp>,
    until: Option<jiff::Timestamp>,
    /// `reference` filters and the argument.
    patterns: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(engine: &Engine, filters: &'a Filters, pattern: Option<&str>) -> Result<Check<'a>> {
        let moment = |key: &str| match filters.values(key) {
            [] => Ok::<_, Failure>(None),
            values => Ok(created(&engine.find_image(&values[values.len() - 1])?)),
        };
        let until = match filters.values("until") {
            [] => None,
            values => Some(
                ui::time::parse_moment(&values[values.len() - 1], jiff::Timestamp::now())
                    .map_err(Failure::daemon)?,
            ),
        };
        let mut patterns = filters.values("reference").to_vec();
        if let Some(pattern) = pattern {
            // What cannot be a name or a pattern of one is told, as Docker does.
            if !pattern.contains(['*', '?', '['])
                && let Err(error) = Reference::parse_name(pattern)
                && pattern.is_empty()
            {
                return Err(Failure::new(chain(&error)));
            }
            patterns.push(pattern.to_owned());
        }
        Ok(Check {
            filters,
            dangling: filters.truth("dangling")?,
            before: moment("before")?,
            since: moment("since")?,
            until,
            patterns,
        })
    }

    fn passes(&self, image: &Image) -> bool {
        let is_dangling = image.names.iter().all(|name| name.tag.is_none());
        let made = created(image);
        let labels = || image.config.config.labels.clone().unwrap_or_default();
        self.dangling.is_none_or(|wanted| wanted == is_dangling)
            && self.before.is_none_or(|before| made.is_some_and(|made| made < before))
            && self.since.is_none_or(|since| made.is_some_and(|made| made > since))
            && self.until.is_none_or(|until| made.is_none_or(|made| made < until))
            && (!self.filters.has("label") || self.filters.labels("label", &labels()))
            && (!self.filters.has("label!") || !self.filters.labels("label!", &labels()))
            && (self.patterns.is_empty() || image.names.iter().any(|name| self.shows(name)))
    }

    fn shows(&self, name: &Reference) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, name))
    }
}

/// Go's reference.FamiliarMatch: a glob over the familiar name, with or without its tag.
fn matches(pattern: &str, name: &Reference) -> bool {
    let familiar = name.familiar();
    // The domain of Docker's own registry may be written out.
    let bare = pattern.strip_prefix("docker.io/library/").or_else(|| pattern.strip_prefix("docker.io/"));
    [Some(pattern), bare]
        .into_iter()
        .flatten()
        .any(|pattern| glob(pattern, &familiar) || glob(pattern, &name.familiar_name()))
}

/// Go's path.Match: `*` and `?` stop at slashes, `[a-z]` and `[^a-z]` are classes.
fn glob(pattern: &str, text: &str) -> bool {
    let mut regex = String::from("^");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '[' => {
                regex.push('[');
                for c in chars.by_ref() {
                    regex.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '\\' => regex.push_str(&chars.next().map(|c| regex::escape(&c.to_string())).unwrap_or_default()),
            c => regex.push_str(&regex::escape(&c.to_string())),
        }
    }
    regex.push('$');
    regex::Regex::new(&regex).is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_matched_against_names_with_and_without_tag() {
        let name = Reference::parse("example.org/b/c:latest").unwrap();
        let debian = Reference::parse("debian:12").unwrap();
        for (pattern, name, want) in [
            ("*/b/*", &name, true),
            ("example.org/b/c", &name, true),
            ("example.org/b/c:lat*", &name, true),
            ("b/c", &name, false),
            ("*", &name, false),
            ("deb*", &debian, true),
            ("debian", &debian, true),
            ("debian:12", &debian, true),
            ("debian:1[0-9]", &debian, true),
            ("debian:11", &debian, false),
            ("docker.io/library/debian", &debian, true),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} {}", name.familiar());
        }
    }
}
