//! The host's side of a leg: records stored in a ring, without a lock, an allocation
//! or a system call.

use std::sync::{Arc, Weak};

use super::ClockMode;
use super::call_tap::CallTap;
use super::counts::LegCounts;
use super::feed_ring::FeedRing;
use super::feed_rings::{FeedRings, RingReader};
use super::overflow::{CHUNK, chunks_for};
use super::ring_memory::RingLease;
use super::waiter::{FeedWaiter, WaitedFor};
use super::write_limiter::{Admission, WriteLimiter};
use crate::memory;
use crate::sync::atomic::Ordering;
use crate::types::{FeedOptions, Leg, Result, Status};
use callrec_media::record::{HEADER, Kind, POSITION, RecordHeader, record_bytes};

/// 400 ms, or 8 KiB if that is more.
fn ring_bytes(options: FeedOptions) -> usize {
    (options.bytes_per_s() as usize * 2 / 5).max(FeedRing::LEAST)
}

/// The memory of a feed that is still to be made.
pub struct FeedMemory(Arc<RingLease>);

impl FeedMemory {
    /// `LIMIT` if there is no memory for it.
    pub(super) fn lease(call: &CallTap, options: impl Into<FeedOptions>) -> Result<FeedMemory> {
        let lease = call.overflow().homes().lease(ring_bytes(options.into()));
        lease.map(FeedMemory).ok_or_else(memory::exhausted)
    }
}

/// Bytes of one sample of each channel, a power of two, and whether there are two.
#[derive(Clone, Copy)]
struct FrameSize(u8);

impl FrameSize {
    const STEREO: u8 = 0x80;

    fn of(options: FeedOptions) -> FrameSize {
        let stereo = if options.is_stereo() { FrameSize::STEREO } else { 0 };
        FrameSize(options.frame_bytes() as u8 | stereo)
    }

    #[inline]
    fn bytes(self) -> usize {
        usize::from(self.0 & !FrameSize::STEREO)
    }

    #[inline]
    fn is_stereo(self) -> bool {
        self.0 & FrameSize::STEREO != 0
    }

    #[inline]
    fn divides(self, bytes: usize) -> bool {
        bytes & (self.bytes() - 1) == 0
    }
}

/// The producer of one leg. Only one exists for a leg at a time.
///
/// What a packet needs comes first, and shares a cache line with its slot's lock: the
/// only memory that it loads. All else it only stores to. (A write in real time looks at
/// `limiter` as well, on the next line.)
#[repr(C)]
pub struct Feed {
    /// The one that it stores to now.
    ring: FeedRing,
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
    frame_size: FrameSize,
    /// `handed` when the feed went to this ring.
    begin: u64,
    /// `None` in stream time, where nothing is too far ahead.
    limiter: Option<WriteLimiter>,
    /// Apart, so that a slot has no more than two cache lines.
    rings: Box<FeedRings>,
    waiter: Arc<FeedWaiter>,
}

/// What a slot's first cache line has room for.
#[cfg(all(target_pointer_width = "64", not(any(callrec_loom, callrec_shuttle))))]
const _: () = assert!(std::mem::offset_of!(Feed, begin) <= 64 - 16);
#[cfg(all(target_pointer_width = "64", not(any(callrec_loom, callrec_shuttle))))]
const _: () = assert!(size_of::<Feed>() <= 2 * 64 - 16);

impl Feed {
    /// `home`: of these options.
    pub(super) fn new(
        call: Arc<CallTap>,
        leg: Leg,
        options: impl Into<FeedOptions>,
        home: FeedMemory,
    ) -> (Feed, RingReader, Arc<FeedWaiter>) {
        let options = options.into();
        let FeedMemory(home) = home;
        let ring = home.ring().clone();
        let rings = Box::new(rings(&call, home, chunks_for(options)));
        let reader = rings.reader(call.counts(leg));
        let waited_for: Weak<dyn WaitedFor> = Arc::<CallTap>::downgrade(&call);
        let waiter = Arc::new(FeedWaiter::new(waited_for, leg, ring.bytes()));
        let counts = call.counts(leg);
        let handed = counts.handed.load(Ordering::Relaxed);
        let real = call.config().clock == ClockMode::Real;
        let feed = Feed {
            free: ring.bytes() as u32,
            handed,
            begin: handed,
            overrun_samples: counts.overrun_samples.load(Ordering::Relaxed),
            overrun_packets: counts.overrun_packets.load(Ordering::Relaxed),
            largest: largest(options),
            leg,
            frame_size: FrameSize::of(options),
            call,
            limiter: real.then(|| WriteLimiter::new(options.format.rate, options.ahead_ms)),
            waiter: waiter.clone(),
            ring,
            rings,
        };
        (feed, reader, waiter)
    }

    /// Takes the new format; gives the new ring if a bigger one is needed. Nothing changes if
    /// there is no memory for that.
    pub(super) fn change_format(&mut self, options: impl Into<FeedOptions>) -> Result<Option<RingReader>> {
        let options = options.into();
        let reader = self.make_room(options)?;
        self.frame_size = FrameSize::of(options);
        if let Some(limiter) = &mut self.limiter {
            limiter.set(options.format.rate, options.ahead_ms);
        }
        Ok(reader)
    }

    /// Packets of this format may come as well; gives the new ring if a bigger one is
    /// needed. Nothing changes if there is no memory for that.
    pub(super) fn make_room(&mut self, options: impl Into<FeedOptions>) -> Result<Option<RingReader>> {
        let options = options.into();
        let chunks = chunks_for(options);
        if ring_bytes(options) <= self.rings.home().bytes() {
            self.largest = self.largest.max(largest(options));
            self.rings.want(chunks);
            return Ok(None);
        }
        let FeedMemory(home) = FeedMemory::lease(&self.call, options)?;
        self.largest = self.largest.max(largest(options));
        self.ring = home.ring().clone();
        *self.rings = rings(&self.call, home, chunks);
        self.free = self.ring.bytes() as u32;
        self.begin = self.handed;
        self.waiter.set_capacity(self.ring.bytes());
        Ok(Some(self.rings.reader(self.counts())))
    }

    pub fn waiter(&self) -> Arc<FeedWaiter> {
        self.waiter.clone()
    }

    pub fn leg(&self) -> Leg {
        self.leg
    }

    /// Whether both legs are written at once.
    pub fn is_stereo(&self) -> bool {
        self.frame_size.is_stereo()
    }

    /// What was written ahead has been taken back. `now_ns`: the coarse clock, as in all that
    /// follows.
    pub fn clear(&mut self, now_ns: u64) {
        if let Some(limiter) = &mut self.limiter {
            limiter.clear(now_ns);
        }
        self.waiter.cleared();
    }

    /// One packet, just received.
    pub fn rtp(&mut self, packet: &[u8], arrival_ns: u64) -> Status {
        self.packet(Kind::Rtp, packet, arrival_ns)
    }

    /// One packet. `arrival_ns`: when it was received, as the host says.
    pub fn rtp_aged(&mut self, packet: &[u8], arrival_ns: u64) -> Status {
        self.packet(Kind::RtpAged, packet, arrival_ns)
    }

    #[inline]
    fn packet(&mut self, kind: Kind, packet: &[u8], arrival_ns: u64) -> Status {
        if self.frame_size.is_stereo() {
            return Status::InvalidArgument;
        }
        self.put(kind, None, packet, arrival_ns)
    }

    /// The samples after those of the last write.
    pub fn write(&mut self, payload: &[u8], arrival_ns: u64) -> Status {
        if let Some(status) = self.whole_frames(payload) {
            return status;
        }
        let frames = payload.len() / self.frame_size.bytes();
        let admission = self
            .limiter
            .as_mut()
            .map(|limiter| limiter.admit(frames, arrival_ns));
        if let Some(Admission::NotBefore(due_ns)) = admission {
            return self.too_far_ahead(payload.len(), due_ns);
        }
        let status = self.put(Kind::Write, None, payload, arrival_ns);
        if let (Some(Admission::Until(until_ns)), Some(limiter), Status::Ok) =
            (admission, &mut self.limiter, status)
        {
            limiter.wrote(until_ns);
        }
        status
    }

    /// Samples whose place is known by the host's own clock of this leg.
    pub fn write_at(&mut self, at: u64, payload: &[u8], arrival_ns: u64) -> Status {
        match self.whole_frames(payload) {
            Some(status) => status,
            None => self.put(Kind::WriteAt, Some(at), payload, arrival_ns),
        }
    }

    /// The answer to a write that needs no ring.
    #[inline]
    fn whole_frames(&self, payload: &[u8]) -> Option<Status> {
        if payload.is_empty() {
            return Some(Status::Ok);
        }
        let taken = self.frame_size.divides(payload.len()) && payload.len() <= usize::from(self.largest);
        (!taken).then_some(Status::InvalidArgument)
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
        let header = RecordHeader {
            kind,
            len,
            overruns: match kind {
                Kind::Rtp | Kind::RtpAged => self.overrun_packets,
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

    /// Looks at what the worker has taken, and goes on in another ring if this one is
    /// full, or if it should give a chunk back. What the worker still has to take
    /// from an earlier ring lies before this one's beginning.
    #[cold]
    fn has_room(&mut self, bytes: u32) -> bool {
        let taken = self.counts().worker.taken.load(Ordering::Acquire);
        let used = self.handed - taken.max(self.begin);
        self.free = self.ring.bytes() as u32 - used as u32;
        if bytes > self.free || self.rings.should_return(taken) {
            self.move_on(taken);
        }
        bytes <= self.free
    }

    fn move_on(&mut self, taken: u64) {
        let Some(next) = self.rings.next(taken) else {
            return;
        };
        // Once the worker knows, it may give the old ring back to be freed: this thread
        // must not be the last one that holds it.
        let chunk;
        (self.ring, chunk) = next.split();
        self.rings.enter(self.handed, chunk);
        let switched = &self.counts().switched;
        switched.store(
            switched.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
        self.free = self.ring.bytes() as u32;
        self.begin = self.handed;
    }

    /// What is handed in again is not counted.
    fn host_retries(&self) -> bool {
        self.limiter.as_ref().is_none_or(WriteLimiter::asked)
    }

    #[cold]
    fn overrun(&mut self, kind: Kind, payload: usize) -> Status {
        if self.call.config().clock == ClockMode::Stream {
            self.call.note_ring_full();
        }
        if self.host_retries() {
            return Status::Overrun;
        }
        let counts = self.call.counts(self.leg);
        let (told, count, more) = match kind {
            Kind::Rtp | Kind::RtpAged => (&counts.overrun_packets, &mut self.overrun_packets, 1),
            Kind::Write | Kind::WriteAt => (
                &counts.overrun_samples,
                &mut self.overrun_samples,
                (payload / self.frame_size.bytes()) as u32,
            ),
        };
        *count = count.wrapping_add(more);
        told.store(*count, Ordering::Release);
        self.call.stats().frames_lost.fetch_add(1, Ordering::Relaxed);
        Status::Overrun
    }

    #[cold]
    fn too_far_ahead(&mut self, payload: usize, due_ns: u64) -> Status {
        self.waiter.not_before(due_ns);
        if !self.host_retries() {
            let samples = (payload / self.frame_size.bytes()) as u32;
            let counts = self.call.counts(self.leg);
            counts.ahead_samples.fetch_add(samples, Ordering::Relaxed);
        }
        self.overrun(Kind::Write, payload)
    }
}

/// A feed's own ring, and in real time the way to the overflow memory.
fn rings(call: &CallTap, home: Arc<RingLease>, chunks: u64) -> FeedRings {
    let real = call.config().clock == ClockMode::Real;
    FeedRings::new(home, real.then(|| (call.overflow(), chunks)))
}

/// A quarter of what the format needs: 2,048 bytes or 100 ms. Not more than fits into a
/// chunk of the overflow memory.
fn largest(options: FeedOptions) -> u16 {
    let most = CHUNK - HEADER - POSITION;
    u16::try_from((ring_bytes(options) / 4).min(most)).unwrap_or(u16::MAX)
}
