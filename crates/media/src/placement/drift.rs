//! Slow clock drift: a sender whose crystal is not ours.
//!
//! The least delay within a window is what the network and a busy host cannot hide. It
//! wanders by chance, too; a clock that drifts moves it from window to window by the same
//! amount in the same direction. Slow drift shows in long windows, fast drift in short ones.

use super::lateness::{PacketTiming, samples};
use crate::time::{NS_PER_MS, NS_PER_S};

const MINIMA: usize = 4;

/// A length of windows.
#[derive(Clone, Copy, Debug)]
struct WindowScale {
    length_ns: u64,
    /// So many windows in a row show a drift.
    windows: usize,
    /// Together they move by more.
    least_ns: u64,
}

const SCALES: [WindowScale; 4] = [
    WindowScale {
        length_ns: NS_PER_S,
        windows: 4,
        least_ns: 15 * NS_PER_MS,
    },
    WindowScale {
        length_ns: 3 * NS_PER_S,
        windows: 3,
        least_ns: 8 * NS_PER_MS,
    },
    WindowScale {
        length_ns: 12 * NS_PER_S,
        windows: 3,
        least_ns: 6 * NS_PER_MS,
    },
    WindowScale {
        length_ns: 60 * NS_PER_S,
        windows: 3,
        least_ns: 6 * NS_PER_MS,
    },
];

/// Packets that a window needs.
const PACKETS: u32 = 25;
/// Less than so large a part of the jitter is chance.
const OF_JITTER: i64 = 3;
/// A window moves by no more than so many parts of a hundred: else a path has changed.
const PERCENT: i64 = 3;
/// One window moves by no more than so many times another.
const ALIKE: i64 = 3;
/// Known to drift, a stream is corrected by more than this.
const BEGIN_NS: u64 = 6 * NS_PER_MS;
const ENOUGH_NS: u64 = NS_PER_MS;
/// Earlier than its arrival by more than this, no audio can be.
const LEAD_NS: u64 = 20 * NS_PER_MS;
/// So many packets show a lead.
const LEAD_PACKETS: u32 = 5;

#[derive(Clone, Copy, Debug)]
struct DelayWindow {
    since: i64,
    packets: u32,
    least: i64,
    most: i64,
}

/// The windows of one length: the present one, and the latest minima, oldest first.
#[derive(Clone, Copy, Debug, Default)]
struct WindowMinima {
    window: Option<DelayWindow>,
    least_delays: [i64; MINIMA],
    count: usize,
}

impl DelayWindow {
    fn jitter(&self) -> i64 {
        (self.most - self.least) / OF_JITTER
    }
}

impl WindowMinima {
    /// Takes a packet, or a shorter window; gives the window once it is whole.
    fn add(&mut self, part: DelayWindow, scale: WindowScale, timing: PacketTiming) -> Option<DelayWindow> {
        let window = match &mut self.window {
            None => self.window.insert(part),
            Some(window) => {
                window.least = window.least.min(part.least);
                window.most = window.most.max(part.most);
                window.packets += part.packets;
                window
            }
        };
        let long = timing.arrival - window.since >= samples(scale.length_ns, timing.rate);
        let whole = long && window.packets >= PACKETS;
        self.window.take_if(|_| whole)
    }

    fn push(&mut self, least: i64, most: usize) {
        if self.count == most {
            self.least_delays.copy_within(1.., 0);
            self.count -= 1;
        }
        self.least_delays[self.count] = least;
        self.count += 1;
    }

    /// The stream has been moved: what was measured is measured from there.
    fn shift(&mut self, by: i64) {
        self.least_delays.iter_mut().for_each(|least| *least -= by);
        if let Some(window) = &mut self.window {
            window.least -= by;
            window.most -= by;
        }
    }

    /// By how much the minima moved, if always the same way and by much the same.
    fn slope(&self, scale: WindowScale, rate: u32) -> Option<i64> {
        if self.count < scale.windows {
            return None;
        }
        let steps = self.least_delays[..self.count]
            .windows(2)
            .map(|pair| pair[1] - pair[0]);
        let (mut least, mut most) = (i64::MAX, 0);
        let whole = self.least_delays[self.count - 1] - self.least_delays[0];
        for step in steps {
            if step.signum() != whole.signum() {
                return None;
            }
            least = least.min(step.abs());
            most = most.max(step.abs());
        }
        let possible = 100 * most <= PERCENT * samples(scale.length_ns, rate);
        (possible && most <= ALIKE * least).then_some(whole)
    }
}

/// What each packet needs comes first.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct DriftEstimator {
    /// Samples that the stream is still to be moved by: positive, the sender is slow.
    rest: i64,
    /// The least delay of the latest whole window.
    latest: Option<i64>,
    scales: [WindowMinima; SCALES.len()],
    /// The delay that a drifting stream is brought back to, and which way it drifts.
    target: Option<(i64, i64)>,
}

impl DriftEstimator {
    /// The mapping has begun anew.
    pub fn reset(&mut self) {
        *self = DriftEstimator::default();
    }

    /// One packet as the mapping places it. Answers by how many samples the stream moves
    /// from here on, at most 2 % of its length.
    pub fn observe(&mut self, timing: PacketTiming, len: i64) -> i64 {
        self.measure(timing);
        if self.rest == 0 {
            return 0;
        }
        let most = (len / 50).max(1);
        let step = self.rest.clamp(-most, most);
        self.rest -= step;
        if self.rest.abs() < samples(ENOUGH_NS, timing.rate) {
            self.rest = 0;
        }
        self.shift_all(step);
        step
    }

    fn shift_all(&mut self, by: i64) {
        self.scales.iter_mut().for_each(|minima| minima.shift(by));
        if let Some(latest) = &mut self.latest {
            *latest -= by;
        }
    }

    fn measure(&mut self, timing: PacketTiming) {
        let delay = timing.excess();
        let one = DelayWindow {
            since: timing.arrival,
            packets: 1,
            least: delay,
            most: delay,
        };
        let Some(short) = self.scales[0].add(one, SCALES[0], timing) else {
            return;
        };
        self.latest = Some(short.least);
        let enough = samples(BEGIN_NS, timing.rate).max(short.jitter());
        self.track_target(short.least, enough);
        self.detect(0, short, timing.rate);
        // Longer windows are made of the shortest.
        for (n, scale) in SCALES.into_iter().enumerate().skip(1) {
            if let Some(window) = self.scales[n].add(short, scale, timing) {
                self.detect(n, window, timing.rate);
            }
        }
    }

    /// A window of this length is whole: whether they show a drift.
    fn detect(&mut self, n: usize, window: DelayWindow, rate: u32) {
        let scale = SCALES[n];
        self.scales[n].push(window.least, scale.windows);
        let first = self.scales[n].least_delays[0];
        if let Some(slope) = self.scales[n].slope(scale, rate)
            && slope.abs() > samples(scale.least_ns, rate).max(window.jitter())
            && self.target.is_none()
        {
            self.target = Some((first, slope.signum()));
            self.rest = slope;
        }
    }

    /// A stream that is known to drift is brought back whenever it has gone on.
    fn track_target(&mut self, least: i64, enough: i64) {
        let Some((target, way)) = self.target else {
            return;
        };
        let moved = least - target;
        if moved.abs() <= enough {
            return;
        }
        if moved.signum() == way {
            self.rest = moved;
        } else {
            // It was none, or it is over.
            (self.target, self.rest) = (None, 0);
            self.scales.iter_mut().for_each(|minima| minima.count = 0);
        }
    }

    /// Samples by which the stream lies later than it can have been said: the mapping
    /// began with a packet that had been held up. They are taken back in a silence.
    pub fn lead(&self, rate: u32) -> i64 {
        let window = self.scales[0].window;
        let window = window.filter(|window| window.packets >= LEAD_PACKETS);
        let least = window.map(|window| window.least).or(self.latest);
        match least {
            Some(least) if least < 0 && -least > samples(LEAD_NS, rate) => -least,
            _ => 0,
        }
    }

    /// So much of the lead was taken back.
    pub fn reduce_lead(&mut self, by: i64) {
        self.rest = 0;
        self.shift_all(-by);
        if let Some((target, _)) = &mut self.target {
            *target += by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 8;

    /// One per cent, both ways, for a minute: never further away than 60 ms.
    #[test]
    fn drift_is_followed_within_two_per_cent() {
        for ppm in [10_000i64, -10_000, 1000, -1000] {
            let mut drift = DriftEstimator::default();
            let (mut place, mut worst) = (0i64, 0i64);
            for n in 0..3000i64 {
                let arrival = n * 160 * (1_000_000 - ppm) / 1_000_000;
                let timing = PacketTiming {
                    mapped: place,
                    arrival,
                    rate: 8000,
                };
                let step = drift.observe(timing, 160);
                assert!(step.abs() <= 3);
                place += step;
                worst = worst.max((arrival - place).abs());
                place += 160;
            }
            assert!(worst < 60 * MS, "{ppm} ppm: {worst} samples");
        }
    }

    /// A stream that began with a burst lies too late until the first silence.
    #[test]
    fn a_lead_is_known_after_a_few_packets() {
        let mut drift = DriftEstimator::default();
        for n in 0..150i64 {
            let timing = PacketTiming {
                mapped: n * 160 + 8000,
                arrival: n * 160,
                rate: 8000,
            };
            assert_eq!(drift.observe(timing, 160), 0, "speech is not cut for it");
            assert_eq!(drift.lead(8000), if n < 4 { 0 } else { 8000 });
        }
        drift.reduce_lead(8000);
        assert_eq!(drift.lead(8000), 0);
    }
}
