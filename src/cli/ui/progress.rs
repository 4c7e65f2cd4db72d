//! Progress of transfers: a bar per layer on a terminal, plain lines otherwise, or nothing.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal;
use super::units::human_size;
use crate::image::Progress;
use crate::image::progress::Step;

/// Where progress is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `pull`, `push`, `load`: Docker prints there.
    Stdout,
    /// `run`, `create`: standard output belongs to the container.
    Stderr,
}

/// What shows the progress of one command.
pub fn shown(target: Target, quiet: bool) -> Box<dyn Progress> {
    let is_terminal = match target {
        Target::Stdout => terminal::stdout_is_terminal(),
        Target::Stderr => terminal::stderr_is_terminal(),
    };
    match (quiet, is_terminal) {
        (true, _) => Box::new(crate::image::progress::Quiet),
        (false, true) => Box::new(Bars::new(target)),
        (false, false) => Box::new(Lines { target, last: Mutex::default() }),
    }
}

/// A line for every step of a layer, none for how far it got.
struct Lines {
    target: Target,
    /// The last line of each layer: a step is told once.
    last: Mutex<BTreeMap<String, String>>,
}

impl Lines {
    fn print(&self, text: &str) {
        // Who asked for progress and closed the pipe is not told of it.
        let _ = match self.target {
            Target::Stdout => writeln!(std::io::stdout(), "{text}"),
            Target::Stderr => writeln!(std::io::stderr(), "{text}"),
        };
    }
}

impl Progress for Lines {
    fn line(&self, text: &str) {
        self.print(text);
    }

    fn layer(&self, id: &str, step: Step) {
        if step.amount().is_some() {
            return;
        }
        let text = format!("{id}: {step}");
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.get(id) != Some(&text) {
            self.print(&text);
            last.insert(id.to_owned(), text);
        }
    }
}

/// A bar for each layer: `8a1e25ce7c4f: Downloading   12.3MB/29.1MB [====>    ]`.
struct Bars {
    all: MultiProgress,
    layers: Mutex<BTreeMap<String, ProgressBar>>,
    plain: ProgressStyle,
    bar: ProgressStyle,
}

impl Bars {
    fn new(target: Target) -> Bars {
        let draw = match target {
            Target::Stdout => ProgressDrawTarget::stdout(),
            Target::Stderr => ProgressDrawTarget::stderr(),
        };
        let style = |text: &str| ProgressStyle::with_template(text).expect("the template is a constant");
        Bars {
            all: MultiProgress::with_draw_target(draw),
            layers: Mutex::default(),
            plain: style("{prefix}: {msg}"),
            bar: style("{prefix}: {msg} [{bar:40}]").progress_chars("=> "),
        }
    }
}

impl Progress for Bars {
    fn line(&self, text: &str) {
        // Lines stand above the bars; a terminal that has gone cannot be told.
        let _ = self.all.println(text);
    }

    fn layer(&self, id: &str, step: Step) {
        let mut layers = self.layers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bar = layers.entry(id.to_owned()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(0).with_style(self.plain.clone()));
            bar.set_prefix(id.to_owned());
            bar
        });
        match step.amount() {
            Some((done, total)) if total > 0 => {
                bar.set_style(self.bar.clone());
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(format!("{step:<12} {:>8}/{}", human_size(done, 4), human_size(total, 4)));
            }
            Some((done, _)) => {
                bar.set_style(self.plain.clone());
                bar.set_message(format!("{step} {}", human_size(done, 4)));
            }
            None => {
                bar.set_style(self.plain.clone());
                bar.set_message(step.to_string());
            }
        }
        if step.is_final() {
            bar.abandon();
        }
    }
}
