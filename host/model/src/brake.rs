use serde::{Deserialize, Serialize};

use crate::{ResourceId, Timestamp};

/// What holds destructive tasks when more people lose their access than an identity provider can mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Brake {
    /// When it engages.
    pub settings: BrakeSettings,
    /// Since when and why it is engaged; `None`: it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engaged: Option<Engaged>,
    /// The log's last entry when somebody said that what had been done until then is as it should be, or when it was turned on: the count
    /// begins behind it.
    #[serde(skip_serializing_if = "is_none_yet")]
    pub since: u64,
    /// What somebody has said is not to be carried out, from the oldest on: also what is planned for it later is held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<Cancelled>,
}

/// How many ranges of cancelled entries a tenant has at most: of more, the two oldest become one that covers both.
pub const MAX_CANCELLED_RANGES: usize = 16;

impl Brake {
    /// Whether somebody has said that what follows from this entry of the log is not to be carried out.
    pub fn is_cancelled(&self, change: u64) -> bool {
        self.cancelled.iter().any(|range| (range.first..=range.through).contains(&change))
    }

    /// What follows from these entries is not to be carried out either.
    pub fn cancel(&mut self, range: Cancelled) {
        self.cancelled.push(range);
        self.cancelled.sort_by_key(|range| range.first);
        self.cancelled.dedup_by(|later, earlier| {
            let is_one = later.first <= earlier.through.saturating_add(1);
            if is_one {
                earlier.through = earlier.through.max(later.through);
            }
            is_one
        });
        if self.cancelled.len() > MAX_CANCELLED_RANGES {
            let oldest = self.cancelled.remove(0);
            if let Some(next) = self.cancelled.first_mut() {
                next.first = oldest.first;
            }
        }
    }
}

/// When the brake engages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrakeSettings {
    /// Whether it ever does.
    pub is_on: bool,
    /// How many seconds are looked at together.
    pub window_s: u32,
    /// More users than this who were deactivated or deleted in a window engage it, if they are more than `share_percent` too.
    pub count: u32,
    /// Of a hundred users that were active within the window.
    pub share_percent: u32,
    /// So many who were deactivated or deleted engage it also if they are half or more of all that were active: `count` says nothing of a
    /// small tenant. 0: they do not.
    pub half_from: u32,
    /// Of a hundred members that a group had within the window: more of them gone engage it, if they are more than `count`. 100: neither
    /// this nor `groups_from` engages it.
    pub group_share_percent: u32,
    /// So many groups that lost more than this share engage it also if they lost more than `count` members together. 0: they do not.
    pub groups_from: u32,
    /// Of a hundred users: more changed `userName`s engage it, if they are more than `count`; so do `half_from` or more, if they are half or
    /// more of all. 100: neither engages it.
    pub user_names_percent: u32,
}

impl Default for BrakeSettings {
    fn default() -> Self {
        Self {
            is_on: true,
            window_s: 3600,
            count: 25,
            share_percent: 10,
            half_from: 5,
            group_share_percent: 50,
            groups_from: 5,
            user_names_percent: 10,
        }
    }
}

/// Since when and why the brake is engaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engaged {
    /// When it engaged.
    pub at: Timestamp,
    /// The log's entry that engaged it. Every destructive task that waits is held, whatever it follows from.
    pub by: u64,
    /// The first of the log's entries that were counted.
    pub first: u64,
    /// One sentence.
    pub why: String,
    /// How many were counted.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The group that lost them; `None`: they are users, or members of several groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<ResourceId>,
}

/// Entries of the log whose destructive tasks are not to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub through: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none_yet(seq: &u64) -> bool {
    *seq == 0
}

/// By when access must have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeprovisionSettings {
    /// How many seconds after a deactivation or deletion all its tasks must be done.
    pub target_s: u32,
}

impl Default for DeprovisionSettings {
    fn default() -> Self {
        Self { target_s: 300 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranges: &[(u64, u64)]) -> Brake {
        let mut brake = Brake::default();
        for &(first, through) in ranges {
            brake.cancel(Cancelled { first, through });
        }
        brake
    }

    fn ranges(brake: &Brake) -> Vec<(u64, u64)> {
        brake.cancelled.iter().map(|range| (range.first, range.through)).collect()
    }

    #[test]
    fn what_was_cancelled_stays_so_when_more_is_and_ranges_that_touch_are_one() {
        let brake = of(&[(10, 20), (40, 50)]);
        assert_eq!(ranges(&brake), [(10, 20), (40, 50)]);
        let is_so = |change| brake.is_cancelled(change);
        assert_eq!([9, 10, 20, 21, 39, 40, 50, 51].map(is_so), [false, true, true, false, false, true, true, false]);
        assert_eq!(ranges(&of(&[(10, 20), (21, 30)])), [(10, 30)]);
        assert_eq!(ranges(&of(&[(10, 20), (40, 50), (15, 60)])), [(10, 60)]);
        assert_eq!(ranges(&of(&[(10, 20), (12, 13)])), [(10, 20)]);
    }

    #[test]
    fn of_too_many_ranges_the_oldest_two_become_one_that_covers_both() {
        let most = MAX_CANCELLED_RANGES as u64;
        let many: Vec<(u64, u64)> = (0..=most).map(|number| (number * 10 + 1, number * 10 + 5)).collect();
        let brake = of(&many);
        assert_eq!(brake.cancelled.len(), MAX_CANCELLED_RANGES);
        assert_eq!(ranges(&brake)[..2], [(1, 15), (21, 25)]);
        assert_eq!(ranges(&brake).last(), many.last());
    }
}
