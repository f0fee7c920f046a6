//! Counts of a leg.

use crate::FeedFormat;
use crate::ledger::ticks;

/// The maximum number of formats listed per leg.
const CODECS: usize = 16;

/// Counts over the lifetime of a leg. A recording takes differences.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct LegTotals {
    pub packets: u64,
    /// In ticks, without the samples in `present`: the present rate and samples at that rate.
    handed: u64,
    present: (u32, u64),
    pub ignored: Vec<(u8, u64)>,
    /// Each format, with the value of `packets` when it was last in use.
    codecs: Vec<(FeedFormat, u64)>,
    /// The index of the format in use.
    codec: usize,
    pub streams: u32,
    pub wrong_timestamps: u64,
    pub concurrent: u32,
}

impl LegTotals {
    /// Audio handed in, in ticks.
    pub fn handed(&self) -> u64 {
        self.handed + ticks(self.present.1, self.present.0)
    }

    /// Whether nothing has been received.
    pub fn is_zero(&self) -> bool {
        self.packets == 0 && self.ignored.is_empty()
    }

    #[inline]
    pub fn add_handed(&mut self, samples: u64, rate: u32) {
        if self.present.0 != rate {
            self.handed = self.handed();
            self.present = (rate, 0);
        }
        self.present.1 += samples;
    }

    /// The latest counted packet is the first in `format` after a packet in another format.
    pub fn change_codec(&mut self, format: FeedFormat) {
        if let Some((_, last_used)) = self.codecs.get_mut(self.codec) {
            *last_used = self.packets.saturating_sub(1);
        }
        let known = self.codecs.iter().position(|(known, _)| *known == format);
        self.codec = known.unwrap_or(self.codecs.len());
        if known.is_none() && self.codecs.len() < CODECS {
            self.codecs.push((format, 0));
        }
    }

    /// Whether a format is among those listed.
    pub fn has_codec(&self, format: FeedFormat) -> bool {
        self.codecs.iter().any(|(known, _)| *known == format)
    }

    /// Formats used after the first `packets` packets, in the order of their first use.
    pub fn codecs_after(&self, packets: u64) -> impl Iterator<Item = FeedFormat> + '_ {
        let is_used = move |n: usize, last: u64| match n == self.codec {
            true => self.packets > packets,
            false => last > packets,
        };
        let codecs = self.codecs.iter().enumerate();
        codecs
            .filter(move |(n, (_, last))| is_used(*n, *last))
            .map(|(_, (format, _))| *format)
    }
}
