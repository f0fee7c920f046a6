//! Full rings, two threads in one feed, and invalid sizes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::g711::Law;
use callrec_testkit::random::noise;
use callrec_testkit::rtp::{RtpHeader, packet};
use callrec_testkit::wait::{PATIENCE, until};

use crate::fixture::*;

const U: i32 = REC_CODEC_PCMU;

/// A refused packet is not counted. Written again, it is recorded once.
#[test]
fn a_full_ring_in_stream_time_refuses_packets_without_loss() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let mut audio = Vec::new();
    let mut overruns = 0;
    for n in 0.. {
        let packet = noise(n, 160);
        while write(local, &packet) == REC_ERR_OVERRUN {
            overruns += 1;
            assert_eq!(unsafe { rec_feed_wait(local, 60_000) }, REC_OK);
        }
        audio.extend(packet);
        if overruns > 3 {
            break;
        }
        assert!(n < 1_000_000, "the ring was never full");
    }
    let finished = fixture.stop_and_read(&id);
    finished.assert_holds(&written(U, &audio), &[]);
    finished.assert_reported(0, 0, &[]);
    let stats = fixture.engine.stats();
    assert_eq!(
        (stats.frames_lost, stats.frames_in),
        (0, audio.len() as u64 / 160)
    );
    fixture.close();
}

#[test]
fn a_full_feed_can_be_waited_for() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    assert_eq!(
        unsafe { rec_feed_wait(local, 0) },
        REC_OK,
        "an empty ring accepts packets"
    );
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let waited = Instant::now();
    let audio = noise(1, 400_000);
    write_in_turns(160, &[(local, &audio)]);
    assert!(waited.elapsed() < PATIENCE);
    let finished = fixture.stop_and_read(&id);
    finished.assert_holds(&written(U, &audio), &[]);
    crate::support::end(fixture.call).unwrap();
    assert_eq!(unsafe { rec_feed_wait(local, 60_000) }, REC_ERR_BAD_HANDLE);
    fixture.close();
}

/// One write may have 2,048 bytes or 100 ms, whichever is more.
#[test]
fn the_size_of_a_write_is_limited() {
    for (codec, rate, largest) in [
        (U, 8000, 2048),
        (REC_CODEC_PCM16, 8000, 2048),
        (REC_CODEC_PCM16, 44_100, 8820),
        (REC_CODEC_PCM16, 48_000, 9600),
    ] {
        let fixture = RecordingFixture::new(&[]);
        let local = fixture.feed(REC_LEG_LOCAL, codec, rate);
        let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
        let audio = noise(2, largest + 2);
        assert_eq!(
            write(local, &audio),
            REC_ERR_INVALID_ARGUMENT,
            "{rate} Hz: {} bytes",
            largest + 2
        );
        assert_eq!(
            write(local, &audio[..largest]),
            REC_OK,
            "{rate} Hz: {largest} bytes"
        );
        fixture
            .stop_and_read(&id)
            .assert_holds(&written(codec, &audio[..largest]), &[]);
        fixture.close();
    }
}

#[test]
fn an_rtp_packet_that_is_too_large_is_refused() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let header = RtpHeader {
        payload_type: 0,
        sequence: 1,
        timestamp: 1,
        ssrc: 1,
    };
    assert_eq!(rtp(local, &packet(header, &[1; 4000])), REC_ERR_INVALID_ARGUMENT);
    let audio = noise(3, 1600);
    assert_eq!(rtp(local, &packet(header, &audio)), REC_OK);
    fixture.stop_and_read(&id).assert_holds(&written(U, &audio), &[]);
    fixture.close();
}

/// `rec_feed_payload` enlarges the ring for a payload type with a higher rate. The worker runs every
/// 100 ms; here 400 ms are written at once.
#[test]
fn a_payload_type_with_a_higher_rate_enlarges_the_ring() {
    const PACKETS: usize = 20;
    for (payload_type, rate) in [(97, 48_000), (11, 44_100)] {
        let fixture = RecordingFixture::new(&[
            ("media.clock", "real"),
            ("media.reorder_ms", "1000"),
            ("media.overflow_bytes", "0"),
        ]);
        let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
        payload(local, payload_type.into(), REC_CODEC_PCM16, rate);
        let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
        let samples = rate as usize / 50;
        let audio = noise(6, PACKETS * samples * 2);
        for (n, piece) in audio.chunks(samples * 2).enumerate() {
            let header = RtpHeader {
                payload_type,
                sequence: n as u16,
                timestamp: (n * samples) as u32,
                ssrc: 9,
            };
            assert_eq!(rtp(local, &packet(header, piece)), REC_OK, "packet {n}");
        }
        let header = RtpHeader {
            payload_type,
            sequence: PACKETS as u16,
            timestamp: (PACKETS * samples) as u32,
            ssrc: 9,
        };
        // 100 ms of the format is the limit of one packet.
        let most = rate as usize / 10 * 2;
        fixture.wait_for_packets(local, PACKETS as u64);
        assert_eq!(rtp(local, &packet(header, &audio[..most - 12])), REC_OK);
        let finished = fixture.stop_and_read(&id);
        assert_eq!(finished.wav.rate, rate);
        assert_eq!(
            finished.manifest["lost_ms"], 0,
            "{:#}",
            finished.manifest["spans"]
        );
        let recorded: Vec<u8> = finished.wav.data.clone();
        let linear: Vec<u8> = audio.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        // The first packet may lie partly before the start of the recording.
        let second = &linear[samples * 2..];
        let from = recorded.windows(64).position(|window| *window == second[..64]);
        let from = from.expect("the second packet");
        assert!(
            recorded[from..].starts_with(second),
            "all later packets are in their place"
        );
        assert_eq!(fixture.engine.stats().frames_lost, 0);
        fixture.close();
    }
}

#[test]
fn partial_samples_are_refused_and_empty_writes_accepted() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCM16, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    let audio = noise(4, 640);
    assert_eq!(write(local, &audio[..1]), REC_ERR_INVALID_ARGUMENT);
    assert_eq!(write(local, &audio[..320]), REC_OK);
    assert_eq!(write(local, &audio[..321]), REC_ERR_INVALID_ARGUMENT);
    assert_eq!(write_at(local, 160, &audio[..3]), REC_ERR_INVALID_ARGUMENT);
    assert_eq!(unsafe { rec_feed_write(local, std::ptr::null(), 0) }, REC_OK);
    assert_eq!(
        unsafe { rec_feed_write(local, std::ptr::null(), 2) },
        REC_ERR_INVALID_ARGUMENT
    );
    assert_eq!(write(local, &audio[320..]), REC_OK);
    fixture
        .stop_and_read(&id)
        .assert_holds(&written(REC_CODEC_PCM16, &audio), &[]);
    fixture.close();
}

/// A packet whose write returns REC_OK is recorded whole; one whose write returns REC_ERR_BUSY is not
/// recorded.
#[test]
fn two_threads_may_write_to_one_feed() {
    const SIZE: usize = 16;
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let busy = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let packet = |thread: u8, n: u32| {
        let mut packet = [thread; SIZE];
        packet[1..5].copy_from_slice(&n.to_le_bytes());
        packet
    };
    let write_packets = |thread: u8| {
        let mut accepted = 0u32;
        let deadline = Instant::now() + PATIENCE;
        while !is_over.load(Ordering::Relaxed) {
            match write(local, &packet(thread, accepted)) {
                REC_OK => accepted += 1,
                REC_ERR_BUSY => {
                    if busy.fetch_add(1, Ordering::Relaxed) > 20 && accepted > 1000 {
                        is_over.store(true, Ordering::Relaxed);
                    }
                }
                REC_ERR_OVERRUN => {
                    let waited = unsafe { rec_feed_wait(local, 60_000) };
                    assert!(waited == REC_OK || waited == REC_ERR_BUSY, "{waited}");
                }
                other => panic!("status {other}"),
            }
            assert!(Instant::now() < deadline, "no write was refused as busy");
        }
        accepted
    };
    let accepted = std::thread::scope(|scope| {
        let others = [1u8, 2].map(|thread| scope.spawn(move || write_packets(thread)));
        others.map(|thread| thread.join().unwrap())
    });
    let finished = fixture.stop_and_read(&id);
    let mut next = [0u32; 2];
    for (at, found) in finished.wav.g711(0).chunks(SIZE).enumerate() {
        let thread = usize::from(found[0]) - 1;
        assert_eq!(found, packet(found[0], next[thread]), "packet {at}");
        next[thread] += 1;
    }
    assert_eq!(next, accepted);
    assert_eq!(fixture.engine.stats().frames_lost, 0);
    fixture.close();
}

/// The packets of about one second are written at once, which fills the ring. Refused packets are
/// silence and count as lost. Accepted packets are in their place.
#[test]
fn packets_refused_by_a_full_ring_in_real_time_are_silence_and_counted() {
    const PACKETS: usize = 180;
    for _ in 0..5 {
        let fixture = RecordingFixture::new(&[
            ("media.clock", "real"),
            ("media.reorder_ms", "1000"),
            ("media.overflow_bytes", "0"),
        ]);
        let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
        let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
        // The packets are up to 900 ms old, so the recording must be older.
        until("a second of the recording", || {
            fixture.engine.get(None, &id).unwrap().duration_ms >= 1000
        });
        let audio = noise(5, PACKETS * 40);
        let mut samples = Vec::new();
        let mut lost = 0;
        for n in 0..PACKETS + 1 {
            // 5 ms each. The last packet shows which packets before it are missing.
            let n = n.min(PACKETS);
            let header = RtpHeader {
                payload_type: 0,
                sequence: n as u16,
                timestamp: n as u32 * 40,
                ssrc: 9,
            };
            let age = (PACKETS - n) as u32 * 5000;
            if n == PACKETS {
                // Only the last packet is written once the ring has free space.
                let last = packet(header, &[7; 40]);
                fixture.wait_for_packets(local, (PACKETS - lost) as u64);
                assert_eq!(rtp(local, &last), REC_OK);
                samples.extend([Coded(Law::Mu, 7); 40]);
                continue;
            }
            let piece = &audio[n * 40..n * 40 + 40];
            let bytes = packet(header, piece);
            match unsafe { rec_feed_rtp_at(local, age, bytes.as_ptr().cast(), bytes.len()) } {
                REC_OK => samples.extend(written(U, piece)),
                REC_ERR_OVERRUN => {
                    lost += 1;
                    samples.extend(silence(40));
                }
                other => panic!("status {other}"),
            }
        }
        let finished = fixture.stop_and_read(&id);
        let recorded = finished.wav.g711(0);
        let first = recorded.windows(40).position(|window| *window == audio[..40]);
        let first = first.expect("the first packet was accepted");
        let found: LegSamples = recorded[first..(first + samples.len()).min(recorded.len())]
            .iter()
            .map(|byte| {
                if *byte == 0xff {
                    Silence
                } else {
                    Coded(Law::Mu, *byte)
                }
            })
            .collect();
        // 0xff is silence, but the noise also has this byte.
        let expected: LegSamples = samples
            .iter()
            .map(|cell| {
                if *cell == Coded(Law::Mu, 0xff) {
                    Silence
                } else {
                    *cell
                }
            })
            .collect();
        assert!(
            found == expected,
            "accepted packets are in their place, the rest is silence"
        );
        assert_eq!(
            finished.manifest["lost_ms"].as_u64().unwrap(),
            lost as u64 * 5,
            "{:#}",
            finished.manifest["spans"]
        );
        assert_eq!(fixture.engine.stats().frames_lost, lost as u64);
        fixture.close();
        if lost > 0 {
            return;
        }
    }
    panic!("the ring was never full");
}

/// `rec_feed_wait` on a feed that has replaced another waits for its own ring.
#[test]
fn a_feed_that_replaced_another_can_be_waited_for() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let mut audio = Vec::new();
    let mut fill = |round: u64| {
        let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
        for n in 0..100_000 {
            let packet = noise(round * 100_000 + n, 160);
            if write(local, &packet) == REC_ERR_OVERRUN {
                break;
            }
            audio.extend(packet);
        }
        local
    };
    for round in 0..100 {
        fill(2 * round);
        let local = fill(2 * round + 1);
        let waited = Instant::now();
        assert_eq!(unsafe { rec_feed_wait(local, 60_000) }, REC_OK);
        // A thread that is not woken waits for the whole timeout.
        assert!(waited.elapsed() < PATIENCE, "not woken in round {round}");
    }
    fixture.stop_and_read(&id).assert_holds(&written(U, &audio), &[]);
    fixture.close();
}
