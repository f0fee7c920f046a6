//! Which sequence numbers of a stream have been received, and what each carried.

/// Numbers that a window remembers: 10 s of packets of 20 ms.
pub(in crate::media) const NUMBERS: u16 = 512;

/// What was received under a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) enum Received {
    Nothing,
    /// A packet without audio.
    Other,
    Audio {
        /// Timestamp and payload are those of the packet that is asked for.
        same: bool,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    number: u16,
    /// 0: nothing; 1: no audio; else of the audio.
    mark: u16,
}

const OTHER: u16 = 1;

/// The latest `NUMBERS` numbers, by their value.
#[derive(Clone, Debug)]
pub(in crate::media) struct Window {
    entries: Box<[Entry]>,
}

impl Window {
    pub(in crate::media) fn new() -> Window {
        Window {
            entries: vec![Entry::default(); usize::from(NUMBERS)].into_boxed_slice(),
        }
    }

    fn entry(&self, number: u16) -> Entry {
        let entry = self.entries.get(usize::from(number % NUMBERS));
        entry.copied().unwrap_or_default()
    }

    fn set(&mut self, number: u16, mark: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(number % NUMBERS)) {
            *entry = Entry { number, mark };
        }
    }

    /// `hash`: of the packet that has come now.
    pub(in crate::media) fn received(&self, number: u16, hash: u16) -> Received {
        match self.entry(number) {
            entry if entry.mark == 0 || entry.number != number => Received::Nothing,
            Entry { mark: OTHER, .. } => Received::Other,
            entry => Received::Audio {
                same: entry.mark == hash,
            },
        }
    }

    pub(in crate::media) fn has(&self, number: u16) -> bool {
        let entry = self.entry(number);
        entry.mark != 0 && entry.number == number
    }

    pub(in crate::media) fn audio(&mut self, number: u16, hash: u16) {
        self.set(number, hash);
    }

    /// A packet without audio takes no audio packet's number away.
    pub(in crate::media) fn other(&mut self, number: u16) {
        if !self.has(number) {
            self.set(number, OTHER);
        }
    }

    /// Numbers between two that have not been received.
    pub(in crate::media) fn missing(&self, after: u16, before: u16) -> u64 {
        let between = before.wrapping_sub(after).saturating_sub(1);
        let known = between.min(NUMBERS - 1);
        let recent = (1..=known).filter(|back| !self.has(before.wrapping_sub(*back)));
        recent.count() as u64 + u64::from(between - known)
    }
}

/// Of a packet's timestamp and payload; never one of the two marks without audio.
pub(in crate::media) fn hash(timestamp: u32, payload: &[u8]) -> u16 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = u64::from(timestamp) ^ (payload.len() as u64) << 32;
    let (words, rest) = payload.as_chunks::<8>();
    for word in words {
        hash = (hash ^ u64::from_le_bytes(*word))
            .wrapping_mul(FACTOR)
            .rotate_left(29);
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(FACTOR);
    }
    let hash = (hash.wrapping_mul(FACTOR) >> 48) as u16;
    hash.max(OTHER + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_known_across_the_wrap() {
        let mut window = Window::new();
        window.audio(65_534, 77);
        window.other(65_535);
        assert_eq!(window.received(65_534, 77), Received::Audio { same: true });
        assert_eq!(window.received(65_534, 78), Received::Audio { same: false });
        assert_eq!(window.received(65_535, 77), Received::Other);
        assert_eq!(window.missing(65_534, 2), 2);
        assert_eq!(window.missing(65_534, 65_535), 0);
        assert_eq!(
            window.received(65_534u16.wrapping_add(NUMBERS), 77),
            Received::Nothing
        );
    }

    #[test]
    fn a_packet_without_audio_takes_no_number_away() {
        let mut window = Window::new();
        window.audio(9, 5);
        window.other(9);
        assert_eq!(window.received(9, 5), Received::Audio { same: true });
    }

    #[test]
    fn payload_and_timestamp_make_the_difference() {
        let first = hash(160, &[0xff; 160]);
        assert_ne!(first, hash(320, &[0xff; 160]));
        let mut other = [0xff; 160];
        other[159] = 0xfe;
        assert_ne!(first, hash(160, &other));
        assert_ne!(hash(0, &[1; 8]), hash(0, &[1; 9]));
    }
}
