//! One leg at the worker: takes records out of the ring and places them in time.

mod scene;
mod stream;
mod write;

use std::collections::VecDeque;

use super::drain::Behind;
use super::feed::Handed;
use super::grid;
use super::record::{Header, Kind};
use super::rtp::Streams;
use super::track::Track;
use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::words::{Codec, FeedFormat};
use scene::newer;
pub(super) use scene::{Scene, Tally};

/// A write that comes later than this after the last one's end leaves a silence.
const WRITE_GAP_NS: u64 = 60 * NS_PER_MS;
/// No sender is that far ahead of the clock: its timestamps have jumped.
const AHEAD_NS: u64 = 2 * NS_PER_S;
/// In stream time a longer silence is a jump of the timestamps.
const STREAM_SILENCE_NS: u64 = 1800 * NS_PER_S;
/// Clock rates that a leg may have had within what is not rendered yet.
const PAST_MAX: usize = 8;

/// What is missing in a time that some recording has rendered: positions of the track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed {
    pub from: u64,
    pub to: u64,
    /// Nothing came; else it came too late.
    pub is_gap: bool,
}

/// A leg's media: its timeline, and what its feed has been up to.
pub(super) struct LegMedia {
    pub track: Track,
    /// What is still kept of earlier clock rates, oldest first; each up to its end.
    pub past: VecDeque<Track>,
    pub attached: bool,
    pub had_feed: bool,
    /// Where the furthest recording is: a position of the track.
    edge: u64,
    /// Lost stretches of a time that is already rendered.
    pub late: Vec<Missed>,
    format: FeedFormat,
    /// The clock rate that the host has told and that was in use last: it may make the
    /// file's, which a stray packet of a static payload type must not.
    pub told_rate: u32,
    mapped: Vec<(u8, FeedFormat)>,
    streams: Streams,
    /// `write_at`: an index and its place.
    anchor: Option<(u64, i64)>,
    /// Nothing has come from the present feed yet.
    fresh: bool,
    /// Overruns that have found their place.
    samples_lost: u32,
    packets_lost: u32,
    /// Of these, those that a sequence gap will show: they are counted already.
    trailed: u32,
    native: Vec<u8>,
}

impl LegMedia {
    pub(super) fn new() -> LegMedia {
        LegMedia {
            track: Track::new(8000),
            past: VecDeque::new(),
            attached: false,
            had_feed: false,
            edge: 0,
            late: Vec::new(),
            format: FeedFormat {
                codec: Codec::Pcmu,
                rate: 8000,
            },
            told_rate: 8000,
            mapped: Vec::new(),
            streams: Streams::default(),
            anchor: None,
            fresh: true,
            samples_lost: 0,
            packets_lost: 0,
            trailed: 0,
            native: Vec::new(),
        }
    }

    /// A new feed; in stream time, one that is not the leg's first begins at `origin_ns`.
    pub(super) fn attach(&mut self, format: FeedFormat, origin_ns: Option<u64>) {
        self.mapped.clear();
        self.streams = Streams::default();
        self.anchor = None;
        self.fresh = true;
        self.set_format(format);
        if let Some(origin) = origin_ns.filter(|_| self.had_feed) {
            let origin = grid::index(origin, self.track.rate());
            self.track.advance_end(origin);
        }
        self.attached = true;
        self.had_feed = true;
    }

    pub(super) fn set_format(&mut self, format: FeedFormat) {
        self.format = format;
        self.told_rate = format.rate;
        self.anchor = None;
        self.change_rate(format.rate);
    }

    /// Goes on at another clock rate; what came before stays as it was.
    fn change_rate(&mut self, rate: u32) {
        let old = self.track.rate();
        if rate == old || rate == 0 {
            return;
        }
        let next = self.track.successor(rate);
        let past = std::mem::replace(&mut self.track, next);
        if past.keeps() && past.end() > past.floor() {
            self.past.push_back(past);
        }
        self.edge = grid::convert(self.edge, old, rate);
        for missed in &mut self.late {
            missed.from = grid::convert(missed.from, old, rate);
            missed.to = grid::convert(missed.to, old, rate);
        }
    }

    /// A peer that changes its clock rate with every packet would keep the worker
    /// busy with filters: so many changes are followed between two blocks.
    fn follows(&self, rate: u32) -> bool {
        rate == self.track.rate() || self.past.len() < PAST_MAX
    }

    /// Nothing before `floor_ns` is wanted any more; `None`: nothing at all.
    pub(super) fn want_from(&mut self, floor_ns: Option<u64>, edge_ns: u64) {
        let rate = self.track.rate();
        self.edge = grid::index(edge_ns, rate);
        self.track
            .want_from(floor_ns.map(|floor| grid::index(floor, rate)));
        match floor_ns {
            Some(floor) => self.past.retain(|past| past.end_ns() > floor),
            None => self.past.clear(),
        }
    }

    /// Where what was handed in ends, at whatever rate: on another grid, the present track
    /// may begin up to half a sample before its predecessor's end.
    pub(super) fn end_ns(&self) -> u64 {
        let past = self.past.back().map_or(0, Track::end_ns);
        self.track.end_ns().max(past)
    }

    pub(super) fn map_payload(&mut self, payload_type: u8, format: FeedFormat) {
        self.mapped.retain(|(known, _)| *known != payload_type);
        self.mapped.push((payload_type, format));
    }

    pub(super) fn record(
        &mut self,
        header: Header,
        payload: &[u8],
        behind: Behind<'_>,
        scene: &Scene,
        tally: &mut Tally,
    ) {
        tally.last_arrival_ns = tally.last_arrival_ns.max(header.arrival_ns);
        match header.kind {
            Kind::Rtp | Kind::RtpAged => self.rtp(header, payload, behind, scene, tally),
            Kind::Write => {
                tally.frames_in += 1;
                self.write(header, payload, behind, scene, tally);
            }
            Kind::WriteAt => {
                if let Some((position, payload)) = payload.split_first_chunk::<8>() {
                    tally.frames_in += 1;
                    let position = u64::from_ne_bytes(*position);
                    self.write_at(header, position, payload, scene, tally);
                }
            }
        }
    }

    /// Overruns that no record after them has told of yet.
    pub(super) fn trailing_loss(&mut self, handed: &Handed, clock_ns: u64, scene: &Scene, tally: &mut Tally) {
        if !scene.real {
            return;
        }
        let samples = newer(handed.samples_lost, &mut self.samples_lost);
        let packets = newer(handed.packets_lost, &mut self.packets_lost);
        self.trailed = self.trailed.saturating_add(packets);
        let each = self.streams.current().map_or(0, |stream| stream.len);
        let lost = u64::from(samples) + u64::from(packets) * each;
        self.lose_behind(lost, clock_ns, tally);
    }

    /// Lost samples that follow the media end; not more than time has gone on.
    fn lose_behind(&mut self, lost: u64, clock_ns: u64, tally: &mut Tally) {
        if lost == 0 {
            return;
        }
        let rate = self.track.rate();
        let end = self.track.end();
        let gone_by = grid::index(clock_ns.saturating_add(WRITE_GAP_NS), rate).saturating_sub(end);
        let lost = lost.min(gone_by);
        self.lose_before(end + lost, lost, tally);
        self.track.advance_end(end + lost);
    }

    /// The last `count` samples before `stop`, as far as nothing was said there.
    fn lose_before(&mut self, stop: u64, count: u64, tally: &mut Tally) {
        let start = stop.saturating_sub(count).max(self.track.end());
        self.track.lose(start, stop);
        self.miss(start, stop, true, tally);
    }

    /// Notes what some recording has rendered already: each takes its own part, also
    /// while all of them are paused.
    fn miss(&mut self, from: u64, to: u64, is_gap: bool, tally: &mut Tally) {
        let to = to.min(self.edge);
        if from < to {
            tally.missed = true;
            self.late.push(Missed { from, to, is_gap });
        }
    }

    /// `newest`: what of it is late has not been counted as a gap before.
    fn place_or_late(&mut self, at: i64, codec: Codec, payload: &[u8], newest: bool, tally: &mut Tally) {
        let len = (payload.len() / codec.sample_bytes()) as i64;
        if newest && at.saturating_add(len) > 0 {
            self.miss(at.max(0) as u64, at.saturating_add(len) as u64, false, tally);
        }
        if !self.put(at, codec, payload) {
            tally.late += 1;
            tally.lost += 1;
        }
    }

    /// False if all of it lies in a time that is over.
    fn put(&mut self, at: i64, codec: Codec, payload: &[u8]) -> bool {
        let skip = (at.min(0).unsigned_abs() as usize).saturating_mul(codec.sample_bytes());
        match payload.get(skip..) {
            Some(rest) if !rest.is_empty() => self.track.place(at.max(0) as u64, codec, rest),
            _ => false,
        }
    }
}

impl std::fmt::Debug for LegMedia {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegMedia")
            .field("track", &self.track)
            .finish_non_exhaustive()
    }
}
