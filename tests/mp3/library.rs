//! LAME itself: the library that is loaded at run time, and that of the feature `mp3`.

use callrec::codec::mp3::{Mp3Library, Mp3Settings};
use callrec::lame;

use crate::players;

#[test]
fn the_error_of_a_missing_library_names_the_package() {
    let error = lame::load(&["libmp3lame-missing.so.0"])
        .err()
        .expect("no such library");
    assert_eq!(
        error,
        "libmp3lame-missing.so.0 cannot be loaded; install LAME (Debian: the package libmp3lame0)"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_library_without_a_function_is_refused() {
    let error = lame::load(&["libm.so.6"]).err().expect("not LAME");
    assert!(
        error.starts_with("libm.so.6 has no function lame_init;"),
        "{error}"
    );
}

/// LAME accepts all settings that a file may have, and returns whole frames of one kind.
#[test]
fn every_kind_of_frame_is_encoded() {
    if !players::are_installed() {
        return;
    }
    expect_every_kind(lame::load(lame::NAMES).expect("installed"));
}

#[cfg(feature = "mp3")]
#[test]
fn every_kind_of_frame_is_encoded_by_the_compiled_library() {
    expect_every_kind(&lame::COMPILED);
}

fn expect_every_kind(library: &dyn Mp3Library) {
    let mpeg1 = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    let mpeg2 = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    for (rates, bitrates) in [
        (&[8000, 11_025, 12_000][..], &mpeg2[..8]),
        (&[16_000, 22_050, 24_000], &mpeg2),
        (&[32_000, 44_100, 48_000], &mpeg1),
    ] {
        for (rate, kbit) in rates
            .iter()
            .flat_map(|rate| bitrates.iter().map(move |kbit| (*rate, *kbit)))
        {
            for channels in [1, 2] {
                let settings = Mp3Settings {
                    rate,
                    channels,
                    bitrate: kbit * 1000,
                };
                check(library, &settings);
            }
        }
    }
}

fn check(library: &dyn Mp3Library, settings: &Mp3Settings) {
    let mut stream = library.begin(settings).expect("legal settings");
    let voice = crate::voices::voice(0, settings.rate, 9000);
    let mut out = Vec::new();
    let samples = voice
        .iter()
        .flat_map(|sample| vec![*sample; settings.channels.into()]);
    stream
        .encode(&samples.collect::<Vec<i16>>(), &mut out)
        .expect("encoded");
    stream.finish(&mut out).expect("encoded");
    let samples = if settings.rate < 32_000 { 576 } else { 1152 };
    let (mut at, mut frames) = (0, 0);
    while at < out.len() {
        assert_eq!(out[at..at + 2], out[..2], "{settings:?}");
        assert_eq!(out[at + 2] & 0xfc, out[2] & 0xfc, "{settings:?}");
        let padding = usize::from(out[at + 2] >> 1 & 1);
        at += samples / 8 * settings.bitrate as usize / settings.rate as usize + padding;
        frames += 1;
    }
    assert_eq!(at, out.len(), "{settings:?}");
    assert!(frames * samples >= 9000 + 1105, "{settings:?}: {frames} frames");
}
