//! What stands in for the encoder of a format that this build can read, measure and continue to keep,
//! but not write.

use crate::{EncodedPackets, Encoder};

/// Fails instead of encoding. A recording that a crash has interrupted waits for a build with the
/// encoder; until then its frames are kept where they are.
pub struct MissingEncoder {
    /// What the encoder's `delay` would be.
    pub delay: u64,
    /// Frames of a packet.
    pub packet: u64,
    /// Packets that the encoder would encode again before it continues a file.
    pub pre_roll: u64,
    pub why: String,
}

/// Why a format cannot be written.
pub fn left_out(format: &str) -> String {
    format!("format \"{format}\": this callrec was built without the feature `{format}`")
}

impl Encoder for MissingEncoder {
    fn encode(&mut self, _samples: &[u8], _out: &mut EncodedPackets) {}

    fn failure(&self) -> Option<&str> {
        Some(&self.why)
    }

    fn finish(&mut self, _out: &mut EncodedPackets) -> u64 {
        0
    }

    fn delay(&self) -> u64 {
        self.delay
    }

    fn resume_from(&self, output: u64) -> u64 {
        (output / self.packet).saturating_sub(self.pre_roll) * self.packet
    }

    fn resume(&mut self, _output: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Format, Shape};

    fn is_built(format: &str) -> bool {
        let optional = [("flac", cfg!(feature = "flac")), ("opus", cfg!(feature = "opus"))];
        optional
            .iter()
            .all(|(name, is_built)| *name != format || *is_built)
    }

    #[test]
    fn a_format_without_its_feature_is_known_and_cannot_be_written() {
        for name in ["wav", "au", "flac", "opus"] {
            let format = Format::named(name).expect("a format of every build");
            let expected = (!is_built(name)).then(|| left_out(name));
            assert_eq!(format.obstacle(), expected);
            let shape = Shape {
                format,
                rate: 16_000,
                channels: 2,
            };
            let (mut encoder, mut out) = (format.encoder(&shape), EncodedPackets::default());
            encoder.encode(&[0; 64_000], &mut out);
            assert_eq!(encoder.failure().is_some(), !is_built(name), "{name}");
            assert_eq!(out.bytes.is_empty(), !is_built(name), "{name}");
        }
    }

    #[test]
    fn a_codec_without_its_feature_has_no_decoder() {
        for (codec, rate) in [(Codec::G722, 16_000), (Codec::Opus, 48_000)] {
            assert_eq!(codec.decoder(rate).is_some(), codec.is_built_in(), "{codec:?}");
        }
        assert_eq!(Codec::G722.is_built_in(), cfg!(feature = "g722"));
        assert_eq!(Codec::Opus.is_built_in(), cfg!(feature = "opus"));
    }

    /// Otherwise a recording that waits for another build would lose frames at the joint. The numbers
    /// are the same in builds with and without the encoder.
    #[test]
    fn a_file_is_continued_where_the_encoder_would_continue_it() {
        let expected = [("flac", 0, 5000), ("opus", 104, 3520)];
        for (name, delay, from) in expected {
            let format = Format::named(name).expect("a format of every build");
            let shape = Shape {
                format,
                rate: 16_000,
                channels: 1,
            };
            let encoder = format.encoder(&shape);
            assert_eq!(
                (encoder.delay(), encoder.resume_from(5000)),
                (delay, from),
                "{name}"
            );
        }
    }
}
