//! `ps`.

use std::cell::RefCell;
use std::collections::HashMap;

use super::failure::{Failure, Result};
use super::filter::{self, Filters, matches_pattern};
use super::format::{Format, HELP_OF_LISTINGS, Listing, ellipsis, label_method, row};
use super::ui;
use super::ui::template::{Value, quote};
use super::ui::time::{ago, human_duration, local, since};
use super::ui::units::{go_int, human_size};
use super::verb::{Context, Verb};
use crate::container::health::HealthStatus;
use crate::container::spec::{MountKind, NetworkMode};
use crate::container::{ContainerRecord, State};
use crate::digest::Digest;
use crate::engine::Engine;
use crate::engine::container::ContainerView;
use crate::engine::inspect::Effective;
use crate::image::Image;
use crate::image::config::RunConfig;

#[derive(Debug, clap::Args)]
pub struct Ps {
    /// Show all containers (default shows just running)
    #[arg(short, long)]
    all: bool,
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", help = HELP_OF_LISTINGS)]
    format: Option<String>,
    /// Show n last created containers (includes all states)
    #[arg(short = 'n', long, value_name = "int", value_parser = go_int, default_value = "-1")]
    last: i64,
    /// Show the latest created container (includes all states)
    #[arg(short, long)]
    latest: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Do not print the column headings
    #[arg(long)]
    noheading: bool,
    /// Only display container IDs
    #[arg(short, long)]
    quiet: bool,
    /// Display total file sizes
    #[arg(short, long)]
    size: bool,
    /// Sort by "command", "created", "id", "image", "names", "runningfor", "size" or "status"
    #[arg(long, value_name = "string", value_parser = sort_key)]
    sort: Option<SortKey>,
}

/// podman's keys; every order is ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SortKey {
    Command,
    Created,
    Id,
    Image,
    Names,
    RunningFor,
    Size,
    Status,
}

fn sort_key(text: &str) -> Result<SortKey, String> {
    Ok(match text {
        "command" => SortKey::Command,
        "created" => SortKey::Created,
        "id" => SortKey::Id,
        "image" => SortKey::Image,
        "names" => SortKey::Names,
        "runningfor" => SortKey::RunningFor,
        "size" => SortKey::Size,
        "status" => SortKey::Status,
        _ => {
            let keys = "command, created, id, image, names, runningfor, size or status";
            return Err(format!("want one of {keys}"));
        }
    })
}

pub const FILTERS: &[&str] = &[
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

const LISTING: Listing = Listing {
    kind: "*formatter.ContainerContext",
    headings: &[
        ("ID", "CONTAINER ID"),
        ("Names", "NAMES"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Ports", "PORTS"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
        ("Platform", "PLATFORM"),
        ("HealthStatus", "HEALTH STATUS"),
    ],
};

const TABLE: &str = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

impl Verb for Ps {
    const NAMES: &'static [&'static str] = &["container ls", "container list", "container ps", "ps"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List containers";

    fn run(self, context: &Context) -> Result<u8> {
        let filters = Filters::new(&self.filter, FILTERS)?;
        let configured = if self.quiet { None } else { context.client_config()?.ps_format };
        let format = self.format.clone().or(configured).unwrap_or_default();
        let default = if self.size { format!("{TABLE}\t{{{{.Size}}}}") } else { TABLE.to_owned() };
        let format = match (self.quiet, format.as_str()) {
            (true, "" | "table" | "json") => Format::parse("{{.ID}}", "")?,
            (_, format) => Format::parse(format, &default)?,
        };
        let format = format.without_heading(self.noheading);
        format.check_fields(&LISTING)?;
        let engine = context.engine()?;
        let configs = Configs { engine: &engine, known: RefCell::default() };
        let views = self.selected(&configs, &filters)?;
        // `{{json .}}` names no size either, so Docker shows none unless -s is given.
        let wants_size = self.size || format.names("Size");
        let rows: Result<Vec<Value>> = views
            .iter()
            .map(|view| {
                let size = if wants_size { Some(self.size_text(&engine, view)?) } else { None };
                let effective =
                    if self.quiet { Effective::default() } else { configs.effective(&view.record) };
                Ok(describe(view, effective, &image_name(view), size, self.no_trunc))
            })
            .collect();
        ui::out(&format.render(&LISTING, &rows?)?)?;
        Ok(0)
    }
}

impl Ps {
    fn selected(&self, configs: &Configs, filters: &Filters) -> Result<Vec<ContainerView>> {
        let last = if self.latest { 1 } else { self.last };
        let every_state = self.all || last > 0 || filters.has("status");
        let views = if every_state { configs.engine.list() } else { configs.engine.list_running() }?;
        let mut chosen = Check::new(configs, filters)?.sift(views)?;
        if let Ok(last @ 1..) = usize::try_from(last) {
            chosen.truncate(last);
        }
        if let Some(key) = self.sort {
            sort(&mut chosen, key, configs);
        }
        Ok(chosen)
    }

    /// `12.3kB (virtual 4.5MB)`
    fn size_text(&self, engine: &Engine, view: &ContainerView) -> Result<String> {
        let written = engine.written_size(&view.record.id)?;
        let image = engine.images.pinned(&view.record.image).map_or(0, |image| image.size);
        let virtual_size = human_size(image + written, 3);
        Ok(format!("{} (virtual {virtual_size})", human_size(written, 3)))
    }
}

/// Those of `views` that pass all of `pairs`, filters as `--filter` of this command takes them.
pub fn filtered(
    engine: &Engine,
    pairs: &[(String, String)],
    views: Vec<ContainerView>,
) -> Result<Vec<ContainerView>> {
    let filters = Filters::new(pairs, FILTERS)?;
    let configs = Configs { engine, known: RefCell::default() };
    Check::new(&configs, &filters)?.sift(views)
}

/// Of equals the newest comes first, as without a key.
fn sort(views: &mut [ContainerView], key: SortKey, configs: &Configs) {
    let started = |view: &ContainerView| match &view.state {
        State::Running { started, .. } | State::Restarting { started, .. } => Some(*started),
        State::Exited { started, .. } => *started,
        State::Created => None,
    };
    match key {
        SortKey::Command => {
            views.sort_by_cached_key(|view| command_line(&configs.effective(&view.record).argv()));
        }
        SortKey::Created => views.sort_by_key(|view| view.record.created),
        SortKey::Id => views.sort_by(|a, b| a.record.id.cmp(&b.record.id)),
        SortKey::Image => views.sort_by_cached_key(image_name),
        SortKey::Names => views.sort_by(|a, b| a.record.name.cmp(&b.record.name)),
        SortKey::RunningFor => views.sort_by_key(started),
        SortKey::Size => {
            views.sort_by_cached_key(|view| configs.engine.written_size(&view.record.id).unwrap_or_default())
        }
        SortKey::Status => views.sort_by_key(|view| state_word(&view.state)),
    }
}

/// The image's name as typed, or the short id where it was an id.
fn image_name(view: &ContainerView) -> String {
    let typed = &view.record.spec.image;
    let hex = typed.strip_prefix("sha256:").unwrap_or(typed);
    let is_id = hex.len() >= 12 && view.record.image.id.hex().starts_with(hex);
    if is_id { view.record.image.id.short() } else { typed.clone() }
}

/// What images say to their containers, each read once.
struct Configs<'a> {
    engine: &'a Engine,
    known: RefCell<HashMap<Digest, RunConfig>>,
}

impl Configs<'_> {
    fn effective(&self, record: &ContainerRecord) -> Effective {
        let mut known = self.known.borrow_mut();
        let config = known.entry(record.image.id).or_insert_with(|| self.engine.run_config(record));
        Effective::new(&record.spec, config)
    }
}

/// The filters with what they refer to looked up.
struct Check<'a> {
    filters: &'a Filters,
    configs: &'a Configs<'a>,
    before: Option<jiff::Timestamp>,
    since: Option<jiff::Timestamp>,
    ancestors: Vec<Image>,
    exited: Vec<i64>,
}

impl<'a> Check<'a> {
    fn new(configs: &'a Configs<'a>, filters: &'a Filters) -> Result<Check<'a>> {
        let engine = configs.engine;
        let created = |key: &str| match filters.values(key) {
            [] => Ok(None),
            values => {
                let view = engine.find(&values[values.len() - 1])?;
                Ok::<_, Failure>(Some(view.record.created))
            }
        };
        for status in filters.values("status") {
            let known = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
            if !known.contains(&status.as_str()) {
                return Err(Failure::daemon(format!("invalid filter 'status={status}'")));
            }
        }
        for health in filters.values("health") {
            if !["none", "starting", "healthy", "unhealthy"].contains(&health.as_str()) {
                return Err(Failure::daemon(format!("invalid filter 'health={health}'")));
            }
        }
        let exited: Result<Vec<i64>> = filters
            .values("exited")
            .iter()
            .map(|code| code.parse().map_err(|_| Failure::daemon(format!("invalid filter 'exited={code}'"))))
            .collect();
        // An ancestor that is not here is nobody's.
        let find = |name: &String| engine.find_image(name).ok();
        let ancestors = filters.values("ancestor").iter().filter_map(find).collect();
        Ok(Check {
            filters,
            configs,
            before: created("before")?,
            since: created("since")?,
            ancestors,
            exited: exited?,
        })
    }

    fn sift(&self, views: Vec<ContainerView>) -> Result<Vec<ContainerView>> {
        let mut chosen = Vec::new();
        for view in views {
            if self.passes(&view)? {
                chosen.push(view);
            }
        }
        Ok(chosen)
    }

    fn passes(&self, view: &ContainerView) -> Result<bool> {
        let (record, spec) = (&view.record, &view.record.spec);
        let name = record.name.as_str();
        let by_name = |p: &String| matches_pattern(p, name) || matches_pattern(p, &format!("/{name}"));
        let network = network_name(&spec.network);
        let mounted = |wanted: &String| {
            spec.mounts.iter().any(|mount| {
                let source = match &mount.kind {
                    MountKind::Bind { source, .. } => source.to_str() == Some(wanted),
                    MountKind::Volume { name, .. } => name == wanted,
                    MountKind::Image { source, .. } => source == wanted,
                    MountKind::Tmpfs { .. } => false,
                };
                source || mount.target.to_str() == Some(wanted)
            })
        };
        Ok(self.filters.any("id", |id| record.id.as_str().starts_with(id.as_str()))
            && self.filters.any("name", by_name)
            && self.filters.any("status", |status| status == state_word(&view.state))
            && self.filters.any("network", |wanted| wanted == network)
            && self.filters.any("volume", mounted)
            && self.has_labels(record)
            && self.filters.any("ancestor", |name| self.descends(view, name))
            && self.filters.any("health", |state| state == health_word(view))
            && self.filters.any("isolation", |kind| kind == "default")
            && self.filters.any("is-task", |truth| truth == "false")
            && !self.filters.has("publish")
            && !self.filters.has("expose")
            && (self.exited.is_empty() || exit_code(&view.state).is_some_and(|c| self.exited.contains(&c)))
            && self.before.is_none_or(|before| record.created < before)
            && self.since.is_none_or(|since| record.created > since))
    }

    fn has_labels(&self, record: &ContainerRecord) -> bool {
        !self.filters.has("label") || self.filters.labels("label", &self.configs.effective(record).labels)
    }

    /// Made from the image, or from one that has further layers on top of all of its layers.
    fn descends(&self, view: &ContainerView, name: &str) -> bool {
        let pin = &view.record.image;
        view.record.spec.image == name
            || self.ancestors.iter().any(|image| {
                let is_base = !image.layers.is_empty() && pin.layers.len() > image.layers.len();
                image.id == pin.id || (is_base && pin.layers.starts_with(&image.layers))
            })
    }
}

fn exit_code(state: &State) -> Option<i64> {
    match state {
        State::Exited { exit, .. } => Some(i64::from(exit.code)),
        _ => None,
    }
}

pub fn state_word(state: &State) -> &'static str {
    match state {
        State::Created => "created",
        State::Running { paused: true, .. } => "paused",
        State::Running { .. } => "running",
        State::Restarting { .. } => "restarting",
        State::Exited { .. } => "exited",
    }
}

/// `Up 5 minutes`, `Exited (0) 2 hours ago`, `Created`.
fn status(state: &State, health: Option<HealthStatus>) -> String {
    match state {
        State::Created => "Created".to_owned(),
        State::Running { started, paused, .. } => {
            let more = match health {
                _ if *paused => " (Paused)",
                None => "",
                Some(HealthStatus::Starting) => " (health: starting)",
                Some(HealthStatus::Healthy) => " (healthy)",
                Some(HealthStatus::Unhealthy) => " (unhealthy)",
            };
            format!("Up {}{more}", human_duration(since(*started)))
        }
        State::Restarting { exit, .. } => format!("Restarting ({}) {}", exit.code, ago(exit.finished)),
        State::Exited { exit, .. } => format!("Exited ({}) {}", exit.code, ago(exit.finished)),
    }
}

fn health_word(view: &ContainerView) -> &'static str {
    view.health.as_ref().map_or("none", |health| health.status.word())
}

pub fn network_name(mode: &NetworkMode) -> &'static str {
    match mode {
        NetworkMode::None => "none",
        NetworkMode::Default | NetworkMode::Host => "host",
        NetworkMode::Container(_) => "container",
    }
}

/// A row of another listing that shows containers.
pub fn row_of(engine: &Engine, view: &ContainerView, size: String, no_trunc: bool) -> Value {
    let effective = Effective::new(&view.record.spec, &engine.run_config(&view.record));
    describe(view, effective, &image_name(view), Some(size), no_trunc)
}

/// Arguments with blanks are quoted, the program itself is not (as Docker's engine tells it).
fn command_line(argv: &[String]) -> String {
    let word = |(n, word): (usize, &String)| {
        if n > 0 && word.contains(' ') { format!("'{word}'") } else { word.clone() }
    };
    argv.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

fn describe(
    view: &ContainerView,
    effective: Effective,
    image: &str,
    size: Option<String>,
    no_trunc: bool,
) -> Value {
    let record = &view.record;
    let id = if no_trunc { record.id.as_str() } else { record.id.short() };
    let command = command_line(&effective.argv());
    let command = if no_trunc { command } else { ellipsis(&command, 20) };
    let labels = effective.labels;
    let joined: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mounts: Vec<String> = record
        .spec
        .mounts
        .iter()
        .filter_map(|mount| match &mount.kind {
            MountKind::Bind { source, .. } => Some(source.to_string_lossy().into_owned()),
            MountKind::Volume { name, .. } => Some(name.clone()),
            MountKind::Image { source, .. } => Some(source.clone()),
            MountKind::Tmpfs { .. } => None,
        })
        .map(|source| if no_trunc { source } else { ellipsis(&source, 15) })
        .collect();
    let volumes = record.spec.mounts.iter().filter(|mount| mount.volume().is_some()).count();
    let platform = record
        .spec
        .platform
        .as_ref()
        .map_or_else(|| crate::image::Platform::host().to_string(), ToString::to_string);
    let mut fields = row(vec![
        ("Command", quote(&command)),
        ("CreatedAt", local(record.created)),
        ("HealthStatus", view.health.as_ref().map_or("", |health| health.status.word()).to_owned()),
        ("ID", id.to_owned()),
        ("Image", image.to_owned()),
        ("Labels", joined.join(",")),
        ("LocalVolumes", volumes.to_string()),
        ("Mounts", mounts.join(",")),
        ("Names", record.name.to_string()),
        ("Networks", network_name(&record.spec.network).to_owned()),
        ("Platform", platform),
        ("Ports", String::new()),
        ("RunningFor", ago(record.created)),
        ("Size", size.unwrap_or_else(|| "0B".to_owned())),
        ("State", state_word(&view.state).to_owned()),
        ("Status", status(&view.state, view.health.as_ref().map(|health| health.status))),
    ]);
    fields.push(("Label".to_owned(), label_method(labels)));
    Value::fields(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Exit;
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn commands_are_shown_with_quotes_around_blanks() {
        let words = ["sh", "-c", "exec sleep 600"].map(str::to_owned);
        assert_eq!(command_line(&words), "sh -c 'exec sleep 600'");
        assert_eq!(ellipsis(&command_line(&words), 20), "sh -c 'exec sleep 6…");
        assert_eq!(command_line(&[]), "");
    }

    #[test]
    fn states_have_dockers_words() {
        let ago = |seconds| Timestamp::now() - SignedDuration::from_secs(seconds);
        let exit = Exit { code: 137, signal: Some(9), oom_killed: false, finished: ago(7200), error: None };
        let told = status;
        let status = |state: &State| told(state, None);
        assert_eq!(status(&State::Created), "Created");
        let running = |paused| State::Running { started: ago(65), pid: 1, paused };
        assert_eq!(status(&running(false)), "Up About a minute");
        assert_eq!(status(&running(true)), "Up About a minute (Paused)");
        for (health, text) in [
            (HealthStatus::Starting, "Up About a minute (health: starting)"),
            (HealthStatus::Healthy, "Up About a minute (healthy)"),
            (HealthStatus::Unhealthy, "Up About a minute (unhealthy)"),
        ] {
            assert_eq!(told(&running(false), Some(health)), text);
        }
        assert_eq!(told(&running(true), Some(HealthStatus::Healthy)), "Up About a minute (Paused)");
        let restarting = State::Restarting { started: ago(7203), exit: exit.clone() };
        assert_eq!(status(&restarting), "Restarting (137) 2 hours ago");
        assert_eq!(status(&State::Exited { started: None, exit }), "Exited (137) 2 hours ago");
    }
}
