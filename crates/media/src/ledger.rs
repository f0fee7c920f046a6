//! The ledger of a recording: accounts for all audio that was handed in for each leg.
//!
//! The terms balance: handed in = in the file + outside + duplicates + slipped + dropped. Each term
//! is counted separately.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::Leg;
use crate::planted::{TimelineFault, is_planted};
use callrec_codec::Codec;

/// Ticks per second. A sample of every usual rate is a whole number of ticks, so that samples of
/// different rates add up without rounding.
pub const TICKS_PER_S: u64 = 28_224_000;
const TICKS_PER_MS: u64 = TICKS_PER_S / 1000;

/// Converts samples to ticks, rounding down if the rate does not divide the ticks.
pub fn ticks(samples: u64, rate: u32) -> u64 {
    let rate = u64::from(rate.max(1));
    match TICKS_PER_S.is_multiple_of(rate) {
        true => samples.saturating_mul(TICKS_PER_S / rate),
        false => (u128::from(samples) * u128::from(TICKS_PER_S) / u128::from(rate)) as u64,
    }
}

/// Why audio is missing from the file although it was spoken while the recording was recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum DropReason {
    /// Its position in the file was already settled.
    Late,
    /// The feed's ring and the engine's overflow memory were full (`REC_ERR_OVERRUN`), or the leg sent
    /// more than is decoded.
    Overflow,
    /// Handed in further ahead of the clock than the feed allows.
    Ahead,
    /// Another stream of the leg, or an earlier write, covers its position.
    Overlap,
    /// A packet of an unknown or restarted stream that no other packet confirmed.
    Unconfirmed,
    /// It may have been spoken during a pause.
    PauseUnclear,
    /// The disk could not keep up (`storage.backlog_ms`).
    Backlog,
    /// Its packet was damaged, and the decoder refused it.
    Undecodable,
    /// The host's decoder did not answer in time.
    DecoderTimeout,
}

impl DropReason {
    pub const COUNT: usize = 9;
    pub const ALL: [DropReason; Self::COUNT] = [
        DropReason::Late,
        DropReason::Overflow,
        DropReason::Ahead,
        DropReason::Overlap,
        DropReason::Unconfirmed,
        DropReason::PauseUnclear,
        DropReason::Backlog,
        DropReason::Undecodable,
        DropReason::DecoderTimeout,
    ];

    pub fn text(self) -> &'static str {
        match self {
            DropReason::Late => "late",
            DropReason::Overflow => "overflow",
            DropReason::Ahead => "ahead",
            DropReason::Overlap => "overlap",
            DropReason::Unconfirmed => "unconfirmed",
            DropReason::PauseUnclear => "pause_unclear",
            DropReason::Backlog => "backlog",
            DropReason::Undecodable => "undecodable",
            DropReason::DecoderTimeout => "decoder_timeout",
        }
    }
}

/// Why a range of the file is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LossReason {
    /// It never arrived: a gap in the sequence numbers.
    Network,
    Dropped(DropReason),
}

impl LossReason {
    pub fn text(self) -> &'static str {
        match self {
            LossReason::Network => "network",
            LossReason::Dropped(reason) => reason.text(),
        }
    }
}

/// Why audio does not belong in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum OutsideReason {
    BeforeStart,
    /// Handed in, or spoken, during a pause or while the call was private.
    Paused,
    /// Fed while the call was held, with `calls.hold_audio` "silence".
    Hold,
    AfterStop,
    /// Written ahead, and cleared by `rec_feed_clear` or not yet played at the end of the call.
    Cleared,
    /// A DTMF tone, or close to one, with `media.dtmf` "mask".
    Dtmf,
}

impl OutsideReason {
    pub const COUNT: usize = 6;
    pub const ALL: [OutsideReason; Self::COUNT] = [
        OutsideReason::BeforeStart,
        OutsideReason::Paused,
        OutsideReason::Hold,
        OutsideReason::AfterStop,
        OutsideReason::Cleared,
        OutsideReason::Dtmf,
    ];

    pub fn text(self) -> &'static str {
        match self {
            OutsideReason::BeforeStart => "before_start",
            OutsideReason::Paused => "paused",
            OutsideReason::Hold => "hold",
            OutsideReason::AfterStop => "after_stop",
            OutsideReason::Cleared => "cleared",
            OutsideReason::Dtmf => "dtmf",
        }
    }
}

/// The ledger of one leg of one recording. Amounts of audio are in ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegLedger {
    /// The leg has had a feed and is part of this recording.
    pub fed: bool,
    /// Packets with audio and writes, handed in since the recording's start.
    pub packets: u64,
    /// Their audio.
    pub handed: u64,
    /// The part of `handed` that is in the file.
    pub in_file: u64,
    pub outside: [u64; OutsideReason::COUNT],
    /// Packets received more than once.
    pub duplicates: u64,
    /// Left out to follow a sender with a fast clock.
    pub slipped: u64,
    /// Repeated to follow a sender with a slow clock: in the file, but never handed in.
    pub repeated: u64,
    /// Recovered from the copy that a later packet held: in the file, but never handed in.
    pub recovered: u64,
    /// Made up for missing audio: in the file, and counted as missing.
    pub concealed: u64,
    /// Made up for a silence that the sender described.
    pub comfort_noise: u64,
    pub dropped: [u64; DropReason::COUNT],
    /// Audio that never arrived.
    pub missing: u64,
    /// Packets without audio: RTP payload type and number of packets.
    pub ignored: Vec<(u8, u64)>,
    /// Codec and rate, in the order of their first packets.
    pub codecs: SmallVec<[(Codec, u32); 2]>,
    /// The names of those of `codecs` that the host decodes.
    pub external: Vec<(Codec, Arc<str>)>,
    /// Streams with audio: SSRCs, and restarts of their sequences.
    pub streams: u32,
    /// Packets whose timestamps contradicted their sequence numbers.
    pub wrong_timestamps: u64,
    /// Two streams sent concurrently.
    pub concurrent: bool,
    /// Audio with a higher rate than the file was resampled.
    pub narrowed: bool,
    /// The leg was connected for `MediaConfig::silent_ns` without decoded audio.
    pub silent: bool,
}

/// Converts ticks to milliseconds, rounded.
pub fn ms(ticks: u64) -> u64 {
    (ticks + TICKS_PER_MS / 2) / TICKS_PER_MS
}

impl LegLedger {
    /// Counts dropped audio. Every drop passes through this function.
    pub fn add_dropped(&mut self, reason: DropReason, ticks: u64) {
        if reason == DropReason::PauseUnclear && is_planted(TimelineFault::DropNotCounted) {
            return;
        }
        self.dropped[reason as usize] += ticks;
    }

    pub fn add_outside(&mut self, reason: OutsideReason, ticks: u64) {
        self.outside[reason as usize] += ticks;
    }

    pub fn dropped_sum(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// The audio counted by `lost_ms`: missing or dropped.
    pub fn lost(&self) -> u64 {
        self.missing + self.dropped_sum()
    }

    /// The sum of all terms that account for audio handed in.
    pub fn accounted(&self) -> u64 {
        self.in_file + self.outside.iter().sum::<u64>() + self.duplicates + self.slipped + self.dropped_sum()
    }

    /// Whether packets arrived, but none of them with audio that could be decoded.
    pub fn is_undecoded(&self) -> bool {
        self.fed && self.packets == 0 && self.ignored.iter().any(|(_, packets)| *packets > 0)
    }
}

/// The ledgers of all legs of one recording, up to the settled frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The number of frames that do not change any more.
    pub settled_frames: u64,
    /// Indexed by leg.
    pub legs: [LegLedger; 3],
}

impl Ledger {
    pub fn leg(&self, leg: Leg) -> &LegLedger {
        &self.legs[leg as usize]
    }

    pub fn lost(&self) -> u64 {
        self.legs.iter().map(LegLedger::lost).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_whole_at_every_usual_rate() {
        for rate in [
            8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
        ] {
            assert_eq!(ticks(u64::from(rate), rate), TICKS_PER_S, "{rate} Hz");
            assert_eq!(ticks(3, rate), 3 * ticks(1, rate), "{rate} Hz");
        }
        assert_eq!(ms(ticks(160, 8000)), 20);
    }
}
