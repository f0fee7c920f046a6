//! Packets that have a position and are not decoded yet.

use super::super::ledger_entry::{EntryKind, LedgerEntry};
use super::super::placed_packet::PlacedPacket;
use super::Timeline;
use crate::ledger::DropReason;

impl Timeline {
    /// With each packet: why it is lost if a recording ends before it is decoded.
    fn undecoded(&self) -> impl Iterator<Item = (&PlacedPacket, DropReason)> {
        let own = self.decoders.iter().flat_map(|own| own.waiting());
        let external = self.external.iter().flat_map(|external| external.undecoded());
        let own = own.map(|packet| (packet, DropReason::Late));
        own.chain(external.map(|packet| (packet, DropReason::DecoderTimeout)))
    }

    /// Whether packets from before an epoch are not decoded yet.
    pub fn is_decoding_before(&self, epoch: u32) -> bool {
        self.undecoded().any(|(packet, _)| packet.epoch < epoch)
    }

    /// Entries for a recording that ends now.
    pub fn undecoded_entries(&self) -> impl Iterator<Item = LedgerEntry> + '_ {
        self.undecoded().map(|(packet, reason)| {
            let from = packet.placement.at.max(0) as u64;
            LedgerEntry {
                from,
                to: from + packet.len,
                rate: packet.format.rate,
                epoch: packet.epoch,
                kind: EntryKind::Dropped(reason),
            }
        })
    }
}
