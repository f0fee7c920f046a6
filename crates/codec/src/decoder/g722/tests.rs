//! The test sequences of the Recommendation, and two other decoders.

use std::path::PathBuf;
use std::process::Command;

use super::sub_band::{LOW_PREDICTION, SubBand};
use super::*;

/// Levels of the low band's quantizer with 5 bits (QQ5 by IL), for 56 kbit/s.
const LOW_OUTPUT_5: [i32; 32] = [
    -280, -280, -23352, -17560, -14120, -11664, -9752, -8184, -6864, -5712, -4696, -3784, -2960, -2208,
    -1520, -880, 23352, 17560, 14120, 11664, 9752, 8184, 6864, 5712, 4696, 3784, 2960, 2208, 1520, 880, 280,
    -280,
];

/// The directory of the test sequences of Appendix II, which are the ITU's: they are in the package
/// of another decoder, not in this repository. `None`: it is not there.
fn sequences() -> Option<PathBuf> {
    let metadata = Command::new(env!("CARGO"))
        // Packages for other systems may not have been downloaded.
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(["--filter-platform", "host-tuple"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let metadata = String::from_utf8(metadata.stdout).ok()?;
    let paths = metadata.split("\"manifest_path\":\"").skip(1);
    let paths = paths.filter_map(|rest| rest.split('"').next());
    let manifest = paths.filter(|path| path.contains("sipx-audio-")).last()?;
    let found = PathBuf::from(manifest).parent()?.join("corpus/g722");
    found.is_dir().then_some(found)
}

/// Whether the tests of what a machine may lack must not be skipped.
fn needs_all() -> bool {
    std::env::var_os("CALLREC_NEEDS_TOOLS").is_some()
}

/// The 16-bit words of a sequence.
fn words(name: &str) -> Vec<u16> {
    let path = sequences().expect("the sequences").join(name);
    let bytes = std::fs::read(&path).expect("a sequence");
    let (words, rest) = bytes.as_chunks::<2>();
    assert!(rest.is_empty(), "{path:?}");
    words.iter().map(|word| u16::from_be_bytes(*word)).collect()
}

/// The output of the low band for a byte, at 64 (0), 56 (1) or 48 kbit/s (2).
fn decode_low(band: &mut SubBand, byte: u8, mode: usize) -> i32 {
    let code = byte & 0x3f;
    match mode {
        0 => band.decode_low(code),
        1 => band.decode_low_at(LOW_OUTPUT_5[usize::from(code >> 1)], code >> 2),
        _ => band.decode_low_at(LOW_PREDICTION[usize::from(code >> 2)], code >> 2),
    }
}

/// Every word of both bands, at the three rates.
#[test]
fn the_recommendations_sequences_decode_exactly() {
    if sequences().is_none() {
        assert!(!needs_all(), "the package sipx-audio has the sequences");
        return;
    }
    for (codes, low, high) in [
        ("bt2r1.cod", "bt3l1", "bt3h1.rc0"),
        ("bt2r2.cod", "bt3l2", "bt3h2.rc0"),
        ("bt1d3.cod", "bt3l3", "bt3h3.rc0"),
    ] {
        let (words_in, high) = (words(codes), words(high));
        let low = [1, 2, 3].map(|mode| words(&format!("{low}.rc{mode}")));
        let mut bands = [SubBand::low(), SubBand::low(), SubBand::low()];
        let mut high_band = SubBand::high();
        let mut compared = 0;
        for (n, word) in words_in.iter().enumerate() {
            if word & 1 == 1 {
                bands = [SubBand::low(), SubBand::low(), SubBand::low()];
                high_band = SubBand::high();
                continue;
            }
            let byte = (word >> 8) as u8;
            for (mode, band) in bands.iter_mut().enumerate() {
                let output = (decode_low(band, byte, mode) << 1) as i16;
                assert_eq!(output, low[mode][n] as i16, "{codes}: low band, mode {mode}, {n}");
            }
            let output = (high_band.decode_high(byte >> 6) << 1) as i16;
            assert_eq!(output, high[n] as i16, "{codes}: high band, {n}");
            compared += 1;
        }
        assert!(compared > 700, "{codes}: {compared}");
    }
}

/// Codes that no encoder sends, so that all limits are reached.
fn codes(count: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let mut codes = Vec::new();
    while codes.len() < count {
        let (kind, len) = (random() % 4, usize::from(random()) + 1);
        let value = random();
        codes.extend((0..len).map(|_| match kind {
            0 => random(),
            1 => value,
            2 => [0x04, 0x20, 0xe0][usize::from(random()) % 3],
            _ => 0x3c | (random() & 0xc3),
        }));
    }
    codes
}

/// In payloads of different lengths, as the sender's packets may have them.
fn decoded(codes: &[u8]) -> Vec<i16> {
    let (mut decoder, mut out, mut at) = (G722::new(), Vec::new(), 0);
    for len in (0..=320).cycle() {
        let to = (at + len).min(codes.len());
        assert_eq!(decoder.decode(&codes[at..to], &mut out), Ok(()));
        at = to;
        if at == codes.len() {
            return out;
        }
    }
    unreachable!()
}

#[test]
fn another_decoder_agrees_in_every_sample() {
    let codes = codes(100_000);
    let expected = sipx_audio::g722::Decoder::new().decode(&codes);
    assert!(decoded(&codes) == expected);
}

/// Runs ffmpeg on input from a file to output in another one. `None`: it is missing.
fn ffmpeg(input: (&[&str], &[u8]), output: &[&str]) -> Option<Vec<u8>> {
    let dir = tempfile::tempdir().expect("a directory");
    let (from, to) = (dir.path().join("in"), dir.path().join("out"));
    std::fs::write(&from, input.1).expect("a file");
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error"])
        .args(input.0)
        .arg("-i")
        .arg(&from)
        .args(output)
        .arg(&to)
        .status();
    assert!(status.is_ok() || !needs_all(), "ffmpeg is missing");
    assert!(status.ok()?.success());
    Some(std::fs::read(&to).expect("its output"))
}

/// What an encoder sends: ffmpeg's decoder does not saturate in the same places, so it differs for
/// codes that no encoder sends.
#[test]
fn ffmpeg_agrees_in_every_sample() {
    let noise = codes(100_000);
    let tone = |n: usize| (20_000.0 * (n as f64 * n as f64 * 2e-5).sin()) as i16;
    let tone: Vec<u8> = (0..100_000).flat_map(|n| tone(n).to_le_bytes()).collect();
    for input in [noise, tone] {
        let linear = ["-f", "s16le", "-ar", "16000", "-ac", "1"];
        let Some(codes) = ffmpeg((&linear, &input), &["-c:a", "g722", "-f", "g722"]) else {
            return;
        };
        let bytes = ffmpeg((&["-f", "g722"], &codes), &["-f", "s16le"]).expect("ffmpeg");
        let (samples, _) = bytes.as_chunks::<2>();
        let expected: Vec<i16> = samples.iter().map(|sample| i16::from_le_bytes(*sample)).collect();
        assert_eq!(expected.len(), 2 * codes.len());
        let ours = decoded(&codes);
        let differs = (0..ours.len()).find(|n| ours[*n] != expected[*n]);
        assert_eq!(differs, None);
    }
}
