//! `version`.

use serde_json::{Value as Json, json};

use super::failure::Result;
use super::format::{HELP_OF_OBJECTS, object_template, template_failure};
use super::ui;
use super::ui::template::{Unknown, Value};
use super::verb::{Context, Verb};
use crate::engine::system::Facts;

#[derive(Debug, clap::Args)]
pub struct Version {
    #[arg(short, long, value_name = "string", help = HELP_OF_OBJECTS)]
    format: Option<String>,
}

/// The Docker whose behaviour is followed; programs compare it with what they need.
pub const DOCKER_VERSION: &str = "28.2.2";
/// The Engine API that goes with it.
pub const API_VERSION: &str = "1.50";
pub const MINIMUM_API_VERSION: &str = "1.24";

impl Verb for Version {
    const NAMES: &'static [&'static str] = &["version"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Show the coracle version information";

    fn run(self, context: &Context) -> Result<u8> {
        let template = object_template(self.format.as_deref())?;
        let facts = context.engine()?.facts();
        // By the name of Docker it is asked for Docker's version, by its own name for its own.
        let version = if context.program == "coracle" { env!("CARGO_PKG_VERSION") } else { DOCKER_VERSION };
        let value = value(&facts, version);
        let text = match template {
            None => shown(&value),
            Some(template) => {
                let unknown = Unknown::Field("system.versionInfo");
                template.execute(&Value::from_json(&value), unknown).map_err(template_failure)? + "\n"
            }
        };
        ui::out(&text)?;
        Ok(0)
    }
}

fn architecture(facts: &Facts) -> &str {
    match facts.architecture.as_str() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn value(facts: &Facts, version: &str) -> Json {
    let own = env!("CARGO_PKG_VERSION");
    let rust = concat!("rust", env!("CARGO_PKG_RUST_VERSION"));
    let arch = architecture(facts);
    let component = json!({
        "Name": "Engine",
        "Version": version,
        "Details": {
            "ApiVersion": API_VERSION,
            "Arch": arch,
            "BuildTime": "",
            "Experimental": "false",
            "GitCommit": format!("coracle-{own}"),
            "GoVersion": rust,
            "KernelVersion": facts.kernel,
            "MinAPIVersion": MINIMUM_API_VERSION,
            "Os": "linux",
        },
    });
    json!({
        "Client": {
            "Platform": { "Name": format!("coracle {own}") },
            "Version": version,
            "ApiVersion": API_VERSION,
            "DefaultAPIVersion": API_VERSION,
            "GitCommit": format!("coracle-{own}"),
            "GoVersion": rust,
            "Os": "linux",
            "Arch": arch,
            "BuildTime": "",
            "Context": "default",
        },
        "Server": {
            "Platform": { "Name": format!("coracle {own}, no daemon") },
            "Components": [component],
            "Version": version,
            "ApiVersion": API_VERSION,
            "MinAPIVersion": MINIMUM_API_VERSION,
            "GitCommit": format!("coracle-{own}"),
            "GoVersion": rust,
            "Os": "linux",
            "Arch": arch,
            "KernelVersion": facts.kernel,
            "Experimental": false,
            "BuildTime": "",
        },
    })
}

fn shown(value: &Json) -> String {
    let text = |part: &str, key: &str| value[part][key].as_str().unwrap_or_default().to_owned();
    let name = |part: &str| value[part]["Platform"]["Name"].as_str().unwrap_or_default().to_owned();
    let mut out = format!("Client: {}\n", name("Client"));
    let line = |out: &mut String, indent: usize, title: &str, value: String| {
        let title = format!("{title}:");
        out.push_str(&format!("{:indent$}{title:<width$}{value}\n", "", width = 20 - indent));
    };
    line(&mut out, 1, "Version", text("Client", "Version"));
    line(&mut out, 1, "API version", text("Client", "ApiVersion"));
    line(&mut out, 1, "Git commit", text("Client", "GitCommit"));
    line(&mut out, 1, "OS/Arch", format!("{}/{}", text("Client", "Os"), text("Client", "Arch")));
    line(&mut out, 1, "Context", text("Client", "Context"));
    out.push_str(&format!("\nServer: {}\n Engine:\n", name("Server")));
    line(&mut out, 2, "Version", text("Server", "Version"));
    let versions = format!("{API_VERSION} (minimum version {MINIMUM_API_VERSION})");
    line(&mut out, 2, "API version", versions);
    line(&mut out, 2, "Git commit", text("Server", "GitCommit"));
    line(&mut out, 2, "OS/Arch", format!("{}/{}", text("Server", "Os"), text("Server", "Arch")));
    line(&mut out, 2, "Kernel version", text("Server", "KernelVersion"));
    line(&mut out, 2, "Experimental", "false".to_owned());
    out
}
