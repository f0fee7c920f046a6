//! The epochs in which a call was on hold and fed audio counts as silence.

/// Audio that is still held is never older than this many changes.
const CHANGES: usize = 16;

/// Holds by epoch. The epoch in which audio was handed in decides, not the time at which it is
/// placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldEpochs {
    /// Each epoch in which the state changed, with the new state, in order.
    changes: Vec<(u32, bool)>,
}

impl HoldEpochs {
    pub fn set(&mut self, on: bool, epoch: u32) {
        if self.changes.last().is_some_and(|(_, last)| *last == on) {
            return;
        }
        if self.changes.len() == CHANGES {
            self.changes.remove(0);
        }
        self.changes.push((epoch, on));
    }

    pub fn has(&self, epoch: u32) -> bool {
        if self.changes.is_empty() {
            return false;
        }
        let latest = self.changes.iter().rev().find(|(from, _)| *from <= epoch);
        latest.is_some_and(|(_, on)| *on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_apply_by_epoch() {
        let mut holds = HoldEpochs::default();
        assert!(!holds.has(7));
        holds.set(true, 3);
        holds.set(true, 4);
        holds.set(false, 5);
        holds.set(true, 9);
        let held: Vec<u32> = (0..12).filter(|epoch| holds.has(*epoch)).collect();
        assert_eq!(held, [3, 4, 9, 10, 11]);
    }

    #[test]
    fn only_the_latest_changes_are_remembered() {
        let mut holds = HoldEpochs::default();
        for epoch in 0..100 {
            holds.set(epoch % 2 == 1, epoch);
        }
        assert!(holds.has(99) && !holds.has(98) && holds.has(97));
        assert_eq!(holds.changes.len(), CHANGES);
    }
}
