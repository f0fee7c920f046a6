//! Searches the audio of a leg for tones, as it comes.

use super::detector::ToneDetector;
use crate::grid;
use crate::leg::LegMedia;
use crate::time::NS_PER_MS;
use crate::track::Track;

/// A tone that is partly searched already is found again if the search goes back by this much.
const BACK_NS: u64 = 60 * NS_PER_MS;

/// The search in one leg.
#[derive(Default)]
pub(super) struct ToneSearch {
    /// The end of the audio that has been searched: a position and its rate.
    at: u64,
    rate: u32,
    detector: Option<ToneDetector>,
    found: Vec<(u64, u64)>,
}

impl ToneSearch {
    /// Searches the audio that is new since the last time. Adds the times of tones to `found`.
    pub(super) fn search(&mut self, media: &mut LegMedia, found: &mut Vec<(u64, u64)>) {
        if let Some(from_ns) = media.timeline.take_unsearched_ns() {
            self.at = grid::index(from_ns.saturating_sub(BACK_NS), self.rate.max(1));
            self.detector = None;
        }
        for track in media.timeline.tracks() {
            self.search_track(track, found);
        }
        let track = media.track();
        let searched = match track.rate() == self.rate {
            true => self.at,
            false => 0,
        };
        media.timeline.set_searched(searched);
    }

    fn search_track(&mut self, track: &Track, found: &mut Vec<(u64, u64)>) {
        let rate = track.rate();
        let from = match rate == self.rate {
            true => self.at,
            false => grid::convert(self.at, self.rate.max(1), rate),
        };
        for (at, slice) in track.audio_from(from) {
            if rate != self.rate || self.detector.is_none() {
                self.detector = Some(ToneDetector::new(rate));
                self.rate = rate;
                self.at = u64::MAX;
            }
            let Some(detector) = &mut self.detector else {
                return;
            };
            if at != self.at {
                detector.restart(at);
                self.at = at;
            }
            slice.for_each(|sample| {
                detector.push(sample);
                self.at += 1;
            });
            detector.examine(&mut self.found);
        }
        let time = |(from, to): (u64, u64)| (grid::time(from, rate), grid::time(to, rate));
        found.extend(self.found.drain(..).map(time));
    }
}
