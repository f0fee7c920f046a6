//! Single samples: as a test has written them, and as a file must have them.

use crate::g711::{self, Law};

/// One sample as it was written, or the silence where nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenSample {
    Silence,
    Coded(Law, u8),
    Linear(i16),
}

impl WrittenSample {
    /// Its linear value.
    pub fn value(self) -> i32 {
        match self {
            WrittenSample::Silence => 0,
            WrittenSample::Coded(law, byte) => g711::decode(law, byte).into(),
            WrittenSample::Linear(sample) => sample.into(),
        }
    }
}

/// A channel's sample as a file must have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedSample {
    /// This byte of G.711.
    Byte(u8),
    /// This sample of PCM16.
    Linear(i16),
    /// Any byte of G.711 that encodes this sample.
    Near(Law, i16),
}

impl ExpectedSample {
    /// The mix of these samples in a file of a G.711 law; `None`: of PCM16.
    pub fn mix(law: Option<Law>, written: &[WrittenSample]) -> ExpectedSample {
        let sum: i32 = written.iter().map(|sample| sample.value()).sum();
        let sum = sum.clamp(-32768, 32767) as i16;
        let Some(law) = law else {
            return ExpectedSample::Linear(sum);
        };
        let mut audible = written.iter().filter(|sample| **sample != WrittenSample::Silence);
        match (audible.next(), audible.next()) {
            (None, _) => ExpectedSample::Byte(law.silence()),
            (Some(WrittenSample::Coded(same, byte)), None) if *same == law => ExpectedSample::Byte(*byte),
            _ => ExpectedSample::Near(law, sum),
        }
    }

    pub fn matches(self, bytes: &[u8]) -> bool {
        match self {
            ExpectedSample::Byte(byte) => bytes == [byte],
            ExpectedSample::Linear(sample) => bytes == sample.to_le_bytes(),
            ExpectedSample::Near(law, sample) => g711::encodes(law, bytes[0], sample),
        }
    }

    /// Bytes that match.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            ExpectedSample::Byte(byte) => vec![byte],
            ExpectedSample::Linear(sample) => sample.to_le_bytes().to_vec(),
            ExpectedSample::Near(law, sample) => vec![g711::encode(law, sample)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::WrittenSample::{Coded, Linear, Silence};
    use super::*;

    #[test]
    fn samples_are_mixed() {
        let mix = ExpectedSample::mix;
        assert_eq!(
            mix(None, &[Linear(30_000), Linear(30_000)]),
            ExpectedSample::Linear(32_767)
        );
        assert_eq!(
            mix(Some(Law::Mu), &[Silence, Silence]),
            ExpectedSample::Byte(0xff)
        );
        assert_eq!(
            mix(Some(Law::A), &[Silence, Coded(Law::A, 7)]),
            ExpectedSample::Byte(7)
        );
        let recoded = mix(Some(Law::A), &[Coded(Law::Mu, 7)]);
        assert_eq!(recoded, ExpectedSample::Near(Law::A, g711::decode(Law::Mu, 7)));
        for expected in [mix(None, &[Linear(-5)]), recoded, mix(Some(Law::Mu), &[])] {
            assert!(expected.matches(&expected.bytes()), "{expected:?}");
        }
    }
}
