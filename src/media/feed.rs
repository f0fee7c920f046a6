//! The host's side of a leg: a ring of records, filled without a lock, an allocation
//! or a system call.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::record::{HEADER, Header, Kind, POSITION, record_bytes};
use super::ring::Ring;
use super::{CallTap, ClockMode};
use crate::clock::coarse_ns;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::words::{Codec, FeedFormat, Leg, Status};

/// What a leg's feeds and its worker know of each other. One writer per field, and
/// the feed's fields on another cache line than the worker's.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct LegCounts {
    /// Bytes put into the leg's rings over its whole life.
    pub handed: AtomicU64,
    pub overrun_samples: AtomicU32,
    pub overrun_packets: AtomicU32,
    pub worker: WorkerCounts,
}

#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct WorkerCounts {
    /// Bytes taken out of the rings again.
    pub taken: AtomicU64,
    /// Somebody waits for room.
    pub waiting: AtomicBool,
}

/// One instant of a leg's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Handed {
    pub bytes: u64,
    pub samples_lost: u32,
    pub packets_lost: u32,
}

impl LegCounts {
    /// The overruns are read first: every record that came before one of them is then
    /// among the bytes, so that a trailing loss is never put before its own past.
    pub(super) fn handed(&self) -> Handed {
        let samples_lost = self.overrun_samples.load(Ordering::Acquire);
        let packets_lost = self.overrun_packets.load(Ordering::Acquire);
        Handed {
            bytes: self.handed.load(Ordering::Acquire),
            samples_lost,
            packets_lost,
        }
    }
}

/// 400 ms, or 8 KiB if that is more.
fn ring_bytes(format: FeedFormat) -> usize {
    (format.rate as usize * format.codec.sample_bytes() * 2 / 5).max(Ring::LEAST)
}

/// The producer of one leg. Only one exists for a leg at a time.
///
/// What a packet needs comes first, and shares a cache line with its slot's lock: the
/// only memory that it loads. All else it only stores to.
#[repr(C)]
pub struct Feed {
    ring: Ring,
    /// What `LegCounts` says of this leg's feed: nobody else writes it.
    handed: u64,
    call: Arc<CallTap>,
    overrun_samples: u32,
    overrun_packets: u32,
    /// Bytes of the ring that were free when last looked at, less what came since.
    free: u32,
    /// Bytes of the largest payload.
    largest: u16,
    leg: Leg,
    codec: Codec,
    /// `handed` when the ring was made.
    begin: u64,
    waiter: Arc<FeedWaiter>,
}

/// What a slot's first cache line has room for.
#[cfg(all(target_pointer_width = "64", not(any(callrec_loom, callrec_shuttle))))]
const _: () = assert!(std::mem::offset_of!(Feed, begin) <= 64 - 16);

impl Feed {
    pub(super) fn new(call: Arc<CallTap>, leg: Leg, format: FeedFormat) -> (Feed, Ring, Arc<FeedWaiter>) {
        let ring = Ring::new(ring_bytes(format));
        let waiter = Arc::new(FeedWaiter::new(Arc::downgrade(&call), leg, ring.bytes()));
        let counts = call.counts(leg);
        let handed = counts.handed.load(Ordering::Relaxed);
        let feed = Feed {
            free: ring.bytes() as u32,
            handed,
            begin: handed,
            overrun_samples: counts.overrun_samples.load(Ordering::Relaxed),
            overrun_packets: counts.overrun_packets.load(Ordering::Relaxed),
            largest: largest(format),
            leg,
            codec: format.codec,
            call,
            waiter: waiter.clone(),
            ring: ring.clone(),
        };
        (feed, ring, waiter)
    }

    /// Takes the new format; gives the new ring if a bigger one is needed.
    pub(super) fn change_format(&mut self, format: FeedFormat) -> Option<Ring> {
        self.codec = format.codec;
        self.make_room(format)
    }

    /// Packets of this format may come as well; gives the new ring if a bigger one is
    /// needed.
    pub(super) fn make_room(&mut self, format: FeedFormat) -> Option<Ring> {
        self.largest = self.largest.max(largest(format));
        let bytes = ring_bytes(format);
        if bytes <= self.ring.bytes() {
            return None;
        }
        self.ring = Ring::new(bytes);
        self.free = self.ring.bytes() as u32;
        self.begin = self.handed;
        let capacity = self.ring.bytes() as u64;
        self.waiter.capacity.store(capacity, Ordering::SeqCst);
        Some(self.ring.clone())
    }

    /// One packet, received `age_ns` ago.
    pub fn rtp(&mut self, packet: &[u8], age_ns: u64) -> Status {
        self.rtp_arrived(packet, coarse_ns().saturating_sub(age_ns))
    }

    /// The samples after those of the last write.
    pub fn write(&mut self, payload: &[u8]) -> Status {
        self.write_arrived(payload, coarse_ns())
    }

    /// Samples whose place is known by the host's own clock of this leg.
    pub fn write_at(&mut self, at_samples: u64, payload: &[u8]) -> Status {
        self.write_at_arrived(at_samples, payload, coarse_ns())
    }

    pub fn waiter(&self) -> Arc<FeedWaiter> {
        self.waiter.clone()
    }

    pub fn leg(&self) -> Leg {
        self.leg
    }

    #[doc(hidden)]
    pub fn rtp_arrived(&mut self, packet: &[u8], arrival_ns: u64) -> Status {
        self.put(Kind::Rtp, None, packet, arrival_ns)
    }

    #[doc(hidden)]
    pub fn write_arrived(&mut self, payload: &[u8], arrival_ns: u64) -> Status {
        match self.whole_samples(payload) {
            Some(status) => status,
            None => self.put(Kind::Write, None, payload, arrival_ns),
        }
    }

    #[doc(hidden)]
    pub fn write_at_arrived(&mut self, at: u64, payload: &[u8], arrival_ns: u64) -> Status {
        match self.whole_samples(payload) {
            Some(status) => status,
            None => self.put(Kind::WriteAt, Some(at), payload, arrival_ns),
        }
    }

    /// The answer to a write that needs no ring.
    fn whole_samples(&self, payload: &[u8]) -> Option<Status> {
        if payload.is_empty() {
            return Some(Status::Ok);
        }
        let whole = payload.len().is_multiple_of(self.codec.sample_bytes());
        (!whole).then_some(Status::InvalidArgument)
    }

    #[inline]
    fn counts(&self) -> &LegCounts {
        self.call.counts(self.leg)
    }

    #[inline]
    fn put(&mut self, kind: Kind, position: Option<u64>, payload: &[u8], arrival_ns: u64) -> Status {
        if payload.len() > usize::from(self.largest) {
            return Status::InvalidArgument;
        }
        let len = payload.len() + position.map_or(0, |_| POSITION);
        let bytes = record_bytes(len) as u32;
        if bytes > self.free && !self.has_room(bytes) {
            return self.overrun(kind, payload.len());
        }
        let header = Header {
            kind,
            len,
            overruns: match kind {
                Kind::Rtp => self.overrun_packets,
                Kind::Write | Kind::WriteAt => self.overrun_samples,
            },
            arrival_ns,
        };
        let [word, arrival] = header.words();
        match position {
            None => self.ring.store(self.handed, &[word, arrival], payload),
            Some(at) => self.ring.store(self.handed, &[word, arrival, at], payload),
        }
        self.free -= bytes;
        self.handed += u64::from(bytes);
        // The worker reads no further than this, so it never sees half a record.
        self.counts().handed.store(self.handed, Ordering::Release);
        Status::Ok
    }

    /// Looks at what the worker has taken. What it still has to take from an earlier
    /// ring lies before this one's beginning.
    #[cold]
    fn has_room(&mut self, bytes: u32) -> bool {
        let taken = self.counts().worker.taken.load(Ordering::Acquire);
        let used = self.handed - taken.max(self.begin);
        self.free = self.ring.bytes() as u32 - used as u32;
        bytes <= self.free
    }

    #[cold]
    fn overrun(&mut self, kind: Kind, payload: usize) -> Status {
        if self.call.config().clock == ClockMode::Stream {
            self.call.hungry();
            return Status::Overrun;
        }
        let counts = self.call.counts(self.leg);
        let (told, count, more) = match kind {
            Kind::Rtp => (&counts.overrun_packets, &mut self.overrun_packets, 1),
            Kind::Write | Kind::WriteAt => (
                &counts.overrun_samples,
                &mut self.overrun_samples,
                (payload / self.codec.sample_bytes()) as u32,
            ),
        };
        *count = count.wrapping_add(more);
        told.store(*count, Ordering::Release);
        self.call.stats().frames_lost.fetch_add(1, Ordering::Relaxed);
        Status::Overrun
    }
}

/// A quarter of what the format needs: 2,048 bytes or 100 ms.
fn largest(format: FeedFormat) -> u16 {
    u16::try_from(ring_bytes(format) / 4).unwrap_or(u16::MAX)
}

/// Lets a thread wait for room in a ring without holding the feed itself.
pub struct FeedWaiter {
    call: Weak<CallTap>,
    leg: Leg,
    capacity: AtomicU64,
    closed: Mutex<bool>,
    changed: Condvar,
}

impl FeedWaiter {
    fn new(call: Weak<CallTap>, leg: Leg, capacity: usize) -> FeedWaiter {
        FeedWaiter {
            call,
            leg,
            capacity: AtomicU64::new(capacity as u64),
            closed: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    /// True once the largest write fits into the ring; false when time is up or the feed closed.
    pub fn wait(&self, timeout: Duration) -> bool {
        let Some(call) = self.call.upgrade() else {
            return false;
        };
        let deadline = Instant::now().checked_add(timeout);
        let mut closed = self.closed.lock();
        loop {
            if *closed {
                return false;
            }
            if self.has_room(&call) {
                return true;
            }
            call.counts(self.leg).worker.waiting.store(true, Ordering::SeqCst);
            // Again, as the worker may have looked for waiters just before.
            if self.has_room(&call) {
                return true;
            }
            call.wake();
            let timed_out = match deadline {
                Some(deadline) => self.changed.wait_until(&mut closed, deadline).timed_out(),
                None => {
                    self.changed.wait(&mut closed);
                    false
                }
            };
            if timed_out {
                return !*closed && self.has_room(&call);
            }
        }
    }

    fn has_room(&self, call: &CallTap) -> bool {
        let counts = call.counts(self.leg);
        let taken = counts.worker.taken.load(Ordering::SeqCst);
        let used = counts.handed.load(Ordering::SeqCst).saturating_sub(taken);
        let capacity = self.capacity.load(Ordering::SeqCst);
        capacity.saturating_sub(used) >= capacity / 4 + (HEADER + POSITION) as u64
    }

    /// The worker has taken something out. The lock makes sure that a waiter which has
    /// looked already is asleep and hears it.
    pub(super) fn drained(&self) {
        let _closed = self.closed.lock();
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        *self.closed.lock() = true;
        self.changed.notify_all();
    }
}
