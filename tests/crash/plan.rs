//! The controls and the audio of each call, shared by the parent and the child processes.

use crate::sound::{SECRET, samples, tone_of};
use callrec::capi::*;
use callrec_testkit::random::SeededRng;
use callrec_testkit::wav::WavFile;

pub const RATE: u64 = 8000;
pub const PACKET: u64 = 160;
pub const PACKET_MS: u64 = 20;
pub const LEGS: [i32; 2] = [REC_LEG_LOCAL, REC_LEG_REMOTE];

/// How a call's recording is controlled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlPattern {
    /// Recorded until the kill.
    Uncontrolled,
    /// Paused and resumed repeatedly.
    Pauses,
    /// Paused once and never resumed.
    StaysPaused,
    /// Stopped and started repeatedly, so that some recordings are finishing at the kill.
    Cycles,
    /// The call ends before the kill.
    HangsUp,
}

#[derive(Clone, Copy, Debug)]
pub struct CallKind {
    pub layout: i32,
    pub format: &'static str,
    pub codec: i32,
    pub pause_mode: i32,
    pub controls: ControlPattern,
}

const fn kind_of(
    layout: i32,
    format: &'static str,
    codec: i32,
    pause_mode: i32,
    controls: ControlPattern,
) -> CallKind {
    CallKind {
        layout,
        format,
        codec,
        pause_mode,
        controls,
    }
}

const KINDS: &[CallKind] = {
    use ControlPattern::*;
    const SILENCE: i32 = REC_PAUSE_SILENCE;
    const SKIP: i32 = REC_PAUSE_SKIP;
    &[
        kind_of(REC_LAYOUT_STEREO, "wav", REC_CODEC_PCM16, SILENCE, Pauses),
        // The frames of these formats are first in a tail, and cannot be overwritten in the file.
        #[cfg(feature = "faults")]
        kind_of(REC_LAYOUT_STEREO, "test-paged", REC_CODEC_PCM16, SILENCE, Pauses),
        #[cfg(feature = "faults")]
        kind_of(REC_LAYOUT_MONO, "test-paged", REC_CODEC_PCM16, SKIP, Cycles),
        kind_of(REC_LAYOUT_STEREO, "opus", REC_CODEC_PCM16, SILENCE, Pauses),
        kind_of(REC_LAYOUT_MONO, "opus", REC_CODEC_PCM16, SKIP, Cycles),
        #[cfg(feature = "mp3")]
        kind_of(REC_LAYOUT_STEREO, "mp3", REC_CODEC_PCM16, SILENCE, Pauses),
        #[cfg(feature = "mp3")]
        kind_of(REC_LAYOUT_MONO, "mp3", REC_CODEC_PCM16, SKIP, Cycles),
        #[cfg(feature = "faults")]
        kind_of(REC_LAYOUT_STEREO, "flac", REC_CODEC_PCM16, SILENCE, Pauses),
        #[cfg(feature = "faults")]
        kind_of(REC_LAYOUT_MONO, "flac", REC_CODEC_PCM16, SKIP, Cycles),
        kind_of(REC_LAYOUT_MONO, "wav", REC_CODEC_PCM16, SKIP, Pauses),
        kind_of(REC_LAYOUT_STEREO, "au", REC_CODEC_PCM16, SILENCE, Pauses),
        kind_of(REC_LAYOUT_STEREO, "au-ulaw", REC_CODEC_PCMU, SILENCE, Pauses),
        kind_of(REC_LAYOUT_LOCAL, "au-alaw", REC_CODEC_PCMA, SKIP, Cycles),
        kind_of(REC_LAYOUT_STEREO, "wav-ulaw", REC_CODEC_PCMU, SKIP, Pauses),
        kind_of(REC_LAYOUT_LOCAL, "wav", REC_CODEC_PCM16, SILENCE, Uncontrolled),
        kind_of(REC_LAYOUT_STEREO, "wav", REC_CODEC_PCM16, SKIP, Cycles),
        kind_of(REC_LAYOUT_REMOTE, "wav-alaw", REC_CODEC_PCMA, SILENCE, Pauses),
        kind_of(
            REC_LAYOUT_STEREO,
            "wav-ulaw",
            REC_CODEC_PCMU,
            SILENCE,
            StaysPaused,
        ),
        kind_of(REC_LAYOUT_MONO, "wav", REC_CODEC_PCM16, SILENCE, HangsUp),
        kind_of(REC_LAYOUT_LOCAL, "wav-ulaw", REC_CODEC_PCMU, SKIP, StaysPaused),
        kind_of(REC_LAYOUT_STEREO, "wav-alaw", REC_CODEC_PCMA, SILENCE, Cycles),
        kind_of(REC_LAYOUT_STEREO, "wav", REC_CODEC_PCM16, SILENCE, Uncontrolled),
        kind_of(REC_LAYOUT_REMOTE, "wav", REC_CODEC_PCM16, SKIP, Pauses),
    ]
};

pub fn kind(call: usize) -> CallKind {
    KINDS[call % KINDS.len()]
}

impl CallKind {
    pub fn has_leg(&self, leg: usize) -> bool {
        match self.layout {
            REC_LAYOUT_LOCAL => leg == 0,
            REC_LAYOUT_REMOTE => leg == 1,
            _ => true,
        }
    }

    pub fn channels(&self) -> u16 {
        1 + u16::from(self.layout == REC_LAYOUT_STEREO)
    }

    /// Its samples cannot be compared, only counted and recognized by their tones.
    pub fn is_lossy(&self) -> bool {
        matches!(self.format, "opus" | "mp3")
    }

    fn tag(&self) -> u16 {
        match self.codec {
            REC_CODEC_PCMU => 7,
            REC_CODEC_PCMA => 6,
            _ => 1,
        }
    }

    /// The values of one leg in a file, position by position; `None` is silence.
    pub fn leg_values(&self, wav: &WavFile, leg: usize) -> Vec<Option<i32>> {
        let channel = match self.layout {
            REC_LAYOUT_STEREO => leg,
            _ => 0,
        };
        if self.codec != REC_CODEC_PCM16 {
            let quiet = silence(self.codec);
            let of = |byte: u8| (i32::from(byte) != quiet).then_some(i32::from(byte));
            return wav.g711(channel).into_iter().map(of).collect();
        }
        let of_leg = |sample: i16| match (self.layout, leg) {
            (REC_LAYOUT_MONO, 0) => i32::from(sample) & !63,
            (REC_LAYOUT_MONO, _) => i32::from(sample) & 63,
            _ => i32::from(sample),
        };
        let all = wav.pcm(channel).into_iter().map(of_leg);
        all.map(|sample| (sample != 0).then_some(sample)).collect()
    }

    /// Checks that the header fits this kind of recording.
    pub fn check_shape(&self, wav: &WavFile) -> Result<(), String> {
        let (found, expected) = (
            (wav.tag, wav.channels, wav.rate),
            (self.tag(), self.channels(), 8000),
        );
        match found == expected {
            true => Ok(()),
            false => Err(format!("the header has {found:?}, not {expected:?}")),
        }
    }
}

fn silence(codec: i32) -> i32 {
    match codec {
        REC_CODEC_PCMU => 0xff,
        REC_CODEC_PCMA => 0xd5,
        _ => 0,
    }
}

/// The value at one position of a leg. It is never silence, and in a mix the legs can be
/// separated. In lossy formats, it is the tone of the packet.
pub fn value(call: usize, leg: usize, index: u64) -> i32 {
    let kind = kind(call);
    if kind.is_lossy() {
        return tone_of(index / PACKET) as i32;
    }
    let mut rng = SeededRng::new((call as u64) << 48 ^ (leg as u64) << 44 ^ index);
    let roll = rng.next_u64();
    if kind.codec != REC_CODEC_PCM16 {
        let byte = (roll & 0xff) as i32;
        // 0x7f is the other zero of mu-law.
        return if byte == silence(kind.codec) || byte == 0x7f {
            0x33
        } else {
            byte
        };
    }
    match (kind.layout, leg) {
        (REC_LAYOUT_MONO, 0) => 64 * (1 + (roll % 500) as i32),
        (REC_LAYOUT_MONO, _) => 1 + (roll % 63) as i32,
        _ => match i32::from(roll as i16) {
            0 => 1,
            other => other,
        },
    }
}

/// The bytes of one packet. `is_secret`: it is said while the call is not recorded.
pub fn packet(call: usize, leg: usize, number: u64, is_secret: bool) -> Vec<u8> {
    if kind(call).is_lossy() {
        let tone = if is_secret { SECRET } else { tone_of(number) };
        return samples(leg, tone, number).flat_map(i16::to_ne_bytes).collect();
    }
    let values = (number * PACKET..(number + 1) * PACKET).map(|index| value(call, leg, index));
    if kind(call).codec == REC_CODEC_PCM16 {
        values.flat_map(|value| (value as i16).to_ne_bytes()).collect()
    } else {
        values.map(|value| value as u8).collect()
    }
}
