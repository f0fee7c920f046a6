//! Opus against libopus, and Opus that is damaged or lies.

use std::process::Command;

use callrec_codec::{Codec, Decoder};

fn decoder() -> Box<dyn Decoder> {
    Codec::Opus.decoder(48_000).expect("a decoder")
}

fn needs_all() -> bool {
    std::env::var_os("CALLREC_NEEDS_TOOLS").is_some()
}

/// A packet and what libopus decoded it to.
struct ReferencePacket {
    /// Whether the packet before it is lost, and recovered from this one.
    is_recovery: bool,
    packet: Vec<u8>,
    samples: Vec<i16>,
}

/// Packets of libopus' encoder. `None`: libopus or a compiler is missing.
fn libopus(kind: &str, packets: usize) -> Option<Vec<ReferencePacket>> {
    let dir = tempfile::tempdir().expect("a directory");
    let program = dir.path().join("libopus");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/opus/libopus.c");
    let built = Command::new("cc")
        .args(["-O1", "-D_GNU_SOURCE", source, "-o"])
        .arg(&program)
        .args(["-lopus", "-lm"])
        .status()
        .is_ok_and(|status| status.success());
    assert!(built || !needs_all(), "libopus-dev or a compiler is missing");
    if !built {
        return None;
    }
    let output = Command::new(&program)
        .args([kind, &packets.to_string()])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{kind}");
    let mut bytes = &output.stdout[..];
    let mut references = Vec::new();
    while !bytes.is_empty() {
        let is_recovery = number(&mut bytes) == 1;
        let len = number(&mut bytes);
        let packet = take(&mut bytes, len).to_vec();
        let frames = number(&mut bytes);
        let (pairs, _) = take(&mut bytes, 2 * frames).as_chunks::<2>();
        let samples = pairs.iter().map(|pair| i16::from_ne_bytes(*pair)).collect();
        references.push(ReferencePacket {
            is_recovery,
            packet,
            samples,
        });
    }
    Some(references)
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(len);
    *bytes = rest;
    taken
}

fn number(bytes: &mut &[u8]) -> usize {
    let number = take(bytes, 4).try_into().expect("four bytes");
    i32::from_ne_bytes(number) as usize
}

/// What the decoder makes of the packets, beside what libopus makes of them.
#[derive(Debug, Default)]
struct SampleAgreement {
    samples: usize,
    /// The share of equal samples, the greatest difference, and the ratio of signal to difference.
    equal: f64,
    greatest: i32,
    snr_db: f64,
    recovered: usize,
    dtx: usize,
}

fn compare(references: &[ReferencePacket]) -> SampleAgreement {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut decoder, mut found) = (decoder(), SampleAgreement::default());
    for reference in references {
        let (before, len) = (ours.len(), reference.samples.len());
        match reference.is_recovery {
            false => {
                assert_eq!(decoder.decode(&reference.packet, &mut ours), Ok(()));
                found.dtx += usize::from(reference.packet.len() == 1);
            }
            true if decoder.recover(&reference.packet, len, &mut ours) => found.recovered += 1,
            // There is no copy. libopus conceals.
            true => decoder.conceal(len, &mut ours),
        }
        assert_eq!(ours.len(), before + len);
        theirs.extend_from_slice(&reference.samples);
    }
    let differences = ours
        .iter()
        .zip(&theirs)
        .map(|(a, b)| i32::from(*a) - i32::from(*b));
    let power = |value: i32| f64::from(value) * f64::from(value);
    let noise: f64 = differences.clone().map(power).sum();
    let signal: f64 = theirs.iter().map(|value| power(i32::from(*value))).sum();
    found.samples = theirs.len();
    found.equal = differences.clone().filter(|value| *value == 0).count() as f64 / theirs.len() as f64;
    found.greatest = differences.map(i32::abs).max().unwrap_or(0);
    found.snr_db = 10.0 * (signal / noise.max(1.0)).log10();
    found
}

#[test]
fn packets_decode_as_with_libopus() {
    for kind in [
        "voice",
        "wide",
        "music",
        "stereo-music",
        "stereo-voice",
        "switching",
    ] {
        let Some(references) = libopus(kind, 400) else {
            return;
        };
        let found = compare(&references);
        eprintln!("{kind}: {found:?}");
        assert!(found.greatest <= 1 && found.equal > 0.99, "{kind}: {found:?}");
        assert_eq!(found.samples, 400 * 960);
    }
}

/// libopus 1.3 conceals in another way than 1.6, with which the decoder agrees. The copies of missing
/// packets decode to the same samples with both.
#[test]
fn lost_and_announced_silence_sound_as_with_libopus() {
    for (kind, least_db) in [
        ("loss", 100.0),
        ("dtx", 45.0),
        ("loss-switching", 40.0),
        ("stereo-loss", 40.0),
        ("stereo-switching", 100.0),
        // The decoder begins with one channel, and the change to two keeps one packet of its state.
        ("stereo-late", 40.0),
    ] {
        let Some(references) = libopus(kind, 400) else {
            return;
        };
        let found = compare(&references);
        eprintln!("{kind}: {found:?}");
        assert!(found.snr_db > least_db, "{kind}: {found:?}");
        assert!(
            !kind.contains("loss") || found.recovered > 10,
            "{kind}: {found:?}"
        );
        assert!(kind != "dtx" || found.dtx > 50, "{kind}: {found:?}");
    }
}

/// Other numbers of samples than a frame may have must not reach the decoder, which would read
/// outside its memory.
#[test]
fn any_number_of_samples_is_concealed_by_whole_frames() {
    for kind in ["loss", "music", "stereo-music", "dtx"] {
        let Some(references) = libopus(kind, 12) else {
            return;
        };
        let mut decoder = decoder();
        let mut out = Vec::new();
        decoder.conceal(960, &mut out);
        assert!(out.is_empty(), "there is no packet yet");
        for samples in (0..3000).step_by(7).chain([120, 360, 2880, 5760, 48_000]) {
            let reference = &references[samples % references.len()];
            out.clear();
            assert_eq!(decoder.decode(&reference.packet, &mut out), Ok(()));
            out.clear();
            decoder.conceal(samples, &mut out);
            assert_eq!(out.len(), samples / 120 * 120, "{kind}: {samples}");
            out.clear();
            let is_recovered = decoder.recover(&reference.packet, samples, &mut out);
            assert_eq!(out.len(), if is_recovered { samples } else { 0 });
            assert!(!is_recovered || samples == 960);
        }
    }
}

/// Lying lengths, codings and channels, and packets that end too early.
#[test]
fn damaged_packets_are_refused_or_decoded_to_their_duration() {
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for kind in ["loss", "music", "stereo-voice"] {
        let Some(references) = libopus(kind, 60) else {
            return;
        };
        let (mut decoder, mut out, mut refused) = (decoder(), Vec::new(), 0);
        for _ in 0..3000 {
            let mut packet = references[random(references.len())].packet.clone();
            match random(5) {
                0 => packet.truncate(random(packet.len() + 1)),
                1 => packet[0] = random(256) as u8,
                2 => {
                    let at = random(packet.len());
                    packet[at] = random(256) as u8;
                }
                3 => packet.extend((0..random(9)).map(|_| 255)),
                _ => {}
            }
            out.clear();
            let samples = Codec::Opus.samples_of(&packet, 48_000) as usize;
            if random(8) == 0 {
                decoder.recover(&packet, samples, &mut out);
                out.clear();
            }
            match decoder.decode(&packet, &mut out) {
                Ok(()) => assert_eq!(out.len(), samples, "{packet:?}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 30, "{refused}");
        // It still decodes.
        out.clear();
        for reference in &references {
            assert_eq!(decoder.decode(&reference.packet, &mut out), Ok(()));
        }
        assert!(out.iter().any(|sample| sample.unsigned_abs() > 1000));
    }
}
