//! podman's ways to name containers without their names: `--all` and `--latest`. The grammar puts an empty
//! word where the first name would stand (`grammar::STAND_INS`).

use super::failure::{Failure, Result};
use crate::container::State;
use crate::engine::container::ContainerView;
use crate::engine::{self, Engine, Kind};

/// Which containers a verb is about.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    pub names: &'a [String],
    pub all: bool,
    pub latest: bool,
    /// One that does not exist is no failure.
    pub ignore: bool,
}

impl Choice<'_> {
    /// Does something with each of them, several at once. Of all containers those count that `fits` takes.
    pub fn each(
        &self,
        engine: &Engine,
        fits: impl Fn(&State) -> bool + Sync,
        act: impl Fn(&str, &ContainerView) -> engine::Result<()> + Sync,
    ) -> Result<u8> {
        super::each_at_once(&self.resolve(engine, &fits)?, |name| {
            match engine.find(name).and_then(|view| act(name, &view)) {
                Ok(()) => Ok(()),
                Err(error) if error.kind == Kind::NotFound && (self.ignore || self.all) => {
                    Err(Failure::silent(0))
                }
                // It has ended (or begun) by itself since the look.
                Err(error) if self.all && engine.find(name).is_ok_and(|view| !fits(&view.state)) => {
                    tracing::debug!(%error, "passed over");
                    Err(Failure::silent(0))
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Their names, or ids where there are none.
    pub fn resolve(&self, engine: &Engine, fits: impl Fn(&State) -> bool) -> Result<Vec<String>> {
        if !self.all && !self.latest {
            return Ok(self.names.to_vec());
        }
        if self.names.len() > 1 || (self.all && self.latest) {
            return Err(Failure::usage("--all, --latest and containers cannot be used together"));
        }
        if self.latest {
            return Ok(vec![latest(engine)?.record.id.to_string()]);
        }
        let views = engine.list()?.into_iter();
        Ok(views.filter(|view| fits(&view.state)).map(|view| view.record.id.to_string()).collect())
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
