use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use muster_model::Timestamp;

/// What became of somebody or something, the last time that it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It lost something, and is still there.
    Lost,
    /// It does not exist any more.
    Deleted,
    /// It has again what it had lost. It stays counted: what followed from the loss may have been done.
    Back,
}

/// Who was counted lately, each once, however often it happened to them.
#[derive(Debug)]
pub(super) struct Window<K> {
    by_age: BTreeSet<(Timestamp, K)>,
    seen: HashMap<K, (Timestamp, Fate)>,
    /// How many of them are not back.
    gone: u64,
}

impl<K> Default for Window<K> {
    fn default() -> Self {
        Self { by_age: BTreeSet::new(), seen: HashMap::new(), gone: 0 }
    }
}

impl<K: Copy + Ord + Hash> Window<K> {
    /// How many are counted.
    pub(super) fn len(&self) -> u64 {
        self.seen.len() as u64
    }

    /// How many of them are not back.
    pub(super) fn gone(&self) -> u64 {
        self.gone
    }

    pub(super) fn fate(&self, of: K) -> Option<Fate> {
        self.seen.get(&of).map(|(_, fate)| *fate)
    }

    /// Counts it, at this time; what had become of it before, if it was counted already.
    pub(super) fn add(&mut self, of: K, at: Timestamp, fate: Fate) -> Option<Fate> {
        let before = self.seen.insert(of, (at, fate));
        if let Some((earlier, was)) = before {
            self.by_age.remove(&(earlier, of));
            self.gone -= u64::from(was != Fate::Back);
        }
        self.by_age.insert((at, of));
        self.gone += u64::from(fate != Fate::Back);
        before.map(|(_, was)| was)
    }

    /// It has again what it had lost; whether that is news of one that is counted.
    pub(super) fn back(&mut self, of: K) -> bool {
        let Some((_, fate)) = self.seen.get_mut(&of) else { return false };
        let is_news = std::mem::replace(fate, Fate::Back) != Fate::Back;
        self.gone -= u64::from(is_news);
        is_news
    }

    /// Forgets this one; whether it was counted.
    pub(super) fn remove(&mut self, of: K) -> bool {
        let Some((at, fate)) = self.seen.remove(&of) else { return false };
        self.by_age.remove(&(at, of));
        self.gone -= u64::from(fate != Fate::Back);
        true
    }

    /// Forgets the oldest one, if it was counted at `until` or before.
    pub(super) fn forget(&mut self, until: Timestamp) -> Option<(K, Fate)> {
        let (at, of) = *self.by_age.first().filter(|(at, _)| *at <= until)?;
        self.by_age.remove(&(at, of));
        let (_, fate) = self.seen.remove(&of)?;
        self.gone -= u64::from(fate != Fate::Back);
        Some((of, fate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn somebody_to_whom_it_happens_again_is_counted_once_and_from_then_on() {
        let mut window = Window::default();
        assert_eq!(window.add(1, at(1), Fate::Lost), None);
        assert_eq!(window.add(2, at(2), Fate::Lost), None);
        assert_eq!(window.add(1, at(5), Fate::Deleted), Some(Fate::Lost));
        assert_eq!((window.len(), window.gone(), window.fate(1)), (2, 2, Some(Fate::Deleted)));
        assert_eq!(window.forget(at(4)), Some((2, Fate::Lost)));
        assert_eq!(window.forget(at(4)), None, "the other one is of a later time");
        assert_eq!((window.len(), window.gone()), (1, 1));
    }

    #[test]
    fn who_is_back_stays_counted_and_is_not_gone() {
        let mut window = Window::default();
        window.add(1, at(1), Fate::Lost);
        assert!(window.back(1) && !window.back(1) && !window.back(2));
        assert_eq!((window.len(), window.gone()), (1, 0));
        window.add(1, at(2), Fate::Lost);
        assert_eq!((window.len(), window.gone()), (1, 1));
        assert_eq!(window.forget(at(2)), Some((1, Fate::Lost)));
        assert_eq!((window.len(), window.gone()), (0, 0));
        window.add(1, at(3), Fate::Lost);
        assert!(window.remove(1) && !window.remove(1));
        assert_eq!((window.len(), window.gone(), window.forget(at(3))), (0, 0, None));
    }
}
