//! The ids of a process and the rules by which they change, as the kernel has them (credentials(7),
//! kernel/sys.c).

use serde::{Deserialize, Serialize};

/// EPERM and EINVAL are all that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// EPERM
    NotPermitted,
    /// EINVAL
    Invalid,
}

pub type Result<T> = std::result::Result<T, Refusal>;

/// "Leave it as it is" in calls that take several ids.
pub const KEEP: u32 = u32::MAX;

/// Users' or groups' ids of one process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ids {
    pub real: u32,
    pub effective: u32,
    pub saved: u32,
    /// What counts for files.
    pub files: u32,
}

/// Who a process is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Credentials {
    pub user: Ids,
    pub group: Ids,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Capabilities shall outlive the next change of ids (prctl(2), PR_SET_KEEPCAPS), until execve.
    #[serde(default)]
    pub keeps_powers: bool,
    /// And have done so.
    #[serde(default)]
    pub has_kept_powers: bool,
}

/// Whether a process may take on any id: CAP_SETUID or CAP_SETGID.
pub type Free = bool;

impl Ids {
    pub fn all(id: u32) -> Ids {
        Ids { real: id, effective: id, saved: id, files: id }
    }

    fn has(&self, id: u32) -> bool {
        [self.real, self.effective, self.saved].contains(&id)
    }

    /// setuid(2), setgid(2).
    pub fn set(&mut self, id: u32, free: Free) -> Result<()> {
        match id {
            KEEP => return Err(Refusal::Invalid),
            _ if free => (self.real, self.saved) = (id, id),
            _ if id == self.real || id == self.saved => {}
            _ => return Err(Refusal::NotPermitted),
        }
        (self.effective, self.files) = (id, id);
        Ok(())
    }

    /// setreuid(2), setregid(2).
    pub fn set_two(&mut self, real: u32, effective: u32, free: Free) -> Result<()> {
        let old = *self;
        if real != KEEP {
            if !free && real != old.real && real != old.effective {
                return Err(Refusal::NotPermitted);
            }
            self.real = real;
        }
        if effective != KEEP {
            if !free && !old.has(effective) {
                *self = old;
                return Err(Refusal::NotPermitted);
            }
            self.effective = effective;
        }
        if real != KEEP || (effective != KEEP && effective != old.real) {
            self.saved = self.effective;
        }
        self.files = self.effective;
        Ok(())
    }

    /// setresuid(2), setresgid(2).
    pub fn set_three(&mut self, real: u32, effective: u32, saved: u32, free: Free) -> Result<()> {
        let allowed = |id: u32| id == KEEP || free || self.has(id);
        if ![real, effective, saved].into_iter().all(allowed) {
            return Err(Refusal::NotPermitted);
        }
        for (place, id) in
            [(&mut self.real, real), (&mut self.effective, effective), (&mut self.saved, saved)]
        {
            if id != KEEP {
                *place = id;
            }
        }
        self.files = self.effective;
        Ok(())
    }

    /// setfsuid(2), setfsgid(2): answers with the id before, whether it worked or not.
    pub fn set_files(&mut self, id: u32, free: Free) -> u32 {
        let before = self.files;
        if id != KEEP && (free || id == before || self.has(id)) {
            self.files = id;
        }
        before
    }

    /// What execve(2) does: a file with the setuid bit makes its owner the effective one; the saved id is
    /// the effective one in any case.
    pub fn execute(&mut self, owner: Option<u32>) {
        self.effective = owner.unwrap_or(self.effective);
        (self.saved, self.files) = (self.effective, self.effective);
    }
}

impl Credentials {
    /// A process that is nobody but this.
    pub fn new(uid: u32, gid: u32, groups: Vec<u32>) -> Credentials {
        Credentials { user: Ids::all(uid), group: Ids::all(gid), groups, ..Credentials::default() }
    }

    /// Has root's powers: the capabilities go with the effective user id, or were kept (capabilities(7)).
    pub fn is_powerful(&self) -> bool {
        self.user.effective == 0 || self.has_kept_powers
    }

    /// Changes the user's ids; whoever has no id of root's any more has lost its powers, or kept them.
    pub fn change_user(&mut self, change: impl FnOnce(&mut Ids) -> Result<()>) -> Result<()> {
        let (had_root, was_powerful) = (self.user.has(0), self.is_powerful());
        change(&mut self.user)?;
        if had_root && !self.user.has(0) {
            self.has_kept_powers = self.keeps_powers && was_powerful;
        }
        Ok(())
    }

    /// execve(2) of a file that makes the process these, where it has the setuid and setgid bits.
    pub fn execute(&mut self, user: Option<u32>, group: Option<u32>) {
        self.user.execute(user);
        self.group.execute(group);
        (self.keeps_powers, self.has_kept_powers) = (false, false);
    }

    /// setgroups(2); the list is kept sorted, as the kernel keeps it.
    pub fn set_groups(&mut self, mut groups: Vec<u32>, free: Free) -> Result<()> {
        if !free {
            return Err(Refusal::NotPermitted);
        }
        if groups.contains(&KEEP) {
            return Err(Refusal::Invalid);
        }
        groups.sort_unstable();
        self.groups = groups;
        Ok(())
    }

    /// Whether files of this group are the process's group's.
    pub fn is_in_group(&self, gid: u32) -> bool {
        self.group.files == gid || self.groups.contains(&gid)
    }

    /// Whether it may make a file of `owner` (user, group) belong to others; `KEEP` stays as it is
    /// (chown(2)).
    pub fn may_give(&self, owner: (u32, u32), uid: u32, gid: u32, free: Free) -> bool {
        let owns = self.user.files == owner.0;
        free || (owns
            && (uid == KEEP || uid == owner.0)
            && (gid == KEEP || gid == owner.1 || self.is_in_group(gid)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(real: u32, effective: u32, saved: u32) -> Ids {
        Ids { real, effective, saved, files: effective }
    }

    #[test]
    fn root_becomes_anybody_and_cannot_go_back() {
        let mut user = Ids::default();
        user.set(33, true).unwrap();
        assert_eq!(user, Ids::all(33));
        assert_eq!(user.set(0, false), Err(Refusal::NotPermitted));
        assert_eq!(user.set(KEEP, false), Err(Refusal::Invalid));
        user.set(33, false).unwrap();
    }

    #[test]
    fn a_saved_id_can_be_taken_back() {
        let mut user = Ids::default();
        user.set_three(KEEP, 33, KEEP, true).unwrap();
        assert_eq!(user, ids(0, 33, 0));
        assert_eq!(user.set_three(7, KEEP, KEEP, false), Err(Refusal::NotPermitted));
        user.set_three(33, 0, 33, false).unwrap();
        assert_eq!(user, ids(33, 0, 33));
        // Without power only the effective one changes.
        let mut user = ids(33, 0, 33);
        user.set(33, false).unwrap();
        assert_eq!(user, ids(33, 33, 33));
    }

    #[test]
    fn two_ids_swap_and_the_saved_one_follows() {
        let mut user = ids(33, 44, 44);
        user.set_two(44, 33, false).unwrap();
        assert_eq!(user, ids(44, 33, 33));
        let before = user;
        assert_eq!(user.set_two(44, 5, false), Err(Refusal::NotPermitted));
        assert_eq!(user, before, "nothing changed");
        let mut user = ids(1, 1, 1);
        user.set_two(KEEP, 1, false).unwrap();
        assert_eq!(user, ids(1, 1, 1));
        let mut user = Ids::default();
        user.set_two(KEEP, 5, true).unwrap();
        assert_eq!(user, ids(0, 5, 5));
    }

    #[test]
    fn the_id_for_files_answers_with_the_one_before() {
        let mut user = Ids::default();
        assert_eq!(user.set_files(9, true), 0);
        assert_eq!(user.set_files(KEEP, true), 9);
        let mut user = Ids::all(3);
        assert_eq!(user.set_files(9, false), 3);
        assert_eq!(user.files, 3);
    }

    #[test]
    fn executing_a_setuid_program_leaves_the_real_id() {
        let mut user = Ids::all(1000);
        user.execute(Some(0));
        assert_eq!(user, ids(1000, 0, 0));
        let mut user = ids(5, 6, 7);
        user.execute(None);
        assert_eq!(user, ids(5, 6, 6));
    }

    #[test]
    fn powers_outlive_a_change_of_ids_when_asked_to() {
        let become_33 = |identity: &mut Credentials| {
            identity.change_user(|user| user.set(33, true)).unwrap();
        };
        let mut identity = Credentials::default();
        become_33(&mut identity);
        assert!(!identity.is_powerful());
        let mut identity = Credentials { keeps_powers: true, ..Credentials::default() };
        become_33(&mut identity);
        assert!(identity.is_powerful());
        identity.execute(None, None);
        assert_eq!(identity, Credentials::new(33, 0, vec![]));
    }

    #[test]
    fn owners_give_only_to_their_groups() {
        let user = Credentials::new(1000, 1000, vec![27]);
        for (uid, gid, free, may) in [
            (KEEP, 27, false, true),
            (1000, KEEP, false, true),
            (KEEP, 28, false, false),
            (1001, KEEP, false, false),
            (1001, 28, true, true),
        ] {
            assert_eq!(user.may_give((1000, 1000), uid, gid, free), may, "{uid} {gid}");
        }
        assert!(!user.may_give((0, 0), KEEP, 27, false));
    }

    #[test]
    fn groups_need_power() {
        let mut user = Credentials::new(0, 0, Vec::new());
        user.set_groups(vec![5, 3], true).unwrap();
        assert_eq!(user.groups, [3, 5]);
        assert_eq!(user.set_groups(vec![], false), Err(Refusal::NotPermitted));
        assert_eq!(user.set_groups(vec![KEEP], true), Err(Refusal::Invalid));
    }
}
