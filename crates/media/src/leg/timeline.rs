//! A leg's timeline at its present clock rate and at earlier ones, and what was noted of
//! audio that it does not hold.

use std::collections::VecDeque;

use super::holds::Holds;
use super::note::{Note, Tally, What};
use crate::FeedFormat;
use crate::grid;
use crate::ledger::{DropReason, LossReason, Outside, ticks};
use crate::placement::{Audio, Out, Placing, Refused};
use crate::planted::{Fault, fault};
use crate::track::{Content, Origin, Track};
use callrec_codec::Codec;

/// Codecs of a leg that are told.
const CODECS: usize = 16;
/// Clock rates that a leg may have had within what is not rendered yet.
const PAST_MAX: usize = 8;

/// Counts of a leg over its whole life; a recording takes the difference.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct LegTotals {
    pub packets: u64,
    /// In ticks; and samples of the present rate that are not among them yet.
    handed: u64,
    present: (u32, u64),
    pub ignored: Vec<(u8, u64)>,
    /// With how many packets there had been when each was heard last.
    codecs: Vec<(FeedFormat, u64)>,
    /// The one that is heard now, by its number.
    codec: usize,
    pub streams: u32,
    pub wrong_timestamps: u64,
    pub concurrent: u32,
}

impl LegTotals {
    /// Audio that was handed in, in ticks.
    pub fn handed(&self) -> u64 {
        self.handed + ticks(self.present.1, self.present.0)
    }

    /// Nothing has come yet.
    pub fn is_zero(&self) -> bool {
        self.packets == 0 && self.ignored.is_empty()
    }

    #[inline]
    pub fn add_handed(&mut self, samples: u64, rate: u32) {
        if self.present.0 != rate {
            self.handed = self.handed();
            self.present = (rate, 0);
        }
        self.present.1 += samples;
    }

    /// The packet that has been counted last is the first in this format after another one.
    pub fn change_codec(&mut self, format: FeedFormat) {
        if let Some((_, heard)) = self.codecs.get_mut(self.codec) {
            *heard = self.packets.saturating_sub(1);
        }
        let known = self.codecs.iter().position(|(known, _)| *known == format);
        self.codec = known.unwrap_or(self.codecs.len());
        if known.is_none() && self.codecs.len() < CODECS {
            self.codecs.push((format, 0));
        }
    }

    /// What has been heard after so many packets, in the order of its first.
    pub fn codecs_after(&self, packets: u64) -> impl Iterator<Item = FeedFormat> + '_ {
        let heard = move |n: usize, last: u64| match n == self.codec {
            true => self.packets > packets,
            false => last > packets,
        };
        let codecs = self.codecs.iter().enumerate();
        codecs
            .filter(move |(n, (_, last))| heard(*n, *last))
            .map(|(_, (format, _))| *format)
    }
}

/// The moments of a timeline's positions, which another clock rate has other positions for.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    settled_ns: u64,
    written_ns: u64,
    epoch_ns: u64,
}

/// What each packet in order needs comes first, in as few cache lines as it takes.
#[repr(C)]
pub struct Timeline {
    pub track: Track,
    /// How far the furthest recording has settled, and has written: positions.
    settled: u64,
    written: u64,
    /// Where the epoch begins; 0 if no packet can lie across it.
    epoch_at: u64,
    /// The epoch now, whether any recording hears it, and whether the call is on hold with
    /// silence.
    pub epoch: u32,
    pub heard: bool,
    pub on_hold: Holds,
    pub tally: Tally,
    pub totals: LegTotals,
    pub notes: Vec<Note>,
    /// Stretches of a time that some recording has written already, in nanoseconds.
    pub dirty: Vec<(u64, u64)>,
    /// What is still kept of earlier clock rates, oldest first; each up to its end.
    pub past: VecDeque<Track>,
    native: Vec<u8>,
    taken: Vec<(u64, u64)>,
    moments: Moments,
}

impl Timeline {
    pub(super) fn new() -> Timeline {
        Timeline {
            track: Track::new(8000),
            past: VecDeque::new(),
            notes: Vec::new(),
            totals: LegTotals::default(),
            tally: Tally::default(),
            dirty: Vec::new(),
            settled: 0,
            written: 0,
            epoch: 0,
            heard: false,
            on_hold: Holds::default(),
            epoch_at: 0,
            moments: Moments::default(),
            native: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// Where what was handed in ends, at whatever rate: on another grid, the present track
    /// may begin up to half a sample before its predecessor's end.
    pub(super) fn end_ns(&self) -> u64 {
        let past = self.past.back().map_or(0, Track::end_ns);
        self.track.end_ns().max(past)
    }

    /// Goes on at another clock rate; what came before stays as it was.
    pub(super) fn change_rate(&mut self, rate: u32) {
        let old = self.track.rate();
        if rate == old || rate == 0 {
            return;
        }
        let next = self.track.successor(rate);
        let past = std::mem::replace(&mut self.track, next);
        if past.keeps() && past.end() > past.floor() {
            self.past.push_back(past);
        }
        self.settled = grid::index(self.moments.settled_ns, rate);
        self.written = grid::index(self.moments.written_ns, rate);
        self.epoch_at = grid::index(self.moments.epoch_ns, rate);
    }

    /// What is handed in from here on is of an epoch that began at this moment (real time).
    pub fn set_epoch(&mut self, epoch: u32, since_ns: Option<u64>, heard: bool) {
        (self.epoch, self.heard) = (epoch, heard);
        let epoch_ns = since_ns.unwrap_or(0);
        if self.moments.epoch_ns != epoch_ns {
            self.moments.epoch_ns = epoch_ns;
            self.epoch_at = grid::index(epoch_ns, self.track.rate());
        }
    }

    /// A peer that changes its clock rate with every packet would keep the worker busy
    /// with filters: so many changes are followed between two blocks.
    pub(super) fn follows(&self, rate: u32) -> bool {
        rate == self.track.rate() || self.past.len() < PAST_MAX
    }

    /// Nothing before `floor_ns` is wanted any more (`None`: nothing at all), and so far
    /// have recordings settled and written.
    pub fn want_from(&mut self, floor_ns: Option<u64>, settled_ns: u64, written_ns: u64) {
        let rate = self.track.rate();
        self.moments.settled_ns = settled_ns;
        self.moments.written_ns = written_ns;
        self.settled = grid::index(settled_ns, rate);
        self.written = grid::index(written_ns, rate);
        self.track
            .want_from(floor_ns.map(|floor| grid::index(floor, rate)));
        match floor_ns {
            Some(floor) => self.past.retain(|past| past.end_ns() > floor),
            None => self.past.clear(),
        }
    }

    pub(super) fn note(&mut self, from: u64, to: u64, epoch: u32, what: What) {
        if from < to {
            self.notes.push(Note {
                from,
                to,
                rate: self.track.rate(),
                epoch,
                what,
            });
        }
    }

    /// The same at a clock rate of its own: on another grid, samples would be lost.
    fn note_at(&mut self, rate: u32, (from, samples): (u64, u64), epoch: u32, what: What) {
        self.notes.push(Note {
            from,
            to: from + samples,
            rate,
            epoch,
            what,
        });
    }

    /// Audio whose clock rate would be one change too many: others of the leg have its time.
    pub(super) fn leave_out(&mut self, format: FeedFormat, samples: u64) {
        let from = grid::convert(self.track.end(), self.track.rate(), format.rate);
        let what = What::Dropped(DropReason::Overlap);
        self.tally.lost += 1;
        self.note_at(format.rate, (from, samples), self.epoch, what);
    }

    /// What is missing from `start` to `stop`, as far as nothing was said there.
    pub(super) fn lose(&mut self, start: u64, stop: u64, reason: LossReason) {
        if start >= stop {
            return;
        }
        self.track.lose(start, stop, reason);
        self.note(start, stop.min(self.settled), 0, What::Lost(reason));
    }

    /// The silence that stands for missing packets: what the feed refused comes first.
    fn lose_before(&mut self, at: u64, placing: &Placing) {
        let refused = placing.refused.min(placing.missing);
        self.tally.lost += (placing.missing - refused) as i64;
        let start = at.saturating_sub(placing.lost);
        let share = match placing.missing {
            0 => 0,
            missing => placing.lost * refused / missing,
        };
        self.lose(start, start + share, LossReason::Dropped(DropReason::Overflow));
        self.lose(start + share, at, LossReason::Network);
    }

    fn put(&mut self, at: i64, codec: Codec, payload: &[u8], origin: Origin, placing: &Placing) {
        let size = codec.sample_bytes();
        let skip = (at.min(0).unsigned_abs() as usize).saturating_mul(size);
        if skip > 0 {
            // Before all time: a call that begins with the clock.
            let before = codec.samples_in(skip.min(payload.len()));
            self.note(0, before, origin.epoch, What::Outside(Outside::BeforeStart));
        }
        let Some(payload) = payload.get(skip..).filter(|rest| !rest.is_empty()) else {
            return;
        };
        let (from, samples) = (at.max(0) as u64, codec.samples_in(payload.len()));
        let to = from + samples;
        if (from + 1..to).contains(&self.epoch_at) && origin.epoch == self.epoch {
            return self.put_across(from, codec, payload, origin, placing);
        }
        if let Some(why) = self.not_kept(origin) {
            self.track.advance_end(to);
            return self.note(from, to, origin.epoch, What::Outside(why));
        }
        if from < self.settled {
            let late = to.min(self.settled);
            let was_missing = placing.was_missing;
            self.note(from, late, origin.epoch, What::Late { was_missing });
            if late == to && !origin.straddles {
                self.tally.late += 1;
                self.tally.lost += 1;
            }
        }
        // Of a time that a track at another clock rate had.
        let floor = self.track.floor();
        let late = What::Dropped(DropReason::Late);
        self.note(from.max(self.settled), to.min(floor), origin.epoch, late);
        let mut taken = std::mem::take(&mut self.taken);
        self.track.place(from, (codec, origin), payload, &mut taken);
        if taken.first() == Some(&(from, to)) && !origin.straddles {
            self.tally.lost += 1;
        }
        for (from, to) in taken.drain(..) {
            self.note(from, to, origin.epoch, What::Dropped(DropReason::Overlap));
        }
        self.taken = taken;
        self.soil(from, to);
    }

    /// In two parts, of which one lies before the control point.
    fn put_across(&mut self, from: u64, codec: Codec, payload: &[u8], origin: Origin, placing: &Placing) {
        let before = (self.epoch_at - from) as usize * codec.sample_bytes();
        let (before, rest) = payload.split_at(before.min(payload.len()));
        let straddling = Origin {
            straddles: true,
            ..origin
        };
        self.put(from as i64, codec, before, straddling, placing);
        self.put(self.epoch_at as i64, codec, rest, origin, placing);
    }

    fn not_kept(&self, origin: Origin) -> Option<Outside> {
        let now = origin.epoch == self.epoch;
        if self.on_hold.has(origin.epoch) {
            return Some(Outside::Hold);
        }
        let kept = self.track.keeps() && (self.heard || !now);
        (!kept).then_some(Outside::Paused)
    }

    /// One sample again at each of so many places of a packet, which ends as much later.
    /// It is the one after it: the one before may have been said while a recording was
    /// paused that goes on from here.
    fn stretch(&mut self, audio: &Audio<'_>, payload: &[u8], origin: Origin, placing: &Placing) {
        let size = audio.format.codec.sample_bytes();
        let len = payload.len() / size;
        let parts = (placing.repeat as usize).min(len.max(1));
        let mut at = placing.at - placing.repeat as i64;
        for part in 0..parts {
            let (from, to) = (part * len / parts, (part + 1) * len / parts);
            let samples = &payload[from * size..to * size];
            if let Some(first) = samples.get(..size) {
                self.repeat(at, audio.format.codec, first, origin);
            }
            at += 1;
            self.put(at, audio.format.codec, samples, origin, placing);
            at += (to - from) as i64;
        }
    }

    fn repeat(&mut self, at: i64, codec: Codec, sample: &[u8], origin: Origin) {
        let origin = Origin {
            repeated: true,
            ..origin
        };
        if self.not_kept(origin).is_none() && at >= self.settled as i64 {
            let at = at.max(0) as u64;
            self.track.place(at, (codec, origin), sample, &mut Vec::new());
            self.soil(at, at + 1);
        }
    }

    /// What is written already has to be written again.
    fn soil(&mut self, from: u64, to: u64) {
        let floor = self.track.floor();
        if from < self.written && to > floor {
            let rate = self.track.rate();
            let from = grid::time(from.max(floor), rate);
            self.dirty.push((from, grid::time(to, rate)));
        }
    }

    fn lay(&mut self, audio: &Audio<'_>, payload: &[u8], placing: &Placing) {
        let codec = audio.format.codec;
        let origin = Origin {
            epoch: audio.epoch,
            early: u32::try_from(placing.early).unwrap_or(u32::MAX),
            ahead: audio.ahead,
            ..Origin::default()
        };
        if placing.at > 0 && placing.lost > 0 {
            self.lose_before(placing.at as u64, placing);
        } else if placing.missing > 0 {
            self.tally.lost += placing.missing.saturating_sub(placing.refused) as i64;
        }
        let trim = (placing.trim as usize * codec.sample_bytes()).min(payload.len());
        let payload = &payload[trim..];
        let left_out = codec.samples_in(trim);
        if trim > 0 {
            let begin = placing.at.max(0) as u64;
            self.note(begin, begin + left_out, audio.epoch, What::Slipped);
        }
        if placing.was_missing && !fault(Fault::LateStaysLost) {
            self.tally.lost -= 1;
        }
        if placing.repeat > 0 {
            return self.stretch(audio, payload, origin, placing);
        }
        self.put(placing.at + left_out as i64, codec, payload, origin, placing);
    }

    /// What was written ahead and nobody has heard yet is taken back.
    pub(super) fn cut(&mut self, at_ns: u64) {
        let tracks = self.past.iter_mut().chain([&mut self.track]);
        for track in tracks {
            let rate = track.rate();
            for stretch in track.cut(grid::index(at_ns, rate)) {
                if matches!(stretch.content, Content::Audio(_)) && !stretch.origin.repeated {
                    self.notes.push(Note {
                        from: stretch.from,
                        to: stretch.to,
                        rate,
                        epoch: stretch.origin.epoch,
                        what: What::Outside(Outside::Cleared),
                    });
                }
            }
        }
    }
}

impl Out for Timeline {
    #[inline]
    fn follows_on(&mut self, audio: &Audio<'_>, at: i64, early: u64) -> bool {
        let FeedFormat { codec, rate } = audio.format;
        let Ok(from) = u64::try_from(at) else {
            return false;
        };
        let plain = rate == self.track.rate() && (codec != Codec::Pcm16 || !audio.network_order);
        let live = self.heard && audio.epoch == self.epoch && !self.on_hold.has(audio.epoch);
        let new = from >= self.written.max(self.settled).max(self.epoch_at);
        let origin = Origin {
            epoch: audio.epoch,
            early: u32::try_from(early).unwrap_or(u32::MAX),
            ahead: audio.ahead,
            ..Origin::default()
        };
        plain && live && new && self.track.go_on(from, (codec, origin), audio.payload)
    }

    fn end(&self, rate: u32) -> i64 {
        grid::convert(self.track.end(), self.track.rate(), rate) as i64
    }

    fn audio(&mut self, audio: &Audio<'_>, placing: Placing) {
        let rate = audio.format.rate;
        if rate != self.track.rate() {
            if !placing.newest || !self.follows(rate) {
                // Its time has another grid now.
                let len = (audio.payload.len() / audio.format.codec.sample_bytes()) as u64;
                let what = What::Dropped(DropReason::Late);
                self.tally.lost += 1;
                return self.note_at(rate, (placing.at.max(0) as u64, len), audio.epoch, what);
            }
            self.change_rate(rate);
        }
        if audio.format.codec != Codec::Pcm16 || !audio.network_order {
            return self.lay(audio, audio.payload, &placing);
        }
        let mut native = std::mem::take(&mut self.native);
        native.clear();
        for pair in audio.payload.chunks_exact(2) {
            let sample = i16::from_be_bytes([pair[0], pair[1]]);
            native.extend_from_slice(&sample.to_ne_bytes());
        }
        self.lay(audio, &native, &placing);
        self.native = native;
    }

    fn refused(&mut self, why: Refused, format: FeedFormat, len: i64, at: i64, epoch: u32) {
        let what = match why {
            Refused::Duplicate => What::Duplicate,
            Refused::Ahead => What::Dropped(DropReason::Ahead),
        };
        if why != Refused::Duplicate {
            self.tally.lost += 1;
        }
        let place = (at.max(0) as u64, len.max(0) as u64);
        self.note_at(format.rate, place, epoch, what);
    }

    fn not_missing(&mut self, from: i64, to: i64) {
        self.tally.lost -= 1;
        self.track.not_lost(from.max(0) as u64, to.max(0) as u64);
    }

    fn wrong_timestamp(&mut self) {
        self.totals.wrong_timestamps += 1;
    }

    fn new_stream(&mut self) {
        self.totals.streams += 1;
    }

    fn concurrent(&mut self) {
        self.totals.concurrent += 1;
    }
}
