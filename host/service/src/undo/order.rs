//! In which order names go back: whoever has a name gives it up before it is taken, and those who wait for each other do so at once.

use std::collections::{BTreeMap, BTreeSet};

/// Who waits for whom.
pub(super) type Waits<T> = BTreeMap<T, BTreeSet<T>>;

/// The parts of them that can only go at once, because each waits for each; whoever is waited for comes first.
pub(super) fn parts<T: Ord + Copy>(waits: &Waits<T>) -> Vec<Vec<T>> {
    let mut is_waited_for = Waits::new();
    for (one, others) in waits {
        is_waited_for.entry(*one).or_default();
        for other in others {
            is_waited_for.entry(*other).or_default().insert(*one);
        }
    }
    let (mut seen, mut left) = (BTreeSet::new(), Vec::new());
    for start in waits.keys() {
        walk(waits, *start, &mut seen, &mut left);
    }
    // Against the arrows, from whom was left last: nobody is reached but those who also reach back.
    seen.clear();
    let mut parts = Vec::new();
    for start in left.into_iter().rev() {
        let mut part = Vec::new();
        walk(&is_waited_for, start, &mut seen, &mut part);
        if !part.is_empty() {
            parts.push(part);
        }
    }
    parts.reverse();
    parts
}

/// Follows the arrows as far as they lead to somebody new, and notes each as it is left. Without recursion: a chain may be long.
fn walk<T: Ord + Copy>(arrows: &Waits<T>, start: T, seen: &mut BTreeSet<T>, left: &mut Vec<T>) {
    if !seen.insert(start) {
        return;
    }
    let from = |one: T| arrows.get(&one).into_iter().flatten().copied();
    let mut way = vec![(start, from(start))];
    while let Some((one, others)) = way.last_mut() {
        match others.next() {
            Some(other) if seen.insert(other) => way.push((other, from(other))),
            Some(_) => {}
            None => {
                left.push(*one);
                way.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(of: &[(u32, &[u32])]) -> Waits<u32> {
        of.iter().map(|(one, others)| (*one, others.iter().copied().collect())).collect()
    }

    fn sorted(of: &[(u32, &[u32])]) -> Vec<Vec<u32>> {
        let mut parts = parts(&waits(of));
        for part in &mut parts {
            part.sort_unstable();
        }
        parts
    }

    #[test]
    fn whoever_is_waited_for_comes_first() {
        assert_eq!(sorted(&[(1, &[2]), (2, &[3]), (3, &[])]), [[3], [2], [1]]);
        assert_eq!(sorted(&[(3, &[2]), (2, &[1]), (1, &[])]), [[1], [2], [3]]);
    }

    #[test]
    fn those_who_wait_for_each_other_are_one_part() {
        assert_eq!(sorted(&[(1, &[2]), (2, &[1])]), [vec![1, 2]]);
        assert_eq!(sorted(&[(1, &[2]), (2, &[3]), (3, &[1])]), [vec![1, 2, 3]]);
        // Two exchanges that share one, and one who waits for them.
        assert_eq!(sorted(&[(1, &[2]), (2, &[1, 3]), (3, &[2]), (9, &[1])]), [vec![1, 2, 3], vec![9]]);
        // Two exchanges of which one waits for the other stay two.
        assert_eq!(sorted(&[(1, &[2]), (2, &[1, 3]), (3, &[4]), (4, &[3])]), [vec![3, 4], vec![1, 2]]);
    }

    #[test]
    fn a_chain_may_be_as_long_as_an_undo_is() {
        let long: Waits<u32> = (0..10_000).map(|one| (one, BTreeSet::from([(one + 1) % 10_000]))).collect();
        assert_eq!(parts(&long).len(), 1);
        let open: Waits<u32> = (0..10_000).map(|one| (one, BTreeSet::from([one + 1]))).collect();
        let parts = parts(&open);
        assert_eq!((parts.len(), &parts[0]), (10_001, &vec![10_000]));
    }
}
