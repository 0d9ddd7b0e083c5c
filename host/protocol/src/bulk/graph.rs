//! Orders and circles of a graph, each found in one walk over its edges, without recursion: the graph is the client's.

use std::collections::BTreeSet;

/// The nodes from 0 up to `needs.len()`, each after those that it needs. Whatever could come next comes in the order of the numbers; where
/// nothing could, because the rest stands in circles, the smallest number does.
pub(super) fn in_order(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    let mut missing: Vec<usize> = needs.iter().map(Vec::len).collect();
    for (node, needed) in needs.iter().enumerate() {
        for need in needed {
            match needed_by.get_mut(*need) {
                Some(waiting) => waiting.push(node),
                None => less(&mut missing, node),
            }
        }
    }
    let mut ready: BTreeSet<usize> = (0..needs.len()).filter(|node| missing.get(*node) == Some(&0)).collect();
    let mut left: BTreeSet<usize> = (0..needs.len()).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(node) = ready.pop_first().or_else(|| left.first().copied()) {
        left.remove(&node);
        order.push(node);
        for waiting in needed_by.get_mut(node).map(std::mem::take).unwrap_or_default() {
            less(&mut missing, waiting);
            if missing.get(waiting) == Some(&0) && left.contains(&waiting) {
                ready.insert(waiting);
            }
        }
    }
    order
}

fn less(missing: &mut [usize], node: usize) {
    if let Some(count) = missing.get_mut(node) {
        *count = count.saturating_sub(1);
    }
}

/// What a walk knows of a node.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// When the walk came here, counted from 1; 0: not yet.
    number: usize,
    /// The earliest node that can be reached from here and that this one can be reached from.
    earliest: usize,
    /// Whether it is not known yet which circle it belongs to.
    open: bool,
}

/// The circles: each is the largest set of nodes that all need one another, in the order of their numbers. A node that needs itself is
/// one. Tarjan's algorithm, with the walk's way back kept in a list instead of on the stack.
pub(super) fn circles(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![Seen::default(); needs.len()];
    let mut count = 0;
    let mut open: Vec<usize> = Vec::new();
    let mut circles = Vec::new();
    for root in 0..needs.len() {
        let mut way: Vec<(usize, usize)> = Vec::new();
        enter(root, &mut seen, &mut count, &mut open, &mut way);
        while let Some((node, edge)) = way.last_mut() {
            let node = *node;
            let next = needs.get(node).and_then(|needed| needed.get(*edge)).copied();
            *edge += 1;
            if let Some(next) = next {
                enter(next, &mut seen, &mut count, &mut open, &mut way);
                let reached = seen.get(next).filter(|next| next.open).map(|next| next.number);
                lower(&mut seen, node, reached);
                continue;
            }
            way.pop();
            let earliest = seen.get(node).map(|it| it.earliest);
            if let Some((from, _)) = way.last() {
                lower(&mut seen, *from, earliest);
            }
            if seen.get(node).is_some_and(|it| it.earliest == it.number) {
                circles.extend(close(node, needs, &mut seen, &mut open));
            }
        }
    }
    circles
}

/// Goes to a node, if the walk has not been there.
fn enter(node: usize, seen: &mut [Seen], count: &mut usize, open: &mut Vec<usize>, way: &mut Vec<(usize, usize)>) {
    if let Some(it) = seen.get_mut(node).filter(|it| it.number == 0) {
        *count += 1;
        *it = Seen { number: *count, earliest: *count, open: true };
        open.push(node);
        way.push((node, 0));
    }
}

fn lower(seen: &mut [Seen], node: usize, to: Option<usize>) {
    if let (Some(it), Some(to)) = (seen.get_mut(node), to) {
        it.earliest = it.earliest.min(to);
    }
}

/// What has been open since `node` is one set; it is a circle unless it is one node that does not need itself.
fn close(node: usize, needs: &[Vec<usize>], seen: &mut [Seen], open: &mut Vec<usize>) -> Option<Vec<usize>> {
    let mut set = Vec::new();
    while let Some(last) = open.pop() {
        if let Some(it) = seen.get_mut(last) {
            it.open = false;
        }
        set.push(last);
        if last == node {
            break;
        }
    }
    let needs_itself = || needs.get(node).is_some_and(|needed| needed.contains(&node));
    if set.len() == 1 && !needs_itself() {
        return None;
    }
    set.sort_unstable();
    Some(set)
}
