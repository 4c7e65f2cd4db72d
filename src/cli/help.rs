//! `--help` in Docker's layout (cobra's and pflag's).

use clap::{Arg, ArgAction, Command};

use super::grammar::{Place, is_bool};

/// The help of one command; `names` are all the paths it answers to.
pub fn command(place: &Place, about: &str, names: &[&str], command: &Command, width: usize) -> String {
    let mut out = format!("Usage:  {}\n\n{about}\n", place.usage_line());
    if names.len() > 1 {
        let names: Vec<String> = names.iter().map(|name| format!("{} {name}", place.program)).collect();
        out.push_str(&format!("\nAliases:\n  {}\n", names.join(", ")));
    }
    let flags = flags(command, width);
    if !flags.is_empty() {
        out.push_str(&format!("\nOptions:\n{flags}"));
    }
    out
}

/// The help of a group: its commands, one line each.
pub fn group(program: &str, group: &str, about: &str, commands: &[(&str, &str)]) -> String {
    let name = format!("{program} {group}");
    let mut out = format!("Usage:  {name} COMMAND\n\n{about}\n\nCommands:\n");
    out.push_str(&list(commands));
    out.push_str(&format!("\nRun '{name} COMMAND --help' for more information on a command.\n"));
    out
}

/// Names padded to the longest (eleven at least), then what each does.
pub fn list(commands: &[(&str, &str)]) -> String {
    let width = commands.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(11);
    commands.iter().map(|(name, about)| format!("  {name:width$} {about}\n")).collect()
}

/// pflag's FlagUsagesWrapped: sorted by name, wrapped to the terminal.
pub fn flags(command: &Command, width: usize) -> String {
    let mut shown: Vec<&Arg> =
        command.get_arguments().filter(|arg| arg.get_long().is_some() && !arg.is_hide_set()).collect();
    shown.sort_by_key(|arg| arg.get_long());
    let left: Vec<String> = shown.iter().map(|arg| left_side(arg)).collect();
    let longest = left.iter().map(String::len).max().unwrap_or(0);
    let mut out = String::new();
    for (arg, left) in shown.iter().zip(&left) {
        let text = wrap(longest + 3, width.saturating_sub(1), &right_side(arg));
        out.push_str(&format!("{left:longest$}   {text}\n"));
    }
    out
}

fn left_side(arg: &Arg) -> String {
    let long = arg.get_long().unwrap_or_default();
    let mut text = match arg.get_short() {
        Some(short) => format!("  -{short}, --{long}"),
        None => format!("      --{long}"),
    };
    if !is_bool(arg) {
        let kind = arg.get_value_names().and_then(|names| names.first());
        text.push(' ');
        text.push_str(kind.map_or("string", |name| name.as_str()));
    }
    text
}

fn right_side(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if matches!(arg.get_action(), ArgAction::SetFalse) {
        text.push_str(" (default true)");
    } else if let Some(value) = arg.get_default_values().first().filter(|_| !is_bool(arg)) {
        let value = value.to_string_lossy();
        let is_text = arg.get_value_names().and_then(|n| n.first()).is_none_or(|n| n.as_str() == "string");
        text.push_str(&if is_text {
            format!(" (default \"{value}\")")
        } else {
            format!(" (default {value})")
        });
    }
    text
}

/// How far a line may run over to save a short last word (pflag's slop).
const SLOP: usize = 5;

/// pflag's wrap: `text` in the columns from `indent` to `width`.
fn wrap(indent: usize, width: usize, text: &str) -> String {
    let mut indent = indent;
    let mut room = width.saturating_sub(indent);
    let mut out = String::new();
    if room < 24 {
        indent = 16;
        room = width.saturating_sub(indent);
        out = format!("\n{}", " ".repeat(indent));
    }
    let margin = format!("\n{}", " ".repeat(indent));
    if room < 24 {
        return out + &text.replace('\n', &margin);
    }
    let room = room - SLOP;
    let mut rest = text;
    loop {
        let (line, tail) = wrap_line(room, rest);
        out.push_str(&line.replace('\n', &margin));
        if tail.is_empty() {
            return out;
        }
        out.push_str(&margin);
        rest = tail;
    }
}

fn wrap_line(room: usize, text: &str) -> (&str, &str) {
    if room + SLOP > text.len() {
        return (text, "");
    }
    let Some(head) = text.get(..room) else { return (text, "") };
    let Some(blank) = head.rfind([' ', '\t', '\n']).filter(|at| *at > 0) else { return (text, "") };
    match head.rfind('\n').filter(|at| *at > 0 && *at < blank) {
        Some(newline) => (&text[..newline], &text[newline + 1..]),
        None => (&text[..blank], &text[blank + 1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_laid_out_as_pflag_lays_them_out() {
        let command = Command::new("logs").args([
            Arg::new("tail")
                .short('n')
                .long("tail")
                .value_name("string")
                .default_value("all")
                .help("Number of lines to show from the end of the logs"),
            Arg::new("follow").short('f').long("follow").action(ArgAction::SetTrue).help("Follow log output"),
            Arg::new("details")
                .long("details")
                .action(ArgAction::SetTrue)
                .help("Show extra details provided to logs"),
            Arg::new("since").long("since").value_name("string").help(
                "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
            ),
        ]);
        let want = "      --details        Show extra details provided to logs
  -f, --follow         Follow log output
      --since string   Show logs since timestamp (e.g.
                       \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\"
                       for 42 minutes)
  -n, --tail string    Number of lines to show from the end of the logs
                       (default \"all\")
";
        assert_eq!(flags(&command, 80), want);
    }
}
