//! Samples as the host hands them in: behind the last ones, or where its clock has them.

use super::scene::{guarded, newer};
use super::{AHEAD_NS, LegMedia, STREAM_SILENCE_NS, Scene, Tally, WRITE_GAP_NS};
use crate::media::drain::Behind;
use crate::media::grid;
use crate::media::record::Header;

impl LegMedia {
    pub(super) fn write(
        &mut self,
        header: Header,
        payload: &[u8],
        behind: Behind<'_>,
        scene: &Scene,
        tally: &mut Tally,
    ) {
        let codec = self.format.codec;
        let rate = self.track.rate();
        let len = (payload.len() / codec.sample_bytes()) as u64;
        let lost = u64::from(newer(header.overruns, &mut self.samples_lost));
        self.lose_behind(lost, header.arrival_ns, tally);
        let mut at = self.track.end();
        if scene.real {
            let arrival = grid::index(header.arrival_ns, rate);
            let silence = arrival.saturating_sub(at + len);
            if at > arrival + grid::index(AHEAD_NS, rate) {
                // Handed in faster than time goes: there is no place for it.
                tally.lost += 1;
                return;
            }
            if self.fresh {
                at = at.max(arrival);
            } else if silence > grid::index(WRITE_GAP_NS, rate) {
                // A host that was held up catches up at once: what follows covers it too.
                let size = codec.sample_bytes();
                let burst = behind.burst(header.arrival_ns, u64::from(rate) * size as u64) / size;
                let silence = silence.saturating_sub(burst as u64);
                if silence > grid::index(WRITE_GAP_NS, rate) {
                    at += silence;
                }
                // What has been rendered meanwhile is no place for it.
                if burst > 0 && self.track.keeps() && !guarded(at as i64, rate, header.arrival_ns, scene) {
                    at = at.max(self.track.floor());
                }
            }
        }
        self.fresh = false;
        self.place_or_late(at as i64, codec, payload, true, tally);
    }

    pub(super) fn write_at(
        &mut self,
        header: Header,
        position: u64,
        payload: &[u8],
        scene: &Scene,
        tally: &mut Tally,
    ) {
        let codec = self.format.codec;
        let rate = self.track.rate();
        let end = self.track.end();
        let arrival = grid::index(header.arrival_ns, rate) as i64;
        let begin = match scene.real {
            true => (end as i64).max(arrival),
            false => end as i64,
        };
        let (index, place) = *self.anchor.get_or_insert((position, begin));
        let mut at = place.saturating_add(position.wrapping_sub(index) as i64);
        let (far, from) = match scene.real {
            true => (AHEAD_NS, arrival),
            false => (STREAM_SILENCE_NS, end as i64),
        };
        if at.abs_diff(from) > grid::index(far, rate) && !guarded(at, rate, header.arrival_ns, scene) {
            at = begin;
            self.anchor = Some((position, at));
        }
        let lost = u64::from(newer(header.overruns, &mut self.samples_lost));
        if at > end as i64 {
            self.lose_before(at as u64, lost.min(at as u64 - end), tally);
        }
        self.fresh = false;
        self.place_or_late(at, codec, payload, true, tally);
    }
}
