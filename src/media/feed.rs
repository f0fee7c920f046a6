//! The host's side of a leg: a ring of records, filled without a lock, an allocation
//! or a system call.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::{CallTap, ClockMode};
use crate::clock::coarse_ns;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::pipe::{Consumer, Producer, RingBuffer};
use crate::sync::{Condvar, Mutex};
use crate::words::{FeedFormat, Leg, Status};

pub(super) const HEADER: usize = 16;
const POSITION: usize = 8;
/// A model fills its rings with two packets.
const LEAST_RING: usize = if cfg!(callrec_loom) { 96 } else { 8 * 1024 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rtp = 0,
    Write = 1,
    /// The payload is preceded by its position, 8 bytes.
    WriteAt = 2,
}

/// What stands before each payload in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    pub len: usize,
    /// Overruns of the leg so far (wrapping): samples for writes, packets for RTP.
    pub overruns: u32,
    pub arrival_ns: u64,
}

impl Header {
    fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let word = self.len as u32 | (self.kind as u32) << 24;
        bytes[..4].copy_from_slice(&word.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.overruns.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.arrival_ns.to_ne_bytes());
        bytes
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Header> {
        let (word, rest) = bytes.split_first_chunk::<4>()?;
        let (overruns, rest) = rest.split_first_chunk::<4>()?;
        let (arrival, _) = rest.split_first_chunk::<8>()?;
        let word = u32::from_ne_bytes(*word);
        Some(Header {
            kind: match word >> 24 {
                0 => Kind::Rtp,
                1 => Kind::Write,
                2 => Kind::WriteAt,
                _ => return None,
            },
            len: (word & 0xff_ffff) as usize,
            overruns: u32::from_ne_bytes(*overruns),
            arrival_ns: u64::from_ne_bytes(*arrival),
        })
    }
}

/// What a leg's feeds and its worker know of each other. One writer per field.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct LegCounts {
    /// Bytes put into the leg's rings over its whole life.
    pub handed: AtomicU64,
    pub overrun_samples: AtomicU32,
    pub overrun_packets: AtomicU32,
    /// Bytes taken out again, by the worker.
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

/// 8 KiB or 400 ms, whichever is more.
pub(super) fn ring_bytes(format: FeedFormat) -> usize {
    (format.rate as usize * format.codec.sample_bytes() * 2 / 5).max(LEAST_RING)
}

/// A ring whose memory has been touched, so that no packet pays for a page fault.
pub(super) fn new_ring(bytes: usize) -> (Producer<u8>, Consumer<u8>) {
    let (mut producer, mut consumer) = RingBuffer::new(bytes);
    if let Ok(chunk) = producer.write_chunk(bytes) {
        chunk.commit_all();
    }
    if let Ok(chunk) = consumer.read_chunk(bytes) {
        chunk.commit_all();
    }
    (producer, consumer)
}

/// The producer of one leg. Only one exists for a leg at a time.
pub struct Feed {
    producer: Producer<u8>,
    call: Arc<CallTap>,
    leg: Leg,
    format: FeedFormat,
    capacity: usize,
    real: bool,
    waiter: Arc<FeedWaiter>,
}

impl Feed {
    pub(super) fn new(
        call: Arc<CallTap>,
        leg: Leg,
        format: FeedFormat,
    ) -> (Feed, Consumer<u8>, Arc<FeedWaiter>) {
        let capacity = ring_bytes(format);
        let (producer, consumer) = new_ring(capacity);
        let waiter = Arc::new(FeedWaiter::new(Arc::downgrade(&call), leg, capacity));
        let feed = Feed {
            producer,
            leg,
            format,
            capacity,
            real: call.config().clock == ClockMode::Real,
            call,
            waiter: waiter.clone(),
        };
        (feed, consumer, waiter)
    }

    /// Takes the new format; gives the new ring's other end if a bigger one is needed.
    pub(super) fn change_format(&mut self, format: FeedFormat) -> Option<Consumer<u8>> {
        self.format = format;
        let bytes = ring_bytes(format);
        if bytes <= self.capacity {
            return None;
        }
        let (producer, consumer) = new_ring(bytes);
        self.producer = producer;
        self.capacity = bytes;
        self.waiter.capacity.store(bytes as u64, Ordering::SeqCst);
        Some(consumer)
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
        self.put(Kind::Rtp, &[], packet, arrival_ns)
    }

    #[doc(hidden)]
    pub fn write_arrived(&mut self, payload: &[u8], arrival_ns: u64) -> Status {
        match self.whole_samples(payload) {
            Some(status) => status,
            None => self.put(Kind::Write, &[], payload, arrival_ns),
        }
    }

    #[doc(hidden)]
    pub fn write_at_arrived(&mut self, at: u64, payload: &[u8], arrival_ns: u64) -> Status {
        match self.whole_samples(payload) {
            Some(status) => status,
            None => self.put(Kind::WriteAt, &at.to_ne_bytes(), payload, arrival_ns),
        }
    }

    /// The answer to a write that needs no ring.
    fn whole_samples(&self, payload: &[u8]) -> Option<Status> {
        if payload.is_empty() {
            return Some(Status::Ok);
        }
        let whole = payload.len().is_multiple_of(self.format.codec.sample_bytes());
        (!whole).then_some(Status::InvalidArgument)
    }

    #[inline]
    fn put(&mut self, kind: Kind, position: &[u8], payload: &[u8], arrival_ns: u64) -> Status {
        debug_assert!(position.is_empty() || position.len() == POSITION);
        let len = position.len() + payload.len();
        let bytes = HEADER + len;
        if payload.len() > self.capacity / 4 {
            return Status::InvalidArgument;
        }
        if self.producer.cached_slots() < bytes && self.producer.slots() < bytes {
            return self.overrun(kind, payload.len());
        }
        let counts = self.call.counts(self.leg);
        let overruns = match kind {
            Kind::Rtp => counts.overrun_packets.load(Ordering::Relaxed),
            Kind::Write | Kind::WriteAt => counts.overrun_samples.load(Ordering::Relaxed),
        };
        let header = Header {
            kind,
            len,
            overruns,
            arrival_ns,
        };
        // The worker reads no further than `handed`, so it never sees half a record.
        let whole = self.producer.push_entire_slice(&header.bytes()).is_ok()
            && (position.is_empty() || self.producer.push_entire_slice(position).is_ok())
            && self.producer.push_entire_slice(payload).is_ok();
        debug_assert!(whole, "room was asked for before");
        let handed = counts.handed.load(Ordering::Relaxed);
        counts
            .handed
            .store(handed.wrapping_add(bytes as u64), Ordering::Release);
        Status::Ok
    }

    #[cold]
    fn overrun(&mut self, kind: Kind, payload: usize) -> Status {
        if !self.real {
            self.call.hungry();
            return Status::Overrun;
        }
        let counts = self.call.counts(self.leg);
        let (count, more) = match kind {
            Kind::Rtp => (&counts.overrun_packets, 1),
            Kind::Write | Kind::WriteAt => (
                &counts.overrun_samples,
                (payload / self.format.codec.sample_bytes()) as u32,
            ),
        };
        let so_far = count.load(Ordering::Relaxed);
        count.store(so_far.wrapping_add(more), Ordering::Release);
        self.call.stats().frames_lost.fetch_add(1, Ordering::Relaxed);
        Status::Overrun
    }
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
            call.counts(self.leg).waiting.store(true, Ordering::SeqCst);
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
        let taken = counts.taken.load(Ordering::SeqCst);
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
