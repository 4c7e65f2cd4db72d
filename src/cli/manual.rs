//! The checked-in man pages and completions, and the test that notices when they are stale.

use std::path::Path;

use clap::{Arg, Command};

use super::book::ENTRIES;
use super::completion::script;
use super::verb::{Entry, globals};

/// The man page of a command, in the order of man-pages(7).
fn man_page(entry: &'static Entry) -> (String, String) {
    let path = entry.names.iter().find(|name| !name.contains(' ')).unwrap_or(&entry.names[0]);
    let title = format!("coracle-{}", path.replace(' ', "-"));
    let help = Arg::new("help").long("help").help("Print usage").action(clap::ArgAction::SetTrue);
    let command = (entry.grammar)()
        .name(title.clone())
        .bin_name(title.clone())
        .about(first_line(entry.about))
        .long_about(entry.about)
        .override_usage(format!("coracle {path} {}", entry.usage))
        .version(env!("CARGO_PKG_VERSION"))
        .arg(help);
    (format!("{title}.1"), rendered(command))
}

fn first_line(about: &'static str) -> &'static str {
    about.lines().next().unwrap_or_default()
}

fn overview_page() -> (String, String) {
    let commands: String = ENTRIES
        .iter()
        .filter_map(|entry| {
            let name = entry.names.iter().find(|name| !name.contains(' '))?;
            Some(format!("{name}: {}\n", first_line(entry.about)))
        })
        .collect();
    let command = Command::new("coracle")
        .about("Containers for a person who is not root")
        .after_help(format!("The commands, each with a page of its own (coracle-run(1), ...):\n\n{commands}"))
        .override_usage("coracle [OPTIONS] COMMAND")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(globals().get_arguments().filter(|arg| arg.get_id() != "rest").cloned());
    ("coracle.1".to_owned(), rendered(command))
}

fn rendered(command: Command) -> String {
    let mut out = Vec::new();
    let page = clap_mangen::Man::new(command).date("").manual("coracle").source("coracle");
    page.render(&mut out).expect("memory can be written to");
    String::from_utf8_lossy(&out).into_owned()
}

/// Every file below man/ and completions/: path and content.
fn files() -> Vec<(String, String)> {
    let completions = [("bash", "coracle.bash"), ("fish", "coracle.fish"), ("zsh", "_coracle")];
    let script = |shell| script(shell, "coracle").expect("there is one");
    let mut files: Vec<_> =
        completions.iter().map(|(shell, name)| (format!("completions/{name}"), script(shell))).collect();
    let pages = std::iter::once(overview_page()).chain(ENTRIES.iter().map(man_page));
    files.extend(pages.map(|(name, text)| (format!("man/{name}"), text)));
    files
}

/// `UPDATE=1 cargo test checked_in` writes them anew.
#[test]
fn the_checked_in_man_pages_and_completions_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("UPDATE").is_some();
    for (name, text) in files() {
        let path = root.join(&name);
        if update {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == text, "{name} is stale; run UPDATE=1 cargo test checked_in");
    }
}
