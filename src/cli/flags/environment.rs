//! `-e`, `--env-file`, `--label-file`: KEY=VALUE, quotes and all, as Docker reads them.

use std::path::{Path, PathBuf};

use crate::cli::failure::{Failure, Result};

/// Checks one `-e`.
pub fn variable(text: &str) -> Result<String, String> {
    let name = text.split('=').next().unwrap_or_default();
    if name.is_empty() { Err(format!("invalid environment variable: {text}")) } else { Ok(text.to_owned()) }
}

/// Checks one `--env-merge`.
pub fn merged(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("invalid environment variable: {text}: want NAME=VALUE")),
    }
}

/// Files first, then `-e`; a name alone takes the caller's value and is left out where there is none.
pub fn read(files: &[PathBuf], flags: &[String]) -> Result<Vec<(String, String)>> {
    let mut lines = Vec::new();
    for file in files {
        lines.extend(read_file(file, "env file")?);
    }
    lines.extend(flags.iter().cloned());
    Ok(lines.iter().filter_map(|line| resolve(line)).collect())
}

fn resolve(line: &str) -> Option<(String, String)> {
    match line.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(line).ok().map(|value| (line.to_owned(), value)),
    }
}

/// The caller's environment, as far as it is text.
pub fn host() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The caller's proxies, in both spellings.
pub fn proxies() -> Vec<(String, String)> {
    const NAMES: [&str; 5] = ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"];
    let is_proxy = |(name, _): &(String, String)| NAMES.contains(&name.to_lowercase().as_str());
    host().into_iter().filter(is_proxy).collect()
}

/// A name alone is a label without value.
pub fn label_files(files: &[PathBuf]) -> Result<Vec<(String, String)>> {
    let mut labels = Vec::new();
    for file in files {
        for line in read_file(file, "label file")? {
            let (name, value) = line.split_once('=').unwrap_or((&line, ""));
            labels.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(labels)
}

fn read_file(path: &Path, kind: &str) -> Result<Vec<String>> {
    let bytes = std::fs::read(path).map_err(|e| Failure::usage(open_error(path, &e)))?;
    parse(&bytes).map_err(|why| Failure::usage(format!("invalid {kind} ({}): {why}", path.display())))
}

/// `open PATH: no such file or directory`, as Go says it.
pub fn open_error(path: &Path, error: &std::io::Error) -> String {
    let why = match error.raw_os_error() {
        Some(code) => {
            let text = rustix::io::Errno::from_raw_os_error(code).to_string();
            let text = text.split(" (os error").next().unwrap_or_default().to_owned();
            let mut letters = text.chars();
            letters.next().map(|c| c.to_lowercase().chain(letters).collect()).unwrap_or(text)
        }
        None => error.to_string(),
    };
    format!("open {}: {why}", path.display())
}

/// `#` begins a comment only at the line's start; nothing is unquoted or expanded.
fn parse(bytes: &[u8]) -> Result<Vec<String>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = Vec::new();
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(line) = std::str::from_utf8(line) else {
            return Err(format!("contains invalid utf8 bytes at line {}", number + 1));
        };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = line.split('=').next().unwrap_or_default();
        if name.is_empty() {
            return Err(format!("no variable name on line '{line}'"));
        }
        let name = if line.contains('=') { name } else { name.trim_end() };
        if name.contains(char::is_whitespace) {
            return Err(format!("variable '{name}' contains whitespaces"));
        }
        lines.push(if line.contains('=') { line.to_owned() } else { name.to_owned() });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_without_quotes_or_expansion() {
        let text = "\u{feff}# comment\n\nA=1\n  B=\"x y\" # no comment\nC=\nD=$A\r\nHOME\n";
        let want = ["A=1", "B=\"x y\" # no comment", "C=", "D=$A", "HOME"];
        assert_eq!(parse(text.as_bytes()).unwrap(), want);
        for (bad, why) in [
            (&b"=x"[..], "no variable name on line '=x'"),
            (b"A B=x", "variable 'A B' contains whitespaces"),
            (b"A=1\nB=\xff", "contains invalid utf8 bytes at line 2"),
        ] {
            assert_eq!(parse(bad), Err(why.to_owned()));
        }
    }

    #[test]
    fn later_ones_stand_behind_and_unset_names_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("env");
        std::fs::write(&file, "A=file\nPATH\nCORACLE_TEST_UNSET\n").unwrap();
        let env = read(&[file], &["A=flag".into(), "CORACLE_TEST_UNSET".into()]).unwrap();
        let path = std::env::var("PATH").unwrap();
        let want = [("A", "file"), ("PATH", path.as_str()), ("A", "flag")];
        assert_eq!(env, want.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn a_missing_file_is_told_as_go_tells_it() {
        let failure = read(&["/nonexist".into()], &[]).unwrap_err();
        assert_eq!(
            (failure.status, failure.text.as_str()),
            (125, "open /nonexist: no such file or directory")
        );
    }
}
