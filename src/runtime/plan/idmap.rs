//! Id maps of containers: which ids of U they have, and under which numbers.

use super::{HostFacts, PlanError, is_single};
use crate::container::ContainerSpec;
use crate::container::spec::{IdLine, UserNamespaceMode};
use crate::sys::namespace::{IdMapping, lookup};

/// Uids and gids; outside as U numbers.
pub type Maps = (Vec<IdMapping>, Vec<IdMapping>);

/// The kernel takes no more lines (user_namespaces(7)).
const MOST_LINES: usize = 340;

/// Maps of the container's user namespace.
pub fn nested_maps(spec: &ContainerSpec, host: &HostFacts) -> Result<Maps, PlanError> {
    container_maps(&spec.user_namespace, &host.uid_map, &host.gid_map, host.single_id_note.as_deref())
}

/// The wish's mode, another container's where it is that one's.
pub(super) fn mode(spec: &ContainerSpec) -> &UserNamespaceMode {
    let mut mode = &spec.user_namespace;
    while let UserNamespaceMode::Container { like: Some(like), .. } = mode {
        mode = like;
    }
    mode
}

/// The flag that leaves some of the caller's ids out.
pub(super) fn source(spec: &ContainerSpec) -> Option<&'static str> {
    match mode(spec) {
        UserNamespaceMode::Map { .. } => Some("--uidmap"),
        UserNamespaceMode::Auto { .. } => Some("--userns=auto"),
        UserNamespaceMode::KeepId { size: Some(_), .. } => Some("--userns=keep-id:size"),
        _ => None,
    }
}

/// The same for a mode, of a U with these maps; `note` says why it has a single id, when it has.
pub fn container_maps(
    mode: &UserNamespaceMode,
    uids: &[IdMapping],
    gids: &[IdMapping],
    note: Option<&str>,
) -> Result<Maps, PlanError> {
    match mode {
        UserNamespaceMode::Default | UserNamespaceMode::Host | UserNamespaceMode::Private => {
            Ok((identity(uids), identity(gids)))
        }
        UserNamespaceMode::Single | UserNamespaceMode::Emulated { .. } => Ok((single(uids), single(gids))),
        UserNamespaceMode::KeepId { uid, gid, size } => {
            Ok((keep_id(kept(*uid, uids), *size, uids), keep_id(kept(*gid, gids), *size, gids)))
        }
        UserNamespaceMode::NoMap if is_single(uids) || is_single(gids) => Err(too_few("nomap", note)),
        UserNamespaceMode::NoMap => Ok((all_but_the_callers(uids), all_but_the_callers(gids))),
        UserNamespaceMode::Auto { given: None, .. } => Err(too_few("auto", note)),
        UserNamespaceMode::Auto { given: Some((first, count)), uids: own_uids, gids: own_gids, .. } => {
            let range = |own: &[IdLine]| {
                let whole =
                    IdLine { inside: 0, outside: *first, count: *count, is_host: false, extends: false };
                let own = own.iter().map(|line| IdLine { extends: true, ..*line });
                [whole].into_iter().chain(own).collect::<Vec<_>>()
            };
            Ok((explicit(&range(own_uids), uids, note)?, explicit(&range(own_gids), gids, note)?))
        }
        UserNamespaceMode::Container { like, name } => match like {
            Some(like) => container_maps(like, uids, gids, note),
            None => Err(PlanError::Invalid(format!("No such container: {name}"))),
        },
        UserNamespaceMode::Map { uids: own_uids, gids: own_gids } => {
            Ok((explicit(own_uids, uids, note)?, explicit(own_gids, gids, note)?))
        }
    }
}

fn too_few(mode: &str, note: Option<&str>) -> PlanError {
    let why = note.unwrap_or("there is only one id");
    PlanError::Forbidden(format!(
        "--userns={mode} needs ids besides your own: {why}; it takes a line like \"NAME:100000:65536\" in /etc/subuid and /etc/subgid, and newuidmap"
    ))
}

/// Every id of U under its own number.
pub fn identity(map: &[IdMapping]) -> Vec<IdMapping> {
    map.iter().map(|line| IdMapping { outside: line.inside, ..*line }).collect()
}

/// The caller's own id, as root.
fn single(map: &[IdMapping]) -> Vec<IdMapping> {
    split(IdMapping { inside: 0, outside: 0, count: 1 }, map).collect()
}

fn total(map: &[IdMapping]) -> u32 {
    map.iter().map(|line| line.count).sum()
}

/// The id that keep-id keeps: as asked, else the caller's on the host.
pub(super) fn kept(asked: Option<u32>, map: &[IdMapping]) -> u32 {
    asked.or_else(|| lookup(map, 0)).unwrap_or(0)
}

fn all_but_the_callers(map: &[IdMapping]) -> Vec<IdMapping> {
    split(IdMapping { inside: 0, outside: 1, count: total(map) - 1 }, map).collect()
}

/// `id` inside is the caller (0 of U); the ids below and above it share the rest of U in order, up to
/// `size` in all.
fn keep_id(id: u32, size: Option<u32>, map: &[IdMapping]) -> Vec<IdMapping> {
    let others = total(map).min(size.unwrap_or(u32::MAX).max(1)).saturating_sub(1);
    let below = others.min(id);
    let lines = [
        IdMapping { inside: 0, outside: 1, count: below },
        IdMapping { inside: id, outside: 0, count: 1 },
        IdMapping { inside: id.saturating_add(1), outside: below + 1, count: others - below },
    ];
    lines.iter().flat_map(|line| split(*line, map)).collect()
}

/// Cuts a line where lines of the parent's map meet: the kernel takes none that crosses them.
fn split(line: IdMapping, parent: &[IdMapping]) -> impl Iterator<Item = IdMapping> {
    parent.iter().filter_map(move |upper| {
        let first = line.outside.max(upper.inside);
        let past = line.outside.saturating_add(line.count).min(upper.inside.saturating_add(upper.count));
        let inside = line.inside + first.saturating_sub(line.outside);
        (first < past).then(|| IdMapping { inside, outside: first, count: past - first })
    })
}

/// A map as it was asked for, checked against what U has.
fn explicit(lines: &[IdLine], parent: &[IdMapping], note: Option<&str>) -> Result<Vec<IdMapping>, PlanError> {
    let mut map: Vec<IdMapping> = Vec::new();
    for line in lines.iter().filter(|line| !line.extends) {
        for piece in resolved(line, parent, note)? {
            if map.iter().any(|other| overlap(other.inside, other.count, piece.inside, piece.count)) {
                return Err(invalid(format!("id {} of the container is mapped twice", piece.inside)));
            }
            if map.iter().any(|other| overlap(other.outside, other.count, piece.outside, piece.count)) {
                return Err(invalid(format!(
                    "two ids of the container cannot be the same one: {}",
                    piece.outside
                )));
            }
            map.push(piece);
        }
    }
    if lines.iter().all(|line| line.extends) {
        map = identity(parent);
    }
    for line in lines.iter().filter(|line| line.extends) {
        for piece in resolved(line, parent, note)? {
            map = map.iter().flat_map(|other| without(*other, piece)).collect();
            map.push(piece);
        }
    }
    map.sort_unstable_by_key(|line| line.inside);
    match map.len() > MOST_LINES {
        true => Err(invalid(format!("a map has {MOST_LINES} lines at most, and this one {}", map.len()))),
        false => Ok(map),
    }
}

fn invalid(text: String) -> PlanError {
    PlanError::Invalid(format!("invalid id map: {text}"))
}

fn overlap(a: u32, a_count: u32, b: u32, b_count: u32) -> bool {
    a < b.saturating_add(b_count) && b < a.saturating_add(a_count)
}

/// A line in the numbers of U, cut where the kernel wants it. Every id of it must be one of U's.
fn resolved(line: &IdLine, parent: &[IdMapping], note: Option<&str>) -> Result<Vec<IdMapping>, PlanError> {
    if line.inside.checked_add(line.count).is_none() || line.outside.checked_add(line.count).is_none() {
        return Err(invalid(format!("{} ids from {} on are more than there are", line.count, line.inside)));
    }
    let whole = IdMapping { inside: line.inside, outside: line.outside, count: line.count };
    let pieces: Vec<IdMapping> = match line.is_host {
        false => split(whole, parent).collect(),
        true => {
            let as_host: Vec<_> =
                parent.iter().map(|upper| IdMapping { inside: upper.outside, ..*upper }).collect();
            let there = split(whole, &as_host);
            let inner = |piece: IdMapping| {
                let upper = parent.iter().find(|upper| {
                    piece.outside.checked_sub(upper.outside).is_some_and(|at| at < upper.count)
                });
                upper.map(|upper| IdMapping {
                    outside: upper.inside + (piece.outside - upper.outside),
                    ..piece
                })
            };
            there.filter_map(inner).collect()
        }
    };
    if total(&pieces) == line.count {
        return Ok(pieces);
    }
    let IdLine { outside, count, .. } = line;
    let whose = if line.is_host { "of the host" } else { "counted from your own, which is 0," };
    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
    Err(PlanError::Forbidden(format!(
        "not all of the {count} ids from {outside} on {whose} are yours to map{note} (look at /etc/subuid and /etc/subgid)"
    )))
}

/// What is left of a line when another one takes ids of it, inside or outside.
fn without(line: IdMapping, taken: IdMapping) -> Vec<IdMapping> {
    let cut = |line: IdMapping, first: u32, count: u32, at: u32| {
        let before = first.saturating_sub(at).min(line.count);
        let after = first.saturating_add(count).saturating_sub(at).min(line.count);
        let head = IdMapping { count: before, ..line };
        let tail = IdMapping {
            inside: line.inside + after,
            outside: line.outside + after,
            count: line.count - after,
        };
        [head, tail].into_iter().filter(|line| line.count > 0)
    };
    cut(line, taken.inside, taken.count, line.inside)
        .flat_map(|line| cut(line, taken.outside, taken.count, line.outside))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(inside: u32, outside: u32, count: u32) -> IdMapping {
        IdMapping { inside, outside, count }
    }

    fn asked(inside: u32, outside: u32, count: u32) -> IdLine {
        IdLine { inside, outside, count, is_host: false, extends: false }
    }

    /// The caller, and two ranges.
    fn parent() -> Vec<IdMapping> {
        vec![line(0, 1001, 1), line(1, 100_000, 10), line(11, 500_000, 10)]
    }

    fn map(lines: &[IdLine]) -> Result<Vec<IdMapping>, String> {
        explicit(lines, &parent(), None).map_err(|e| e.to_string())
    }

    #[test]
    fn explicit_maps_are_those_asked_for() {
        assert_eq!(map(&[asked(0, 1, 5), asked(5, 0, 1)]).unwrap(), [line(0, 1, 5), line(5, 0, 1)]);
        // Cut where ranges meet.
        assert_eq!(map(&[asked(100, 5, 10)]).unwrap(), [line(100, 5, 6), line(106, 11, 4)]);
        let host = IdLine { is_host: true, ..asked(7, 100_003, 2) };
        assert_eq!(map(&[host]).unwrap(), [line(7, 4, 2)]);
        assert_eq!(map(&[IdLine { is_host: true, ..asked(0, 1001, 1) }]).unwrap(), [line(0, 0, 1)]);
        assert_eq!(map(&[]).unwrap(), identity(&parent()));
    }

    #[test]
    fn what_extends_takes_the_place_of_the_default() {
        let extends = |inside, outside, count| IdLine { extends: true, ..asked(inside, outside, count) };
        assert_eq!(
            map(&[extends(5, 0, 1)]).unwrap(),
            [line(1, 1, 4), line(5, 0, 1), line(6, 6, 5), line(11, 11, 10)]
        );
        assert_eq!(
            map(&[asked(0, 1, 4), extends(2, 0, 1)]).unwrap(),
            [line(0, 1, 2), line(2, 0, 1), line(3, 4, 1)]
        );
    }

    #[test]
    fn maps_that_cannot_be_are_refused() {
        assert!(map(&[asked(0, 15, 10)]).unwrap_err().contains("not all of the 10 ids from 15 on"));
        assert!(map(&[IdLine { is_host: true, ..asked(0, 0, 1) }]).unwrap_err().contains("of the host"));
        assert!(map(&[asked(0, 1, 5), asked(4, 8, 1)]).unwrap_err().contains("mapped twice"));
        assert!(map(&[asked(0, 1, 5), asked(9, 3, 1)]).unwrap_err().contains("the same one"));
        assert!(map(&[asked(u32::MAX, 1, 2)]).unwrap_err().contains("more than there are"));
    }

    #[test]
    fn modes_that_need_ids_say_so_where_there_is_one() {
        let single = [line(0, 1001, 1)];
        let maps = |mode: &UserNamespaceMode| {
            container_maps(mode, &single, &single, Some("no range")).map_err(|e| e.to_string())
        };
        let auto = UserNamespaceMode::Auto { size: None, uids: Vec::new(), gids: Vec::new(), given: None };
        for mode in [UserNamespaceMode::NoMap, auto] {
            assert!(maps(&mode).unwrap_err().contains("needs ids besides your own: no range"), "{mode:?}");
        }
        let keep = UserNamespaceMode::KeepId { uid: Some(7), gid: None, size: None };
        assert_eq!(maps(&keep).unwrap(), (vec![line(7, 0, 1)], vec![line(1001, 0, 1)]));
    }

    #[test]
    fn all_but_the_callers_own_and_so_many_in_all() {
        let of = |mode: UserNamespaceMode| container_maps(&mode, &parent(), &parent(), None).unwrap().0;
        assert_eq!(of(UserNamespaceMode::NoMap), [line(0, 1, 10), line(10, 11, 10)]);
        let keep = UserNamespaceMode::KeepId { uid: Some(3), gid: None, size: Some(6) };
        assert_eq!(of(keep), [line(0, 1, 3), line(3, 0, 1), line(4, 4, 2)]);
        let auto = UserNamespaceMode::Auto {
            size: None,
            uids: vec![asked(2, 0, 1)],
            gids: Vec::new(),
            given: Some((8, 5)),
        };
        assert_eq!(of(auto.clone()), [line(0, 8, 2), line(2, 0, 1), line(3, 11, 2)]);
        let other = UserNamespaceMode::Container { name: "x".into(), like: Some(Box::new(auto.clone())) };
        assert_eq!(of(other), of(auto));
    }
}
