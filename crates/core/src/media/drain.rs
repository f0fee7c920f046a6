//! The worker's end of a leg's ring.

use std::sync::Arc;

use super::counts::LegCounts;
use super::feed_rings::RingReader;
use super::waiter::FeedWaiter;
use crate::sync::atomic::Ordering;
use callrec_media::record::{HEADER, RecordHeader, record_bytes};

/// Where a worker's visits copy what they take out of the rings.
#[derive(Default)]
pub(super) struct Scratch(Vec<u8>);

/// The rings of a leg's present feed, and how far they were emptied.
#[derive(Default)]
pub(super) struct Drain {
    pub ring: Option<RingReader>,
    pub waiter: Option<Arc<FeedWaiter>>,
    /// Bytes taken over the leg's whole life.
    taken: u64,
}

impl Drain {
    /// The feed goes on in a bigger ring, if there is one.
    pub(super) fn grown(&mut self, ring: Option<RingReader>) {
        if ring.is_some() {
            self.ring = ring;
        }
    }

    /// Bytes taken over the leg's whole life.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Of the present feed's own ring.
    pub(super) fn ring_bytes(&self) -> usize {
        self.ring.as_ref().map_or(0, RingReader::bytes)
    }

    /// Gives each record handed in up to `limit` to `each`.
    pub(super) fn up_to(
        &mut self,
        limit: u64,
        counts: &LegCounts,
        scratch: &mut Scratch,
        mut each: impl FnMut(RecordHeader, &[u8]),
    ) {
        if limit <= self.taken {
            return;
        }
        let from = std::mem::replace(&mut self.taken, limit);
        let Some(ring) = &mut self.ring else {
            return;
        };
        ring.load(from, limit, counts, &mut scratch.0);
        counts.worker.taken.store(limit, Ordering::SeqCst);
        if counts.worker.waiting.load(Ordering::SeqCst)
            && let Some(waiter) = &self.waiter
        {
            counts.worker.waiting.store(false, Ordering::SeqCst);
            waiter.drained();
        }
        let mut rest = &scratch.0[..];
        while let Some((header, payload)) = next(&mut rest) {
            each(header, payload);
        }
    }
}

/// The first record, and what is behind it.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(RecordHeader, &'a [u8])> {
    let header = RecordHeader::parse(rest)?;
    let payload = rest.get(HEADER..HEADER + header.len)?;
    *rest = rest.get(record_bytes(header.len)..)?;
    Some((header, payload))
}

/// Takes interleaved samples apart, into the two legs' own.
#[derive(Default)]
pub(super) struct Deinterleaver([Vec<u8>; 2]);

impl Deinterleaver {
    /// `position`: bytes before the samples that belong to both.
    pub(super) fn split(&mut self, payload: &[u8], position: usize, sample_bytes: usize) -> [&[u8]; 2] {
        let (head, samples) = payload.split_at(position.min(payload.len()));
        for (channel, out) in self.0.iter_mut().enumerate() {
            out.clear();
            out.extend_from_slice(head);
            let one = samples.chunks_exact(sample_bytes).skip(channel).step_by(2);
            one.for_each(|sample| out.extend_from_slice(sample));
        }
        [&self.0[0], &self.0[1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_samples_are_taken_apart() {
        let mut deinterleaver = Deinterleaver::default();
        assert_eq!(deinterleaver.split(b"LlRrLlRr", 0, 2), [b"LlLl", b"RrRr"]);
        assert_eq!(
            deinterleaver.split(b"position LRLR", 9, 1),
            [b"position LL", b"position RR"]
        );
    }
}
