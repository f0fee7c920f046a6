//! One leg at the worker: takes packets out of the ring and has them placed in media time.

mod decoding;
mod decoding_budget;
mod events;
mod external_decoding;
mod held;
mod hold_epochs;
mod ledger_entry;
mod leg_totals;
mod packet_order;
mod pause_ends;
mod payload_types;
mod placed_packet;
mod raw_kind;
mod run;
mod silence;
mod timeline;
mod write_decoder;
mod writes;

use crate::grid;
use crate::ledger::DropReason;
use crate::packet::FeedCounters;
use crate::packet::{PacketHeader, PacketKind};
use crate::placement::write_cursor::{HostWrite, WriteCursor};
use crate::placement::{IncomingPacket, PlacementContext, PlacementSink, RtpStreams, hash};
use crate::rtp::{self, RtpPacket};
use crate::time::{NS_PER_MS, NS_PER_S};
use crate::track::Track;
use crate::{FeedFormat, FeedOptions};
use callrec_codec::Codec;
pub use hold_epochs::HoldEpochs;
use ledger_entry::counter_increase;
pub use ledger_entry::{EntryKind, LedgerEntry, Tally};
pub use leg_totals::LegTotals;
use pause_ends::PauseEnd;
use payload_types::OtherPayloads;
pub use raw_kind::{RawKind, RefusedPacket};
pub use timeline::Timeline;

/// A stall of the network may delay audio by this much, including the time until it is read.
const STALLED_NS: u64 = 5_500 * NS_PER_MS;
/// A leg that has been silent for longer than this is no longer waited for.
const GIVEN_UP_NS: u64 = 60 * NS_PER_S;

/// An RTP payload type that was ignored and is to be reported to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IgnoredPayloadType(pub u8);

/// A leg's timeline and the state of its feed. The fields that every packet needs come first, to
/// touch few cache lines.
#[repr(C)]
pub struct LegMedia {
    /// When audio was last decoded, or when the leg was connected.
    pub audio_ns: u64,
    /// Packets that the feed has refused since the newest audio.
    refused: u64,
    /// How far ahead of the clock the feed may write.
    pub ahead_ns: u64,
    /// The format of the latest audio.
    latest: Option<FeedFormat>,
    /// The rate of the first audio of the present drain.
    pub first_rate: Option<u32>,
    format: FeedFormat,
    /// The clock rate that the host has declared, or that the latest audio had.
    pub declared_rate: u32,
    /// Overruns that are already accounted for.
    packets_lost: u32,
    samples_lost: u32,
    ahead_lost: u32,
    pub is_attached: bool,
    silence_notified: bool,
    /// The call was not connected, or was held, until this time of the silence.
    silence_excused_ns: u64,
    /// Whether the leg has been silent for `MediaConfig::silent_ns`.
    pub is_silent: bool,
    pub ignored: Vec<IgnoredPayloadType>,
    mapped: Vec<(u8, FeedFormat)>,
    others: OtherPayloads,
    pub timeline: Timeline,
    /// The leg is known to have been silent up to this time.
    silent_ns: u64,
    /// The part of the lost samples that were too far ahead of the clock and are not accounted for
    /// yet.
    samples_ahead: u64,
    /// Payload types that have been reported.
    reported: Vec<u8>,
    /// The times of telephone events that have not been masked yet, in nanoseconds.
    pub(crate) events: Vec<(u64, u64)>,
    /// `None` until the first write; most legs have only packets.
    writes: Option<Box<WriteCursor>>,
    streams: RtpStreams,
}

/// The state of the call with which a packet is drained.
pub struct DrainInput<'a> {
    pub context: &'a PlacementContext,
    /// Stream time: the furthest end of the other legs that have audio.
    pub clock_ns: Option<u64>,
}

impl LegMedia {
    pub(crate) fn new() -> LegMedia {
        LegMedia {
            timeline: Timeline::new(),
            is_attached: false,
            format: FeedFormat {
                codec: Codec::Pcmu,
                rate: 8000,
            },
            declared_rate: 8000,
            latest: None,
            first_rate: None,
            mapped: Vec::new(),
            others: OtherPayloads::default(),
            streams: RtpStreams::new(),
            writes: None,
            samples_lost: 0,
            packets_lost: 0,
            ahead_lost: 0,
            samples_ahead: 0,
            refused: 0,
            reported: Vec::new(),
            events: Vec::new(),
            ignored: Vec::new(),
            audio_ns: 0,
            silence_notified: false,
            silence_excused_ns: 0,
            is_silent: false,
            silent_ns: 0,
            ahead_ns: 0,
        }
    }

    pub fn track(&self) -> &Track {
        &self.timeline.track
    }

    /// Begins a new feed. In stream time, its media begins at `origin_ns`.
    pub fn attach(&mut self, options: FeedOptions, origin_ns: Option<u64>, now_ns: u64) {
        self.mapped.clear();
        self.others.clear();
        self.streams.attach(now_ns);
        self.set_format(options);
        if let Some(origin) = origin_ns {
            let origin = grid::index(origin, self.timeline.track.rate());
            self.timeline.track.advance_end(origin);
        }
        self.is_attached = true;
        self.audio_ns = now_ns;
    }

    pub fn sample_bytes(&self) -> usize {
        self.format.codec.sample_bytes()
    }

    pub fn set_format(&mut self, options: FeedOptions) {
        let format = options.format;
        self.format = format;
        self.ahead_ns = u64::from(options.ahead_ms) * NS_PER_MS;
        self.declared_rate = format.rate;
        self.restart_writes();
        self.timeline.change_rate(format.rate);
    }

    pub fn end_ns(&self) -> u64 {
        self.timeline.end_ns()
    }

    /// No audio before this time is expected any more. A silent leg may have stalled, so the time
    /// stays up to 5.5 s behind the clock. Missing packets are waited for by `reorder_ns`, even if
    /// packets arrive faster than real time.
    pub fn settled_ns(&self, now_ns: u64, reorder_ns: u64) -> u64 {
        // The first packets of a new feed may come late and at once.
        let is_new = self.latest.is_none() && self.is_attached;
        if is_new && now_ns.saturating_sub(self.audio_ns) < STALLED_NS {
            return self.audio_ns;
        }
        // Packets that are held or decoded are still placed after the feed is closed.
        let is_busy = self.is_attached || self.is_waiting() || self.timeline.is_decoding();
        let has_audio = self.latest.is_some() && is_busy;
        if !has_audio || now_ns.saturating_sub(self.audio_ns) > GIVEN_UP_NS {
            return u64::MAX;
        }
        let suspect = self.streams.oldest_suspect_ns().unwrap_or(u64::MAX);
        let gap = self
            .streams
            .earliest_gap_ns(now_ns, reorder_ns)
            .unwrap_or(u64::MAX);
        let waiting = self.timeline.earliest_undecoded_ns().unwrap_or(u64::MAX);
        let ends_ns = self.timeline.end_ns().max(self.silent_ns);
        let known = ends_ns.min(suspect).min(gap).min(waiting);
        known.max(now_ns.saturating_sub(STALLED_NS))
    }

    /// Places a packet or write from the ring, or holds it.
    pub fn receive(&mut self, header: PacketHeader, payload: &[u8], input: &DrainInput<'_>) {
        // The visit may be much later than the arrival of the packet.
        if input.context.is_real_time {
            self.decide_due(header.arrival_ns, input.context);
        }
        self.timeline.tally.last_arrival_ns = self.timeline.tally.last_arrival_ns.max(header.arrival_ns);
        match header.kind {
            PacketKind::Rtp => self.receive_rtp(header, payload, false, input),
            PacketKind::RtpAged => self.receive_rtp(header, payload, true, input),
            PacketKind::Write => self.receive_write(header, payload, input),
            PacketKind::WriteAt => {
                if let Some((position, payload)) = payload.split_first_chunk::<8>() {
                    let position = u64::from_ne_bytes(*position);
                    self.receive_write_at(header, position, payload, input);
                }
            }
        }
    }

    fn receive_rtp(&mut self, header: PacketHeader, bytes: &[u8], is_aged: bool, input: &DrainInput<'_>) {
        // The sequence number of the next audio shows the overruns, whatever this packet is.
        let overruns = counter_increase(header.overruns, &mut self.packets_lost);
        self.refused += u64::from(overruns);
        let Some(mut packet) = rtp::parse(bytes) else {
            self.timeline.tally.unknown += 1;
            if let Some(report) = rtp::sender_report(bytes) {
                let timestamp = self.scaled(report.timestamp);
                self.streams.observe_report(report.ssrc, report.ntp, timestamp);
            }
            return;
        };
        let Some(format) = self.audio_format(&packet, header.arrival_ns, input) else {
            return;
        };
        packet.timestamp = format.scaled(packet.timestamp);
        let len = self.samples_of(format, packet.payload) as i64;
        self.count_audio(format, len as u64, header.arrival_ns);
        if !self.timeline.can_follow_rate(format.rate) {
            self.streams
                .note_without_audio(packet.ssrc, packet.sequence, &mut self.timeline);
            return self.timeline.drop_overlapping(format, len as u64);
        }
        let leg_end = self.timeline.end(format.rate);
        let incoming = IncomingPacket {
            packet: &packet,
            hash: hash(packet.timestamp, packet.payload),
            format,
            len,
            arrival: match input.context.is_real_time {
                true => samples_at(header.arrival_ns, format.rate),
                false => leg_end,
            },
            epoch: self.timeline.epoch,
            is_aged,
            refused: self.refused,
            leg_end,
            clock_ns: input.clock_ns,
        };
        if self
            .streams
            .place_or_hold(&incoming, input.context, &mut self.timeline)
        {
            self.refused = 0;
        }
    }

    /// Returns `None` for a packet without audio, after counting it and noting its sequence number.
    fn audio_format(
        &mut self,
        packet: &RtpPacket<'_>,
        arrival_ns: u64,
        input: &DrainInput<'_>,
    ) -> Option<FeedFormat> {
        let format = self.format_of(packet.payload_type);
        let whole = |format: &FeedFormat| self.samples_of(*format, packet.payload) > 0;
        if let Some(format) = format.filter(whole) {
            if format.rate == self.format.rate || rtp::is_mapped(packet.payload_type, &self.mapped) {
                self.declared_rate = format.rate;
            }
            return Some(format);
        }
        self.streams
            .note_without_audio(packet.ssrc, packet.sequence, &mut self.timeline);
        self.count_ignored(packet);
        if input.context.masks_dtmf && self.is_event(packet) {
            self.note_event(packet, arrival_ns, input.context.is_real_time);
        }
        if !rtp::is_comfort_noise(packet.payload_type) {
            self.timeline.tally.unknown += 1;
            return None;
        }
        self.timeline.tally.frames_in += 1;
        self.begin_noise(packet);
        if input.context.is_real_time
            && let Some((at, rate)) =
                self.streams
                    .note_silence(packet.ssrc, self.scaled(packet.timestamp), arrival_ns)
        {
            let at = at.clamp(0, samples_at(arrival_ns, rate)) as u64;
            self.silent_ns = self.silent_ns.max(grid::time(at, rate));
        }
        None
    }

    /// The number of samples that a payload decodes to.
    #[inline]
    fn samples_of(&self, format: FeedFormat, payload: &[u8]) -> u64 {
        match format.codec {
            Codec::External { .. } => self.timeline.external_samples(format, payload),
            codec => codec.samples_of(payload, format.rate),
        }
    }

    /// A timestamp of the latest codec's clock, in samples.
    fn scaled(&self, timestamp: u32) -> u32 {
        self.latest.map_or(timestamp, |format| format.scaled(timestamp))
    }

    fn count_ignored(&mut self, packet: &RtpPacket<'_>) {
        let known = packet.payload_type;
        let counts = &mut self.timeline.totals.ignored;
        match counts.iter_mut().find(|(number, _)| *number == known) {
            Some((_, count)) => *count += 1,
            None => counts.push((known, 1)),
        }
        let harmless = rtp::is_comfort_noise(known) || rtp::looks_like_event(packet);
        let decoded = self.format_of(known).is_some();
        if !harmless && !decoded && !self.reported.contains(&known) {
            self.reported.push(known);
            self.ignored.push(IgnoredPayloadType(known));
        }
    }

    /// Counts audio and resets the leg's silence.
    #[inline]
    fn count_audio(&mut self, format: FeedFormat, samples: u64, arrival_ns: u64) {
        self.timeline.tally.frames_in += 1;
        self.first_rate.get_or_insert(format.rate);
        self.audio_ns = self.audio_ns.max(arrival_ns);
        self.timeline.totals.packets += 1;
        self.timeline.totals.add_handed(samples, format.rate);
        if self.latest != Some(format) {
            self.latest = Some(format);
            self.timeline.totals.change_codec(format);
        }
    }

    /// The sampling rate of the latest audio.
    pub fn audio_rate(&self) -> Option<u32> {
        self.latest.map(|format| format.rate)
    }

    /// Counts samples that the feed refused because they were too far ahead of the clock.
    pub fn count_ahead(&mut self, handed: &FeedCounters) {
        let more = counter_increase(handed.samples_ahead, &mut self.ahead_lost);
        self.samples_ahead += u64::from(more);
    }

    /// Accounts for overruns after the last packet in the ring. In stream time, and for RTP, the
    /// sequence number of the next packet shows them.
    pub fn count_trailing_loss(&mut self, handed: &FeedCounters, clock_ns: u64, context: &PlacementContext) {
        if !context.is_real_time {
            return;
        }
        self.count_ahead(handed);
        let samples = counter_increase(handed.samples_lost, &mut self.samples_lost);
        let packets = counter_increase(handed.packets_lost, &mut self.packets_lost);
        self.refused += u64::from(packets);
        self.add_loss_at_end(samples.into(), clock_ns);
    }

    /// The number of samples that the feed refused and that no later packet accounts for, for a
    /// recording that ends now.
    pub fn refused_samples(&self) -> u64 {
        self.refused * self.streams.packet_len().max(0) as u64
    }

    /// Appends refused samples at the media end, which advances at most up to the clock.
    fn add_loss_at_end(&mut self, lost: u64, clock_ns: u64) {
        if lost == 0 {
            return;
        }
        let (end, epoch) = (self.timeline.track.end(), self.timeline.epoch);
        let ahead = lost.min(self.samples_ahead);
        self.samples_ahead -= ahead;
        let (refused, ahead) = (lost - ahead, end + lost - ahead);
        self.timeline.add_entry(
            end,
            end + refused,
            epoch,
            EntryKind::Refused(DropReason::Overflow),
        );
        self.timeline
            .add_entry(ahead, end + lost, epoch, EntryKind::Refused(DropReason::Ahead));
        let now = grid::index(clock_ns, self.timeline.track.rate());
        self.timeline.track.advance_end((end + lost).min(now.max(end)));
    }

    /// Decides held packets that were due before a packet arrived.
    fn decide_due(&mut self, arrival_ns: u64, context: &PlacementContext) {
        self.timeline.decode_ready(Some(arrival_ns), context.reorder_ns);
        if self.streams.is_waiting() {
            self.streams.decide_due(arrival_ns, context, &mut self.timeline);
        }
        if let Some(writes) = self.writes.as_mut().filter(|writes| writes.is_waiting()) {
            writes.tick(arrival_ns, false, &mut self.timeline);
        }
    }

    /// Decides held packets that are due at `now_ns`.
    pub fn tick(&mut self, now_ns: u64, context: &PlacementContext) {
        let waited_ns = if context.is_real_time {
            context.reorder_ns
        } else {
            0
        };
        self.timeline.decode_ready(Some(now_ns), waited_ns);
        if context.is_real_time {
            self.timeline.continue_noise(now_ns);
        }
        self.timeline.collect_external(now_ns, context.is_real_time);
        if !self.streams.is_waiting() && self.writes.is_none() {
            return;
        }
        let now_ns = if context.is_real_time {
            now_ns
        } else {
            self.timeline.end_ns()
        };
        if self.streams.is_waiting() {
            self.streams.tick(now_ns, false, context, &mut self.timeline);
        }
        if let Some(writes) = self.writes.as_mut().filter(|writes| writes.is_waiting()) {
            writes.tick(now_ns, false, &mut self.timeline);
        }
    }

    /// Decides all held packets, because a recording ends.
    pub fn finish(&mut self, now_ns: u64, context: &PlacementContext) {
        let now_ns = if context.is_real_time {
            now_ns
        } else {
            self.timeline.end_ns()
        };
        self.streams.finish(now_ns, context, &mut self.timeline);
        if let Some(writes) = &mut self.writes {
            writes.tick(now_ns, true, &mut self.timeline);
        }
        self.timeline.decode_ready(None, 0);
    }

    /// A recording resumes at `at_ns` with this epoch, after a pause in which audio may have been
    /// decoded.
    pub fn begin_anew(&mut self, epoch: u32, at_ns: u64) {
        let pause_ends = &mut self.timeline.pause_ends;
        let is_known = |end: PauseEnd| end == PauseEnd { epoch, at_ns };
        if !pause_ends.before(epoch).is_some_and(is_known) {
            pause_ends.add(epoch, at_ns);
        }
    }

    /// Discards audio that was written ahead and is not yet played at `at_ns`.
    pub fn clear(&mut self, at_ns: u64) {
        self.timeline.clear_from(at_ns);
        self.restart_writes();
    }
}

fn samples_at(ns: u64, rate: u32) -> i64 {
    grid::index(ns, rate) as i64
}

impl std::fmt::Debug for LegMedia {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegMedia")
            .field("track", &self.timeline.track)
            .finish_non_exhaustive()
    }
}
