//! Docker's grammar (pflag's) over clap's definitions.
//!
//! clap knows the flags, their help and types; how a command line is cut into flags, values and arguments
//! is decided here, because scripts depend on pflag's rules: `--rm=false`, `-d=true`, `-itv a:b`, a value
//! that begins with a hyphen, options that end at the image, and the wording of every complaint. What is
//! left for clap is a canonical line, `--flag=value ... -- argument ...`, and typed values.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::failure::{Failure, Result};
use super::ui::units::{go_bool, plural};

/// What a command line asks for.
pub enum Parsed {
    Help,
    Run(Box<ArgMatches>),
}

/// Where a command stands, for complaints: `coracle`, `container run`, and its usage line.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub program: &'a str,
    pub path: &'a str,
    pub usage: &'a str,
    /// Status of a wrong number of arguments.
    pub wrong_count: u8,
}

impl Place<'_> {
    /// `coracle container run`
    pub fn name(&self) -> String {
        format!("{} {}", self.program, self.path).trim_end().to_owned()
    }

    /// The command with what may follow it; further lines of a usage name the program as well.
    pub fn usage_line(&self) -> String {
        let usage = self.usage.replace("\tcoracle ", &format!("\t{} ", self.program));
        format!("{} {usage}", self.name()).trim_end().to_owned()
    }

    fn complaint(&self, status: u8, message: &str, pointer: &str) -> Failure {
        let (name, usage) = (self.name(), self.usage_line());
        let text = format!("{message}\n\nUsage:  {usage}\n\n{pointer} '{name} --help' for more information");
        Failure::with_status(status, text)
    }

    /// A flag that cannot be read: status 125.
    pub fn bad_flag(&self, message: &str) -> Failure {
        self.complaint(125, message, "Run")
    }

    /// A wrong number of arguments.
    pub fn bad_count(&self, wants: &str, pointer: &str) -> Failure {
        let message = format!("{}: '{}' {wants}", self.program, self.name());
        self.complaint(self.wrong_count, &message, pointer)
    }
}

/// podman's flags that name the objects a command is about, where Docker wants at least one name.
const STAND_INS: [&str; 3] = ["all", "latest", "running"];
/// Those that take values: as lists they choose, where `run` and `create` write one cidfile.
const STAND_INS_WITH_VALUE: [&str; 2] = ["cidfile", "filter"];

/// Reads `arguments` (without the command's own name) for `command`.
pub fn parse(command: Command, place: Place, arguments: &[OsString]) -> Result<Parsed> {
    let mut line = Line::default();
    if !line.read(&command, &place, arguments)? {
        return Ok(Parsed::Help);
    }
    line.stand_in(&command);
    check_count(&command, &place, line.arguments.len())?;
    Ok(Parsed::Run(Box::new(line.typed(command, &place)?)))
}

/// Global flags stand before the command's name; returns them and what follows.
pub fn parse_globals<'a>(
    command: Command,
    place: Place,
    arguments: &'a [OsString],
) -> Result<(Parsed, &'a [OsString])> {
    let mut line = Line::default();
    let consumed_all = line.read(&command, &place, arguments)?;
    let rest = &arguments[arguments.len() - line.arguments.len()..];
    line.arguments.clear();
    if !consumed_all {
        return Ok((Parsed::Help, rest));
    }
    Ok((Parsed::Run(Box::new(line.typed(command, &place)?)), rest))
}

/// A command line cut into pieces.
#[derive(Default)]
struct Line {
    /// Flags by their long name, in order, booleans as `true` and `false`.
    flags: Vec<(String, OsString)>,
    arguments: Vec<OsString>,
}

impl Line {
    /// Returns false when help is wanted.
    fn read(&mut self, command: &Command, place: &Place, arguments: &[OsString]) -> Result<bool> {
        let interspersed = !command.get_positionals().any(Arg::is_trailing_var_arg_set);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(text) = argument.to_str() else {
                self.arguments.push(argument.clone());
                if !interspersed {
                    break;
                }
                continue;
            };
            if text == "--" {
                break;
            }
            if let Some(long) = text.strip_prefix("--") {
                if !self.long(command, place, long, &mut rest)? {
                    return Ok(false);
                }
            } else if text.len() > 1 && text.starts_with('-') {
                if !self.short(command, place, &text[1..], &mut rest)? {
                    return Ok(false);
                }
            } else {
                self.arguments.push(argument.clone());
                if !interspersed {
                    break;
                }
            }
        }
        self.arguments.extend(rest.cloned());
        Ok(true)
    }

    fn long<'a>(
        &mut self,
        command: &Command,
        place: &Place,
        text: &str,
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<bool> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if name.is_empty() || name.starts_with('-') {
            return Err(place.bad_flag(&format!("bad flag syntax: --{text}")));
        }
        let Some(definition) = by_long(command, name) else {
            if name == "help" {
                return Ok(false);
            }
            return Err(place.bad_flag(&format!("unknown flag: --{name}")));
        };
        let value: OsString = match value {
            Some(value) => value.into(),
            None if is_bool(definition) => "true".into(),
            None => match rest.next() {
                Some(value) => value.clone(),
                None => return Err(place.bad_flag(&format!("flag needs an argument: --{name}"))),
            },
        };
        self.set(place, definition, value)?;
        Ok(true)
    }

    /// A bundle: `-it`, `-eA=b`, `-n=3`, `-itv a:b`.
    fn short<'a>(
        &mut self,
        command: &Command,
        place: &Place,
        bundle: &str,
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<bool> {
        let mut left = bundle;
        while let Some(letter) = left.chars().next() {
            let tail = &left[letter.len_utf8()..];
            let Some(definition) = by_short(command, letter) else {
                if letter == 'h' {
                    return Ok(false);
                }
                return Err(place.bad_flag(&format!("unknown shorthand flag: '{letter}' in -{left}")));
            };
            let value: OsString = if tail.len() > 1 && tail.starts_with('=') {
                left = "";
                tail[1..].into()
            } else if is_bool(definition) {
                left = tail;
                "true".into()
            } else if !tail.is_empty() {
                left = "";
                tail.into()
            } else {
                left = "";
                match rest.next() {
                    Some(value) => value.clone(),
                    None => {
                        let message = format!("flag needs an argument: '{letter}' in -{bundle}");
                        return Err(place.bad_flag(&message));
                    }
                }
            };
            self.set(place, definition, value)?;
        }
        Ok(true)
    }

    fn set(&mut self, place: &Place, definition: &Arg, mut value: OsString) -> Result<()> {
        if is_bool(definition) {
            let text = value.to_string_lossy().into_owned();
            match go_bool(&text) {
                Ok(truth) => value = truth.to_string().into(),
                Err(why) => return Err(place.bad_flag(&complaint(definition, &text, &why))),
            }
        }
        let name = definition.get_long().expect("every flag has a long name").to_owned();
        self.flags.push((name, value));
        Ok(())
    }

    /// An empty word stands where the first name would, so that what follows keeps its place
    /// (`exec --latest COMMAND`).
    fn stand_in(&mut self, command: &Command) {
        let is_set = |name: &str| {
            let given = self.flags.iter().rev().find(|(flag, _)| flag == name);
            given.is_some_and(|(_, value)| value == "true")
        };
        let wants_name = command.get_positionals().next().is_some_and(Arg::is_required_set);
        let is_list = |name: &str| {
            by_long(command, name).is_some_and(|flag| matches!(flag.get_action(), ArgAction::Append))
        };
        let is_given = |name: &str| is_list(name) && self.flags.iter().any(|(flag, _)| flag == name);
        let is_named = STAND_INS.into_iter().any(is_set);
        if wants_name && (is_named || STAND_INS_WITH_VALUE.into_iter().any(is_given)) {
            self.arguments.insert(0, OsString::new());
        }
    }

    /// Hands the line to clap, which reads the values.
    fn typed(&self, mut command: Command, place: &Place) -> Result<ArgMatches> {
        command.build();
        self.check_text(&command, place)?;
        command.try_get_matches_from_mut(self.canonical(&command)).map_err(|error| {
            let definitions: Vec<&Arg> = command.get_arguments().collect();
            place.bad_flag(&invalid_value(&definitions, &error))
        })
    }

    /// Only paths may be other than UTF-8.
    fn check_text(&self, command: &Command, place: &Place) -> Result<()> {
        const WHY: &str = "it is not valid UTF-8";
        let is_path = |definition: &Arg| definition.get_value_parser().type_id() == TypeId::of::<PathBuf>();
        for (name, value) in &self.flags {
            let definition = by_long(command, name).expect("it was found before");
            if value.to_str().is_none() && !is_path(definition) {
                return Err(place.bad_flag(&complaint(definition, &value.to_string_lossy(), WHY)));
            }
        }
        match self.arguments.iter().find(|argument| argument.to_str().is_none()) {
            Some(argument) if !command.get_positionals().all(is_path) => {
                let shown = super::ui::template::quote(&argument.to_string_lossy());
                Err(place.bad_flag(&format!("invalid argument {shown}: {WHY}")))
            }
            _ => Ok(()),
        }
    }

    /// The line as clap takes it: booleans only where they differ from their default, and of a flag that
    /// holds one value only the last.
    fn canonical(&self, command: &Command) -> Vec<OsString> {
        let mut line: Vec<OsString> = vec![command.get_name().into()];
        for (at, (name, value)) in self.flags.iter().enumerate() {
            let definition = by_long(command, name).expect("it was found before");
            let is_list = matches!(definition.get_action(), ArgAction::Append);
            let is_last = !self.flags[at + 1..].iter().any(|(later, _)| later == name);
            if !is_list && !is_last {
                continue;
            }
            if is_bool(definition) {
                let default = matches!(definition.get_action(), ArgAction::SetFalse);
                if (value == "true") != default {
                    line.push(format!("--{name}").into());
                }
                continue;
            }
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(value);
            line.push(flag);
        }
        line.push("--".into());
        line.extend(self.arguments.iter().cloned());
        line
    }
}

pub fn is_bool(definition: &Arg) -> bool {
    matches!(definition.get_action(), ArgAction::SetTrue | ArgAction::SetFalse)
}

pub fn by_long<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|names| names.contains(&name))
    })
}

pub fn by_short(command: &Command, letter: char) -> Option<&Arg> {
    command.get_arguments().find(|arg| arg.get_short() == Some(letter))
}

/// pflag's `invalid argument "x" for "-n, --last" flag: reason`.
pub fn complaint(definition: &Arg, value: &str, why: &str) -> String {
    let long = definition.get_long().unwrap_or_default();
    let name = match definition.get_short() {
        Some(short) => format!("-{short}, --{long}"),
        None => format!("--{long}"),
    };
    format!("invalid argument {} for \"{name}\" flag: {why}", super::ui::template::quote(value))
}

/// clap only ever fails on values here; its error names the argument and keeps the parser's reason.
fn invalid_value(definitions: &[&Arg], error: &clap::Error) -> String {
    use clap::error::{ContextKind, ContextValue};
    use std::error::Error as _;
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let shown = text(ContextKind::InvalidArg);
    let why = error.source().map_or_else(|| error.to_string(), |cause| cause.to_string());
    match definitions.iter().find(|arg| arg.to_string() == shown) {
        Some(definition) if definition.get_long().is_some() => {
            complaint(definition, &text(ContextKind::InvalidValue), &why)
        }
        _ => why,
    }
}

fn check_count(command: &Command, place: &Place, given: usize) -> Result<()> {
    let positionals: Vec<&Arg> = command.get_positionals().collect();
    let least = positionals.iter().filter(|arg| arg.is_required_set()).count();
    let endless = positionals.iter().any(|arg| matches!(arg.get_action(), ArgAction::Append));
    let most = positionals.len();
    if given >= least && (endless || given <= most) {
        return Ok(());
    }
    let (wants, pointer) = match () {
        _ if endless => (format!("requires at least {least} argument{}", plural(least)), "See"),
        _ if most == 0 => ("accepts no arguments".to_owned(), "Run"),
        _ if least == most => (format!("requires {least} argument{}", plural(least)), "Run"),
        _ if least == 0 => (format!("requires at most {most} argument{}", plural(most)), "Run"),
        _ => (format!("requires at least {least} and at most {most} arguments"), "Run"),
    };
    Err(place.bad_count(&wants, pointer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        Command::new("run")
            .disable_help_flag(true)
            .arg(Arg::new("detach").short('d').long("detach").action(ArgAction::SetTrue))
            .arg(Arg::new("tty").short('t').long("tty").action(ArgAction::SetTrue))
            .arg(Arg::new("sig-proxy").long("sig-proxy").action(ArgAction::SetFalse))
            .arg(Arg::new("env").short('e').long("env").action(ArgAction::Append))
            .arg(Arg::new("name").long("name").alias("title"))
            .arg(Arg::new("last").short('n').long("last").value_parser(super::super::ui::units::go_int))
            .arg(Arg::new("image").required(true))
            .arg(Arg::new("args").action(ArgAction::Append).num_args(0..).trailing_var_arg(true))
    }

    const PLACE: Place = Place { program: "coracle", path: "run", usage: "[OPTIONS] IMAGE", wrong_count: 1 };

    fn read(line: &str) -> Result<Parsed> {
        let arguments: Vec<OsString> =
            line.split(' ').filter(|w| !w.is_empty()).map(OsString::from).collect();
        parse(command(), PLACE, &arguments)
    }

    fn shown(line: &str) -> String {
        match read(line) {
            Ok(Parsed::Help) => "help".to_owned(),
            Ok(Parsed::Run(m)) => {
                let list = |id: &str| {
                    let values = m.get_many::<String>(id).unwrap_or_default();
                    values.cloned().collect::<Vec<_>>().join(",")
                };
                format!(
                    "d={} t={} p={} e={} name={} n={:?} | {} | {}",
                    u8::from(m.get_flag("detach")),
                    u8::from(m.get_flag("tty")),
                    u8::from(m.get_flag("sig-proxy")),
                    list("env"),
                    list("name"),
                    m.get_one::<i64>("last"),
                    list("image"),
                    list("args"),
                )
            }
            Err(failure) => format!("{}: {}", failure.status, failure.text.lines().next().unwrap()),
        }
    }

    #[test]
    fn lines_are_cut_as_pflag_cuts_them() {
        for (line, want) in [
            ("x", "d=0 t=0 p=1 e= name= n=None | x | "),
            ("-dt x", "d=1 t=1 p=1 e= name= n=None | x | "),
            ("-d=true -t=false x", "d=1 t=0 p=1 e= name= n=None | x | "),
            ("--detach --detach=false x", "d=0 t=0 p=1 e= name= n=None | x | "),
            ("--sig-proxy=false x", "d=0 t=0 p=0 e= name= n=None | x | "),
            ("--sig-proxy x", "d=0 t=0 p=1 e= name= n=None | x | "),
            ("-eA=b -e=C --env D=e --env=F x", "d=0 t=0 p=1 e=A=b,C,D=e,F name= n=None | x | "),
            ("-dteA x", "d=1 t=1 p=1 e=A name= n=None | x | "),
            ("--name -d x", "d=0 t=0 p=1 e= name=-d n=None | x | "),
            ("--name a --name b x", "d=0 t=0 p=1 e= name=b n=None | x | "),
            ("--title a x", "d=0 t=0 p=1 e= name=a n=None | x | "),
            ("-n -1 x", "d=0 t=0 p=1 e= name= n=Some(-1) | x | "),
            ("x -d --name y -- z", "d=0 t=0 p=1 e= name= n=None | x | -d,--name,y,--,z"),
            ("-- -d x", "d=0 t=0 p=1 e= name= n=None | -d | x"),
            ("x --help", "d=0 t=0 p=1 e= name= n=None | x | --help"),
            ("- x", "d=0 t=0 p=1 e= name= n=None | - | x"),
            ("--help", "help"),
            ("-d --help", "help"),
            ("-dh x", "help"),
            ("--nosuch x", "125: unknown flag: --nosuch"),
            ("-dtZ x", "125: unknown shorthand flag: 'Z' in -Z"),
            ("--name", "125: flag needs an argument: --name"),
            ("-n", "125: flag needs an argument: 'n' in -n"),
            ("--=a x", "125: bad flag syntax: --=a"),
            (
                "--detach=maybe x",
                "125: invalid argument \"maybe\" for \"-d, --detach\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            (
                "--last abc x",
                "125: invalid argument \"abc\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"abc\": invalid syntax",
            ),
            ("", "1: coracle: 'coracle run' requires at least 1 argument"),
        ] {
            assert_eq!(shown(line), want, "{line}");
        }
    }

    #[test]
    fn complaints_show_the_usage_line_and_where_help_is() {
        let Err(failure) = read("--nosuch x") else { panic!("taken") };
        assert_eq!(
            failure.text,
            "unknown flag: --nosuch\n\nUsage:  coracle run [OPTIONS] IMAGE\n\nRun 'coracle run --help' for more information"
        );
        let Err(failure) = read("") else { panic!("taken") };
        assert_eq!(failure.status, 1);
        assert!(failure.text.ends_with("See 'coracle run --help' for more information"));
    }

    #[test]
    fn counts_of_arguments_are_told_as_docker_tells_them() {
        let positional = |required: usize, optional: usize| {
            let name = |n: usize| format!("a{n}");
            let required_args = (0..required).map(|n| Arg::new(name(n)).required(true));
            let optional_args = (0..optional).map(|n| Arg::new(name(n + 10)));
            Command::new("c").args(required_args.chain(optional_args))
        };
        for (required, optional, given, want) in [
            (0, 0, 1, "accepts no arguments"),
            (1, 0, 0, "requires 1 argument"),
            (2, 0, 1, "requires 2 arguments"),
            (1, 1, 3, "requires at least 1 and at most 2 arguments"),
            (0, 1, 2, "requires at most 1 argument"),
        ] {
            let failure = check_count(&positional(required, optional), &PLACE, given).unwrap_err();
            let first = failure.text.lines().next().unwrap();
            assert_eq!(first, format!("coracle: 'coracle run' {want}"));
        }
    }
}
