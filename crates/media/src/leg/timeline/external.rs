//! Places packets that the host decodes.

use super::super::decoding::DecodedPacket;
use super::super::external_decoding::Outcome;
use super::super::ledger_entry::EntryKind;
use super::super::placed_packet::PlacedPacket;
use super::Timeline;
use crate::FeedFormat;
use crate::external::ExternalFormat;
use crate::ledger::DropReason;
use crate::time::NS_PER_MS;
use crate::track::Origin;
use std::sync::Arc;

/// For how long rendering waits for decoders. Later audio is a patch.
const RENDERING_WAIT_NS: u64 = 100 * NS_PER_MS;

impl Timeline {
    /// Declares a format that the host decodes. `mapped`: the formats of the leg's payload types.
    pub(in crate::leg) fn declare_external(
        &mut self,
        format: Arc<ExternalFormat>,
        mapped: &[(u8, FeedFormat)],
    ) {
        let external = self.external.get_or_insert_default();
        let is_mapped = |format: FeedFormat| mapped.iter().any(|(_, known)| *known == format);
        let totals = &self.totals;
        external.forget_unused(|format| is_mapped(format) || totals.has_codec(format));
        external.declare(format);
    }

    /// The number of samples that a payload of one of the host's codecs is expected to decode to.
    pub(in crate::leg) fn external_samples(&self, format: FeedFormat, payload: &[u8]) -> u64 {
        let external = self.external.as_ref();
        external.map_or(0, |external| external.samples_of(format, payload))
    }

    /// As RTP names a format that the host decodes.
    pub fn external_name(&self, format: FeedFormat) -> Option<Arc<str>> {
        self.external.as_ref()?.name(format)
    }

    pub(super) fn add_external(&mut self, packet: PlacedPacket) {
        let refused = match &mut self.external {
            Some(external) => external.add(packet),
            None => Some(packet),
        };
        if let Some(packet) = refused {
            self.drop_packet(&packet, 0, DropReason::Undecodable);
        }
    }

    /// Queues packets that wait for no other, see [`Timeline::decode_ready`].
    pub(super) fn queue_external(&mut self, now_ns: Option<u64>, waited_ns: u64) {
        let Some(mut external) = self.external.take() else {
            return;
        };
        while let Some(packet) = external.take_ready(now_ns, waited_ns) {
            let origin = Origin {
                epoch: packet.epoch,
                ..Origin::default()
            };
            let is_kept = self.outside_reason(origin).is_none();
            if let Some((packet, outcome)) = external.queue(packet, is_kept, self.conceals) {
                self.place_outcome(packet, outcome);
            }
        }
        external.tidy();
        self.external = Some(external);
    }

    /// Places the packets that have been decoded, and drops those that have waited too long.
    pub fn collect_external(&mut self, now_ns: u64, is_real_time: bool) {
        let Some(mut external) = self.external.take() else {
            return;
        };
        while let Some((packet, outcome)) = external.take_done(now_ns, is_real_time) {
            if let Outcome::Decoded { samples, .. } = &outcome {
                external.note_length(packet.format, samples.len() as u64);
            }
            self.place_outcome(packet, outcome);
        }
        external.tidy();
        self.external = Some(external);
    }

    fn place_outcome(&mut self, mut packet: PlacedPacket, outcome: Outcome) {
        let expected = packet.len;
        let mut gap = Vec::new();
        let samples = match outcome {
            Outcome::Undecodable => return self.drop_packet(&packet, 0, DropReason::Undecodable),
            Outcome::TimedOut => return self.drop_packet(&packet, 0, DropReason::DecoderTimeout),
            Outcome::NotKept => vec![0; expected as usize],
            Outcome::Decoded {
                mut samples,
                concealed,
            } => {
                gap = concealed;
                // After a control point, the recordings have counted what was handed in before it.
                if packet.epoch != self.epoch {
                    samples.truncate(expected as usize);
                }
                samples
            }
        };
        let found = samples.len() as u64;
        if found < expected {
            self.drop_packet(&packet, found, DropReason::Undecodable);
        } else {
            self.totals.add_handed(found - expected, packet.format.rate);
        }
        packet.len = found;
        let decoded = DecodedPacket {
            samples,
            concealed: gap,
            is_valid: true,
            ..DecodedPacket::default()
        };
        self.place_decoded(&packet, &decoded);
    }

    /// Drops the samples of a packet from `from` on.
    fn drop_packet(&mut self, packet: &PlacedPacket, from: u64, reason: DropReason) {
        let at = packet.placement.at.max(0) as u64 + from;
        self.tally.lost += i64::from(from == 0);
        self.note_refused(packet.number);
        let place = (at, packet.len - from);
        let kind = EntryKind::Dropped(reason);
        self.add_entry_at(packet.format.rate, place, packet.epoch, kind);
    }

    /// The earliest time of a packet that the host has not decoded yet.
    pub fn external_undecoded_ns(&self) -> Option<u64> {
        self.external.as_ref()?.earliest_ns()
    }

    /// Whether packets are queued for a decoder of the host.
    pub fn is_decoding(&self) -> bool {
        self.external
            .as_ref()
            .is_some_and(|external| external.is_decoding())
    }

    /// How far audio may be rendered, because the host's decoders are about to answer. What is
    /// rendered already, up to `rendered_ns`, does not count: it becomes a patch.
    pub fn rendering_waits_ns(&self, now_ns: u64, rendered_ns: u64) -> Option<u64> {
        let external = self.external.as_ref()?;
        let is_recent = external.is_recent(now_ns, RENDERING_WAIT_NS);
        let times = external.queued_ns();
        times.filter(|ns| is_recent && *ns >= rendered_ns).min()
    }
}
