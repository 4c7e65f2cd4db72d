//! podman's ways to name containers without their names: `--all` and `--latest`. The grammar puts an empty
//! word where the first name would stand (`grammar::STAND_INS`).

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, FromArgMatches};

use super::failure::{Failure, Result};
use super::filter;
use super::flags::environment::open_error;
use crate::container::State;
use crate::engine::container::ContainerView;
use crate::engine::{self, Engine, Kind};

/// Which containers a verb is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice<'a> {
    pub names: &'a [String],
    pub all: bool,
    pub latest: bool,
    /// One that does not exist is no failure.
    pub ignore: bool,
    /// Files with ids, as `run --cidfile` writes them.
    pub cidfiles: &'a [PathBuf],
    /// As those of `ps`: all containers that pass.
    pub filters: &'a [(String, String)],
}

/// The flags of the verbs that act on containers which have something in common.
#[derive(Debug, clap::Args)]
pub struct Filter {
    /// Act on the containers that pass a filter of ps
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
}

impl Filter {
    pub fn among<'a>(&'a self, names: &'a [String], all: bool) -> Choice<'a> {
        Choice { names, all, latest: self.latest, filters: &self.filter, ..Choice::default() }
    }
}

/// The flags of the verbs that act on many containers.
#[derive(Debug, clap::Args)]
pub struct Selection {
    /// Read the container's id from a file
    #[arg(long, value_name = "string")]
    cidfile: Vec<PathBuf>,
    #[command(flatten)]
    filter: Filter,
    /// Pass over containers that do not exist
    #[arg(short, long)]
    ignore: bool,
}

impl Selection {
    pub fn among<'a>(&'a self, names: &'a [String], all: bool) -> Choice<'a> {
        Choice { ignore: self.ignore, cidfiles: &self.cidfile, ..self.filter.among(names, all) }
    }
}

/// The same without letters for `--filter` and `--latest`: those of `rm` are for other flags.
#[derive(Debug)]
pub struct SelectionInWords(pub Selection);

impl clap::Args for SelectionInWords {
    fn augment_args(command: Command) -> Command {
        let without_letter = |arg: Arg| arg.short(None::<char>);
        let command = Selection::augment_args(command);
        command.mut_arg("filter", without_letter).mut_arg("latest", without_letter)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SelectionInWords {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Selection::from_arg_matches(matches).map(SelectionInWords)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Choice<'_> {
    /// Does something with each of them, several at once. Of all containers those count that `fits` takes.
    pub fn each(
        &self,
        engine: &Engine,
        fits: impl Fn(&State) -> bool + Sync,
        act: impl Fn(&str, &ContainerView) -> engine::Result<()> + Sync,
    ) -> Result<u8> {
        let is_open = self.all || !self.filters.is_empty();
        super::each_at_once(&self.resolve(engine, &fits)?, |name| {
            match engine.find(name).and_then(|view| act(name, &view)) {
                Ok(()) => Ok(()),
                Err(error) if error.kind == Kind::NotFound && (self.ignore || is_open) => {
                    Err(Failure::silent(0))
                }
                // It has ended (or begun) by itself since the look.
                Err(error) if is_open && engine.find(name).is_ok_and(|view| !fits(&view.state)) => {
                    tracing::debug!(%error, "passed over");
                    Err(Failure::silent(0))
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Their names, or ids where there are none.
    pub fn resolve(&self, engine: &Engine, fits: impl Fn(&State) -> bool) -> Result<Vec<String>> {
        let ways = [self.all || !self.filters.is_empty(), self.latest, !self.cidfiles.is_empty()];
        match ways.iter().filter(|way| **way).count() {
            0 => return Ok(self.names.to_vec()),
            1 if self.names.len() <= 1 => {}
            _ => {
                return Err(Failure::usage(
                    "--all, --filter, --latest, --cidfile and containers cannot be used together",
                ));
            }
        }
        if self.latest {
            return Ok(vec![latest(engine)?.record.id.to_string()]);
        }
        if !self.cidfiles.is_empty() {
            return self.read_cidfiles();
        }
        let views = super::ps::filtered(engine, self.filters, engine.list()?)?.into_iter();
        Ok(views.filter(|view| fits(&view.state)).map(|view| view.record.id.to_string()).collect())
    }

    /// The id is a file's first line.
    fn read_cidfiles(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for path in self.cidfiles {
            match std::fs::read_to_string(path) {
                Ok(text) => ids.push(text.lines().next().unwrap_or_default().trim().to_owned()),
                Err(error) if self.ignore && error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    let why = open_error(path, &error);
                    return Err(Failure::usage(format!("reading CIDFile: {why}")));
                }
            }
        }
        Ok(ids)
    }
}

/// The container of a verb that takes one.
pub fn one(engine: &Engine, name: &str, is_latest: bool) -> Result<ContainerView> {
    if is_latest { latest(engine) } else { Ok(engine.find(name)?) }
}

fn latest(engine: &Engine) -> Result<ContainerView> {
    let none = || Failure::new("--latest: there is no container");
    engine.list()?.into_iter().next().ok_or_else(none)
}

pub fn is_running(state: &State) -> bool {
    state.is_up()
}

pub fn is_paused(state: &State) -> bool {
    matches!(state, State::Running { paused: true, .. })
}

pub fn in_any_state(_: &State) -> bool {
    true
}
