//! Packets in a leg's ring: a header, then the payload. A packet is one RTP packet or one write.

/// Packets are aligned to words.
pub const WORD: usize = size_of::<u64>();
pub const HEADER: usize = 2 * WORD;
pub const POSITION: usize = WORD;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    Rtp = 0,
    Write = 1,
    /// An 8-byte position precedes the samples.
    WriteAt = 2,
    /// An RTP packet whose age the host has stated; its arrival is the time of reception.
    RtpAged = 3,
}

/// The header before each payload in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHeader {
    pub kind: PacketKind,
    /// The size of the payload in bytes, including its position.
    pub len: usize,
    /// The leg's overruns so far (wrapping): samples for writes, packets for RTP.
    pub overruns: u32,
    pub arrival_ns: u64,
}

/// The number of bytes that a packet with `len` bytes of payload takes in the ring.
#[inline]
pub const fn stored_bytes(len: usize) -> usize {
    HEADER + len.next_multiple_of(WORD)
}

impl PacketHeader {
    /// The number of bytes before the samples.
    #[inline]
    pub fn position_bytes(&self) -> usize {
        match self.kind {
            PacketKind::WriteAt => POSITION,
            PacketKind::Rtp | PacketKind::RtpAged | PacketKind::Write => 0,
        }
    }

    #[inline]
    pub fn words(&self) -> [u64; HEADER / WORD] {
        let word = self.len as u64 | (self.kind as u64) << 24 | u64::from(self.overruns) << 32;
        [word, self.arrival_ns]
    }

    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<PacketHeader> {
        let (word, rest) = bytes.split_first_chunk::<WORD>()?;
        let (arrival, _) = rest.split_first_chunk::<WORD>()?;
        let word = u64::from_ne_bytes(*word);
        Some(PacketHeader {
            kind: match (word >> 24) & 0xff {
                0 => PacketKind::Rtp,
                1 => PacketKind::Write,
                2 => PacketKind::WriteAt,
                3 => PacketKind::RtpAged,
                _ => return None,
            },
            len: (word & 0xff_ffff) as usize,
            overruns: (word >> 32) as u32,
            arrival_ns: u64::from_ne_bytes(*arrival),
        })
    }
}

/// Consecutive packets as a ring stores them.
#[derive(Clone, Copy, Debug)]
pub struct StoredPackets<'a>(&'a [u8]);

impl<'a> StoredPackets<'a> {
    pub fn new(bytes: &'a [u8]) -> StoredPackets<'a> {
        StoredPackets(bytes)
    }
}

impl<'a> Iterator for StoredPackets<'a> {
    type Item = (PacketHeader, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(PacketHeader, &'a [u8])> {
        let header = PacketHeader::parse(self.0)?;
        let payload = self.0.get(HEADER..HEADER + header.len)?;
        self.0 = self.0.get(stored_bytes(header.len)..)?;
        Some((header, payload))
    }
}

/// A snapshot of the counters of a leg's feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCounters {
    pub bytes: u64,
    pub samples_lost: u32,
    pub packets_lost: u32,
    /// The part of `samples_lost` that was too far ahead of the clock.
    pub samples_ahead: u32,
}
