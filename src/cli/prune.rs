//! `container prune`, `image prune` and `volume prune`; `system prune` for all at once.

use std::io::BufRead;

use super::failure::{Failure, Result};
use super::filter::{self, Filters};
use super::ui;
use super::ui::units::human_size;
use super::verb::{Context, Verb};
use crate::engine::prune::{Condition, Pruned};
use crate::image::store::Removed;

#[derive(Debug, clap::Args)]
pub struct ContainerPrune {
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
pub struct ImagePrune {
    /// Remove all unused images, not just dangling ones
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
pub struct VolumePrune {
    /// Remove all unused volumes, not just anonymous ones
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
    /// Provide filter values (e.g. "until=<timestamp>")
    #[arg(long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

pub const CONTAINER_FILTERS: &[&str] = &["label", "label!", "until"];
pub const VOLUME_FILTERS: &[&str] = &["all", "label", "label!"];
pub const IMAGE_FILTERS: &[&str] = &["dangling", "label", "label!", "until"];

impl Verb for ContainerPrune {
    const NAMES: &'static [&'static str] = &["container prune"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove all stopped containers";

    fn run(self, context: &Context) -> Result<u8> {
        let filters = self.how.filters(context, CONTAINER_FILTERS)?;
        let condition = condition(&filters)?;
        if !self.how.is_confirmed("This will remove all stopped containers.")? {
            return Ok(0);
        }
        let pruned = context.engine()?.prune_containers(&condition)?;
        tell("Deleted Containers:", &pruned, ToString::to_string)
    }
}

impl Verb for ImagePrune {
    const NAMES: &'static [&'static str] = &["image prune"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove unused images";

    fn run(self, context: &Context) -> Result<u8> {
        let filters = self.how.filters(context, IMAGE_FILTERS)?;
        let condition = condition(&filters)?;
        let all = filters.truth("dangling")?.map_or(self.all, |dangling| !dangling);
        let warning = match all {
            true => "This will remove all images without at least one container associated to them.",
            false => "This will remove all dangling images.",
        };
        if !self.how.is_confirmed(warning)? {
            return Ok(0);
        }
        let pruned = context.engine()?.prune_images(&condition, all)?;
        tell("Deleted Images:", &pruned, removed_image)
    }
}

impl Verb for VolumePrune {
    const NAMES: &'static [&'static str] = &["volume prune"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove unused local volumes";

    fn run(self, context: &Context) -> Result<u8> {
        let filters = self.how.filters(context, VOLUME_FILTERS)?;
        if self.all && filters.has("all") {
            return Err(Failure::new("conflicting options: cannot specify both --all and --filter all=1"));
        }
        let condition = condition(&filters)?;
        let all = filters.truth("all")?.unwrap_or(self.all);
        let warning = match all {
            true => "This will remove all volumes not used by at least one container.",
            false => "This will remove anonymous local volumes not used by at least one container.",
        };
        if !self.how.is_confirmed(warning)? {
            return Ok(0);
        }
        let pruned = context.engine()?.prune_volumes(&condition, all)?;
        tell("Deleted Volumes:", &pruned, Clone::clone)
    }
}

/// With those of the settings of Docker's client.
fn filters(context: &Context, typed: &[(String, String)], known: &[&str]) -> Result<Filters> {
    Filters::new(&context.client_config()?.with_prune_filters(typed), known)
}

impl How {
    fn filters(&self, context: &Context, known: &[&str]) -> Result<Filters> {
        filters(context, &self.filter, known)
    }

    fn is_confirmed(&self, warning: &str) -> Result<bool> {
        Ok(self.force || is_confirmed(warning)?)
    }
}

/// Asks on standard output and reads one line: only `y` is yes.
pub fn is_confirmed(warning: &str) -> Result<bool> {
    ui::out(&format!("WARNING! {warning}\nAre you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|e| Failure::new(format!("reading the answer: {e}")))?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn condition(filters: &Filters) -> Result<Condition> {
    let until = match filters.values("until") {
        [] => None,
        [only] => Some(ui::time::parse_moment(only, jiff::Timestamp::now()).map_err(Failure::daemon)?),
        _ => return Err(Failure::daemon("more than one until filter specified")),
    };
    Ok(Condition {
        until,
        labels: filters.values("label").to_vec(),
        without_labels: filters.values("label!").to_vec(),
    })
}

fn tell<T>(heading: &str, pruned: &Pruned<T>, line: impl Fn(&T) -> String) -> Result<u8> {
    ui::out(&listed(heading, pruned, line))?;
    tell_total(pruned.reclaimed)
}

/// What is gone, and a blank line after it; to standard error what might have gone and stays, and why.
fn listed<T>(heading: &str, pruned: &Pruned<T>, line: impl Fn(&T) -> String) -> String {
    pruned.kept.iter().for_each(ui::warn);
    if pruned.removed.is_empty() {
        return String::new();
    }
    pruned.removed.iter().fold(format!("{heading}\n"), |text, what| text + &line(what) + "\n") + "\n"
}

fn tell_total(reclaimed: u64) -> Result<u8> {
    ui::line(format_args!("Total reclaimed space: {}", human_size(reclaimed, 4)))?;
    Ok(0)
}

fn removed_image(what: &Removed) -> String {
    match what {
        Removed::Untagged(name) => format!("untagged: {name}"),
        Removed::Deleted(id) => format!("deleted: {id}"),
    }
}

#[derive(Debug, clap::Args)]
pub struct SystemPrune {
    /// Remove all unused images not just dangling ones
    #[arg(short, long)]
    all: bool,
    /// Provide filter values (e.g. "label=<key>=<value>")
    #[arg(long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
    /// Prune anonymous volumes
    #[arg(long)]
    volumes: bool,
}

impl Verb for SystemPrune {
    const NAMES: &'static [&'static str] = &["system prune"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove unused data";

    fn run(self, context: &Context) -> Result<u8> {
        let filters = filters(context, &self.filter, CONTAINER_FILTERS)?;
        if self.volumes && filters.has("until") {
            return Err(Failure::new("ERROR: The \"until\" filter is not supported with \"--volumes\""));
        }
        let condition = condition(&filters)?;
        if !self.force && !is_confirmed(&self.warning(&filters))? {
            return Ok(0);
        }
        let engine = context.engine()?;
        // What is gone is told at once: a failure further down does not hide it.
        let containers = engine.prune_containers(&condition)?;
        ui::out(&listed("Deleted Containers:", &containers, ToString::to_string))?;
        let mut reclaimed = containers.reclaimed;
        if self.volumes {
            let volumes = engine.prune_volumes(&condition, false)?;
            ui::out(&listed("Deleted Volumes:", &volumes, Clone::clone))?;
            reclaimed += volumes.reclaimed;
        }
        let images = engine.prune_images(&condition, self.all)?;
        ui::out(&listed("Deleted Images:", &images, removed_image))?;
        tell_total(reclaimed + images.reclaimed)
    }
}

impl SystemPrune {
    /// Docker's text, up to the question.
    fn warning(&self, filters: &Filters) -> String {
        let mut kinds = vec!["all stopped containers", "all networks not used by at least one container"];
        if self.volumes {
            kinds.push("all anonymous volumes not used by at least one container");
        }
        kinds.extend(match self.all {
            true => ["all images without at least one container associated to them", "all build cache"],
            false => ["all dangling images", "unused build cache"],
        });
        let list = |items: &[String]| items.iter().map(|item| format!("  - {item}\n")).collect::<String>();
        let kinds: Vec<String> = kinds.into_iter().map(str::to_owned).collect();
        let mut text = format!("This will remove:\n{}", list(&kinds));
        let mut limits: Vec<String> = CONTAINER_FILTERS
            .iter()
            .flat_map(|key| filters.values(key).iter().map(move |value| format!("{key}={value}")))
            .collect();
        limits.sort();
        if !limits.is_empty() {
            text += &format!("\n  Items to be pruned will be filtered with:\n{}", list(&limits));
        }
        text
    }
}
