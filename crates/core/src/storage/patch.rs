//! Late audio that has found its place: bytes of the file that were given before, again.

use super::audio_file::PIECE;

/// What replaces a stretch of the audio.
pub struct Patch {
    /// In bytes of audio, from the first.
    pub at: u64,
    pub bytes: Vec<u8>,
}

impl Patch {
    fn end(&self) -> u64 {
        self.at.saturating_add(self.bytes.len() as u64)
    }

    /// Whether both can be written at once.
    pub fn takes(&self, next: &Patch) -> bool {
        (self.at..=self.end()).contains(&next.at) && next.end() - self.at <= PIECE as u64
    }

    /// Where both say something, the later one is right.
    pub fn join(&mut self, next: &Patch) {
        let from = (next.at - self.at) as usize;
        let shared = next.bytes.len().min(self.bytes.len() - from);
        let (replacing, following) = next.bytes.split_at(shared);
        self.bytes[from..from + shared].copy_from_slice(replacing);
        self.bytes.extend_from_slice(following);
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

    fn patch(at: u64, bytes: &[u8]) -> Patch {
        Patch {
            at,
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
            assert_eq!((first.at, first.bytes.as_slice()), (10, joined));
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
