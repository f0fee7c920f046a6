//! The tracks of a leg that changes its clock rate. Packets that are decoded after the change belong
//! to the audio before it.

use super::Timeline;
use crate::grid;
use crate::track::Track;

/// The maximum number of earlier clock rates within audio that is not rendered yet.
const PAST_MAX: usize = 8;

impl Timeline {
    /// The rate of the first track with audio after this time.
    pub fn rate_since(&self, ns: u64) -> Option<u32> {
        let has_audio = |track: &&Track| track.has_audio(grid::index(ns, track.rate()), u64::MAX);
        self.tracks().find(has_audio).map(Track::rate)
    }

    /// If so many clock rates are held that further ones may not be accepted: where the oldest ones
    /// end.
    pub fn crowded_until_ns(&self) -> Option<u64> {
        let surplus = self.past.len().checked_sub(PAST_MAX / 2)?;
        Some(self.past.get(surplus.checked_sub(1)?)?.end_ns())
    }

    /// The memory of the audio that is held.
    pub fn held_bytes(&self) -> u64 {
        self.tracks().map(Track::held_bytes).sum()
    }

    /// Where the oldest audio that is held begins.
    pub fn held_from_ns(&self) -> Option<u64> {
        let begin = |track: &Track| Some(grid::time(track.parts(0, u64::MAX).next()?.from, track.rate()));
        self.tracks().find_map(begin)
    }

    /// Continues at another clock rate. Earlier audio keeps its rate.
    pub(in crate::leg) fn change_rate(&mut self, rate: u32) {
        let old = self.track.rate();
        if rate == old || rate == 0 {
            return;
        }
        // A packet of the old rate that comes now is dropped, so none is worth waiting for.
        self.decode_ready(None, 0);
        let next = self.track.successor(rate);
        let past = std::mem::replace(&mut self.track, next);
        if past.is_kept() && past.end() > past.floor() {
            self.past.push_back(past);
        }
        self.convert_times();
        self.searched = 0;
    }

    /// Whether audio at `rate` is accepted. The number of rate changes between two blocks is
    /// limited, because a peer that changes its clock rate with every packet would keep the worker
    /// busy with filters. Tracks that no recording needs do not count.
    pub(in crate::leg) fn can_follow_rate(&self, rate: u32) -> bool {
        let is_needed = |past: &&Track| past.end_ns() > self.times.needed_ns;
        rate == self.track.rate()
            || self.past.len() < PAST_MAX
            || self.past.iter().filter(is_needed).count() < PAST_MAX
    }

    /// Calls `place` while the track for audio of this rate and position is the present one. `place`
    /// gets the end of an earlier track, which must not grow. Returns false if there is no track.
    pub(super) fn with_track_at(
        &mut self,
        rate: u32,
        at: i64,
        place: impl FnOnce(&mut Timeline, Option<u64>),
    ) -> bool {
        let at = at.max(0) as u64;
        let holds = |past: &crate::track::Track| past.rate() == rate && at < past.end();
        if let Some(n) = self.past.iter().position(holds) {
            let searched = std::mem::replace(&mut self.searched, u64::MAX);
            self.swap_track(n);
            let end = self.track.end();
            place(self, Some(end));
            self.swap_track(n);
            self.searched = searched;
            return true;
        }
        let is_present = rate == self.track.rate();
        if is_present {
            place(self, None);
        }
        is_present
    }

    fn swap_track(&mut self, n: usize) {
        if let Some(past) = self.past.get_mut(n) {
            std::mem::swap(&mut self.track, past);
            self.convert_times();
        }
    }

    /// Converts the frontiers to the rate of the present track.
    fn convert_times(&mut self) {
        let rate = self.track.rate();
        self.settled = grid::index(self.times.settled_ns, rate);
        self.written = grid::index(self.times.written_ns, rate);
        self.epoch_at = grid::index(self.times.epoch_ns, rate);
    }
}
