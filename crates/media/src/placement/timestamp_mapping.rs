//! The mapping from a stream's timestamps to positions, and whether the timestamps are trusted.

/// After this many contradictions, without `CLEAN` correct packets in between, timestamps are no
/// longer trusted.
const CONTRADICTIONS: u32 = 3;
/// After this many correct packets, contradictions are forgotten.
const CLEAN: u32 = 50;
/// After this many correct steps, timestamps are trusted again.
const CLEAN_AGAIN: u32 = 100;
/// A longer step than this, beyond what the sequence numbers explain, is not a silence.
const LONGEST_S: i64 = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampStep {
    Fits(i64),
    /// The timestamp is wrong. The packet follows the previous one.
    Broken(i64),
}

/// A stream's mapping from timestamps to positions, anchored at its newest audio packet.
#[derive(Clone, Debug)]
pub struct TimestampMapping {
    timestamp: u32,
    at: i64,
    len: i64,
    trusted: bool,
    contradictions: u32,
    clean: u32,
    /// The mapping before the latest contradiction, which may concern only one packet.
    before: Option<(u32, i64)>,
    /// The latest step longer than its packet, and its number of consecutive repetitions.
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

    /// The end of the newest packet.
    pub fn end(&self) -> i64 {
        self.at + self.len
    }

    /// The length of the newest packet in samples.
    pub fn len(&self) -> i64 {
        self.len
    }

    fn since(&self, timestamp: u32) -> i64 {
        i64::from(timestamp.wrapping_sub(self.timestamp) as i32)
    }

    pub fn place(&self, timestamp: u32) -> i64 {
        self.at + self.since(timestamp)
    }

    /// The position of a packet that is `back` sequence numbers behind the newest.
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

    /// Whether a packet that is `back` numbers behind the newest can belong to this sequence.
    pub fn fits_behind(&self, timestamp: u32, back: u16, near: bool) -> bool {
        if near || !self.trusted {
            return true;
        }
        let (ago, least) = (-self.since(timestamp), i64::from(back) * self.len);
        // Silence makes the distance longer; events that share the sequence numbers make it
        // shorter.
        ago > 0 && ago >= least / 4 && ago <= 2 * least + LONGEST_S * 48_000
    }

    /// Whether a step of `ahead` numbers is a gap rather than a jump.
    pub fn fits_ahead(&self, timestamp: u32, ahead: u16, rate: u32) -> bool {
        let (on, least) = (self.since(timestamp), i64::from(ahead) * self.len);
        match self.trusted {
            true => on >= least / 2 && on <= 2 * least + LONGEST_S * i64::from(rate),
            false => ahead <= 100,
        }
    }

    /// The position of the next packet: by its timestamp if that lies between the end of the stream
    /// and `horizon`, otherwise `expected` (after the previous packet and the missing ones).
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

    /// Whether consecutive packets repeatedly have the same step, longer than their audio: the
    /// sender counts wrongly. A pause in speech does not repeat.
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

    /// Whether this is the timestamp of the directly following packet, without any doubt.
    pub fn is_next(&self, timestamp: u32) -> bool {
        self.trusted && self.before.is_none() && self.since(timestamp) == self.len
    }

    /// Advances to the directly following packet.
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

    /// The positions of consecutive packets of 160 samples with these timestamps.
    fn positions(timestamps: &[u32]) -> (Vec<i64>, bool) {
        let mut mapping = TimestampMapping::new(timestamps[0], 0, 160);
        let mut positions = vec![0];
        for timestamp in &timestamps[1..] {
            let expected = mapping.end();
            let step = mapping.step(*timestamp, 1, expected, expected + 1_000_000, false);
            let (TimestampStep::Fits(at) | TimestampStep::Broken(at)) = step;
            mapping.set_newest(*timestamp, at, 160, 1);
            positions.push(at);
        }
        (positions, mapping.trusted)
    }

    fn contiguous(count: i64) -> Vec<i64> {
        (0..count).map(|n| n * 160).collect()
    }

    #[test]
    fn wrong_timestamps_do_not_move_audio() {
        let half: Vec<u32> = (0..20).map(|n| n * 80).collect();
        assert_eq!(positions(&half), (contiguous(20), false));
        assert_eq!(positions(&[7; 20]), (contiguous(20), false));
    }

    #[test]
    fn repeated_long_steps_are_not_trusted() {
        let double: Vec<u32> = (0..20).map(|n| n * 320).collect();
        let (positions, trusted) = positions(&double);
        assert!(!trusted);
        assert_eq!(positions[19], 19 * 160 + 2 * 160, "two steps were trusted");
    }

    #[test]
    fn one_wrong_timestamp_affects_one_packet() {
        let mut timestamps: Vec<u32> = (0..20).map(|n| 900_000 + n * 160).collect();
        timestamps[7] = 0;
        assert_eq!(positions(&timestamps), (contiguous(20), true));
    }

    #[test]
    fn a_step_back_is_tolerated() {
        let timestamps: Vec<u32> = (0..20)
            .map(|n| if n < 9 { 13_440 + n * 160 } else { n * 160 })
            .collect();
        assert_eq!(positions(&timestamps), (contiguous(20), true));
    }

    #[test]
    fn a_silence_is_kept() {
        assert_eq!(positions(&[0, 160, 8000, 8160]), (vec![0, 160, 8000, 8160], true));
    }

    #[test]
    fn timestamps_are_trusted_again_after_correct_steps() {
        let timestamps: Vec<u32> = (0..130u32).map(|n| n.saturating_sub(10) * 160).collect();
        assert_eq!(positions(&timestamps), (contiguous(130), true));
    }
}
