//! One leg at the worker: takes records out of the ring and places them in time.

use std::collections::VecDeque;

use std::sync::atomic::Ordering;

use super::drain::Behind;
use super::feed::Handed;
use super::record::{Header, Kind};
use super::rtp::{self, Order, Packet, Streams};
use super::track::Track;
use super::{MediaStats, grid};
use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::words::{Codec, FeedFormat};

/// A write that comes later than this after the last one's end leaves a silence.
const WRITE_GAP_NS: u64 = 60 * NS_PER_MS;
/// No sender is that far ahead of the clock: its timestamps have jumped.
const AHEAD_NS: u64 = 2 * NS_PER_S;
/// A new stream begins behind the one before it, unless that had run ahead this far.
const OVERLAP_NS: u64 = 200 * NS_PER_MS;
/// In stream time a longer silence is a jump of the timestamps.
const STREAM_SILENCE_NS: u64 = 1800 * NS_PER_S;
/// Clock rates that a leg may have had within what is not rendered yet.
const PAST_MAX: usize = 8;
/// So long after a resume, what lies before it by its own time is not moved across it.
const GUARD_NS: u64 = 60 * NS_PER_S;

/// What a leg needs to know of its call while it drains.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scene {
    pub real: bool,
    pub reorder_ns: u64,
    /// Media time of the last resume.
    pub resumed_ns: u64,
    /// Some recording of the call is not paused.
    pub recording: bool,
}

/// What a drain has counted, told to the statistics once.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub frames_in: u64,
    pub unknown: u64,
    pub late: u64,
    pub lost: i64,
    pub last_arrival_ns: u64,
    /// Some leg has late stretches to tell of.
    pub missed: bool,
}

impl Tally {
    pub(super) fn tell(&self, stats: &MediaStats) {
        stats.frames_in.fetch_add(self.frames_in, Ordering::Relaxed);
        if self.unknown != 0 {
            stats.dropped_unknown.fetch_add(self.unknown, Ordering::Relaxed);
        }
        if self.late != 0 {
            stats.late.fetch_add(self.late, Ordering::Relaxed);
        }
        // Wraps: what was found again is taken off.
        if self.lost != 0 {
            stats.frames_lost.fetch_add(self.lost as u64, Ordering::Relaxed);
        }
    }
}

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
            Kind::Rtp => self.rtp(header, payload, behind, scene, tally),
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

    fn write(
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

    fn write_at(&mut self, header: Header, position: u64, payload: &[u8], scene: &Scene, tally: &mut Tally) {
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

    fn rtp(&mut self, header: Header, bytes: &[u8], behind: Behind<'_>, scene: &Scene, tally: &mut Tally) {
        // Whatever this is: the next audio's number is what will show them.
        let overruns = newer(header.overruns, &mut self.packets_lost);
        self.trailed = self.trailed.saturating_add(overruns);
        let Some(packet) = rtp::parse(bytes) else {
            tally.unknown += 1;
            return;
        };
        let format = rtp::format_of(packet.payload_type, &self.mapped);
        let samples = |format: FeedFormat| packet.payload.len() / format.codec.sample_bytes();
        let Some(format) = format.filter(|format| samples(*format) > 0) else {
            match rtp::is_comfort_noise(packet.payload_type) {
                true => tally.frames_in += 1,
                false => tally.unknown += 1,
            }
            self.streams.sight_only(packet.ssrc, packet.sequence);
            return;
        };
        if !self.follows(format.rate) {
            tally.unknown += 1;
            return;
        }
        tally.frames_in += 1;
        if format.rate == self.format.rate || rtp::is_mapped(packet.payload_type, &self.mapped) {
            self.told_rate = format.rate;
        }
        let len = samples(format) as u64;
        match self.streams.sight(packet.ssrc, packet.sequence) {
            Order::Duplicate => {}
            Order::Suspect => tally.late += 1,
            Order::New => {
                self.trailed = 0;
                self.change_rate(format.rate);
                let at = self.begin_at(header.arrival_ns, scene);
                self.streams.begin(&packet, at, len, format.rate);
                self.audio(at, format, packet.payload, true, tally);
            }
            Order::Next { missing } => {
                let overruns = std::mem::take(&mut self.trailed);
                tally.lost += missing.saturating_sub(u64::from(overruns)) as i64;
                self.next(
                    (header.arrival_ns, behind),
                    &packet,
                    missing,
                    format,
                    scene,
                    tally,
                );
            }
            Order::Old { counted } => {
                let stream = self.streams.of(packet.ssrc);
                let stream = stream.filter(|s| s.rate == format.rate && s.rate == self.track.rate());
                let place = stream.map(|s| s.place_old(packet.sequence, packet.timestamp));
                match place {
                    Some(Some(at)) => {
                        tally.lost -= i64::from(counted);
                        self.audio(at, format, packet.payload, false, tally);
                    }
                    Some(None) => tally.late += 1,
                    None => {}
                }
            }
        }
    }

    /// Where a stream begins that has nothing to hold on to.
    fn begin_at(&mut self, arrival_ns: u64, scene: &Scene) -> i64 {
        let end = self.track.end();
        self.fresh = false;
        if !scene.real {
            return end as i64;
        }
        let rate = self.track.rate();
        let arrival = grid::index(arrival_ns, rate);
        match end.saturating_sub(arrival) > grid::index(OVERLAP_NS, rate) {
            true => arrival as i64,
            false => arrival.max(end) as i64,
        }
    }

    /// The newest packet of the stream in front.
    fn next(
        &mut self,
        (arrival_ns, behind): (u64, Behind<'_>),
        packet: &Packet<'_>,
        missing: u64,
        format: FeedFormat,
        scene: &Scene,
        tally: &mut Tally,
    ) {
        let len = (packet.payload.len() / format.codec.sample_bytes()) as u64;
        let same_clock = self.streams.current().is_some_and(|s| s.rate == format.rate);
        if !same_clock || self.track.rate() != format.rate {
            self.change_rate(format.rate);
            let at = self.splice_at(arrival_ns, scene);
            self.streams.begin(packet, at, len, format.rate);
            self.audio(at, format, packet.payload, true, tally);
            return;
        }
        let end = self.track.end();
        let rate = format.rate;
        let Some(stream) = self.streams.current() else {
            return;
        };
        let lost = missing.saturating_mul(stream.len);
        let wanted = stream.place(packet.timestamp);
        let standing = Standing {
            arrival_ns,
            end,
            floor: self.track.keeps().then(|| self.track.floor()),
            rate,
        };
        let mut at = followed(wanted, &standing, scene, || {
            let window = grid::index(scene.reorder_ns, rate) as i64;
            behind.any(|header, bytes| {
                let later = rtp::parse(bytes).filter(|later| later.ssrc == packet.ssrc);
                later.is_some_and(|later| {
                    let ahead = later.timestamp.wrapping_sub(packet.timestamp) as i32;
                    wanted + i64::from(ahead) >= grid::index(header.arrival_ns, rate) as i64 - window
                })
            })
        });
        if at != wanted {
            stream.moved(
                packet.sequence.wrapping_sub(missing as u16).wrapping_sub(1),
                at - wanted,
            );
            stream.drift = Default::default();
        } else if scene.real {
            let delay = grid::index(arrival_ns, rate) as i64 - at;
            at += stream.drift.observe(arrival_ns, delay, rate);
        }
        stream.newest(packet.timestamp, at, len);
        if at > end as i64 {
            self.lose_before(at as u64, lost.min(at as u64 - end), tally);
            if at == wanted + 1 && wanted == end as i64 {
                self.repeat_first(end, format, packet.payload);
            }
        }
        self.audio(at, format, packet.payload, true, tally);
    }

    /// Where the same sender goes on at another clock rate.
    fn splice_at(&self, arrival_ns: u64, scene: &Scene) -> i64 {
        let end = self.track.end();
        if !scene.real || self.track.end_ns().saturating_add(scene.reorder_ns) >= arrival_ns {
            return end as i64;
        }
        grid::index(arrival_ns, self.track.rate()).max(end) as i64
    }

    /// The slipped sample: the one after it, twice. The one before it may have been said
    /// while a recording was paused that goes on from here.
    fn repeat_first(&mut self, at: u64, format: FeedFormat, payload: &[u8]) {
        let Some(first) = payload.get(..format.codec.sample_bytes()) else {
            return;
        };
        let mut copy = [0; 2];
        copy[..first.len()].copy_from_slice(first);
        if format.codec == Codec::Pcm16 {
            copy = i16::from_be_bytes(copy).to_ne_bytes();
        }
        self.track.place(at, format.codec, &copy[..first.len()]);
    }

    fn audio(&mut self, at: i64, format: FeedFormat, payload: &[u8], newest: bool, tally: &mut Tally) {
        if format.codec != Codec::Pcm16 {
            self.place_or_late(at, format.codec, payload, newest, tally);
            return;
        }
        let mut native = std::mem::take(&mut self.native);
        native.clear();
        for pair in payload.chunks_exact(2) {
            let sample = i16::from_be_bytes([pair[0], pair[1]]);
            native.extend_from_slice(&sample.to_ne_bytes());
        }
        self.place_or_late(at, Codec::Pcm16, &native, newest, tally);
        self.native = native;
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

/// The count's growth since it was last looked at; never backwards.
fn newer(count: u32, known: &mut u32) -> u32 {
    let more = count.wrapping_sub(*known);
    if more > u32::MAX / 2 {
        return 0;
    }
    *known = count;
    more
}

/// Where a leg's stream stands when its next packet comes.
struct Standing {
    arrival_ns: u64,
    end: u64,
    /// What is before has been rendered, where anything is kept.
    floor: Option<u64>,
    rate: u32,
}

/// The place of the newest packet of a stream, given the one that its timestamp
/// wants. Where the delay has grown, the stream is moved on to its arrival. A host
/// that was held up, and now hands in at once what has come meanwhile, has not moved
/// it: the timestamp holds, unless its time has been rendered.
fn followed(wanted: i64, standing: &Standing, scene: &Scene, catches_up: impl FnOnce() -> bool) -> i64 {
    let Standing {
        arrival_ns,
        end,
        floor,
        rate,
    } = *standing;
    if !scene.real {
        let silence = wanted - end as i64;
        let back = silence < -(grid::index(AHEAD_NS, rate) as i64);
        let jump = silence > grid::index(STREAM_SILENCE_NS, rate) as i64;
        return if back || jump { end as i64 } else { wanted };
    }
    let arrival = grid::index(arrival_ns, rate) as i64;
    let ahead = grid::index(AHEAD_NS, rate) as i64;
    if wanted > arrival + ahead {
        let end = end as i64;
        return if end > arrival + ahead {
            arrival
        } else {
            arrival.max(end)
        };
    }
    let reorder = grid::index(scene.reorder_ns, rate) as i64;
    if wanted >= arrival - reorder || guarded(wanted, rate, arrival_ns, scene) {
        return wanted;
    }
    if wanted < arrival - ahead || !catches_up() {
        return arrival.max(end as i64);
    }
    match floor.filter(|_| scene.recording).map(|floor| floor as i64) {
        Some(floor) if wanted < floor => arrival.min(floor.saturating_add(reorder)).max(end as i64),
        _ => wanted,
    }
}

/// Whether a packet lies before the last resume by its own time and comes soon after
/// it: what was said while paused must not be moved into what is recorded. Stream time
/// has no clock that arrivals and resumes have in common.
fn guarded(at: i64, rate: u32, arrival_ns: u64, scene: &Scene) -> bool {
    scene.real
        && scene.resumed_ns > 0
        && arrival_ns < scene.resumed_ns.saturating_add(GUARD_NS)
        && at < grid::index(scene.resumed_ns, rate) as i64
}

impl std::fmt::Debug for LegMedia {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegMedia")
            .field("track", &self.track)
            .finish_non_exhaustive()
    }
}
