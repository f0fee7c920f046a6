use super::*;
use crate::sim::{RecordingOptions, SinkEnd};
use crate::{Span, SpanKind};
use callrec_base::types::{EndReason, Format, Layout, PauseMode};

const MS: u64 = NS_PER_MS;

/// Feeds both legs with `packets` packets of 20 ms, in stream time.
fn speak(sim: &mut Sim, from: u64, packets: u64) {
    for n in from..from + packets {
        sim.write(Leg::Local, &pcm(Leg::Local, n * 160, 160));
        sim.write(Leg::Remote, &pcm(Leg::Remote, n * 160, 160));
        if n % 7 == 0 {
            sim.visit();
        }
    }
}

fn sim_with_both_legs() -> Sim {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, PCM);
    sim.attach(Leg::Remote, PCM);
    sim
}

#[test]
fn both_pause_modes_in_one_call() {
    let mut sim = sim_with_both_legs();
    let silenced = sim.start(RecordingOptions::default());
    let skipping = sim.start(RecordingOptions {
        pause_mode: PauseMode::Skip,
        ..RecordingOptions::default()
    });
    let whole = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..RecordingOptions::default()
    });
    speak(&mut sim, 0, 50);
    sim.pause(&silenced);
    sim.pause(&skipping);
    speak(&mut sim, 50, 25);
    sim.resume(&silenced);
    sim.resume(&skipping);
    speak(&mut sim, 75, 25);
    sim.end();
    sim.visit();
    for leg in [Leg::Local, Leg::Remote] {
        let mut expected = samples(leg, 0, 16_000);
        expected[8000..12_000].fill(0);
        assert!(silenced.out.lock().channel(leg as usize) == expected);
        expected.drain(8000..12_000);
        assert!(skipping.out.lock().channel(leg as usize) == expected);
    }
    assert!(whole.out.lock().channel(0) == samples(Leg::Local, 0, 16_000));
    let span = |to| Span {
        kind: SpanKind::Pause,
        from_frame: 8000,
        to_frame: to,
        length_ns: 500 * MS,
    };
    assert_eq!(silenced.out.lock().pauses, [span(12_000)]);
    assert_eq!(skipping.out.lock().pauses, [span(8000)]);
    let ended = Some(SinkEnd::Finished(EndReason::CallEnded, None));
    assert_eq!(skipping.out.lock().ending, ended);
    assert_eq!(silenced.progress.duration_ms(), 2000);
    assert_eq!(
        (silenced.progress.paused_ms(), silenced.progress.lost_ms()),
        (500, 0)
    );
    assert!(sim.is_over());
}

#[test]
fn a_pause_is_open_at_the_end() {
    let mut sim = sim_with_both_legs();
    let recording = sim.start(RecordingOptions::default());
    speak(&mut sim, 0, 10);
    sim.pause(&recording);
    speak(&mut sim, 10, 10);
    sim.stop(&recording);
    sim.visit();
    let out = recording.out.lock();
    let open = Span {
        kind: SpanKind::Pause,
        from_frame: 1600,
        to_frame: 3200,
        length_ns: 200 * MS,
    };
    let ending = SinkEnd::Finished(EndReason::Stopped, Some(open));
    assert_eq!(out.ending, Some(ending));
    assert_eq!((out.frames(), recording.progress.paused_ms()), (3200, 200));
    assert!(out.channel(0)[1600..].iter().all(|sample| *sample == 0));
}

#[test]
fn late_packets_of_a_pause_are_not_recorded() {
    for delay in [10, 50, 300] {
        let (mut sim, recording) = one_leg();
        send(&mut sim, 0, 50, &[]);
        sim.pause(&recording);
        send(&mut sim, 50, 75, &[60, 72, 73, 74]);
        sim.resume(&recording);
        sim.now_ns += delay * MS;
        for late in [60, 72, 73, 74] {
            sim.rtp(Leg::Local, &ulaw(late));
        }
        sim.now_ns -= delay * MS;
        send(&mut sim, 75, 200, &[]);
        sim.pass(200);
        sim.stop(&recording);
        sim.visit();
        let got = tags(&recording);
        assert_eq!(got[..50], expected(0, 50), "delay {delay}");
        assert!(got[50..75].iter().all(|m| *m == 0));
        assert_eq!(got[75..200], expected(75, 200));
        let out = recording.out.lock();
        let secret = |byte: &u8| (tag(50)..tag(75)).contains(byte) && *byte != tag(180);
        let after = &out.bytes[8000..];
        let first_round = after.iter().take(80 * 160).filter(|byte| secret(byte));
        assert_eq!(first_round.count(), 0);
    }
}

#[test]
fn legs_start_at_different_times_in_real_time() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, PCM);
    let recording = sim.start(RecordingOptions::default());
    for n in 0..100u64 {
        if n == 40 {
            sim.attach(Leg::Remote, PCM);
        }
        sim.write(Leg::Local, &pcm(Leg::Local, n * 160, 160));
        if n >= 50 {
            sim.write(Leg::Remote, &pcm(Leg::Remote, n * 160, 160));
        }
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    sim.stop(&recording);
    sim.visit();
    let out = recording.out.lock();
    assert!(out.channel(0) == samples(Leg::Local, 0, 16_000));
    let mut expected = samples(Leg::Remote, 0, 16_000);
    expected[..8000].fill(0);
    assert!(out.channel(1) == expected);
    assert_eq!(out.lost_ns, 0);
}

#[test]
fn a_recording_may_have_only_one_leg() {
    let mut sim = sim_with_both_legs();
    let recording = sim.start(RecordingOptions::default());
    for n in 0..400 {
        sim.write(Leg::Remote, &pcm(Leg::Remote, n * 160, 160));
        sim.visit();
    }
    assert_eq!(
        recording.out.lock().frames(),
        44_800,
        "the wait for the other leg is 2 s"
    );
    sim.end();
    sim.visit();
    let out = recording.out.lock();
    assert!(out.channel(1) == samples(Leg::Remote, 0, 64_000));
    assert!(out.channel(0).iter().all(|sample| *sample == 0));
}

#[test]
fn a_leg_after_the_wait_is_late() {
    let mut sim = sim_with_both_legs();
    let recording = sim.start(RecordingOptions::default());
    for n in 0..200 {
        sim.write(Leg::Local, &pcm(Leg::Local, n * 160, 160));
        sim.visit();
    }
    let rendered = recording.out.lock().frames();
    for n in 0..200 {
        sim.write(Leg::Remote, &pcm(Leg::Remote, n * 160, 160));
        sim.visit();
    }
    sim.end();
    sim.visit();
    let out = recording.out.lock();
    let mut expected = samples(Leg::Remote, 0, 32_000);
    expected[..rendered as usize].fill(0);
    assert!(out.channel(1) == expected && out.channel(0) == samples(Leg::Local, 0, 32_000));
    assert_eq!(out.lost_ns, rendered * MS / 8);
    assert_eq!(sim.stats.late(), rendered / 160);
    assert_eq!(out.losses[0].from_frame, 0);
}

#[test]
fn a_feed_is_closed_and_reopened() {
    let mut sim = sim_with_both_legs();
    let recording = sim.start(RecordingOptions::default());
    speak(&mut sim, 0, 20);
    sim.detach(Leg::Remote);
    for n in 20..40 {
        sim.write(Leg::Local, &pcm(Leg::Local, n * 160, 160));
        sim.visit();
    }
    sim.attach(Leg::Remote, PCM);
    speak(&mut sim, 40, 20);
    sim.end();
    sim.visit();
    let out = recording.out.lock();
    let mut expected = samples(Leg::Remote, 0, 9600);
    expected[3200..6400].fill(0);
    assert!(out.channel(1) == expected && out.channel(0) == samples(Leg::Local, 0, 9600));
    assert_eq!(out.lost_ns, 0);
}

#[test]
fn the_limit_includes_silence_but_not_skipped_time() {
    for (pause_mode, skipped) in [(PauseMode::Silence, 0), (PauseMode::Skip, 20)] {
        let mut sim = sim_with_both_legs();
        let recording = sim.start(RecordingOptions {
            pause_mode,
            max_duration_ms: 1010,
            ..RecordingOptions::default()
        });
        speak(&mut sim, 0, 20);
        sim.pause(&recording);
        speak(&mut sim, 20, 20);
        sim.resume(&recording);
        speak(&mut sim, 40, 200);
        let out = recording.out.lock();
        assert_eq!(out.frames(), 8080);
        let last = samples(Leg::Local, 8079 + skipped * 160, 1);
        assert_eq!(out.channel(0).last(), last.first());
        assert_eq!(out.ending, Some(SinkEnd::Finished(EndReason::Limit, None)));
    }
}

#[test]
fn write_at_uses_the_hosts_clock() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, PCM);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..RecordingOptions::default()
    });
    for n in [0u64, 1, 3, 2, 6, 7] {
        sim.write_at(Leg::Local, 5000 + n * 160, &pcm(Leg::Local, n * 160, 160));
        sim.now_ns += 20 * MS;
    }
    sim.pass(1000);
    sim.write_at(Leg::Local, 5000 + 4 * 160, &pcm(Leg::Local, 640, 160));
    sim.stop(&recording);
    sim.visit();
    let out = recording.out.lock();
    let mut expected = samples(Leg::Local, 0, 1280);
    expected[640..960].fill(0);
    assert!(out.channel(0)[..1280] == expected);
    assert_eq!((sim.stats.late(), out.frames()), (1, 8960));
}

#[test]
fn a_write_after_a_gap_leaves_silence() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    });
    sim.write(Leg::Local, &[1; 160]);
    sim.now_ns += 70 * MS;
    sim.write(Leg::Local, &[2; 160]);
    sim.now_ns += 200 * MS;
    sim.write(Leg::Local, &[3; 160]);
    sim.stop(&recording);
    // The stop waits, because the host may still make up for the delay.
    sim.pass(500);
    // The first gap is a short delay; the second one, without a catch-up, is silence.
    assert_eq!(tags(&recording), [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 3]);
    assert_eq!(recording.progress.lost_ms(), 0);
}

#[test]
fn a_host_that_catches_up_at_once_leaves_no_silence() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    });
    sim.write(Leg::Local, &[1; 160]);
    // A delay of 300 ms, then all delayed packets, 4 ms apart on the coarse clock.
    sim.now_ns += 300 * MS;
    for packet in 2..=16 {
        sim.write(Leg::Local, &[packet; 160]);
        sim.now_ns += u64::from(packet % 5 == 0) * 4 * MS;
    }
    sim.stop(&recording);
    sim.visit();
    let out = recording.out.lock();
    let recorded: Vec<u8> = out.bytes.chunks(160).map(|packet| packet[0]).collect();
    assert_eq!(recorded, (1..=16).collect::<Vec<u8>>());
    assert_eq!(out.bytes.len(), 16 * 160, "the length equals the elapsed time");
}

#[test]
fn a_catch_up_after_rendering_loses_nothing() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    });
    for packet in 1..=40 {
        sim.write(Leg::Local, &[packet; 160]);
        sim.pass(20);
    }
    // Delayed beyond the end of at least one block.
    sim.pass(900);
    for packet in 41..=55 {
        sim.write(Leg::Local, &[packet; 160]);
    }
    sim.stop(&recording);
    // The end of the catch-up is not known immediately.
    sim.pass(500);
    let recorded = tags(&recording);
    let packets: Vec<u8> = recorded
        .into_iter()
        .filter(|tag| (1..=55).contains(tag))
        .collect();
    assert_eq!(packets, (1..=55).collect::<Vec<u8>>());
    assert_eq!(recording.progress.lost_ms(), 0);
}
