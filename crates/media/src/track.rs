//! A leg's timeline: what was said when, as it was handed in.
//!
//! Audio is appended to one log of bytes; sorted runs say where it belongs. Gaps cost
//! nothing. What every recording has rendered is forgotten.

#[cfg(test)]
mod tests;
mod view;

use smallvec::SmallVec;

use crate::grid;
use crate::ledger::LossReason;
use callrec_codec::Codec;
use callrec_codec::Piece;
pub use view::{Origin, View};

/// Below this, forgotten bytes are not worth moving the rest for.
const COMPACT_BYTES: usize = 4096;
/// A log grows by at least this, and by little more: doubling would leave a third of it
/// unused in every live call. With steps half as long, a log moves so often that the holes it
/// leaves in the heap take more memory than it saves.
const GROW_BYTES: usize = 2048;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Audio(Codec),
    Loss(LossReason),
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: u64,
    pub to: u64,
    pub content: Content,
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    start: u64,
    len: u64,
    /// Where its audio begins in the log.
    off: usize,
    content: Content,
    origin: Origin,
}

impl Run {
    fn end(&self) -> u64 {
        self.start + self.len
    }

    fn sample_bytes(&self) -> usize {
        match self.content {
            Content::Audio(codec) => codec.sample_bytes(),
            Content::Loss(_) => 0,
        }
    }

    /// The part of it from `start` to `end`.
    fn part(&self, start: u64, end: u64) -> Run {
        Run {
            start,
            len: end - start,
            off: self.off + (start - self.start) as usize * self.sample_bytes(),
            content: self.content,
            origin: self.origin,
        }
    }
}

#[derive(Debug)]
pub struct Track {
    rate: u32,
    end: u64,
    /// Nothing before it is wanted any more.
    floor: u64,
    /// False while nobody records: positions advance, nothing is kept.
    keep: bool,
    bytes: Vec<u8>,
    /// Most often there is one, which is not worth a place of its own in memory.
    runs: SmallVec<[Run; 2]>,
}

impl Track {
    pub fn new(rate: u32) -> Track {
        Track {
            rate,
            end: 0,
            floor: 0,
            keep: false,
            bytes: Vec::new(),
            runs: SmallVec::new(),
        }
    }

    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The media end: after the last sample handed in.
    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn end_ns(&self) -> u64 {
        grid::time(self.end, self.rate)
    }

    pub fn floor(&self) -> u64 {
        self.floor
    }

    pub fn keeps(&self) -> bool {
        self.keep
    }

    pub fn advance_end(&mut self, end: u64) {
        self.end = self.end.max(end);
    }

    /// Puts audio right behind the last one, if that is of the same kind. False if it does
    /// not lie there: nothing has happened.
    #[inline]
    pub fn go_on(&mut self, start: u64, (codec, origin): (Codec, Origin), payload: &[u8]) -> bool {
        let bytes = self.bytes.len();
        let room = self.bytes.capacity() - bytes >= payload.len();
        let Some(last) = self.runs.last_mut().filter(|last| last.end() == start) else {
            return false;
        };
        let same = last.content == Content::Audio(codec) && last.origin == origin;
        let behind = last.off + last.len as usize * codec.sample_bytes() == bytes;
        if !(self.keep && room && same && behind && start >= self.floor) {
            return false;
        }
        last.len += codec.samples_in(payload.len());
        self.end = self.end.max(last.end());
        self.bytes.extend_from_slice(payload);
        true
    }

    /// Puts audio where nothing is yet, and not before the floor; `taken` is told where
    /// other audio is.
    pub fn place(
        &mut self,
        start: u64,
        (codec, origin): (Codec, Origin),
        payload: &[u8],
        taken: &mut Vec<(u64, u64)>,
    ) {
        let size = codec.sample_bytes();
        let end = start + codec.samples_in(payload.len());
        self.end = self.end.max(end);
        if !self.keep || end <= self.floor {
            return;
        }
        let heard = start.max(self.floor);
        let payload = &payload[(heard - start) as usize * size..];
        self.put(heard, end, (codec, origin), payload, taken);
    }

    fn put(
        &mut self,
        start: u64,
        end: u64,
        (codec, origin): (Codec, Origin),
        payload: &[u8],
        taken: &mut Vec<(u64, u64)>,
    ) {
        let bytes = self.bytes.len();
        match self.runs.last_mut() {
            Some(last) if last.end() > start => {
                self.cover(
                    start,
                    end,
                    Some((codec, origin, payload)),
                    LossReason::Network,
                    taken,
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
            _ => self.runs.push(Run {
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

    /// Marks what is free from `start` to `end` as lost, as far as it may still be heard.
    pub fn lose(&mut self, start: u64, end: u64, reason: LossReason) {
        let start = start.max(self.floor);
        if self.keep && start < end {
            self.cover(start, end, None, reason, &mut Vec::new());
        }
    }

    /// What never came was not missing: it had no audio.
    pub fn not_lost(&mut self, start: u64, end: u64) {
        let mut i = self.runs.partition_point(|run| run.end() <= start);
        while let Some(run) = self.runs.get(i).copied().filter(|run| run.start < end) {
            if run.content != Content::Loss(LossReason::Network) {
                i += 1;
                continue;
            }
            self.runs.remove(i);
            if run.start < start {
                self.runs.insert(i, run.part(run.start, start));
                i += 1;
            }
            if run.end() > end {
                self.runs.insert(i, run.part(end, run.end()));
                i += 1;
            }
        }
    }

    /// Forgets what lies from `at` on, and says what that was.
    pub fn cut(&mut self, at: u64) -> Vec<Stretch> {
        let gone: Vec<Stretch> = self.stretches(at, u64::MAX).collect();
        while self.runs.last().is_some_and(|run| run.start >= at) {
            self.runs.pop();
        }
        if let Some(last) = self.runs.last_mut() {
            last.len = last.len.min(at - last.start);
        }
        self.end = self.end.min(at);
        self.floor = self.floor.min(at);
        gone
    }

    /// Fills the free places with audio, which takes the place of loss too, or with loss.
    fn cover(
        &mut self,
        start: u64,
        end: u64,
        audio: Option<(Codec, Origin, &[u8])>,
        reason: LossReason,
        taken: &mut Vec<(u64, u64)>,
    ) {
        let mut i = self.runs.partition_point(|run| run.end() <= start);
        let mut at = start;
        while at < end {
            let next = self.runs.get(i).copied();
            match next {
                Some(run) if run.start <= at => {
                    let stop = run.end().min(end);
                    match (run.content, audio) {
                        (Content::Loss(_), Some(_)) => {
                            self.runs.remove(i);
                            if run.start < at {
                                self.runs.insert(i, run.part(run.start, at));
                                i += 1;
                            }
                            self.insert(i, start, (at, stop), audio, reason);
                            if stop < run.end() {
                                self.runs.insert(i + 1, run.part(stop, run.end()));
                            }
                        }
                        (Content::Audio(_), Some(_)) => taken.push((at, stop)),
                        (_, None) => {}
                    }
                    i += 1;
                    at = stop;
                }
                _ => {
                    let stop = next.map_or(end, |run| run.start.min(end));
                    self.insert(i, start, (at, stop), audio, reason);
                    i += 1;
                    at = stop;
                }
            }
        }
    }

    /// One run from `at` to `stop`, of audio whose first byte belongs at `start`.
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
        let run = Run {
            start: at,
            len: stop - at,
            off,
            content,
            origin,
        };
        self.runs.insert(i, run);
    }

    /// From now on nothing before `floor` is wanted; `None`: nothing at all.
    pub fn want_from(&mut self, floor: Option<u64>) {
        let Some(floor) = floor else {
            self.keep = false;
            self.runs.clear();
            self.bytes.clear();
            return;
        };
        self.keep = true;
        // A successor begins where its predecessor ended.
        self.floor = floor.max(self.floor);
        let over = self.run_at(self.floor);
        self.runs.drain(..over);
        match self.runs.first_mut() {
            None => self.bytes.clear(),
            Some(first) => {
                if first.start < floor {
                    *first = first.part(floor, first.end());
                }
                self.compact();
            }
        }
    }

    fn compact(&mut self) {
        let used = |run: &Run| matches!(run.content, Content::Audio(_)).then_some(run.off);
        let dead = self
            .runs
            .iter()
            .filter_map(used)
            .min()
            .unwrap_or(self.bytes.len());
        if dead < COMPACT_BYTES || dead < self.bytes.len() / 2 {
            return;
        }
        self.bytes.drain(..dead);
        for run in &mut self.runs {
            run.off = run.off.saturating_sub(dead);
        }
    }

    /// The track that goes on at another rate where this one ends.
    pub fn successor(&self, rate: u32) -> Track {
        let mut next = Track::new(rate);
        next.keep = self.keep;
        next.end = grid::convert(self.end, self.rate, rate);
        // What comes later for an earlier time has no place in it.
        next.floor = next.end;
        next
    }

    fn piece<'a>(&'a self, run: &Run, codec: Codec, start: u64, end: u64) -> Piece<'a> {
        let size = codec.sample_bytes();
        let from = run.off + (start - run.start) as usize * size;
        let bytes = self
            .bytes
            .get(from..from + (end - start) as usize * size)
            .unwrap_or_default();
        match codec {
            Codec::Pcmu => Piece::Ulaw(bytes),
            Codec::Pcma => Piece::Alaw(bytes),
            Codec::Pcm16 => Piece::Pcm(bytes),
        }
    }

    /// Which run to begin looking at.
    pub fn run_at(&self, at: u64) -> usize {
        self.runs.partition_point(|run| run.end() <= at)
    }

    /// What is heard at `at`, and for how many samples, at most up to `end`; `hint` is
    /// the run to begin looking at.
    pub fn heard(&self, view: &View<'_>, hint: &mut usize, at: u64, end: u64) -> (Piece<'_>, u64) {
        loop {
            let Some(run) = self.runs.get(*hint) else {
                return (Piece::Silence, end - at);
            };
            if run.end() <= at {
                *hint += 1;
                continue;
            }
            if run.start > at {
                return (Piece::Silence, run.start.min(end) - at);
            }
            let stop = run.end().min(end);
            let Content::Audio(codec) = run.content else {
                return (Piece::Silence, stop - at);
            };
            let (from, to) = view.heard(at, stop, run.origin);
            return match from == at && at < to {
                true => (self.piece(run, codec, at, to), to - at),
                false if at < from => (Piece::Silence, from - at),
                false => (Piece::Silence, stop - at),
            };
        }
    }

    pub fn has_audio(&self, start: u64, end: u64) -> bool {
        self.stretches(start, end)
            .any(|stretch| matches!(stretch.content, Content::Audio(_)))
    }

    /// What lies between two positions, in order.
    pub fn stretches(&self, start: u64, end: u64) -> impl Iterator<Item = Stretch> + '_ {
        let first = self.run_at(start);
        self.runs
            .iter()
            .skip(first)
            .take_while(move |run| run.start < end)
            .map(move |run| Stretch {
                from: run.start.max(start),
                to: run.end().min(end),
                content: run.content,
                origin: run.origin,
            })
    }
}
