//! `__complete WORD...`: what may stand where the cursor is. The scripts of `completion` call it with all words of
//! the line up to the cursor, the last one as far as it is typed (it may be empty), as often as somebody presses
//! a key: it reads grammar and records, starts nothing and asks no container.
//!
//! Answers a line per candidate, `WORD` or `WORD<TAB>DESCRIPTION`, and a last line that begins with a colon:
//! `:files` and `:directories` let the shell add its own. After a candidate that ends with `=`, `:` or `/` no
//! blank follows.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command, ValueHint};

use super::book::{self, ENTRIES};
use super::failure::Result;
use super::grammar::{by_long, by_short, is_bool};
use super::verb::{Entry, globals};
use super::{events, images, prune, ps, secret, ui, volume};
use crate::config::Config;
use crate::container::State;
use crate::engine::Engine;
use crate::engine::container::ContainerView;
use crate::runtime::capability;
use crate::{logs, sys::signal};

/// The hidden command's name.
pub const NAME: &str = "__complete";

/// Prints the answer. Nothing fails: a store that cannot be read has no candidates.
pub fn run(words: &[OsString]) -> Result<u8> {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (current, before) =
        words.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    ui::out(&offer(&Store::default(), before, current).rendered(current))?;
    Ok(0)
}

/// Opened when something in it is asked for.
#[derive(Default)]
struct Store(std::cell::OnceCell<Option<Engine>>);

impl Store {
    fn engine(&self) -> Option<&Engine> {
        self.0.get_or_init(|| Config::load().ok().map(Engine::open)).as_ref()
    }

    fn containers(&self, is_wanted: impl Fn(&State) -> bool) -> Offer {
        let views = self.engine().and_then(|engine| engine.containers.list().ok()).unwrap_or_default();
        let views = views.into_iter().filter(|view| is_wanted(&view.state));
        Offer::of(views.map(|view| (view.record.name.to_string(), description(&view))))
    }

    fn images(&self) -> Offer {
        let names = self.engine().and_then(|engine| engine.images.names().ok()).unwrap_or_default();
        Offer::words(names.iter().filter(|name| name.digest.is_none()).map(|name| name.familiar()))
    }

    fn volumes(&self) -> Offer {
        let volumes = self.engine().and_then(|engine| engine.volumes.list().ok()).unwrap_or_default();
        Offer::words(volumes.into_iter().filter(|volume| !volume.is_anonymous()).map(|volume| volume.name))
    }

    fn secrets(&self) -> Offer {
        let secrets = self.engine().and_then(|engine| engine.secrets.list().ok()).unwrap_or_default();
        Offer::words(secrets.into_iter().map(|secret| secret.name))
    }
}

fn description(view: &ContainerView) -> String {
    let state = match &view.state {
        State::Created => "created",
        State::Running { paused: true, .. } => "paused",
        State::Running { .. } => "running",
        State::Restarting { .. } => "restarting",
        State::Exited { .. } => "exited",
    };
    format!("{}, {state}", view.record.spec.image)
}

/// What the shell adds by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Paths {
    #[default]
    None,
    Files,
    Directories,
}

/// Candidates with their descriptions, not yet compared with what is typed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Offer {
    candidates: Vec<(String, String)>,
    paths: Paths,
}

impl Offer {
    fn of(candidates: impl IntoIterator<Item = (String, String)>) -> Offer {
        Offer { candidates: candidates.into_iter().collect(), paths: Paths::None }
    }

    fn words(words: impl IntoIterator<Item = impl Into<String>>) -> Offer {
        Offer::of(words.into_iter().map(|word| (word.into(), String::new())))
    }

    fn paths(paths: Paths) -> Offer {
        Offer { paths, ..Offer::default() }
    }

    fn and(mut self, other: Offer) -> Offer {
        self.candidates.extend(other.candidates);
        if self.paths == Paths::None {
            self.paths = other.paths;
        }
        self
    }

    /// Each candidate between `before` and `after`.
    fn within(mut self, before: &str, after: &str) -> Offer {
        for (word, _) in &mut self.candidates {
            *word = format!("{before}{word}{after}");
        }
        self
    }

    fn without(mut self, words: &[&str]) -> Offer {
        self.candidates.retain(|(word, _)| !words.contains(&word.as_str()));
        self
    }

    fn rendered(self, current: &str) -> String {
        let mut text = String::new();
        for (word, about) in self.candidates.iter().filter(|(word, _)| word.starts_with(current)) {
            // A line and a tab mean something here.
            if word.contains(['\n', '\t']) {
                continue;
            }
            let about = about.lines().next().unwrap_or_default().replace('\t', " ");
            text += word;
            if !about.is_empty() {
                text += &format!("\t{about}");
            }
            text.push('\n');
        }
        text + match self.paths {
            Paths::None => ":\n",
            Paths::Files => ":files\n",
            Paths::Directories => ":directories\n",
        }
    }
}

/// A command's words before the cursor.
#[derive(Default)]
struct Cut<'c, 'w> {
    arguments: Vec<&'w str>,
    /// The long names of flags that are there.
    flags: Vec<&'c str>,
    /// The flag whose value the cursor stands at.
    pending: Option<&'c Arg>,
    /// No flag can follow.
    is_past_flags: bool,
}

/// Cuts them as `grammar` does, whatever is wrong with them.
fn cut<'c, 'w>(command: &'c Command, words: &'w [String]) -> Cut<'c, 'w> {
    let interspersed = !command.get_positionals().any(Arg::is_trailing_var_arg_set);
    let mut cut = Cut::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if cut.is_past_flags || word == "-" || !word.starts_with('-') {
            cut.arguments.push(word);
            cut.is_past_flags |= !interspersed;
        } else if word == "--" {
            cut.is_past_flags = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let Some(flag) = by_long(command, name) else { continue };
            cut.flags.extend(flag.get_long());
            if value.is_none() && !is_bool(flag) && rest.next().is_none() {
                cut.pending = Some(flag);
            }
        } else {
            let letters: Vec<char> = word.chars().skip(1).collect();
            for (at, letter) in letters.iter().enumerate() {
                let Some(flag) = by_short(command, *letter) else { break };
                cut.flags.extend(flag.get_long());
                if !is_bool(flag) {
                    if at + 1 == letters.len() && rest.next().is_none() {
                        cut.pending = Some(flag);
                    }
                    break;
                }
            }
        }
    }
    cut
}

fn offer(store: &Store, words: &[String], current: &str) -> Offer {
    let globals = globals();
    let top = cut(&globals, words);
    if top.arguments.is_empty() {
        return match flags(store, "", &globals, &top, current) {
            Some(offer) => offer,
            None => commands(),
        };
    }
    let rest = &words[words.len() + 1 - top.arguments.len()..];
    let word = top.arguments[0];
    match (word, rest) {
        ("help", []) => return commands(),
        ("help", [group]) if book::is_group(group) => return members(group),
        ("help", _) => return Offer::default(),
        (group, []) if book::is_group(group) => return members(group),
        _ => {}
    }
    let (path, rest) = match rest.split_first() {
        Some((member, rest)) if book::is_group(word) => (format!("{word} {member}"), rest),
        _ => (word.to_owned(), rest),
    };
    match book::find(&path) {
        Some(entry) => of_command(store, entry, rest, current),
        None => Offer::default(),
    }
}

fn commands() -> Offer {
    let groups = book::GROUPS.iter().map(|(name, about)| (*name, *about));
    let short = ENTRIES.iter().filter_map(|entry| {
        let name = entry.names.iter().find(|name| !name.contains(' '))?;
        Some((*name, entry.about))
    });
    let mut all: Vec<_> = groups.chain(short).chain([("help", "Show the help of a command")]).collect();
    all.sort_unstable();
    Offer::of(all.into_iter().map(|(name, about)| (name.to_owned(), about.to_owned())))
}

fn members(group: &str) -> Offer {
    let members = book::members(group).into_iter();
    Offer::of(members.map(|(name, about)| (name.to_owned(), about.to_owned())))
}

fn of_command(store: &Store, entry: &'static Entry, words: &[String], current: &str) -> Offer {
    let command = (entry.grammar)();
    let line = cut(&command, words);
    let path = entry.names[0];
    if let Some(offer) = flags(store, path, &command, &line, current) {
        return offer;
    }
    let positionals: Vec<&Arg> = command.get_positionals().collect();
    let at = line.arguments.len();
    let is_endless = |arg: &&&Arg| matches!(arg.get_action(), ArgAction::Append);
    match positionals.get(at).or_else(|| positionals.last().filter(is_endless)) {
        Some(argument) => argument_value(store, path, argument, current).without(&line.arguments),
        None => Offer::default(),
    }
}

/// Where a flag or a flag's value stands.
fn flags(store: &Store, path: &str, command: &Command, line: &Cut, current: &str) -> Option<Offer> {
    if let Some(flag) = line.pending {
        return Some(flag_value(store, path, flag, current));
    }
    if line.is_past_flags || !current.starts_with('-') {
        return None;
    }
    if let Some((name, partial)) = current.strip_prefix("--").and_then(|long| long.split_once('=')) {
        let flag = by_long(command, name)?;
        let values = match is_bool(flag) {
            true => Offer::words(["true", "false"]),
            false => flag_value(store, path, flag, partial),
        };
        return Some(values.within(&format!("--{name}="), ""));
    }
    let is_offered = |flag: &&Arg| {
        let is_given = flag.get_long().is_some_and(|long| line.flags.contains(&long));
        !flag.is_hide_set() && (!is_given || matches!(flag.get_action(), ArgAction::Append))
    };
    let known = command.get_arguments().filter(is_offered).filter_map(|flag| {
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        Some((format!("--{}", flag.get_long()?), help))
    });
    Some(Offer::of(known.chain([("--help".to_owned(), "Print usage".to_owned())])))
}

fn argument_value(store: &Store, path: &str, argument: &Arg, current: &str) -> Offer {
    let kind = argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    match (path, kind) {
        ("volume create" | "secret create", "VOLUME" | "SECRET") => Offer::default(),
        (_, "CONTAINER") => store.containers(suitable(path)),
        (_, "IMAGE" | "SOURCE_IMAGE" | "TARGET_IMAGE") | ("image push" | "image pull", "NAME") => {
            store.images()
        }
        ("image ls", "REPOSITORY") => store.images(),
        (_, "VOLUME") => store.volumes(),
        (_, "SECRET") => store.secrets(),
        (_, "NAME|ID") => {
            store.containers(|_| true).and(store.images()).and(store.volumes()).and(store.secrets())
        }
        (_, "SOURCE" | "DESTINATION") if current.contains(':') => Offer::default(),
        (_, "SOURCE" | "DESTINATION") => {
            store.containers(|_| true).within("", ":").and(Offer::paths(Paths::Files))
        }
        (_, "file|-" | "file|URL|-" | "COMMAND") => Offer::paths(Paths::Files),
        (_, "SHELL") => Offer::words(["bash", "fish", "powershell", "zsh"]),
        _ => Offer::default(),
    }
}

/// In which states a container can be what the command is about.
fn suitable(path: &str) -> fn(&State) -> bool {
    match path.rsplit(' ').next().unwrap_or_default() {
        "attach" | "exec" | "pause" => |state| matches!(state, State::Running { paused: false, .. }),
        "kill" | "port" | "stats" | "stop" | "top" => State::is_up,
        "run" if path == "healthcheck run" => |state| matches!(state, State::Running { paused: false, .. }),
        "start" => |state| !state.is_up(),
        "unpause" => State::is_paused,
        _ => |_| true,
    }
}

fn flag_value(store: &Store, path: &str, flag: &Arg, current: &str) -> Offer {
    let long = flag.get_long().unwrap_or_default();
    match long {
        "filter" => filter_value(store, path, current),
        "format" if path == "image save" => Offer::words(["docker-archive", "oci-archive"]),
        "format" => {
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            let is_listing = help.contains("'table'");
            Offer::words(["json"].into_iter().chain(is_listing.then_some("table")))
        }
        "attach" => Offer::words(["stderr", "stdin", "stdout"]),
        "cap-add" | "cap-drop" => Offer::words(["ALL"].into_iter().chain(capability::NAMES)),
        "cgroupns" => Offer::words(["host", "private"]),
        "condition" => {
            Offer::words(["created", "exited", "healthy", "paused", "running", "stopped", "unhealthy"])
        }
        "driver" if path == "secret create" => Offer::words(["file"]),
        "driver" | "volume-driver" => Offer::words(["local"]),
        "health-on-failure" => Offer::words(["kill", "none", "restart", "stop"]),
        "ipc" | "pid" => joined(store, current, &["host", "private"]),
        "log-driver" => Offer::words(logs::DRIVERS.iter().map(|driver| driver.name)),
        "log-level" => Offer::words(["debug", "error", "fatal", "info", "warn"]),
        "mount" => Offer::words(["type=bind,", "type=tmpfs,", "type=volume,"]),
        "network" => Offer::words(["host", "none"]),
        "policy" | "pull" => Offer::words(["always", "missing", "never", "newer"]),
        "restart" => Offer::words(["always", "no", "on-failure", "on-failure:", "unless-stopped"]),
        "secret" => store.secrets(),
        "security-opt" => Offer::words(["no-new-privileges", "seccomp=", "systempaths=unconfined"]),
        "signal" | "stop-signal" => Offer::words(signal::NAMES.iter().map(|(name, _)| format!("SIG{name}"))),
        "sort" if path == "image ls" => Offer::words(["created", "id", "repository", "size", "tag"]),
        "sort" => {
            Offer::words(["command", "created", "id", "image", "names", "runningfor", "size", "status"])
        }
        "storage-opt" => Offer::words(["overlay=auto", "overlay=full", "overlay=hybrid", "overlay=unpacked"]),
        "type" => Offer::words(["container", "image", "secret", "volume"]),
        "userns" => Offer::words(["auto", "emulated", "host", "keep-id", "nomap", "private", "single"]),
        "uts" => Offer::words(["host"]),
        "volume" if current.contains(':') => Offer::default(),
        "volume" => store.volumes().within("", ":").and(Offer::paths(Paths::Files)),
        "volumes-from" => store.containers(|_| true),
        "config" => Offer::paths(Paths::Directories),
        "device" => Offer::paths(Paths::Files),
        _ => match flag.get_value_hint() {
            ValueHint::AnyPath => Offer::paths(Paths::Files),
            _ => Offer::default(),
        },
    }
}

/// Modes of a namespace, which may be another container's.
fn joined(store: &Store, current: &str, modes: &[&str]) -> Offer {
    const JOIN: &str = "container:";
    match current.starts_with(JOIN) {
        true => store.containers(State::is_up).within(JOIN, ""),
        false => Offer::words(modes.iter().copied().chain([JOIN])),
    }
}

fn filter_value(store: &Store, path: &str, current: &str) -> Offer {
    let Some((key, _)) = current.split_once('=') else {
        return Offer::words(filter_keys(path).iter().map(|key| format!("{key}=")));
    };
    let is_of_images = path.starts_with("image");
    let values = match key {
        "status" => {
            Offer::words(["created", "dead", "exited", "paused", "removing", "restarting", "running"])
        }
        "health" => Offer::words(["healthy", "none", "starting", "unhealthy"]),
        "dangling" | "is-task" | "all" => Offer::words(["true", "false"]),
        "driver" => Offer::words(["local"]),
        "type" => Offer::words(["container", "image", "secret", "volume"]),
        "event" => Offer::words(EVENTS.iter().copied()),
        "ancestor" | "image" | "reference" => store.images(),
        "before" | "since" if is_of_images => store.images(),
        "before" | "since" | "container" => store.containers(|_| true),
        "volume" => store.volumes(),
        "secret" => store.secrets(),
        "name" if path.starts_with("volume") => store.volumes(),
        "name" if path.starts_with("secret") => store.secrets(),
        "name" => store.containers(|_| true),
        _ => Offer::default(),
    };
    values.within(&format!("{key}="), "")
}

/// Docker's words for what happens here.
const EVENTS: &[&str] = &[
    "attach",
    "commit",
    "copy",
    "create",
    "delete",
    "destroy",
    "detach",
    "die",
    "exec_create",
    "exec_die",
    "exec_start",
    "export",
    "health_status",
    "import",
    "kill",
    "load",
    "mount",
    "pause",
    "prune",
    "pull",
    "push",
    "remove",
    "rename",
    "resize",
    "restart",
    "save",
    "start",
    "stop",
    "tag",
    "unmount",
    "unpause",
    "untag",
    "update",
];

fn filter_keys(path: &str) -> &'static [&'static str] {
    match path {
        "container ls" | "container kill" | "container pause" | "container restart" | "container rm"
        | "container start" | "container stop" | "container unpause" => ps::FILTERS,
        "container prune" | "system prune" => prune::CONTAINER_FILTERS,
        "image ls" => images::FILTERS,
        "image prune" => prune::IMAGE_FILTERS,
        "secret ls" => secret::FILTERS,
        "system events" => events::FILTERS,
        "volume ls" => volume::FILTERS,
        "volume prune" => prune::VOLUME_FILTERS,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers where nothing is stored; `|` separates the words, the last one is being typed.
    fn answer(line: &str) -> String {
        let words: Vec<String> = line.split('|').map(str::to_owned).collect();
        let (current, before) = words.split_last().unwrap();
        let store = Store(std::cell::OnceCell::from(None));
        offer(&store, before, current).rendered(current)
    }

    fn words(line: &str) -> String {
        let answer = answer(line);
        let words = answer.lines().map(|line| line.split('\t').next().unwrap());
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn commands_flags_and_fixed_values() {
        for (line, want) in [
            ("at", "attach :"),
            ("--log-level|", "debug error fatal info warn :"),
            ("--log-l", "--log-level :"),
            ("--log-level=e", "--log-level=error :"),
            ("--config|", ":directories"),
            ("-D|-l|info|at", "attach :"),
            ("secret|", "create exists inspect ls rm :"),
            ("container|ren", "rename :"),
            ("help|secr", "secret :"),
            ("help|secret|l", "ls :"),
            ("nosuch|", ":"),
            ("run|--rest", "--restart :"),
            ("run|--restart|", "always no on-failure on-failure: unless-stopped :"),
            ("container|run|--pull=n", "--pull=never --pull=newer :"),
            ("run|--rm=", "--rm=true --rm=false :"),
            ("run|--rm|--rm", ":"),
            ("run|--env-file|", ":files"),
            ("run|-it|--log-driver|", "json-file local none :"),
            ("run|-itv|", ":files"),
            ("run|busybox|--res", ":files"),
            ("run|--|--res", ":"),
            ("stop|box|--sig", "--signal :"),
            ("stop|-s|SIGTE", "SIGTERM :"),
            ("run|--cap-add|SYS_PT", "SYS_PTRACE :"),
            ("run|--pid|", "host private container: :"),
            ("ps|--format|", "json table :"),
            ("inspect|--format|", "json :"),
            ("save|--format|", "docker-archive oci-archive :"),
            ("ps|--filter|st", "status= :"),
            ("ps|-f|status=r", "status=removing status=restarting status=running :"),
            ("ps|--filter=status=e", "--filter=status=exited :"),
            ("volume|ls|-f|", "dangling= driver= label= name= :"),
            ("completion|z", "zsh :"),
            ("completion|zsh|", ":"),
            ("cp|", ":files"),
            ("cp|box:/|", ":files"),
            ("cp|box:", ":"),
            ("load|-i|", ":files"),
            ("secret|create|name|", ":files"),
            ("rename|box|", ":"),
        ] {
            assert_eq!(words(line), want, "{line}");
        }
        assert!(words("").contains("run ") && words("").contains(" help "));
        assert!(answer("run|--restart").starts_with("--restart\tRestart policy to apply"));
        assert!(!words("run|--").contains("--memory") && words("run|-").contains("--help"));
    }

    #[test]
    fn every_flag_with_filters_has_keys() {
        for entry in ENTRIES {
            let has_filter = (entry.grammar)().get_arguments().any(|arg| arg.get_long() == Some("filter"));
            assert_eq!(!filter_keys(entry.names[0]).is_empty(), has_filter, "{}", entry.names[0]);
        }
    }
}
