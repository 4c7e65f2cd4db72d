//! What `create` decides about the user namespace of a container, so that it is the same at every start.

use std::path::Path;

use crate::container::ContainerSpec;
use crate::container::spec::UserNamespaceMode;
use crate::engine::{Engine, Error, Kind, Result};
use crate::image::Image;
use crate::overlay;
use crate::runtime::plan::{PlanError, container_maps};
use crate::runtime::userns::IdRanges;
use crate::sys::lock::OfdLock;

/// podman's least and largest size of `auto`.
const SIZES: std::ops::RangeInclusive<u32> = 1024..=65536;
/// The id of nobody counts for no size.
const NOBODY: u32 = 65534;
/// Of /etc/passwd and /etc/group.
const FILE_LIMIT: u64 = 16 << 20;

impl Engine {
    /// Gives `auto` its range and `container:NAME` its map, and refuses what this user cannot have. The lock
    /// is to be held until the container's record is there.
    pub(super) fn complete_user_namespace(
        &self,
        spec: &mut ContainerSpec,
        image: &Image,
    ) -> Result<Option<OfdLock>> {
        let mut lock = None;
        let mode = &mut spec.user_namespace;
        if *mode == UserNamespaceMode::Default {
            return Ok(None);
        }
        if matches!(mode, UserNamespaceMode::Container { .. } | UserNamespaceMode::Auto { .. }) {
            lock = Some(self.containers.lock_ids()?);
        }
        if let UserNamespaceMode::Container { name, like } = mode {
            let other = self.find(name)?.record;
            *name = other.id.to_string();
            spec.accounts.caller = other.spec.accounts.caller;
            *like = Some(Box::new(other.spec.user_namespace));
        }
        let ranges = IdRanges::of_caller();
        let (uids, gids) = ranges.maps();
        if let UserNamespaceMode::Auto { size, given, .. } = mode
            && ranges.note.is_none()
        {
            let size = size.unwrap_or_else(|| self.users_of(image));
            let ids =
                |map: &[crate::sys::namespace::IdMapping]| map.iter().map(|line| line.count).sum::<u32>();
            let first = free_range(self.given_ranges()?, size, ids(&uids).min(ids(&gids)));
            let none = || {
                let text = format!("could not find enough available IDs: {size} in a row are wanted");
                Error::new(Kind::Conflict, text)
                    .with_hint("remove containers made with --userns=auto, ask for fewer with auto:size=, or get a larger range in /etc/subuid and /etc/subgid")
            };
            *given = Some((first.ok_or_else(none)?, size));
        }
        container_maps(mode, &uids, &gids, ranges.note.as_deref()).map_err(|error| {
            let kind = match error {
                PlanError::Invalid(_) => Kind::InvalidParameter,
                PlanError::Forbidden(_) => Kind::Forbidden,
            };
            Error::new(kind, error.to_string())
        })?;
        Ok(lock)
    }

    /// The ranges that containers have; those of one range name it more than once.
    fn given_ranges(&self) -> Result<Vec<(u32, u32)>> {
        /// With one's map its range is had too, and after it has gone.
        fn range(mode: &UserNamespaceMode) -> Option<(u32, u32)> {
            match mode {
                UserNamespaceMode::Auto { given, .. } => *given,
                UserNamespaceMode::Container { like, .. } => range(like.as_deref()?),
                _ => None,
            }
        }
        let views = self.list()?;
        Ok(views.iter().filter_map(|view| range(&view.record.spec.user_namespace)).collect())
    }

    /// So many ids that every user and group of the image has one.
    fn users_of(&self, image: &Image) -> u32 {
        let highest = ["/etc/passwd", "/etc/group"].into_iter().filter_map(|path| {
            let view = self.images.layers.merged(&image.layers).ok()?;
            let text = overlay::read_file(view, Path::new(path), FILE_LIMIT)?;
            highest_id(&String::from_utf8_lossy(&text))
        });
        let size = highest.max().map_or(0, |highest| highest.saturating_add(1));
        size.clamp(*SIZES.start(), *SIZES.end())
    }
}

/// The third field of a line of /etc/passwd or /etc/group.
fn highest_id(text: &str) -> Option<u32> {
    let ids = text.lines().filter_map(|line| line.split(':').nth(2)?.parse::<u32>().ok());
    ids.filter(|id| *id < NOBODY).max()
}

/// The first place for `size` ids in `1..total` that nobody has. 0 is the caller.
fn free_range(mut taken: Vec<(u32, u32)>, size: u32, total: u32) -> Option<u32> {
    taken.sort_unstable();
    let mut first = 1;
    for (other, count) in taken {
        if other >= first && other - first >= size {
            break;
        }
        first = first.max(other.saturating_add(count));
    }
    (first.checked_add(size)? <= total).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_given_where_there_is_room() {
        assert_eq!(free_range(vec![], 10, 11), Some(1));
        assert_eq!(free_range(vec![], 11, 11), None);
        assert_eq!(free_range(vec![(1, 10)], 10, 100), Some(11));
        assert_eq!(free_range(vec![(21, 10), (1, 10)], 10, 100), Some(11));
        assert_eq!(free_range(vec![(21, 10), (1, 10)], 11, 100), Some(31));
        assert_eq!(free_range(vec![(5, 10)], 4, 100), Some(1));
        assert_eq!(free_range(vec![(5, 10)], 5, 100), Some(15));
    }

    #[test]
    fn nobody_makes_no_map_large() {
        assert_eq!(
            highest_id("root:x:0:0\nwww:x:33:33\nnobody:x:65534:65534\nbig:x:70000:\nbad\n"),
            Some(33)
        );
        assert_eq!(highest_id(""), None);
    }
}
