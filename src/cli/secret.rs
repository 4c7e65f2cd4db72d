//! `secret create`, `secret inspect`, `secret ls`, `secret rm`: podman's, which needs no swarm for them.

use std::fs::File;
use std::io::Read;

use super::failure::{Failure, Result, told};
use super::filter::{self, Filters, matches_pattern};
use super::flags::environment::open_error;
use super::flags::{key_or_value, label};
use super::format::{Format, HELP_OF_LISTINGS, HELP_OF_OBJECTS, Listing, label_method, row};
use super::inspect::{show, show_as_text};
use super::ui;
use super::ui::template::Value;
use super::ui::time::ago;
use super::verb::{Context, Verb};
use crate::copy::reason;
use crate::engine::secret::{IfTaken, MAX_SIZE, Secret};
use crate::engine::{self, Engine, Kind};

#[derive(Debug, clap::Args)]
pub struct SecretCreate {
    /// Secret driver (file)
    #[arg(short, long, value_name = "string", default_value = "file")]
    driver: String,
    /// Refused: the driver file has no options
    #[arg(long, value_name = "map", value_parser = key_or_value, hide = true)]
    driver_opts: Vec<(String, String)>,
    /// Read the secret from the environment variable that stands where the file would
    #[arg(long)]
    env: bool,
    /// Leave a secret that has the name as it is, and print its ID
    #[arg(long)]
    ignore: bool,
    /// Secret labels
    #[arg(short, long, value_name = "list", value_parser = label)]
    label: Vec<(String, String)>,
    /// Remove the secret that has the name, if there is one
    #[arg(long)]
    replace: bool,
    /// Refused: values are taken as they are
    #[arg(long, value_name = "string", hide = true)]
    template_driver: Option<String>,
    #[arg(required = true, value_name = "SECRET")]
    name: String,
    #[arg(required = true, value_name = "file|-")]
    source: String,
}

#[derive(Debug, clap::Args)]
pub struct SecretInspect {
    #[arg(short, long, value_name = "string", help = HELP_OF_OBJECTS)]
    format: Option<String>,
    /// Print the information in a human friendly format
    #[arg(long)]
    pretty: bool,
    /// Display the secret's value too
    #[arg(long)]
    showsecret: bool,
    #[arg(required = true, value_name = "SECRET")]
    names: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct SecretLs {
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", help = HELP_OF_LISTINGS)]
    format: Option<String>,
    /// Print no headings
    #[arg(short, long)]
    noheading: bool,
    /// Only display IDs
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct SecretRm {
    /// Remove all secrets
    #[arg(short, long)]
    all: bool,
    /// Pass over secrets that do not exist
    #[arg(short, long)]
    ignore: bool,
    #[arg(required = true, value_name = "SECRET")]
    names: Vec<String>,
}

/// Of whatever goes wrong.
const FAILED: u8 = 125;

fn failed(text: impl AsRef<str>) -> Failure {
    Failure::of_podman(text)
}

fn engine_failed(error: engine::Error) -> Failure {
    failed(told(&error))
}

fn with_status(failure: Failure) -> Failure {
    Failure { status: FAILED, ..failure }
}

impl Verb for SecretCreate {
    const NAMES: &'static [&'static str] = &["secret create"];
    const USAGE: &'static str = "[OPTIONS] SECRET file|-";
    const ABOUT: &'static str = "Create a secret from a file or STDIN as content";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        self.check()?;
        let value = match self.env {
            true => self.variable()?,
            false => self.content()?,
        };
        let if_taken = match (self.replace, self.ignore) {
            (true, _) => IfTaken::Replace,
            (_, true) => IfTaken::Keep,
            _ => IfTaken::Refuse,
        };
        let labels = self.label.into_iter().collect();
        let engine = context.engine().map_err(with_status)?;
        let made = engine.create_secret(&self.name, &value, labels, if_taken);
        ui::line(made.map_err(engine_failed)?.id)?;
        Ok(0)
    }
}

impl SecretCreate {
    fn check(&self) -> Result<()> {
        let refused = |text: String| Err(failed(text));
        match self.driver.as_str() {
            "file" => {}
            driver @ ("pass" | "shell") => {
                return refused(format!(
                    "--driver {driver}: secrets lie in files of their user's; hand over what another program keeps with: ... | coracle secret create NAME -"
                ));
            }
            other => return refused(format!("invalid driver: {other}: no such driver")),
        }
        if !self.driver_opts.is_empty() {
            return refused(
                "--driver-opts: the driver file has no options; CORACLE_ROOT says where everything lies"
                    .to_owned(),
            );
        }
        if self.template_driver.as_deref().is_some_and(|driver| !driver.is_empty()) {
            return refused("--template-driver: values are taken as they are; fill a template in before, with envsubst for example".to_owned());
        }
        match self.ignore && self.replace {
            true => refused("conflicting options: cannot specify both --ignore and --replace".to_owned()),
            false => Ok(()),
        }
    }

    fn variable(&self) -> Result<Vec<u8>> {
        use std::os::unix::ffi::OsStringExt;
        let value = std::env::var_os(&self.source).filter(|value| !value.is_empty());
        value.map(OsStringExt::into_vec).ok_or_else(|| {
            let name = &self.source;
            failed(format!("cannot create store secret data: environment variable {name} is not set"))
        })
    }

    /// As much of the file or of standard input as there may be, and a byte more.
    fn content(&self) -> Result<Vec<u8>> {
        let mut value = Vec::new();
        let most = MAX_SIZE as u64;
        let read = match self.source.as_str() {
            "-" => std::io::stdin().lock().take(most).read_to_end(&mut value),
            path => File::open(path).and_then(|file| file.take(most).read_to_end(&mut value)),
        };
        match read {
            Ok(_) => Ok(value),
            Err(e) if self.source == "-" => Err(failed(format!("error reading from STDIN: {}", reason(&e)))),
            Err(e) => {
                let why = open_error(self.source.as_ref(), &e);
                Err(failed(format!("error reading content from {:?}: {why}", self.source)))
            }
        }
    }
}

/// Docker's text for people.
const PRETTY: &str = "ID:\t\t\t{{.ID}}
Name:\t\t\t{{.Spec.Name}}
{{- if .Spec.Labels }}
Labels:
{{- range $k, $v := .Spec.Labels }}
 - {{ $k }}{{if $v }}={{ $v }}{{ end }}
{{- end }}{{ end }}
Driver:\t\t\t{{.Spec.Driver.Name}}
Created at:            \t{{.CreatedAt}}
Updated at:            \t{{.UpdatedAt}}";

impl Verb for SecretInspect {
    const NAMES: &'static [&'static str] = &["secret inspect"];
    const USAGE: &'static str = "[OPTIONS] SECRET [SECRET...]";
    const ABOUT: &'static str = "Display detailed information on one or more secrets";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let is_pretty = self.pretty || self.format.as_deref() == Some("pretty");
        let find = |engine: &Engine, name: &str| {
            let found = engine.inspect_secret(name, self.showsecret);
            found.map_err(|error| failed(format!("inspecting secret: {}", told(&error))))
        };
        let shown = match is_pretty {
            true => show_as_text(context, &self.names, PRETTY, find),
            false => show(context, &self.names, self.format.as_deref(), find),
        };
        shown.map_err(with_status)
    }
}

pub const FILTERS: &[&str] = &["id", "label", "name"];

const LISTING: Listing = Listing {
    kind: "*formatter.secretContext",
    headings: &[
        ("CreatedAt", "CREATED"),
        ("Driver", "DRIVER"),
        ("ID", "ID"),
        ("Labels", "LABELS"),
        ("Name", "NAME"),
        ("UpdatedAt", "UPDATED"),
    ],
};

impl Verb for SecretLs {
    const NAMES: &'static [&'static str] = &["secret ls", "secret list"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List secrets";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let filters = Filters::new(&self.filter, FILTERS).map_err(with_status)?;
        let format = match (self.quiet, self.format.as_deref().unwrap_or_default()) {
            (true, "" | "table" | "json") => Format::parse("{{.ID}}", ""),
            (_, format) => {
                Format::parse(format, "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}")
            }
        };
        let format = format.map_err(with_status)?;
        let is_wanted = |secret: &Secret| {
            filters.any("id", |id| secret.id.starts_with(id.as_str()))
                && filters.labels("label", &secret.labels)
                && filters.any("name", |pattern| matches_pattern(pattern, &secret.name))
        };
        let engine = context.engine().map_err(with_status)?;
        let secrets = engine.secrets.list().map_err(|error| engine_failed(error.into()))?;
        let rows: Vec<Value> = secrets.iter().filter(|secret| is_wanted(secret)).map(describe).collect();
        let text = format.render(&LISTING, &rows).map_err(with_status)?;
        match self.noheading && format.is_table() {
            true => ui::out(text.split_once('\n').map_or("", |(_, rows)| rows))?,
            false => ui::out(&text)?,
        }
        Ok(0)
    }
}

fn describe(secret: &Secret) -> Value {
    let joined: Vec<String> = secret.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut fields = row(vec![
        ("CreatedAt", ago(secret.created)),
        ("Driver", "file".to_owned()),
        ("ID", secret.id.clone()),
        ("Labels", joined.join(",")),
        ("Name", secret.name.clone()),
        ("UpdatedAt", ago(secret.created)),
    ]);
    fields.push(("Label".to_owned(), label_method(secret.labels.clone())));
    Value::fields(fields)
}

impl Verb for SecretRm {
    const NAMES: &'static [&'static str] = &["secret rm", "secret remove"];
    const USAGE: &'static str = "[OPTIONS] SECRET [SECRET...]";
    const ABOUT: &'static str = "Remove one or more secrets";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine().map_err(with_status)?;
        let mut names = self.names;
        if self.all {
            // The empty word that stands in for a name.
            names.retain(|name| !name.is_empty());
            if !names.is_empty() {
                return Err(failed("--all cannot be used with arguments"));
            }
            let secrets = engine.secrets.list().map_err(|error| engine_failed(error.into()))?;
            names = secrets.into_iter().map(|secret| secret.name).collect();
        }
        let kept = super::each(&names, |name| match engine.remove_secret(name) {
            Err(error) if self.ignore && error.kind == Kind::NotFound => Ok(()),
            removed => ui::line(removed.map_err(engine_failed)?.id),
        })?;
        Ok(if kept.is_empty() { 0 } else { FAILED })
    }
}
