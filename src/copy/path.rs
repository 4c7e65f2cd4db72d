//! Docker's rules of where a copy lands: what a trailing slash, a trailing dot and an existing
//! destination mean.

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: Vec<u8>,
    pub is_directory: bool,
    /// The name it shall have, where a link was followed to it.
    pub rename: Option<Vec<u8>>,
}

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub path: Vec<u8>,
    /// Whether it is a directory; `None` if it is not there.
    pub is_directory: Option<bool>,
}

/// The directory that things are made in, and the name of the topmost; `.` is the directory itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    pub directory: Vec<u8>,
    pub name: Vec<u8>,
}

/// Copies that mean nothing, in Docker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("cannot copy directory")]
    DirectoryToFile,
    #[error("no such directory")]
    NoDirectory,
}

/// Where `source` lands.
pub fn landing(source: &Source, destination: &Destination) -> Result<Landing, PathError> {
    let (directory, base) = split(&destination.path);
    let own = source.rename.clone().unwrap_or_else(|| split(&source.path).1);
    match destination.is_directory {
        Some(true) => Ok(Landing { directory: destination.path.clone(), name: own }),
        Some(false) if source.is_directory => Err(PathError::DirectoryToFile),
        None if !source.is_directory && asserts_directory(&destination.path) => Err(PathError::NoDirectory),
        Some(false) | None => Ok(Landing { directory, name: base }),
    }
}

/// Without `.`, `..`, doubled and trailing slashes, as Go's `path.Clean`; nothing is `.`.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => drop(parts.pop()),
            b".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// Everything before the last name, and the last name; a path that ends in `.` has that as its name.
pub fn split(path: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut cleaned = clean(path);
    if ends_in_dot(path) {
        cleaned.extend_from_slice(b"/.");
    }
    let start = cleaned.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    (clean(&cleaned[..start]), base(&cleaned).to_vec())
}

/// The last name, without slashes after it (Go's `path.Base`).
pub fn base(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    match (&path[..end], path.is_empty()) {
        (b"", true) => b".",
        (b"", false) => b"/",
        (path, _) => path.rsplit(|byte| *byte == b'/').next().unwrap_or(path),
    }
}

fn ends_in_dot(path: &[u8]) -> bool {
    base(path) == b"."
}

fn ends_in_slash(path: &[u8]) -> bool {
    path.ends_with(b"/")
}

/// Whether the path is written as only that of a directory can be.
pub fn asserts_directory(path: &[u8]) -> bool {
    ends_in_slash(path) || ends_in_dot(path)
}

/// Gives a path that was cleaned the end that it had: `/.` and `/` mean something.
pub fn keep_end(cleaned: &[u8], original: &[u8]) -> Vec<u8> {
    let mut path = cleaned.to_vec();
    if !ends_in_dot(&path) && ends_in_dot(original) {
        if !ends_in_slash(&path) {
            path.push(b'/');
        }
        path.push(b'.');
    }
    if !ends_in_slash(&path) && ends_in_slash(original) {
        path.push(b'/');
    }
    path
}

/// Of a link that was followed: the path it led to, with the end that was written, and the name of the
/// link if that is another.
pub fn followed(path: &[u8], target: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut target = target.to_vec();
    if ends_in_dot(path) && !ends_in_dot(&target) {
        target.extend_from_slice(b"/.");
    }
    if ends_in_slash(path) && !ends_in_slash(&target) {
        target.push(b'/');
    }
    let rename = (base(path) != base(&target)).then(|| base(path).to_vec());
    (target, rename)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_split_as_docker_does() {
        for (path, cleaned, directory, name) in [
            ("/a/b", "/a/b", "/a", "b"),
            ("/a/b/", "/a/b", "/a", "b"),
            ("/a/b/.", "/a/b", "/a/b", "."),
            ("/a/./b/../c", "/a/c", "/a", "c"),
            ("/", "/", "/", "/"),
            ("/..", "/", "/", "/"),
            ("a", "a", ".", "a"),
            (".", ".", ".", "."),
            ("../../x", "../../x", "../..", "x"),
            ("a//b", "a/b", "a", "b"),
        ] {
            assert_eq!(clean(path.as_bytes()), cleaned.as_bytes(), "{path}");
            let split = split(path.as_bytes());
            assert_eq!(split, (directory.into(), name.into()), "{path}");
        }
    }

    #[test]
    fn what_was_written_at_the_end_is_kept() {
        for (cleaned, original, kept) in [
            ("/a/b", "b/", "/a/b/"),
            ("/a/b", "b/.", "/a/b/."),
            ("/a/b", "b", "/a/b"),
            ("/", "/", "/"),
            ("/a", ".", "/a/."),
        ] {
            assert_eq!(keep_end(cleaned.as_bytes(), original.as_bytes()), kept.as_bytes(), "{original}");
        }
    }

    #[test]
    fn a_copy_lands_where_docker_lets_it() {
        let file = |path: &str| Source { path: path.into(), is_directory: false, rename: None };
        let directory = |path: &str| Source { path: path.into(), is_directory: true, rename: None };
        let to = |path: &str, is_directory| Destination { path: path.into(), is_directory };
        let at = |directory: &str, name: &str| Ok(Landing { directory: directory.into(), name: name.into() });
        for (source, destination, expected) in [
            (file("/s/f"), to("/d", Some(true)), at("/d", "f")),
            (file("/s/f"), to("/d/g", None), at("/d", "g")),
            (file("/s/f"), to("/d/g", Some(false)), at("/d", "g")),
            (file("/s/f"), to("/d/g/", None), Err(PathError::NoDirectory)),
            (directory("/s/d"), to("/d", Some(true)), at("/d", "d")),
            (directory("/s/d/."), to("/d", Some(true)), at("/d", ".")),
            (directory("/s/d"), to("/d/new", None), at("/d", "new")),
            (directory("/s/d/."), to("/d/new", None), at("/d", "new")),
            (directory("/s/d"), to("/d/new/", None), at("/d", "new")),
            (directory("/s/d"), to("/d/f", Some(false)), Err(PathError::DirectoryToFile)),
        ] {
            assert_eq!(landing(&source, &destination), expected, "{source:?} {destination:?}");
        }
        let followed = Source { rename: Some("link".into()), ..file("/s/target") };
        assert_eq!(landing(&followed, &to("/d", Some(true))), at("/d", "link"));
        assert_eq!(landing(&followed, &to("/d/g", None)), at("/d", "g"));
    }

    #[test]
    fn a_followed_link_keeps_its_name() {
        for (path, target, end, name) in [
            ("/a/link", "/b/file", "/b/file", Some("link")),
            ("/a/link", "/b/link", "/b/link", None),
            ("/a/link/", "/b/dir", "/b/dir/", Some("link")),
            ("/a/link/.", "/b/dir", "/b/dir/.", None),
        ] {
            let expected = (end.into(), name.map(Into::into));
            assert_eq!(followed(path.as_bytes(), target.as_bytes()), expected, "{path}");
        }
    }
}
