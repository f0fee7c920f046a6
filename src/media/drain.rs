//! The worker's end of a leg's ring.

use std::sync::Arc;

use super::feed::LegCounts;
use super::record::{HEADER, Header, Kind, record_bytes};
use super::switches::Outlet;
use super::waiter::FeedWaiter;
use crate::clock::NS_PER_S;
use crate::sync::atomic::Ordering;

/// How far ahead of a late record is looked: 400 ms of 10 ms packets.
const LOOK_RECORDS: usize = 40;

/// Where a worker's visits copy what they take out of the rings.
#[derive(Default)]
pub(super) struct Scratch(Vec<u8>);

/// The rings of a leg's present feed, and how far they were emptied.
#[derive(Default)]
pub(super) struct Drain {
    pub ring: Option<Outlet>,
    pub waiter: Option<Arc<FeedWaiter>>,
    /// Bytes taken over the leg's whole life.
    taken: u64,
}

impl Drain {
    /// The feed goes on in a bigger ring, if there is one.
    pub(super) fn grown(&mut self, ring: Option<Outlet>) {
        if ring.is_some() {
            self.ring = ring;
        }
    }

    /// Gives each record handed in up to `limit` to `each`.
    pub(super) fn up_to(
        &mut self,
        limit: u64,
        counts: &LegCounts,
        scratch: &mut Scratch,
        mut each: impl FnMut(Header, &[u8], Behind<'_>),
    ) {
        if limit <= self.taken {
            return;
        }
        let from = std::mem::replace(&mut self.taken, limit);
        let Some(ring) = &mut self.ring else {
            return;
        };
        ring.load(from, limit, &mut scratch.0);
        counts.worker.taken.store(limit, Ordering::SeqCst);
        if counts.worker.waiting.load(Ordering::SeqCst)
            && let Some(waiter) = &self.waiter
        {
            counts.worker.waiting.store(false, Ordering::SeqCst);
            waiter.drained();
        }
        let mut rest = Behind(&scratch.0);
        while let Some((header, payload)) = rest.next() {
            each(header, payload, rest);
        }
    }
}

/// The records behind one, as far as they have been handed in.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a>(&'a [u8]);

impl<'a> Behind<'a> {
    fn next(&mut self) -> Option<(Header, &'a [u8])> {
        let header = Header::parse(self.0)?;
        let payload = self.0.get(HEADER..HEADER + header.len)?;
        self.0 = self.0.get(record_bytes(header.len)..)?;
        Some((header, payload))
    }

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
        for _ in 0..LOOK_RECORDS {
            match self.next() {
                Some((header, payload)) if fits(&header, payload) => return true,
                Some(_) => {}
                None => break,
            }
        }
        false
    }
}
