use muster_model::{PluginDigest, Queue, ResourceId, ResourceType};

use super::*;

fn task() -> NewTask {
    NewTask {
        resource_type: ResourceType::USER,
        id: ResourceId::from_bytes([7; 16]),
        idempotency_key: String::new(),
        action: "user.created".to_owned(),
        arguments: Vec::new(),
        destructive: false,
        plugin: PluginDigest::of(b""),
        queue: Queue::parse("webhook:crm").unwrap(),
    }
}

fn kept(changes: &[u64], through: u64, room: u64) -> (Vec<u64>, u64) {
    let mut tasks: Vec<(u64, NewTask)> = changes.iter().map(|change| (*change, task())).collect();
    let through = cut(&mut tasks, through, room);
    (tasks.iter().map(|(change, _)| *change).collect(), through)
}

#[test]
fn a_page_is_cut_where_the_queue_is_full_and_never_within_an_entry() {
    assert_eq!(kept(&[3, 4, 9], 10, 3), (vec![3, 4, 9], 10));
    assert_eq!(kept(&[3, 4, 9], 10, 2), (vec![3, 4], 8), "what nobody is told between is passed over");
    assert_eq!(kept(&[3, 4, 9], 10, 0), (vec![], 2));
    assert_eq!(kept(&[3, 4, 4, 4, 5], 10, 3), (vec![3], 3));
    assert_eq!(kept(&[], 10, 0), (vec![], 10));
}

#[test]
fn what_is_gone_from_the_log_is_known_by_what_is_left() {
    let page = |after, first, last| Page { after, first, last, entries: Vec::new() };
    assert_eq!((page(4, 1, 9).gap(), page(4, 1, 9).through()), (None, 4));
    assert_eq!((page(4, 5, 9).gap(), page(4, 5, 9).through()), (None, 4));
    assert_eq!((page(4, 8, 9).gap(), page(4, 8, 9).through()), (Some((5, 7)), 7));
    assert_eq!((page(4, 10, 9).gap(), page(4, 10, 9).through()), (Some((5, 9)), 9), "all of it");
}
