use super::*;
use crate::sim::{RecordingOptions, SimRecording, SinkEnd, config};
use crate::{ClockMode, SpanKind};
use callrec_base::types::{EndReason, Format, Layout, Status};

const MS: u64 = NS_PER_MS;

/// A leg without overflow memory.
fn one_tight_leg() -> (Sim, SimRecording) {
    let mut settings = config(ClockMode::Real);
    settings.overflow_bytes = 0;
    one_leg_of(Sim::new(settings))
}

#[test]
fn an_overrun_in_real_time_is_a_loss() {
    let (mut sim, recording) = one_tight_leg();
    let mut taken = 0u64;
    // Without a visit: 8 KiB of packets of 16 + 160 bytes.
    while sim.write(Leg::Local, &[9; 160]) == Status::Ok {
        taken += 1;
        sim.now_ns += 20 * MS;
    }
    sim.now_ns += 20 * MS;
    assert_eq!(taken, 8192 / 176);
    assert_eq!(sim.write(Leg::Local, &[9; 160]), Status::Overrun);
    sim.now_ns += 20 * MS;
    sim.visit();
    assert_eq!(sim.write(Leg::Local, &[7; 160]), Status::Ok);
    sim.now_ns += 20 * MS;
    sim.stop(&recording);
    sim.visit();
    let mut expected = vec![9; taken as usize];
    expected.extend([0, 0, 7]);
    assert_eq!(tags(&recording), expected);
    assert_eq!(recording.progress.lost_ms(), 40);
    assert_eq!((sim.stats.frames_lost(), sim.stats.frames_in()), (2, taken + 1));
}

#[test]
fn a_trailing_overrun_is_reported_at_the_end() {
    for rtp in [false, true] {
        let (mut sim, recording) = one_tight_leg();
        for n in 0..60u64 {
            match rtp {
                true => sim.rtp(Leg::Local, &ulaw(n)),
                false => sim.write(Leg::Local, &[tag(n); 160]),
            };
            sim.now_ns += 20 * MS;
        }
        sim.end();
        sim.visit();
        let taken = sim.stats.frames_in();
        assert_eq!(tags(&recording).len(), 60);
        assert_eq!(recording.progress.lost_ms(), (60 - taken) * 20);
        assert_eq!(sim.stats.frames_lost(), 60 - taken);
    }
}

#[test]
fn an_overrun_of_rtp_is_counted_once() {
    let (mut sim, recording) = one_tight_leg();
    for n in 0..60u64 {
        sim.rtp(Leg::Local, &ulaw(n));
        sim.now_ns += 20 * MS;
    }
    // 16 + 172 bytes, rounded up to whole words.
    let taken = 8192 / 192;
    sim.visit();
    send(&mut sim, 60, 100, &[]);
    sim.stop(&recording);
    sim.visit();
    assert_eq!(sim.stats.frames_lost(), 60 - taken);
    assert_eq!(recording.progress.lost_ms(), (60 - taken) * 20);
    assert_eq!(tags(&recording)[60..], expected(60, 100));
}

#[test]
fn an_overrun_in_stream_time_loses_nothing() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, PCM);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..RecordingOptions::default()
    });
    for n in 0..200 {
        let bytes = pcm(Leg::Local, n * 160, 160);
        while sim.write(Leg::Local, &bytes) == Status::Overrun {
            sim.visit();
        }
    }
    sim.end();
    sim.visit();
    assert!(recording.out.lock().channel(0) == samples(Leg::Local, 0, 32_000));
    assert_eq!((sim.stats.frames_lost(), sim.stats.frames_in()), (0, 200));
}

#[test]
fn invalid_writes_are_refused() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, PCM);
    assert_eq!(sim.write(Leg::Local, &[]), Status::Ok);
    assert_eq!(sim.write(Leg::Local, &[1, 2, 3]), Status::InvalidArgument);
    assert_eq!(sim.write(Leg::Local, &[0; 2050]), Status::InvalidArgument);
    assert_eq!(sim.write(Leg::Local, &[0; 2048]), Status::Ok);
    assert_eq!(sim.rtp(Leg::Local, &[0; 3000]), Status::InvalidArgument);
    assert_eq!(sim.rtp(Leg::Local, &[]), Status::Ok);
    sim.visit();
    assert_eq!(sim.stats.dropped_unknown(), 1);
}

#[test]
fn a_full_backlog_in_real_time_is_a_loss_span() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    sim.attach(Leg::Remote, ULAW);
    let recording = sim.start(RecordingOptions::default());
    for n in 0..500u64 {
        recording.out.lock().full = (100..300).contains(&n);
        sim.rtp(Leg::Local, &ulaw(n));
        sim.rtp(Leg::Remote, &ulaw(n));
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    sim.stop(&recording);
    sim.visit();
    let out = recording.out.lock();
    assert_eq!(out.frames(), 80_000);
    let of = |leg| {
        let spans = out
            .losses
            .iter()
            .filter(move |span| matches!(span.kind, SpanKind::Loss(of, _) if of == leg));
        spans.map(|span| span.length_ns).sum::<u64>()
    };
    assert_eq!(of(Leg::Local) + of(Leg::Remote), out.lost_ns);
    assert_eq!(of(Leg::Local), of(Leg::Remote));
    let silent = out.channel(0).iter().filter(|sample| **sample == 0).count() as u64;
    assert_eq!(silent * MS / 8, of(Leg::Local));
    assert!(silent >= 8000);
}

#[test]
fn a_full_backlog_in_stream_time_blocks_the_feeds() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, PCM);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..RecordingOptions::default()
    });
    let mut refused = 0;
    for n in 0..400u64 {
        recording.out.lock().full = n < 300;
        let bytes = pcm(Leg::Local, n * 160, 160);
        while sim.write(Leg::Local, &bytes) == Status::Overrun {
            refused += 1;
            recording.out.lock().full = refused < 50;
            sim.pass(10);
        }
        sim.visit();
    }
    sim.end();
    sim.visit();
    assert!(refused >= 50);
    assert!(recording.out.lock().channel(0) == samples(Leg::Local, 0, 64_000));
    assert_eq!(recording.out.lock().lost_ns, 0);
}

#[test]
fn a_stuck_sink_fails_only_its_recording() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, PCM);
    let options = RecordingOptions {
        layout: Layout::Local,
        ..RecordingOptions::default()
    };
    let (stuck, fine) = (sim.start(options), sim.start(options));
    stuck.out.lock().full = true;
    for n in 0..200 {
        let bytes = pcm(Leg::Local, n * 160, 160);
        while sim.write(Leg::Local, &bytes) == Status::Overrun {
            sim.pass(1000);
        }
        sim.visit();
    }
    sim.end();
    sim.visit();
    assert_eq!(stuck.out.lock().ending, Some(SinkEnd::Stuck));
    assert!(fine.out.lock().channel(0) == samples(Leg::Local, 0, 32_000));
}

#[test]
fn a_panic_affects_only_its_call() {
    let run = |panics: bool| -> (Sim, SimRecording) {
        let (mut sim, recording) = one_leg();
        send(&mut sim, 0, 50, &[]);
        recording.out.lock().panic = panics;
        send(&mut sim, 50, 100, &[]);
        sim.end();
        sim.visit();
        (sim, recording)
    };
    let (broken, other) = (run(true), run(false));
    let text = "a requested panic".to_string();
    assert_eq!(broken.1.out.lock().ending, Some(SinkEnd::Broken(text)));
    assert!(broken.0.is_over());
    assert_eq!(tags(&other.1), expected(0, 100));
    let ended = SinkEnd::Finished(EndReason::CallEnded, None);
    assert_eq!(other.1.out.lock().ending, Some(ended));
}

#[cfg(feature = "faults")]
#[test]
fn a_panic_does_not_damage_later_records() {
    let mut settings = crate::sim::config(crate::ClockMode::Real);
    settings.panic_at = vec![200; 7];
    let mut sim = Sim::new(settings);
    sim.attach(Leg::Local, ULAW);
    let options = RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    };
    let broken = sim.start(options);
    for bytes in [&[1; 160][..], &[200; 7], &[2; 160], &[3; 33]] {
        sim.write(Leg::Local, bytes);
    }
    sim.visit();
    let text = "planted in a packet".to_string();
    assert_eq!(broken.out.lock().ending, Some(SinkEnd::Broken(text)));
    // The call continues and is recorded again. Later audio is placed correctly over several
    // rounds of the ring.
    let recording = sim.start(options);
    let mut taken = 0;
    for n in 0..200u64 {
        sim.now_ns += 20 * MS;
        taken += u64::from(sim.write(Leg::Local, &[tag(n); 160]) == Status::Ok);
        if n % 5 == 4 {
            sim.visit();
        }
    }
    sim.end();
    sim.visit();
    assert_eq!((taken, sim.stats.dropped_unknown()), (200, 0));
    let out = recording.out.lock();
    let audio: Vec<u8> = out.bytes.iter().copied().filter(|byte| *byte != 0xff).collect();
    let expected: Vec<u8> = (0..200).flat_map(|n| [tag(n); 160]).collect();
    assert!(audio == expected, "{} samples of {}", audio.len(), expected.len());
    assert!(sim.is_over());
}

#[cfg(feature = "faults")]
#[test]
fn a_panic_in_a_visit_does_not_lose_a_wake_up() {
    use std::sync::atomic::Ordering::SeqCst;
    use std::time::Duration;
    let mut settings = crate::sim::config(crate::ClockMode::Stream);
    settings.panic_at = vec![200; 7];
    let mut sim = Sim::new(settings);
    sim.attach(Leg::Local, ULAW);
    assert_eq!(sim.write(Leg::Local, &[200; 7]), Status::Ok);
    while sim.write(Leg::Local, &[1; 160]) == Status::Ok {}
    let waiter = sim.feed(Leg::Local).expect("attached").waiter();
    let (sender, receiver) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || sender.send(waiter.wait(Duration::from_secs(600))));
    while !sim.call.counts(Leg::Local).worker.waiting.load(SeqCst) {
        std::thread::yield_now();
    }
    sim.visit();
    assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(true));
    waiting.join().expect("no panic").expect("the test receives");
}

#[test]
fn a_panic_at_the_end_of_a_call_ends_it() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 30, &[]);
    // Panics while the end is rendered.
    recording.out.lock().panic_early = true;
    sim.end();
    sim.visit();
    assert!(matches!(recording.out.lock().ending, Some(SinkEnd::Broken(_))));
    assert!(sim.is_over());
}

#[test]
fn audio_before_the_first_recording_is_not_kept() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    send(&mut sim, 0, 500, &[]);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    });
    send(&mut sim, 500, 600, &[]);
    sim.stop(&recording);
    sim.visit();
    assert_eq!(tags(&recording), expected(500, 600));
}

#[test]
fn arbitrary_positions_do_not_stretch_a_recording() {
    for mut sim in [Sim::real(), Sim::stream()] {
        sim.attach(Leg::Local, PCM);
        let recording = sim.start(RecordingOptions {
            layout: Layout::Local,
            ..RecordingOptions::default()
        });
        let begin = sim.now_ns;
        for at in [5, u64::MAX, 0, 1 << 63, u64::MAX / 2, 77, (1 << 63) + 1] {
            sim.write_at(Leg::Local, at, &pcm(Leg::Local, 0, 160));
            sim.now_ns += 20 * MS;
            sim.visit();
        }
        for _ in 0..2000 {
            sim.write(Leg::Local, &pcm(Leg::Local, 0, 160));
            sim.visit();
        }
        sim.end();
        sim.visit();
        let wall = (sim.now_ns - begin) / MS * 8;
        let real = sim.call.config().clock == crate::ClockMode::Real;
        let most = if real { wall + 16_160 } else { 2007 * 160 };
        let frames = recording.out.lock().frames();
        assert!(frames <= most, "{frames} of {most} frames");
    }
}
