//! `top`: the host's `ps`, cut down to the container's processes (Docker's way).

use std::process::Command;

use super::choice;
use super::failure::{Failure, Result};
use super::ui;
use super::ui::table;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Top {
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
    #[arg(trailing_var_arg = true, value_name = "ps OPTIONS")]
    options: Vec<String>,
}

impl Verb for Top {
    const NAMES: &'static [&'static str] = &["container top", "top"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [ps OPTIONS]";
    const ABOUT: &'static str = "Display the running processes of a container";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let view = choice::one(&engine, &self.container, self.latest)?;
        let id = &view.record.id;
        if !view.state.is_up() {
            return Err(Failure::daemon(format!("container {id} is not running")));
        }
        let pids = engine.processes(id)?;
        let options = if self.options.is_empty() { vec!["-ef".to_owned()] } else { self.options };
        let output = Command::new("ps")
            .args(&options)
            .env("LC_ALL", "C")
            .output()
            .map_err(|e| Failure::daemon(format!("running ps on this machine: {e}")))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::daemon(format!("ps: {why}")));
        }
        let rows = select(&String::from_utf8_lossy(&output.stdout), &pids).map_err(Failure::daemon)?;
        let text: String = rows.iter().map(|row| row.join("\t") + "\n").collect();
        engine.was_looked_at(&view.record);
        ui::out(&table::align_with(&text, 20, 3))?;
        Ok(0)
    }
}

/// The heading and the lines whose PID is one of `pids`, cut into as many cells as the heading has.
fn select(output: &str, pids: &[i32]) -> Result<Vec<Vec<String>>, String> {
    let mut lines = output.lines();
    let heading: Vec<String> =
        lines.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let Some(column) = heading.iter().position(|title| title == "PID") else {
        return Err("Couldn't find PID field in ps output".to_owned());
    };
    let width = heading.len();
    let mut rows = vec![heading];
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(pid) = words.get(column) else { continue };
        match pid.parse::<i32>() {
            Ok(pid) if pids.contains(&pid) => {
                // The last column (CMD) holds what is left, blanks and all.
                let cut = words.len().min(width) - 1;
                let mut cells: Vec<String> = words[..cut].iter().map(|word| (*word).to_owned()).collect();
                cells.push(words[cut..].join(" "));
                rows.push(cells);
            }
            Ok(_) => {}
            // `-` stands for the threads of the process before it (ps -m).
            Err(_) if *pid == "-" => {}
            Err(_) => return Err(format!("Unexpected pid '{pid}'")),
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_containers_processes_are_kept() {
        let output = "UID PID PPID CMD\nroot 1 0 /sbin/init splash\nal 42 1 sleep  600\nal 43 42 sh\n";
        let rows = select(output, &[42, 43]).unwrap();
        assert_eq!(
            rows,
            [["UID", "PID", "PPID", "CMD"], ["al", "42", "1", "sleep 600"], ["al", "43", "42", "sh"]]
        );
        assert!(select("USER CMD\nroot x\n", &[1]).is_err());
    }
}
