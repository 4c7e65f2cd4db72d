//! What a command is, and what every command is given.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::client_config::ClientConfig;
use super::failure::{Failure, Result};
use crate::config::Config;
use crate::engine::Engine;

/// A command: its flags are the struct's fields.
pub trait Verb: Args + FromArgMatches {
    /// Every path it answers to, in Docker's order: `container ls`, `container list`, `ps`.
    const NAMES: &'static [&'static str];
    /// What follows the path in the usage line.
    const USAGE: &'static str;
    /// What it does; first line imperative, no full stop.
    const ABOUT: &'static str;

    /// Status of a wrong number of arguments.
    const WRONG_COUNT: u8 = 1;

    /// Does it; the value is the exit status.
    fn run(self, context: &Context) -> Result<u8>;
}

/// A command in the book, its type forgotten.
pub struct Entry {
    pub names: &'static [&'static str],
    pub usage: &'static str,
    pub about: &'static str,
    pub wrong_count: u8,
    pub grammar: fn() -> Command,
    pub run: fn(&Context, &ArgMatches) -> Result<u8>,
}

impl Entry {
    pub const fn of<V: Verb>() -> Entry {
        Entry {
            names: V::NAMES,
            usage: V::USAGE,
            about: V::ABOUT,
            wrong_count: V::WRONG_COUNT,
            grammar: || {
                let name = V::NAMES[V::NAMES.len() - 1];
                V::augment_args(Command::new(name).disable_help_flag(true).disable_version_flag(true))
            },
            run: |context, matches| {
                let verb = V::from_arg_matches(matches).map_err(|e| Failure::usage(e.to_string()))?;
                verb.run(context)
            },
        }
    }
}

/// What every command is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// `coracle`, `docker` or `podman`.
    pub program: String,
    /// The path as typed: `container ls`.
    pub path: String,
    pub debug: bool,
    /// Where Docker's client keeps its settings.
    pub config_directory: Option<PathBuf>,
}

/// Flags before the command.
pub fn globals() -> Command {
    let text = |long: &'static str, kind: &'static str, help: &'static str| {
        Arg::new(long).long(long).value_name(kind).help(help)
    };
    let flag = |long: &'static str, help: &'static str| {
        Arg::new(long).long(long).action(ArgAction::SetTrue).help(help)
    };
    Command::new("coracle").disable_help_flag(true).disable_version_flag(true).args([
        text("config", "string", "Location of client config files (default \"~/.docker\")"),
        text("context", "string", "Accepted; only the context \"default\" exists").short('c'),
        flag("debug", "Enable debug mode").short('D'),
        text("host", "list", "Refused unless empty: there is no daemon to connect to")
            .short('H')
            .action(ArgAction::Append),
        text(
            "log-level",
            "string",
            "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")",
        )
        .short('l')
        .default_value("info"),
        flag("tls", "Use TLS").hide(true),
        text("tlscacert", "string", "Trust certs signed only by this CA").hide(true),
        text("tlscert", "string", "Path to TLS certificate file").hide(true),
        text("tlskey", "string", "Path to TLS key file").hide(true),
        flag("tlsverify", "Use TLS and verify the remote").hide(true),
        flag("version", "Print version information and quit").short('v'),
        // Where the command's name begins, its own grammar takes over.
        Arg::new("rest").action(ArgAction::Append).num_args(0..).trailing_var_arg(true).hide(true),
    ])
}

impl Context {
    pub fn new(program: &str, globals: &ArgMatches) -> Result<Context> {
        if let Some(host) = globals.get_many::<String>("host").and_then(|mut hosts| hosts.next_back())
            && !host.is_empty()
        {
            return Err(Failure::new(format!(
                "--host {host}: {program} has no daemon and talks to none; it works on this machine"
            )));
        }
        if let Some(name) = globals.get_one::<String>("context")
            && !matches!(name.as_str(), "" | "default")
        {
            return Err(Failure::new(format!("context \"{name}\" does not exist: only \"default\" does")));
        }
        let level = globals.get_one::<String>("log-level").map_or("info", String::as_str);
        if !matches!(level, "debug" | "info" | "warn" | "error" | "fatal" | "trace" | "panic") {
            return Err(Failure::new(format!("Unable to parse logging level: {level}")));
        }
        let debug = globals.get_flag("debug") || matches!(level, "debug" | "trace");
        if debug {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_writer(std::io::stderr)
                .init();
        }
        let config_directory = globals.get_one::<String>("config").map(PathBuf::from);
        Ok(Context { program: program.to_owned(), path: String::new(), debug, config_directory })
    }

    /// Opens the stores of this user.
    pub fn engine(&self) -> Result<Engine> {
        Ok(Engine::open(Config::load()?))
    }

    /// The settings of Docker's client that coracle honours.
    pub fn client_config(&self) -> Result<ClientConfig> {
        ClientConfig::load(self.config_directory.as_deref())
    }
}
