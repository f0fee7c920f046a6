//! Turns the packets that a recording keeps into blocks of its file, and queues them.

use super::raw_backlog::{RawBacklog, RawQuota};
use super::raw_file::{RawBlock, packet_writer};
use crate::types::Leg;
use callrec_codec::pcapng::PacketWriter;
use std::sync::Arc;
use uuid::Uuid;

/// The media's side of a recording's file of packets.
pub struct RawOutput {
    writer: PacketWriter,
    quota: RawQuota,
    /// Unix time minus media time, in nanoseconds.
    unix_offset_ns: i64,
    /// Packets that were refused since the last block.
    refused: u64,
}

impl RawOutput {
    /// Returns `None` if no file can be written.
    pub fn new(id: Uuid, backlog: &Arc<RawBacklog>, unix_offset_ns: i64) -> Option<RawOutput> {
        let mut writer = packet_writer(id)?;
        // Whoever creates the file writes its header.
        writer.take(Vec::new());
        Some(RawOutput {
            writer,
            quota: RawQuota::new(backlog),
            unix_offset_ns,
            refused: 0,
        })
    }

    /// The packets (leg, arrival and bytes) as a block of the file. Returns `None` and counts them if
    /// the backlog is full. `buffer`: empty, for the next block.
    pub fn block<'a>(
        &mut self,
        packets: impl Iterator<Item = (Leg, u64, &'a [u8])>,
        buffer: Vec<u8>,
    ) -> Option<RawBlock> {
        let mut count = 0;
        for (leg, arrival_ns, packet) in packets {
            let unix_ns = (arrival_ns as i64).saturating_add(self.unix_offset_ns).max(0) as u64;
            match self.writer.add(leg as usize, unix_ns, packet) {
                true => count += 1,
                false => self.refused += 1,
            }
        }
        let bytes = self.writer.take(buffer);
        match self.quota.admit(bytes.len() as u64) {
            Some(admission) => Some(RawBlock {
                bytes,
                packets: count,
                refused: std::mem::take(&mut self.refused),
                _admission: Some(admission),
            }),
            None => {
                self.refused += count;
                None
            }
        }
    }

    /// The packets that no block has counted as refused yet.
    pub fn last_refused(&mut self) -> Option<RawBlock> {
        let refused = std::mem::take(&mut self.refused);
        (refused > 0).then(|| RawBlock {
            bytes: Vec::new(),
            packets: 0,
            refused,
            _admission: None,
        })
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;
    use callrec_codec::pcapng::whole_blocks;

    #[test]
    fn packets_beyond_the_backlog_are_counted() {
        let backlog = RawBacklog::new(4 * 10_000);
        let mut output = RawOutput::new(Uuid::nil(), &backlog, 5).expect("a writer");
        let packets = [(Leg::Local, 1, &[7; 1000][..]), (Leg::Remote, 2, &[8; 1000])];
        let first = output.block(packets.into_iter(), Vec::new()).expect("space");
        assert_eq!((first.packets, first.refused), (2, 0));
        assert_eq!(whole_blocks(&first.bytes).packets, 2);
        let large = (0..10).map(|n| (Leg::Local, n, &[0; 1000][..]));
        assert!(output.block(large.clone(), Vec::new()).is_none());
        drop(first);
        let next = output
            .block(packets.into_iter(), Vec::new())
            .expect("space again");
        assert_eq!((next.packets, next.refused), (2, 10));
        assert!(output.last_refused().is_none());
        assert!(output.block(large, Vec::new()).is_none());
        assert_eq!(output.last_refused().map(|block| block.refused), Some(10));
    }
}
