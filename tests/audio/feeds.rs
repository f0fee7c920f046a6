//! Feeds that open and close during a call, the mixed leg, and timestamps of the host.

use callrec::capi::*;
use callrec_testkit::random::noise;

use serde_json::json;

use crate::fixture::*;
use crate::support::{StartFields, checked, feed, init};

const U: i32 = REC_CODEC_PCMU;

fn close(feed: rec_feed) {
    assert_eq!(unsafe { rec_feed_close(feed) }, REC_OK);
}

#[test]
fn a_leg_without_a_feed_is_silent() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (noise(1, 24_000), noise(2, 40_000));
    write_in_turns(160, &[(local, &a[..8000]), (remote, &b[..8000])]);
    close(local);
    assert_eq!(write(local, &a[..160]), REC_ERR_BAD_HANDLE);
    assert_eq!(unsafe { rec_feed_close(local) }, REC_ERR_BAD_HANDLE);
    // 3 s, more than `media.leg_wait_ms`: a leg without a feed is not waited for.
    write_in_turns(160, &[(remote, &b[8000..32_000])]);
    let reopened = fixture.feed(REC_LEG_LOCAL, U, 8000);
    write_in_turns(160, &[(reopened, &a[8000..16_000]), (remote, &b[32_000..])]);
    assert_eq!(write(local, &a[..160]), REC_ERR_BAD_HANDLE);
    let finished = fixture.stop_and_read(&id);
    let expected = [
        written(U, &a[..8000]),
        silence(24_000),
        written(U, &a[8000..16_000]),
    ]
    .concat();
    finished.assert_holds(&expected, &written(U, &b));
    finished.assert_reported(0, 0, &[]);
    assert_eq!(fixture.engine.stats().frames_lost, 0);
    fixture.close();
}

/// The audio of the older feed is still recorded. Its handle is stale.
#[test]
fn a_new_feed_replaces_the_old_one_of_its_leg() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let (a, b) = (noise(3, 8000), noise(4, 16_000));
    let wide = noise(5, 16_000);
    write_in_turns(160, &[(local, &a), (remote, &b[..8000])]);
    let newer = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCM16, 8000);
    assert_eq!(write(local, &a[..160]), REC_ERR_BAD_HANDLE);
    assert_eq!(unsafe { rec_feed_wait(local, 0) }, REC_ERR_BAD_HANDLE);
    for at in (0..8000).step_by(160) {
        until_accepted(newer, || write(newer, &wide[at * 2..at * 2 + 320]));
        until_accepted(remote, || write(remote, &b[8000 + at..8160 + at]));
    }
    let finished = fixture.stop_and_read(&id);
    let expected = [written(U, &a), written(REC_CODEC_PCM16, &wide)].concat();
    finished.assert_holds(&expected, &written(U, &b));
    finished.assert_reported(0, 0, &[]);
    fixture.close();
}

/// Closing and opening a feed does not change the limits of the pause.
#[test]
fn a_feed_may_be_replaced_during_a_pause() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let ids = PAUSES.map(|pause| (pause, fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", pause)));
    let (a, b) = (noise(6, 24_000), noise(7, 24_000));
    let write_both =
        |feed, from: usize, to: usize| write_in_turns(160, &[(feed, &a[from..to]), (remote, &b[from..to])]);
    write_both(local, 0, 8000);
    fixture.pause();
    write_both(local, 8000, 12_000);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    write_both(local, 12_000, 16_000);
    fixture.resume();
    write_both(local, 16_000, 24_000);
    for (pause, id) in &ids {
        let finished = fixture.stop_and_read(id);
        let silent = if *pause == REC_PAUSE_SKIP { 0 } else { 8000 };
        let expected = |audio: &[u8]| {
            [
                written(U, &audio[..8000]),
                silence(silent),
                written(U, &audio[16_000..]),
            ]
            .concat()
        };
        finished.assert_holds(&expected(&a), &expected(&b));
        finished.assert_reported(1000, 0, &[("pause", "", 8000, 8000 + silent as u64, 1000)]);
    }
    assert_not_on_disk(
        &fixture,
        &written(U, &a[8000..16_000]),
        &written(U, &b[8000..16_000]),
    );
    fixture.close();
}

/// The mixed leg has both parties in one stream. Its files are mono in every layout.
#[test]
fn the_mixed_leg_is_recorded_as_mono() {
    for before in [true, false] {
        let fixture = RecordingFixture::new(&[]);
        let mut ids = Vec::new();
        let mut start = || {
            for format in FORMATS {
                for layout in LAYOUTS {
                    ids.extend(PAUSES.map(|pause| (pause, fixture.start(layout, format, pause))));
                }
            }
        };
        if before {
            start();
        }
        let mixed = fixture.feed(REC_LEG_MIXED, U, 8000);
        for leg in [REC_LEG_LOCAL, REC_LEG_REMOTE] {
            let refused = feed(fixture.call, leg, U, 8000).unwrap_err();
            assert_eq!(refused.status, REC_ERR_INVALID_ARGUMENT);
        }
        if !before {
            start();
        }
        let audio = noise(8, 32_000);
        write_in_turns(160, &[(mixed, &audio[..8000])]);
        fixture.pause();
        write_in_turns(160, &[(mixed, &audio[8000..16_000])]);
        fixture.resume();
        write_in_turns(160, &[(mixed, &audio[16_000..])]);
        for (pause, id) in &ids {
            let mut finished = fixture.stop_and_read(id);
            assert_eq!(finished.wav.channels, 1);
            let silent = if *pause == REC_PAUSE_SKIP { 0 } else { 8000 };
            finished.assert_reported(1000, 0, &[("pause", "", 8000, 8000 + silent as u64, 1000)]);
            let expected = [
                written(U, &audio[..8000]),
                silence(silent),
                written(U, &audio[16_000..]),
            ]
            .concat();
            finished.recording.layout = REC_LAYOUT_LOCAL;
            finished.assert_holds(&expected, &[]);
        }
        assert_not_on_disk(&fixture, &written(U, &audio[8000..16_000]), &[]);
        fixture.close();
    }
}

#[test]
fn a_single_leg_excludes_the_mixed_leg() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let refused = feed(fixture.call, REC_LEG_MIXED, U, 8000).unwrap_err();
    assert_eq!(refused.status, REC_ERR_INVALID_ARGUMENT);
    // The local feed still works.
    assert_eq!(write(local, &[1; 160]), REC_OK);
    fixture.close();
}

/// The first timestamp is time 0. Gaps are silence. Where two writes overlap, the first is recorded
/// and the rest is lost.
#[test]
fn timestamps_of_the_host_place_the_audio() {
    for origin in [0u64, 1_000_000, 1 << 40] {
        let fixture = RecordingFixture::new(&[]);
        let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
        let ids = FORMATS.map(|format| fixture.start(REC_LAYOUT_LOCAL, format, REC_PAUSE_SILENCE));
        let audio = noise(9, 8000);
        let write = |from: usize, to: usize| {
            until_accepted(local, || write_at(local, origin + from as u64, &audio[from..to]));
        };
        write(0, 160);
        write(160, 320);
        // 100 ms of silence, then audio within it, then audio that overlaps its end.
        write(1120, 1280);
        write(640, 800);
        let other = noise(10, 320);
        until_accepted(local, || write_at(local, origin + 1200, &other));
        write(4000, 4001);
        write(4001, 5000);
        for id in &ids {
            let finished = fixture.stop_and_read(id);
            let mut expected = silence(5000);
            for (from, to) in [(0, 320), (640, 800), (1120, 1280), (4000, 5000)] {
                expected[from..to].copy_from_slice(&written(U, &audio[from..to]));
            }
            expected[1280..1520].copy_from_slice(&written(U, &other[80..]));
            finished.assert_holds(&expected, &[]);
            finished.assert_reported(0, 10, &[("loss", "local", 1200, 1280, 10)]);
            assert_eq!(finished.manifest["spans"][0]["reason"], "overlap");
            assert_eq!(finished.manifest["legs"][0]["dropped_ms"], json!({"overlap": 10}));
        }
        fixture.close();
    }
}

/// The file has the higher rate of its legs. The other leg is resampled.
#[test]
fn legs_may_have_different_rates() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCM16, 8000);
    let remote = fixture.feed(REC_LEG_REMOTE, REC_CODEC_PCM16, 16_000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let tone =
        |n: usize, rate: u32| 8000.0 * (n as f64 * 400.0 / f64::from(rate) * std::f64::consts::TAU).sin();
    let low: Vec<u8> = (0..16_000)
        .flat_map(|n| (tone(n, 8000) as i16).to_ne_bytes())
        .collect();
    let high = noise(11, 64_000);
    for n in 0..100 {
        until_accepted(local, || write(local, &low[n * 320..n * 320 + 320]));
        until_accepted(remote, || write(remote, &high[n * 640..n * 640 + 640]));
    }
    let finished = fixture.stop_and_read(&id);
    assert_eq!((finished.wav.rate, finished.wav.frames()), (16_000, 32_000));
    let right: Vec<u8> = finished
        .wav
        .pcm(1)
        .into_iter()
        .flat_map(i16::to_ne_bytes)
        .collect();
    assert!(right == high, "the leg with the rate of the file is exact");
    for (n, found) in finished.wav.pcm(0).into_iter().enumerate().take(31_800).skip(200) {
        let expected = tone(n, 16_000);
        assert!(
            (expected - f64::from(found)).abs() < 300.0,
            "frame {n}: {found}, not {expected}"
        );
    }
    finished.assert_reported(0, 0, &[]);
    fixture.close();
}

#[test]
fn the_rate_of_wav_files_is_configurable() {
    let fixture = RecordingFixture::new(&[("recording.sample_rate", "8000")]);
    let (local, remote) = fixture.legs(U, 8000);
    let id = fixture.start_with(&StartFields::default());
    let audio = noise(12, 8000);
    write_in_turns(160, &[(local, &audio), (remote, &audio)]);
    let finished = fixture.stop_and_read(&id);
    assert_eq!(finished.wav.rate, 8000);
    finished.assert_holds(&written(U, &audio), &written(U, &audio));
    fixture.close();
}

#[test]
fn invalid_formats_are_refused() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    for (codec, rate, status) in [
        (REC_CODEC_PCM16, 7999, REC_ERR_INVALID_ARGUMENT),
        (REC_CODEC_PCM16, 48_001, REC_ERR_INVALID_ARGUMENT),
        (REC_CODEC_PCMU, 16_000, REC_ERR_INVALID_ARGUMENT),
        (REC_CODEC_G722, 48_000, REC_ERR_INVALID_ARGUMENT),
        (REC_CODEC_OPUS, 16_000, REC_ERR_INVALID_ARGUMENT),
        (0, 8000, REC_ERR_INVALID_ARGUMENT),
        (77, 8000, REC_ERR_INVALID_ARGUMENT),
    ] {
        let mut format: rec_feed_format = init();
        format.codec = codec;
        format.sample_rate = rate;
        let refused = checked(|e| unsafe { rec_feed_set_format(local, &format, e) }).unwrap_err();
        assert_eq!(
            refused.status, status,
            "codec {codec} at {rate} Hz: {}",
            refused.message
        );
    }
    // The feed still has its old format.
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let audio = noise(13, 1600);
    write_in_turns(160, &[(local, &audio)]);
    fixture.stop_and_read(&id).assert_holds(&written(U, &audio), &[]);
    fixture.close();
}
