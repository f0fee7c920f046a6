//! Measures how much audio a file of Ogg Opus holds.

use super::page::{LAST, OggPage, PAGE_MAX, is_cut_off};
use super::{DELAY, FIRST_AUDIO_PAGE, PACKET, PACKETS_PER_PAGE};
use crate::measure::{AudioScan, Length, MeasuredAudio};
use crate::opus_packet::opus_samples;

/// Counts whole pages in their order, up to the first one that this library has not written there.
pub(super) struct OggScan {
    serial: u32,
    /// Samples at 48 kHz for each frame of the file.
    scale: u64,
    /// Bytes from the first page that is not counted yet.
    rest: Vec<u8>,
    bytes: u64,
    pages: u64,
    /// Samples at 48 kHz up to the end of the last counted page.
    position: u64,
    ended: bool,
}

impl OggScan {
    pub fn new(serial: u32, scale: u64) -> OggScan {
        OggScan {
            serial,
            scale: scale.max(1),
            rest: Vec::new(),
            bytes: 0,
            pages: 0,
            position: 0,
            ended: false,
        }
    }

    /// The position at the end of `page`, if it may follow the counted pages.
    fn follows(&self, page: &OggPage<'_>) -> Option<u64> {
        let expected = self.pages + u64::from(FIRST_AUDIO_PAGE);
        if page.serial != self.serial || u64::from(page.sequence) != expected {
            return None;
        }
        let mut samples = 0;
        let packets = page.packets()?;
        for packet in &packets {
            samples += opus_samples(packet)?;
        }
        let end = self.position + samples;
        let is_valid = match page.flags {
            0 => packets.len() == PACKETS_PER_PAGE && samples == PACKET * PACKETS_PER_PAGE as u64,
            LAST => (1..=PACKETS_PER_PAGE).contains(&packets.len()),
            _ => false,
        };
        let possible = match page.flags {
            LAST => self.position..=end,
            _ => end..=end,
        };
        let is_valid = is_valid && page.position.is_multiple_of(self.scale);
        (is_valid && possible.contains(&page.position)).then_some(page.position)
    }

    /// Counts the page at the beginning of `bytes`. Returns its size, or 0 if there is none.
    fn count(&mut self, bytes: &[u8]) -> usize {
        let Some(page) = OggPage::at(bytes) else {
            return 0;
        };
        let Some(position) = self.follows(&page) else {
            return 0;
        };
        self.position = position;
        self.ended = page.flags == LAST;
        self.pages += 1;
        self.bytes += page.bytes as u64;
        page.bytes
    }
}

impl AudioScan for OggScan {
    fn take(&mut self, bytes: &[u8]) -> bool {
        let mut bytes = bytes;
        while !self.ended {
            // At most one page is kept, however much is passed at once.
            let room = PAGE_MAX - self.rest.len();
            let (more, later) = bytes.split_at(room.min(bytes.len()));
            bytes = later;
            let mut rest = std::mem::take(&mut self.rest);
            rest.extend_from_slice(more);
            let mut counted = 0;
            while !self.ended {
                match self.count(&rest[counted..]) {
                    0 => break,
                    size => counted += size,
                }
            }
            rest.drain(..counted);
            let may_continue = is_cut_off(&rest);
            self.rest = rest;
            if self.ended || !may_continue {
                return false;
            }
            if bytes.is_empty() {
                return true;
            }
        }
        false
    }

    fn measured(&self) -> MeasuredAudio {
        let output = self.position / self.scale;
        MeasuredAudio {
            length: Length {
                frames: output.saturating_sub(DELAY / self.scale),
                bytes: self.bytes,
            },
            output,
            ended: self.ended,
            // What fills the last packet up is only in the page that ends the stream.
            padding_max: 0,
        }
    }
}
