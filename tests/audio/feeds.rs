//! Feeds that come and go, the mixed leg, places by the host's clock.

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
fn detached_and_attached_again() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (noise(1, 24_000), noise(2, 40_000));
    write_in_turns(160, &[(local, &a[..8000]), (remote, &b[..8000])]);
    close(local);
    assert_eq!(write(local, &a[..160]), REC_ERR_BAD_HANDLE);
    assert_eq!(unsafe { rec_feed_close(local) }, REC_ERR_BAD_HANDLE);
    // Nobody waits for a leg without feed: 3 s, more than `media.leg_wait_ms`.
    write_in_turns(160, &[(remote, &b[8000..32_000])]);
    let again = fixture.feed(REC_LEG_LOCAL, U, 8000);
    write_in_turns(160, &[(again, &a[8000..16_000]), (remote, &b[32_000..])]);
    assert_eq!(write(local, &a[..160]), REC_ERR_BAD_HANDLE);
    let done = fixture.stop_done(&id);
    let line = [
        written(U, &a[..8000]),
        silence(24_000),
        written(U, &a[8000..16_000]),
    ]
    .concat();
    done.assert_holds(&line, &written(U, &b));
    done.assert_reported(0, 0, &[]);
    assert_eq!(fixture.engine.stats().frames_lost, 0);
    fixture.close();
}

/// What the older feed had handed in is still recorded; its handle is stale.
#[test]
fn a_newer_feed_displaces_the_older() {
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
    let done = fixture.stop_done(&id);
    let line = [written(U, &a), written(REC_CODEC_PCM16, &wide)].concat();
    done.assert_holds(&line, &written(U, &b));
    done.assert_reported(0, 0, &[]);
    fixture.close();
}

/// Detached in the middle of a pause, attached before its end: neither moves it.
#[test]
fn feeds_change_while_paused() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let ids = PAUSES.map(|pause| (pause, fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", pause)));
    let (a, b) = (noise(6, 24_000), noise(7, 24_000));
    let say =
        |feed, from: usize, to: usize| write_in_turns(160, &[(feed, &a[from..to]), (remote, &b[from..to])]);
    say(local, 0, 8000);
    fixture.pause();
    say(local, 8000, 12_000);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    say(local, 12_000, 16_000);
    fixture.resume();
    say(local, 16_000, 24_000);
    for (pause, id) in &ids {
        let done = fixture.stop_done(id);
        let kept = if *pause == REC_PAUSE_SKIP { 0 } else { 8000 };
        let line = |said: &[u8]| {
            [
                written(U, &said[..8000]),
                silence(kept),
                written(U, &said[16_000..]),
            ]
            .concat()
        };
        done.assert_holds(&line(&a), &line(&b));
        done.assert_reported(1000, 0, &[("pause", "", 8000, 8000 + kept as u64, 1000)]);
    }
    assert_not_on_disk(
        &fixture,
        &written(U, &a[8000..16_000]),
        &written(U, &b[8000..16_000]),
    );
    fixture.close();
}

/// Both in one stream already: mono files whatever the layout.
#[test]
fn the_mixed_leg() {
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
        let said = noise(8, 32_000);
        write_in_turns(160, &[(mixed, &said[..8000])]);
        fixture.pause();
        write_in_turns(160, &[(mixed, &said[8000..16_000])]);
        fixture.resume();
        write_in_turns(160, &[(mixed, &said[16_000..])]);
        for (pause, id) in &ids {
            let mut done = fixture.stop_done(id);
            assert_eq!(done.wav.channels, 1);
            let kept = if *pause == REC_PAUSE_SKIP { 0 } else { 8000 };
            done.assert_reported(1000, 0, &[("pause", "", 8000, 8000 + kept as u64, 1000)]);
            let line = [
                written(U, &said[..8000]),
                silence(kept),
                written(U, &said[16_000..]),
            ]
            .concat();
            done.recording.layout = REC_LAYOUT_LOCAL;
            done.assert_holds(&line, &[]);
        }
        assert_not_on_disk(&fixture, &written(U, &said[8000..16_000]), &[]);
        fixture.close();
    }
}

#[test]
fn a_single_leg_excludes_the_mixed_one() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let refused = feed(fixture.call, REC_LEG_MIXED, U, 8000).unwrap_err();
    assert_eq!(refused.status, REC_ERR_INVALID_ARGUMENT);
    // Nothing has changed.
    assert_eq!(write(local, &[1; 160]), REC_OK);
    fixture.close();
}

/// By the host's own clock: the first place is time 0, gaps are silence, the first wins, and
/// what it keeps out of the file is a loss.
#[test]
fn places_by_the_hosts_clock() {
    for origin in [0u64, 1_000_000, 1 << 40] {
        let fixture = RecordingFixture::new(&[]);
        let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
        let ids = FORMATS.map(|format| fixture.start(REC_LAYOUT_LOCAL, format, REC_PAUSE_SILENCE));
        let said = noise(9, 8000);
        let put = |from: usize, to: usize| {
            until_accepted(local, || write_at(local, origin + from as u64, &said[from..to]));
        };
        put(0, 160);
        put(160, 320);
        // 100 ms of silence, something in the middle of it, something over an edge.
        put(1120, 1280);
        put(640, 800);
        let other = noise(10, 320);
        until_accepted(local, || write_at(local, origin + 1200, &other));
        put(4000, 4001);
        put(4001, 5000);
        for id in &ids {
            let done = fixture.stop_done(id);
            let mut line = silence(5000);
            for (from, to) in [(0, 320), (640, 800), (1120, 1280), (4000, 5000)] {
                line[from..to].copy_from_slice(&written(U, &said[from..to]));
            }
            line[1280..1520].copy_from_slice(&written(U, &other[80..]));
            done.assert_holds(&line, &[]);
            done.assert_reported(0, 10, &[("loss", "local", 1200, 1280, 10)]);
            assert_eq!(done.manifest["spans"][0]["reason"], "overlap");
            assert_eq!(done.manifest["legs"][0]["dropped_ms"], json!({"overlap": 10}));
        }
        fixture.close();
    }
}

/// The file takes the highest rate of its legs; the other leg is resampled.
#[test]
fn legs_of_different_rates() {
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
    let done = fixture.stop_done(&id);
    assert_eq!((done.wav.rate, done.wav.frames()), (16_000, 32_000));
    let right: Vec<u8> = done.wav.pcm(1).into_iter().flat_map(i16::to_ne_bytes).collect();
    assert!(right == high, "the leg of the file's own rate is exact");
    for (n, heard) in done.wav.pcm(0).into_iter().enumerate().take(31_800).skip(200) {
        let want = tone(n, 16_000);
        assert!(
            (want - f64::from(heard)).abs() < 300.0,
            "frame {n}: {heard}, not {want}"
        );
    }
    done.assert_reported(0, 0, &[]);
    fixture.close();
}

/// `recording.sample_rate` is every wav file's.
#[test]
fn the_files_rate_can_be_set() {
    let fixture = RecordingFixture::new(&[("recording.sample_rate", "8000")]);
    let (local, remote) = fixture.legs(U, 8000);
    let id = fixture.start_with(&StartFields::default());
    let said = noise(12, 8000);
    write_in_turns(160, &[(local, &said), (remote, &said)]);
    let done = fixture.stop_done(&id);
    assert_eq!(done.wav.rate, 8000);
    done.assert_holds(&written(U, &said), &written(U, &said));
    fixture.close();
}

#[test]
fn formats_that_are_none_are_refused() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    for (codec, rate, status) in [
        (REC_CODEC_PCM16, 7999, REC_ERR_INVALID_ARGUMENT),
        (REC_CODEC_PCM16, 48_001, REC_ERR_INVALID_ARGUMENT),
        (REC_CODEC_PCMU, 16_000, REC_ERR_INVALID_ARGUMENT),
        (REC_CODEC_G722, 0, REC_ERR_UNSUPPORTED),
        (REC_CODEC_OPUS, 48_000, REC_ERR_UNSUPPORTED),
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
    // The feed is as it was.
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let said = noise(13, 1600);
    write_in_turns(160, &[(local, &said)]);
    fixture.stop_done(&id).assert_holds(&written(U, &said), &[]);
    fixture.close();
}
