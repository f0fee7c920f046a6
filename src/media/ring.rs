//! The worker's end of a leg's ring.

use std::sync::Arc;

use super::feed::{FeedWaiter, HEADER, Header, Kind, LegCounts};
use crate::clock::NS_PER_S;
use crate::sync::atomic::Ordering;
use crate::sync::pipe::Consumer;

/// How far ahead of a late record is looked: 400 ms of 10 ms packets.
const LOOK_RECORDS: usize = 40;

/// The ring's other end.
#[derive(Default)]
pub(super) struct Ring {
    pub consumer: Option<Consumer<u8>>,
    pub waiter: Option<Arc<FeedWaiter>>,
    /// Bytes taken over the leg's whole life.
    taken: u64,
    wrapped: Vec<u8>,
}

impl Ring {
    /// Gives each record handed in up to `limit` to `each`.
    pub(super) fn drain(
        &mut self,
        limit: u64,
        counts: &LegCounts,
        mut each: impl FnMut(Header, &[u8], Behind<'_>),
    ) {
        let count = limit.saturating_sub(self.taken) as usize;
        if count == 0 {
            return;
        }
        self.taken = limit;
        let Some(consumer) = &mut self.consumer else {
            return;
        };
        if let Ok(chunk) = consumer.read_chunk(count) {
            let slices = chunk.as_slices();
            let mut at = 0;
            while at + HEADER <= count {
                let Some(header) = Header::parse(part(slices, at, HEADER, &mut self.wrapped)) else {
                    break;
                };
                let payload = part(slices, at + HEADER, header.len, &mut self.wrapped);
                at += HEADER + header.len;
                each(header, payload, Behind { slices, at, count });
            }
            chunk.commit_all();
        }
        counts.taken.store(limit, Ordering::SeqCst);
        if counts.waiting.load(Ordering::SeqCst)
            && let Some(waiter) = &self.waiter
        {
            counts.waiting.store(false, Ordering::SeqCst);
            waiter.drained();
        }
    }
}

/// The records behind one, as far as they have been handed in.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a> {
    slices: (&'a [u8], &'a [u8]),
    at: usize,
    count: usize,
}

impl Behind<'_> {
    /// Payload of the writes that came in one burst with the one before: each sooner
    /// than half of its own length after its predecessor.
    pub(super) fn burst(self, mut arrival_ns: u64, bytes_per_s: u64) -> usize {
        let mut burst = 0;
        self.any(|header, _| {
            let half_ns = header.len as u64 * NS_PER_S / bytes_per_s.max(1) / 2;
            if header.kind != Kind::Write || header.arrival_ns.saturating_sub(arrival_ns) >= half_ns {
                return true;
            }
            burst += header.len;
            arrival_ns = header.arrival_ns;
            false
        });
        burst
    }

    /// Whether one of the next ones fits; looks no further then, and never far: a peer
    /// decides how often it is asked.
    pub(super) fn any(mut self, mut fits: impl FnMut(&Header, &[u8]) -> bool) -> bool {
        let (mut head, mut body) = (Vec::new(), Vec::new());
        for _ in 0..LOOK_RECORDS {
            if self.at + HEADER > self.count {
                break;
            }
            let Some(header) = Header::parse(part(self.slices, self.at, HEADER, &mut head)) else {
                return false;
            };
            if fits(
                &header,
                part(self.slices, self.at + HEADER, header.len, &mut body),
            ) {
                return true;
            }
            self.at += HEADER + header.len;
        }
        false
    }
}

/// `len` bytes at `at` of a ring's two slices; copied only where it wraps.
fn part<'a>(
    (first, second): (&'a [u8], &'a [u8]),
    at: usize,
    len: usize,
    wrapped: &'a mut Vec<u8>,
) -> &'a [u8] {
    if let Some(whole) = first.get(at..at + len) {
        return whole;
    }
    if at >= first.len() {
        let at = at - first.len();
        return second.get(at..at + len).unwrap_or_default();
    }
    let head = &first[at..];
    wrapped.clear();
    wrapped.extend_from_slice(head);
    wrapped.extend_from_slice(second.get(..len - head.len()).unwrap_or_default());
    wrapped
}
