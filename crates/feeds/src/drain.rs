//! The worker's side of a leg's ring.

use std::sync::Arc;

use super::counts::LegCounts;
use super::feed_rings::RingReader;
use super::waiter::FeedWaiter;
use callrec_base::sync::atomic::Ordering;
use callrec_media::packet::StoredPackets;

/// Memory that all visits of a worker share, so that it stays in the cache.
#[derive(Default)]
pub(super) struct Scratch {
    /// The bytes from a ring.
    packets: Vec<u8>,
    /// The audio of each leg, during a visit.
    pub logs: [Vec<u8>; 3],
}

/// Reads the packets of a leg's feeds.
#[derive(Default)]
pub(super) struct Drain {
    pub ring: Option<RingReader>,
    pub waiter: Option<Arc<FeedWaiter>>,
    taken: u64,
}

impl Drain {
    /// Continues in the feed's new ring, if there is one.
    pub(super) fn replace_ring(&mut self, ring: Option<RingReader>) {
        if ring.is_some() {
            self.ring = ring;
        }
    }

    /// Bytes read during the leg's whole life.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Bytes of the present feed's own ring.
    pub(super) fn ring_bytes(&self) -> usize {
        self.ring.as_ref().map_or(0, RingReader::bytes)
    }

    /// The packets before position `limit` that have not been read.
    pub(super) fn up_to<'a>(
        &mut self,
        limit: u64,
        counts: &LegCounts,
        scratch: &'a mut Scratch,
    ) -> StoredPackets<'a> {
        if limit <= self.taken {
            return StoredPackets::new(&[]);
        }
        let from = std::mem::replace(&mut self.taken, limit);
        let Some(ring) = &mut self.ring else {
            return StoredPackets::new(&[]);
        };
        ring.load(from, limit, counts, &mut scratch.packets);
        counts.worker.taken.store(limit, Ordering::SeqCst);
        if counts.worker.waiting.load(Ordering::SeqCst)
            && let Some(waiter) = &self.waiter
        {
            counts.worker.waiting.store(false, Ordering::SeqCst);
            waiter.drained();
        }
        StoredPackets::new(&scratch.packets)
    }
}

/// Separates interleaved samples into those of the two legs.
#[derive(Default)]
pub(super) struct Deinterleaver([Vec<u8>; 2]);

impl Deinterleaver {
    /// `position`: number of leading bytes that belong to both legs.
    pub(super) fn split(&mut self, payload: &[u8], position: usize, sample_bytes: usize) -> [&[u8]; 2] {
        let (head, samples) = payload.split_at(position.min(payload.len()));
        for (channel, out) in self.0.iter_mut().enumerate() {
            out.clear();
            out.extend_from_slice(head);
            let own = samples.chunks_exact(sample_bytes).skip(channel).step_by(2);
            own.for_each(|sample| out.extend_from_slice(sample));
        }
        [&self.0[0], &self.0[1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_samples_are_separated() {
        let mut deinterleaver = Deinterleaver::default();
        assert_eq!(deinterleaver.split(b"LlRrLlRr", 0, 2), [b"LlLl", b"RrRr"]);
        assert_eq!(
            deinterleaver.split(b"position LRLR", 9, 1),
            [b"position LL", b"position RR"]
        );
    }
}
