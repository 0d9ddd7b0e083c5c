use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn name(tenant: &str) -> Name {
    Arc::new((TenantId::parse(tenant).unwrap(), Queue::plugin()))
}

fn turns(limits: DeliveryLimits) -> Turns {
    Turns::new(limits)
}

fn failed(seq: u64) -> End {
    End::Failed { seq, at: NOW, until: None }
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
    for end in [End::Answered, End::Answered, End::Answered, End::Answered, failed(1), End::Unknown] {
        let turn = turns.next(NOW).unwrap();
        wants.push(turn.want);
        turns.asked(&acme, 1, None, NOW);
        turns.ended(&acme, end, |_| Duration::ZERO);
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
            turns.ended(&name(&tenant), failed(1), |_| Duration::ZERO);
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
    let broken = name("failed");
    turns.wake(&broken);
    turns.next(NOW).unwrap();
    turns.asked(&broken, 1, None, NOW);
    turns.ended(&broken, failed(1), |_| Duration::ZERO);
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
    turns.ended(&name("a"), End::Answered, |_| Duration::ZERO);
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
        turns.ended(&acme, failed(seq), |_| Duration::from_secs(7));
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

    turns.ended(&acme, End::Answered, |_| Duration::ZERO);
    let after = turns.next(then).unwrap();
    assert_eq!((after.want, after.is_outage), (2, false));
    assert_eq!(turns.known(), (1, 0));
}

#[test]
fn a_receiver_that_asks_to_be_left_alone_is_whatever_else_there_is_for_it_and_whoever_else_fails_meanwhile() {
    let mut turns = turns(DeliveryLimits::default());
    let acme = name("acme");
    turns.wake(&acme);
    turns.next(NOW).unwrap();
    turns.asked(&acme, 1, None, NOW);
    turns.ended(&acme, End::Answered, |_| Duration::ZERO);
    turns.next(NOW).unwrap();
    turns.asked(&acme, 2, None, NOW);
    let then = later(NOW, Duration::from_secs(90));
    turns.ended(&acme, End::Failed { seq: 1, at: NOW, until: Some(then) }, |_| Duration::ZERO);
    turns.ended(&acme, failed(2), |_| Duration::ZERO);
    turns.wake(&acme);

    assert!(turns.next(NOW).is_none());
    assert_eq!((turns.next_due(), turns.known()), (Some(then), (1, 0)), "and it does not fail yet");
    turns.due(then);
    assert_eq!(turns.next(then).unwrap().want, 1);
}

/// A queue with eight attempts at once; one of them was answered that the receiver is to be left alone until then.
fn asked_for_a_pause(turns: &mut Turns, acme: &Name) -> Timestamp {
    turns.wake(acme);
    for _ in 0..3 {
        turns.next(NOW).unwrap();
        turns.asked(acme, 1, None, NOW);
        turns.ended(acme, End::Answered, |_| Duration::ZERO);
    }
    assert_eq!(turns.next(NOW).unwrap().want, 8);
    turns.asked(acme, 8, None, NOW);
    let then = later(NOW, Duration::from_secs(90));
    turns.ended(acme, End::Failed { seq: 1, at: NOW, until: Some(then) }, |_| Duration::ZERO);
    then
}

#[test]
fn a_pause_that_is_asked_for_is_kept_whatever_is_answered_to_what_was_sent_before_and_ends_with_one_attempt() {
    let mut turns = turns(DeliveryLimits::default());
    let acme = name("acme");
    let then = asked_for_a_pause(&mut turns, &acme);
    for end in [End::Answered, failed(2), End::Answered, End::Held, End::Unknown, End::Answered, End::Answered] {
        turns.ended(&acme, end, |_| Duration::ZERO);
        turns.wake(&acme);
        assert!(turns.next(NOW).is_none(), "{end:?}");
    }
    assert_eq!(turns.next_due(), Some(then));

    turns.due(then);
    assert_eq!(turns.next(then).unwrap().want, 1, "who has just come back is not overrun");
    turns.asked(&acme, 1, None, then);
    assert!(turns.next(then).is_none());
    turns.ended(&acme, End::Answered, |_| Duration::ZERO);
    assert_eq!(turns.next(then).unwrap().want, 2);
}

#[test]
fn a_pause_ends_when_somebody_says_so() {
    let mut turns = turns(DeliveryLimits::default());
    let acme = name("acme");
    asked_for_a_pause(&mut turns, &acme);
    (0..7).for_each(|_| turns.ended(&acme, End::Answered, |_| Duration::ZERO));
    assert!(turns.next(NOW).is_none());
    turns.lift(&acme);
    assert_eq!(turns.next(NOW).unwrap().want, 1);
    turns.asked(&acme, 0, None, NOW);
    assert_eq!((turns.known().0, turns.timers.len(), turns.taken), (0, 0, 0));
}

#[test]
fn a_queue_that_fails_is_left_alone_from_when_it_failed_and_not_from_when_that_is_heard_of() {
    let mut turns = turns(DeliveryLimits::default());
    let acme = name("acme");
    turns.wake(&acme);
    for seq in 0..10 {
        turns.next(NOW).unwrap();
        turns.asked(&acme, 1, None, NOW);
        turns.ended(&acme, failed(seq), |_| Duration::from_secs(7));
    }
    let much_later = later(NOW, Duration::from_hours(1));
    assert!(turns.next(much_later).unwrap().is_outage, "an hour has passed since then");
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
        turns.ended(&acme, failed(1), |_| Duration::ZERO);
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

fn queue(tenant: &str, number: usize) -> Name {
    Arc::new((TenantId::parse(tenant).unwrap(), Queue::parse(&format!("webhook:w{number}")).unwrap()))
}

/// Takes turns until there is none, and leases as much as each may; how much each tenant took.
fn leased(turns: &mut Turns, taken: &mut HashMap<String, Vec<Name>>) {
    while let Some(turn) = turns.next(NOW) {
        turns.asked(&turn.name, turn.want, None, NOW);
        let names = std::iter::repeat_n(turn.name.clone(), turn.want);
        taken.entry(turn.name.0.to_string()).or_default().extend(names);
    }
}

/// All of the tenant's queues answer, and have more to do.
fn answer(turns: &mut Turns, taken: &mut HashMap<String, Vec<Name>>, tenant: &str) {
    for name in taken.remove(tenant).unwrap_or_default() {
        turns.ended(&name, End::Answered, |_| Duration::ZERO);
    }
}

/// So many tenants, each with 32 queues that answer slowly, and have all that they can get.
fn slow(turns: &mut Turns, tenants: usize) -> HashMap<String, Vec<Name>> {
    let mut taken = HashMap::new();
    for tenant in (0..tenants).map(|tenant| format!("slow-{tenant}")) {
        (0..32).for_each(|number| turns.wake(&queue(&tenant, number)));
    }
    leased(turns, &mut taken);
    for _ in 0..20 {
        for tenant in (0..tenants).map(|tenant| format!("slow-{tenant}")) {
            answer(turns, &mut taken, &tenant);
            leased(turns, &mut taken);
        }
    }
    taken
}

#[test]
fn a_tenant_with_many_slow_queues_holds_its_share_and_no_more() {
    let mut turns = turns(DeliveryLimits::default());
    let mut taken = slow(&mut turns, 1);
    assert_eq!((taken["slow-0"].len(), turns.taken), (64, 64));

    for _ in 0..4 {
        turns.wake(&name("acme"));
        leased(&mut turns, &mut taken);
        answer(&mut turns, &mut taken, "acme");
    }
    leased(&mut turns, &mut taken);
    assert_eq!(taken["acme"].len(), 8, "one queue has its window");
}

#[test]
fn four_slow_tenants_leave_an_eighth_to_those_that_hold_little() {
    for tenants in [4, 8] {
        let mut turns = turns(DeliveryLimits::default());
        let mut taken = slow(&mut turns, tenants);
        assert!(turns.taken >= 224 && turns.taken < 256, "{}", turns.taken);
        assert!(taken.values().all(|names| !names.is_empty() && names.len() <= 64));
        for number in 0..turns.free() {
            turns.wake(&name(&format!("new-{number}")));
            leased(&mut turns, &mut taken);
            assert_eq!(taken[&format!("new-{number}")].len(), 1, "who holds nothing gets one");
        }
        assert_eq!(turns.taken, 256);
    }
}

#[test]
fn a_queue_that_found_its_tenant_full_has_its_turn_as_soon_as_one_of_the_tenants_attempts_ends() {
    let mut turns = turns(DeliveryLimits { concurrency_per_tenant: 2, ..DeliveryLimits::default() });
    (0..4).for_each(|number| turns.wake(&queue("acme", number)));
    let mut order = Vec::new();
    let mut running = VecDeque::new();
    for cycle in 0..12 {
        while let Some(turn) = turns.next(NOW) {
            // Each has more to do than it may lease.
            turns.asked(&turn.name, 1, None, NOW);
            turns.wake(&turn.name);
            order.push(turn.name.1.as_str().to_owned());
            running.push_back(turn.name);
        }
        assert_eq!(
            (running.len(), turns.taken, turns.next_due()),
            (2, 2, None),
            "and nobody looks at the clock for it"
        );
        // One of them fails now and then, and stands in the other line.
        let end = if cycle % 3 == 0 { failed(1) } else { End::Answered };
        turns.ended(&running.pop_front().unwrap(), end, |_| Duration::ZERO);
    }
    for number in 0..4 {
        let times = order.iter().filter(|queue| **queue == format!("webhook:w{number}")).count();
        assert!((2..=5).contains(&times), "each in its turn: {order:?}");
    }
}

#[test]
fn what_is_remembered_of_tenants_is_forgotten_when_nothing_is_left_to_do() {
    let mut turns = turns(DeliveryLimits::default());
    let mut taken = slow(&mut turns, 5);
    // Those that answer now find nothing more.
    for name in taken.drain().flat_map(|(_, names)| names) {
        turns.ended(&name, End::Answered, |_| Duration::ZERO);
    }
    while let Some(turn) = turns.next(NOW) {
        turns.asked(&turn.name, 0, None, NOW);
    }
    assert_eq!((turns.known().0, turns.taken, turns.shares.len(), turns.crowded.len()), (0, 0, 0, 0));
}
