//! What one tenant may hold of all attempts. Its queues that find no room wait behind each other, and stand in line again, the first of them
//! first, once there is some.

use std::collections::VecDeque;

use super::{Name, RESERVED, Stands, Turns};

/// What a tenant holds of all attempts.
#[derive(Debug, Default)]
pub(super) struct Share {
    taken: usize,
    /// Of its queues that are called: how many stand in the line of those that have not failed, and of those that have.
    called: [usize; 2],
    crowded: VecDeque<Name>,
}

impl Share {
    fn is_empty(&self) -> bool {
        self.taken == 0 && self.called == [0, 0] && self.crowded.is_empty()
    }
}

impl Turns {
    pub(super) fn free(&self) -> usize {
        self.limits.concurrency.saturating_sub(self.taken)
    }

    pub(super) fn reserved(&self) -> usize {
        self.limits.concurrency / RESERVED
    }

    /// How many attempts a tenant may hold now. Of the last that are free it may take the fewer the fewer there are: who holds nothing gets
    /// one as long as there is one, and some are left by all who hold more.
    fn allowed(&self) -> usize {
        let (free, reserved) = (self.free(), self.reserved());
        let most = self.limits.per_tenant();
        if free > reserved {
            return most;
        }
        free.saturating_mul(self.limits.concurrency_per_queue).div_ceil(reserved.max(1)).min(most)
    }

    /// How many attempts there are for a queue within its tenant's share; it is [`Stands::Crowded`] if there are none, or if others of its
    /// tenant have waited longer.
    pub(super) fn room_for(&mut self, name: &Name, is_called: bool) -> Option<usize> {
        let (allowed, is_open) = (self.allowed(), self.free() > self.reserved());
        let share = self.shares.entry(name.0.clone()).or_default();
        let of_others = if is_called { 0 } else { share.called(is_open) };
        let room = allowed.saturating_sub(share.taken).saturating_sub(of_others);
        let is_first = is_called || share.crowded.is_empty();
        if room > 0 && is_first {
            return Some(room);
        }
        if share.crowded.is_empty() {
            self.crowded.push_back(name.0.clone());
        }
        if is_called {
            share.crowded.push_front(name.clone());
        } else {
            share.crowded.push_back(name.clone());
        }
        self.is_roomy |= room > 0;
        self.put(name, Stands::Crowded);
        None
    }

    pub(super) fn take(&mut self, name: &Name, count: usize) {
        self.taken += count;
        self.shares.entry(name.0.clone()).or_default().taken += count;
    }

    pub(super) fn give_back(&mut self, name: &Name, count: usize) {
        self.taken = self.taken.saturating_sub(count);
        self.is_roomy |= count > 0;
        if let Some(share) = self.shares.get_mut(&name.0) {
            share.taken = share.taken.saturating_sub(count);
            if share.is_empty() {
                self.shares.remove(&name.0);
            }
        }
    }

    /// Puts as many of those that are crowded in line again as there is room for.
    pub(super) fn call(&mut self) {
        if self.crowded.is_empty() || !std::mem::take(&mut self.is_roomy) {
            return;
        }
        let (allowed, is_open) = (self.allowed(), self.free() > self.reserved());
        for _ in 0..self.crowded.len() {
            let Some(tenant) = self.crowded.pop_front() else { return };
            let Some(share) = self.shares.get_mut(&tenant) else { continue };
            let mut room = allowed.saturating_sub(share.taken).saturating_sub(share.called(is_open));
            let mut called = Vec::new();
            while room > 0 {
                // One that failed would find its line closed.
                let is_let_in = |name: &Name| is_open || self.queues.get(name).is_none_or(|it| it.failures == 0);
                let Some(first) = share.crowded.iter().position(is_let_in) else { break };
                let Some(name) = share.crowded.remove(first) else { break };
                let Some(state) = self.queues.get_mut(&name) else { continue };
                state.is_called = true;
                share.called[usize::from(state.failures > 0)] += 1;
                called.push(name);
                room -= 1;
            }
            if !share.crowded.is_empty() {
                self.crowded.push_back(tenant);
            }
            for name in called {
                self.put(&name, Stands::InLine);
            }
        }
    }

    /// It has left its line.
    pub(super) fn uncall(&mut self, name: &Name, is_failed: bool) {
        if let Some(share) = self.shares.get_mut(&name.0) {
            let called = &mut share.called[usize::from(is_failed)];
            *called = called.saturating_sub(1);
            if share.is_empty() {
                self.shares.remove(&name.0);
            }
        }
    }

    /// It goes over to the line of those that have failed.
    pub(super) fn move_call(&mut self, name: &Name) {
        if let Some(Share { called: [well, failed], .. }) = self.shares.get_mut(&name.0) {
            (*well, *failed) = (well.saturating_sub(1), *failed + 1);
        }
    }
}

impl Share {
    /// Of its queues that are called, those that can have their turn.
    fn called(&self, is_open: bool) -> usize {
        let [well, failed] = self.called;
        if is_open { well + failed } else { well }
    }
}
