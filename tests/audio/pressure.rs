//! Full rings, two threads in one feed, sizes that do not fit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::g711::Law;
use callrec_testkit::random::noise;
use callrec_testkit::rtp::{RtpHeader, packet};
use callrec_testkit::wait::{PATIENCE, until};

use crate::fixture::*;

const U: i32 = REC_CODEC_PCMU;

/// Not taken and not counted: handed in again, it is there once.
#[test]
fn a_full_ring_in_stream_time_takes_nothing() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let mut said = Vec::new();
    let mut overruns = 0;
    for n in 0.. {
        let frame = noise(n, 160);
        while write(local, &frame) == REC_ERR_OVERRUN {
            overruns += 1;
            assert_eq!(unsafe { rec_feed_wait(local, 60_000) }, REC_OK);
        }
        said.extend(frame);
        if overruns > 3 {
            break;
        }
        assert!(n < 1_000_000, "the ring is never full");
    }
    let done = fixture.stop_done(&id);
    done.assert_holds(&written(U, &said), &[]);
    done.assert_reported(0, 0, &[]);
    let stats = fixture.engine.stats();
    assert_eq!((stats.frames_lost, stats.frames_in), (0, said.len() as u64 / 160));
    fixture.close();
}

#[test]
fn waiting_for_room() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    assert_eq!(
        unsafe { rec_feed_wait(local, 0) },
        REC_OK,
        "an empty ring has room"
    );
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let waited = Instant::now();
    let said = noise(1, 400_000);
    write_in_turns(160, &[(local, &said)]);
    assert!(waited.elapsed() < PATIENCE);
    let done = fixture.stop_done(&id);
    done.assert_holds(&written(U, &said), &[]);
    crate::support::end(fixture.call).unwrap();
    assert_eq!(unsafe { rec_feed_wait(local, 60_000) }, REC_ERR_BAD_HANDLE);
    fixture.close();
}

/// The header: at most a quarter of the ring, 2,048 bytes or 100 ms of the format.
#[test]
fn the_largest_write() {
    for (codec, rate, largest) in [
        (U, 8000, 2048),
        (REC_CODEC_PCM16, 8000, 2048),
        (REC_CODEC_PCM16, 44_100, 8820),
        (REC_CODEC_PCM16, 48_000, 9600),
    ] {
        let fixture = RecordingFixture::new(&[]);
        let local = fixture.feed(REC_LEG_LOCAL, codec, rate);
        let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
        let said = noise(2, largest + 2);
        assert_eq!(
            write(local, &said),
            REC_ERR_INVALID_ARGUMENT,
            "{rate} Hz: {} bytes",
            largest + 2
        );
        assert_eq!(
            write(local, &said[..largest]),
            REC_OK,
            "{rate} Hz: {largest} bytes"
        );
        fixture
            .stop_done(&id)
            .assert_holds(&written(codec, &said[..largest]), &[]);
        fixture.close();
    }
}

#[test]
fn an_rtp_packet_that_is_too_large() {
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
    let said = noise(3, 1600);
    assert_eq!(rtp(local, &packet(header, &said)), REC_OK);
    fixture.stop_done(&id).assert_holds(&written(U, &said), &[]);
    fixture.close();
}

/// A feed of 8 kHz that is told of a wider payload type has room for it: a worker comes
/// each 100 ms, and here all of 400 ms are handed in at once.
#[test]
fn room_for_a_wider_payload_type() {
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
        let said = noise(6, PACKETS * samples * 2);
        for (n, piece) in said.chunks(samples * 2).enumerate() {
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
        // The header: 100 ms of the format.
        let most = rate as usize / 10 * 2;
        fixture.wait_for_frames(local, PACKETS as u64);
        assert_eq!(rtp(local, &packet(header, &said[..most - 12])), REC_OK);
        let done = fixture.stop_done(&id);
        assert_eq!(done.wav.rate, rate);
        assert_eq!(done.manifest["lost_ms"], 0, "{:#}", done.manifest["spans"]);
        let heard: Vec<u8> = done.wav.data.clone();
        let linear: Vec<u8> = said.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        // The beginning of the first packet may have been said before the start.
        let second = &linear[samples * 2..];
        let from = heard.windows(64).position(|window| *window == second[..64]);
        let from = from.expect("the second packet");
        assert!(heard[from..].starts_with(second), "all of it, in its place");
        assert_eq!(fixture.engine.stats().frames_lost, 0);
        fixture.close();
    }
}

#[test]
fn partial_samples_and_nothing() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCM16, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    let said = noise(4, 640);
    assert_eq!(write(local, &said[..1]), REC_ERR_INVALID_ARGUMENT);
    assert_eq!(write(local, &said[..320]), REC_OK);
    assert_eq!(write(local, &said[..321]), REC_ERR_INVALID_ARGUMENT);
    assert_eq!(write_at(local, 160, &said[..3]), REC_ERR_INVALID_ARGUMENT);
    assert_eq!(unsafe { rec_feed_write(local, std::ptr::null(), 0) }, REC_OK);
    assert_eq!(
        unsafe { rec_feed_write(local, std::ptr::null(), 2) },
        REC_ERR_INVALID_ARGUMENT
    );
    assert_eq!(write(local, &said[320..]), REC_OK);
    fixture
        .stop_done(&id)
        .assert_holds(&written(REC_CODEC_PCM16, &said), &[]);
    fixture.close();
}

/// Two threads in one feed: each frame is answered OK and is there whole, or BUSY and
/// is not.
#[test]
fn two_threads_in_one_feed() {
    const FRAME: usize = 16;
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let busy = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let frame = |thread: u8, n: u32| {
        let mut frame = [thread; FRAME];
        frame[1..5].copy_from_slice(&n.to_le_bytes());
        frame
    };
    let feeding = |thread: u8| {
        let mut taken = 0u32;
        let deadline = Instant::now() + PATIENCE;
        while !over.load(Ordering::Relaxed) {
            match write(local, &frame(thread, taken)) {
                REC_OK => taken += 1,
                REC_ERR_BUSY => {
                    if busy.fetch_add(1, Ordering::Relaxed) > 20 && taken > 1000 {
                        over.store(true, Ordering::Relaxed);
                    }
                }
                REC_ERR_OVERRUN => {
                    let waited = unsafe { rec_feed_wait(local, 60_000) };
                    assert!(waited == REC_OK || waited == REC_ERR_BUSY, "{waited}");
                }
                other => panic!("status {other}"),
            }
            assert!(Instant::now() < deadline, "never busy");
        }
        taken
    };
    let taken = std::thread::scope(|scope| {
        let others = [1u8, 2].map(|thread| scope.spawn(move || feeding(thread)));
        others.map(|thread| thread.join().unwrap())
    });
    let done = fixture.stop_done(&id);
    let mut next = [0u32; 2];
    for (at, found) in done.wav.g711(0).chunks(FRAME).enumerate() {
        let thread = usize::from(found[0]) - 1;
        assert_eq!(found, frame(found[0], next[thread]), "frame {at}");
        next[thread] += 1;
    }
    assert_eq!(next, taken);
    assert_eq!(fixture.engine.stats().frames_lost, 0);
    fixture.close();
}

/// What lay in the socket for a second, read at once: the ring is full before it is
/// all in. What was not taken is silence and lost, what was taken is in its place.
#[test]
fn a_full_ring_in_real_time_is_silence_and_counted() {
    const PACKETS: usize = 180;
    for _ in 0..5 {
        let fixture = RecordingFixture::new(&[
            ("media.clock", "real"),
            ("media.reorder_ms", "1000"),
            ("media.overflow_bytes", "0"),
        ]);
        let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
        let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
        // The recording is a second old before the first of them is due.
        until("a second of the recording", || {
            fixture.engine.get(None, &id).unwrap().duration_ms >= 1000
        });
        let said = noise(5, PACKETS * 40);
        let mut line = Vec::new();
        let mut lost = 0;
        for n in 0..PACKETS + 1 {
            // 5 ms each; the last one tells of what is missing before it.
            let n = n.min(PACKETS);
            let header = RtpHeader {
                payload_type: 0,
                sequence: n as u16,
                timestamp: n as u32 * 40,
                ssrc: 9,
            };
            let age = (PACKETS - n) as u32 * 5000;
            if n == PACKETS {
                // Only the last waits for room.
                let last = packet(header, &[7; 40]);
                fixture.wait_for_frames(local, (PACKETS - lost) as u64);
                assert_eq!(rtp(local, &last), REC_OK);
                line.extend([Coded(Law::Mu, 7); 40]);
                continue;
            }
            let piece = &said[n * 40..n * 40 + 40];
            let bytes = packet(header, piece);
            match unsafe { rec_feed_rtp_at(local, age, bytes.as_ptr().cast(), bytes.len()) } {
                REC_OK => line.extend(written(U, piece)),
                REC_ERR_OVERRUN => {
                    lost += 1;
                    line.extend(silence(40));
                }
                other => panic!("status {other}"),
            }
        }
        let done = fixture.stop_done(&id);
        let heard = done.wav.g711(0);
        let first = heard.windows(40).position(|window| *window == said[..40]);
        let first = first.expect("the first packet was taken");
        let found: LegSamples = heard[first..(first + line.len()).min(heard.len())]
            .iter()
            .map(|byte| {
                if *byte == 0xff {
                    Silence
                } else {
                    Coded(Law::Mu, *byte)
                }
            })
            .collect();
        // 0xff is silence and a byte of the noise as well.
        let want: LegSamples = line
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
            found == want,
            "what was taken is in its place, the rest is silence"
        );
        assert_eq!(
            done.manifest["lost_ms"].as_u64().unwrap(),
            lost as u64 * 5,
            "{:#}",
            done.manifest["spans"]
        );
        assert_eq!(fixture.engine.stats().frames_lost, lost as u64);
        fixture.close();
        if lost > 0 {
            return;
        }
    }
    panic!("the ring was never full");
}

/// A feed that displaces another is woken when its own ring has room.
#[test]
fn waiting_for_room_after_a_displacement() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let mut said = Vec::new();
    let mut fill = |round: u64| {
        let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
        for n in 0..100_000 {
            let frame = noise(round * 100_000 + n, 160);
            if write(local, &frame) == REC_ERR_OVERRUN {
                break;
            }
            said.extend(frame);
        }
        local
    };
    for round in 0..100 {
        fill(2 * round);
        let local = fill(2 * round + 1);
        let asked = Instant::now();
        assert_eq!(unsafe { rec_feed_wait(local, 60_000) }, REC_OK);
        // Only whoever is never woken waits for the whole of it.
        assert!(asked.elapsed() < PATIENCE, "not woken in round {round}");
    }
    fixture.stop_done(&id).assert_holds(&written(U, &said), &[]);
    fixture.close();
}
