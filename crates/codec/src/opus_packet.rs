//! What the first bytes of an Opus packet state (RFC 6716, 3.1 and 3.2). Builds without the codec need
//! it too, to measure files.

/// The rate of the codec's clock in Hz.
pub const OPUS_RATE: u32 = 48_000;
/// The most samples of a packet: 120 ms.
const SAMPLES_MAX: u64 = 5760;

/// The duration of a packet in samples at [`OPUS_RATE`], or `None` if its first bytes are invalid.
pub fn opus_samples(packet: &[u8]) -> Option<u64> {
    let toc = *packet.first()?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(*packet.get(1)? & 0x3f),
    };
    let samples = frames * frame_samples(toc >> 3);
    (1..=SAMPLES_MAX).contains(&samples).then_some(samples)
}

/// The samples of a frame by the packet's configuration, 0 to 31.
fn frame_samples(configuration: u8) -> u64 {
    let size = usize::from(configuration & 3);
    match configuration {
        // SILK
        0..=11 => [480, 960, 1920, 2880][size],
        // Both
        12..=15 => [480, 960][size & 1],
        // CELT
        _ => [120, 240, 480, 960][size],
    }
}

#[cfg(all(test, feature = "opus"))]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_the_decoder() {
        let expected = |packet: &[u8]| opus_pure::packet::samples(packet, OPUS_RATE as i32).ok();
        assert_eq!(opus_samples(&[]), None);
        for toc in 0..=255 {
            assert_eq!(
                opus_samples(&[toc]),
                expected(&[toc]).map(|samples| samples as u64)
            );
            for count in 0..=255 {
                let packet = [toc, count];
                assert_eq!(
                    opus_samples(&packet),
                    expected(&packet).map(|samples| samples as u64),
                    "{packet:?}"
                );
            }
        }
    }
}
