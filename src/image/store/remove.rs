//! `rmi`: Docker's rules for what may go (its `daemon/images/image_delete.go`), and the collecting of
//! what nothing leads to any more.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use super::names::Origin;
use super::{AskInUse, Image, ImageError, ImageStore, InUse, User, full_id};
use crate::digest::Digest;
use crate::image::{ImageConfig, Reference};
use crate::layer::{DiffId, chain_id};

/// What came of removing a name or an image, in the order Docker prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// `Untagged: debian:12`
    Untagged(String),
    /// `Deleted: sha256:…`: the image, then the chain ids of layers nobody else uses, topmost first.
    Deleted(Digest),
}

/// Docker's words: `Untagged: debian:12`, `Deleted: sha256:…`.
impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Removed::Untagged(name) => write!(f, "Untagged: {name}"),
            Removed::Deleted(id) => write!(f, "Deleted: {id}"),
        }
    }
}

/// What a removal comes to, decided before anything is written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    untag: Vec<Reference>,
    /// The image itself goes; else it stays, nameless if no name is left.
    delete: bool,
}

/// What must stay.
#[derive(Default)]
struct Live {
    blobs: HashSet<Digest>,
    layers: HashSet<DiffId>,
}

impl ImageStore {
    /// `rmi NAME`: removes the name, and the image when it was the last one and no pin of a container
    /// needs it. `in_use` is asked for the containers once nobody can `hold` an image any more.
    /// Docker's rules and conflict messages; `force` as Docker's.
    pub fn remove(&self, name: &str, force: bool, in_use: AskInUse) -> Result<Vec<Removed>, ImageError> {
        let _lock = self.lock_alone()?;
        let pins = in_use().map_err(ImageError::InUse)?;
        let found = match self.find(name) {
            Err(error) if error.is_damage() => return self.untag_damaged(name, error, &pins),
            found => found?,
        };
        if found.read_only {
            return Err(ImageError::ReadOnly(name.to_owned()));
        }
        // The same image may have come with several manifests: its names are the names of all.
        let same = self.list()?.into_iter().find(|image| image.id == found.id);
        let image = Image { names: self.own_names(&found.id)?, ..same.unwrap_or(found) };
        let users: Vec<&InUse> = pins.iter().filter(|pin| pin.image.id == image.id).collect();
        let plan = plan(&image, name, force, &users)?;
        self.carry_out(&image, &plan, &pins)
    }

    /// Takes `names` away from an image, or all it has; the image stays, nameless if need be.
    ///
    /// # Errors
    /// A name that is not the image's.
    pub fn untag(&self, image: &str, names: &[Reference]) -> Result<Vec<Removed>, ImageError> {
        let _lock = self.lock_alone()?;
        let found = self.find(image)?;
        if found.read_only {
            return Err(ImageError::ReadOnly(image.to_owned()));
        }
        let image = Image { names: self.own_names(&found.id)?, ..found };
        if let Some(name) = names.iter().find(|name| !image.names.contains(name)) {
            return Err(ImageError::NotItsName(name.familiar()));
        }
        let untag = if names.is_empty() { image.names.clone() } else { names.to_vec() };
        self.carry_out(&image, &Plan { untag, delete: false }, &[])
    }

    fn carry_out(&self, image: &Image, plan: &Plan, pins: &[InUse]) -> Result<Vec<Removed>, ImageError> {
        let manifests = self.manifests_of(&image.id)?;
        let stays_nameless = !plan.delete && plan.untag.len() == image.names.len();
        if stays_nameless {
            let repository = plan.untag.first().map(Reference::repository);
            self.remember_untagged(&image.manifest, Origin { repository })?;
        }
        let mut done = Vec::new();
        for name in &plan.untag {
            let mut repository = self.own.repository(name)?;
            repository.unset(name);
            self.own.save(&repository)?;
            done.push(Removed::Untagged(name.familiar()));
        }
        if plan.delete {
            for manifest in &manifests {
                self.forget_untagged(manifest)?;
            }
            let gone = self.collect_or_leave(pins);
            done.push(Removed::Deleted(image.id));
            let chains = (1..=image.layers.len()).rev().map(|height| &image.layers[..height]);
            let freed = chains.filter(|chain| chain.last().is_some_and(|top| gone.contains(top)));
            done.extend(freed.map(|chain| Removed::Deleted(chain_id(chain))));
        }
        Ok(done)
    }

    /// A name that leads to something damaged can still be taken away.
    fn untag_damaged(
        &self,
        name: &str,
        error: ImageError,
        pins: &[InUse],
    ) -> Result<Vec<Removed>, ImageError> {
        let Ok(name) = Reference::parse(name) else { return Err(error) };
        let mut repository = self.own.repository(&name)?;
        if repository.unset(&name).is_none() {
            return Err(error);
        }
        self.own.save(&repository)?;
        self.collect_or_leave(pins);
        Ok(vec![Removed::Untagged(name.familiar())])
    }

    /// The removal itself is done by now: what cannot be collected stays for the next one.
    fn collect_or_leave(&self, pins: &[InUse]) -> BTreeSet<DiffId> {
        self.collect(pins).unwrap_or_else(|error| {
            tracing::debug!(%error, "nothing was collected");
            BTreeSet::new()
        })
    }

    /// Names of the own store that lead to this image by any manifest.
    fn own_names(&self, id: &Digest) -> Result<Vec<Reference>, ImageError> {
        let mut names = Vec::new();
        for (manifest, more) in super::named(&self.own)? {
            if self.manifest(&manifest).is_ok_and(|(_, m)| m.config.digest == *id) {
                super::merge_names(&mut names, more);
            }
        }
        Ok(names)
    }

    fn manifests_of(&self, id: &Digest) -> Result<Vec<Digest>, ImageError> {
        let mut manifests: BTreeSet<Digest> = super::named(&self.own)?.into_keys().collect();
        manifests.extend(self.own.untagged()?.images.into_keys());
        manifests.retain(|m| self.manifest(m).is_ok_and(|(_, manifest)| manifest.config.digest == *id));
        Ok(manifests.into_iter().collect())
    }

    /// Removes blobs and layers of the own store that no name, no nameless image, no pin and no lease
    /// leads to: what a crash or a refused transfer left, too. The lock must be held.
    fn collect(&self, pins: &[InUse]) -> Result<BTreeSet<DiffId>, ImageError> {
        let live = self.live(pins)?;
        self.own.sweep();
        self.blobs.collect(|digest| live.blobs.contains(digest))?;
        let mut gone = BTreeSet::new();
        for (layer, _) in self.layers.collect(|| Ok::<_, ImageError>(live.layers))? {
            self.forms.forget(&layer);
            gone.insert(layer);
        }
        Ok(gone)
    }

    /// Everything that names, nameless images and pins lead to. A manifest or config that cannot be read
    /// is an error: nothing may go while it is unknown what is needed.
    fn live(&self, pins: &[InUse]) -> Result<Live, ImageError> {
        let mut manifests = BTreeSet::new();
        let mut live = Live::default();
        for repository in self.own.all()? {
            manifests.extend(repository.tags.values());
            manifests.extend(repository.digests.values());
            live.blobs.extend(repository.digests.keys());
        }
        manifests.extend(self.own.untagged()?.images.into_keys());
        for pin in pins {
            live.blobs.extend([pin.image.id, pin.image.manifest]);
            live.layers.extend(&pin.image.layers);
        }
        for digest in manifests {
            let (_, manifest) = self.manifest(&digest)?;
            let config = ImageConfig::parse(&self.blobs.read(&manifest.config.digest)?)?;
            live.layers.extend(config.layers());
            live.blobs.extend([digest, manifest.config.digest]);
        }
        Ok(live)
    }

    /// Gives up layers that came for an image which never was entered, unless something leads to them.
    pub fn discard(&self, layers: HashSet<DiffId>, in_use: AskInUse) -> Result<(), ImageError> {
        if layers.is_empty() {
            return Ok(());
        }
        let _lock = self.lock_alone()?;
        let live = self.live(&in_use().map_err(ImageError::InUse)?)?;
        let all = self.layers.list()?;
        let kept = all.into_iter().filter(|layer| !layers.contains(layer) || live.layers.contains(layer));
        self.layers.collect(|| Ok::<_, ImageError>(kept.collect())).map(drop)
    }
}

/// Docker's rules.
fn plan(image: &Image, name: &str, force: bool, users: &[&InUse]) -> Result<Plan, ImageError> {
    let names = &image.names;
    let running = users.iter().find(|used| used.user.is_running());
    let by_id = full_id(name).is_some_and(|id| id == image.id)
        || image.id.hex().starts_with(name)
        || image.id.to_string().starts_with(name);
    let mut untag = Vec::new();
    if by_id && !names.iter().any(|n| is_name(n, name)) {
        if is_single(names) {
            check_delete(image, force, names.len(), users, false)?;
            untag = names.clone();
        }
    } else {
        if !force
            && is_single(names)
            && let Some(used) = users.first()
        {
            let image = image.id.short();
            let why = match &used.user {
                User::Container { id, .. } => {
                    format!("container {} is using its referenced image {image}", short(id))
                }
                User::Mount => format!("its referenced image {image} is mounted"),
            };
            return Err(ImageError::Conflict(format!(
                "unable to remove repository reference {name:?} (must force) - {why}"
            )));
        }
        let wanted = Reference::parse(name)?;
        untag.extend(names.iter().find(|n| is_same(n, &wanted)).cloned());
        if wanted.digest.is_none() {
            // The last tag of a repository takes the repository's digests along.
            let in_repository = |n: &&Reference| n.domain == wanted.domain && n.path == wanted.path;
            let tags_left =
                names.iter().filter(in_repository).any(|n| n.tag.is_some() && !is_same(n, &wanted));
            if !tags_left {
                untag.extend(names.iter().filter(in_repository).filter(|n| n.digest.is_some()).cloned());
            }
        }
        if untag.len() < names.len() {
            return Ok(Plan { untag, delete: false });
        }
        // By name, a running container keeps the image, but the name still goes.
        if running.is_some() {
            return Ok(Plan { untag, delete: false });
        }
    }
    let left = names.len() - untag.len();
    check_delete(image, force, left, users, true)?;
    Ok(Plan { untag: names.clone(), delete: true })
}

fn check_delete(
    image: &Image,
    force: bool,
    names: usize,
    users: &[&InUse],
    count_names: bool,
) -> Result<(), ImageError> {
    let refuse = |how: &str, why: String| {
        Err(ImageError::Conflict(format!("unable to delete {} ({how}) - {why}", image.id.short())))
    };
    let running = users.iter().find_map(|used| match &used.user {
        User::Container { id, running: true } => Some(id),
        _ => None,
    });
    if let Some(id) = running {
        return refuse("cannot be forced", format!("image is being used by running container {}", short(id)));
    }
    if force {
        return Ok(());
    }
    if count_names && names > 0 {
        return refuse("must be forced", "image is referenced in multiple repositories".to_owned());
    }
    match users.first().map(|used| &used.user) {
        Some(User::Container { id, .. }) => {
            refuse("must be forced", format!("image is being used by stopped container {}", short(id)))
        }
        Some(User::Mount) => refuse("must be forced", "image is mounted".to_owned()),
        None => Ok(()),
    }
}

/// At most one tag, and everything within one repository.
fn is_single(names: &[Reference]) -> bool {
    let tags = names.iter().filter(|name| name.tag.is_some()).count();
    let repositories: BTreeSet<String> = names.iter().map(Reference::repository).collect();
    names.len() <= 1 || (tags <= 1 && repositories.len() == 1)
}

fn is_name(name: &Reference, typed: &str) -> bool {
    Reference::parse(typed).is_ok_and(|typed| is_same(name, &typed))
}

/// A digest beats the tag typed with it.
fn is_same(name: &Reference, typed: &Reference) -> bool {
    let repository = name.domain == typed.domain && name.path == typed.path;
    repository
        && match &typed.digest {
            Some(_) => name.digest == typed.digest,
            None => name.tag == typed.tag,
        }
}

fn short(container: &str) -> &str {
    container.get(..12).unwrap_or(container)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(names: &[&str]) -> Image {
        Image {
            id: Digest::of(b"config"),
            manifest: Digest::of(b"manifest"),
            config: ImageConfig::default(),
            layers: Vec::new(),
            size: 0,
            names: names.iter().map(|n| Reference::parse(n).unwrap()).collect(),
            origin: None,
            read_only: false,
        }
    }

    fn user(running: bool) -> InUse {
        let user = User::Container { id: "c0ffee000000ffff".to_owned(), running };
        InUse { user, image: image(&[]).pin() }
    }

    #[test]
    fn dockers_rules_of_removal() {
        let id = Digest::of(b"config");
        let hex = id.hex();
        let short = id.short();
        let digested = format!("debian@{}", Digest::of(b"list"));
        let d = digested.as_str();
        let stopped = [user(false)];
        let running = [user(true)];
        let mounted = [InUse { user: User::Mount, image: image(&[]).pin() }];
        let is_mounted = format!("unable to delete {short} (must be forced) - image is mounted");
        let name_is_mounted = format!(
            "unable to remove repository reference \"debian:12\" (must force) - its referenced image {short} is mounted"
        );
        let both = vec![d, "debian:12"];
        type Case<'a> = (Vec<&'a str>, &'a str, bool, &'a [InUse], Result<(Vec<&'a str>, bool), String>);
        let multiple = format!(
            "unable to delete {short} (must be forced) - image is referenced in multiple repositories"
        );
        let in_running = format!(
            "unable to delete {short} (cannot be forced) - image is being used by running container c0ffee000000"
        );
        let in_stopped = format!(
            "unable to delete {short} (must be forced) - image is being used by stopped container c0ffee000000"
        );
        let reference = |n: &str| {
            format!(
                "unable to remove repository reference \"{n}\" (must force) - container c0ffee000000 is using its referenced image {short}"
            )
        };
        let cases: Vec<Case> = vec![
            (vec!["debian:12"], "debian:12", false, &[], Ok((vec!["debian:12"], true))),
            (vec!["debian:12", d], "debian:12", false, &[], Ok((vec!["debian:12", d], true))),
            (vec!["debian:12", "debian:13", d], "debian:12", false, &[], Ok((vec!["debian:12"], false))),
            (vec!["debian:12", "x:1"], "debian:12", false, &[], Ok((vec!["debian:12"], false))),
            (vec!["debian:12", d], d, false, &[], Ok((vec![d], false))),
            (vec!["debian:12"], &hex, false, &[], Ok((vec!["debian:12"], true))),
            (vec!["debian:12"], &short, false, &[], Ok((vec!["debian:12"], true))),
            (vec![], &short, false, &[], Ok((vec![], true))),
            (vec!["debian:12", "x:1"], &short, false, &[], Err(multiple.clone())),
            (vec!["debian:12", "x:1"], &short, true, &[], Ok((vec!["debian:12", "x:1"], true))),
            (both.clone(), &short, false, &[], Ok((both.clone(), true))),
            (vec!["debian:12"], "debian:12", false, &stopped, Err(reference("debian:12"))),
            (vec!["debian:12", "x:1"], "x:1", false, &stopped, Ok((vec!["x:1"], false))),
            (vec!["debian:12"], "debian:12", true, &stopped, Ok((vec!["debian:12"], true))),
            (vec!["debian:12"], &short, false, &stopped, Err(in_stopped.clone())),
            (vec!["debian:12"], &short, true, &stopped, Ok((vec!["debian:12"], true))),
            (vec!["debian:12"], "debian:12", false, &running, Err(reference("debian:12"))),
            (vec!["debian:12"], "debian:12", true, &running, Ok((vec!["debian:12"], false))),
            (vec!["debian:12"], &short, false, &running, Err(in_running.clone())),
            (vec!["debian:12"], &short, true, &running, Err(in_running.clone())),
            (vec!["debian:12", "x:1"], &short, true, &running, Err(in_running.clone())),
            (vec!["debian:12"], "debian:12", false, &mounted, Err(name_is_mounted)),
            (vec!["debian:12"], &short, false, &mounted, Err(is_mounted)),
            (vec!["debian:12"], "debian:12", true, &mounted, Ok((vec!["debian:12"], true))),
        ];
        for (names, typed, force, users, expected) in cases {
            let users: Vec<&InUse> = users.iter().collect();
            let got = plan(&image(&names), typed, force, &users);
            let got = got.map_err(|e| e.to_string());
            let expected = expected
                .map(|(untag, delete)| Plan { untag: image(&untag).names, delete })
                .map_err(|e| format!("conflict: {e}"));
            assert_eq!(got, expected, "{names:?} {typed} {force} {}", users.len());
        }
    }
}
