use muster_model::{
    Account, Actor, BrakeSettings, Change, Event, LogEntry, PluginDigest, RequestId, ResourceId, ResourceType,
    Snapshot, Timestamp, Version,
};
use muster_protocol::Document;
use serde_json::json;

use super::tally::{Counts, Halved, Kept, MAX_BRAKE_COUNTED, Suspect, Tally, concerns};

const SETTINGS: BrakeSettings = BrakeSettings {
    is_on: true,
    window_s: 60,
    count: 5,
    share_percent: 10,
    half_from: 3,
    group_share_percent: 50,
    groups_from: 3,
    user_names_percent: 10,
};

/// A log that is written and counted at once.
struct Log {
    tally: Tally,
    seq: u64,
}

impl Log {
    fn new() -> Self {
        Self::of(SETTINGS)
    }

    fn of(settings: BrakeSettings) -> Self {
        Self { tally: Tally::new(settings, 0, 0), seq: 0 }
    }

    fn entry(&mut self, second: i64, change: Change) -> Vec<Suspect> {
        self.entry_keeping(second, change, &Kept::Nothing)
    }

    fn entry_keeping(&mut self, second: i64, change: Change, kept: &Kept) -> Vec<Suspect> {
        self.seq += 1;
        let change = Change { at: Timestamp::from_millis(second * 1000), ..change };
        let entry = LogEntry { seq: self.seq, version: Version(1), change };
        let suspects = self.tally.take(&entry, kept);
        self.tally.fit();
        suspects
    }

    fn deactivated(&mut self, second: i64, user: u64) -> Vec<Suspect> {
        self.entry(second, user_change(Event::Deactivated, user))
    }
}

fn id(number: u64) -> ResourceId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    ResourceId::from_bytes(bytes)
}

fn side(user: u64, active: bool) -> Snapshot {
    named(&format!("u{user}"), active)
}

fn named(name: &str, active: bool) -> Snapshot {
    let Ok(document) = serde_json::from_value::<Document>(json!({ "userName": name, "active": active })) else {
        panic!("a document is an object");
    };
    let account = Account { state: "active".to_owned(), listed: true, fields: Vec::new(), keys: Vec::new() };
    Snapshot { document, account, created: None }
}

fn change(event: Event, resource_type: ResourceType, of: u64) -> Change {
    Change {
        at: Timestamp::from_millis(0),
        actor: Actor::Operator,
        request: RequestId("r".into()),
        plugin: PluginDigest::of(b""),
        event,
        resource_type,
        id: id(of),
        before: None,
        after: None,
        members_added: Vec::new(),
        members_removed: Vec::new(),
        rewrites: Vec::new(),
        undoes: Vec::new(),
    }
}

fn user_change(event: Event, user: u64) -> Change {
    let (before, after) = match event {
        Event::Created => (None, Some(side(user, true))),
        Event::Deactivated => (Some(side(user, true)), Some(side(user, false))),
        Event::Reactivated => (Some(side(user, false)), Some(side(user, true))),
        Event::Deleted => (Some(side(user, true)), None),
        Event::Updated | Event::MemberAdded | Event::MemberRemoved | Event::Signalled => (None, None),
    };
    Change { before, after, ..change(event, ResourceType::USER, user) }
}

fn renamed(user: u64, from: &str, to: &str) -> Change {
    let sides = (Some(named(from, true)), Some(named(to, true)));
    Change { before: sides.0, after: sides.1, ..change(Event::Updated, ResourceType::USER, user) }
}

fn members(event: Event, group: u64, added: &[u64], removed: &[u64]) -> Change {
    let ids = |of: &[u64]| of.iter().copied().map(id).collect();
    Change { members_added: ids(added), members_removed: ids(removed), ..change(event, ResourceType::GROUP, group) }
}

#[test]
fn more_than_the_count_and_the_share_are_too_many_and_neither_alone_is() {
    let mut log = Log::new();
    log.tally.knows_active(100);
    for user in 1..=5 {
        log.deactivated(0, user);
    }
    assert_eq!(log.tally.too_many_users(), None, "5 of 100 are no more than 5");
    for user in 6..=10 {
        log.deactivated(1, user);
    }
    assert_eq!(log.tally.base(), 100, "those who are active, and those who were");
    assert_eq!(log.tally.too_many_users(), None, "10 of 100 are no more than 10 %");
    assert_eq!(log.deactivated(2, 11), [Suspect::Users(110)]);
    assert_eq!(log.tally.too_many_users(), Some((11, 100)));
}

#[test]
fn of_a_few_users_half_is_too_many_and_two_leavers_are_not() {
    let mut log = Log::new();
    log.tally.knows_active(4);
    log.deactivated(0, 1);
    assert_eq!(log.deactivated(0, 2), [], "2 of 4");
    assert_eq!(log.deactivated(0, 3), [Suspect::Users(7)]);
    assert_eq!(log.tally.too_many_users(), Some((3, 4)));
    let mut off = Log::of(BrakeSettings { half_from: 0, ..SETTINGS });
    off.tally.knows_active(5);
    for user in 1..=5 {
        assert_eq!(off.deactivated(0, user), []);
    }
}

#[test]
fn the_window_goes_on_with_the_log_and_a_clock_that_is_set_back_hides_nothing() {
    let mut log = Log::new();
    for (second, user) in [(0, 1), (59, 2), (60, 3)] {
        log.deactivated(second, user);
    }
    assert_eq!(log.tally.counted().users, 2, "the first one is a window away");
    log.deactivated(10, 4);
    assert_eq!(log.tally.counted().users, 3);
    log.entry(119, user_change(Event::Created, 9));
    assert_eq!(log.tally.counted().users, 2, "the one that came with the clock set back is of the time before");
    log.entry(121, user_change(Event::Created, 10));
    assert_eq!(log.tally.counted().users, 0);
}

#[test]
fn somebody_who_comes_and_goes_is_one_user_and_stays_counted_when_they_are_back() {
    let mut log = Log::new();
    log.tally.knows_active(10);
    for _ in 0..50 {
        log.deactivated(0, 1);
        log.entry(0, user_change(Event::Reactivated, 1));
    }
    assert_eq!((log.tally.counted().users, log.tally.base()), (1, 10));
    log.deactivated(1, 1);
    log.entry(2, Change { before: Some(side(1, false)), ..user_change(Event::Deleted, 1) });
    assert_eq!((log.tally.counted().users, log.tally.base()), (1, 10));
    log.entry(3, user_change(Event::Created, 1));
    assert_eq!((log.tally.counted().users, log.tally.base()), (1, 10), "an undo has brought them back");
}

#[test]
fn a_group_that_loses_its_members_is_too_much_at_once_and_one_by_one() {
    let mut log = Log::new();
    let all: Vec<u64> = (1..=12).collect();
    assert_eq!(log.entry(0, members(Event::MemberRemoved, 1, &[], &all)), [Suspect::Members(id(1))]);
    assert_eq!(log.tally.too_many_members(id(1), 0), Some((12, 12)));
    assert_eq!(log.tally.too_many_members(id(1), 12), None, "12 of 24 are no more than half");
    assert_eq!(log.tally.too_many_members(id(1), 11), Some((12, 23)));

    let mut log = Log::of(BrakeSettings { groups_from: 0, ..SETTINGS });
    for member in 1..=5 {
        assert_eq!(log.entry(0, members(Event::MemberRemoved, 2, &[], &[member])), []);
    }
    // Those who are back were lost all the same, and the group has them again.
    log.entry(0, members(Event::MemberAdded, 2, &[1, 2], &[]));
    log.entry(0, members(Event::MemberRemoved, 2, &[], &[1]));
    assert_eq!(log.entry(0, members(Event::MemberRemoved, 2, &[], &[6])), [Suspect::Members(id(2))]);
    assert_eq!(log.tally.too_many_members(id(2), 1), Some((6, 6)), "one is back, and five are gone");
    assert_eq!(log.entry(0, members(Event::MemberRemoved, 3, &[], &[6])), [], "it is another group");
}

#[test]
fn a_group_whose_members_are_all_replaced_has_lost_them() {
    let (all, others): (Vec<u64>, Vec<u64>) = ((1..=100).collect(), (101..=200).collect());
    let mut log = Log::new();
    assert_eq!(log.entry(0, members(Event::Updated, 1, &others, &all)), [Suspect::Members(id(1))]);
    assert_eq!(log.tally.too_many_members(id(1), 100), Some((100, 100)));

    // Six of ten, by as many others; and back again.
    let mut log = Log::new();
    log.entry(0, members(Event::Updated, 1, &[11, 12, 13, 14, 15, 16], &[1, 2, 3, 4, 5, 6]));
    assert_eq!(log.tally.too_many_members(id(1), 10), Some((6, 10)));
    assert_eq!(log.tally.too_many_members(id(1), 12), None, "six of twelve");
    log.entry(1, members(Event::Updated, 1, &[1, 2, 3, 4, 5, 6], &[11, 12, 13, 14, 15, 16]));
    assert_eq!(log.tally.too_many_members(id(1), 10), Some((12, 16)), "twelve were lost, of sixteen");
}

#[test]
fn members_of_a_group_that_was_made_in_the_window_are_lost_of_all_that_it_had() {
    let mut log = Log::new();
    let all: Vec<u64> = (1..=100).collect();
    log.entry(0, members(Event::Created, 1, &all, &[]));
    log.entry(1, members(Event::Updated, 1, &[], &all[..26]));
    assert_eq!(log.tally.too_many_members(id(1), 74), None, "26 of 100, none of which it had before");
    log.entry(2, members(Event::Updated, 1, &[], &all[26..60]));
    assert_eq!(log.tally.too_many_members(id(1), 40), Some((60, 100)));
    // A window later they are members like others, and nothing is kept.
    let mut log = Log::new();
    log.entry(0, members(Event::Created, 1, &all, &[]));
    log.entry(30, members(Event::Updated, 1, &[], &all[..6]));
    log.entry(61, members(Event::Updated, 1, &[], &[]));
    assert_eq!(log.tally.too_many_members(id(1), 4), Some((6, 10)), "those six were there before by now");
    log.entry(200, members(Event::Updated, 1, &[], &[]));
    assert_eq!(log.tally.too_many_members(id(1), 0), None);
}

#[test]
fn who_had_no_access_before_the_window_loses_none_by_being_deleted() {
    let mut log = Log::new();
    log.tally.knows_active(10);
    for user in 1..=50 {
        let gone = Change { before: Some(side(user, false)), ..user_change(Event::Deleted, user) };
        assert_eq!(log.entry(0, gone), []);
        log.entry(0, members(Event::MemberRemoved, 1, &[], &[user]));
    }
    assert_eq!((log.tally.counted(), log.tally.base()), (Counts::default(), 10), "nor do their memberships count");
    log.entry(0, Change { after: Some(side(1, false)), ..user_change(Event::Created, 1) });
    log.entry(0, members(Event::MemberAdded, 2, &[1], &[]));
    log.entry(0, members(Event::MemberRemoved, 2, &[], &[1]));
    assert_eq!(
        log.tally.counted(),
        Counts { members: 1, ..Counts::default() },
        "an undo has brought them back, who is lost as a member then"
    );
    log.deactivated(1, 60);
    log.entry(2, Change { before: Some(side(60, false)), ..user_change(Event::Deleted, 60) });
    assert_eq!((log.tally.counted().users, log.tally.base()), (1, 10), "who lost it within the window is counted");
    log.deactivated(3, 61);
    log.entry(90, Change { before: Some(side(61, false)), ..user_change(Event::Deleted, 61) });
    assert_eq!(log.tally.counted().users, 0);
}

#[test]
fn whose_loss_was_cancelled_loses_it_by_being_deleted() {
    let mut log = Log::new();
    log.tally.knows_active(3);
    let gone = |user| Change { before: Some(side(user, false)), ..user_change(Event::Deleted, user) };
    for user in 1..=2 {
        assert_eq!(log.entry_keeping(0, gone(user), &Kept::Access), []);
        log.entry(0, members(Event::MemberRemoved, 1, &[], &[user]));
    }
    assert_eq!(log.tally.counted(), Counts { users: 2, ..Counts::default() }, "their memberships went with them");
    assert_eq!(log.entry_keeping(0, gone(3), &Kept::Access), [Suspect::Users(7)]);
    assert_eq!(log.tally.base(), 6, "the three who are active, and those three");

    let mut log = Log::new();
    let deleted = Change { members_removed: vec![id(9)], ..change(Event::Deleted, ResourceType::GROUP, 1) };
    let kept: Vec<ResourceId> = (1..=8).map(id).collect();
    assert_eq!(log.entry_keeping(0, deleted, &Kept::Members(kept.clone())), [Suspect::Members(id(1))]);
    assert_eq!(log.tally.too_many_members(id(1), 0), Some((9, 9)));
    // What is counted already is not counted again, nor what went with its user.
    log.entry(1, members(Event::MemberRemoved, 2, &[], &[1]));
    log.entry(1, user_change(Event::Deleted, 2));
    let deleted = change(Event::Deleted, ResourceType::GROUP, 2);
    log.entry_keeping(2, deleted, &Kept::Members(kept));
    assert_eq!(log.tally.too_many_members(id(2), 0), Some((7, 7)));
}

#[test]
fn from_whom_active_is_taken_away_is_not_active() {
    let mut log = Log::of(BrakeSettings { share_percent: 100, ..SETTINGS });
    log.tally.knows_active(20);
    let without = |user| {
        let mut side = side(user, true);
        side.document.0.remove("active");
        Some(side)
    };
    for user in 1..=9 {
        let away = Change { after: without(user), ..user_change(Event::Deactivated, user) };
        assert_eq!(log.entry(0, away), [], "{user} of 20");
    }
    assert_eq!(log.tally.base(), 20);
    log.entry(1, Change { before: without(1), ..user_change(Event::Reactivated, 1) });
    assert_eq!(log.tally.base(), 20, "eight are gone, and one is back");
    let deleted = Change { before: without(30), ..user_change(Event::Deleted, 30) };
    assert_eq!(log.entry(1, deleted), []);
    assert_eq!(log.tally.counted().users, 9, "who had none loses none");
}

#[test]
fn a_membership_that_went_with_its_user_is_not_counted_again() {
    let mut log = Log::new();
    for user in 1..=12 {
        log.entry(0, user_change(Event::Deleted, user));
        assert_eq!(log.entry(0, members(Event::MemberRemoved, 1, &[], &[user])), []);
    }
    assert_eq!(log.tally.counted(), Counts { users: 12, ..Counts::default() });
}

#[test]
fn other_user_names_are_counted_and_other_letters_of_the_same_are_not() {
    let mut log = Log::new();
    for user in 1..=6 {
        assert_eq!(log.entry(0, renamed(user, "Ada", "ADA")), []);
    }
    for user in 1..=2 {
        assert_eq!(log.entry(0, renamed(user, "ada", "grace")), []);
    }
    assert_eq!(log.entry(0, renamed(3, "ada", "grace")), [Suspect::Names]);
    assert_eq!(log.tally.too_many_names(7), None);
    assert_eq!(log.tally.too_many_names(6), Some((3, 6)), "half of a few");
    for user in 4..=6 {
        log.entry(0, renamed(user, "ada", "grace"));
    }
    assert_eq!(log.tally.too_many_names(60), None);
    assert_eq!(log.tally.too_many_names(59), Some((6, 59)));

    let mut off = Log::of(BrakeSettings { user_names_percent: 100, ..SETTINGS });
    for user in 1..=6 {
        off.entry(0, renamed(user, "ada", "grace"));
    }
    assert_eq!(off.tally.too_many_names(6), None);
}

#[test]
fn several_groups_that_lost_more_than_half_are_too_much_together() {
    let mut log = Log::new();
    let emptied = |log: &mut Log, second: i64, group: u64, members: &[u64]| {
        let suspects = log.entry(second, members_of(group, members));
        assert_eq!(suspects, [Suspect::Members(id(group))]);
        log.tally.too_many_groups(id(group), 0)
    };
    assert_eq!(emptied(&mut log, 0, 1, &[1, 2]), None);
    assert_eq!(emptied(&mut log, 10, 2, &[1]), None, "it had a single member");
    assert_eq!(emptied(&mut log, 20, 3, &[1, 2]), None, "three groups, and five members");
    log.entry(21, members_of(4, &[1, 2]));
    assert_eq!(log.tally.too_many_groups(id(4), 2), None, "two of four are half, and not more");
    assert_eq!(log.tally.counted().groups, 3);
    assert_eq!(emptied(&mut log, 22, 5, &[1, 2]), Some(Halved { groups: 4, lost: 7, of: 7 }));
    // What they lost is back, and stays counted; a window later it is not.
    log.entry(30, members(Event::MemberAdded, 1, &[1, 2], &[]));
    assert_eq!(log.tally.counted().groups, 4);
    log.entry(60, members(Event::MemberAdded, 9, &[1], &[]));
    assert_eq!(log.tally.counted().groups, 3, "the first one is a window away");
    log.entry(200, members(Event::MemberAdded, 9, &[2], &[]));
    assert_eq!(log.tally.counted(), Counts::default());

    // So many groups that lost no more than the count together are none.
    let mut log = Log::of(BrakeSettings { count: 6, ..SETTINGS });
    for group in 1..=3 {
        assert_eq!(emptied(&mut log, 0, group, &[1, 2]), None);
    }
    assert!(emptied(&mut log, 0, 4, &[1, 2]).is_some());
    let mut off = Log::of(BrakeSettings { groups_from: 0, ..SETTINGS });
    for group in 1..=9 {
        assert_eq!(off.entry(0, members_of(group, &[1, 2])), []);
    }
}

#[test]
fn groups_of_one_member_and_groups_of_none_do_not_go_unseen() {
    let mut log = Log::new();
    for group in 1..=5 {
        log.entry(0, members_of(group, &[group]));
        assert_eq!(log.tally.too_many_groups(id(group), 0), None, "{group}");
    }
    log.entry(0, members_of(6, &[6]));
    assert_eq!(log.tally.too_many_groups(id(6), 0), Some(Halved { groups: 6, lost: 6, of: 6 }));

    let deleted = |group| change(Event::Deleted, ResourceType::GROUP, group);
    let mut log = Log::new();
    for group in 1..=2 {
        assert_eq!(log.entry(0, deleted(group)), []);
    }
    assert_eq!(log.entry(0, deleted(3)), [Suspect::Groups]);
    assert_eq!(log.tally.too_many_deleted(3), Some((3, 6)), "half of a few");
    assert_eq!(log.tally.too_many_deleted(4), None);
    for group in 4..=6 {
        log.entry(0, deleted(group));
    }
    assert_eq!(log.tally.too_many_deleted(54), None, "6 of 60 are no more than 10 %");
    assert_eq!(log.tally.too_many_deleted(53), Some((6, 59)));
    log.entry(1, change(Event::Created, ResourceType::GROUP, 6));
    assert_eq!(log.tally.too_many_deleted(54), Some((6, 59)), "it is back, and was deleted all the same");
    assert_eq!(log.tally.counted().groups_deleted, 6);
    log.entry(61, members(Event::MemberAdded, 9, &[1], &[]));
    assert_eq!(log.tally.counted().groups_deleted, 0, "they are a window away");

    let mut off = Log::of(BrakeSettings { group_share_percent: 100, ..SETTINGS });
    for group in 1..=9 {
        assert_eq!(off.entry(0, deleted(group)), []);
    }
}

#[test]
fn how_many_there_are_is_read_once_and_goes_on_with_the_log() {
    let mut log = Log::new();
    let all: Vec<u64> = (1..=12).collect();
    let [group] = log.entry(0, members(Event::MemberRemoved, 1, &[], &all))[..] else { panic!("it lost its members") };
    assert_eq!(log.tally.all_of(group), None, "nobody has asked");
    log.tally.knows_all_of(group, 0);
    log.entry(1, members(Event::MemberAdded, 1, &[21, 22, 23], &[]));
    log.entry(2, members(Event::MemberRemoved, 1, &[], &[22]));
    assert_eq!(log.tally.all_of(group), Some(2));

    log.tally.knows_all_of(Suspect::Names, 10);
    log.tally.knows_all_of(Suspect::Groups, 4);
    log.entry(3, user_change(Event::Created, 31));
    log.entry(3, user_change(Event::Deactivated, 31));
    log.entry(4, user_change(Event::Deleted, 32));
    log.entry(4, user_change(Event::Deleted, 33));
    let made = Change { after: Some(side(7, true)), ..change(Event::Created, ResourceType::GROUP, 7) };
    log.entry(5, made);
    assert_eq!((log.tally.all_of(Suspect::Names), log.tally.all_of(Suspect::Groups)), (Some(9), Some(5)));
}

/// These left a group.
fn members_of(group: u64, removed: &[u64]) -> Change {
    members(Event::MemberRemoved, group, &[], removed)
}

#[test]
fn a_change_that_is_counted_says_so_and_others_do_not() {
    assert!(concerns(&user_change(Event::Deactivated, 1)) && concerns(&user_change(Event::Deleted, 1)));
    assert!(concerns(&members(Event::Updated, 1, &[], &[1])) && concerns(&renamed(1, "ada", "grace")));
    for event in [Event::Created, Event::Updated, Event::Reactivated, Event::Signalled] {
        assert!(!concerns(&user_change(event, 1)), "{event:?}");
    }
    assert!(!concerns(&members(Event::MemberAdded, 1, &[1], &[])));
}

#[test]
fn a_hundred_thousand_in_a_window_are_counted_in_bounded_memory_and_one_more_engages_it_whatever_the_share() {
    let mut log = Log::of(BrakeSettings { share_percent: 100, half_from: 0, ..SETTINGS });
    log.tally.knows_active(10_000_000);
    for user in 1..=MAX_BRAKE_COUNTED {
        log.deactivated(0, user);
    }
    assert_eq!(log.tally.too_many_users(), None);
    log.deactivated(0, MAX_BRAKE_COUNTED + 1);
    assert!(log.tally.too_many_users().is_some());

    let mut log = Log::new();
    for group in 0..11 {
        let lost: Vec<u64> = (0..MAX_BRAKE_COUNTED / 10).map(|member| group * MAX_BRAKE_COUNTED + member).collect();
        log.entry(0, members(Event::MemberRemoved, 1_000_000_000 + group, &[], &lost));
    }
    assert_eq!(log.tally.counted().members, MAX_BRAKE_COUNTED, "the oldest are not looked at any more");
}
