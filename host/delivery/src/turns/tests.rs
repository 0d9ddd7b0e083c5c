use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn name(tenant: &str) -> Name {
    Arc::new((TenantId::parse(tenant).unwrap(), Queue::plugin()))
}

fn turns(limits: DeliveryLimits) -> Turns {
    Turns::new(limits)
}

/// Takes turns until there is none, and leases as much as each may; the tenants in their order.
fn lease_all(turns: &mut Turns) -> Vec<(String, usize)> {
    let mut order = Vec::new();
    while let Some(turn) = turns.next(NOW) {
        order.push((turn.name.0.to_string(), turn.want));
        turns.asked(&turn.name, turn.want, None, NOW);
    }
    order
}

#[test]
fn a_queue_has_twice_as_many_attempts_after_each_answer_up_to_its_limit_and_half_after_a_failure() {
    let mut turns = turns(DeliveryLimits::default());
    let acme = name("acme");
    turns.wake(&acme);
    let mut wants = Vec::new();
    for end in [End::Answered, End::Answered, End::Answered, End::Answered, End::Failed(1), End::Unknown] {
        let turn = turns.next(NOW).unwrap();
        wants.push(turn.want);
        turns.asked(&acme, 1, None, NOW);
        turns.ended(&acme, end, NOW, |_| Duration::ZERO);
    }
    assert_eq!(wants, [1, 2, 4, 8, 8, 4]);
}

#[test]
fn queues_take_turns_and_one_that_hangs_holds_one_attempt() {
    let mut turns = turns(DeliveryLimits::default());
    for tenant in ["a", "b", "c"] {
        turns.wake(&name(tenant));
        turns.wake(&name(tenant));
    }
    let order = lease_all(&mut turns);
    let order: Vec<(&str, usize)> = order.iter().map(|(tenant, want)| (tenant.as_str(), *want)).collect();
    assert_eq!(order, [("a", 1), ("b", 1), ("c", 1)], "each in line once");
}

#[test]
fn however_many_queues_fail_there_is_room_for_those_that_do_not() {
    let mut turns = turns(DeliveryLimits::default());
    for number in 0..1_000 {
        turns.wake(&name(&format!("dead-{number}")));
    }
    while turns.queues.values().any(|state| state.failures == 0) {
        for (tenant, _) in lease_all(&mut turns) {
            turns.ended(&name(&tenant), End::Failed(1), NOW, |_| Duration::ZERO);
        }
    }
    assert_eq!(lease_all(&mut turns).len(), 224, "and all of these hang");
    assert_eq!(turns.taken, 224);

    turns.wake(&name("alive"));
    assert_eq!(lease_all(&mut turns), [("alive".to_owned(), 1)]);
}

#[test]
fn a_queue_that_has_failed_has_its_turn_beside_those_that_have_not() {
    let mut turns = turns(DeliveryLimits { concurrency: 2, ..DeliveryLimits::default() });
    let failed = name("failed");
    turns.wake(&failed);
    turns.next(NOW).unwrap();
    turns.asked(&failed, 1, None, NOW);
    turns.ended(&failed, End::Failed(1), NOW, |_| Duration::ZERO);
    for number in 0..10 {
        turns.wake(&name(&format!("alive-{number}")));
    }
    let order = lease_all(&mut turns);
    assert!(order.iter().any(|(tenant, _)| tenant == "failed"), "{order:?}");
}

#[test]
fn all_queues_together_have_no_more_attempts_than_their_limit() {
    let limits = DeliveryLimits { concurrency: 3, ..DeliveryLimits::default() };
    let mut turns = turns(limits);
    for tenant in ["a", "b", "c", "d"] {
        turns.wake(&name(tenant));
    }
    assert_eq!(lease_all(&mut turns).len(), 3);
    assert_eq!(turns.taken, 3);
    turns.ended(&name("a"), End::Answered, NOW, |_| Duration::ZERO);
    let next = turns.next(NOW).unwrap();
    assert_eq!(next.name, name("d"), "it had waited longer");
    assert_eq!(turns.taken, 3);
}

#[test]
fn a_queue_that_fails_is_probed_one_by_one_and_the_first_answer_lets_it_go_on() {
    let mut turns = turns(DeliveryLimits::default());
    let acme = name("acme");
    turns.wake(&acme);
    for seq in 0..10 {
        assert!(!turns.next(NOW).unwrap().is_outage);
        turns.asked(&acme, 1, None, NOW);
        turns.ended(&acme, End::Failed(seq), NOW, |_| Duration::from_secs(7));
    }

    assert!(turns.next(NOW).is_none(), "it is left alone");
    assert_eq!(turns.next_due(), Some(later(NOW, Duration::from_secs(7))));
    assert_eq!(turns.known(), (1, 1));
    let then = later(NOW, Duration::from_secs(7));
    turns.due(then);
    let probe = turns.next(then).unwrap();
    assert_eq!((probe.want, probe.is_outage), (1, true));
    turns.asked(&acme, 1, None, then);
    assert!(turns.next(then).is_none(), "one probe at a time");

    turns.ended(&acme, End::Answered, then, |_| Duration::ZERO);
    let after = turns.next(then).unwrap();
    assert_eq!((after.want, after.is_outage), (2, false));
    assert_eq!(turns.known(), (1, 0));
}

#[test]
fn a_queue_that_fails_for_one_task_alone_has_no_outage() {
    let mut turns = turns(DeliveryLimits::default());
    let acme = name("acme");
    turns.wake(&acme);
    for _ in 0..20 {
        let turn = turns.next(NOW).unwrap();
        assert!(!turn.is_outage);
        turns.asked(&acme, 1, None, NOW);
        turns.ended(&acme, End::Failed(1), NOW, |_| Duration::ZERO);
    }
}

#[test]
fn what_comes_while_a_queue_is_asked_is_asked_for_again() {
    let mut turns = turns(DeliveryLimits::default());
    let acme = name("acme");
    turns.wake(&acme);
    turns.next(NOW).unwrap();
    turns.wake(&acme);
    turns.asked(&acme, 0, None, NOW);
    assert!(turns.next(NOW).is_some());
    turns.asked(&acme, 0, None, NOW);
    assert_eq!(turns.known(), (0, 0), "of a queue with nothing to do nothing is remembered");
    assert_eq!((turns.taken, turns.timers.len(), turns.line.len()), (0, 0, 0));
}

#[test]
fn a_store_that_does_not_answer_for_a_queue_is_left_alone_until_it_has_rested() {
    let mut turns = turns(DeliveryLimits::default());
    let acme = name("acme");
    turns.wake(&acme);
    turns.next(NOW).unwrap();
    turns.rest(&acme);
    turns.wake(&acme);
    turns.find(&acme);
    assert!(turns.next(NOW).is_none());
    assert_eq!(turns.taken, 0);
    turns.rested(&acme);
    assert!(turns.next(NOW).is_some());
}

#[test]
fn a_queue_whose_next_task_is_due_later_waits_for_it_unless_it_is_woken() {
    let mut turns = turns(DeliveryLimits::default());
    let (acme, at) = (name("acme"), later(NOW, Duration::from_secs(5)));
    turns.wake(&acme);
    turns.next(NOW).unwrap();
    turns.asked(&acme, 0, Some(at), NOW);
    turns.due(NOW);
    assert!(turns.next(NOW).is_none());
    turns.find(&acme);
    assert!(turns.next(NOW).is_none(), "a sweep knows no better");
    turns.wake(&acme);
    assert!(turns.next(NOW).is_some());
    turns.asked(&acme, 0, Some(NOW), NOW);
    assert_eq!(turns.next_due(), Some(later(NOW, NOT_YET)), "what is due and was not leased is another's");
}
