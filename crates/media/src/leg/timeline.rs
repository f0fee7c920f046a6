//! A leg's timeline at its present clock rate and at earlier ones, and ledger entries for audio
//! that it does not hold.

mod decoded;
mod external;
mod made_up;
mod masked;
mod rates;
mod undecoded;
mod written;

use std::collections::VecDeque;

use super::decoding::LegDecoders;
use super::external_decoding::ExternalDecoders;
use super::hold_epochs::HoldEpochs;
use super::ledger_entry::{EntryKind, LedgerEntry, Tally};
use super::leg_totals::LegTotals;
use super::pause_ends::PauseEnds;
use super::placed_packet::PlacedPacket;
use super::raw_kind::RefusedPacket;
use super::write_decoder::WriteDecoder;
use crate::FeedFormat;
use crate::grid;
use crate::ledger::{DropReason, LossReason, OutsideReason};
use crate::placement::{Audio, Placement, PlacementSink, RejectReason};
use crate::planted::{TimelineFault, is_planted};
use crate::track::{AudioSource, Content, Origin, Track};
use callrec_codec::Codec;
use made_up::NoisySilence;

/// Positions as times, for conversion to another clock rate.
#[derive(Clone, Copy, Debug, Default)]
struct TimelineTimes {
    /// Audio before this time is kept, if at all, for recordings that begin earlier; 0: all of it.
    needed_ns: u64,
    settled_ns: u64,
    /// From when on audio can be removed, because some recording has not settled it.
    removable_ns: u64,
    /// The time of which some recording still takes audio that is passed in.
    unsettled_ns: (u64, u64),
    written_ns: u64,
    epoch_ns: u64,
}

/// The fields that every packet in order needs come first, to touch few cache lines.
#[repr(C)]
pub struct Timeline {
    pub track: Track,
    /// The furthest position that a recording has settled, and has written.
    settled: u64,
    written: u64,
    /// The position at which the epoch begins; 0 if no packet can span it.
    epoch_at: u64,
    /// The present epoch, and whether any recording records it.
    pub epoch: u32,
    pub is_recorded: bool,
    pub on_hold: HoldEpochs,
    pub tally: Tally,
    pub totals: LegTotals,
    pub entries: Vec<LedgerEntry>,
    /// Ranges that a recording has already written and must render again, in nanoseconds.
    pub dirty: Vec<(u64, u64)>,
    /// Packets that a decoder has refused since the latest visit.
    pub refused: Vec<RefusedPacket>,
    /// Tracks of earlier clock rates, oldest first; each is used up to its end.
    pub past: VecDeque<Track>,
    native: Vec<u8>,
    occupied: Vec<(u64, u64)>,
    times: TimelineTimes,
    /// `None` until the first packet that needs a decoder.
    decoders: Option<Box<LegDecoders>>,
    /// Missing audio is concealed.
    conceals: bool,
    noise: Option<Box<NoisySilence>>,
    /// Audio before this position of the present track has been searched for tones.
    searched: u64,
    /// Audio has been placed from this time on that was to be searched before.
    unsearched_ns: u64,
    /// `None` until the first format that the host decodes.
    external: Option<Box<ExternalDecoders>>,
    /// `None` until the first write that is a packet.
    write_decoder: Option<Box<WriteDecoder>>,
    pub(super) pause_ends: PauseEnds,
}

impl Timeline {
    pub(super) fn new() -> Timeline {
        Timeline {
            track: Track::new(8000),
            past: VecDeque::new(),
            entries: Vec::new(),
            totals: LegTotals::default(),
            tally: Tally::default(),
            dirty: Vec::new(),
            refused: Vec::new(),
            settled: 0,
            written: 0,
            epoch: 0,
            is_recorded: false,
            on_hold: HoldEpochs::default(),
            epoch_at: 0,
            times: TimelineTimes::default(),
            native: Vec::new(),
            occupied: Vec::new(),
            decoders: None,
            conceals: false,
            noise: None,
            searched: 0,
            unsearched_ns: u64::MAX,
            external: None,
            write_decoder: None,
            pause_ends: PauseEnds::default(),
        }
    }

    /// The end of the audio handed in, at any rate. On its own grid, the present track may begin up
    /// to half a sample before the end of its predecessor.
    pub(super) fn end_ns(&self) -> u64 {
        let past = self.past.back().map_or(0, Track::end_ns);
        self.track.end_ns().max(past)
    }

    /// Begins an epoch. `since_ns`: its beginning (real time only).
    pub fn set_epoch(&mut self, epoch: u32, since_ns: Option<u64>, is_recorded: bool) {
        (self.epoch, self.is_recorded) = (epoch, is_recorded);
        let epoch_ns = since_ns.unwrap_or(0);
        if self.times.epoch_ns != epoch_ns {
            self.times.epoch_ns = epoch_ns;
            self.epoch_at = grid::index(epoch_ns, self.track.rate());
        }
    }

    /// Sets from when on recordings need the audio; `None`: there is no recording.
    pub fn set_needed_from(&mut self, needed_ns: Option<u64>) {
        let needed_ns = needed_ns.map(|needed| needed.saturating_sub(self.history_ns()));
        self.times.needed_ns = needed_ns.unwrap_or(0);
    }

    /// Sets the time of which some recording still takes audio that is passed in, although another one
    /// has settled it.
    pub fn set_unsettled(&mut self, unsettled_ns: (u64, u64)) {
        self.times.unsettled_ns = unsettled_ns;
    }

    /// Sets from when on audio can be removed: what the slowest recording has settled stays.
    pub fn set_removable_from(&mut self, removable_ns: u64) {
        self.times.removable_ns = removable_ns;
    }

    /// Whether every recording has settled this range.
    fn is_settled(&self, from: u64, to: u64) -> bool {
        let (begin_ns, end_ns) = self.times.unsettled_ns;
        let rate = self.track.rate();
        to <= grid::index(begin_ns, rate) || from >= grid::index(end_ns, rate)
    }

    /// Discards audio before `floor_ns` (`None`: all audio), and sets how far recordings have
    /// settled and written.
    pub fn retain_from(&mut self, floor_ns: Option<u64>, settled_ns: u64, written_ns: u64) {
        let rate = self.track.rate();
        self.times.settled_ns = settled_ns;
        self.times.written_ns = written_ns;
        self.settled = grid::index(settled_ns, rate);
        self.written = grid::index(written_ns, rate);
        let floor_ns = floor_ns.map(|floor| floor.saturating_sub(self.history_ns()));
        self.track
            .retain_from(floor_ns.map(|floor| grid::index(floor, rate)));
        match floor_ns {
            Some(floor) => self.past.retain(|past| past.end_ns() > floor),
            None => self.past.clear(),
        }
    }

    pub(super) fn add_entry(&mut self, from: u64, to: u64, epoch: u32, kind: EntryKind) {
        if from < to {
            self.entries.push(LedgerEntry {
                from,
                to,
                rate: self.track.rate(),
                epoch,
                kind,
            });
        }
    }

    /// As [`Timeline::add_entry`], but at another clock rate: a conversion would lose samples.
    fn add_entry_at(&mut self, rate: u32, (from, samples): (u64, u64), epoch: u32, kind: EntryKind) {
        self.entries.push(LedgerEntry {
            from,
            to: from + samples,
            rate,
            epoch,
            kind,
        });
    }

    /// Drops audio that exceeds the permitted number of rate changes.
    pub(super) fn drop_overlapping(&mut self, format: FeedFormat, samples: u64) {
        let from = grid::convert(self.track.end(), self.track.rate(), format.rate);
        let kind = EntryKind::Dropped(DropReason::Overlap);
        self.tally.lost += 1;
        self.add_entry_at(format.rate, (from, samples), self.epoch, kind);
    }

    /// Marks a range as lost where it holds no audio.
    pub(super) fn mark_lost(&mut self, start: u64, stop: u64, reason: LossReason) {
        if start >= stop {
            return;
        }
        let was_noise = self.conceals && self.track.has_audio(start, stop);
        self.track.mark_lost(start, stop, reason);
        if was_noise {
            self.mark_dirty(start, stop);
        }
        self.add_entry(start, stop.min(self.settled), 0, EntryKind::Lost(reason));
    }

    /// Marks the silence before a packet as lost: first packets that the feed refused, then missing
    /// ones.
    fn mark_missing_before(&mut self, at: u64, audio: &Audio<'_>, placement: &Placement) {
        let refused = placement.refused.min(placement.missing);
        self.tally.lost += (placement.missing - refused) as i64;
        let start = at.saturating_sub(placement.lost);
        let share = match placement.missing {
            0 => 0,
            missing => placement.lost * refused / missing,
        };
        self.mark_lost(start, start + share, LossReason::Dropped(DropReason::Overflow));
        self.mark_lost(start + share, at, LossReason::Network);
        self.conceal(start + share, at, audio, placement);
    }

    fn put(&mut self, at: i64, codec: Codec, payload: &[u8], origin: Origin, placement: &Placement) {
        let size = codec.sample_bytes();
        let skip = (at.min(0).unsigned_abs() as usize).saturating_mul(size);
        if skip > 0 {
            // A call may begin together with the clock, so that a position is negative.
            let before = codec.samples_in(skip.min(payload.len()));
            self.add_entry(
                0,
                before,
                origin.epoch,
                EntryKind::Outside(OutsideReason::BeforeStart),
            );
        }
        let Some(payload) = payload.get(skip..).filter(|rest| !rest.is_empty()) else {
            return;
        };
        let (from, samples) = (at.max(0) as u64, codec.samples_in(payload.len()));
        let to = from + samples;
        if (from + 1..to).contains(&self.epoch_at) && origin.epoch == self.epoch {
            return self.put_split(from, codec, payload, origin, placement);
        }
        if let Some(reason) = self.outside_reason(origin) {
            self.track.advance_end(to);
            return self.add_entry(from, to, origin.epoch, EntryKind::Outside(reason));
        }
        if from < self.settled {
            let late = to.min(self.settled);
            let was_missing = placement.was_missing;
            self.add_entry(from, late, origin.epoch, EntryKind::Late { was_missing });
            if late == to && !origin.straddles && self.is_settled(from, to) {
                self.tally.late += 1;
                self.tally.lost += 1;
            }
        }
        // A track at an earlier clock rate covers this time.
        let floor = self.track.floor();
        let late = EntryKind::Dropped(DropReason::Late);
        self.add_entry(from.max(self.settled), to.min(floor), origin.epoch, late);
        let mut occupied = std::mem::take(&mut self.occupied);
        self.track.place(from, (codec, origin), payload, &mut occupied);
        if occupied.first() == Some(&(from, to)) && !origin.straddles {
            self.tally.lost += 1;
        }
        for (from, to) in occupied.drain(..) {
            self.add_entry(from, to, origin.epoch, EntryKind::Dropped(DropReason::Overlap));
        }
        self.occupied = occupied;
        self.mark_dirty(from, to);
        self.note_unsearched(from);
    }

    /// Places a packet in two parts, of which the first lies before the control point.
    fn put_split(&mut self, from: u64, codec: Codec, payload: &[u8], origin: Origin, placement: &Placement) {
        let before = (self.epoch_at - from) as usize * codec.sample_bytes();
        let (before, rest) = payload.split_at(before.min(payload.len()));
        let straddling = Origin {
            straddles: true,
            ..origin
        };
        self.put(from as i64, codec, before, straddling, placement);
        self.put(self.epoch_at as i64, codec, rest, origin, placement);
    }

    fn outside_reason(&self, origin: Origin) -> Option<OutsideReason> {
        let now = origin.epoch == self.epoch;
        if self.on_hold.has(origin.epoch) {
            return Some(OutsideReason::Hold);
        }
        let is_kept = self.track.is_kept() && (self.is_recorded || !now);
        (!is_kept).then_some(OutsideReason::Paused)
    }

    /// Places audio with `placement.repeat` samples repeated, spread over the packet. The sample
    /// after each insertion point is repeated: the sample before may have been spoken while a
    /// recording was paused that continues here.
    fn put_with_repeats(&mut self, audio: &Audio<'_>, payload: &[u8], origin: Origin, placement: &Placement) {
        let size = audio.format.codec.sample_bytes();
        let len = payload.len() / size;
        let parts = (placement.repeat as usize).min(len.max(1));
        let mut at = placement.at - placement.repeat as i64;
        for part in 0..parts {
            let (from, to) = (part * len / parts, (part + 1) * len / parts);
            let samples = &payload[from * size..to * size];
            if let Some(first) = samples.get(..size) {
                self.repeat(at, audio.format.codec, first, origin);
            }
            at += 1;
            self.put(at, audio.format.codec, samples, origin, placement);
            at += (to - from) as i64;
        }
    }

    fn repeat(&mut self, at: i64, codec: Codec, sample: &[u8], origin: Origin) {
        let origin = Origin {
            source: AudioSource::Repeated,
            ..origin
        };
        if self.outside_reason(origin).is_none() && at >= self.settled as i64 {
            let at = at.max(0) as u64;
            self.track.place(at, (codec, origin), sample, &mut Vec::new());
            self.mark_dirty(at, at + 1);
        }
    }

    /// Marks a range that is already written to be rendered again.
    fn mark_dirty(&mut self, from: u64, to: u64) {
        let floor = self.track.floor();
        if from < self.written && to > floor {
            let rate = self.track.rate();
            let from = grid::time(from.max(floor), rate);
            self.dirty.push((from, grid::time(to, rate)));
        }
    }

    fn place_audio(&mut self, audio: &Audio<'_>, payload: &[u8], placement: &Placement) {
        let codec = audio.format.codec;
        let origin = Origin {
            epoch: audio.epoch,
            hidden_delay: u32::try_from(placement.hidden_delay).unwrap_or(u32::MAX),
            is_ahead: audio.is_ahead,
            ..Origin::default()
        };
        if placement.at > 0 && placement.lost > 0 {
            self.mark_missing_before(placement.at as u64, audio, placement);
        } else if placement.missing > 0 {
            self.tally.lost += placement.missing.saturating_sub(placement.refused) as i64;
        }
        let trim = (placement.trim as usize * codec.sample_bytes()).min(payload.len());
        let payload = &payload[trim..];
        let left_out = codec.samples_in(trim);
        if trim > 0 {
            let begin = placement.at.max(0) as u64;
            self.add_entry(begin, begin + left_out, audio.epoch, EntryKind::Slipped);
        }
        if placement.was_missing && !is_planted(TimelineFault::LateCountedAsLost) {
            self.tally.lost -= 1;
        }
        if placement.repeat > 0 {
            return self.put_with_repeats(audio, payload, origin, placement);
        }
        self.put(placement.at + left_out as i64, codec, payload, origin, placement);
    }

    /// Discards audio that was written ahead and is not yet played at `at_ns`.
    pub(super) fn clear_from(&mut self, at_ns: u64) {
        let tracks = self.past.iter_mut().chain([&mut self.track]);
        for track in tracks {
            let rate = track.rate();
            for part in track.truncate(grid::index(at_ns, rate)) {
                if matches!(part.content, Content::Audio(_)) && part.origin.source == AudioSource::HandedIn {
                    self.entries.push(LedgerEntry {
                        from: part.from,
                        to: part.to,
                        rate,
                        epoch: part.origin.epoch,
                        kind: EntryKind::Outside(OutsideReason::Cleared),
                    });
                }
            }
        }
    }
}

impl PlacementSink for Timeline {
    #[inline]
    fn try_append(&mut self, audio: &Audio<'_>, at: i64, hidden_delay: u64) -> bool {
        let FeedFormat { codec, rate } = audio.format;
        let Ok(from) = u64::try_from(at) else {
            return false;
        };
        let is_log =
            matches!(codec, Codec::Pcmu | Codec::Pcma) || codec == Codec::Pcm16 && !audio.is_big_endian;
        let plain = rate == self.track.rate() && is_log;
        let live = self.is_recorded && audio.epoch == self.epoch && !self.on_hold.has(audio.epoch);
        let new = from >= self.written.max(self.settled).max(self.epoch_at);
        let origin = Origin {
            epoch: audio.epoch,
            hidden_delay: u32::try_from(hidden_delay).unwrap_or(u32::MAX),
            is_ahead: audio.is_ahead,
            ..Origin::default()
        };
        plain && live && new && self.track.try_append(from, (codec, origin), audio.payload)
    }

    fn end(&self, rate: u32) -> i64 {
        grid::convert(self.track.end(), self.track.rate(), rate) as i64
    }

    fn place(&mut self, audio: &Audio<'_>, placement: Placement) {
        if self.noise.is_some() {
            self.end_noise(placement.at, audio.format.rate);
        }
        let rate = audio.format.rate;
        if rate != self.track.rate() {
            if !placement.is_newest || !self.can_follow_rate(rate) {
                // The present track covers its time on another grid.
                let kind = EntryKind::Dropped(DropReason::Late);
                self.tally.lost += 1;
                return self.add_entry_at(rate, (placement.at.max(0) as u64, audio.len), audio.epoch, kind);
            }
            self.change_rate(rate);
        }
        match audio.number {
            _ if audio.format.codec.is_direct() => {}
            Some(number) => {
                let packet = PlacedPacket::new(audio, number, placement, &self.pause_ends);
                return self.decode_later(packet);
            }
            None => return self.place_written(audio, placement),
        }
        if audio.format.codec != Codec::Pcm16 || !audio.is_big_endian {
            return self.place_audio(audio, audio.payload, &placement);
        }
        let mut native = std::mem::take(&mut self.native);
        native.clear();
        for pair in audio.payload.chunks_exact(2) {
            let sample = i16::from_be_bytes([pair[0], pair[1]]);
            native.extend_from_slice(&sample.to_ne_bytes());
        }
        self.place_audio(audio, &native, &placement);
        self.native = native;
    }

    fn reject(&mut self, reason: RejectReason, format: FeedFormat, len: i64, at: i64, epoch: u32) {
        let kind = match reason {
            RejectReason::Duplicate => EntryKind::Duplicate,
            RejectReason::Ahead => EntryKind::Dropped(DropReason::Ahead),
        };
        if reason != RejectReason::Duplicate {
            self.tally.lost += 1;
        }
        let place = (at.max(0) as u64, len.max(0) as u64);
        self.add_entry_at(format.rate, place, epoch, kind);
    }

    fn clear_missing(&mut self, from: i64, to: i64) {
        self.tally.lost -= 1;
        self.track.unmark_lost(from.max(0) as u64, to.max(0) as u64);
    }

    fn count_wrong_timestamp(&mut self) {
        self.totals.wrong_timestamps += 1;
    }

    fn count_stream(&mut self) {
        self.totals.streams += 1;
    }

    fn count_concurrent(&mut self) {
        self.totals.concurrent += 1;
    }
}
