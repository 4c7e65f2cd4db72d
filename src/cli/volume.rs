//! `volume create`, `volume inspect`, `volume ls`, `volume rm`; `volume prune` is with the other prunes.

use super::failure::{Failure, Result};
use super::filter::{self, Filters, matches_pattern};
use super::flags::{check_volume_driver, key_or_value, label};
use super::format::{Format, HELP_OF_LISTINGS, HELP_OF_OBJECTS, Listing, label_method, row};
use super::inspect::show;
use super::ui;
use super::ui::template::Value;
use super::ui::units::ram_in_bytes;
use super::verb::{Context, Verb};
use crate::engine::volume::{Volume, Wish};
use crate::engine::{Engine, Kind};

#[derive(Debug, clap::Args)]
pub struct VolumeCreate {
    /// Specify volume driver name
    #[arg(short, long, value_name = "string", default_value = "local")]
    driver: String,
    /// Set metadata for a volume
    #[arg(long, value_name = "list", value_parser = label)]
    label: Vec<(String, String)>,
    /// Set driver specific options (type, o, device)
    #[arg(short, long, value_name = "map", value_parser = key_or_value)]
    opt: Vec<(String, String)>,
    /// Succeed if the volume exists, as it always does
    #[arg(long, hide = true)]
    ignore: bool,
    /// Specify volume name, as Docker did before it was an argument
    #[arg(long = "name", value_name = "string", hide = true)]
    former_name: Option<String>,
    #[command(flatten)]
    cluster: OfClusters,
    #[arg(value_name = "VOLUME")]
    name: Option<String>,
}

/// Docker's flags for volumes of a cluster: taken where they ask for nothing.
#[derive(Debug, clap::Args)]
struct OfClusters {
    #[arg(long, hide = true)]
    availability: Option<String>,
    #[arg(long, hide = true)]
    group: Option<String>,
    #[arg(long, hide = true, value_parser = ram_in_bytes)]
    limit_bytes: Option<u64>,
    #[arg(long, hide = true, value_parser = ram_in_bytes)]
    required_bytes: Option<u64>,
    #[arg(long, hide = true)]
    scope: Option<String>,
    #[arg(long, hide = true)]
    secret: Vec<String>,
    #[arg(long, hide = true)]
    sharing: Option<String>,
    #[arg(long, hide = true)]
    topology_preferred: Vec<String>,
    #[arg(long, hide = true)]
    topology_required: Vec<String>,
    #[arg(long = "type", hide = true)]
    kind: Option<String>,
}

impl OfClusters {
    fn refuse(&self) -> Result<()> {
        let differs = |flag: &Option<String>, neutral: &str| flag.as_deref().is_some_and(|v| v != neutral);
        let asked = [
            ("availability", differs(&self.availability, "active")),
            ("group", differs(&self.group, "")),
            ("limit-bytes", self.limit_bytes.unwrap_or(0) > 0),
            ("required-bytes", self.required_bytes.unwrap_or(0) > 0),
            ("scope", differs(&self.scope, "single")),
            ("secret", !self.secret.is_empty()),
            ("sharing", differs(&self.sharing, "none")),
            ("topology-preferred", !self.topology_preferred.is_empty()),
            ("topology-required", !self.topology_required.is_empty()),
            ("type", differs(&self.kind, "block")),
        ];
        match asked.iter().find(|(_, asked)| *asked) {
            Some((flag, _)) => Err(Failure::new(format!("--{flag}: {LOCAL_ONLY}"))),
            None => Ok(()),
        }
    }
}

const LOCAL_ONLY: &str = "volumes of a cluster belong to swarms; here all are local";

#[derive(Debug, clap::Args)]
pub struct VolumeInspect {
    #[arg(short, long, value_name = "string", help = HELP_OF_OBJECTS)]
    format: Option<String>,
    #[arg(required = true, value_name = "VOLUME")]
    names: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct VolumeLs {
    /// Display only cluster volumes
    #[arg(long, hide = true)]
    cluster: bool,
    /// Provide filter values (e.g. "dangling=true")
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", help = HELP_OF_LISTINGS)]
    format: Option<String>,
    /// Do not print the column headings
    #[arg(short = 'n', long)]
    noheading: bool,
    /// Only display volume names
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct VolumeRm {
    /// Force the removal of one or more volumes
    #[arg(short, long)]
    force: bool,
    #[arg(required = true, value_name = "VOLUME")]
    names: Vec<String>,
}

impl Verb for VolumeCreate {
    const NAMES: &'static [&'static str] = &["volume create"];
    const USAGE: &'static str = "[OPTIONS] [VOLUME]";
    const ABOUT: &'static str = "Create a volume";

    fn run(self, context: &Context) -> Result<u8> {
        check_volume_driver(&self.driver).map_err(|failure| Failure { status: 1, ..failure })?;
        let wish = Wish { labels: self.label.into_iter().collect(), options: self.opt.into_iter().collect() };
        self.cluster.refuse()?;
        let former = self.former_name.as_deref().filter(|name| !name.is_empty());
        if former.is_some() && self.name.is_some() {
            return Err(Failure::new(
                "conflicting options: cannot specify a volume name through both --name and as a positional arg",
            ));
        }
        let name = self.name.as_deref().filter(|name| !name.is_empty()).or(former);
        ui::line(context.engine()?.create_volume(name, wish)?.name)?;
        Ok(0)
    }
}

impl Verb for VolumeInspect {
    const NAMES: &'static [&'static str] = &["volume inspect"];
    const USAGE: &'static str = "[OPTIONS] VOLUME [VOLUME...]";
    const ABOUT: &'static str = "Display detailed information on one or more volumes";

    fn run(self, context: &Context) -> Result<u8> {
        show(context, &self.names, self.format.as_deref(), a_volume)
    }
}

/// Docker's JSON of a volume.
pub fn a_volume(engine: &Engine, name: &str) -> Result<serde_json::Value> {
    Ok(engine.inspect_volume(&engine.volume(name)?))
}

pub const FILTERS: &[&str] = &["dangling", "driver", "label", "name"];

const LISTING: Listing = Listing {
    kind: "*formatter.volumeContext",
    headings: &[
        ("Availability", "AVAILABILITY"),
        ("Driver", "DRIVER"),
        ("Group", "GROUP"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Name", "VOLUME NAME"),
        ("Scope", "SCOPE"),
        ("Size", "SIZE"),
        ("Status", "STATUS"),
    ],
};

impl Verb for VolumeLs {
    const NAMES: &'static [&'static str] = &["volume ls", "volume list"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List volumes";

    fn run(self, context: &Context) -> Result<u8> {
        if self.cluster {
            return Err(Failure::new(format!("--cluster: {LOCAL_ONLY}")));
        }
        let filters = Filters::new(&self.filter, FILTERS)?;
        let dangling = filters.truth("dangling")?;
        let format = match (self.quiet, self.format.as_deref().unwrap_or_default()) {
            (true, "" | "table" | "json") => Format::parse("{{.Name}}", "")?,
            (_, format) => Format::parse(format, "{{.Driver}}\t{{.Name}}")?,
        };
        let format = format.without_heading(self.noheading);
        let engine = context.engine()?;
        let users = match dangling {
            Some(_) => engine.containers.volume_users().map_err(crate::engine::Error::from)?,
            None => Default::default(),
        };
        let is_wanted = |volume: &Volume| {
            dangling.is_none_or(|wanted| users.contains_key(&volume.name) != wanted)
                && filters.any("driver", |driver| driver == "local")
                && filters.labels("label", &volume.labels)
                && filters.any("name", |pattern| matches_pattern(pattern, &volume.name))
        };
        let volumes = engine.volumes.list().map_err(crate::engine::Error::from)?;
        let rows: Vec<Value> = volumes
            .into_iter()
            .filter(is_wanted)
            .map(|volume| describe(&engine, &volume, not_here(), not_here()))
            .collect();
        ui::out(&format.render(&LISTING, &rows)?)?;
        Ok(0)
    }
}

/// What is not looked for, or does not exist outside of clusters.
fn not_here() -> String {
    "N/A".to_owned()
}

/// A row; how many containers have it and how much is in it only some commands look for.
pub fn describe(engine: &Engine, volume: &Volume, links: String, size: String) -> Value {
    let joined: Vec<String> = volume.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut fields = row(vec![
        ("Availability", not_here()),
        ("Driver", "local".to_owned()),
        ("Group", not_here()),
        ("Labels", joined.join(",")),
        ("Links", links),
        ("Mountpoint", engine.volumes.data(&volume.name).to_string_lossy().into_owned()),
        ("Name", volume.name.clone()),
        ("Scope", "local".to_owned()),
        ("Size", size),
        ("Status", not_here()),
    ]);
    fields.push(("Label".to_owned(), label_method(volume.labels.clone())));
    Value::fields(fields)
}

impl Verb for VolumeRm {
    const NAMES: &'static [&'static str] = &["volume rm", "volume remove"];
    const USAGE: &'static str = "[OPTIONS] VOLUME [VOLUME...]";
    const ABOUT: &'static str = "Remove one or more volumes";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let failed = super::each(&self.names, |name| {
            match engine.remove_volume(name) {
                // Gone is what was wanted.
                Err(error) if self.force && error.kind == Kind::NotFound => {}
                removed => removed?,
            }
            ui::line(name)
        })?;
        Ok(u8::from(!failed.is_empty()))
    }
}
