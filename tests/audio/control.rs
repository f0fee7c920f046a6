//! Several recordings, limits, stop and start again, discard, hold, legs apart.

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

/// In stream time each leg's first sample is its time 0, whenever it comes.
#[test]
fn legs_that_start_apart() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let whole = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let (a, b) = (noise(1, 8000), noise(2, 6400));
    write_in_turns(160, &[(local, &a[..4000])]);
    let rest = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let remote = fixture.feed(REC_LEG_REMOTE, U, 8000);
    write_in_turns(160, &[(local, &a[4000..]), (remote, &b)]);
    let done = fixture.stop_done(&whole);
    done.assert_holds(&mu(&a), &mu(&b));
    done.assert_reported(0, 0, &[]);
    let done = fixture.stop_done(&rest);
    // Its start lay 500 ms into the media of the call.
    done.assert_holds(&mu(&a[4000..]), &mu(&b[4000..]));
    done.assert_reported(0, 0, &[]);
    fixture.close();
}

#[test]
fn one_leg_only() {
    for (leg, seed) in [(REC_LEG_LOCAL, 3), (REC_LEG_REMOTE, 4)] {
        let fixture = RecordingFixture::new(&[]);
        let feed = fixture.feed(leg, U, 8000);
        let ids: Vec<String> = FORMATS
            .iter()
            .flat_map(|format| LAYOUTS.map(|layout| fixture.start(layout, format, REC_PAUSE_SILENCE)))
            .collect();
        // Longer than a leg is waited for.
        let said = noise(seed, 32_000);
        write_in_turns(160, &[(feed, &said)]);
        for id in &ids {
            let done = fixture.stop_done(id);
            let (local, remote) = match leg {
                REC_LEG_LOCAL => (mu(&said), silence(32_000)),
                _ => (silence(32_000), mu(&said)),
            };
            done.assert_holds(&local, &remote);
            done.assert_reported(0, 0, &[]);
        }
        fixture.close();
    }
}

#[test]
fn nobody_says_anything() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let done = fixture.stop_done(&id);
    done.assert_holds(&[], &[]);
    done.assert_reported(0, 0, &[]);
    fixture.close();
}

#[test]
fn recordings_of_one_call_are_independent() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let (a, b) = (noise(5, 32_000), noise(6, 32_000));
    let say = |from: usize, to: usize| write_in_turns(160, &[(local, &a[from..to]), (remote, &b[from..to])]);
    let first = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    say(0, 4000);
    let second = fixture.start(REC_LAYOUT_MONO, "wav-alaw", REC_PAUSE_SKIP);
    say(4000, 8000);
    fixture.pause_one(&second);
    say(8000, 12_000);
    fixture.pause_one(&first);
    let third = fixture.start(REC_LAYOUT_REMOTE, "wav-ulaw", REC_PAUSE_SILENCE);
    say(12_000, 16_000);
    fixture.resume_one(&second);
    say(16_000, 20_000);
    fixture.stop(&third);
    fixture.resume_one(&first);
    say(20_000, 24_000);
    fixture.pause_one(&second);
    say(24_000, 28_000);
    fixture.stop(&second);
    say(28_000, 32_000);
    fixture.stop(&first);

    let done = fixture.done(&first);
    let line = |said: &[u8]| [mu(&said[..12_000]), silence(8000), mu(&said[20_000..])].concat();
    done.assert_holds(&line(&a), &line(&b));
    done.assert_reported(1000, 0, &[("pause", "", 12_000, 20_000, 1000)]);
    let done = fixture.done(&second);
    let line = |said: &[u8]| [mu(&said[4000..8000]), mu(&said[16_000..24_000])].concat();
    done.assert_holds(&line(&a), &line(&b));
    // The second pause was still open at the end.
    done.assert_reported(
        1500,
        0,
        &[
            ("pause", "", 4000, 4000, 1000),
            ("pause", "", 12_000, 12_000, 500),
        ],
    );
    let done = fixture.done(&third);
    done.assert_holds(&[], &mu(&b[12_000..20_000]));
    done.assert_reported(0, 0, &[]);
    fixture.close();
}

/// Stopped while paused: the silence goes up to the end.
#[test]
fn a_pause_that_is_open_at_the_end() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let ids = PAUSES.map(|pause| (pause, fixture.start(REC_LAYOUT_STEREO, "wav", pause)));
    let (a, b) = (noise(7, 8000), noise(8, 8000));
    write_in_turns(160, &[(local, &a[..4000]), (remote, &b[..4000])]);
    fixture.pause();
    write_in_turns(160, &[(local, &a[4000..]), (remote, &b[4000..])]);
    for (pause, id) in ids {
        let done = fixture.stop_done(&id);
        let kept = if pause == REC_PAUSE_SKIP { 0 } else { 4000 };
        let line = |said: &[u8]| [mu(&said[..4000]), silence(kept)].concat();
        done.assert_holds(&line(&a), &line(&b));
        done.assert_reported(500, 0, &[("pause", "", 4000, 4000 + kept as u64, 500)]);
    }
    assert_not_on_disk(&fixture, &mu(&a[4000..]), &mu(&b[4000..]));
    fixture.close();
}

#[test]
fn the_limit_is_exact() {
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
        let endless = limited(REC_PAUSE_SILENCE, 0);
        let second = rate as usize * sample_bytes(codec);
        let (a, b) = (noise(9, 2 * second), noise(10, 2 * second));
        let half = second / 2;
        let say = |from: usize, to: usize| {
            write_in_turns(second / 50, &[(local, &a[from..to]), (remote, &b[from..to])])
        };
        say(0, half);
        // The one of 333 ms may be over by now.
        fixture.pause_one(&ids[1].0);
        fixture.pause_one(&ids[2].0);
        say(half, second);
        fixture.resume_one(&ids[2].0);
        say(second, 2 * second);
        for (n, (id, ms)) in ids.iter().enumerate() {
            let done = fixture.done(id);
            assert_eq!(done.recording.end_reason, REC_END_LIMIT);
            let frames = (*ms as usize * rate as usize + 500) / 1000;
            let line = |said: &[u8]| {
                let said = written(codec, said);
                let (half, second) = (rate as usize / 2, rate as usize);
                let mut line = match n {
                    1 => [&said[..half], &silence(half)].concat(),
                    2 => [&said[..half], &said[second..]].concat(),
                    _ => said,
                };
                line.truncate(frames);
                line
            };
            done.assert_holds(&line(&a), &line(&b));
            assert_eq!(done.recording.duration_ms, *ms);
            let paused = done.manifest["paused_ms"].as_u64().unwrap();
            assert_eq!(paused, [0, 100, 500, 0][n], "paused in {:#}", done.manifest);
        }
        fixture
            .stop_done(&endless)
            .assert_holds(&written(codec, &a), &written(codec, &b));
        fixture.close();
    }
}

#[test]
fn stopped_and_started_again_makes_two_files() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(U, 8000);
    let (a, b) = (noise(11, 24_000), noise(12, 24_000));
    let say = |from: usize, to: usize| write_in_turns(160, &[(local, &a[from..to]), (remote, &b[from..to])]);
    let first = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    say(0, 8000);
    fixture.stop(&first);
    say(8000, 16_000);
    let second = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    say(16_000, 24_000);
    support::end(fixture.call).unwrap();
    let (first, second) = (fixture.done(&first), fixture.done(&second));
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
fn what_is_discarded_leaves_nothing() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(U, 8000);
    let (a, b) = (noise(13, 16_000), noise(14, 16_000));
    let lone = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    write_in_turns(160, &[(local, &a[..8000]), (remote, &b[..8000])]);
    fixture.engine.by_id(rec_discard_by_id, None, &lone).unwrap();
    let told = fixture.engine.events.wait_terminal(&lone);
    let seen = told.recording.unwrap();
    assert_eq!(
        (told.kind, seen.end_reason),
        (REC_EVENT_FINISHED, REC_END_DISCARDED)
    );
    assert_eq!((seen.path.as_str(), seen.digest.as_str()), ("", ""));
    assert_not_on_disk(&fixture, &mu(&a[..8000]), &mu(&b[..8000]));
    // Another one of the same call is not touched.
    let kept = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let gone = fixture.start(REC_LAYOUT_REMOTE, "wav-ulaw", REC_PAUSE_SILENCE);
    write_in_turns(160, &[(local, &a[8000..]), (remote, &b[8000..])]);
    fixture.engine.by_id(rec_discard_by_id, None, &gone).unwrap();
    fixture.engine.events.wait_terminal(&gone);
    fixture.stop_done(&kept).assert_holds(&mu(&a[8000..]), &[]);
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

/// Silence and not loss, and the recording goes on.
#[test]
fn hold_is_silence() {
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
        // The held party hears music, which is recorded; the other sends nothing.
        b.send(remote, [n]);
        if !(30..60).contains(&n) {
            let mut packet = a.packet(n);
            let sent = if n < 30 { n } else { n - 30 };
            packet[2..4].copy_from_slice(&(sent as u16).to_be_bytes());
            until_accepted(local, || rtp(local, &packet));
        }
    }
    let done = fixture.stop_done(&id);
    let missing: Vec<usize> = (30..60).collect();
    done.assert_holds(&a.line(0..100, &missing), &b.line(0..100, &[]));
    done.assert_reported(0, 0, &[]);
    fixture.close();
}

/// Loud on both sides: the sum is held at the ends of the scale.
#[test]
fn mono_saturates() {
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
        let done = fixture.stop_done(id);
        done.assert_holds(&written(REC_CODEC_PCM16, &a), &written(REC_CODEC_PCM16, &b));
    }
    // In so many words, for the first of them.
    let sums: Vec<i16> = pairs.iter().map(|(x, y)| x.saturating_add(*y)).collect();
    assert_eq!(fixture.done(&ids[0]).wav.pcm(0), sums);
    fixture.close();
}

/// One law on one leg, the other on the other: each into its own channel unharmed.
#[test]
fn legs_of_different_laws() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let remote = fixture.feed(REC_LEG_REMOTE, REC_CODEC_PCMA, 8000);
    let mut ids = Vec::new();
    for format in FORMATS {
        ids.extend(LAYOUTS.map(|layout| fixture.start(layout, format, REC_PAUSE_SILENCE)));
    }
    let (a, b) = (noise(17, 8000), noise(18, 8000));
    write_in_turns(160, &[(local, &a), (remote, &b)]);
    let line: LegSamples = b.iter().map(|byte| Coded(Law::A, *byte)).collect();
    for id in &ids {
        fixture.stop_done(id).assert_holds(&mu(&a), &line);
    }
    fixture.close();
}
