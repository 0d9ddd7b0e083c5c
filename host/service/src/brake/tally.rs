mod changed;
mod judged;

use std::collections::HashMap;

use muster_model::{BrakeSettings, Change, Event, LogEntry, ResourceId, ResourceType, Timestamp};
use serde::Serialize;

pub(crate) use changed::concerns;
pub(super) use changed::{had_none, has_access, more_of, net, net_members, window_before};

use super::window::{Fate, Window};
use changed::has_another_name;

/// How many of each kind one tenant's window holds: more users or `userName`s than this engage the brake whatever their share, and of more
/// lost members the oldest are not looked at any more.
pub const MAX_BRAKE_COUNTED: u64 = 100_000;

/// How many members that came into groups one tenant's window remembers, and how many users who were deleted when they had no access any more:
/// the latest. A change that has more is judged with all of its own.
const MAX_REMEMBERED: u64 = 20_000;

/// What the entries of one tenant's log come to, within the window that ends with the latest of them.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) settings: BrakeSettings,
    /// Behind which entry the count begins.
    pub(super) since: u64,
    /// The last entry that was not looked at, before those that were.
    pub(super) began: u64,
    /// The last entry that was looked at.
    pub(super) through: u64,
    /// The latest time that an entry told: a clock that is set back lengthens the window, and never hides anything.
    latest: Timestamp,
    /// Users who were deactivated or deleted.
    users: Window<ResourceId>,
    /// Users who were deleted when they had lost their access before the window, and that was not cancelled: they are not counted, nor are the
    /// memberships that went with them.
    left_before: Window<ResourceId>,
    /// Users whose `userName` changed.
    names: Window<ResourceId>,
    /// Members that groups lost.
    members: Window<(ResourceId, ResourceId)>,
    /// Members that came into groups, and were not there before; those too that are lost again.
    new_members: Window<(ResourceId, ResourceId)>,
    /// Groups that were deleted.
    deleted: Window<ResourceId>,
    /// Of each group in `members` or `new_members`.
    groups: HashMap<ResourceId, Losses>,
    /// Of those groups that lost more than their share.
    halved: Halved,
    /// At least so many users are active after the last entry that was looked at.
    active: i64,
    /// So many users there are after it, and so many groups; `None`: nobody has asked yet.
    all_users: Option<u64>,
    all_groups: Option<u64>,
}

/// What a group lost.
#[derive(Debug, Default, Clone, Copy)]
struct Losses {
    count: u64,
    /// Of them, those who are not back.
    gone: u64,
    /// Of them, those who had come within the window.
    new: u64,
    /// How many came within the window.
    came: u64,
    /// How many members it had when it was seen to have lost more than its share; 0: it has not. It stays so until nothing of what it lost
    /// is in the window any more.
    halved_of: u64,
    /// How many members it has after the last entry that was looked at; `None`: nobody has asked yet.
    members: Option<u64>,
}

impl Losses {
    fn halved(self) -> Halved {
        if self.halved_of == 0 {
            Halved::default()
        } else {
            Halved { groups: 1, lost: self.count, of: self.halved_of.max(self.count) }
        }
    }
}

/// Groups that lost more than their share, together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Halved {
    /// How many they are.
    pub(super) groups: u64,
    /// How many members they lost.
    pub(super) lost: u64,
    /// Of how many.
    pub(super) of: u64,
}

/// What is counted within a window.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Users who were deactivated or deleted.
    pub(crate) users: u64,
    /// Users with another `userName`.
    pub(crate) user_names: u64,
    /// Members that groups lost.
    pub(crate) members: u64,
    /// Groups that lost more than their share of members.
    pub(crate) groups: u64,
    /// Groups that were deleted.
    pub(crate) groups_deleted: u64,
}

/// What can be more than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspect {
    /// So many users are too many, unless there are at least so many.
    Users(u64),
    /// So many of this group's members, or of the members of several groups, of which this one has lost some.
    Members(ResourceId),
    /// So many `userName`s.
    Names,
    /// So many groups that were deleted.
    Groups,
}

/// What the product has of whom an entry deletes, though the directory had it not any more: its loss was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    Nothing,
    /// Of a user.
    Access,
    /// Of a group.
    Members(Vec<ResourceId>),
}

impl Tally {
    /// Nothing was counted up to the entry `through`.
    pub(super) fn new(settings: BrakeSettings, since: u64, through: u64) -> Self {
        Self {
            settings,
            since,
            began: through,
            through,
            latest: Timestamp::from_millis(0),
            users: Window::default(),
            left_before: Window::default(),
            names: Window::default(),
            members: Window::default(),
            new_members: Window::default(),
            deleted: Window::default(),
            groups: HashMap::new(),
            halved: Halved::default(),
            active: 0,
            all_users: None,
            all_groups: None,
        }
    }

    /// When the window begins that ends with the latest entry.
    pub(super) fn begin(&self) -> Timestamp {
        window_before(self.latest, &self.settings)
    }

    pub(super) fn counted(&self) -> Counts {
        let (users, user_names, members) = (self.users.len(), self.names.len(), self.members.len());
        Counts { users, user_names, members, groups: self.halved.groups, groups_deleted: self.deleted.len() }
    }

    /// Whether there is no room for more: only where nobody judges what is counted.
    pub(super) fn is_full(&self) -> bool {
        self.users.len().max(self.names.len()).max(self.deleted.len()) >= MAX_BRAKE_COUNTED
    }

    /// The next entry of the log; what of it is to be looked at more closely. What the product has kept of whom it deletes is lost with it.
    pub(super) fn take(&mut self, entry: &LogEntry, kept: &Kept) -> Vec<Suspect> {
        let change = &entry.change;
        self.through = entry.seq;
        self.latest = self.latest.max(change.at);
        self.forget();
        if change.resource_type == ResourceType::USER {
            self.user(change, *kept == Kept::Access)
        } else if change.resource_type == ResourceType::GROUP {
            let kept = if let Kept::Members(kept) = kept { &kept[..] } else { &[] };
            self.group(change, kept)
        } else {
            Vec::new()
        }
    }

    fn forget(&mut self) {
        let begin = self.begin();
        while self.users.forget(begin).is_some() {}
        while self.left_before.forget(begin).is_some() {}
        while self.names.forget(begin).is_some() {}
        while self.deleted.forget(begin).is_some() {}
        while let Some((member, _)) = self.new_members.forget(begin) {
            self.forget_new(member);
        }
        while let Some((member, fate)) = self.members.forget(begin) {
            self.forget_member(member, fate);
        }
    }

    fn forget_member(&mut self, member: (ResourceId, ResourceId), fate: Fate) {
        let is_new = self.new_members.fate(member).is_some();
        self.of_group(member.0, |losses| {
            losses.count -= 1;
            losses.gone -= u64::from(fate != Fate::Back);
            losses.new -= u64::from(is_new);
        });
    }

    /// It is no member that came within the window any more.
    fn forget_new(&mut self, member: (ResourceId, ResourceId)) {
        let is_lost = self.members.fate(member).is_some();
        self.of_group(member.0, |losses| {
            losses.came -= 1;
            losses.new -= u64::from(is_lost);
        });
    }

    fn of_group(&mut self, group: ResourceId, change: impl FnOnce(&mut Losses)) {
        let Some(losses) = self.groups.get_mut(&group) else { return };
        let before = losses.halved();
        change(losses);
        if losses.count == 0 {
            losses.halved_of = 0;
        }
        let (now, all) = (losses.halved(), &mut self.halved);
        all.groups = all.groups - before.groups + now.groups;
        all.lost = all.lost - before.lost + now.lost;
        all.of = all.of - before.of + now.of;
        if losses.count == 0 && losses.came == 0 {
            self.groups.remove(&group);
        }
    }

    fn user(&mut self, change: &Change, is_access_kept: bool) -> Vec<Suspect> {
        let (id, at) = (change.id, self.latest);
        self.active += net(change);
        self.all_users = self.all_users.map(|all| all.saturating_add_signed(more_of(change)));
        let mut suspects = Vec::new();
        match change.event {
            Event::Deleted if self.users.fate(id).is_none() && had_none(change) && !is_access_kept => {
                self.left_before.add(id, at, Fate::Deleted);
            }
            Event::Deactivated | Event::Deleted => {
                let fate = if change.event == Event::Deleted { Fate::Deleted } else { Fate::Lost };
                self.users.add(id, at, fate);
                suspects.extend(self.least().map(Suspect::Users));
            }
            Event::Created | Event::Reactivated => {
                self.users.back(id);
                self.left_before.remove(id);
            }
            Event::Updated | Event::MemberAdded | Event::MemberRemoved | Event::Signalled => {}
        }
        if has_another_name(change) {
            self.names.add(id, at, Fate::Lost);
            let is_more = self.names.len() > u64::from(self.settings.count) || self.may_be_half(self.names.len());
            suspects.extend(is_more.then_some(Suspect::Names));
        }
        suspects
    }

    fn group(&mut self, change: &Change, kept: &[ResourceId]) -> Vec<Suspect> {
        for member in change.members_added.iter().map(|member| (change.id, *member)) {
            if self.members.fate(member).is_some() {
                if self.members.back(member) {
                    self.of_group(change.id, |losses| losses.gone -= 1);
                }
            } else if self.new_members.add(member, self.latest, Fate::Back).is_none() {
                self.groups.entry(change.id).or_default().came += 1;
            }
        }
        for member in change.members_removed.iter().chain(kept).map(|member| (change.id, *member)) {
            // The row went with its user, who is counted, or had lost their access before.
            if self.users.fate(member.1) == Some(Fate::Deleted) || self.left_before.fate(member.1).is_some() {
                if self.new_members.fate(member).is_some() {
                    self.forget_new(member);
                    self.new_members.remove(member);
                }
                continue;
            }
            let is_new = self.new_members.fate(member).is_some();
            let was = self.members.add(member, self.latest, Fate::Lost);
            self.groups.entry(change.id).or_default();
            self.of_group(change.id, |losses| match was {
                None => {
                    (losses.count, losses.gone) = (losses.count + 1, losses.gone + 1);
                    losses.new += u64::from(is_new);
                }
                Some(Fate::Back) => losses.gone += 1,
                Some(Fate::Lost | Fate::Deleted) => {}
            });
        }
        let mut lost = 0;
        if let Some(losses) = self.groups.get_mut(&change.id) {
            losses.members = losses.members.map(|members| members.saturating_add_signed(net_members(change)));
            lost = losses.count;
        }
        let least = if self.settings.groups_from > 0 { 0 } else { u64::from(self.settings.count) };
        let is_more = !(change.members_removed.is_empty() && kept.is_empty()) && lost > least;
        let members = is_more.then_some(Suspect::Members(change.id));
        members.into_iter().chain(self.group_itself(change)).collect()
    }

    fn group_itself(&mut self, change: &Change) -> Option<Suspect> {
        self.all_groups = self.all_groups.map(|all| all.saturating_add_signed(more_of(change)));
        match change.event {
            Event::Deleted => {
                self.deleted.add(change.id, self.latest, Fate::Deleted);
            }
            // What was deleted comes back by an undo.
            Event::Created => {
                self.deleted.back(change.id);
                return None;
            }
            Event::Updated
            | Event::Deactivated
            | Event::Reactivated
            | Event::MemberAdded
            | Event::MemberRemoved
            | Event::Signalled => return None,
        }
        let count = self.deleted.len();
        let is_more = self.settings.group_share_percent < 100
            && (count > u64::from(self.settings.count) || self.may_be_half(count));
        (is_more || count > MAX_BRAKE_COUNTED).then_some(Suspect::Groups)
    }

    /// Of more lost or new members than there is room for, the oldest go. Each entry was judged with all of its own before.
    pub(super) fn fit(&mut self) {
        while self.members.len() > MAX_BRAKE_COUNTED {
            let Some((member, fate)) = self.members.forget(self.latest) else { return };
            self.forget_member(member, fate);
        }
        while self.new_members.len() > MAX_REMEMBERED {
            let Some((member, _)) = self.new_members.forget(self.latest) else { return };
            self.forget_new(member);
        }
        while self.left_before.len() > MAX_REMEMBERED && self.left_before.forget(self.latest).is_some() {}
    }
}
