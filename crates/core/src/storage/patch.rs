//! Late audio that has found its place: frames that were given before, again.

use super::audio_file::PIECE;

/// What replaces a stretch of the audio, as it is in a block.
pub struct Patch {
    pub from_frame: u64,
    /// At least 1.
    pub frames: u64,
    pub bytes: Vec<u8>,
}

impl Patch {
    fn end(&self) -> u64 {
        self.from_frame.saturating_add(self.frames)
    }

    fn frame_bytes(&self) -> u64 {
        self.bytes.len() as u64 / self.frames
    }

    /// Whether both can be written at once.
    pub fn takes(&self, next: &Patch) -> bool {
        (self.from_frame..=self.end()).contains(&next.from_frame)
            && (next.end() - self.from_frame) * self.frame_bytes() <= PIECE as u64
    }

    /// Where both say something, the later one is right.
    pub fn join(&mut self, next: &Patch) {
        let from = ((next.from_frame - self.from_frame) * self.frame_bytes()) as usize;
        let shared = next.bytes.len().min(self.bytes.len() - from);
        let (replacing, following) = next.bytes.split_at(shared);
        self.bytes[from..from + shared].copy_from_slice(replacing);
        self.bytes.extend_from_slice(following);
        self.frames = self.frames.max(next.end() - self.from_frame);
    }
}

/// Replaces what there is of `audio` from there on; returns how many bytes that were.
pub fn replace(audio: &mut [u8], from: u64, bytes: &[u8]) -> usize {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let Some(old) = audio.get_mut(from..) else {
        return 0;
    };
    let taken = old.len().min(bytes.len());
    old[..taken].copy_from_slice(&bytes[..taken]);
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(from_frame: u64, bytes: &[u8]) -> Patch {
        Patch {
            from_frame,
            frames: bytes.len() as u64,
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn patches_join_where_they_touch_and_the_later_one_is_right() {
        for (next, joined) in [
            (patch(14, b"xy"), &b"abcdxy"[..]),
            (patch(13, b"xy"), b"abcxy"),
            (patch(11, b"xy"), b"axyd"),
            (patch(10, b"vwxyz"), b"vwxyz"),
        ] {
            let mut first = patch(10, b"abcd");
            assert!(first.takes(&next));
            first.join(&next);
            assert_eq!((first.from_frame, first.bytes.as_slice()), (10, joined));
            assert_eq!(first.frames, joined.len() as u64);
        }
        let first = patch(10, b"abcd");
        assert!(!first.takes(&patch(15, b"x")) && !first.takes(&patch(9, b"xy")));
        assert!(
            !first.takes(&patch(14, &vec![0; PIECE])),
            "too large for one write"
        );
    }

    #[test]
    fn only_what_is_there_is_replaced() {
        let mut audio = *b"abcd";
        assert_eq!(replace(&mut audio, 1, b"xy"), 2);
        assert_eq!(replace(&mut audio, 3, b"zz"), 1);
        assert_eq!(replace(&mut audio, 4, b"z"), 0);
        assert_eq!(replace(&mut audio, u64::MAX, b"z"), 0);
        assert_eq!(&audio, b"axyz");
    }
}
