//! The audio of a leg at one clock rate, by its position.
//!
//! Audio is appended to one byte log; sorted chunks give its positions. Gaps need no memory. Audio
//! that every recording has rendered is discarded.

mod erase;
mod log_memory;
mod lost;
mod made_up;
mod occupied;
mod repeated_noise;
#[cfg(test)]
mod tests;
mod track_view;

use smallvec::SmallVec;

use crate::grid;
use crate::ledger::LossReason;
use callrec_codec::AudioSlice;
use callrec_codec::Codec;
pub use track_view::{AudioSource, Origin, TrackView};

/// The minimum growth of the log. It grows by little more, because doubling would leave a third of
/// it unused in every live call. With steps half as long, the log moves so often that the holes it
/// leaves in the heap take more memory than it saves.
const GROW_BYTES: usize = 2048;
/// A log of a past that is longer than this is kept small.
const LONG_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Audio(Codec),
    Loss(LossReason),
}

/// A part of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackPart {
    pub from: u64,
    pub to: u64,
    pub content: Content,
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug)]
struct TrackChunk {
    start: u64,
    len: u64,
    /// The offset of its audio in the log.
    off: usize,
    content: Content,
    origin: Origin,
}

impl TrackChunk {
    fn end(&self) -> u64 {
        self.start + self.len
    }

    fn sample_bytes(&self) -> usize {
        match self.content {
            Content::Audio(codec) => codec.sample_bytes(),
            Content::Loss(_) => 0,
        }
    }

    /// The part from `start` to `end`.
    fn part(&self, start: u64, end: u64) -> TrackChunk {
        TrackChunk {
            start,
            len: end - start,
            off: match self.is_repeated() {
                true => self.off,
                false => self.off + (start - self.start) as usize * self.sample_bytes(),
            },
            content: self.content,
            origin: self.origin,
        }
    }
}

#[derive(Debug)]
pub struct Track {
    rate: u32,
    end: u64,
    /// Audio before this position is discarded.
    floor: u64,
    /// False while nobody records: positions advance, and audio is discarded.
    is_kept: bool,
    /// Whether audio is kept for recordings that begin earlier.
    keeps_past: bool,
    bytes: Vec<u8>,
    /// Most tracks have few chunks, which need no allocation.
    chunks: SmallVec<[TrackChunk; 2]>,
}

impl Track {
    pub fn new(rate: u32) -> Track {
        Track {
            rate,
            end: 0,
            floor: 0,
            is_kept: false,
            keeps_past: false,
            bytes: Vec::new(),
            chunks: SmallVec::new(),
        }
    }

    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The media end: the end of the last sample handed in.
    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn end_ns(&self) -> u64 {
        grid::time(self.end, self.rate)
    }

    pub fn floor(&self) -> u64 {
        self.floor
    }

    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    pub fn advance_end(&mut self, end: u64) {
        self.end = self.end.max(end);
    }

    /// Fast path: appends audio directly after the last chunk, if that has the same codec and
    /// origin. Otherwise returns false and changes nothing.
    #[inline]
    pub fn try_append(&mut self, start: u64, (codec, origin): (Codec, Origin), payload: &[u8]) -> bool {
        let bytes = self.bytes.len();
        let has_capacity = self.bytes.capacity() - bytes >= payload.len();
        let Some(last) = self.chunks.last_mut().filter(|last| last.end() == start) else {
            return false;
        };
        let same = last.content == Content::Audio(codec) && last.origin == origin;
        let behind = last.off + last.len as usize * codec.sample_bytes() == bytes;
        if !(self.is_kept && has_capacity && same && behind && start >= self.floor) {
            return false;
        }
        last.len += codec.samples_in(payload.len());
        self.end = self.end.max(last.end());
        self.bytes.extend_from_slice(payload);
        true
    }

    /// Places audio where the track has none, after the floor. Adds the ranges that other audio
    /// occupies to `occupied`.
    pub fn place(
        &mut self,
        start: u64,
        (codec, origin): (Codec, Origin),
        payload: &[u8],
        occupied: &mut Vec<(u64, u64)>,
    ) {
        let size = codec.sample_bytes();
        let end = start + codec.samples_in(payload.len());
        self.end = self.end.max(end);
        if !self.is_kept || end <= self.floor {
            return;
        }
        let from = start.max(self.floor);
        let payload = &payload[(from - start) as usize * size..];
        self.put(from, end, (codec, origin), payload, occupied);
    }

    fn put(
        &mut self,
        start: u64,
        end: u64,
        (codec, origin): (Codec, Origin),
        payload: &[u8],
        occupied: &mut Vec<(u64, u64)>,
    ) {
        let bytes = self.bytes.len();
        match self.chunks.last_mut() {
            Some(last) if last.end() > start => {
                self.fill(
                    start,
                    end,
                    Some((codec, origin, payload)),
                    LossReason::Network,
                    occupied,
                );
                return;
            }
            Some(last)
                if last.end() == start
                    && last.content == Content::Audio(codec)
                    && last.origin == origin
                    && last.off + last.len as usize * codec.sample_bytes() == bytes =>
            {
                last.len += end - start;
            }
            _ => self.chunks.push(TrackChunk {
                start,
                len: end - start,
                off: bytes,
                content: Content::Audio(codec),
                origin,
            }),
        }
        self.append(payload);
    }

    fn append(&mut self, payload: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < payload.len() {
            let step = (self.bytes.len() / 8).max(GROW_BYTES).max(payload.len());
            self.bytes.reserve_exact(step);
        }
        self.bytes.extend_from_slice(payload);
    }

    /// Discards everything from `at` on, and returns it.
    pub fn truncate(&mut self, at: u64) -> Vec<TrackPart> {
        let gone: Vec<TrackPart> = self.parts(at, u64::MAX).collect();
        while self.chunks.last().is_some_and(|chunk| chunk.start >= at) {
            self.chunks.pop();
        }
        if let Some(last) = self.chunks.last_mut() {
            last.len = last.len.min(at - last.start);
        }
        self.end = self.end.min(at);
        self.floor = self.floor.min(at);
        gone
    }

    /// Fills a range with audio, which replaces loss, or with loss, which replaces comfort noise.
    fn fill(
        &mut self,
        start: u64,
        end: u64,
        audio: Option<(Codec, Origin, &[u8])>,
        reason: LossReason,
        occupied: &mut Vec<(u64, u64)>,
    ) {
        let mut i = self.chunks.partition_point(|chunk| chunk.end() <= start);
        let mut at = start;
        while at < end {
            let next = self.chunks.get(i).copied();
            match next {
                Some(chunk) if chunk.start <= at => {
                    let stop = chunk.end().min(end);
                    let source = audio.map(|(_, origin, _)| origin.source);
                    match (chunk.yields_to(source, reason), audio) {
                        (true, _) => {
                            self.chunks.remove(i);
                            if chunk.start < at {
                                self.chunks.insert(i, chunk.part(chunk.start, at));
                                i += 1;
                            }
                            self.insert(i, start, (at, stop), audio, reason);
                            if stop < chunk.end() {
                                self.chunks.insert(i + 1, chunk.part(stop, chunk.end()));
                            }
                        }
                        (false, Some(_)) => occupied.push((at, stop)),
                        (false, None) => {}
                    }
                    i += 1;
                    at = stop;
                }
                _ => {
                    let stop = next.map_or(end, |chunk| chunk.start.min(end));
                    self.insert(i, start, (at, stop), audio, reason);
                    i += 1;
                    at = stop;
                }
            }
        }
    }

    /// Inserts one chunk from `at` to `stop`. The first byte of the audio belongs at `start`.
    fn insert(
        &mut self,
        i: usize,
        start: u64,
        (at, stop): (u64, u64),
        audio: Option<(Codec, Origin, &[u8])>,
        reason: LossReason,
    ) {
        let off = self.bytes.len();
        let (content, origin) = match audio {
            None => (Content::Loss(reason), Origin::default()),
            Some((codec, origin, payload)) => {
                let size = codec.sample_bytes();
                let (from, to) = ((at - start) as usize * size, (stop - start) as usize * size);
                self.append(payload.get(from..to).unwrap_or_default());
                (Content::Audio(codec), origin)
            }
        };
        let chunk = TrackChunk {
            start: at,
            len: stop - at,
            off,
            content,
            origin,
        };
        self.chunks.insert(i, chunk);
    }

    /// Discards audio before `floor`; `None`: all audio, and audio to come.
    pub fn retain_from(&mut self, floor: Option<u64>) {
        let Some(floor) = floor else {
            self.is_kept = false;
            self.chunks.clear();
            self.release_log(0);
            return;
        };
        self.is_kept = true;
        // A successor begins at the end of its predecessor.
        self.floor = floor.max(self.floor);
        let over = self.chunk_at(self.floor);
        self.chunks.drain(..over);
        match self.chunks.first_mut() {
            None => self.release_log(LONG_BYTES),
            Some(first) => {
                if first.start < floor {
                    *first = first.part(floor, first.end());
                }
                self.compact();
            }
        }
    }

    /// The track that continues at another rate where this one ends.
    pub fn successor(&self, rate: u32) -> Track {
        let mut next = Track::new(rate);
        (next.is_kept, next.keeps_past) = (self.is_kept, self.keeps_past);
        next.end = grid::convert(self.end, self.rate, rate);
        // Audio that arrives for an earlier time does not belong in it.
        next.floor = next.end;
        next
    }

    fn audio_slice<'a>(&'a self, chunk: &TrackChunk, codec: Codec, start: u64, end: u64) -> AudioSlice<'a> {
        let size = codec.sample_bytes();
        let before = match chunk.is_repeated() {
            true => self.repeated_at(start),
            false => start - chunk.start,
        };
        let from = chunk.off + before as usize * size;
        let bytes = self
            .bytes
            .get(from..from + (end - start) as usize * size)
            .unwrap_or_default();
        match codec {
            Codec::Pcmu => AudioSlice::Ulaw(bytes),
            Codec::Pcma => AudioSlice::Alaw(bytes),
            // Decoded packets are placed as linear samples.
            Codec::Pcm16 | Codec::G722 | Codec::Opus | Codec::L16(_) | Codec::External { .. } => {
                AudioSlice::Pcm(bytes)
            }
        }
    }

    /// The index of the first chunk that ends after `at`.
    pub fn chunk_at(&self, at: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.end() <= at)
    }

    /// Returns the audio at `at` and its number of samples, at most up to `end`. `hint` is the
    /// index of the chunk at which the search begins.
    pub fn read(&self, view: &TrackView<'_>, hint: &mut usize, at: u64, end: u64) -> (AudioSlice<'_>, u64) {
        loop {
            let Some(chunk) = self.chunks.get(*hint) else {
                return (AudioSlice::Silence, end - at);
            };
            if chunk.end() <= at {
                *hint += 1;
                continue;
            }
            if chunk.start > at {
                return (AudioSlice::Silence, chunk.start.min(end) - at);
            }
            let mut stop = chunk.end().min(end);
            if chunk.is_repeated() {
                stop = stop.min(self.repeated_until(at));
            }
            let Content::Audio(codec) = chunk.content else {
                return (AudioSlice::Silence, stop - at);
            };
            let (from, to) = view.recorded_range(at, stop, chunk.origin);
            return match from == at && at < to {
                true => (self.audio_slice(chunk, codec, at, to), to - at),
                false if at < from => (AudioSlice::Silence, from - at),
                false => (AudioSlice::Silence, stop - at),
            };
        }
    }

    pub fn has_audio(&self, start: u64, end: u64) -> bool {
        self.parts(start, end)
            .any(|part| matches!(part.content, Content::Audio(_)))
    }

    /// The parts of chunks between two positions, in order.
    pub fn parts(&self, start: u64, end: u64) -> impl Iterator<Item = TrackPart> + '_ {
        let first = self.chunk_at(start);
        self.chunks
            .iter()
            .skip(first)
            .take_while(move |chunk| chunk.start < end)
            .map(move |chunk| TrackPart {
                from: chunk.start.max(start),
                to: chunk.end().min(end),
                content: chunk.content,
                origin: chunk.origin,
            })
    }
}
