//! Whether what is counted is more than may be.

use muster_model::ResourceId;

use super::{Halved, Losses, MAX_BRAKE_COUNTED, Suspect, Tally};

impl Tally {
    /// Of how many active users at least those who are counted are not too many; `None`: they are not too many of any. `u64::MAX`: they are
    /// too many of all.
    pub(super) fn least(&self) -> Option<u64> {
        let (count, settings) = (self.users.len(), &self.settings);
        if count > MAX_BRAKE_COUNTED {
            return Some(u64::MAX);
        }
        let by_share = (count > u64::from(settings.count)).then(|| least_of(count, settings.share_percent));
        let by_half = self.may_be_half(count).then_some(2 * count + 1);
        by_share.max(by_half).filter(|least| self.base() < *least)
    }

    /// How many users at least were active within the window.
    pub(in crate::brake) fn base(&self) -> u64 {
        u64::try_from(self.active).unwrap_or(0).saturating_add(self.users.gone())
    }

    /// At least so many are active now.
    pub(in crate::brake) fn knows_active(&mut self, active: i64) {
        self.active = active;
    }

    /// How many users are counted, and of how many, if they are too many.
    pub(in crate::brake) fn too_many_users(&self) -> Option<(u64, u64)> {
        self.least().map(|_| (self.users.len(), self.base()))
    }

    /// Whether so many are too many if they are half of all.
    pub(super) fn may_be_half(&self, count: u64) -> bool {
        self.settings.half_from > 0 && count >= u64::from(self.settings.half_from)
    }

    /// The same of `userName`s, where there are so many users.
    pub(in crate::brake) fn too_many_names(&self, users: u64) -> Option<(u64, u64)> {
        let (count, percent) = (self.names.len(), self.settings.user_names_percent);
        let is_more = count > u64::from(self.settings.count) && users < least_of(count, percent);
        let is_half = percent < 100 && self.may_be_half(count) && users <= 2 * count;
        (is_more || is_half || count > MAX_BRAKE_COUNTED).then_some((count, users.max(count)))
    }

    /// The same of groups that were deleted, where there are so many now.
    pub(in crate::brake) fn too_many_deleted(&self, groups: u64) -> Option<(u64, u64)> {
        let (count, settings) = (self.deleted.len(), &self.settings);
        let all = groups.saturating_add(self.deleted.gone()).max(count);
        let is_more = count > u64::from(settings.count) && all < least_of(count, settings.share_percent);
        let is_half = self.may_be_half(count) && all <= 2 * count;
        let is_on = settings.group_share_percent < 100;
        (is_on && (is_more || is_half) || count > MAX_BRAKE_COUNTED).then_some((count, all))
    }

    /// How many users, or groups, there are after the last entry that was looked at, if somebody has asked before.
    pub(in crate::brake) fn all_of(&self, suspect: Suspect) -> Option<u64> {
        match suspect {
            Suspect::Names | Suspect::Users(_) => self.all_users,
            Suspect::Groups => self.all_groups,
            Suspect::Members(group) => self.groups.get(&group).and_then(|losses| losses.members),
        }
    }

    /// So many there are: from here on the log says it.
    pub(in crate::brake) fn knows_all_of(&mut self, suspect: Suspect, all: u64) {
        match suspect {
            Suspect::Names | Suspect::Users(_) => self.all_users = Some(all),
            Suspect::Groups => self.all_groups = Some(all),
            Suspect::Members(group) => {
                if let Some(losses) = self.groups.get_mut(&group) {
                    losses.members = Some(all);
                }
            }
        }
    }

    /// The same of members of a group that has so many now: of all that it had at any time in the window, or of those alone that it had when the
    /// window began, whoever came instead of them.
    pub(in crate::brake) fn too_many_members(&self, group: ResourceId, members: u64) -> Option<(u64, u64)> {
        let most = u64::from(self.settings.count);
        self.more_than_its_share(group, members).into_iter().flatten().find(|(count, _)| *count > most)
    }

    /// How many groups lost more than their share, and how many of their members, if they are too many; this one, which has so many members now,
    /// is looked at with them.
    pub(in crate::brake) fn too_many_groups(&mut self, group: ResourceId, members: u64) -> Option<Halved> {
        let of = self.more_than_its_share(group, members).into_iter().flatten().map(|(_, of)| of).max();
        if let Some(of) = of {
            self.of_group(group, |losses| losses.halved_of = of);
        }
        let (from, most) = (u64::from(self.settings.groups_from), u64::from(self.settings.count));
        Some(self.halved).filter(|halved| from > 0 && halved.groups >= from && halved.lost > most)
    }

    /// The two ways to look at it, where it is more.
    fn more_than_its_share(&self, group: ResourceId, members: u64) -> [Option<(u64, u64)>; 2] {
        let Losses { count, gone, new, came, .. } = self.groups.get(&group).copied().unwrap_or_default();
        let all = members.saturating_add(gone);
        [(count, all), (count.saturating_sub(new), all.saturating_sub(came))].map(|(count, of)| {
            let is_more = of < least_of(count, self.settings.group_share_percent);
            is_more.then_some((count, of.max(count)))
        })
    }
}

/// Of how many at least `count` are no more than `percent` of a hundred.
fn least_of(count: u64, percent: u32) -> u64 {
    count.saturating_mul(100).div_ceil(u64::from(percent.max(1)))
}
