//! Slow clock drift of one stream: a sender whose crystal is not ours.
//!
//! The least delay within a window is what the network cannot hide; if it wanders
//! away from the first window's, the sender's clock does, and one sample a packet is
//! slipped until it is back.

use super::grid;
use crate::clock::{NS_PER_MS, NS_PER_S};

const WINDOW_NS: u64 = 10 * NS_PER_S;
const BEGIN_NS: u64 = 20 * NS_PER_MS;
const ENOUGH_NS: u64 = 2 * NS_PER_MS;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drift {
    window_ns: Option<u64>,
    least: i64,
    baseline: Option<i64>,
    /// Samples still to be slipped: positive, the sender is slow.
    rest: i64,
}

impl Drift {
    /// `delay`: samples from the packet's place to its arrival. Answers by how many
    /// samples (-1, 0, 1) the stream moves now.
    pub(super) fn observe(&mut self, arrival_ns: u64, delay: i64, rate: u32) -> i64 {
        if self.rest != 0 {
            return self.slip(rate);
        }
        let Some(begin) = self.window_ns else {
            self.window_ns = Some(arrival_ns);
            self.least = delay;
            return 0;
        };
        self.least = self.least.min(delay);
        if arrival_ns.saturating_sub(begin) < WINDOW_NS {
            return 0;
        }
        self.window_ns = None;
        let baseline = *self.baseline.get_or_insert(self.least);
        let moved = self.least - baseline;
        if moved.unsigned_abs() > grid::index(BEGIN_NS, rate) {
            self.rest = moved;
        }
        0
    }

    fn slip(&mut self, rate: u32) -> i64 {
        let step = self.rest.signum();
        self.rest -= step;
        if self.rest.unsigned_abs() < grid::index(ENOUGH_NS, rate) {
            self.rest = 0;
        }
        step
    }
}
