//! The sequence numbers that a stream has received.

/// The size of the window: 10 s of packets of 20 ms.
pub const NUMBERS: u16 = 512;

/// What was received under a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberStatus {
    NotReceived,
    /// A packet without audio.
    NoAudio,
    Audio {
        /// Whether timestamp and payload are the same.
        same: bool,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct WindowEntry {
    number: u16,
    /// 0: not received; 1: no audio; otherwise the hash of the audio packet.
    tag: u16,
}

const NO_AUDIO: u16 = 1;

/// The latest `NUMBERS` sequence numbers, indexed by number modulo `NUMBERS`.
#[derive(Clone, Debug)]
pub struct SequenceWindow {
    entries: [WindowEntry; NUMBERS as usize],
}

impl SequenceWindow {
    pub fn new() -> SequenceWindow {
        SequenceWindow {
            entries: [WindowEntry::default(); NUMBERS as usize],
        }
    }

    fn entry(&self, number: u16) -> WindowEntry {
        let entry = self.entries.get(usize::from(number % NUMBERS));
        entry.copied().unwrap_or_default()
    }

    fn set(&mut self, number: u16, tag: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(number % NUMBERS)) {
            *entry = WindowEntry { number, tag };
        }
    }

    /// The status of a sequence number. `hash`: the hash of the packet that has arrived.
    pub fn status(&self, number: u16, hash: u16) -> NumberStatus {
        match self.entry(number) {
            entry if entry.tag == 0 || entry.number != number => NumberStatus::NotReceived,
            WindowEntry { tag: NO_AUDIO, .. } => NumberStatus::NoAudio,
            entry => NumberStatus::Audio {
                same: entry.tag == hash,
            },
        }
    }

    pub fn contains(&self, number: u16) -> bool {
        let entry = self.entry(number);
        entry.tag != 0 && entry.number == number
    }

    pub fn set_audio(&mut self, number: u16, hash: u16) {
        self.set(number, hash);
    }

    /// Notes a packet without audio. It does not replace an audio packet.
    pub fn set_no_audio(&mut self, number: u16) {
        if !self.contains(number) {
            self.set(number, NO_AUDIO);
        }
    }

    /// The number of packets missing between two sequence numbers.
    pub fn missing(&self, after: u16, before: u16) -> u64 {
        let between = before.wrapping_sub(after).saturating_sub(1);
        if between == 0 {
            return 0;
        }
        let known = between.min(NUMBERS - 1);
        let recent = (1..=known).filter(|back| !self.contains(before.wrapping_sub(*back)));
        recent.count() as u64 + u64::from(between - known)
    }
}

/// A hash of timestamp and payload that is never a reserved tag. Five words spread over a long
/// payload are enough: two different packets with the same number and timestamp differ throughout.
#[inline]
pub fn hash(timestamp: u32, payload: &[u8]) -> u16 {
    const FACTORS: [u64; 5] = [
        0x9e37_79b9_7f4a_7c15,
        0xbf58_476d_1ce4_e5b9,
        0x94d0_49bb_1331_11eb,
        0xd6e8_feb8_6659_fd93,
        0xa076_1d64_78bd_642f,
    ];
    let (words, rest) = payload.as_chunks::<8>();
    let count = words.len();
    let positions = [0, count / 4, count / 2, count * 3 / 4, count.wrapping_sub(1)];
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let head = u64::from(timestamp) ^ (payload.len() as u64) << 32;
    let mut sum = head.wrapping_mul(FACTORS[1]) ^ u64::from_le_bytes(last).wrapping_mul(FACTORS[2]);
    for (position, factor) in positions.into_iter().zip(FACTORS) {
        let word = words.get(position).copied().unwrap_or_default();
        let word = u64::from_le_bytes(word);
        sum = sum.wrapping_add((word ^ word >> 32).wrapping_mul(factor));
    }
    let hash = ((sum ^ sum >> 29).wrapping_mul(FACTORS[0]) >> 48) as u16;
    hash.max(NO_AUDIO + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_known_across_the_wrap() {
        let mut window = SequenceWindow::new();
        window.set_audio(65_534, 77);
        window.set_no_audio(65_535);
        assert_eq!(window.status(65_534, 77), NumberStatus::Audio { same: true });
        assert_eq!(window.status(65_534, 78), NumberStatus::Audio { same: false });
        assert_eq!(window.status(65_535, 77), NumberStatus::NoAudio);
        assert_eq!(window.missing(65_534, 2), 2);
        assert_eq!(window.missing(65_534, 65_535), 0);
        assert_eq!(
            window.status(65_534u16.wrapping_add(NUMBERS), 77),
            NumberStatus::NotReceived
        );
    }

    #[test]
    fn a_packet_without_audio_does_not_replace_audio() {
        let mut window = SequenceWindow::new();
        window.set_audio(9, 5);
        window.set_no_audio(9);
        assert_eq!(window.status(9, 5), NumberStatus::Audio { same: true });
    }

    #[test]
    fn the_hash_covers_payload_and_timestamp() {
        let first = hash(160, &[0xff; 160]);
        assert_ne!(first, hash(320, &[0xff; 160]));
        let speech = |from: u8| (0..160u8).map(|n| n.wrapping_mul(7) ^ from).collect::<Vec<u8>>();
        assert_ne!(hash(160, &speech(1)), hash(160, &speech(2)));
        assert_ne!(first, hash(160, &[&[0xff; 80][..], &[0x7e; 80]].concat()));
        assert_ne!(hash(0, &[1; 8]), hash(0, &[1; 9]));
    }
}
