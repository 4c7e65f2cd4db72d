//! `events`.

use std::io::Write;

use jiff::Timestamp;

use super::failure::{Failure, Result};
use super::filter::{self, Filters};
use super::format::HELP_OF_OBJECTS;
use super::ui::template::{Template, TemplateError, Unknown, Value};
use super::ui::time::{local_rfc3339_nine, parse_moment};
use super::verb::{Context, Verb};
use crate::events::{Event, Kind, Query};

#[derive(Debug, clap::Args)]
pub struct Events {
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", help = HELP_OF_OBJECTS)]
    format: Option<String>,
    /// Show all events created since timestamp
    #[arg(long, value_name = "string")]
    since: Option<String>,
    /// Stream events until this timestamp
    #[arg(long, value_name = "string")]
    until: Option<String>,
}

pub const FILTERS: &[&str] = &[
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];

/// Of everything that happens on one machine.
const SCOPE: &str = "local";

impl Verb for Events {
    const NAMES: &'static [&'static str] = &["system events", "events"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Get real time events from the server";

    fn run(self, context: &Context) -> Result<u8> {
        let template = template(self.format.as_deref().unwrap_or_default())?;
        let filters = Filters::new(&self.filter, FILTERS)?;
        let query = self.query(Timestamp::now())?;
        let mut out = std::io::stdout().lock();
        let mut failed = None;
        context.engine()?.events(&query, &mut |event| {
            if !passes(&filters, event) {
                return Ok(());
            }
            let text = match &template {
                None => line(event),
                Some(template) => match template.execute(&message(event), UNKNOWN) {
                    Ok(text) => text + "\n",
                    Err(error) => {
                        failed = Some(format_failure(&error));
                        return Err(std::io::ErrorKind::InvalidData.into());
                    }
                },
            };
            // Each line at once: programs wait for them.
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        })?;
        failed.map_or(Ok(0), Err)
    }
}

impl Events {
    fn query(&self, now: Timestamp) -> Result<Query> {
        let moment = |text: &Option<String>| match text.as_deref().filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => parse_moment(text, now).map(Some).map_err(Failure::new),
        };
        let (since, until) = (moment(&self.since)?, moment(&self.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            let epoch = |time: Timestamp| format!("{}.{:09}", time.as_second(), time.subsec_nanosecond());
            return Err(Failure::daemon(format!(
                "`since` time ({}) cannot be after `until` time ({})",
                epoch(since),
                epoch(until)
            )));
        }
        Ok(Query { since, until })
    }
}

const UNKNOWN: Unknown = Unknown::Field("*events.Message");

/// Checked on an event without content before the first one comes, as Docker does.
fn template(format: &str) -> Result<Option<Template>> {
    let text = match format {
        "" => return Ok(None),
        "json" => "{{json .}}",
        text => text,
    };
    let template = Template::parse(text).map_err(|error| format_failure(&error))?;
    let nothing = crate::events::Subject::all(Kind::Container).event("");
    template.execute(&message(&nothing), UNKNOWN).map_err(|error| format_failure(&error))?;
    Ok(Some(template))
}

fn format_failure(error: &TemplateError) -> Failure {
    Failure::with_status(64, format!("Error parsing format: {error}"))
}

/// Docker's rules (its daemon/events/filter.go).
fn passes(filters: &Filters, event: &Event) -> bool {
    let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
    // What follows a colon need not be given once one of these is asked for.
    let is_fuzzy = filters
        .values("event")
        .iter()
        .any(|v| matches!(v.as_str(), "health_status" | "exec_create" | "exec_start"));
    let is_event = |wanted: &String| match is_fuzzy {
        true => event.action.starts_with(wanted.as_str()),
        false => event.action == *wanted,
    };
    let begins_with = |wanted: &String| {
        event.id.starts_with(wanted.as_str()) || attribute("name").starts_with(wanted.as_str())
    };
    let image = attribute(if event.kind == Kind::Image { "name" } else { "image" });
    let is_image = |wanted: &String| {
        [&event.id, image, without_tag(&event.id), without_tag(image)].contains(&wanted.as_str())
    };
    filters.any("event", is_event)
        && filters.any("type", |wanted| wanted == event.kind.word())
        && filters.any("scope", |wanted| wanted == SCOPE)
        && filters.any("container", |w| event.kind == Kind::Container && begins_with(w))
        && filters.any("volume", |w| event.kind == Kind::Volume && begins_with(w))
        && filters.any("network", |w| event.kind == Kind::Network && begins_with(w))
        && filters.any("secret", |w| event.kind == Kind::Secret && begins_with(w))
        && filters.any("image", is_image)
        && filters.labels("label", &event.attributes)
        // Nothing of these kinds happens here.
        && ["config", "daemon", "node", "plugin", "service"].iter().all(|kind| !filters.has(kind))
}

fn without_tag(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    match name.rsplit_once(':') {
        // A colon before a slash belongs to a port.
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => name,
    }
}

/// `2026-11-26T16:00:00.123456789Z container create 0123… (image=busybox, name=box)`
fn line(event: &Event) -> String {
    let time = local_rfc3339_nine(event.time);
    let attributes: Vec<String> =
        event.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let attributes =
        if attributes.is_empty() { String::new() } else { format!(" ({})", attributes.join(", ")) };
    format!("{time} {} {} {}{attributes}\n", event.kind.word(), event.action, event.id)
}

/// Docker's message, with the fields of its first version that it still has.
fn message(event: &Event) -> Value {
    let text = |text: &str| Value::str(text);
    let has_old_fields = matches!(event.kind, Kind::Container | Kind::Image);
    let from = event.attributes.get("image").filter(|_| event.kind == Kind::Container);
    // Left out of the JSON while they are empty, and there for templates all the same.
    let optional = |name: &str, value: &str| {
        let value = match value {
            "" => Value::Method(std::rc::Rc::new(|_| Ok(Value::str("")))),
            value => Value::str(value),
        };
        (name.to_owned(), value)
    };
    let field = |name: &str, value: Value| (name.to_owned(), value);
    let attributes = event.attributes.iter().map(|(key, value)| (key.clone(), text(value)));
    let actor = vec![field("ID", text(&event.id)), field("Attributes", Value::map(attributes))];
    let nanoseconds = i64::try_from(event.time.as_nanosecond()).unwrap_or(i64::MAX);
    Value::fields(vec![
        optional("status", if has_old_fields { &event.action } else { "" }),
        optional("id", if has_old_fields { &event.id } else { "" }),
        optional("from", from.map_or("", String::as_str)),
        field("Type", text(event.kind.word())),
        field("Action", text(&event.action)),
        field("Actor", Value::fields(actor)),
        field("scope", text(SCOPE)),
        field("time", Value::Int(event.time.as_second())),
        field("timeNano", Value::Int(nanoseconds)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Subject;

    fn start() -> Event {
        let labels = [("tier".to_owned(), "web".to_owned())].into();
        Subject::container("c0ffee00", "box", "busybox:1", labels).event("start")
    }

    #[test]
    fn filters_are_dockers() {
        let passes = |pairs: &[&str], event: &Event| {
            let pairs: Vec<_> = pairs.iter().map(|pair| filter::parse(pair).unwrap()).collect();
            passes(&Filters::new(&pairs, FILTERS).unwrap(), event)
        };
        let image = Subject::image("busybox:1", "busybox", Default::default()).event("pull");
        let exec = Subject::container("c0ffee00", "box", "busybox:1", Default::default())
            .event("exec_start: sh -c true");
        let prune = Subject::all(Kind::Image).with("reclaimed", 0).event("prune");
        for (filters, event, want) in [
            (&[][..], &start(), true),
            (&["event=start"], &start(), true),
            (&["event=star"], &start(), false),
            (&["event=stop", "event=start"], &start(), true),
            (&["event=stop", "type=container"], &start(), false),
            (&["event=exec_start"], &exec, true),
            (&["event=exec_die"], &exec, false),
            (&["type=image"], &start(), false),
            (&["type=image"], &image, true),
            (&["scope=local"], &start(), true),
            (&["scope=swarm"], &start(), false),
            (&["container=c0ffee"], &start(), true),
            (&["container=box"], &start(), true),
            (&["container=other"], &start(), false),
            (&["container=box"], &image, false),
            (&["container="], &prune, false),
            (&["image=busybox"], &start(), true),
            (&["image=busybox:1"], &start(), true),
            (&["image=busybox:2"], &start(), false),
            (&["image=busybox"], &image, true),
            (&["label=tier"], &start(), true),
            (&["label=tier=web"], &start(), true),
            (&["label=tier=db"], &start(), false),
            (&["volume=c0ffee"], &start(), false),
            (&["daemon=x"], &start(), false),
        ] {
            assert_eq!(passes(filters, event), want, "{filters:?} {}", event.action);
        }
    }

    #[test]
    fn lines_and_messages_are_dockers() {
        let mut event = start();
        event.time = "2026-11-26T16:00:00.5Z".parse().unwrap();
        let shown = line(&event);
        assert!(
            shown.ends_with(" container start c0ffee00 (image=busybox:1, name=box, tier=web)\n"),
            "{shown}"
        );
        assert!(shown.contains(":00.500000000"), "{shown}");
        let json = message(&event).to_json().to_string();
        assert_eq!(
            json,
            "{\"status\":\"start\",\"id\":\"c0ffee00\",\"from\":\"busybox:1\",\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"c0ffee00\",\"Attributes\":{\"image\":\"busybox:1\",\"name\":\"box\",\"tier\":\"web\"}},\"scope\":\"local\",\"time\":1795708800,\"timeNano\":1795708800500000000}"
        );
        let volume = Subject::volume("data").event("create");
        let shown =
            template("{{.Type}}|{{.Status}}|{{.From}}|{{.Actor.Attributes.driver}}").unwrap().unwrap();
        assert_eq!(shown.execute(&message(&volume), UNKNOWN).unwrap(), "volume|||local");
        assert_eq!(template("{{.Nonsense}}").unwrap_err().status, 64);
        assert!(template("").unwrap().is_none());
    }

    #[test]
    fn tags_are_taken_off_names() {
        for (name, want) in [
            ("busybox", "busybox"),
            ("busybox:1", "busybox"),
            ("host:5000/x", "host:5000/x"),
            ("host:5000/x:1", "host:5000/x"),
            ("x@sha256:00", "x"),
        ] {
            assert_eq!(without_tag(name), want);
        }
    }
}
