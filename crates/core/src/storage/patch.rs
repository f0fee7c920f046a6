//! Late audio that replaces frames that were queued before.

use super::audio_file::WRITE_BYTES_MAX;

/// Replaces a range of frames, in the form of a block.
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

    /// Whether both patches can be written in one write.
    pub fn can_join(&self, next: &Patch) -> bool {
        (self.from_frame..=self.end()).contains(&next.from_frame)
            && (next.end() - self.from_frame) * self.frame_bytes() <= WRITE_BYTES_MAX as u64
    }

    /// Joins both patches. Where they overlap, `next` takes precedence.
    pub fn join(&mut self, next: &Patch) {
        let from = ((next.from_frame - self.from_frame) * self.frame_bytes()) as usize;
        let shared = next.bytes.len().min(self.bytes.len() - from);
        let (replacing, following) = next.bytes.split_at(shared);
        self.bytes[from..from + shared].copy_from_slice(replacing);
        self.bytes.extend_from_slice(following);
        self.frames = self.frames.max(next.end() - self.from_frame);
    }
}

/// Overwrites `audio` from `from` on, up to its end. Returns the number of bytes replaced.
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
    fn adjacent_patches_join_and_the_later_one_takes_precedence() {
        for (next, joined) in [
            (patch(14, b"xy"), &b"abcdxy"[..]),
            (patch(13, b"xy"), b"abcxy"),
            (patch(11, b"xy"), b"axyd"),
            (patch(10, b"vwxyz"), b"vwxyz"),
        ] {
            let mut first = patch(10, b"abcd");
            assert!(first.can_join(&next));
            first.join(&next);
            assert_eq!((first.from_frame, first.bytes.as_slice()), (10, joined));
            assert_eq!(first.frames, joined.len() as u64);
        }
        let first = patch(10, b"abcd");
        assert!(!first.can_join(&patch(15, b"x")) && !first.can_join(&patch(9, b"xy")));
        assert!(
            !first.can_join(&patch(14, &vec![0; WRITE_BYTES_MAX])),
            "too large for one write"
        );
    }

    #[test]
    fn bytes_beyond_the_end_are_not_replaced() {
        let mut audio = *b"abcd";
        assert_eq!(replace(&mut audio, 1, b"xy"), 2);
        assert_eq!(replace(&mut audio, 3, b"zz"), 1);
        assert_eq!(replace(&mut audio, 4, b"z"), 0);
        assert_eq!(replace(&mut audio, u64::MAX, b"z"), 0);
        assert_eq!(&audio, b"axyz");
    }
}
