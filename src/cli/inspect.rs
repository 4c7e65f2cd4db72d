//! `inspect`, `container inspect`, `image inspect`.

use serde_json::Value as Json;

use super::choice::Choice;
use super::failure::{Failure, Result};
use super::format::{HELP_OF_OBJECTS, template_failure};
use super::ui;
use super::ui::template::{Template, Unknown, Value};
use super::verb::{Context, Verb};
use super::volume::a_volume;
use crate::engine::{Engine, Kind};

#[derive(Debug, clap::Args)]
pub struct Inspect {
    #[arg(short, long, value_name = "string", help = HELP_OF_OBJECTS)]
    format: Option<String>,
    /// Display total file sizes if the type is container
    #[arg(short, long)]
    size: bool,
    /// Only inspect objects of the given type
    #[arg(long = "type", value_name = "string")]
    kind: Option<String>,
    /// Show the container created last
    #[arg(short, long)]
    latest: bool,
    #[arg(required = true, value_name = "NAME|ID")]
    names: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct ContainerInspect {
    #[arg(short, long, value_name = "string", help = HELP_OF_OBJECTS)]
    format: Option<String>,
    /// Display total file sizes
    #[arg(short, long)]
    size: bool,
    /// Show the container created last
    #[arg(short, long)]
    latest: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    names: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct ImageInspect {
    #[arg(short, long, value_name = "string", help = HELP_OF_OBJECTS)]
    format: Option<String>,
    /// Inspect a specific platform of the multi-platform image
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[arg(required = true, value_name = "IMAGE")]
    names: Vec<String>,
}

/// Types of Docker, of which containers, images, secrets and volumes are there.
const TYPES: [&str; 10] =
    ["config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"];

impl Verb for Inspect {
    const NAMES: &'static [&'static str] = &["inspect"];
    const USAGE: &'static str = "[OPTIONS] NAME|ID [NAME|ID...]";
    const ABOUT: &'static str = "Return low-level information on Docker objects";

    fn run(self, context: &Context) -> Result<u8> {
        let kind = self.kind.as_deref().unwrap_or_default();
        if !kind.is_empty() && !TYPES.contains(&kind) {
            let known: Vec<String> = TYPES.iter().map(|kind| format!("{kind:?}")).collect();
            return Err(Failure::new(format!("unknown type: {kind:?}: must be one of {}", known.join(", "))));
        }
        let size = self.size;
        let names = with_latest(context, self.names, self.latest)?;
        show(context, &names, self.format.as_deref(), |engine, name| match kind {
            "container" => a_container(engine, name, size),
            "image" => Ok(engine.inspect_image(name)?),
            "secret" => Ok(engine.inspect_secret(name, false)?),
            "volume" => a_volume(engine, name),
            "" => anything(engine, name, size),
            other => Err(Failure::daemon(format!("No such {other}: {name}"))),
        })
    }
}

impl Verb for ContainerInspect {
    const NAMES: &'static [&'static str] = &["container inspect"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Display detailed information on one or more containers";

    fn run(self, context: &Context) -> Result<u8> {
        let size = self.size;
        let names = with_latest(context, self.names, self.latest)?;
        show(context, &names, self.format.as_deref(), |engine, name| a_container(engine, name, size))
    }
}

impl Verb for ImageInspect {
    const NAMES: &'static [&'static str] = &["image inspect"];
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const ABOUT: &'static str = "Display detailed information on one or more images";

    fn run(self, context: &Context) -> Result<u8> {
        let wanted = super::flags::platform(self.platform.as_deref())
            .map_err(|failure| Failure { status: 1, ..failure })?
            .filter(|_| self.platform.is_some());
        show(context, &self.names, self.format.as_deref(), |engine, name| {
            if let Some(wanted) = &wanted {
                let config = engine.find_image(name)?.config;
                let offered =
                    crate::image::Platform::new(&config.os, &config.architecture, config.variant.as_deref());
                if wanted.rank(&offered).is_none() {
                    return Err(Failure::daemon(format!(
                        "image with reference {name} was found but does not provide the specified platform ({wanted})"
                    )));
                }
            }
            Ok(engine.inspect_image(name)?)
        })
    }
}

fn with_latest(context: &Context, names: Vec<String>, latest: bool) -> Result<Vec<String>> {
    if !latest {
        return Ok(names);
    }
    Choice { names: &names, all: false, latest, ignore: false, ..Choice::default() }
        .resolve(&context.engine()?, |_| true)
}

fn a_container(engine: &Engine, name: &str, size: bool) -> Result<Json> {
    let view = engine.find(name)?;
    Ok(engine.inspect_container(&view, size)?)
}

/// A container, else an image, else a volume, else a secret (Docker's order).
fn anything(engine: &Engine, name: &str, size: bool) -> Result<Json> {
    match engine.find(name) {
        Ok(view) => return Ok(engine.inspect_container(&view, size)?),
        Err(error) if error.kind == Kind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    match engine.inspect_image(name) {
        // A name that no image may have cannot be one's.
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::InvalidParameter) => {}
        image => return Ok(image?),
    }
    match engine.volume(name) {
        Err(error) if error.kind == Kind::NotFound => {}
        volume => return Ok(engine.inspect_volume(&volume?)),
    }
    match engine.inspect_secret(name, false) {
        Ok(secret) => Ok(secret),
        Err(error) if error.kind == Kind::NotFound => {
            Err(Failure::new(format!("Error: No such object: {name}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Prints what is found, a list as JSON or a line per object; what is not is told afterwards.
pub fn show(
    context: &Context,
    names: &[String],
    format: Option<&str>,
    find: impl Fn(&Engine, &str) -> Result<Json>,
) -> Result<u8> {
    match format.filter(|format| !format.is_empty()) {
        None => {
            let (found, failures) = find_all(context, names, find)?;
            ui::line(indented(&Json::Array(found)))?;
            told(failures)
        }
        Some("json") => show_as_text(context, names, "{{json .}}", find),
        Some(text) => show_as_text(context, names, text, find),
    }
}

/// Prints each of what is found by a template.
pub fn show_as_text(
    context: &Context,
    names: &[String],
    template: &str,
    find: impl Fn(&Engine, &str) -> Result<Json>,
) -> Result<u8> {
    // Docker has a status of its own for this one.
    let template = Template::parse(template).map_err(|e| Failure { status: 64, ..template_failure(e) })?;
    let (found, mut failures) = find_all(context, names, find)?;
    let mut text = String::new();
    for object in &found {
        match template.execute(&Value::from_json(object), Unknown::Key) {
            Ok(line) => text.push_str(&format!("{line}\n")),
            Err(error) => failures.push(template_failure(error).text),
        }
    }
    if found.is_empty() {
        text.push('\n');
    }
    ui::out(&text)?;
    told(failures)
}

/// The objects that are there, and what is to be told of the others.
fn find_all(
    context: &Context,
    names: &[String],
    find: impl Fn(&Engine, &str) -> Result<Json>,
) -> Result<(Vec<Json>, Vec<String>)> {
    let engine = context.engine()?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match find(&engine, name) {
            Ok(object) => found.push(object),
            Err(failure) => failures.push(failure.text),
        }
    }
    Ok((found, failures))
}

fn told(failures: Vec<String>) -> Result<u8> {
    if failures.is_empty() { Ok(0) } else { Err(Failure::new(failures.join("\n"))) }
}

/// JSON as Docker prints it: four blanks, an empty list on one line.
pub fn indented(value: &Json) -> String {
    use serde::Serialize;
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    value.serialize(&mut serializer).expect("a JSON value can be written to memory");
    String::from_utf8(out).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_an_empty_list() {
        assert_eq!(indented(&Json::Array(Vec::new())), "[]");
        assert_eq!(
            indented(&serde_json::json!([{ "Id": "x" }])),
            "[\n    {\n        \"Id\": \"x\"\n    }\n]"
        );
    }
}
