//! A leg's timeline: what was said when, as it was handed in.
//!
//! Audio is appended to one log of bytes; sorted runs say where it belongs. Gaps cost
//! nothing. What every recording has rendered is forgotten.

use std::collections::VecDeque;

use super::codec::Piece;
use super::grid;
use super::ledger::LossReason;
use super::planted::{Fault, fault};
use crate::words::Codec;

/// Below this, forgotten bytes are not worth moving the rest for.
const COMPACT_BYTES: usize = 4096;
/// A log grows by at least this, and by little more: doubling would leave a third of it
/// unused in every live call.
const GROW_BYTES: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Audio(Codec),
    Loss(LossReason),
}

/// Where audio comes from, as far as it matters for who may hear it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// Which control points had been set when it was handed in.
    pub epoch: u32,
    /// Samples by which it may have been said before its place.
    pub early: u32,
    /// Written ahead of the clock: said when it is heard.
    pub ahead: bool,
    /// A sample that was handed in once, a second time.
    pub repeated: bool,
}

/// Which audio a stretch of a recording may hear.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// First and last epoch of each stretch in which it was recording.
    pub epochs: &'a [(u32, u32)],
    /// The epochs of this stretch.
    pub own: (u32, u32),
    /// Nothing that may have been said before it, in samples.
    pub guard: u64,
    /// Where its end was set, in samples. A packet that was handed in before may reach
    /// beyond it, and no other.
    pub end: u64,
}

impl View<'_> {
    /// From which sample to which a stretch of this origin is heard.
    pub(super) fn heard(&self, start: u64, end: u64, origin: Origin) -> (u64, u64) {
        let foreign = origin.epoch < self.own.0 && !origin.ahead;
        if (!self.is_recorded(origin.epoch) || foreign) && !fault(Fault::PauseHeard) {
            return (end, end);
        }
        let from = match (origin.early, self.guard) {
            (0, _) | (_, 0) => start,
            _ if fault(Fault::EarlyIgnored) => start,
            (early, guard) => start.max(guard.saturating_add(early.into())).min(end),
        };
        let to = if origin.epoch > self.own.1 {
            end.min(self.end)
        } else {
            end
        };
        (from, to.max(from))
    }

    pub(super) fn is_recorded(&self, epoch: u32) -> bool {
        self.epochs
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&epoch))
    }
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
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
pub(super) struct Track {
    rate: u32,
    end: u64,
    /// Nothing before it is wanted any more.
    floor: u64,
    /// False while nobody records: positions advance, nothing is kept.
    keep: bool,
    bytes: Vec<u8>,
    runs: VecDeque<Run>,
}

impl Track {
    pub(super) fn new(rate: u32) -> Track {
        Track {
            rate,
            end: 0,
            floor: 0,
            keep: false,
            bytes: Vec::new(),
            runs: VecDeque::new(),
        }
    }

    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// The media end: after the last sample handed in.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn end_ns(&self) -> u64 {
        grid::time(self.end, self.rate)
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    pub(super) fn keeps(&self) -> bool {
        self.keep
    }

    pub(super) fn advance_end(&mut self, end: u64) {
        self.end = self.end.max(end);
    }

    /// Puts audio where nothing is yet, and not before the floor; `taken` is told where
    /// other audio is.
    pub(super) fn place(
        &mut self,
        start: u64,
        (codec, origin): (Codec, Origin),
        payload: &[u8],
        taken: &mut Vec<(u64, u64)>,
    ) {
        let size = codec.sample_bytes();
        let end = start + (payload.len() / size) as u64;
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
        match self.runs.back_mut() {
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
            _ => self.runs.push_back(Run {
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
    pub(super) fn lose(&mut self, start: u64, end: u64, reason: LossReason) {
        let start = start.max(self.floor);
        if self.keep && start < end {
            self.cover(start, end, None, reason, &mut Vec::new());
        }
    }

    /// What never came was not missing: it had no audio.
    pub(super) fn not_lost(&mut self, start: u64, end: u64) {
        let mut i = self.runs.partition_point(|run| run.end() <= start);
        while let Some(run) = self.runs.get(i).copied().filter(|run| run.start < end) {
            if run.content != Content::Loss(LossReason::Network) {
                i += 1;
                continue;
            }
            let _ = self.runs.remove(i);
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
    pub(super) fn cut(&mut self, at: u64) -> Vec<Stretch> {
        let gone: Vec<Stretch> = self.stretches(at, u64::MAX).collect();
        while self.runs.back().is_some_and(|run| run.start >= at) {
            self.runs.pop_back();
        }
        if let Some(last) = self.runs.back_mut() {
            last.len = last.len.min(at - last.start);
        }
        self.end = self.end.min(at);
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
                            let _ = self.runs.remove(i);
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
    pub(super) fn want_from(&mut self, floor: Option<u64>) {
        let Some(floor) = floor else {
            self.keep = false;
            self.runs.clear();
            self.bytes.clear();
            return;
        };
        self.keep = true;
        // A successor begins where its predecessor ended.
        self.floor = floor.max(self.floor);
        while self.runs.front().is_some_and(|run| run.end() <= self.floor) {
            self.runs.pop_front();
        }
        match self.runs.front_mut() {
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
    pub(super) fn successor(&self, rate: u32) -> Track {
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

    /// What is heard at `at`, and for how many samples, at most up to `end`; `hint` is
    /// the run to begin looking at.
    pub(super) fn heard(&self, view: &View<'_>, hint: &mut usize, at: u64, end: u64) -> (Piece<'_>, u64) {
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

    pub(super) fn has_audio(&self, start: u64, end: u64) -> bool {
        self.stretches(start, end)
            .any(|stretch| matches!(stretch.content, Content::Audio(_)))
    }

    /// What lies between two positions, in order.
    pub(super) fn stretches(&self, start: u64, end: u64) -> impl Iterator<Item = Stretch> + '_ {
        let first = self.runs.partition_point(|run| run.end() <= start);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Track {
        let mut track = Track::new(8000);
        track.want_from(Some(0));
        track
    }

    const ALL: View<'static> = View {
        epochs: &[(0, u32::MAX)],
        own: (0, u32::MAX),
        guard: 0,
        end: u64::MAX,
    };

    /// Where the places were taken.
    fn put(track: &mut Track, start: u64, codec: Codec, payload: &[u8]) -> Vec<(u64, u64)> {
        let mut taken = Vec::new();
        track.place(start, (codec, Origin::default()), payload, &mut taken);
        taken
    }

    fn losses(track: &Track, start: u64, end: u64) -> Vec<(u64, u64)> {
        let lost = |stretch: &Stretch| matches!(stretch.content, Content::Loss(_));
        let lost = track.stretches(start, end).filter(lost);
        lost.map(|stretch| (stretch.from, stretch.to)).collect()
    }

    /// Each sample's byte; `.` silence.
    fn text(track: &Track, start: u64, end: u64) -> String {
        let (mut out, mut hint, mut at) = (String::new(), 0, start);
        while at < end {
            let (piece, len) = track.heard(&ALL, &mut hint, at, end);
            match piece {
                Piece::Ulaw(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
                _ => out.push_str(&".".repeat(len as usize)),
            }
            at += len;
        }
        out
    }

    #[test]
    fn first_wins_and_gaps_are_filled() {
        let mut track = kept();
        put(&mut track, 2, Codec::Pcmu, b"cd");
        put(&mut track, 6, Codec::Pcmu, b"gh");
        put(&mut track, 0, Codec::Pcmu, b"ABCDEFGHIJ");
        assert_eq!(text(&track, 0, 12), "ABcdEFghIJ..");
        assert_eq!(track.end(), 10);
    }

    #[test]
    fn audio_takes_loss_back() {
        let mut track = kept();
        put(&mut track, 0, Codec::Pcmu, b"ab");
        track.lose(0, 8, LossReason::Network);
        put(&mut track, 8, Codec::Pcmu, b"ij");
        assert_eq!(losses(&track, 0, 10), [(2, 8)]);
        put(&mut track, 4, Codec::Pcmu, b"ef");
        assert_eq!(losses(&track, 0, 10), [(2, 4), (6, 8)]);
        assert_eq!(text(&track, 0, 10), "ab..ef..ij");
    }

    #[test]
    fn rendered_time_is_late_and_forgotten() {
        let mut track = kept();
        put(&mut track, 0, Codec::Pcmu, &[b'x'; 10_000]);
        track.want_from(Some(9_990));
        assert_eq!((track.bytes.len(), track.runs[0].len), (10, 10));
        put(&mut track, 10_000, Codec::Pcma, b"....");
        track.want_from(Some(10_001));
        assert_eq!((track.runs.len(), track.runs[0].len), (1, 3));
        put(&mut track, 9_000, Codec::Pcmu, b"late");
        put(&mut track, 9_999, Codec::Pcmu, b"abcd");
        track.lose(9_000, 10_020, LossReason::Network);
        assert_eq!(losses(&track, 0, 20_000), [(10_004, 10_020)]);
    }

    #[test]
    fn a_log_has_little_room_unused() {
        let mut track = kept();
        for packet in 0..40 {
            put(&mut track, packet * 160, Codec::Pcmu, &[b'x'; 160]);
            let unused = track.bytes.capacity() - track.bytes.len();
            assert!(unused <= GROW_BYTES, "{unused} of {}", track.bytes.capacity());
        }
    }

    #[test]
    fn a_successor_begins_where_its_predecessor_ended() {
        let mut track = kept();
        put(&mut track, 0, Codec::Pcm16, &[0u8; 320]);
        let mut next = track.successor(16_000);
        assert_eq!((next.rate(), next.end(), next.floor()), (16_000, 320, 320));
        next.want_from(Some(0));
        put(&mut next, 0, Codec::Pcm16, &[0u8; 640]);
        assert!(!next.has_audio(0, 640), "the time before is the predecessor's");
        put(&mut next, 320, Codec::Pcm16, &[0u8; 640]);
        assert_eq!(next.end(), 640);
    }
}
