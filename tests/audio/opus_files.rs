//! Files of Ogg Opus: other programs accept them and find what was said, at its place.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::tree::files_with_extension;
use callrec_testkit::wait::until_some;
use callrec_testkit::wav::WavFile;

use crate::fixture::*;
use crate::support::players::*;
use crate::support::*;

/// Three seconds of a voice, with pauses.
fn voice(rate: u32, pitch: f64) -> Vec<u8> {
    let sample = |n: u32| {
        let t = f64::from(n) / f64::from(rate);
        let formant = 600.0 + 300.0 * (7.0 * t).sin();
        let harmonics = (1..20).map(|k| pitch * f64::from(k)).map(|hz| {
            let gain = (-((hz - formant) / 300.0).powi(2)).exp();
            gain * (std::f64::consts::TAU * hz * t).sin()
        });
        let loudness = (std::f64::consts::TAU * 1.3 * t).sin().max(0.0);
        (5000.0 * loudness * harmonics.sum::<f64>()) as i16
    };
    (0..3 * rate).flat_map(|n| sample(n).to_ne_bytes()).collect()
}

/// One channel's likeness to that of a WAV file of the same audio, from 0 to 1.
fn likeness(wav: &WavFile, samples: &[i16], channel: usize) -> f64 {
    let step = 48_000 / wav.rate as usize * usize::from(wav.channels);
    let (mut both, mut fed, mut heard) = (0.0, 0.0, 0.0);
    for (n, sample) in wav.pcm(channel).into_iter().enumerate() {
        let (a, b) = (f64::from(sample), f64::from(samples[n * step + channel]));
        (both, fed, heard) = (both + a * b, fed + a * a, heard + b * b);
    }
    both / (fed * heard).sqrt()
}

#[test]
fn other_programs_find_what_was_said() {
    for rate in [8000, 16_000, 48_000] {
        let fixture = RecordingFixture::new(&[]);
        let (local, remote) = fixture.legs(REC_CODEC_PCM16, rate);
        let ids = [REC_LAYOUT_STEREO, REC_LAYOUT_MONO].map(|layout| {
            ["opus;bitrate=40000", "wav"].map(|format| fixture.start(layout, format, REC_PAUSE_SILENCE))
        });
        let packet = rate as usize / 50 * 2;
        let (a, b) = (voice(rate, 140.0), voice(rate, 230.0));
        write_in_turns(packet, &[(local, &a), (remote, &b)]);
        for [opus, wav] in ids {
            let [opus, wav] = [opus, wav].map(|id| {
                fixture.stop(&id);
                let event = fixture.engine.events.wait_terminal(&id);
                assert_eq!(event.kind, REC_EVENT_FINISHED, "{event:#?}");
                event.recording.unwrap()
            });
            assert_same_audio(&opus, &WavFile::read(&wav.path));
            let wav_manifest = manifest_beside(&wav.path);
            let manifest = manifest_beside(&opus.path);
            for key in [
                "samples",
                "duration_ms",
                "sample_rate",
                "channels",
                "spans",
                "legs",
            ] {
                assert_eq!(manifest[key], wav_manifest[key], "{key}");
            }
        }
        fixture.close();
    }
}

fn assert_same_audio(opus: &RecordingFields, wav: &WavFile) {
    assert_eq!((&*opus.format, opus.path.ends_with(".opus")), ("opus", true));
    let path = CText::from(opus.path.as_str());
    assert_eq!(checked(|error| unsafe { rec_verify(path.ptr(), error) }), Ok(()));
    assert_accepted(&opus.path, false, wav.frames() as u64, wav.channels, wav.rate);
    for samples in [ffmpeg_samples(&opus.path), opusdec_samples(&opus.path)]
        .into_iter()
        .flatten()
    {
        for channel in 0..usize::from(wav.channels) {
            let found = likeness(wav, &samples, channel);
            assert!(
                found > 0.88,
                "{} Hz, channel {channel} of {}: {found}",
                wav.rate,
                wav.channels
            );
        }
    }
}

/// Opus has five rates.
#[test]
fn a_rate_that_opus_does_not_have_becomes_the_next_higher_one() {
    for (configured, rate) in [("8001", 12_000), ("22050", 24_000), ("32000", 48_000)] {
        let fixture = RecordingFixture::new(&[("recording.sample_rate", configured)]);
        let local = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCM16, 16_000);
        let id = fixture.start(REC_LAYOUT_LOCAL, "opus", REC_PAUSE_SILENCE);
        write_bytes(local, &voice(16_000, 140.0)[..32_000]);
        fixture.stop(&id);
        let recording = fixture.engine.events.wait_terminal(&id).recording.unwrap();
        let manifest = manifest_beside(&recording.path);
        assert_eq!(
            (recording.sample_rate, &manifest["samples"]),
            (rate, &rate.into())
        );
        assert_accepted(&recording.path, false, rate.into(), 1, rate);
        fixture.close();
    }
}

#[test]
fn the_tags_say_what_was_recorded() {
    let fixture = RecordingFixture::new(&[("recording.opus_dtx", "1")]);
    let (local, _) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "opus", REC_PAUSE_SILENCE);
    write_bytes(local, &[0xff; 800]);
    fixture.stop(&id);
    let recording = fixture.engine.events.wait_terminal(&id).recording.unwrap();
    let manifest = manifest_beside(&recording.path);
    assert_eq!(manifest["format_parameters"], "complexity=5;dtx=1");
    if let Some(text) = opusinfo(&recording.path, false) {
        for tag in [
            format!("RECORDING_ID={id}"),
            "CALL_ID=c".to_owned(),
            "TITLE=Call c".to_owned(),
            "LOCAL_PARTY=SEP1".to_owned(),
            format!("DATE={}", manifest["started_at"].as_str().unwrap()),
            "Original sample rate: 8000 Hz".to_owned(),
        ] {
            assert!(text.contains(&tag), "{tag}: {text}");
        }
    }
    fixture.close();
}

/// A recording without audio has a file that players open.
#[test]
fn a_file_without_audio_is_accepted() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start(REC_LAYOUT_STEREO, "opus", REC_PAUSE_SILENCE);
    fixture.stop(&id);
    let recording = fixture.engine.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(manifest_beside(&recording.path)["samples"], 0);
    opusinfo(&recording.path, false);
    assert_eq!(sndfile_frames(&recording.path).unwrap_or(0), 0);
    assert!(opusdec_samples(&recording.path).unwrap_or_default().is_empty());
    // It cannot cut both ends of a packet, and plays what is left of the only one.
    let heard = ffmpeg_samples(&recording.path).unwrap_or_default();
    assert!(heard.len() <= 2 * 960, "{}", heard.len());
    fixture.close();
}

#[test]
fn a_live_opus_file_is_playable() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCM16, 16_000);
    let id = fixture.start(REC_LAYOUT_STEREO, "opus", REC_PAUSE_SILENCE);
    let (a, b) = (voice(16_000, 140.0), voice(16_000, 230.0));
    write_in_turns(640, &[(local, &a), (remote, &b)]);
    let part = until_some("a second of audio is in the file", || {
        let parts = files_with_extension(&fixture.dir.0, "part");
        let part = parts.first().map(|part| fixture.dir.0.join(part));
        let part = part.ok_or_else(|| "no file".to_owned())?;
        let bytes = std::fs::read(&part).map_err(|why| why.to_string())?;
        let frames = coded::read_part(&bytes)?.frames();
        match frames >= 16_000 {
            true => Ok((bytes, frames)),
            false => Err(format!("{frames} frames")),
        }
    });
    // It may grow while programs read it.
    let copy = fixture.dir.0.join(".callrec/copy.opus");
    std::fs::write(&copy, &part.0).unwrap();
    assert_accepted(copy.to_str().unwrap(), true, part.1 as u64, 2, 16_000);
    std::fs::remove_file(&copy).unwrap();
    fixture.stop(&id);
    fixture.engine.events.wait_terminal(&id);
    fixture.close();
}
