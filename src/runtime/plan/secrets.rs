//! Secrets: files in memory, and variables.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::super::launch::SecretFile;
use super::{PlanError, PlanInput, absolute, tree};
use crate::container::ContainerSpec;
use crate::container::spec::{MountKind, MountSpec, SECRETS, SecretPlace};

/// What is wrong with the places of the secrets on any machine.
pub(super) fn check(spec: &ContainerSpec) -> Result<(), PlanError> {
    let invalid = |text: String| Err(PlanError::Invalid(text));
    let mut seen: HashSet<PathBuf> = spec.mounts.iter().map(|mount| absolute(&mount.target)).collect();
    for secret in &spec.secrets {
        let SecretPlace::Mount { target, .. } = &secret.place else { continue };
        let target = absolute(target);
        let as_mount = MountKind::Tmpfs { size: None, mode: None, options: Vec::new() };
        tree::check(&[MountSpec::new(as_mount, target.clone(), true)])?;
        if target == Path::new(SECRETS) {
            return invalid(format!(
                "secret {}: {SECRETS} is the directory of secrets, name a file",
                secret.name
            ));
        }
        if target.starts_with(SECRETS)
            && let Some(other) = spec.mounts.iter().find(|mount| absolute(&mount.target).starts_with(SECRETS))
        {
            let other = other.target.display();
            return invalid(format!(
                "{other} cannot be mounted: {SECRETS} holds the secrets of the container"
            ));
        }
        if !seen.insert(target.clone()) {
            return invalid(format!("Duplicate mount point: {}", target.display()));
        }
    }
    Ok(())
}

pub(super) fn files(input: &PlanInput<'_>) -> Vec<SecretFile> {
    let secrets = input.record.spec.secrets.iter().zip(input.secrets);
    let files = secrets.filter_map(|(secret, value)| match &secret.place {
        SecretPlace::Mount { target, uid, gid, mode } => Some(SecretFile {
            target: absolute(target),
            uid: *uid,
            gid: *gid,
            mode: *mode,
            value: value.clone(),
        }),
        SecretPlace::Env { .. } => None,
    });
    files.collect()
}

pub(super) fn variables<'a>(input: &PlanInput<'a>) -> Result<Vec<(&'a str, &'a str)>, PlanError> {
    let mut variables = Vec::new();
    for (secret, value) in input.record.spec.secrets.iter().zip(input.secrets) {
        if let SecretPlace::Env { name } = &secret.place {
            variables.push((name.as_str(), text(&secret.name, value)?));
        }
    }
    Ok(variables)
}

/// The value as a variable can hold it.
pub fn text<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, PlanError> {
    let text = std::str::from_utf8(value).ok().filter(|text| !text.contains('\0'));
    text.ok_or_else(|| {
        let why = "a variable holds text (UTF-8 without NUL) only, use type=mount";
        PlanError::Invalid(format!("secret {name} cannot be a variable: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::spec::SecretSpec;

    fn spec(targets: &[&str], mounts: &[&str]) -> ContainerSpec {
        let secret = |target: &&str| SecretSpec {
            name: "s".to_owned(),
            id: String::new(),
            place: SecretPlace::Mount { target: PathBuf::from(target), uid: None, gid: None, mode: 0o444 },
        };
        let mount = |target: &&str| {
            let kind = MountKind::Tmpfs { size: None, mode: None, options: Vec::new() };
            MountSpec::new(kind, PathBuf::from(target), false)
        };
        ContainerSpec {
            secrets: targets.iter().map(secret).collect(),
            mounts: mounts.iter().map(mount).collect(),
            ..ContainerSpec::default()
        }
    }

    #[test]
    fn places_that_collide_are_refused() {
        for (targets, mounts, part) in [
            (&["/run/secrets/a", "/run/secrets/b", "/etc/c"][..], &["/run", "/data"][..], None),
            (&["/etc/c"], &["/run/secrets"], None),
            (&["/run/secrets/a", "/run/secrets/a"], &[], Some("Duplicate mount point: /run/secrets/a")),
            (&["/etc/c"], &["/etc/c"], Some("Duplicate mount point: /etc/c")),
            (&["/run/secrets/a"], &["/run/secrets"], Some("holds the secrets")),
            (&["/run/secrets/a"], &["/run/secrets/b"], Some("holds the secrets")),
            (&["/run/secrets/.."], &[], None),
            (&["/run/secrets/a/.."], &[], Some("name a file")),
            (&["/"], &[], Some("destination can't be '/'")),
            (&["/proc/self/environ"], &[], Some("inside /proc")),
        ] {
            let refused = check(&spec(targets, mounts)).err().map(|e| e.to_string());
            match part {
                None => assert_eq!(refused, None, "{targets:?} {mounts:?}"),
                Some(part) => assert!(refused.as_ref().is_some_and(|e| e.contains(part)), "{refused:?}"),
            }
        }
    }

    #[test]
    fn variables_hold_text() {
        assert_eq!(text("s", "ä\n".as_bytes()), Ok("ä\n"));
        assert!(text("s", b"\xff").is_err() && text("s", b"a\0b").is_err());
    }
}
