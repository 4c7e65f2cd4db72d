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

/// A line for each layer: `8a1e25ce7c4f: Downloading [====>    ]   12.3MB/29.1MB`.
struct Bars {
    target: Target,
    drawn: Mutex<Drawn>,
    style: ProgressStyle,
}

/// The lines that are still being redrawn.
struct Drawn {
    all: MultiProgress,
    layers: BTreeMap<String, ProgressBar>,
}

impl Drawn {
    fn on(target: Target) -> Drawn {
        let draw = match target {
            Target::Stdout => ProgressDrawTarget::stdout(),
            Target::Stderr => ProgressDrawTarget::stderr(),
        };
        Drawn { all: MultiProgress::with_draw_target(draw), layers: BTreeMap::new() }
    }
}

impl Bars {
    fn new(target: Target) -> Bars {
        // `wide_msg` is cut at the edge of the terminal: a line that wrapped could not be drawn over.
        let style = ProgressStyle::with_template("{wide_msg}").expect("the template is a constant");
        Bars { target, drawn: Mutex::new(Drawn::on(target)), style }
    }

    fn drawn(&self) -> std::sync::MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn columns(&self) -> usize {
        match self.target {
            Target::Stdout => terminal::width(),
            Target::Stderr => terminal::stderr_width(),
        }
    }
}

impl Progress for Bars {
    fn line(&self, text: &str) {
        let mut drawn = self.drawn();
        // What is said after the last layer (`Digest: …`) belongs below them: they stay as they are.
        if !drawn.layers.is_empty() && drawn.layers.values().all(ProgressBar::is_finished) {
            *drawn = Drawn::on(self.target);
        }
        // Lines stand above what is still drawn; a terminal that has gone cannot be told.
        let _ = drawn.all.println(text);
    }

    fn layer(&self, id: &str, step: Step) {
        let mut drawn = self.drawn();
        let Drawn { all, layers } = &mut *drawn;
        let bar = layers
            .entry(id.to_owned())
            .or_insert_with(|| all.add(ProgressBar::new(0).with_style(self.style.clone())));
        bar.set_message(layer_line(id, &step, self.columns()));
        if step.is_final() {
            bar.abandon();
        }
    }
}

/// Cells of a bar at most, as Docker draws it, and the fewest that still say something.
const CELLS: std::ops::RangeInclusive<usize> = 10..=50;

/// What is shown of a layer on a terminal of so many columns; the bar takes what is left beside the words.
fn layer_line(id: &str, step: &Step, columns: usize) -> String {
    let Some((done, total)) = step.amount() else { return format!("{id}: {step}") };
    if total == 0 {
        return format!("{id}: {step} {:>8}", human_size(done, 4));
    }
    // Wide enough for every amount there is, that the bars of all layers end in one column.
    let amounts = format!("{:>8}/{:<8}", human_size(done, 4), human_size(total, 4));
    let words = format!("{id}: {step} ");
    let around = words.len() + "[] ".len() + amounts.len() + 1;
    let cells = columns.saturating_sub(around).min(*CELLS.end());
    match cells < *CELLS.start() {
        true => format!("{words}{}", amounts.trim_end()),
        false => format!("{words}[{}] {}", cells_of(done, total, cells), amounts.trim_end()),
    }
}

/// `====>    `, always `cells` long.
fn cells_of(done: u64, total: u64, cells: usize) -> String {
    let full =
        usize::try_from(u128::from(done.min(total)) * cells as u128 / u128::from(total)).unwrap_or(cells);
    match full == cells {
        true => "=".repeat(cells),
        false => format!("{}>{}", "=".repeat(full), " ".repeat(cells - full - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_one_line_that_fits_the_terminal() {
        let at = |done, total| Step::Downloading { done, total };
        for (step, columns, want) in [
            (Step::Pulled, 80, "8a1e25ce7c4f: Pull complete"),
            (at(5_000, 0), 80, "8a1e25ce7c4f: Downloading      5kB"),
            (at(0, 100_000), 60, "8a1e25ce7c4f: Downloading [>            ]       0B/100kB"),
            (at(50_000, 100_000), 60, "8a1e25ce7c4f: Downloading [======>      ]     50kB/100kB"),
            (at(100_000, 100_000), 60, "8a1e25ce7c4f: Downloading [=============]    100kB/100kB"),
            // More than was announced is no reason to overflow.
            (at(200_000, 100_000), 60, "8a1e25ce7c4f: Downloading [=============]    200kB/100kB"),
            (at(50_000, 100_000), 50, "8a1e25ce7c4f: Downloading     50kB/100kB"),
        ] {
            assert_eq!(layer_line("8a1e25ce7c4f", &step, columns), want, "{step:?} on {columns}");
        }
        for columns in 60..200 {
            let step = Step::Loading { done: 123_456_789, total: 999_900_000_000 };
            assert!(layer_line("8a1e25ce7c4f", &step, columns).len() < columns, "{columns}");
        }
    }
}
