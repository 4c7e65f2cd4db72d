//! Flags of Docker that coracle understands but cannot honour yet: each is refused with the reason, never
//! ignored. They do not show in `--help`.

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli::failure::{Failure, Result};

const PORTS: &str =
    "published ports are not there yet; with --network host the container's ports are the host's";
const NETWORKS: &str = "networks of their own are not there yet; use --network host or --network none";
const WINDOWS: &str = "it means something on Windows only";

/// What a flag takes.
enum Takes {
    Nothing,
    Value,
    List,
}
use Takes::*;

/// Long name, short name, what it takes, values that ask for nothing, why not.
type Refused = (&'static str, Option<char>, Takes, &'static [&'static str], &'static str);

#[rustfmt::skip]
const FLAGS: &[Refused] = &[
    ("cpu-count", None, Value, &["0"], WINDOWS),
    ("expose", None, List, &[], PORTS),
    ("gpus", None, Value, &[""], "it is not there yet; give the devices with --device"),
    ("ip", None, Value, &[""], NETWORKS),
    ("ip6", None, Value, &[""], NETWORKS),
    ("isolation", None, Value, &["", "default"], "linux only supports 'default'"),
    ("link", None, List, &[], NETWORKS),
    ("link-local-ip", None, List, &[], NETWORKS),
    ("mac-address", None, Value, &[""], NETWORKS),
    ("network-alias", None, List, &[], NETWORKS),
    ("publish", Some('p'), List, &[], PORTS),
    ("publish-all", Some('P'), Nothing, &[], PORTS),
    ("runtime", None, Value, &[""], "coracle is the runtime itself and calls no other"),
    ("use-api-socket", None, Nothing, &[], "the Engine API is not there yet"),
];

/// The refused flags that were given.
#[derive(Debug, Clone, Default)]
pub struct Later(Vec<(&'static str, String)>);

impl Later {
    /// Fails when one of them asks for something.
    pub fn refuse(&self) -> Result<()> {
        for (name, value) in &self.0 {
            let (.., neutral, why) =
                FLAGS.iter().find(|(flag, ..)| flag == name).expect("it is in the table");
            if !neutral.contains(&value.as_str()) {
                return Err(not_yet(name, why));
            }
        }
        Ok(())
    }
}

/// `--memory: reason`, status 125.
pub fn not_yet(flag: &str, why: &str) -> Failure {
    Failure::usage(format!("--{flag}: {why}"))
}

fn given(flags: impl Iterator<Item = &'static Refused>, matches: &ArgMatches) -> Later {
    let mut given = Vec::new();
    for (name, _, takes, ..) in flags {
        match takes {
            Nothing if matches.get_flag(name) => given.push((*name, "true".to_owned())),
            Nothing => {}
            Value | List => {
                let values = matches.get_many::<String>(name).unwrap_or_default();
                given.extend(values.map(|value| (*name, value.clone())));
            }
        }
    }
    Later(given)
}

fn args(flags: impl Iterator<Item = &'static Refused>) -> impl Iterator<Item = Arg> {
    flags.map(|(name, short, takes, ..)| {
        let action = match takes {
            Nothing => ArgAction::SetTrue,
            Value => ArgAction::Set,
            List => ArgAction::Append,
        };
        let arg = Arg::new(*name).long(*name).action(action).hide(true);
        let arg = if *name == "network-alias" { arg.alias("net-alias") } else { arg };
        match short {
            Some(short) => arg.short(*short),
            None => arg,
        }
    })
}

impl clap::FromArgMatches for Later {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Later, clap::Error> {
        Ok(given(FLAGS.iter(), matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Later::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Later {
    fn augment_args(command: Command) -> Command {
        command.args(args(FLAGS.iter()))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Later::augment_args(command)
    }
}
