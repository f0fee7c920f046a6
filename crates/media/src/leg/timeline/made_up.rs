//! Audio that is made up, with `media.concealment` "on": for missing packets, and for silences that
//! their sender describes.

use super::Timeline;
use crate::comfort_noise::ComfortNoise;
use crate::concealment::{CONCEALED_NS, HISTORY_NS, continue_audio};
use crate::grid;
use crate::placement::{Audio, Placement};
use crate::track::{AudioSource, Origin};

/// A silence with comfort noise.
#[derive(Debug)]
pub(super) struct NoisySilence {
    noise: ComfortNoise,
    /// The position up to which the noise has been placed, and its rate.
    at: u64,
    rate: u32,
}

impl Timeline {
    /// Whether missing packets are concealed, and comfort noise is generated.
    pub fn set_concealment(&mut self, on: bool) {
        self.conceals = on;
    }

    /// Whether missing packets are concealed.
    pub fn conceals(&self) -> bool {
        self.conceals
    }

    /// The audio before the settled frontier that a gap is continued from.
    pub(super) fn history_ns(&self) -> u64 {
        if self.conceals { HISTORY_NS } else { 0 }
    }

    /// Conceals the beginning of a gap before audio at `to`, unless the decoder has done so.
    pub(super) fn conceal(&mut self, from: u64, to: u64, audio: &Audio<'_>, placement: &Placement) {
        if !self.conceals || from >= to || self.track.has_audio(from, to) {
            return;
        }
        let rate = self.track.rate();
        let history = grid::index(HISTORY_NS, rate);
        let resumed = self.pause_ends.before(audio.epoch);
        let resumed = resumed.map(|end| grid::index(end.at_ns, rate));
        let history = self.track.samples_before(from, history, (audio.epoch, resumed));
        let count = (to - from).min(grid::index(CONCEALED_NS, rate));
        let samples = continue_audio(&history, rate, count as usize);
        self.place_concealed(from, &samples, audio.epoch, placement);
    }

    /// Places what conceals missing audio.
    pub(super) fn place_concealed(&mut self, from: u64, samples: &[i16], epoch: u32, placement: &Placement) {
        let origin = Origin {
            epoch,
            hidden_delay: u32::try_from(placement.hidden_delay).unwrap_or(u32::MAX),
            source: AudioSource::Concealed,
            ..Origin::default()
        };
        // Later epochs may be of a pause.
        let is_new = epoch == self.epoch && from >= self.settled.max(self.epoch_at);
        if is_new && !samples.is_empty() && self.outside_reason(origin).is_none() {
            self.track.make_up(from, samples, origin);
            self.mark_dirty(from, from + samples.len() as u64);
        }
    }

    /// A silence begins at a position; `payload` describes its noise.
    pub(in crate::leg) fn begin_noise(&mut self, payload: &[u8], (at, rate): (i64, u32)) {
        let noise = ComfortNoise::new(payload).filter(|_| self.conceals && rate == self.track.rate());
        if let Some(noise) = noise {
            let begun = self.noise.take().filter(|silence| silence.rate == rate);
            let placed = begun.map_or(0, |silence| silence.at);
            let at = placed.max(at.max(0) as u64).max(self.track.end());
            self.noise = Some(Box::new(NoisySilence { noise, at, rate }));
        }
    }

    /// Continues the noise of a silence up to a time.
    pub(in crate::leg) fn continue_noise(&mut self, until_ns: u64) {
        if let Some(silence) = &self.noise {
            self.place_noise(grid::index(until_ns, silence.rate));
        }
    }

    fn place_noise(&mut self, until: u64) {
        let Some(mut silence) = self
            .noise
            .take()
            .filter(|silence| silence.rate == self.track.rate())
        else {
            return;
        };
        let origin = Origin {
            epoch: self.epoch,
            source: AudioSource::ComfortNoise,
            ..Origin::default()
        };
        let from = silence.at.max(self.settled.max(self.epoch_at));
        if from < until && self.outside_reason(origin).is_none() {
            let second = u64::from(silence.rate);
            let stored = from..until.min(from + second);
            let samples: Vec<i16> = stored.map(|_| silence.noise.sample()).collect();
            match until - from > second {
                true => self.track.repeat_noise(from, until, &samples, self.epoch),
                false => self.track.make_up(from, &samples, origin),
            }
            self.mark_dirty(from, until);
        }
        silence.at = silence.at.max(until);
        self.noise = Some(silence);
    }

    /// Audio at a position and rate ends a silence, which belongs to the audio before it.
    pub(super) fn end_noise(&mut self, at: i64, rate: u32) {
        let at = grid::convert(at.max(0) as u64, rate, self.track.rate());
        self.place_noise(at);
        if rate != self.track.rate() {
            self.track.advance_end(at);
        }
        if self.noise.take().is_some()
            && let Some((from, to)) = self.track.end_noise(at)
        {
            self.mark_dirty(from, to);
        }
    }
}
