//! Docker's command line: one file per command. `coracle` also answers to the names `docker` and `podman`,
//! and then speaks of itself by that name.
//!
//! A command is a [`Verb`]: its flags (a clap struct), its help and one function. `book` lists them all;
//! `grammar` cuts the command line as Docker's client does; `help` prints as Docker does. Only the one
//! command that is asked for is ever built, so that `coracle --version` costs no more than a process.

mod attach;
mod book;
mod choice;
mod client_config;
mod commit;
mod complete;
mod completion;
mod cp;
mod create;
mod df;
mod diff;
mod events;
mod exec;
mod exists;
mod export;
mod failure;
mod filter;
mod flags;
mod format;
mod grammar;
mod healthcheck;
mod help;
mod history;
mod images;
mod import;
mod info;
mod inspect;
mod kill;
mod load;
mod logs;
#[cfg(test)]
mod manual;
mod mount;
mod output;
mod pause;
mod port;
mod prune;
mod ps;
mod pull;
mod push;
mod rename;
mod reset;
mod restart;
mod rm;
mod rmi;
mod run;
mod save;
mod secret;
mod start;
mod stats;
mod stop;
mod tag;
mod top;
mod tree;
mod ui;
mod unshare;
mod untag;
mod update;
mod verb;
mod version;
mod volume;
mod volume_archive;
mod wait;

use std::ffi::OsString;
use std::process::ExitCode;

use failure::{Failure, Result};
use grammar::{Parsed, Place};
use verb::{Context, Entry};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Rust ignores SIGPIPE; `coracle ps | head -1` shall end like any other program.
    crate::sys::signal::restore_default(libc::SIGPIPE);
    let mut arguments = std::env::args_os();
    let program = program_name(arguments.next());
    let arguments: Vec<OsString> = arguments.collect();
    match dispatch(&program, &arguments) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            if !failure.text.is_empty() {
                ui::warn(failure.text);
            }
            ExitCode::from(failure.status)
        }
    }
}

/// The name the program was called by, where it is one that people alias it to.
fn program_name(argv0: Option<OsString>) -> String {
    let name = argv0.as_deref().map(std::path::Path::new).and_then(|path| path.file_name()?.to_str());
    match name {
        Some(name @ ("docker" | "podman")) => name.to_owned(),
        _ => "coracle".to_owned(),
    }
}

fn dispatch(program: &str, arguments: &[OsString]) -> Result<u8> {
    // Asked in loops by scripts and tools, so answered before anything is built or read.
    if let [only] = arguments
        && (only == "--version" || only == "-v")
    {
        return print_version(program);
    }
    if let Some((word, words)) = arguments.split_first()
        && word == complete::NAME
    {
        return complete::run(words);
    }
    let place = Place { program, path: "", usage: "[OPTIONS] COMMAND [ARG...]", wrong_count: 1 };
    let (parsed, rest) = grammar::parse_globals(verb::globals(), place, arguments)?;
    let Parsed::Run(globals) = parsed else { return print(&book::overview(program)) };
    if globals.get_flag("version") {
        return print_version(program);
    }
    let context = Context::new(program, &globals)?;
    let Some((word, rest)) = rest.split_first() else {
        eprint!("{}", book::overview(program));
        return Ok(0);
    };
    let word = word.to_string_lossy();
    if word == "help" {
        return help_of(program, rest);
    }
    if book::is_group(&word) {
        return in_group(&context, &word, rest);
    }
    match book::find(&word) {
        Some(entry) => run(entry, &context, &word, rest),
        None => Err(unknown(program, &word)),
    }
}

fn in_group(context: &Context, group: &str, rest: &[OsString]) -> Result<u8> {
    let program = &context.program;
    let Some((word, rest)) = rest.split_first() else {
        eprint!("{}", book::group_help(program, group));
        return Ok(0);
    };
    let word = word.to_string_lossy();
    if word == "--help" || word == "-h" {
        return print(&book::group_help(program, group));
    }
    if word.starts_with('-') {
        let place = Place { program, path: group, usage: "", wrong_count: 1 };
        let message = match word.strip_prefix("--") {
            Some(long) => format!("unknown flag: --{}", long.split('=').next().unwrap_or(long)),
            None => format!("unknown shorthand flag: '{}' in {word}", word.chars().nth(1).unwrap_or('-')),
        };
        return Err(place.bad_flag(&message));
    }
    let path = format!("{group} {word}");
    match book::find(&path) {
        Some(entry) => run(entry, context, &path, rest),
        None if book::is_planned(&path) => Err(unknown(program, &path)),
        None if book::refusal(&path).is_some() => {
            let why = book::refusal(&path).unwrap_or_default();
            Err(Failure::new(format!("{program}: '{program} {path}': {why}")))
        }
        None => Err(Failure::new(format!(
            "{program}: unknown command: {program} {path}\n\nUsage:  {program} {group}\n\nRun '{program} {group} --help' for more information"
        ))),
    }
}

fn unknown(program: &str, path: &str) -> Failure {
    if book::is_planned(path) {
        return Failure::new(format!("{program}: '{program} {path}' is not there yet"));
    }
    Failure::new(format!(
        "{program}: unknown command: {program} {path}\n\nRun '{program} --help' for more information"
    ))
}

fn run(entry: &Entry, context: &Context, path: &str, arguments: &[OsString]) -> Result<u8> {
    let place = Place { program: &context.program, path, usage: entry.usage, wrong_count: entry.wrong_count };
    match grammar::parse((entry.grammar)(), place, arguments)? {
        Parsed::Help => print(&help_text(entry, &place)),
        Parsed::Run(matches) => (entry.run)(&Context { path: path.to_owned(), ..context.clone() }, &matches),
    }
}

fn help_text(entry: &Entry, place: &Place) -> String {
    help::command(place, entry.about, entry.names, &(entry.grammar)(), ui::terminal::width())
}

fn help_of(program: &str, words: &[OsString]) -> Result<u8> {
    let words: Vec<String> = words.iter().map(|w| w.to_string_lossy().into_owned()).collect();
    let path = words.join(" ");
    if path.is_empty() {
        return print(&book::overview(program));
    }
    if book::is_group(&path) {
        return print(&book::group_help(program, &path));
    }
    match book::find(&path) {
        Some(entry) => {
            let place = Place { program, path: &path, usage: entry.usage, wrong_count: entry.wrong_count };
            print(&help_text(entry, &place))
        }
        None => Err(Failure::new(format!("unknown help topic: {path}"))),
    }
}

fn print(text: &str) -> Result<u8> {
    ui::out(text)?;
    Ok(0)
}

/// In Docker's form, which other programs parse.
fn print_version(program: &str) -> Result<u8> {
    let version = env!("CARGO_PKG_VERSION");
    match program {
        "coracle" => print(&format!("coracle version {version}\n")),
        // Tools that look for `Docker version` find it when the program goes by that name.
        _ => print(&format!("Docker version {}, build coracle-{version}\n", version::DOCKER_VERSION)),
    }
}

/// Does something with each of several names in turn; failures are told at once, the rest goes on.
fn each(names: &[String], mut act: impl FnMut(&str) -> Result<()>) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    for name in names {
        if let Err(failure) = act(name) {
            ui::warn(failure.text);
            failed.push(name.clone());
        }
    }
    Ok(failed)
}

/// How many containers are stopped, killed or removed at once (Docker's number).
const AT_ONCE: usize = 50;

/// Does something with several names at the same time; prints the names that worked and the failures of
/// the others in the order given.
fn each_at_once(names: &[String], act: impl Fn(&str) -> Result<()> + Sync) -> Result<u8> {
    let mut status = 0;
    for batch in names.chunks(AT_ONCE) {
        let results: Vec<Result<()>> = match batch {
            [only] => vec![act(only)],
            _ => std::thread::scope(|scope| {
                let threads: Vec<_> = batch.iter().map(|name| scope.spawn(|| act(name))).collect();
                let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                threads.into_iter().map(join).collect()
            }),
        };
        for (name, result) in batch.iter().zip(results) {
            match result {
                Ok(()) => ui::line(name)?,
                Err(failure) => {
                    if !failure.text.is_empty() {
                        ui::warn(&failure.text);
                    }
                    status = status.max(failure.status);
                }
            }
        }
    }
    Ok(status)
}
