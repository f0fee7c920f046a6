//! Estimates the clock drift of a sender.
//!
//! The estimate uses the least delay within a window, which the network and a busy host can
//! increase but not reduce. The least delay also varies by chance; clock drift moves it from window
//! to window by similar amounts in one direction. Long windows show slow drift, short ones fast
//! drift.

use super::lateness::{PacketTiming, samples};
use crate::time::{NS_PER_MS, NS_PER_S};

const MINIMA: usize = 4;

/// A window length, with the evidence that it needs.
#[derive(Clone, Copy, Debug)]
struct WindowScale {
    length_ns: u64,
    /// The number of consecutive windows that show drift.
    windows: usize,
    /// Their least delays must differ by more than this in total.
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

/// The minimum number of packets per window.
const PACKETS: u32 = 25;
/// A change below this fraction (1/n) of the jitter is chance.
const OF_JITTER: i64 = 3;
/// The maximum change per window in percent of its length. A larger change is a new path.
const PERCENT: i64 = 3;
/// The maximum ratio between the changes of consecutive windows.
const ALIKE: i64 = 3;
/// A stream with known drift is corrected when it is off by more than this.
const BEGIN_NS: u64 = 6 * NS_PER_MS;
const ENOUGH_NS: u64 = NS_PER_MS;
/// A position this much later than the arrival shows a lead.
const LEAD_NS: u64 = 20 * NS_PER_MS;
/// The minimum number of packets that show a lead.
const LEAD_PACKETS: u32 = 5;

#[derive(Clone, Copy, Debug)]
struct DelayWindow {
    since: i64,
    packets: u32,
    least: i64,
    most: i64,
}

/// The present window of one length, and the least delays of the latest windows, oldest first.
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
    /// Adds a packet or a shorter window. Returns the window once it is complete.
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

    /// Adjusts the measurements after the stream was moved.
    fn shift(&mut self, by: i64) {
        self.least_delays.iter_mut().for_each(|least| *least -= by);
        if let Some(window) = &mut self.window {
            window.least -= by;
            window.most -= by;
        }
    }

    /// The total change of the least delays, if all changes have the same direction and similar
    /// size.
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

/// The fields that every packet needs come first.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct DriftEstimator {
    /// Remaining correction in samples; positive if the sender's clock is slow.
    rest: i64,
    /// The least delay of the latest complete window.
    latest: Option<i64>,
    scales: [WindowMinima; SCALES.len()],
    /// The delay to which a drifting stream is corrected, and the direction of the drift.
    target: Option<(i64, i64)>,
}

impl DriftEstimator {
    /// Discards all measurements after the mapping was restarted.
    pub fn reset(&mut self) {
        *self = DriftEstimator::default();
    }

    /// Measures a packet at its mapped position. Returns the samples by which the stream moves from
    /// here on: at most 2 % of the packet's length.
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
        // Longer windows consist of the shortest ones.
        for (n, scale) in SCALES.into_iter().enumerate().skip(1) {
            if let Some(window) = self.scales[n].add(short, scale, timing) {
                self.detect(n, window, timing.rate);
            }
        }
    }

    /// Checks for drift after a window of this length is complete.
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

    /// Corrects a stream with known drift again when it has moved on.
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
            // There was no drift, or it has ended.
            (self.target, self.rest) = (None, 0);
            self.scales.iter_mut().for_each(|minima| minima.count = 0);
        }
    }

    /// Samples by which the stream lies later than it can have been spoken, because its first packet
    /// was delayed. The stream is moved back in a silence.
    pub fn lead(&self, rate: u32) -> i64 {
        let window = self.scales[0].window;
        let window = window.filter(|window| window.packets >= LEAD_PACKETS);
        let least = window.map(|window| window.least).or(self.latest);
        match least {
            Some(least) if least < 0 && -least > samples(LEAD_NS, rate) => -least,
            _ => 0,
        }
    }

    /// Notes that the stream was moved back by `by` samples.
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

    /// One percent, both ways, for one minute: the error stays below 60 ms.
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

    /// A stream that began with a burst is too late until the first silence.
    #[test]
    fn a_lead_is_known_after_a_few_packets() {
        let mut drift = DriftEstimator::default();
        for n in 0..150i64 {
            let timing = PacketTiming {
                mapped: n * 160 + 8000,
                arrival: n * 160,
                rate: 8000,
            };
            assert_eq!(drift.observe(timing, 160), 0, "a lead does not cut speech");
            assert_eq!(drift.lead(8000), if n < 4 { 0 } else { 8000 });
        }
        drift.reduce_lead(8000);
        assert_eq!(drift.lead(8000), 0);
    }
}
