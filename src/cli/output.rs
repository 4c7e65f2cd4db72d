//! Files that commands write their result to.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use super::failure::{Failure, Result};
use super::flags::environment::open_error;

/// Refuses what cannot be written to, before anything is done (Docker's ValidateOutputPath).
pub fn check_path(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent
        && !parent.exists()
    {
        let text =
            format!("invalid output path: directory {:?} does not exist", parent.display().to_string());
        return Err(Failure::new(text));
    }
    if let Ok(found) = fs::metadata(path) {
        let kind = found.file_type();
        let what = match () {
            _ if kind.is_block_device() || kind.is_char_device() => "got a device",
            _ => return Ok(()),
        };
        let path = path.display().to_string();
        let text = format!("invalid output path: {path:?} must be a directory or a regular file: {what}");
        return Err(Failure::new(text));
    }
    Ok(())
}

/// A regular file appears whole, under a temporary name until then; pipes and devices are written to.
pub fn to_file(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let failed = |path: &Path, e: &std::io::Error| Failure::new(open_error(path, e));
    let is_special = fs::metadata(path).is_ok_and(|m| !m.is_file());
    if is_special {
        let mut file = OpenOptions::new().write(true).open(path).map_err(|e| failed(path, &e))?;
        return write(&mut file);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&temporary);
    let mut file = file.map_err(|e| failed(path, &e))?;
    let written = write(&mut file).and_then(|()| fs::rename(&temporary, path).map_err(|e| failed(path, &e)));
    if written.is_err() {
        // The failure that matters is the one at hand.
        let _ = fs::remove_file(&temporary);
    }
    written
}
