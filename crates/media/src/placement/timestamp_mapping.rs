//! What a stream's timestamps say, and whether they are to be trusted.

/// So many contradictions without a clean stretch between, and they are not.
const CONTRADICTIONS: u32 = 3;
/// A clean stretch: packets whose timestamps fit.
const CLEAN: u32 = 50;
/// Not trusted timestamps are trusted again after so many that fit.
const CLEAN_AGAIN: u32 = 100;
/// TimestampMapping that differ by more from what the numbers say are no silence.
const LONGEST_S: i64 = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampStep {
    Fits(i64),
    /// The timestamp cannot be right: the packet follows the one before.
    Broken(i64),
}

/// A stream's mapping from timestamps to places, by its newest audio packet.
#[derive(Clone, Debug)]
pub struct TimestampMapping {
    timestamp: u32,
    at: i64,
    len: i64,
    trusted: bool,
    contradictions: u32,
    clean: u32,
    /// The mapping before the latest contradiction, in case that was one packet's alone.
    before: Option<(u32, i64)>,
    /// The latest step that was longer than its packet, and how often in a row.
    long: (u32, u32),
}

impl TimestampMapping {
    pub fn new(timestamp: u32, at: i64, len: i64) -> TimestampMapping {
        TimestampMapping {
            timestamp,
            at,
            len,
            trusted: true,
            contradictions: 0,
            clean: 0,
            before: None,
            long: (0, 0),
        }
    }

    /// After the newest packet.
    pub fn end(&self) -> i64 {
        self.at + self.len
    }

    /// Samples of the newest packet.
    pub fn len(&self) -> i64 {
        self.len
    }

    fn since(&self, timestamp: u32) -> i64 {
        i64::from(timestamp.wrapping_sub(self.timestamp) as i32)
    }

    pub fn place(&self, timestamp: u32) -> i64 {
        self.at + self.since(timestamp)
    }

    /// Of a packet so many numbers behind the newest.
    pub fn place_behind(&self, timestamp: u32, back: u16) -> i64 {
        match self.trusted {
            true => self.place(timestamp).min(self.at),
            false => self.at - i64::from(back) * self.len,
        }
    }

    pub fn shift(&mut self, by: i64) {
        self.at += by;
        if let Some((_, at)) = &mut self.before {
            *at += by;
        }
    }

    /// Whether a packet so many numbers behind the newest can be of this sequence.
    pub fn fits_behind(&self, timestamp: u32, back: u16, near: bool) -> bool {
        if near || !self.trusted {
            return true;
        }
        let (ago, least) = (-self.since(timestamp), i64::from(back) * self.len);
        // Silence between makes it longer, events with numbers of this sequence shorter.
        ago > 0 && ago >= least / 4 && ago <= 2 * least + LONGEST_S * 48_000
    }

    /// Whether so many numbers ahead are a gap, and not a jump.
    pub fn fits_ahead(&self, timestamp: u32, ahead: u16, rate: u32) -> bool {
        let (on, least) = (self.since(timestamp), i64::from(ahead) * self.len);
        match self.trusted {
            true => on >= least / 2 && on <= 2 * least + LONGEST_S * i64::from(rate),
            false => ahead <= 100,
        }
    }

    /// Where the next packet lies: by its timestamp from `expected` (right behind the one
    /// before and what is missing between) up to `horizon`, else at `expected`.
    pub fn step(
        &mut self,
        timestamp: u32,
        apart: u16,
        expected: i64,
        horizon: i64,
        marker: bool,
    ) -> TimestampStep {
        let on = self.since(timestamp);
        if !self.trusted {
            self.clean = if on == self.len { self.clean + 1 } else { 0 };
            if self.clean >= CLEAN_AGAIN {
                (self.trusted, self.contradictions, self.before) = (true, 0, None);
            }
            return TimestampStep::Fits(expected);
        }
        let at = self.at + on;
        if let Some((known, place)) = self.before.take()
            && at != expected
        {
            let old = place + i64::from(timestamp.wrapping_sub(known) as i32);
            if old == expected {
                return TimestampStep::Fits(old);
            }
        }
        let wrong_step = self.is_wrong_step(on, apart, marker);
        if at >= self.end() && at <= horizon.max(expected) && !wrong_step {
            self.clean += 1;
            if self.clean >= CLEAN {
                self.contradictions = 0;
            }
            return TimestampStep::Fits(at);
        }
        self.contradict();
        TimestampStep::Broken(expected)
    }

    /// Neighbours whose timestamps are, again and again, the same too far apart: their
    /// sender counts wrongly. A pause in its speech is no such thing.
    fn is_wrong_step(&mut self, on: i64, apart: u16, marker: bool) -> bool {
        if apart != 1 || marker || on <= self.len || on > 8 * self.len {
            self.long = (0, 0);
            return false;
        }
        self.long = match self.long {
            (step, times) if i64::from(step) == on => (step, times + 1),
            _ => (on as u32, 1),
        };
        self.long.1 >= CONTRADICTIONS
    }

    fn contradict(&mut self) {
        self.before = Some((self.timestamp, self.at));
        self.clean = 0;
        self.contradictions += 1;
        if self.contradictions >= CONTRADICTIONS || self.long.1 >= CONTRADICTIONS {
            (self.trusted, self.before) = (false, None);
        }
    }

    /// Whether it is the timestamp of the packet right behind, and there is no doubt of it.
    pub fn is_next(&self, timestamp: u32) -> bool {
        self.trusted && self.before.is_none() && self.since(timestamp) == self.len
    }

    /// The packet right behind, as it should be.
    pub fn advance(&mut self, timestamp: u32, at: i64, len: i64) {
        self.clean += 1;
        if self.clean >= CLEAN {
            self.contradictions = 0;
        }
        self.long = (0, 0);
        (self.timestamp, self.at, self.len) = (timestamp, at, len);
    }

    pub fn set_newest(&mut self, timestamp: u32, at: i64, len: i64, _apart: u16) {
        (self.timestamp, self.at, self.len) = (timestamp, at, len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places of packets of 160 samples with these timestamps and nothing missing.
    fn places(timestamps: &[u32]) -> (Vec<i64>, bool) {
        let mut mapping = TimestampMapping::new(timestamps[0], 0, 160);
        let mut places = vec![0];
        for timestamp in &timestamps[1..] {
            let expected = mapping.end();
            let step = mapping.step(*timestamp, 1, expected, expected + 1_000_000, false);
            let (TimestampStep::Fits(at) | TimestampStep::Broken(at)) = step;
            mapping.set_newest(*timestamp, at, 160, 1);
            places.push(at);
        }
        (places, mapping.trusted)
    }

    fn contiguous(count: i64) -> Vec<i64> {
        (0..count).map(|n| n * 160).collect()
    }

    #[test]
    fn wrong_timestamps_lose_no_place() {
        let half: Vec<u32> = (0..20).map(|n| n * 80).collect();
        assert_eq!(places(&half), (contiguous(20), false));
        assert_eq!(places(&[7; 20]), (contiguous(20), false));
    }

    #[test]
    fn steps_too_long_again_and_again_are_not_believed() {
        let double: Vec<u32> = (0..20).map(|n| n * 320).collect();
        let (places, trusted) = places(&double);
        assert!(!trusted);
        assert_eq!(places[19], 19 * 160 + 2 * 160, "two steps were trusted");
    }

    #[test]
    fn one_wrong_timestamp_is_one_packets_alone() {
        let mut timestamps: Vec<u32> = (0..20).map(|n| 900_000 + n * 160).collect();
        timestamps[7] = 0;
        assert_eq!(places(&timestamps), (contiguous(20), true));
    }

    #[test]
    fn a_step_back_is_followed_and_then_believed() {
        let timestamps: Vec<u32> = (0..20)
            .map(|n| if n < 9 { 13_440 + n * 160 } else { n * 160 })
            .collect();
        assert_eq!(places(&timestamps), (contiguous(20), true));
    }

    #[test]
    fn a_silence_is_kept() {
        assert_eq!(places(&[0, 160, 8000, 8160]), (vec![0, 160, 8000, 8160], true));
    }

    #[test]
    fn what_fits_again_for_long_is_believed_again() {
        let timestamps: Vec<u32> = (0..130u32).map(|n| n.saturating_sub(10) * 160).collect();
        assert_eq!(places(&timestamps), (contiguous(130), true));
    }
}
