//! Several recordings of one call, limits, restarts, discards, hold, and single legs.

use callrec::capi::*;
use callrec_testkit::g711::Law;
use callrec_testkit::random::noise;
use callrec_testkit::tree::{assert_settled, holds, tree};

use crate::fixture::*;
use crate::reorder::ReorderedStream;
use crate::support::{self, CallFields, StartFields};

const U: i32 = REC_CODEC_PCMU;

fn mu(bytes: &[u8]) -> LegSamples {
    written(U, bytes)
}

/// In stream time, each leg begins at time 0 with its first sample.
#[test]
fn legs_may_start_at_different_times() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let first = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let (a, b) = (noise(1, 8000), noise(2, 6400));
    write_in_turns(160, &[(local, &a[..4000])]);
    let second = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let remote = fixture.feed(REC_LEG_REMOTE, U, 8000);
    write_in_turns(160, &[(local, &a[4000..]), (remote, &b)]);
    let finished = fixture.stop_and_read(&first);
    finished.assert_holds(&mu(&a), &mu(&b));
    finished.assert_reported(0, 0, &[]);
    let finished = fixture.stop_and_read(&second);
    // The second recording started 500 ms after the beginning of the call's audio.
    finished.assert_holds(&mu(&a[4000..]), &mu(&b[4000..]));
    finished.assert_reported(0, 0, &[]);
    fixture.close();
}

#[test]
fn a_leg_without_audio_is_silent() {
    for (leg, seed) in [(REC_LEG_LOCAL, 3), (REC_LEG_REMOTE, 4)] {
        let fixture = RecordingFixture::new(&[]);
        let feed = fixture.feed(leg, U, 8000);
        let ids: Vec<String> = FORMATS
            .iter()
            .flat_map(|format| LAYOUTS.map(|layout| fixture.start(layout, format, REC_PAUSE_SILENCE)))
            .collect();
        // Longer than the recording waits for a leg.
        let audio = noise(seed, 32_000);
        write_in_turns(160, &[(feed, &audio)]);
        for id in &ids {
            let finished = fixture.stop_and_read(id);
            let (local, remote) = match leg {
                REC_LEG_LOCAL => (mu(&audio), silence(32_000)),
                _ => (silence(32_000), mu(&audio)),
            };
            finished.assert_holds(&local, &remote);
            finished.assert_reported(0, 0, &[]);
        }
        fixture.close();
    }
}

#[test]
fn a_recording_without_audio_is_empty() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let finished = fixture.stop_and_read(&id);
    finished.assert_holds(&[], &[]);
    finished.assert_reported(0, 0, &[]);
    fixture.close();
}

#[test]
fn recordings_of_one_call_are_independent() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let (a, b) = (noise(5, 32_000), noise(6, 32_000));
    let write_both =
        |from: usize, to: usize| write_in_turns(160, &[(local, &a[from..to]), (remote, &b[from..to])]);
    let first = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    write_both(0, 4000);
    let second = fixture.start(REC_LAYOUT_MONO, "wav-alaw", REC_PAUSE_SKIP);
    write_both(4000, 8000);
    fixture.pause_one(&second);
    write_both(8000, 12_000);
    fixture.pause_one(&first);
    let third = fixture.start(REC_LAYOUT_REMOTE, "wav-ulaw", REC_PAUSE_SILENCE);
    write_both(12_000, 16_000);
    fixture.resume_one(&second);
    write_both(16_000, 20_000);
    fixture.stop(&third);
    fixture.resume_one(&first);
    write_both(20_000, 24_000);
    fixture.pause_one(&second);
    write_both(24_000, 28_000);
    fixture.stop(&second);
    write_both(28_000, 32_000);
    fixture.stop(&first);

    let finished = fixture.read_finished(&first);
    let expected = |audio: &[u8]| [mu(&audio[..12_000]), silence(8000), mu(&audio[20_000..])].concat();
    finished.assert_holds(&expected(&a), &expected(&b));
    finished.assert_reported(1000, 0, &[("pause", "", 12_000, 20_000, 1000)]);
    let finished = fixture.read_finished(&second);
    let expected = |audio: &[u8]| [mu(&audio[4000..8000]), mu(&audio[16_000..24_000])].concat();
    finished.assert_holds(&expected(&a), &expected(&b));
    // The second pause was still open at the end.
    finished.assert_reported(
        1500,
        0,
        &[
            ("pause", "", 4000, 4000, 1000),
            ("pause", "", 12_000, 12_000, 500),
        ],
    );
    let finished = fixture.read_finished(&third);
    finished.assert_holds(&[], &mu(&b[12_000..20_000]));
    finished.assert_reported(0, 0, &[]);
    fixture.close();
}

#[test]
fn a_pause_may_last_until_the_stop() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let ids = PAUSES.map(|pause| (pause, fixture.start(REC_LAYOUT_STEREO, "wav", pause)));
    let (a, b) = (noise(7, 8000), noise(8, 8000));
    write_in_turns(160, &[(local, &a[..4000]), (remote, &b[..4000])]);
    fixture.pause();
    write_in_turns(160, &[(local, &a[4000..]), (remote, &b[4000..])]);
    for (pause, id) in ids {
        let finished = fixture.stop_and_read(&id);
        let silent = if pause == REC_PAUSE_SKIP { 0 } else { 4000 };
        let expected = |audio: &[u8]| [mu(&audio[..4000]), silence(silent)].concat();
        finished.assert_holds(&expected(&a), &expected(&b));
        finished.assert_reported(500, 0, &[("pause", "", 4000, 4000 + silent as u64, 500)]);
    }
    assert_not_on_disk(&fixture, &mu(&a[4000..]), &mu(&b[4000..]));
    fixture.close();
}

#[test]
fn the_limit_is_exact_to_the_sample() {
    for (codec, rate) in [(U, 8000u32), (REC_CODEC_PCM16, 44_100)] {
        let fixture = RecordingFixture::new(&[]);
        let (local, remote) = fixture.legs(codec, rate);
        let limited = |pause_mode, max_duration_ms| {
            fixture.start_with(&StartFields {
                pause_mode,
                max_duration_ms,
                ..StartFields::default()
            })
        };
        let ids = [
            (limited(REC_PAUSE_SILENCE, 333), 333),
            (limited(REC_PAUSE_SILENCE, 600), 600),
            (limited(REC_PAUSE_SKIP, 600), 600),
            (limited(REC_PAUSE_SILENCE, 1), 1),
        ];
        let unlimited = limited(REC_PAUSE_SILENCE, 0);
        let second = rate as usize * sample_bytes(codec);
        let (a, b) = (noise(9, 2 * second), noise(10, 2 * second));
        let half = second / 2;
        let write_both = |from: usize, to: usize| {
            write_in_turns(second / 50, &[(local, &a[from..to]), (remote, &b[from..to])])
        };
        write_both(0, half);
        // The recording of 333 ms may have ended by now.
        fixture.pause_one(&ids[1].0);
        fixture.pause_one(&ids[2].0);
        write_both(half, second);
        fixture.resume_one(&ids[2].0);
        write_both(second, 2 * second);
        for (n, (id, ms)) in ids.iter().enumerate() {
            let finished = fixture.read_finished(id);
            assert_eq!(finished.recording.end_reason, REC_END_LIMIT);
            let frames = (*ms as usize * rate as usize + 500) / 1000;
            let expected = |audio: &[u8]| {
                let audio = written(codec, audio);
                let (half, second) = (rate as usize / 2, rate as usize);
                let mut samples = match n {
                    1 => [&audio[..half], &silence(half)].concat(),
                    2 => [&audio[..half], &audio[second..]].concat(),
                    _ => audio,
                };
                samples.truncate(frames);
                samples
            };
            finished.assert_holds(&expected(&a), &expected(&b));
            assert_eq!(finished.recording.duration_ms, *ms);
            let paused = finished.manifest["paused_ms"].as_u64().unwrap();
            assert_eq!(paused, [0, 100, 500, 0][n], "paused in {:#}", finished.manifest);
        }
        fixture
            .stop_and_read(&unlimited)
            .assert_holds(&written(codec, &a), &written(codec, &b));
        fixture.close();
    }
}

#[test]
fn a_restarted_recording_makes_a_second_file() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let (a, b) = (noise(11, 24_000), noise(12, 24_000));
    let write_both =
        |from: usize, to: usize| write_in_turns(160, &[(local, &a[from..to]), (remote, &b[from..to])]);
    let first = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    write_both(0, 8000);
    fixture.stop(&first);
    write_both(8000, 16_000);
    let second = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    write_both(16_000, 24_000);
    support::end(fixture.call).unwrap();
    let (first, second) = (fixture.read_finished(&first), fixture.read_finished(&second));
    first.assert_holds(&mu(&a[..8000]), &mu(&b[..8000]));
    second.assert_holds(&mu(&a[16_000..]), &mu(&b[16_000..]));
    assert_eq!(
        (first.recording.end_reason, second.recording.end_reason),
        (REC_END_STOPPED, REC_END_CALL_ENDED)
    );
    assert_ne!(first.recording.path, second.recording.path);
    assert_not_on_disk(&fixture, &mu(&a[8000..16_000]), &mu(&b[8000..16_000]));
    fixture.close();
}

#[test]
fn a_discarded_recording_leaves_no_audio() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(U, 8000);
    let (a, b) = (noise(13, 16_000), noise(14, 16_000));
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    write_in_turns(160, &[(local, &a[..8000]), (remote, &b[..8000])]);
    fixture.engine.by_id(rec_discard_by_id, None, &id).unwrap();
    let event = fixture.engine.events.wait_terminal(&id);
    let recording = event.recording.unwrap();
    assert_eq!(
        (event.kind, recording.end_reason),
        (REC_EVENT_FINISHED, REC_END_DISCARDED)
    );
    assert_eq!((recording.path.as_str(), recording.digest.as_str()), ("", ""));
    assert_not_on_disk(&fixture, &mu(&a[..8000]), &mu(&b[..8000]));
    // Another recording of the same call is not discarded.
    let other = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let discarded = fixture.start(REC_LAYOUT_REMOTE, "wav-ulaw", REC_PAUSE_SILENCE);
    write_in_turns(160, &[(local, &a[8000..]), (remote, &b[8000..])]);
    fixture.engine.by_id(rec_discard_by_id, None, &discarded).unwrap();
    fixture.engine.events.wait_terminal(&discarded);
    fixture.stop_and_read(&other).assert_holds(&mu(&a[8000..]), &[]);
    assert!(!holds(&fixture.dir.0, &b[8000..8032]));
    let RecordingFixture { engine, dir, .. } = fixture;
    engine.close();
    assert_settled(&dir.0);
    assert_eq!(
        tree(&dir.0).len(),
        4,
        "the lock, the audit log, one file and its manifest: {:?}",
        tree(&dir.0)
    );
}

/// The recording continues, and no loss is reported.
#[test]
fn hold_is_silence_in_the_file() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (ReorderedStream::new(15, 100), ReorderedStream::new(16, 100));
    let hold = |state| {
        CallFields {
            state,
            ..CallFields::default()
        }
        .update(fixture.call)
        .unwrap()
    };
    for n in 0..100 {
        if n == 30 {
            hold(REC_CALL_HELD);
        }
        if n == 60 {
            hold(REC_CALL_CONNECTED);
        }
        // The remote leg carries music during hold, which is recorded. The local leg sends nothing.
        b.send(remote, [n]);
        if !(30..60).contains(&n) {
            let mut packet = a.packet(n);
            let sent = if n < 30 { n } else { n - 30 };
            packet[2..4].copy_from_slice(&(sent as u16).to_be_bytes());
            until_accepted(local, || rtp(local, &packet));
        }
    }
    let finished = fixture.stop_and_read(&id);
    let missing: Vec<usize> = (30..60).collect();
    finished.assert_holds(&a.samples(0..100, &missing), &b.samples(0..100, &[]));
    finished.assert_reported(0, 0, &[]);
    fixture.close();
}

/// Loud on both legs.
#[test]
fn the_mono_mix_saturates() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(REC_CODEC_PCM16, 8000);
    let ids = FORMATS.map(|format| fixture.start(REC_LAYOUT_MONO, format, REC_PAUSE_SILENCE));
    let edge = [i16::MIN, -32767, -20_000, -1, 0, 1, 20_000, 32766, i16::MAX];
    let pairs: Vec<(i16, i16)> = edge.iter().flat_map(|x| edge.map(|y| (*x, y))).collect();
    let bytes = |side: fn(&(i16, i16)) -> i16| -> Vec<u8> {
        pairs.iter().map(side).flat_map(i16::to_ne_bytes).collect()
    };
    let (a, b) = (bytes(|pair| pair.0), bytes(|pair| pair.1));
    write_in_turns(162, &[(local, &a), (remote, &b)]);
    for id in &ids {
        let finished = fixture.stop_and_read(id);
        finished.assert_holds(&written(REC_CODEC_PCM16, &a), &written(REC_CODEC_PCM16, &b));
    }
    // The same check for the first file, with explicit sums.
    let sums: Vec<i16> = pairs.iter().map(|(x, y)| x.saturating_add(*y)).collect();
    assert_eq!(fixture.read_finished(&ids[0]).wav.pcm(0), sums);
    fixture.close();
}

#[test]
fn legs_may_have_different_g711_laws() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let remote = fixture.feed(REC_LEG_REMOTE, REC_CODEC_PCMA, 8000);
    let mut ids = Vec::new();
    for format in FORMATS {
        ids.extend(LAYOUTS.map(|layout| fixture.start(layout, format, REC_PAUSE_SILENCE)));
    }
    let (a, b) = (noise(17, 8000), noise(18, 8000));
    write_in_turns(160, &[(local, &a), (remote, &b)]);
    let expected: LegSamples = b.iter().map(|byte| Coded(Law::A, *byte)).collect();
    for id in &ids {
        fixture.stop_and_read(id).assert_holds(&mu(&a), &expected);
    }
    fixture.close();
}
