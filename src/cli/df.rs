//! `system df`.

use super::failure::Result;
use super::format::{Format, HELP_OF_LISTINGS, Listing, row, template_failure};
use super::ps;
use super::ui;
use super::ui::template::{Template, Unknown, Value};
use super::ui::time::ago;
use super::ui::units::human_size;
use super::verb::{Context, Verb};
use super::volume;
use crate::engine::Engine;
use crate::engine::disk::{ContainerUsage, DiskUsage, ImageUsage, VolumeUsage};

#[derive(Debug, clap::Args)]
pub struct SystemDf {
    #[arg(long, value_name = "string", help = HELP_OF_LISTINGS)]
    format: Option<String>,
    /// Show detailed information on space usage
    #[arg(short, long)]
    verbose: bool,
}

const SUMMARY: Listing = Listing {
    kind: "*formatter.diskUsageImagesContext",
    headings: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
};
const SUMMARY_TABLE: &str = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";

const IMAGES: Listing = Listing {
    kind: "*formatter.imageContext",
    headings: &[
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("ID", "IMAGE ID"),
        ("CreatedSince", "CREATED"),
        ("Size", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("Containers", "CONTAINERS"),
    ],
};
const IMAGES_TABLE: &str = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";

const CONTAINERS: Listing = Listing {
    kind: "*formatter.ContainerContext",
    headings: &[
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Size", "SIZE"),
        ("RunningFor", "CREATED"),
        ("Status", "STATUS"),
        ("Names", "NAMES"),
    ],
};
const CONTAINERS_TABLE: &str = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}";

const VOLUMES: Listing = Listing {
    kind: "*formatter.volumeContext",
    headings: &[("Name", "VOLUME NAME"), ("Links", "LINKS"), ("Size", "SIZE")],
};
const VOLUMES_TABLE: &str = "{{.Name}}\t{{.Links}}\t{{.Size}}";

const CACHE: Listing = Listing {
    kind: "*formatter.buildCacheContext",
    headings: &[
        ("ID", "CACHE ID"),
        ("CacheType", "CACHE TYPE"),
        ("Size", "SIZE"),
        ("CreatedSince", "CREATED"),
        ("LastUsedSince", "LAST USED"),
        ("UsageCount", "USAGE"),
        ("Shared", "SHARED"),
    ],
};
const CACHE_TABLE: &str =
    "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}";

impl Verb for SystemDf {
    const NAMES: &'static [&'static str] = &["system df"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Show coracle disk usage";

    fn run(self, context: &Context) -> Result<u8> {
        let format = self.format.unwrap_or_default();
        let engine = context.engine()?;
        if !self.verbose {
            let format = Format::parse(&format, SUMMARY_TABLE)?;
            ui::out(&format.render(&SUMMARY, &summary(&engine.disk_usage()?))?)?;
            return Ok(0);
        }
        let text = match format.as_str() {
            "" | "table" => tables(&engine, &engine.disk_usage()?)?,
            format => {
                let text = if format == "json" { "{{json .}}" } else { format };
                let text = text.replace("\\t", "\t").replace("\\n", "\n");
                let template = Template::parse(&text).map_err(template_failure)?;
                let value = detailed(&engine, &engine.disk_usage()?);
                template
                    .execute(&value, Unknown::Field("*formatter.diskUsageContext"))
                    .map_err(template_failure)?
            }
        };
        ui::out(&text)?;
        Ok(0)
    }
}

fn summary(usage: &DiskUsage) -> Vec<Value> {
    let containers: u64 = usage.containers.iter().map(|one| one.written).sum();
    let stopped = usage.containers.iter().filter(|one| !one.is_running());
    let volumes: u64 = usage.volumes.iter().map(|one| one.size).sum();
    let unlinked = usage.volumes.iter().filter(|one| one.links == 0);
    let line = |kind: &str, total: usize, active: usize, size: u64, reclaimable: String| {
        Value::fields(row(vec![
            ("Active", active.to_string()),
            ("Reclaimable", reclaimable),
            ("Size", human_size(size, 4)),
            ("TotalCount", total.to_string()),
            ("Type", kind.to_owned()),
        ]))
    };
    let used_images = usage.images.iter().filter(|one| one.containers > 0).count();
    let running = usage.containers.iter().filter(|one| one.is_running()).count();
    let linked = usage.volumes.iter().filter(|one| one.links > 0).count();
    vec![
        line(
            "Images",
            usage.images.len(),
            used_images,
            usage.layers,
            part(usage.unused_layers, usage.layers),
        ),
        line(
            "Containers",
            usage.containers.len(),
            running,
            containers,
            part(stopped.map(|one| one.written).sum(), containers),
        ),
        line(
            "Local Volumes",
            usage.volumes.len(),
            linked,
            volumes,
            part(unlinked.map(|one| one.size).sum(), volumes),
        ),
        // Nothing is built here yet.
        line("Build Cache", 0, 0, 0, human_size(0, 4)),
    ]
}

/// `1.2GB (50%)`
fn part(bytes: u64, of: u64) -> String {
    match of {
        0 => human_size(bytes, 4),
        of => format!("{} ({}%)", human_size(bytes, 4), u128::from(bytes) * 100 / u128::from(of)),
    }
}

fn tables(engine: &Engine, usage: &DiskUsage) -> Result<String> {
    let table = |listing: &Listing, template: &str, rows: &[Value]| {
        Format::parse("table", template)?.render(listing, rows)
    };
    let images: Vec<Value> = usage.images.iter().map(|one| image(one, true)).collect();
    let containers: Vec<Value> = usage.containers.iter().map(|one| container(engine, one, true)).collect();
    let volumes: Vec<Value> = usage.volumes.iter().map(|one| volume(engine, one)).collect();
    Ok(format!(
        "Images space usage:\n\n{}\nContainers space usage:\n\n{}\nLocal Volumes space usage:\n\n{}\nBuild cache usage: 0B\n\n{}",
        table(&IMAGES, IMAGES_TABLE, &images)?,
        table(&CONTAINERS, CONTAINERS_TABLE, &containers)?,
        table(&VOLUMES, VOLUMES_TABLE, &volumes)?,
        table(&CACHE, CACHE_TABLE, &[])?,
    ))
}

/// Nothing is cut short outside of tables.
fn detailed(engine: &Engine, usage: &DiskUsage) -> Value {
    let list = |rows: Vec<Value>| Value::list(rows);
    let field = |name: &str, value: Value| (name.to_owned(), value);
    Value::fields(vec![
        field("Images", list(usage.images.iter().map(|one| image(one, false)).collect())),
        field("Containers", list(usage.containers.iter().map(|one| container(engine, one, false)).collect())),
        field("Volumes", list(usage.volumes.iter().map(|one| volume(engine, one)).collect())),
        field("BuildCache", list(Vec::new())),
    ])
}

fn image(usage: &ImageUsage, truncated: bool) -> Value {
    let image = &usage.image;
    let none = || "<none>".to_owned();
    // Its first tag only.
    let name = image.names.iter().find(|name| name.tag.is_some());
    let made: Option<jiff::Timestamp> = image.config.created.as_deref().and_then(|text| text.parse().ok());
    Value::fields(row(vec![
        ("Containers", usage.containers.to_string()),
        ("CreatedAt", made.map(ui::time::local).unwrap_or_default()),
        ("CreatedSince", made.map(ago).unwrap_or_default()),
        ("Digest", none()),
        ("ID", if truncated { image.id.short() } else { image.id.to_string() }),
        ("Repository", name.map_or_else(none, |name| name.familiar_name())),
        ("SharedSize", human_size(usage.shared, 4)),
        ("Size", human_size(image.size, 3)),
        ("Tag", name.and_then(|name| name.tag.clone()).unwrap_or_else(none)),
        ("UniqueSize", human_size(image.size.saturating_sub(usage.shared), 4)),
        ("VirtualSize", human_size(image.size, 3)),
    ]))
}

/// As `ps -s` shows it, without what it sees of its image.
fn container(engine: &Engine, usage: &ContainerUsage, truncated: bool) -> Value {
    ps::row_of(engine, &usage.view, human_size(usage.written, 3), !truncated)
}

fn volume(engine: &Engine, usage: &VolumeUsage) -> Value {
    let (links, size) = (usage.links.to_string(), human_size(usage.size, 3));
    volume::describe(engine, &usage.volume, links, size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::volume::Volume;

    #[test]
    fn parts_are_told_in_percent_where_there_is_a_whole() {
        for (bytes, of, want) in [
            (0, 0, "0B"),
            (0, 10, "0B (0%)"),
            (1_200_000_000, 2_400_000_001, "1.2GB (49%)"),
            (7, 7, "7B (100%)"),
        ] {
            assert_eq!(part(bytes, of), want);
        }
    }

    #[test]
    fn volumes_that_nobody_has_can_go() {
        let volume = |links, size| {
            let volume = Volume {
                name: "v".into(),
                created: jiff::Timestamp::UNIX_EPOCH,
                labels: Default::default(),
                options: Default::default(),
            };
            VolumeUsage { volume, links, size }
        };
        let usage = DiskUsage { volumes: vec![volume(1, 3000), volume(0, 1000)], ..DiskUsage::default() };
        let text = Format::parse("", SUMMARY_TABLE).unwrap().render(&SUMMARY, &summary(&usage)).unwrap();
        assert_eq!(
            text,
            "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n\
             Images          0         0         0B        0B\n\
             Containers      0         0         0B        0B\n\
             Local Volumes   2         1         4kB       1kB (25%)\n\
             Build Cache     0         0         0B        0B\n"
        );
    }
}
