//! The host's side of a leg. A feed stores packets in a ring without a lock, an allocation or a
//! system call.

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
use callrec_base::memory;
use callrec_base::sync::atomic::Ordering;
use callrec_base::types::{Codec, FeedOptions, Leg, Result, Status};
use callrec_media::packet::{HEADER, POSITION, PacketHeader, PacketKind, stored_bytes};

/// Bytes of a feed's ring: 400 ms of audio, but at least 8 KiB.
fn ring_bytes(options: FeedOptions) -> usize {
    (options.bytes_per_s() as usize * 2 / 5).max(FeedRing::MIN_BYTES)
}

/// The memory for a feed that is to be opened.
pub struct FeedMemory(Arc<RingLease>);

impl FeedMemory {
    /// Fails with `Limit` if memory is exhausted.
    pub(super) fn lease(call: &CallTap, options: impl Into<FeedOptions>) -> Result<FeedMemory> {
        let lease = call.overflow().own_rings().lease(ring_bytes(options.into()));
        lease.map(FeedMemory).ok_or_else(memory::exhausted)
    }
}

/// Bytes of a frame (one sample of every channel), a power of two; and whether there are two
/// channels.
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

/// The producer of a leg's audio. A leg has at most one at a time.
///
/// The fields that a packet needs come first and share a cache line with the lock of the feed's
/// slot. A packet loads no other memory; it only stores. (A write in real time also loads
/// `limiter`, on the next line.)
#[repr(C)]
pub struct Feed {
    /// The ring that it stores to now.
    ring: FeedRing,
    /// The feed's copy of `LegCounts::handed`, which no other thread writes.
    handed: u64,
    call: Arc<CallTap>,
    overrun_samples: u32,
    overrun_packets: u32,
    /// Lower bound of the ring's free bytes: the last observed value less the bytes stored since.
    free: u32,
    /// Bytes of the largest accepted payload.
    largest: u16,
    leg: Leg,
    frame_size: FrameSize,
    /// Value of `handed` when the feed switched to this ring.
    begin: u64,
    /// `None` in stream time, where no write is too far ahead.
    limiter: Option<WriteLimiter>,
    /// The codec and rate of writes that are packets.
    packet_codec: Option<(Codec, u32)>,
    /// Boxed, so that a slot has at most two cache lines.
    rings: Box<FeedRings>,
    waiter: Arc<FeedWaiter>,
}

// The fields that a packet needs fit into a slot's first cache line.
#[cfg(all(target_pointer_width = "64", not(any(callrec_loom, callrec_shuttle))))]
const _: () = assert!(std::mem::offset_of!(Feed, begin) <= 64 - 16);
#[cfg(all(target_pointer_width = "64", not(any(callrec_loom, callrec_shuttle))))]
const _: () = assert!(size_of::<Feed>() <= 2 * 64 - 16);

impl Feed {
    /// `memory`: leased for these options.
    pub(super) fn new(
        call: Arc<CallTap>,
        leg: Leg,
        options: impl Into<FeedOptions>,
        memory: FeedMemory,
    ) -> (Feed, RingReader, Arc<FeedWaiter>) {
        let options = options.into();
        let FeedMemory(own) = memory;
        let ring = own.ring().clone();
        let rings = Box::new(rings(&call, own, chunks_for(options)));
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
            packet_codec: packet_codec(options),
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

    /// Changes the format. Returns a reader of the new ring if a larger one is needed. Fails and
    /// changes nothing if memory is exhausted.
    pub(super) fn change_format(&mut self, options: impl Into<FeedOptions>) -> Result<Option<RingReader>> {
        let options = options.into();
        let reader = self.fit_format(options)?;
        self.frame_size = FrameSize::of(options);
        self.packet_codec = packet_codec(options);
        if let Some(limiter) = &mut self.limiter {
            limiter.set(options.format.rate, options.ahead_ms);
        }
        Ok(reader)
    }

    /// Also accepts packets of this format. Returns a reader of the new ring if a larger one is
    /// needed. Fails and changes nothing if memory is exhausted.
    pub(super) fn fit_format(&mut self, options: impl Into<FeedOptions>) -> Result<Option<RingReader>> {
        let options = options.into();
        let chunks = chunks_for(options);
        if ring_bytes(options) <= self.rings.own().bytes() {
            self.largest = self.largest.max(largest(options));
            self.rings.reserve(chunks);
            return Ok(None);
        }
        let FeedMemory(own) = FeedMemory::lease(&self.call, options)?;
        self.largest = self.largest.max(largest(options));
        self.ring = own.ring().clone();
        *self.rings = rings(&self.call, own, chunks);
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

    /// Whether each write carries both legs.
    pub fn is_stereo(&self) -> bool {
        self.frame_size.is_stereo()
    }

    /// Audio that was written ahead has been discarded. `now_ns` and `arrival_ns` are times of the
    /// coarse clock.
    pub fn clear(&mut self, now_ns: u64) {
        if let Some(limiter) = &mut self.limiter {
            limiter.clear(now_ns);
        }
        self.waiter.cleared();
    }

    /// Stores one RTP packet that was just received.
    pub fn rtp(&mut self, packet: &[u8], arrival_ns: u64) -> Status {
        self.packet(PacketKind::Rtp, packet, arrival_ns)
    }

    /// Stores one RTP packet. `arrival_ns`: the receive time according to the host.
    pub fn rtp_aged(&mut self, packet: &[u8], arrival_ns: u64) -> Status {
        self.packet(PacketKind::RtpAged, packet, arrival_ns)
    }

    #[inline]
    fn packet(&mut self, kind: PacketKind, packet: &[u8], arrival_ns: u64) -> Status {
        if self.frame_size.is_stereo() {
            return Status::InvalidArgument;
        }
        self.put(kind, None, packet, arrival_ns)
    }

    /// Stores samples that follow those of the previous write.
    pub fn write(&mut self, payload: &[u8], arrival_ns: u64) -> Status {
        if let Some(status) = self.status_without_store(payload) {
            return status;
        }
        let frames = self.frames_of(payload);
        let admission = self
            .limiter
            .as_mut()
            .map(|limiter| limiter.admit(frames, arrival_ns));
        if let Some(Admission::NotBefore(due_ns)) = admission {
            return self.too_far_ahead(frames, due_ns);
        }
        let status = self.put(PacketKind::Write, None, payload, arrival_ns);
        if let (Some(Admission::Until(until_ns)), Some(limiter), Status::Ok) =
            (admission, &mut self.limiter, status)
        {
            limiter.wrote(until_ns);
        }
        status
    }

    /// The number of frames in the payload of a write.
    fn frames_of(&self, payload: &[u8]) -> usize {
        match self.packet_codec {
            Some((codec, rate)) => codec.samples_of(payload, rate) as usize,
            None => payload.len() / self.frame_size.bytes(),
        }
    }

    /// Stores samples at position `at` of the host's own sample clock for this leg.
    pub fn write_at(&mut self, at: u64, payload: &[u8], arrival_ns: u64) -> Status {
        match self.status_without_store(payload) {
            Some(status) => status,
            None => self.put(PacketKind::WriteAt, Some(at), payload, arrival_ns),
        }
    }

    /// The status of a write that stores nothing: an empty or an invalid one.
    #[inline]
    fn status_without_store(&self, payload: &[u8]) -> Option<Status> {
        if payload.is_empty() {
            return Some(Status::Ok);
        }
        let is_valid = self.frame_size.divides(payload.len()) && payload.len() <= usize::from(self.largest);
        (!is_valid).then_some(Status::InvalidArgument)
    }

    #[inline]
    fn counts(&self) -> &LegCounts {
        self.call.counts(self.leg)
    }

    #[inline]
    fn put(&mut self, kind: PacketKind, position: Option<u64>, payload: &[u8], arrival_ns: u64) -> Status {
        if payload.len() > usize::from(self.largest) {
            return Status::InvalidArgument;
        }
        let len = payload.len() + position.map_or(0, |_| POSITION);
        let bytes = stored_bytes(len) as u32;
        if bytes > self.free && !self.has_space(bytes) {
            return self.overrun(kind, self.frames_of(payload));
        }
        let header = PacketHeader {
            kind,
            len,
            overruns: match kind {
                PacketKind::Rtp | PacketKind::RtpAged => self.overrun_packets,
                PacketKind::Write | PacketKind::WriteAt => self.overrun_samples,
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
        // The worker reads up to this position, so it never sees part of a packet.
        self.counts().handed.store(self.handed, Ordering::Release);
        Status::Ok
    }

    /// Reads the worker's progress. Switches to another ring if this one is full or its chunk should
    /// be returned. Whatever the worker has yet to read from an earlier ring lies before `begin`.
    #[cold]
    fn has_space(&mut self, bytes: u32) -> bool {
        let taken = self.counts().worker.taken.load(Ordering::Acquire);
        let used = self.handed - taken.max(self.begin);
        self.free = self.ring.bytes() as u32 - used as u32;
        if bytes > self.free || self.rings.should_return(taken) {
            self.switch_ring(taken);
        }
        bytes <= self.free
    }

    fn switch_ring(&mut self, taken: u64) {
        let Some(next) = self.rings.next(taken) else {
            return;
        };
        // Assigned before the worker is informed: it may then free the old ring, and this thread
        // must not hold the last reference.
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

    /// Whether the host retries refused writes. Those are not counted as lost.
    fn host_retries(&self) -> bool {
        self.limiter.as_ref().is_none_or(WriteLimiter::host_retries)
    }

    #[cold]
    fn overrun(&mut self, kind: PacketKind, frames: usize) -> Status {
        if self.host_retries() {
            return Status::Overrun;
        }
        let counts = self.call.counts(self.leg);
        let (published, count, more) = match kind {
            PacketKind::Rtp | PacketKind::RtpAged => (&counts.overrun_packets, &mut self.overrun_packets, 1),
            PacketKind::Write | PacketKind::WriteAt => {
                (&counts.overrun_samples, &mut self.overrun_samples, frames as u32)
            }
        };
        *count = count.wrapping_add(more);
        published.store(*count, Ordering::Release);
        self.call.stats().frames_lost.fetch_add(1, Ordering::Relaxed);
        Status::Overrun
    }

    #[cold]
    fn too_far_ahead(&mut self, frames: usize, due_ns: u64) -> Status {
        self.waiter.not_before(due_ns);
        if !self.host_retries() {
            let counts = self.call.counts(self.leg);
            counts.ahead_samples.fetch_add(frames as u32, Ordering::Relaxed);
        }
        self.overrun(PacketKind::Write, frames)
    }
}

/// A feed's own ring, and in real time access to the overflow memory.
fn rings(call: &CallTap, own: Arc<RingLease>, chunks: u64) -> FeedRings {
    let real = call.config().clock == ClockMode::Real;
    FeedRings::new(own, real.then(|| (call.overflow(), chunks)))
}

fn packet_codec(options: FeedOptions) -> Option<(Codec, u32)> {
    let format = options.format;
    (!format.codec.is_direct()).then_some((format.codec, format.rate))
}

/// Bytes of the largest payload: a quarter of the ring (100 ms, but at least 2,048 bytes), and not
/// more than a chunk of the overflow memory holds.
fn largest(options: FeedOptions) -> u16 {
    let max = CHUNK - HEADER - POSITION;
    u16::try_from((ring_bytes(options) / 4).min(max)).unwrap_or(u16::MAX)
}
