//! Places packets that the host writes without RTP.

use super::super::decoding::to_native;
use super::super::ledger_entry::EntryKind;
use super::super::write_decoder::WriteDecoder;
use super::Timeline;
use crate::FeedFormat;
use crate::ledger::DropReason;
use crate::placement::{Audio, Placement};
use crate::track::Origin;
use callrec_codec::Codec;

impl Timeline {
    /// What is written from now on continues nothing that was written before.
    pub(in crate::leg) fn restart_writes(&mut self) {
        self.write_decoder = None;
    }

    /// Decodes and places a write. Only its position shows whether it is of a pause.
    pub(super) fn place_written(&mut self, audio: &Audio<'_>, placement: Placement) {
        let known = self
            .write_decoder
            .take()
            .filter(|decoder| decoder.is_of(audio.format));
        let new = || WriteDecoder::new(audio.format).map(Box::new);
        let Some(mut decoder) = known.or_else(new) else {
            return self.drop_written(audio, placement);
        };
        let origin = Origin {
            epoch: audio.epoch,
            ..Origin::default()
        };
        let is_kept = self.outside_reason(origin).is_none();
        match decoder.decode(audio, placement, &self.pause_ends, is_kept) {
            true => self.place_native(audio, &decoder.samples, &placement),
            false => self.drop_written(audio, placement),
        }
        self.write_decoder = Some(decoder);
    }

    fn place_native(&mut self, audio: &Audio<'_>, samples: &[i16], placement: &Placement) {
        let mut bytes = std::mem::take(&mut self.native);
        to_native(samples, &mut bytes);
        let decoded = Audio {
            payload: &bytes,
            format: FeedFormat {
                codec: Codec::Pcm16,
                ..audio.format
            },
            ..*audio
        };
        self.place_audio(&decoded, &bytes, placement);
        self.native = bytes;
    }

    /// Counts a write that cannot be decoded, in whose place nothing is heard.
    fn drop_written(&mut self, audio: &Audio<'_>, placement: Placement) {
        self.tally.unknown += 1;
        let place = (placement.at.max(0) as u64, audio.len);
        self.track.advance_end(place.0 + place.1);
        let kind = EntryKind::Dropped(DropReason::Undecodable);
        self.add_entry_at(audio.format.rate, place, audio.epoch, kind);
    }
}
